"""Which examples to keep, given their scores: separate from every metric.

A rule orders the examples by preference, and the first of them are kept; a class floor
keeps the first of every class before that.

Equal scores are ordered at random by the seed.  In order of their index they would be
pruned class by class where the data are sorted by class, as integer scores such as
forgetting counts show: of 5,000 examples a class 3,450 to 5,000 were left at a keep
fraction of 0.8.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Array, Float, Int

from perceptron_theory import InputError
from perceptron_theory.errors import out_of_percent
from perceptron_theory.numerics.checks import refuse_masked
from perceptron_theory.paths import expanded
from perceptron_theory.wording import counted

from ..files import write_npy, write_whole
from . import inputs
from .data.images import check_lines
from .selection_rules import ByMargin, Candidates, SelectionRule, rule_of, whole_part
from .selection_rules import Stratified as Stratified


class EmptyClass(InputError):
    """Classes that would keep no example; ``what`` says which."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}: {remedy}")
        self.what = what


@dataclass(frozen=True)
class Selection:
    """The kept examples, and how they were chosen."""

    indices: Int[np.ndarray, " kept"]
    """Increasing positions in the arrays of scores: for ``torch.utils.data.Subset`` or
    ``datasets.Dataset.select``."""
    n_examples: int
    rule: Any
    """The object: of the theory, or a :class:`.selection_rules.SelectionRule`."""
    keep_fraction: float
    """The one that was asked for; ``len(indices) / n_examples`` is the realised one."""
    class_counts: dict[int, tuple[int, int]] | None
    """How many of each class are kept, and were there before; None without labels."""

    @property
    def mask(self) -> np.ndarray:
        """Whether each example is kept."""
        kept = np.zeros(self.n_examples, bool)
        kept[self.indices] = True
        return kept

    def ids(self, example_ids: Sequence[str]) -> list[str]:
        """Ids of the kept, from those of all examples.

        Raises:
            InputError: another number of ids than examples.
        """
        refuse_masked("example_ids", example_ids)
        listed = inputs.list_of("example_ids", example_ids)
        if len(listed) != self.n_examples:
            raise InputError(f"{len(listed)} ids for {self.n_examples} examples")
        return [str(listed[i]) for i in self.indices]

    def save(self, path: Path | str, example_ids: Sequence[str] | None = None) -> None:
        """Write indices (.npy, .txt), or ids one per line (.txt), whole or not at all.

        Raises:
            InputError: another suffix, ids for .npy, an id with a line break.
            OSError: the file cannot be written.
        """
        path = expanded(path)
        match path.suffix, example_ids:
            case ".npy", None:
                write_npy(path, self.indices)
            case ".txt", _:
                lines = self.indices if example_ids is None else self.ids(example_ids)
                check_lines("the id", map(str, lines))
                text = "".join(f"{line}\n" for line in lines)
                write_whole(path, lambda part: part.write_text(text, "utf-8"))
            case _:
                raise InputError(
                    f"{path.name!r}: indices go into .npy or .txt, ids into .txt"
                )


def select(
    scores: Float[Array, " P"] | Float[np.ndarray, " P"],
    keep_fraction: float,
    *,
    seed: Any,
    rule: Any = "hard",
    labels: Int[Array, " P"] | Int[np.ndarray, " P"] | None = None,
    class_floor: float = 0.0,
    per_class: bool = False,
    allow_empty_classes: bool = False,
    class_names: Sequence[str] = (),
) -> Selection:
    """Keep round(keep_fraction P) examples.

    Args:
        scores: high = hard = keep, as all metrics give them.
        keep_fraction: in (0, 1].
        seed: breaks ties and chooses what is random: a seed, or a key of jax.random.
        rule: "hard", "easy", "random", "stratified", or an object: a rule of the theory
            such as :class:`perceptron_theory.Window` (``lower`` counts from the
            hardest), :class:`Stratified`, or a rule of your own, see
            :mod:`.selection_rules`.
        labels: the classes; counts are reported if they are given.
        class_floor: every class keeps at least this part of an equal share of the kept
            examples, floor(class_floor kept / classes), or all of it if it is smaller;
            what a small class cannot fill goes to all by the rule.  0.5 is the "50 %
            class balance" of Sorscher et al. 2022.
        per_class: apply the rule within each class, in proportion to *its* size.
        allow_empty_classes: do not refuse to leave a class without examples.
        class_names: of the labels from 0 on, for messages.

    Raises:
        EmptyClass: A class would be left without examples; an InputError.
        InputError: NaN, a fraction that keeps nothing, a rule that does not fit.
    """
    inputs.refuse_other_order({"scores": scores, "labels": labels})
    per_class = inputs.truth_value("per_class", per_class)
    allow = inputs.truth_value("allow_empty_classes", allow_empty_classes)
    values = inputs.real_array("scores", scores, "P").astype(np.float64)
    chosen = rule_of(rule)
    keep_fraction = inputs.real_number("keep_fraction", keep_fraction)
    class_floor = inputs.real_number("class_floor", class_floor)
    if not 0 < keep_fraction <= 1:
        raise InputError(
            f"keep_fraction must be in (0, 1], got {keep_fraction}"
            + out_of_percent(keep_fraction)
        )
    if not 0 <= class_floor <= 1:
        raise InputError(
            f"class_floor must be in [0, 1], got {class_floor}"
            + out_of_percent(class_floor)
        )
    kept = round(keep_fraction * len(values))
    if kept == 0:
        raise InputError(
            f"keep_fraction {keep_fraction} keeps none of {len(values)} examples"
        )
    if labels is None and (class_floor or per_class):
        raise InputError("class_floor and per_class need labels")
    if class_floor and per_class:
        raise InputError("give class_floor or per_class: the latter keeps the shares")
    rng = inputs.generator(seed)
    label = None
    if labels is not None:
        label = inputs.label_array("labels", labels, count=len(values))
    if per_class and label is not None:
        indices = _within_classes(chosen, values, label, kept, keep_fraction, rng)
    else:
        rows = np.arange(len(values))
        order = _ordered(chosen, values, rows, kept, keep_fraction, rng)
        indices = (
            order[:kept]
            if label is None
            else _with_floor(order, label, kept, class_floor)
        )
    counts = None if label is None else _counts(label, indices)
    empty = [one for one, (left, _) in (counts or {}).items() if left == 0]
    if empty and not allow:
        raise EmptyClass(
            _none_left(empty, counts or {}, class_names, keep_fraction),
            "raise it or class_floor, or allow_empty_classes",
        )
    said = chosen.rule if isinstance(chosen, ByMargin) else chosen
    return Selection(np.sort(indices), len(values), said, keep_fraction, counts)


