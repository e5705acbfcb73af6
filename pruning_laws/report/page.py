"""The page: one file of HTML that loads nothing and runs its own script alone."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from importlib.metadata import version
from typing import Any

from .reading import Section, shown

MOST_ROWS = 500  # of a table; the page says how many there are


def render(title: str, sections: list[Section]) -> str:
    """Everything that was read, as HTML; all text in it is escaped."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"shown": shown, "exact": _exact}
    files = resources.files("pruning_laws.report")
    script = files.joinpath("sort.js").read_text("utf-8")
    digest = hashlib.sha256(script.encode()).digest()
    page = environment.from_string(files.joinpath("page.html.jinja").read_text("utf-8"))
    return page.render(
        title=title,
        readable=[one for one in sections if not one.failure],
        failed=[one for one in sections if one.failure],
        most_rows=MOST_ROWS,
        script=script,
        script_hash=base64.b64encode(digest).decode(),
        version=version("pruning-laws"),
    )


def _exact(value: Any) -> str:
    """All digits, for sorting and for who hovers over a cell."""
    return str(value.item() if hasattr(value, "item") else value)
