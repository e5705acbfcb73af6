"""The figures of the paper (Sorscher et al. 2022), of what goes past it, and of data.

>>> import figures
>>> [name for name in figures.FIGURES if name.startswith("fig")]
['fig1a', 'fig1b', 'fig1c', 'fig1e', 'fig1f', 'fig2']
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from perceptron_theory.errors import unknown_name

if TYPE_CHECKING:
    from .registry import Figure

_NAMES = (
    "fig1a",
    "fig1b",
    "fig1c",
    "fig1e",
    "fig1f",
    "fig2",
    "threshold",
    "threshold_collapse",
    "students",
    "convex",
    "label_noise",
    "noisy_teacher",
    "limits",
    "optimal_rule",
    "advice",
    "trained_probe",
    "own_probe",
    "prototypes",
    "self_training",
    "student_probes",
    "real_heads",
    "practice",
    "cifar10_max_margin",
    "cifar10_logistic",
    "cifar10_networks",
    "cifar10_metrics",
    "cifar10_classes",
    "cifar10_transfer",
    "cifar10_information",
)


@cache
def _figure(name: str) -> Figure:
    from .registry import Figure

    module = import_module(f".{name}", __name__)
    return Figure(name, module.CAPTION, module.SOURCE, module.compute, module.draw)


class _Figures(Mapping[str, "Figure"]):
    """The figures by name; a module of one is imported when it is asked for."""

    def __getitem__(self, name: str) -> Figure:
        if name not in _NAMES:
            raise KeyError(name)
        return _figure(name)

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


FIGURES: Mapping[str, Figure] = _Figures()


def make(
    name: str, output_dir: str | Path, *, overwrite: bool = False, redraw: bool = False
) -> list[Path]:
    """Make the figure ``name`` in ``output_dir``; see :meth:`Figure.make`.

    Raises:
        InputError: no figure has this name.
        FileExistsError: a file exists and ``overwrite`` is false.
    """
    if name not in FIGURES:
        raise unknown_name("figure", name, FIGURES)
    return FIGURES[name].make(output_dir, overwrite=overwrite, redraw=redraw)
