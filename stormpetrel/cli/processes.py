"""Commands that run: the whole system, or one process of it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_counts, print_result
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


def run_source(name: str = typer.Argument(help="x (posts); stac, odata, cdse, folder (Sentinel products).")) -> None:
    """Run a live source until it is stopped."""
    if name == "x":
        from consumers.sources.x import run

        run(load_settings())
    elif name in ("stac", "odata", "cdse", "folder"):
        from consumers.sources.catalogue import run as run_catalogue

        run_catalogue(load_settings(), name)
    else:
        raise SetupError(
            f"no live source is called {name!r}; there are: x, stac, odata, cdse, folder. Files of posts: "
            "stormpetrel sources replay PATH; Sentinel products: stormpetrel sources announce PATH"
        )


def announce_products(
    paths: list[Path] = typer.Argument(
        exists=True, help="Sentinel products (SAFE folders, zips, GeoTIFFs), or JSON lines of catalogue notifications."
    ),
    root: Path | None = typer.Option(None, help="The folder that their x-local-path is relative to."),
    as_json: AsJson = False,
) -> None:
    """Announce products, or those of a catalogue's notifications, on products.announced."""
    from consumers.sources.product_files import announce
    from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
    from stormpetrel.log.producer import KafkaProducer

    publisher = ProductPublisher(KafkaProducer(load_settings().kafka), "files")
    for path in paths:
        announce(path, publisher, root)
    publisher.flush()
    print_counts(publisher.counts, as_json)


def replay_posts(
    path: Path = typer.Argument(exists=True, help="A file, or a folder of JSON-lines files."),
    speed: float | None = typer.Option(None, min=0.001, help="1: real time; 60: an hour a minute; none: flat out."),
    backfill: bool = typer.Option(False, help="To posts.backfill: worked on only while no new post waits."),
    as_json: AsJson = False,
) -> None:
    """Publish files of posts on posts.raw, or on posts.backfill."""
    from consumers.sources.files import files_in, replay
    from consumers.sources.post_publisher import PostPublisher
    from stormpetrel.bootstrap import open_pseudonyms
    from stormpetrel.cli.console import ERROR
    from stormpetrel.core.topics import POSTS_BACKFILL, POSTS_RAW
    from stormpetrel.log.producer import KafkaProducer

    topic = POSTS_BACKFILL if backfill else POSTS_RAW
    settings = load_settings()
    publisher = PostPublisher(KafkaProducer(settings.kafka), "files", topic, pseudonyms=open_pseudonyms(settings))
    with ERROR.status("replaying") as status:
        replay(files_in(path), publisher, speed, lambda count: status.update(f"replaying: {count} records"))
    print_counts(publisher.counts, as_json)


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
