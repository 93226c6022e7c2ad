"""Schemathesis against the API on the log and the stores in memory: `python -m tests.fuzzing --cases 20000`.

All its phases and all its checks; `tests/fuzzing.toml` says what the checks take, and why.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from api.app import server_configuration
from stormpetrel.access.keys import new_key
from stormpetrel.core.events import SCOPES
from stormpetrel.local.stack import free_port
from tests.memory_api import MemoryApi

CONFIGURATION = Path(__file__).with_suffix(".toml")
OPERATIONS = 70  # schemathesis counts its cases by operation


@contextmanager
def served(memory_api: MemoryApi, endless: bool = True) -> Iterator[str]:
    """The address of the application, served by a thread of this process. Unless `endless`, a stream of matches ends
    as soon as it begins."""
    port = free_port()
    server = uvicorn.Server(server_configuration(memory_api.app(), "127.0.0.1", port))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    memory_api.resources.search.listeners.stopping = lambda: server.should_exit or not endless
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(10)


def operators_key(memory_api: MemoryApi) -> str:
    """A key that opens everything; from then on nothing is open without one."""
    key, event = new_key("fuzzer", SCOPES)
    memory_api.resources.access_resources.view.write([(event.key_id, event)])
    return key


@dataclass(frozen=True)
class Fuzzed:
    """What came of a run; `output` is schemathesis's own."""

    passed: bool
    cases: int
    seed: int
    output: str


def fuzz(seed: int, cases: int | None = None, seconds: float | None = None, workers: int = 1) -> Fuzzed:
    """Sends about so many cases, or for so long."""
    memory_api = MemoryApi(access={"rate_per_s": 0, "open_metrics": False})
    with served(memory_api, endless=False) as address, tempfile.TemporaryDirectory() as directory:
        command: list[Any] = [Path(sys.executable).with_name("schemathesis"), "--config-file", CONFIGURATION, "run"]
        command += [f"{address}/openapi.json", "--seed", seed, "--workers", workers, "--continue-on-failure"]
        command += ["--header", f"Authorization: Bearer {operators_key(memory_api)}"]
        command += ["--max-examples", -(-cases // OPERATIONS)] if cases else []
        command += ["--max-time", seconds] if seconds else []
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=directory)
    made = re.search(r"(\d+) generated", done.stdout)
    return Fuzzed(done.returncode == 0, int(made[1]) if made else 0, seed, done.stdout + done.stderr)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seconds", type=int)
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    arguments = parser.parse_args()
    fuzzed = fuzz(arguments.seed, None if arguments.seconds else arguments.cases, arguments.seconds)
    print(fuzzed.output)
    print(json.dumps({"seed": fuzzed.seed, "cases": fuzzed.cases, "passed": fuzzed.passed}))
    sys.exit(not fuzzed.passed)
