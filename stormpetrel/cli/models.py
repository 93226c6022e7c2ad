"""`stormpetrel model`: the models in the cache."""

from __future__ import annotations

import typer


def attach(app: typer.Typer) -> None:
    """Adds the model commands."""
    models = typer.Typer(help="The models: export them once, check them.", no_args_is_help=True)
    models.command("export")(export)
    models.command("check")(check)
    app.add_typer(models, name="model")


def export(
    force: bool = typer.Option(False, help="Export again even where the cache holds the models."),
) -> None:
    """Bring the configured models into the cache as ONNX."""
    import shutil

    from stormpetrel.cli.console import ERROR, say
    from stormpetrel.cli.system import ensure_models
    from stormpetrel.models import model_directory
    from stormpetrel.settings import Settings

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
