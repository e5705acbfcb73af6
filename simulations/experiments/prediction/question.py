"""What is asked of a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from perceptron_theory import InputError, resolve_rule
from perceptron_theory.errors import out_of_percent
from perceptron_theory.numerics.checks import shown

from ...vision import inputs

NO_SCORE = "none"
"""The name of the score where there is none, and all pruning is random."""


@dataclass(frozen=True)
class Question:
    """What is asked of examples; checked as it is made.

    Attributes:
        pools: numbers of examples before pruning; they may exceed those there are.
        keep_fractions: f, in (0, 1].
        strategies: by the names that they get, what
            :func:`perceptron_theory.predict` takes: "hard", "easy", "random", a rule;
            random is always predicted, too.
        loss: of the heads.
        ridge: of the heads, where the trace of the covariance is N.
        intercept: whether heads have a constant term.
        per_class: whether a strategy is applied within each class.
        repeats: pools that heads are trained on, to check each prediction; 0 for none.
        seed: of these pools.
    """

    pools: Sequence[int]
    keep_fractions: Sequence[float]
    strategies: dict[str, Any]
    loss: Any = "logistic"
    ridge: float = 0.01
    intercept: bool = False
    per_class: bool = False
    repeats: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("pools", "keep_fractions", "strategies"):
            given = getattr(self, name)
            if not isinstance(given, Mapping) and name == "strategies":
                raise InputError(
                    "strategies must be given by names, as {'hard': 'hard'}, got "
                    f"{shown(given)}"
                )
            if isinstance(given, str) or not hasattr(given, "__len__"):
                raise InputError(f"{name} must be a list, got {shown(given)}")
            if not len(given):
                raise InputError(f"{name} must not be empty")
        for one in self.pools:
            inputs.positive_integer("pools", one)
        for one in self.keep_fractions:
            if not 0 < inputs.real_number("keep_fractions", one) <= 1:
                raise InputError(
                    f"keep_fractions must be in (0, 1], got {one}{out_of_percent(one)}"
                )
        if inputs.whole_number("repeats", self.repeats) == 1:
            raise InputError("repeats must be 2 or more, for error bars, got 1")
        inputs.whole_number("seed", self.seed)
        inputs.truth_value("intercept", self.intercept)
        inputs.truth_value("per_class", self.per_class)
        named = dict(self.strategies)
        for name in {"hard", "easy", "random"} & set(named):
            if named[name] not in (name, resolve_rule(name)):
                raise InputError(
                    f"the strategy of the name {name!r} must be {name!r}, got "
                    f"{shown(named[name])}: give it another name"
                )
            named[name] = name
        named.setdefault("random", "random")
        object.__setattr__(self, "pools", sorted(set(map(int, self.pools))))
        fractions = sorted(set(map(float, self.keep_fractions)))
        object.__setattr__(self, "keep_fractions", fractions)
        object.__setattr__(self, "strategies", named)

    @property
    def head(self) -> dict[str, Any]:
        """What is trained, as keywords."""
        return {"loss": self.loss, "ridge": self.ridge, "intercept": self.intercept}


class Cell(NamedTuple):
    """One prediction; random pruning has no score, and none of it is random."""

    score: str | None
    strategy: str
    keep_fraction: float
    pool: int

    @property
    def kept(self) -> int:
        """Examples that are kept."""
        return round(self.pool * self.keep_fraction)
