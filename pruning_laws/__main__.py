"""``python -m pruning_laws``."""

from .app import app

app(prog_name="pruning-laws")
