"""The command ``pruning-laws``."""

import typer

app = typer.Typer(no_args_is_help=True)


@app.callback()
def _pruning_laws() -> None:
    """Learning on pruned data: theory and simulation."""
