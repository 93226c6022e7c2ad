"""Optimises the copy of a shard in a process of its own at low priority: the engine blocks all threads meanwhile."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import qdrant_edge as edge

from stormpetrel.local.qdrant_codec import Json, read_configuration
from stormpetrel.local.stack import this_python

PRIORITY = 10  # nice: the worker and the API go first
PR_SET_PDEATHSIG = 1  # prctl(2)


class Optimiser:
    """Runs one child at a time; `stop` ends it."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None

    def __call__(self, directory: Path, configuration: Json) -> None:
        """Returns when the shard in `directory` is optimised. Raises OSError where it is not."""
        command = this_python("local", "optimise", "--directory", str(directory))
        self._child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self._child.communicate(orjson.dumps(configuration))
        if self._child.returncode:
            raise OSError(f"the optimising process ended with {self._child.returncode}")

    def stop(self) -> None:
        if self._child is not None and self._child.poll() is None:
            self._child.kill()


def optimise(directory: Path, configuration: Json) -> None:
    """Merges the shard's segments and builds its graph and its compressed vectors, in this process."""
    os.nice(PRIORITY)
    end_with_parent()
    shard = edge.EdgeShard.load(str(directory), read_configuration(configuration))
    shard.optimize()
    shard.flush()
    shard.close()


def end_with_parent() -> None:
    """Has this process killed when its parent ends. A server that is killed would leave it at work for minutes, and a
    thread of its own cannot watch the parent, since the engine stops all threads. It works on Linux alone.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
