"""`stormpetrel model`: the models in the cache."""

from __future__ import annotations

from pathlib import Path

import typer


def attach(app: typer.Typer) -> None:
    """Adds the model commands."""
    models = typer.Typer(help="The models: export them once, check them.", no_args_is_help=True)
    models.command("export")(export)
    models.command("check")(check)
    models.command("earth")(earth)
    app.add_typer(models, name="model")


def export(force: bool = typer.Option(False, help="Export again even where the cache holds the models.")) -> None:
    """Bring the configured models into the cache as ONNX."""
    import shutil

    from stormpetrel.cli.console import ERROR, say
    from stormpetrel.cli.system import ensure_models
    from stormpetrel.core.settings import Settings
    from stormpetrel.models.model_store import model_directory

    settings = Settings()
    folders = [
        model_directory(settings.models, name) for name in (settings.text_model.name, settings.visual_model.name)
    ]
    if force:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    with ERROR.status("models"):
        ensure_models(settings, say)
    typer.echo("\n".join(str(folder) for folder in folders if folder.exists()))


def earth(
    graph: Path = typer.Argument(help="An ONNX graph: float32 (patches, channels, size, size) to (patches, n)."),
    directory: Path = typer.Argument(help="The folder to make; give it as imagery.earth_model."),
    name: str = typer.Option(help="What answers call the model."),
    channels: str = typer.Option(help="In the graph's order: B02, B03, B04, B08 (reflectance, 0 to 1), VV (decibels)."),
    mean: str = typer.Option(help="What is taken off each channel."),
    std: str = typer.Option(help="What each channel is then divided by."),
    size: int = typer.Option(120, help="Pixels a side that the graph takes."),
) -> None:
    """Bring an Earth-observation model, whose embedding every patch gets beside its descriptors."""
    from stormpetrel.imagery.patches.earth_model import import_earth_model

    manifest = import_earth_model(
        graph,
        directory,
        name=name,
        channels=_parts(channels),
        size=size,
        mean=_numbers("mean", mean),
        std=_numbers("std", std),
    )
    typer.echo(f"{manifest.version}: {manifest.dimensions} dimensions")
    typer.echo(
        f"use it: STORMPETREL_IMAGERY__EARTH_MODEL={directory} for `consume scenes`, `consume index` and `serve`"
    )


def _parts(given: str) -> list[str]:
    return [part.strip() for part in given.split(",") if part.strip()]


def _numbers(option: str, given: str) -> list[float]:
    try:
        return [float(part) for part in _parts(given)]
    except ValueError as error:
        raise typer.BadParameter(f"{error}; give numbers with commas between them", param_hint=f"--{option}") from error


def check(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Check the cached model against its checksums."""
    from stormpetrel.cli.console import print_json
    from stormpetrel.core.settings import Settings
    from stormpetrel.models.model_store import model_directory
    from stormpetrel.posts.text.encoder import read_manifest

    settings = Settings()
    manifest = read_manifest(model_directory(settings.models, settings.text_model.name))
    if as_json:
        print_json({"model": manifest.model, "version": manifest.version, "dimensions": manifest.dimensions})
    else:
        typer.echo(f"{manifest.version}: {manifest.dimensions} dimensions, checksums right")