def _none_left(
    empty: list[int],
    counts: dict[int, tuple[int, int]],
    names: Sequence[str],
    keep_fraction: float,
) -> str:
    """Which classes keep nothing: the largest by name, and how many more there are."""
    first = max(empty, key=lambda one: counts[one][1])
    who = repr(names[first]) if first < len(names) else str(first)
    size = counted(counts[first][1], "example")
    such = counted(len(empty), "such class")
    return (
        f"class {who} ({size}; {such}) keeps no example at keep_fraction "
        f"{keep_fraction:g}"
    )


def _ordered(
    rule: SelectionRule,
    scores: Float[np.ndarray, " P"],
    rows: Int[np.ndarray, " n"],
    kept: int,
    fraction: float,
    rng: np.random.Generator,
) -> Int[np.ndarray, " n"]:
    """Some rows of the data set, those that are to be kept rather than others first.

    Raises:
        InputError: The rule refuses them, or its order is none.
    """
    mine = scores[rows]
    hardest = np.lexsort((rng.random(len(mine)), -mine))
    found = rule.preference(Candidates(mine, hardest, kept, fraction, rows, rng))
    what = f"{type(rule).__name__}.preference"
    order = inputs.plain_array(f"{what} must return whole numbers: what it gave", found)
    if order.dtype.kind not in "iu":
        raise InputError(
            f"{what} must return whole numbers, the places from the first to keep on, "
            f"got {order.dtype}"
        )
    if order.shape != mine.shape or not np.array_equal(
        np.sort(order), np.arange(len(mine))
    ):
        raise InputError(
            f"{what} must return each of {len(mine)} places "
            f"once, got {order.size} numbers of shape {order.shape}"
        )
    return rows[order]


def _with_floor(order, label, kept: int, floor: float) -> np.ndarray:
    """The first of every class up to the floor, then the first of what is left."""
    least = whole_part(floor * kept / len(np.unique(label)))
    ordered = label[order]
    by_class = np.argsort(ordered, kind="stable")
    starts = np.searchsorted(ordered[by_class], ordered[by_class])
    place = np.empty(len(order), int)
    place[by_class] = np.arange(len(order)) - starts
    return np.concatenate([order[place < least], order[place >= least]])[:kept]


def _within_classes(rule, scores, label, kept, fraction, rng) -> np.ndarray:
    classes, sizes = np.unique(label, return_counts=True)
    # largest remainders, so that the shares add up to what is kept
    share = kept * sizes / len(label)
    quota = share.astype(int)
    missing = kept - quota.sum()
    quota[np.lexsort((rng.random(len(sizes)), quota - share))[:missing]] += 1
    parts = []
    for one, count in zip(classes, quota, strict=True):
        mine = np.flatnonzero(label == one)
        order = _ordered(rule, scores, mine, int(count), fraction, rng)
        parts.append(order[:count])
    return np.concatenate(parts)


def _counts(label, indices) -> dict[int, tuple[int, int]]:
    classes, place = np.unique(label, return_inverse=True)
    before = np.bincount(place)
    after = np.bincount(place[indices], minlength=len(classes))
    return {
        int(one): (int(left), int(all_))
        for one, left, all_ in zip(classes, after, before, strict=True)
    }
