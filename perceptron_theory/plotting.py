"""The door to the pictures, which are drawn by a package above this one.

The theory needs no Matplotlib and imports nothing that builds on it: as pandas does, it
knows a drawing function by its name alone, and looks it up when it is asked to draw.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BACKEND = "figures.plotting:plot"  # what draws, as package.module:name


def plot(result: Any, **options: Any) -> Figure:
    """A picture of any result: of the theory, of simulations, of real data.

    Args:
        result: what ``solve``, ``pareto_frontier``, ``phase_diagram``,
            ``noise_diagram``, ``advise``, ``optimal_rule``, ``simulated_errors`` or
            ``run_validation`` returned, or a dataset that ``load_dataset`` read.
        **options: ``title``; ``size``, "slide" or "column"; ``simulation``, errors of
            trained students to be drawn over the theory.

    Returns:
        The picture, to be saved with ``savefig("talk.pdf")``; a notebook shows it.

    Raises:
        InputError: a result that has no picture, or nothing is installed that draws.
    """
    module, _, name = BACKEND.partition(":")
    try:
        draw = getattr(import_module(module), name)
    except ImportError as error:
        raise InputError(
            f"{BACKEND} is not installed, which draws: install pruning-laws ({error})"
        ) from error
    return draw(result, **options)
