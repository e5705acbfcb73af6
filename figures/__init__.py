"""The figures of the paper (Sorscher et al. 2022), of what goes past it, and of data.

>>> import figures
>>> [name for name in figures.FIGURES if name.startswith("fig")]
['fig1a', 'fig1b', 'fig1c', 'fig1e', 'fig1f', 'fig2']
"""

from __future__ import annotations

from pathlib import Path

from perceptron_theory.errors import unknown_name

from . import (
    advice,
    cifar10_classes,
    cifar10_information,
    cifar10_logistic,
    cifar10_max_margin,
    cifar10_metrics,
    cifar10_networks,
    cifar10_transfer,
    convex,
    fig1a,
    fig1b,
    fig1c,
    fig1e,
    fig1f,
    fig2,
    label_noise,
    limits,
    noisy_teacher,
    optimal_rule,
    own_probe,
    practice,
    prototypes,
    real_heads,
    self_training,
    student_probes,
    students,
    threshold,
    threshold_collapse,
    trained_probe,
)
from .registry import Figure as Figure

_MODULES = (
    fig1a,
    fig1b,
    fig1c,
    fig1e,
    fig1f,
    fig2,
    threshold,
    threshold_collapse,
    students,
    convex,
    label_noise,
    noisy_teacher,
    limits,
    optimal_rule,
    advice,
    trained_probe,
    own_probe,
    prototypes,
    self_training,
    student_probes,
    real_heads,
    practice,
    cifar10_max_margin,
    cifar10_logistic,
    cifar10_networks,
    cifar10_metrics,
    cifar10_classes,
    cifar10_transfer,
    cifar10_information,
)
FIGURES: dict[str, Figure] = {
    name: Figure(name, module.CAPTION, module.SOURCE, module.compute, module.draw)
    for module in _MODULES
    for name in [module.__name__.rpartition(".")[2]]
}


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
