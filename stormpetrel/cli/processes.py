"""Commands that run: the whole system, or one process of it."""

from __future__ import annotations

from pathlib import Path

import typer


def attach(app: typer.Typer) -> None:
    """Adds the commands of processes."""
    app.command()(up)
    app.command()(down)
    app.command()(worker)
    app.command()(serve)
    app.command()(doctor)
    app.command()(bench)
    consume = typer.Typer(help="Consumers that write in bulk.", no_args_is_help=True)
    consume.command("index")(consume_index)
    consume.command("scenes")(consume_scenes)
    app.add_typer(consume, name="consume")
    sources = typer.Typer(help="Bring posts in.", no_args_is_help=True)
    sources.command("run")(sources_run)
    sources.command("replay")(sources_replay)
    sources.command("announce")(sources_announce)
    app.add_typer(sources, name="sources")
    local = typer.Typer(help="Servers of the local stack.", no_args_is_help=True, hidden=True)
    local.command("vectors")(local_vectors)
    local.command("optimise")(local_optimise)
    app.add_typer(local, name="local")


def up(servers_only: bool = typer.Option(False, help="Only broker and stores, none of our own processes.")) -> None:
    """Run the whole system with the local stack until Ctrl-C; what dies is started again."""
    import signal
    import threading

    from stormpetrel.cli.console import say
    from stormpetrel.cli.system import start_system
    from stormpetrel.core.settings import Settings
    from stormpetrel.local.stack import Stack

    settings = Settings()
    told = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: told.set())
    with Stack(settings.local.directory.resolve(), say) as stack:
        start_system(stack, settings, say, servers_only=servers_only, stop=told.is_set)
        if not told.is_set():
            say(f"up: http://{settings.api.host}:{settings.api.port}/docs" if not servers_only else "up: servers only")
        while not told.wait(1.0):
            stack.restart_dead()
        say("stopping")


def down() -> None:
    """Stop what `up` or `demo` left running; data stay."""
    from stormpetrel.core.settings import Settings
    from stormpetrel.local.stack import stop_left_running

    stopped = stop_left_running(Settings().local.directory.resolve())
    typer.echo(f"stopped: {', '.join(stopped)}" if stopped else "nothing was running")


def worker() -> None:
    """Run the stream worker: posts.raw to posts.enriched."""
    from stormpetrel.core.settings import Settings
    from streams.app import run

    run(Settings())


def consume_index() -> None:
    """Run the index consumer: posts.enriched to MongoDB and Qdrant."""
    from consumers.index import run
    from stormpetrel.core.settings import Settings

    run(Settings())


def consume_scenes() -> None:
    """Run the scenes consumer: products.announced to patches.described."""
    from consumers.scenes import run
    from stormpetrel.core.settings import Settings

    run(Settings())


def serve() -> None:
    """Run the HTTP API."""
    from api.app import run
    from stormpetrel.core.settings import Settings

    run(Settings())


def sources_run(name: str = typer.Argument(help="x (posts); stac, odata, cdse, folder (Sentinel products).")) -> None:
    """Run a live source until it is stopped."""
    from stormpetrel.core.errors import SetupError
    from stormpetrel.core.settings import Settings

    if name == "x":
        from consumers.sources.x import run

        run(Settings())
    elif name in ("stac", "odata", "cdse", "folder"):
        from consumers.sources.catalogue import run as run_catalogue

        run_catalogue(Settings(), name)
    else:
        raise SetupError(
            f"no live source is called {name!r}; there are: x, stac, odata, cdse, folder. Files of posts: "
            "stormpetrel sources replay PATH; Sentinel products: stormpetrel sources announce PATH"
        )


def sources_announce(
    paths: list[Path] = typer.Argument(
        exists=True, help="Sentinel products (SAFE folders, zips, GeoTIFFs), or JSON lines of notices."
    ),
    root: Path | None = typer.Option(None, help="Where the paths in notices (x-local-path) start."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Announce products, by themselves or by notices of a catalogue, onto products.announced."""
    from consumers.sources.product_files import announce
    from stormpetrel.cli.console import print_json
    from stormpetrel.core.settings import Settings
    from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
    from stormpetrel.log.producer import KafkaProducer

    publisher = ProductPublisher(KafkaProducer(Settings().kafka), "files")
    for path in paths:
        announce(path, publisher, root)
    publisher.flush()
    counts = {name: publisher.counts[name] for name in ("published", "passed", "dead")}
    if as_json:
        print_json(counts)
    else:
        typer.echo(", ".join(f"{count} {name}" for name, count in counts.items()))


def sources_replay(
    path: Path = typer.Argument(exists=True, help="A file, or a folder of JSON-lines files."),
    speed: float | None = typer.Option(None, min=0.001, help="1: real time; 60: an hour a minute; none: flat out."),
    as_json: bool = typer.Option(False, "--json", help="Print JSON."),
) -> None:
    """Replay files of posts onto posts.raw."""
    from consumers.sources.files import files_in, replay
    from consumers.sources.post_publisher import PostPublisher
    from stormpetrel.cli.console import ERROR, print_json
    from stormpetrel.core.settings import Settings
    from stormpetrel.log.producer import KafkaProducer

    publisher = PostPublisher(KafkaProducer(Settings().kafka), "files")
    with ERROR.status("replaying") as status:
        replay(files_in(path), publisher, speed, lambda count: status.update(f"replaying: {count} records"))
    counts = {name: publisher.counts[name] for name in ("published", "passed", "dead")}
    if as_json:
        print_json(counts)
    else:
        typer.echo(", ".join(f"{count} {name}" for name, count in counts.items()))


def local_vectors(directory: Path = typer.Option(), port: int = typer.Option()) -> None:
    """The local vector index, on Qdrant's engine and part of its REST interface."""
    from stormpetrel.local.vector_server import serve as serve_vectors

    serve_vectors(directory, port)


def local_optimise(directory: Path = typer.Option()) -> None:
    """Optimise a copied shard of the local vector index; its configuration comes on standard input."""
    import json
    import sys

    from stormpetrel.local.vector_optimiser import optimise

    optimise(directory, json.load(sys.stdin))


def doctor(only: str = typer.Option("all", help="tests: what `make test` needs; all: the demo too.")) -> None:
    """Say what is missing on this machine, and how to get it."""
    from stormpetrel.local.broker import require_java

    require_java()
    if only == "all":
        typer.echo("Python, Java and Maven are here")


def bench(
    data: Path | None = typer.Option(None, exists=True, help="Real data: a folder with tweets_idrisi/mentions in it."),
    posts: int = typer.Option(100_000, min=1000, help="Indexed posts of the search benchmark."),
    only: str | None = typer.Option(None, help="annotation, compression, fusion, notice, pair, main_path, search."),
) -> None:
    """Measure this machine: the benchmarks of a checkout, as JSON."""
    import subprocess
    import sys

    from stormpetrel.core.errors import SetupError
    from stormpetrel.models.export import ROOT

    if not (ROOT / "benchmarks").is_dir():
        raise SetupError("the benchmarks are not part of the installed package; run this in a checkout")
    arguments = ["--posts", str(posts)]
    arguments += ["--data", str(data.resolve())] if data else []
    arguments += ["--only", only] if only else []
    raise SystemExit(subprocess.run([sys.executable, "-m", "benchmarks", *arguments], cwd=ROOT, check=False).returncode)
