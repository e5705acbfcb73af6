"""Rules of selection: in which order examples are kept, given their scores.

A rule is an object with one method, :meth:`SelectionRule.preference`.  To add one,
write a subclass in a file of your own and give an instance of it to
:func:`.selection.select`; a rule that looks at pairs of examples, at embeddings say,
holds them and finds the rows of the candidates in ``of.rows``.  The rules of the theory
(:mod:`perceptron_theory.rules.rule`), where a *small margin* is hard, are taken as they
are: a high score is hard here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

import perceptron_theory as pt
from perceptron_theory import InputError
from perceptron_theory.errors import out_of_percent, unknown_name
from perceptron_theory.numerics.precision import own_settings
from perceptron_theory.rules.by_quantile import Easy, Hard, Mixture, Random, Window

from . import inputs
from .contracts import check_parts, imported, options_from, with_options

NAMES = ("hard", "easy", "random", "stratified")


@dataclass(frozen=True)
class Candidates:
    """What a rule chooses from: all examples of a data set, or of one class."""

    scores: Float[np.ndarray, " P"]
    """High = hard."""
    hardest: Int[np.ndarray, " P"]
    """Places in ``scores`` from the hardest on; equal scores are in random order."""
    kept: int
    """How many will be kept."""
    keep_fraction: float
    """The one that was asked for; ``kept`` is rounded."""
    rows: Int[np.ndarray, " P"]
    """Where the candidates are in the data set."""
    rng: np.random.Generator
    """The generator of everything that is random; no other may be used."""


class SelectionRule:
    """A rule of selection."""

    def check(self) -> None:
        """Refuse parameters that no data set can have.

        Raises:
            InputError: One is out of range.
        """

    def preference(self, of: Candidates) -> Int[np.ndarray, " P"]:
        """Places in ``of.scores``, each once; the first ``of.kept`` are kept.

        Those that follow are kept where the classes need more examples.

        Raises:
            InputError: The rule does not fit the candidates.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Stratified(SelectionRule):
    """Equal budgets over strata of the scores: CCS (Zheng et al. 2023).

    arXiv 2210.15809.  The hardest part is left out, the range of the remaining scores
    cut into strata of equal width, and the budget shared equally among them, smallest
    stratum first, so that what a small one cannot use goes to the others.  Within a
    stratum examples are drawn at random.
    """

    drop_hardest: float = 0.0
    """Share of the data, by score, taken to be wrongly labelled (their beta)."""
    strata: int = 50

    def check(self) -> None:
        inputs.positive_integer("strata", self.strata)
        if not 0 <= inputs.real_number("drop_hardest", self.drop_hardest) < 1:
            raise InputError(f"drop_hardest must be in [0, 1), got {self.drop_hardest}")

    def preference(self, of: Candidates) -> Int[np.ndarray, " P"]:
        count, kept = len(of.scores), of.kept
        dropped = whole_part(self.drop_hardest * count)
        if count - dropped < kept:
            raise InputError(
                f"drop_hardest {self.drop_hardest} leaves {count - dropped} examples "
                f"of which {kept} are to be kept: lower it"
            )
        pool = of.rng.permutation(of.hardest[dropped:])
        # a power of two, so exactly: high - low is no float64 from 1e308 on
        _, exponent = np.frexp(np.abs(of.scores).max())
        scores = np.ldexp(of.scores[pool], -exponent)
        low, high = scores.min(), scores.max()
        width = (high - low) / self.strata or 1.0
        stratum = np.minimum((scores - low) / width, self.strata - 1).astype(int)
        sizes = np.bincount(stratum, minlength=self.strata)
        budgets, left = np.zeros(self.strata, int), kept
        for rank, one in enumerate(np.argsort(sizes, kind="stable")):
            budgets[one] = min(sizes[one], left // (self.strata - rank))
            left -= budgets[one]
        # the pool is in random order: the first of a stratum are a random part of it
        within = np.empty(len(pool), int)
        for one in range(self.strata):
            within[stratum == one] = np.arange(sizes[one])
        taken = within < budgets[stratum]
        return np.concatenate([pool[taken], pool[~taken], of.hardest[:dropped][::-1]])


@dataclass(frozen=True)
class ByMargin(SelectionRule):
    """A rule of the theory, by the rank of an example among the candidates."""

    rule: Any

    def check(self) -> None:
        share = {Window: "lower", Mixture: "share"}.get(type(self.rule))
        if share is None:
            return
        value = inputs.real_number(share, getattr(self.rule, share))
        if not 0 <= value <= 1:
            hint = out_of_percent(value)
            raise InputError(f"{share} must be in [0, 1], got {value}{hint}")

    def preference(self, of: Candidates) -> Int[np.ndarray, " P"]:
        count, kept, hardest = len(of.scores), of.kept, of.hardest
        match self.rule:
            case Hard():
                return hardest
            case Easy():
                return hardest[::-1]
            case Random():
                return of.rng.permutation(count)
            case Window(lower):
                if lower + of.keep_fraction > 1 + 1e-12:
                    raise InputError(
                        f"a window of {of.keep_fraction} that begins at {lower} ends "
                        "beyond 1: let it begin lower, or keep less"
                    )
                first = min(round(lower * count), count - kept)
                # then by the distance in rank from the middle of the window
                away = np.abs(np.arange(count) - (first + (kept - 1) / 2))
                return hardest[np.argsort(away, kind="stable")]
            case Mixture(share, side):
                ordered = hardest if side == "hard" else hardest[::-1]
                chosen = round(share * kept)
                rest = of.rng.permutation(ordered[chosen:])
                return np.concatenate([ordered[:chosen], rest])
        return _by_cells(self.rule, of)


def _by_cells(rule: Any, of: Candidates) -> Int[np.ndarray, " P"]:
    """Any other rule of the theory: each cell keeps its share, rounded, at random.

    Ranks are the quantiles of the margin; what rounding leaves over goes to the cells
    that it took most from.
    """
    count = len(of.scores)
    with own_settings(x64=True):
        below, _, level = map(np.asarray, rule.cells(jnp.asarray(of.keep_fraction)))
    # ends that cells share may differ in the last digit and round to other ranks
    edges = np.maximum.accumulate(np.rint(below.ravel() * count).astype(int))
    edges = edges.reshape(below.shape)
    sizes = np.diff(edges)[:, 0]
    wanted = np.minimum(level * sizes, sizes)
    quota = np.floor(wanted + 1e-9).astype(int)
    for one in np.argsort(quota - wanted, kind="stable"):
        short = of.kept - quota.sum()
        quota[one] += int(np.clip(short, -quota[one], min(1, sizes[one] - quota[one])))
    if quota.sum() != of.kept:
        raise InputError(
            f"{rule!r} keeps {quota.sum()} of {count} examples by its cells, and "
            f"keep_fraction asks for {of.kept}: its levels must average to it"
        )
    parts = [of.rng.permutation(of.hardest[low:high]) for low, high in edges]
    first = [part[:n] for part, n in zip(parts, quota, strict=True)]
    chosen = np.concatenate(first)
    rest = np.setdiff1d(of.hardest, chosen)
    return np.concatenate([chosen, of.rng.permutation(rest)])


def rule_of(rule: Any) -> SelectionRule:
    """A rule of selection from its name, a rule of the theory, or an object.

    Args:
        rule: A name of ``NAMES``, ``package.module:Name`` with options behind a further
            colon, a rule of :mod:`perceptron_theory`, or a :class:`SelectionRule`.

    Raises:
        InputError: An unknown name, an object that lacks ``preference``, or parameters
            that are out of range.
    """
    found = _found(rule)
    found.check()
    return found


def _found(rule: Any) -> SelectionRule:
    if isinstance(rule, str):
        if rule == "stratified":
            return Stratified()
        if rule in NAMES:
            return ByMargin(pt.resolve_rule(rule))
        outside = imported(rule)
        if outside is None:
            raise unknown_name("rule", rule, NAMES)
        thing, options = outside
        if isinstance(thing, type):
            thing = with_options(thing, options_from(options), f"option of {rule}")
        return _found(thing)
    if isinstance(rule, SelectionRule) and type(rule) is not SelectionRule:
        what = {"preference": "a method of (candidates) that returns their order"}
        check_parts("rule", rule, what)
        if type(rule).preference is SelectionRule.preference:
            raise InputError(
                f"{type(rule).__name__} is not a rule: it lacks preference, "
                f"{what['preference']}"
            )
        return rule
    if isinstance(rule, pt.Rule) and rule.takes_fraction:
        return ByMargin(pt.resolve_rule(rule))  # refused where it lacks its cells
    by_cells = callable(getattr(rule, "cells", None)) and not isinstance(rule, type)
    if by_cells and getattr(rule, "takes_fraction", True):
        return ByMargin(rule)
    raise InputError(
        f"rule must be one of {', '.join(NAMES)}, a Window, a Mixture, a Stratified or "
        f"another SelectionRule, got {rule!r}"
    )


def whole_part(value: float) -> int:
    """The whole part, of 0.58 * 100 / 2 too, which rounding leaves below 29."""
    return int(value * (1 + 1e-12))
