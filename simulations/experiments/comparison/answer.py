"""What came of a comparison, in sentences and tables."""

from __future__ import annotations

import math
import shlex
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from jaxtyping import Int

from perceptron_theory.wording import counted

from ...vision.score_files import Scores
from ...vision.selection import Selection, select
from ...vision.ties import ties_in_words
from ...vision.vanishing import loss_in_words, mending_option
from ..cells import NO_METRIC
from ..configuration import SIDES
from ..few_errors import RARE, least_standard_error
from ..learner import strategy_rule
from .costs import Choice, at_fraction

_ENOUGH = 2.0  # standard errors


@dataclass(frozen=True)
class Answer:
    """The result of :func:`.run.compare`."""

    keep_fraction: float
    costs: pd.DataFrame
    """The table that :func:`.costs.costs_of` makes."""
    choice: Choice
    kept: Selection
    """The examples of the data set that the choice keeps."""
    classes: pd.DataFrame
    """Examples of each class, and how many each way to prune keeps of the whole set."""
    scores: dict[str, Scores]
    """The scores of the whole data set, by metric."""
    sentences: list[str]
    warnings: list[str]
    """Classes that are nearly lost, and what would mend it."""
    about: dict[str, object]
    """Configuration, seeds, versions; values of JSON."""


def share(fraction: float) -> str:
    """A fraction in per cent: "30 %"."""
    return f"{100 * fraction:.3g} %"


def points(value: float, error: float) -> str:
    """A share and its standard error in per cent: "4.1 +- 0.3"."""
    value, error = 100 * value, 100 * error
    digits = 2
    if error > 0:
        digits = min(max(-math.floor(math.log10(error)), 0), 4)
        if error * 10**digits < 1.95:  # two digits of an error that begins with 1
            digits = min(digits + 1, 4)
    text = f"{value:.{digits}f}"
    return (
        f"{text.removeprefix('-') if float(text) == 0 else text} +- {error:.{digits}f}"
    )


def _changes(cost: float, error: float) -> str:
    """What pruning does, as a verb and points."""
    verb = "costs" if cost >= 0 else "gains"
    return f"{verb} {points(abs(cost), error)} points"


def which(strategy: str, fraction: float) -> str:
    """Which examples are kept, in words: "the hardest 30 %"."""
    words = {"hard": "the hardest", "easy": "the easiest", "middle": "the middle"}
    return f"{words.get(strategy, 'a random')} {share(fraction)}"


def sentences_of(
    costs: pd.DataFrame,
    choice: Choice,
    keep_fraction: float,
    *,
    model: str,
    data: str,
    count: int | None = None,
    others: str = "",
) -> list[str]:
    """What was found, for a person.

    Args:
        costs: As :func:`.costs.costs_of` gives them.
        choice: What to keep.
        keep_fraction: That is asked about.
        model: What was trained, in words.
        data: The name of the data.
        count: How many examples these have; None for those that were trained on.
        others: What the rest of them is for: "to test on".
    """
    full = costs[costs["strategy"] == "unpruned"].iloc[0]
    trained = f"all {full['kept']:,} examples of {data}"
    if count is not None and full["kept"] < count:
        trained = f"{full['kept']:,} of the {count:,} examples of {data}"
        trained += f" (the others are left out {others})" if others else ""
    said = [
        f"Trained on {trained}, {model} are wrong on "
        f"{points(full['error'], full['error_se'])} % of the test examples."
    ]
    here = at_fraction(costs, keep_fraction)
    chance = here[here["strategy"] == "random"].iloc[0]
    said.append(
        f"Keeping {which('random', keep_fraction)} "
        f"{_changes(chance['cost'], chance['cost_se'])}."
    )
    for metric in here["metric"].unique():
        if metric == NO_METRIC:
            continue
        rows = here.loc[(here["metric"] == metric).to_numpy()].set_index("strategy")
        found = [(rows.loc[one, "cost"], rows.loc[one, "cost_se"]) for one in SIDES]
        parts = [
            f"{which(one, keep_fraction)} {_changes(*cost)}"
            for one, cost in zip(SIDES, found, strict=True)
        ]
        said.append(f"By {metric}, keeping {parts[0]}, {parts[1]}, and {parts[2]}.")
    said.append(_advice(here, choice, keep_fraction))
    return said


