"""A picture on the screen: in a window where there is one, else in the terminal."""

from __future__ import annotations

import io
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDEST = 120  # characters of a picture in a terminal


def show(figure: Figure) -> None:
    """Show a picture to the person at the terminal."""
    if not (sys.stdout.isatty() and has_windows() and _in_window(figure)):
        _in_terminal(figure)


def has_windows() -> bool:
    """Whether this is a session with a desktop that is not elsewhere."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    here = sys.platform in ("darwin", "win32")
    return here or any(os.environ.get(n) for n in ("DISPLAY", "WAYLAND_DISPLAY"))


def _in_window(figure: Figure) -> bool:
    """Show the figure in the viewer of the desktop, if it has one."""
    from PIL import Image, ImageShow  # comes with Matplotlib

    from figures import style

    content = io.BytesIO()
    with style.applied():
        figure.savefig(content, format="png")
    return bool(ImageShow.show(Image.open(content)))


def _in_terminal(figure: Figure) -> None:
    from rich.console import Console

    from figures import style
    from figures.terminal import as_text
    from simulations.progress import hush

    hush()  # what moves on stderr is on the same screen
    console = Console(highlight=False, markup=False, emoji=False)
    width = min(console.width, WIDEST) if sys.stdout.isatty() else 80
    blocks = (console.encoding or "").lower().startswith("utf")
    with style.applied():
        text = as_text(figure, width, blocks)
    console.print(text, end="", overflow="ignore", crop=False)
