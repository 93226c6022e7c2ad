"""`stormpetrel model`: the text model in the cache."""

from __future__ import annotations

import typer


def attach(app: typer.Typer) -> None:
    """Adds the model commands."""
    models = typer.Typer(help="The text model: export it once, check it.", no_args_is_help=True)
    models.command("export")(export)
    models.command("check")(check)
    app.add_typer(models, name="model")


def export(
    force: bool = typer.Option(False, help="Export again even where the cache holds the model."),
) -> None:
    """Bring the configured text model into the cache as ONNX."""
    import shutil

    from stormpetrel.cli.console import ERROR, say
    from stormpetrel.models import ensure_exported, model_directory
    from stormpetrel.settings import Settings

    settings = Settings()
    if force:
        shutil.rmtree(model_directory(settings.models, settings.text_model.name), ignore_errors=True)
    with ERROR.status("text model"):
        directory = ensure_exported(settings.models, settings.text_model.name, say)
    typer.echo(directory)


def check(as_json: bool = typer.Option(False, "--json", help="Print JSON.")) -> None:
    """Check the cached model against its checksums."""
    from stormpetrel.cli.console import print_json
    from stormpetrel.models import model_directory
    from stormpetrel.settings import Settings
    from stormpetrel.text.encoder import read_manifest

    settings = Settings()
    manifest = read_manifest(model_directory(settings.models, settings.text_model.name))
    if as_json:
        print_json({"model": manifest.model, "version": manifest.version, "dimensions": manifest.dimensions})
    else:
        typer.echo(f"{manifest.version}: {manifest.dimensions} dimensions, checksums right")
