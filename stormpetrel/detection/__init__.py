"""Drives the detector from the log: steps that are on the log before they are done, so that a restart is exact."""

from stormpetrel.detection.detection import DETECTOR_INPUTS, STAGE, Detection
from stormpetrel.detection.state import Opened, State

__all__ = ["DETECTOR_INPUTS", "STAGE", "Detection", "Opened", "State"]
