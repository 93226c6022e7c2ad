"""Incidents: found in the stream of enriched posts, followed through their lives, confirmed or refuted by radar."""

from stormpetrel.incidents.confidence import Confidence, Features, LearnedConfidence
from stormpetrel.incidents.detector import Detector
from stormpetrel.incidents.rules import DetectionRules, hazard_of

__all__ = ["Confidence", "DetectionRules", "Detector", "Features", "LearnedConfidence", "hazard_of"]
