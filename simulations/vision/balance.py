"""What pruning does to the sizes of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from perceptron_theory import InputError
from perceptron_theory.choices.attributes import text

from . import inputs
from .selection import select


def class_balance(
    scores: Mapping[str, Float[np.ndarray, " P"]],
    labels: Int[np.ndarray, " P"],
    keep_fractions: Sequence[float],
    *,
    seed: Any,
    rule: Any = "hard",
    class_floor: float = 0.0,
    chance: int = 20,
) -> xr.Dataset:
    """Class sizes before and after pruning by each metric, beside those by chance.

    Args:
        scores: of the same examples in the same order, by the name of their metric.
        labels: of the examples.
        keep_fractions: f, each in (0, 1].
        seed: breaks ties, and draws what is random: a seed, or a key of ``jax.random``.
        rule: see :func:`.selection.select`.
        class_floor: as there.
        chance: random selections to compare with, without a floor.

    Returns:
        ``kept`` over (metric, keep_fraction, class), examples; ``before`` over class;
        ``balance`` over (metric, keep_fraction): the smallest class over the largest,
        after pruning; ``balance_before``; and ``balance_by_chance`` over keep_fraction,
        the mean of ``chance`` random selections, with ``chance_error``, the standard
        deviation of one of them.

    Raises:
        InputError: no metric, fewer than two classes, what ``select`` refuses.
    """
    if not scores:
        raise InputError("give the scores of one metric at least")
    fractions = inputs.real_array("keep_fractions", keep_fractions, "F").tolist()
    chance = inputs.positive_integer("chance", chance)
    given = {f"scores of {name}": values for name, values in scores.items()}
    inputs.refuse_other_order(given | {"labels": labels})
    rows = {
        name: inputs.real_array(f"scores of {name}", values, "P")
        for name, values in scores.items()
    }
    count = len(next(iter(rows.values())))
    label = inputs.label_array("labels", labels, count=count)
    classes, before = np.unique(label, return_counts=True)
    if len(classes) < 2:
        raise InputError(
            "balance takes two classes or more, and all examples are of the class "
            f"{classes[0]}"
        )
    key = inputs.random_key(seed)

    def kept(values: Any, fraction: float, key: Any, rule: Any, floor: float):
        found = select(
            values,
            fraction,
            seed=key,
            rule=rule,
            labels=label,
            class_floor=floor,
            allow_empty_classes=True,
        )
        assert found.class_counts is not None  # labels were given
        return [found.class_counts[int(one)][0] for one in classes]

    after = np.array(
        [
            [kept(values, f, key, rule, class_floor) for f in fractions]
            for values in rows.values()
        ]
    )
    level = np.zeros(count)
    drawn = np.array(
        [
            [
                kept(level, f, one, "random", 0.0)
                for one in jax.random.split(key, chance)
            ]
            for f in fractions
        ]
    )
    random = _balance(drawn)
    axes = ("metric", "keep_fraction")
    return xr.Dataset(
        {
            "balance": (axes, _balance(after), text("smallest / largest class")),
            "balance_by_chance": (axes[1], random.mean(1), text("balance by chance")),
            "chance_error": (axes[1], random.std(1), text("deviation by chance")),
            "balance_before": ((), float(_balance(before)), text("balance before")),
            "kept": ((*axes, "class"), after, text("kept examples")),
            "before": ("class", before, text("examples before pruning")),
        },
        coords={
            "metric": list(scores),
            "keep_fraction": ("keep_fraction", fractions, text("kept fraction")),
            "class": classes,
        },
        attrs={
            "rule": str(rule),
            "class_floor": class_floor,
            "examples": count,
            "chance": chance,
        },
    )


def _balance(counts: np.ndarray) -> np.ndarray:
    return counts.min(-1) / counts.max(-1)
