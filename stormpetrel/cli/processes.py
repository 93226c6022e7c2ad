"""Commands that run: the whole system, or one process of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_result
from stormpetrel.core.errors import SetupError


def up(
    servers_only: bool = typer.Option(False, help="Only broker and stores, none of our own processes."),
    local_receivers: bool = typer.Option(
        False, help="Also receivers of alerts to try them with: a webhook and a mail catcher on this machine."
    ),
) -> None:
    """Run the whole system with the local stack until Ctrl-C; a process that dies is started again."""
    import signal
    import threading

    from stormpetrel.cli.console import say
    from stormpetrel.cli.system import start_system
    from stormpetrel.local.stack import Stack

    settings = load_settings()
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    with Stack(settings.local.directory.resolve(), say) as stack:
        start_system(stack, settings, say, servers_only, local_receivers, stopping.is_set)
        if not stopping.is_set():
            say(f"up: http://{settings.api.host}:{settings.api.port}/docs" if not servers_only else "up: servers only")
        while not stopping.wait(1.0):
            stack.restart_dead()
        say("stopping")


def down(as_json: AsJson = False) -> None:
    """Stop what `up` or `demo` left running; data stay."""
    from stormpetrel.local.stack import stop_left_running

    stopped = stop_left_running(load_settings().local.directory.resolve())
    text = f"stopped: {', '.join(stopped)}" if stopped else "nothing was running"
    print_result({"stopped": stopped}, text, as_json)


def _process(module: str, explanation: str) -> Callable[[], None]:
    """The command that runs a module's process until it is stopped."""

    def command() -> None:
        importlib.import_module(module).run(load_settings())

    command.__doc__ = explanation
    return command


worker = _process("streams.app", "Run the stream worker: posts.raw to posts.enriched.")
consume_index = _process("consumers.index", "Run the index consumer: posts.enriched to MongoDB and Qdrant.")
consume_scenes = _process("consumers.scenes", "Run the scenes consumer: products.announced to patches.described.")
consume_photos = _process("consumers.photos", "Run the photos consumer: posts.enriched to posts.photos.")
consume_notify = _process("consumers.notify", "Run the notify consumer: incidents to receivers of alerts.")
consume_detect = _process("consumers.detect", "Run the detector: posts.enriched to incidents.")
serve = _process("api.app", "Run the HTTP API.")


def serve_vectors(directory: Path = typer.Option(), port: int = typer.Option()) -> None:
    """The local vector index, on Qdrant's engine and part of its REST interface."""
    from stormpetrel.local import vector_server

    vector_server.serve(directory, port)


def serve_alerts(directory: Path = typer.Option()) -> None:
    """The local receivers of alerts: a webhook and a mail catcher."""
    from stormpetrel.local import alert_inbox

    alert_inbox.serve(directory)


def optimise_shard(directory: Path = typer.Option()) -> None:
    """Optimise a copied shard of the local vector index; its configuration comes on standard input."""
    import json
    import sys

    from stormpetrel.local.vector_optimiser import optimise

    optimise(directory, json.load(sys.stdin))


def bench(
    data: Path | None = typer.Option(None, exists=True, help="Real data: a folder with tweets_idrisi/mentions in it."),
    posts: int = typer.Option(100_000, min=1000, help="Indexed posts of the search benchmark."),
    only: str | None = typer.Option(None, help="One of them by name; a wrong name lists them all."),
) -> None:
    """Measure this machine: the benchmarks of a checkout, as JSON."""
    import subprocess
    import sys

    from stormpetrel.models.export import ROOT

    if not (ROOT / "benchmarks").is_dir():
        raise SetupError("the benchmarks are not part of the installed package; run this in a checkout")
    options = {"--posts": posts, "--data": data and data.resolve(), "--only": only}
    arguments = [str(part) for option, value in options.items() if value for part in (option, value)]
    raise SystemExit(subprocess.run([sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, check=False).returncode)