def what_few_say(costs: pd.DataFrame, keep_fraction: float, tested: int) -> list[str]:
    """A sentence on the error bars of what hardly a test example shows, if there are.

    Args:
        costs: As :func:`.costs.costs_of` gives them.
        keep_fraction: That is asked about.
        tested: Test examples.
    """
    shown = pd.concat([at_fraction(costs, keep_fraction), at_fraction(costs, 1.0)])
    if not shown["few"].to_numpy(bool).any():
        return []
    least = 100 * least_standard_error(0, tested)
    return [
        f"The test set has {tested:,} examples: where fewer than {RARE} of them "
        f"differ, the error bar is {least:.2g} points, half of what so many examples "
        "rule out with 95 % confidence (the rule of three)."
    ]


def too_few_kept(kept: int, classes: int) -> list[str]:
    """A warning where fewer examples are kept than there are classes.

    Args:
        kept: Examples.
        classes: That have examples.
    """
    if kept >= classes:
        return []
    return [
        f"{counted(kept, 'example')} cannot show {classes} classes, and what is "
        "trained on so few says nothing: keep more"
    ]


def _advice(here: pd.DataFrame, choice: Choice, keep_fraction: float) -> str:
    mine = here[
        (here["strategy"] == choice.strategy) & (here["metric"] == choice.metric)
    ].iloc[0]
    what = f"keep {which(choice.strategy, keep_fraction)}"
    if choice.surely:
        what += f" by {choice.metric}"
        why = (
            f"that is {points(mine['gain'], mine['gain_se'])} points better than random"
        )
    else:
        why = "no score did better than chance beyond doubt"
    cost, error = mine["cost"], mine["cost_se"]
    if cost > _ENOUGH * error:
        return f"If you must prune to {share(keep_fraction)}, {what}: {why}."
    end = "and what it costs is within the errors"
    if cost < -_ENOUGH * error:
        end = "and it is better than all of them"
    return f"{what[0].upper()}{what[1:]}: {why}, {end}."


def class_table(
    scores: dict[str, Scores],
    keep_fraction: float,
    names: tuple[str, ...],
    files: dict[str, Path],
    at_random: Selection | None = None,
) -> tuple[pd.DataFrame, list[str]]:
    """How many of each class are kept, and warnings of lost classes and of ties.

    Args:
        scores: Of the same examples, by metric.
        keep_fraction: Of all of them.
        names: Of the classes.
        files: Where the scores are, for the command that would mend it.
        at_random: The keep list, where it is a random one.

    Returns:
        A row a class: ``class``, ``before``, and ``METRIC_STRATEGY`` or, of a random
        keep list, ``random``, examples.  The warnings are sentences: of scores that are
        ties, and of nearly lost classes with the class floor that would mend it.
    """
    labels = next(iter(scores.values())).labels
    before = np.bincount(labels, minlength=len(names))
    table = {"class": list(names), "before": before}
    warnings = []

    def add(column: str, chosen: Selection, what: str, file: Path, rule: str) -> None:
        kept = counts(chosen, labels, len(names))
        table[column] = kept
        if said := loss_in_words(what, before, kept, names):
            command = _mending(file, rule, keep_fraction, before, kept)
            said += f"; `{command}` keeps at least half of its share"
            warnings.append(said)

    if at_random is not None:
        file = next(iter(files.values()))
        add("random", at_random, which("random", keep_fraction), file, "random")
    for metric, one in scores.items():
        for strategy in SIDES:
            chosen = select_by(one, strategy, keep_fraction)
            what = f"{which(strategy, keep_fraction)} by {metric}"
            if said := ties_in_words(what, chosen, one.scores):
                warnings.append(said)
            add(f"{metric}_{strategy}", chosen, what, files[metric], strategy)
    return pd.DataFrame(table), warnings


def select_by(
    scores: Scores | None,
    strategy: str,
    keep_fraction: float,
    *,
    count: int = 0,
    seed: int = 0,
) -> Selection:
    """The examples that a strategy keeps; without scores, random ones of ``count``."""
    return select(
        np.zeros(count) if scores is None else scores.scores,
        keep_fraction,
        seed=seed,
        rule=strategy_rule(strategy, keep_fraction),
    )


def counts(
    kept: Selection, labels: Int[np.ndarray, " P"], classes: int
) -> Int[np.ndarray, " C"]:
    """How many of each class are kept."""
    return np.bincount(labels[kept.indices], minlength=classes)


def _mending(
    file: Path,
    strategy: str,
    keep_fraction: float,
    before: Int[np.ndarray, " C"],
    kept: Int[np.ndarray, " C"],
) -> str:
    """The command that keeps some of each class."""
    rule = strategy if strategy != "middle" else f"window:{(1 - keep_fraction) / 2:g}"
    return (
        f"pruning-laws select {shlex.quote(str(file))} -f {keep_fraction:g} "
        f"--rule {rule} {mending_option(before, kept)}"
    )
