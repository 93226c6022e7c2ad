"""`stormpetrel sources`: live sources of posts and products, and files of them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_counts, print_json
from stormpetrel.core.errors import SetupError

PRODUCT_SOURCES = ("stac", "odata", "cdse", "folder")


def run(
    name: str = typer.Argument(
        help="live (all that need no key), bluesky, mastodon, x, feeds; of products: stac, odata, cdse, folder."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="Of stac and odata: only list what would be fetched now, and how many bytes."
    ),
    as_json: AsJson = False,
) -> None:
    """Run live sources until they are stopped."""
    from consumers.sources.catalogue_of_sources import KINDS, LIVE

    known = [LIVE, *(kind.name for kind in KINDS)]
    if dry_run:
        _list_products(name, as_json)
    elif name in PRODUCT_SOURCES:
        from consumers.sources.catalogue import run as run_catalogue

        run_catalogue(load_settings(), name)
    elif name in known:
        from consumers.sources.live import run as run_live

        settings = load_settings()
        run_live(settings, name, settings.x.probe_port if name == "x" else None)
    else:
        raise SetupError(
            f"no live source is called {name!r}; there are: {', '.join([*known, *PRODUCT_SOURCES])}. Files of posts: "
            "stormpetrel sources replay PATH; Sentinel products: stormpetrel sources announce PATH"
        )


def _list_products(name: str, as_json: bool) -> None:
    from consumers.sources.catalogue_listing import list_products
    from stormpetrel.cli.tables import print_table

    products, unreadable = list_products(load_settings(), name)
    sizes = [product.bytes_at_most for product in products if not product.left_out]
    total, unknown = sum(size or 0 for size in sizes), sizes.count(None)
    if as_json:
        counts = {"fetched": len(sizes), "of_unknown_size": unknown, "unreadable": unreadable}
        print_json({**counts, "bytes_at_most": total, "products": [asdict(product) for product in products]})
        return
    columns = {"size": "MB at most", "area": "in the area", "clouds": "clouds", "left out": "left out because"}
    rows = {
        product.name: {
            "size": "?" if product.bytes_at_most is None else f"{product.bytes_at_most / 1e6:.0f}",
            "area": f"{product.area_share:.0%}",
            "clouds": "" if product.cloud_cover is None else f"{product.cloud_cover:.0f} %",
            "left out": product.left_out,
        }
        for product in products
    }
    print_table(f"products of {name}", "product", columns, rows)
    typer.echo(f"{len(sizes)} products would be fetched, {total / 1e9:.2f} GB at most", nl=False)
    typer.echo(f", and {unknown} whose size is not told" if unknown else "", nl=False)
    typer.echo(f"; {unreadable} records cannot be read" if unreadable else "")


def rules(
    dry_run: bool = typer.Option(False, "--dry-run", help="Only print what would change."), as_json: AsJson = False
) -> None:
    """Bring the rules of X's filtered stream into step with x.rules."""
    from consumers.sources.x import bearer_token
    from consumers.sources.x_rules import AccountRules
    from stormpetrel.cli.tables import print_table

    settings = load_settings()
    if not settings.x.rules:
        raise SetupError("x.rules is empty, so the rules of the account stay as they are: give rules by their tags")
    account = AccountRules(settings.x, bearer_token(settings.x))
    changes = account.changes() if dry_run else account.apply()
    wording = {"adds": changes.add, "deletes": changes.delete, "keeps": changes.keep}
    if as_json:
        print_json({what: [{"tag": rule.tag, "value": rule.value} for rule in each] for what, each in wording.items()})
        return
    named = [(f"{what} {rule.tag} {rule.rule_id}".rstrip(), rule) for what, each in wording.items() for rule in each]
    rows = {name: {"rule": rule.value} for name, rule in named}
    print_table("rules of X that would change" if dry_run else "rules of X", "rule", {"rule": "matches"}, rows)


def list_sources(as_json: AsJson = False) -> None:
    """Which live sources of posts there are, what they give, what they need, and how far they have been read."""
    from consumers.sources.catalogue_of_sources import KINDS
    from consumers.sources.positions import Positions
    from stormpetrel.cli.tables import print_table
    from stormpetrel.core.errors import StoreUnavailable
    from stormpetrel.log.memory import MemoryLog, MemoryProducer
    from stormpetrel.log.topic_reader import KafkaTopicReader

    settings = load_settings()
    try:
        stored = Positions(MemoryProducer(MemoryLog()), KafkaTopicReader(settings.kafka)).all()
    except (StoreUnavailable, KeyError):
        stored = {}  # the list is of use without a broker too
    reached = {name: event.stored_at.isoformat() for name, event in sorted(stored.items())}
    rows = {kind.name: {"gives": kind.gets, "needs": kind.needs, "set up": kind.is_set_up(settings)} for kind in KINDS}
    if as_json:
        print_json({"sources": rows, "read_until": reached})
        return
    print_table("live sources", "source", {"gives": "gives", "needs": "needs", "set up": "set up"}, rows)
    for name, moment in reached.items():
        typer.echo(f"{name}: read until {moment}")


def announce(
    paths: list[Path] = typer.Argument(
        exists=True, help="Sentinel products (SAFE folders, zips, GeoTIFFs), or JSON lines of catalogue notifications."
    ),
    root: Path | None = typer.Option(None, help="The folder that their x-local-path is relative to."),
    as_json: AsJson = False,
) -> None:
    """Announce products, or those of a catalogue's notifications, on products.announced."""
    from consumers.sources.product_files import announce as announce_product
    from stormpetrel.imagery.catalogue.product_publisher import ProductPublisher
    from stormpetrel.log.producer import KafkaProducer

    publisher = ProductPublisher(KafkaProducer(load_settings().kafka), "files")
    for path in paths:
        announce_product(path, publisher, root)
    publisher.flush()
    print_counts(publisher.counts, as_json)


def replay(
    path: Path = typer.Argument(exists=True, help="A file, or a folder of JSON-lines files."),
    speed: float | None = typer.Option(None, min=0.001, help="1: real time; 60: an hour a minute; none: flat out."),
    backfill: bool = typer.Option(False, help="To posts.backfill: worked on only while no new post waits."),
    as_json: AsJson = False,
) -> None:
    """Publish files of posts on posts.raw, or on posts.backfill."""
    from consumers.sources.files import files_in
    from consumers.sources.files import replay as replay_files
    from stormpetrel.cli.console import ERROR
    from stormpetrel.core.topics import POSTS_BACKFILL, POSTS_RAW
    from stormpetrel.log.producer import KafkaProducer
    from stormpetrel.posts.post_publisher import PostPublisher
    from stormpetrel.stores.author_key import open_pseudonyms

    topic = POSTS_BACKFILL if backfill else POSTS_RAW
    settings = load_settings()
    publisher = PostPublisher(KafkaProducer(settings.kafka), "files", topic, pseudonyms=open_pseudonyms(settings))
    with ERROR.status("replaying") as status:
        replay_files(files_in(path), publisher, speed, lambda count: status.update(f"replaying: {count} records"))
    print_counts(publisher.counts, as_json)
