"""The console command: the composition root that wires settings to processes. No other package imports it.

Imports stay inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import sys

import typer

from stormpetrel.core.errors import StormpetrelError


def build_app() -> typer.Typer:
    """The command line with all its commands."""
    from stormpetrel.cli import checks, demo, evaluations, models, pictures, places, processes, search, topics, training

    app = typer.Typer(
        name="stormpetrel",
        help="Social posts and Sentinel imagery, found together, nearly in real time.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for module in (demo, processes, topics, search, checks, models, places, evaluations, training, pictures):
        module.attach(app)
    return app


def main() -> None:
    """Runs the command line. Exit codes: 0 done, 1 failed, 2 something is missing or misused, 3 a check failed."""
    try:
        build_app()()
    except StormpetrelError as error:
        typer.secho(f"stormpetrel: {error}", err=True, fg="red" if sys.stderr.isatty() else None)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
