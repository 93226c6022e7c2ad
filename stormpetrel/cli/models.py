"""`stormpetrel model`: the models in the cache."""

from __future__ import annotations

from pathlib import Path

import typer

from stormpetrel.cli.command import AsJson, load_settings, print_result


def export(
    force: bool = typer.Option(False, help="Export again even where the cache holds the models."),
    as_json: AsJson = False,
) -> None:
    """Bring the configured models into the cache as ONNX."""
    import shutil

    from stormpetrel.cli.console import ERROR, say
    from stormpetrel.cli.system import ensure_models
    from stormpetrel.models.model_store import model_directory

    settings = load_settings()
    folders = [
        model_directory(settings.models, name) for name in (settings.text_model.name, settings.visual_model.name)
    ]
    if force:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)
    with ERROR.status("models"):
        ensure_models(settings, say)
    exported = [str(folder) for folder in folders if folder.exists()]
    print_result(exported, "\n".join(exported), as_json)


def earth(
    graph: Path = typer.Argument(help="An ONNX graph: float32 (patches, channels, size, size) to (patches, n)."),
    directory: Path = typer.Argument(help="The folder to make; give it as imagery.earth_model."),
    name: str = typer.Option(help="What answers call the model."),
    channels: str = typer.Option(help="In the graph's order: B02, B03, B04, B08 (reflectance, 0 to 1), VV (decibels)."),
    mean: str = typer.Option(help="What is taken off each channel."),
    std: str = typer.Option(help="What each channel is then divided by."),
    size: int = typer.Option(120, help="Pixels a side that the graph takes."),
    as_json: AsJson = False,
) -> None:
    """Bring in an Earth-observation model: every patch gets its embedding beside its descriptors."""
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
    use = f"STORMPETREL_IMAGERY__EARTH_MODEL={directory}"
    processes = "`consume scenes`, `consume index` and `serve`"
    text = f"{manifest.version}: {manifest.dimensions} dimensions\nuse it: {use} for {processes}"
    print_result({"version": manifest.version, "dimensions": manifest.dimensions, "setting": use}, text, as_json)


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _numbers(option: str, text: str) -> list[float]:
    try:
        return [float(part) for part in _parts(text)]
    except ValueError as error:
        raise typer.BadParameter(f"{error}; give numbers with commas between them", param_hint=f"--{option}") from error


def check(as_json: AsJson = False) -> None:
    """Check the cached model against its checksums."""
    from stormpetrel.models.model_store import model_directory
    from stormpetrel.posts.text.encoder import read_manifest

    settings = load_settings()
    manifest = read_manifest(model_directory(settings.models, settings.text_model.name))
    text = f"{manifest.version}: {manifest.dimensions} dimensions, checksums right"
    fields = {"model": manifest.model, "version": manifest.version, "dimensions": manifest.dimensions}
    print_result(fields, text, as_json)
