"""`stormpetrel places`: the gazetteer, and the places that a text names."""

from __future__ import annotations

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_result


def build(as_json: AsJson = False) -> None:
    """Make the gazetteer's files where they are missing; a first start does it too."""
    from stormpetrel.cli.console import ERROR
    from stormpetrel.posts.places.gazetteer.build import ensure_gazetteer
    from stormpetrel.posts.places.gazetteer.gazetteer import Gazetteer

    settings = load_settings()
    with ERROR.status("gazetteer"):
        directory = ensure_gazetteer(settings.cache, settings.places.gazetteer)
    gazetteer = Gazetteer(directory)
    fields = {"version": gazetteer.version, "names": len(gazetteer), "directory": str(directory)}
    print_result(fields, f"{gazetteer.version}: {len(gazetteer):,} names in {directory}", as_json)


def resolve(
    text: str = typer.Argument(help="A post's text."),
    language: str = typer.Option(None, help="Its language, as en or it; detected if not given."),
    author_place: str = typer.Option(None, help="Where the author's profile says to be."),
    as_json: AsJson = False,
) -> None:
    """Show the places that a text names, the points they are given, and why."""
    from stormpetrel.bootstrap import open_geoparser
    from stormpetrel.posts.text.language import detect

    geoparser = open_geoparser(load_settings())
    language = language or detect(text, None)[0]
    mentions = geoparser.mentions([text], [language])[0]
    places, unresolved = geoparser.resolve(text, mentions, None, author_place, language)
    lines = []
    for place in places:
        point = f"{place.latitude:.3f}° N, {place.longitude:.3f}° E, within {place.radius_km} km"
        lines.append(f"{place.name} ({place.kind}, {place.country_code or '-'}): {point}, {place.confidence:.0%} sure")
        lines.append(f"    {'; '.join([place.role or 'role unknown', *place.why])}")
        lines += [
            f"    or {other.name} ({other.kind}, {other.country_code}): {other.confidence:.0%}"
            for other in place.alternatives
        ]
    lines += [f"{name.name}: no point. {'; '.join(name.why)}" for name in unresolved]
    fields = {
        "places": [place.model_dump(mode="json") for place in places],
        "unresolved_names": [name.model_dump(mode="json") for name in unresolved],
    }
    print_result(fields, "\n".join(lines), as_json)
