"""Starts, watches and stops the local stack's child processes; one that dies is started again with a message.

A state file with process ids lets `stormpetrel down` stop exactly what `up` or `demo` started, nothing else.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stormpetrel.core.errors import SetupError

STATE_FILE = "processes.json"
# glibc keeps one heap per thread: thread pools would hold a multiple of the memory that they use.
SPARING = {"MALLOC_ARENA_MAX": "2"}
BYTECODE = Path(sys.prefix) / "bytecode"
STOP_WITHIN_S = 10.0  # Kafka takes this long after heavy load; our processes stop within 5 s


@dataclass
class Part:
    """One child process: how it is started, and how to see that it is ready."""

    name: str
    command: Sequence[str]
    ready: Callable[[], bool]
    environment: dict[str, str] = field(default_factory=dict)
    patience_s: float = 60.0


def port_is_free(port: int) -> bool:
    """Whether nothing listens on this loopback port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def answers(port: int) -> bool:
    """Whether something accepts connections on this loopback port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=0.5):
        return True
    return False


def this_python(*arguments: str) -> list[str]:
    """The command that runs `stormpetrel ...` with this interpreter."""
    return [sys.executable, "-m", "stormpetrel.cli", *arguments]


def child_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """What a process of ours runs with, on top of `variables`. Where these forbid Python to keep bytecode beside the
    sources, it is kept in the Python environment's own folder: to compile all imports anew is half of a start."""
    environment = {**SPARING, **variables}
    if environment.get("PYTHONDONTWRITEBYTECODE") and os.access(BYTECODE.parent, os.W_OK):
        del environment["PYTHONDONTWRITEBYTECODE"]
        environment.setdefault("PYTHONPYCACHEPREFIX", str(BYTECODE))
    return environment


class Stack(contextlib.AbstractContextManager["Stack"]):
    """The running parts. A context manager: on exit everything that it started is stopped."""

    def __init__(self, directory: Path, say: Callable[[str], None]) -> None:
        self.directory = directory
        self.say = say
        self.parts: list[Part] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        (directory / "logs").mkdir(parents=True, exist_ok=True)

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self, part: Part) -> None:
        """Starts a part and waits until it is ready. Raises SetupError with its log's end where it is not."""
        self.parts.append(part)
        self._spawn(part)
        deadline = time.monotonic() + part.patience_s
        while not part.ready():
            process = self.processes[part.name]
            if process.poll() is not None:
                raise SetupError(f"{part.name} ended with code {process.returncode}:\n{self.log_end(part.name)}")
            if time.monotonic() > deadline:
                raise SetupError(f"{part.name} is not ready after {part.patience_s:.0f} s:\n{self.log_end(part.name)}")
            time.sleep(0.1)

    def _spawn(self, part: Part) -> None:
        with (self.directory / "logs" / f"{part.name}.log").open("ab") as log:
            # A session of its own: Ctrl-C reaches the supervisor alone, which stops the children in order.
            self.processes[part.name] = subprocess.Popen(
                part.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=child_environment({**os.environ, **part.environment}),
                start_new_session=True,
            )
        self._write_state()

    def restart_dead(self) -> list[str]:
        """Restarts the parts that have died since the last call, and returns their names. A part that lacks something
        on this machine (the exit code of SetupError) would end again at once: it stays down, with its reason."""
        restarted = []
        for part in [part for part in self.parts if self.processes[part.name].poll() is not None]:
            code = self.processes[part.name].returncode
            if code == SetupError.exit_code:
                self.say(f"{part.name} cannot run here and stays down:\n{self.log_end(part.name)}")
                self.parts.remove(part)
                continue
            self.say(f"{part.name} ended with code {code}; starting it again (log: {self.log_file(part.name)})")
            self._spawn(part)
            restarted.append(part.name)
        return restarted

    def stop(self) -> None:
        """Stops all parts, the last started first: SIGTERM, then SIGKILL after 10 s."""
        for part in reversed(self.parts):
            process = self.processes.get(part.name)
            if process is None or process.poll() is not None:
                continue
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                self.say(f"{part.name} did not stop within {STOP_WITHIN_S:.0f} s and is killed")
                process.kill()
                process.wait()
        self.parts.clear()
        self.processes.clear()
        (self.directory / STATE_FILE).unlink(missing_ok=True)

    def log_file(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"

    def log_end(self, name: str, size: int = 2000) -> str:
        """The last characters of a part's log."""
        file = self.log_file(name)
        return file.read_text(errors="replace")[-size:] if file.exists() else ""

    def _write_state(self) -> None:
        state = {"supervisor": os.getpid(), "parts": {name: p.pid for name, p in self.processes.items()}}
        (self.directory / STATE_FILE).write_text(json.dumps(state))


def _is_ours(pid: int, directory: Path) -> bool:
    """Whether this process id is still one of ours, not a stranger that got the number since."""
    command, ps = "", ["ps", "-o", "command=", "-p", str(pid)]
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:  # no such process, or a system without /proc
        with contextlib.suppress(OSError):
            command = subprocess.run(ps, capture_output=True, text=True, check=False).stdout
    return any(mark in command for mark in ("stormpetrel", str(directory.resolve())))


def stop_left_running(directory: Path) -> list[str]:
    """Stops what an earlier `up` or `demo` left running in this folder; returns the names of what was stopped."""
    file = directory / STATE_FILE
    if not file.exists():
        return []
    state = json.loads(file.read_text())
    stopped = []
    # The supervisor first, or it would start its parts again.
    for name, pid in [("supervisor", state["supervisor"]), *reversed(state["parts"].items())]:
        if pid == os.getpid() or not _is_ours(pid, directory):
            continue
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
            stopped.append(name)
        deadline = time.monotonic() + (2 * STOP_WITHIN_S if name == "supervisor" else STOP_WITHIN_S)
        while _is_ours(pid, directory) and time.monotonic() < deadline:
            time.sleep(0.1)
        if _is_ours(pid, directory):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    file.unlink(missing_ok=True)
    return stopped
