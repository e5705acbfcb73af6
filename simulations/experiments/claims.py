"""What a table of results says on the claims of the theory of pruning.

Each claim gets one of three verdicts, by rules that are fixed here and not by eye:
"confirmed", "not confirmed" and "cannot tell", which every claim gets from a table of
fewer than ``laws.ENOUGH_SIZES`` sizes.  Differences are taken within a seed, whose
pools all strategies share, as ln(error / other error); a difference counts if it is
``CLEAR`` standard errors from 0, see :func:`log_ratios`.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import norm
from scipy.stats import t as student

from perceptron_theory import InputError

from .cells import NO_METRIC
from .curves import curve, fractions, number_in
from .laws import (
    ENOUGH_SEEDS,
    ENOUGH_SIZES,
    compare_laws,
    envelope,
    exponents,
    means,
)
from .theory import predictions

CLEAR = 3.0  # standard errors
NARROW = 0.1  # standard error of a difference of exponents that can confirm
LARGEST = 4  # sizes that the exponents at fixed f are of

CONFIRMED, REFUTED, UNKNOWN = "confirmed", "not confirmed", "cannot tell"


@dataclass(frozen=True)
class Verdict:
    """On one claim, by one metric."""

    claim: str
    metric: str
    verdict: str
    numbers: str
    """Behind it."""


def verdicts(rows: pd.DataFrame, *, resamples: int = 100, seed: int) -> list[Verdict]:
    """On every claim that the table has runs for.

    Args:
        rows: of a table of results.
        resamples: of the seeds, for intervals of exponents.
        seed: of the resampling.

    Raises:
        InputError: fewer than three seeds, or a single size.
    """
    if len(set(rows["size"])) < 2:
        raise InputError(
            "the table has a single size, and the claims are about several"
        )
    metrics = sorted(set(rows["metric"]) - {NO_METRIC}, key=_order)
    strategies = set(rows["strategy"])
    found = []
    for metric in metrics:
        if {"hard", "easy"} <= strategies:
            found.append(switch(rows, metric))
        if "easy" in strategies:
            found.append(gain(rows, metric, "easy"))
        if "hard" in strategies:
            found.append(gain(rows, metric, "hard"))
            found.append(same_exponent(rows, metric, resamples, seed))
    known = [metric for metric in metrics if ":" in metric]  # score files have no order
    for good, poor in itertools.pairwise(known):
        chosen = [one for one in ("hard", "easy") if one in strategies]
        found += [better_metric(rows, good, poor, one) for one in chosen]
    found.append(fast_envelope(rows))
    return [_of_enough_sizes(one, rows) for one in found]


def _of_enough_sizes(found: Verdict, rows: pd.DataFrame) -> Verdict:
    """The verdict, or that it cannot be told, by the sizes that its metrics have."""
    counts = [len(set(rows["size"]))]
    for metric in found.metric.split(" > "):
        part = _where(rows, rows["metric"] == metric)
        counts += [len(set(part["size"]))] if len(part) else []
    if min(counts) >= ENOUGH_SIZES:
        return found
    note = f"only {min(counts)} sizes; {found.numbers}"
    return replace(found, verdict=UNKNOWN, numbers=note)


def log_ratios(
    rows: pd.DataFrame, one: Sequence[str], other: Sequence[str], f: float
) -> pd.DataFrame:
    """ln(error / other error) at one kept fraction, by size.

    Args:
        rows: of a table.
        one: strategy and metric.
        other: what it is compared with.
        f: kept fraction of both.

    Returns:
        Rows by rising ``size``: ``kept``, ``log_ratio`` (mean over seeds), its
        ``standard_error`` (over seeds, and at least that of the test set), and ``z``:
        Student's t of the two, as the Gaussian number of standard errors that is as
        rare; 0 of fewer than two seeds.  None where runs lack.
    """
    pairs = []
    for strategy, metric in (one, other):
        part = curve(rows, strategy, metric, f)
        floor = 0.5 / part["tested"]  # of no wrong answer
        part = part.assign(log=np.log(np.maximum(part["error"], floor)))
        pairs.append(part.set_index(["size", "seed"])["log"])
    differences = (pairs[0] - pairs[1]).dropna()
    groups = differences.groupby("size")
    # seeds share a test set: its draw alone gives at least this variance, which is that
    # of two sets of wrong answers of which one contains the other
    shares = [np.exp(-pair.groupby("size").mean()) for pair in pairs]
    by_test = (shares[0] - shares[1]).abs() / rows["tested"].mean()
    by_seeds = groups.var() / groups.count()
    error = np.sqrt(np.maximum(by_seeds, by_test.reindex(by_seeds.index)))
    error = error.clip(lower=1e-12).where(groups.count() > 1)
    return pd.DataFrame(
        {
            "kept": [round(f * size) for size in groups.mean().index],
            "log_ratio": groups.mean(),
            "standard_error": error,
            "z": _gaussian((groups.mean() / error).fillna(0.0), groups.count()),
        }
    ).reset_index()


def _gaussian(t: pd.Series, seeds: pd.Series) -> np.ndarray:
    """The z that is as rare as a t: with few seeds t is often large by chance."""
    values = t.to_numpy()
    tail = student.sf(np.abs(values), np.maximum(seeds.to_numpy() - 1, 1))
    return np.sign(values) * norm.isf(np.maximum(tail, 1e-300))


def switch(rows: pd.DataFrame, metric: str) -> Verdict:
    """Easy examples are better for small pools, hard ones for large pools (Fig. 1, 3).

    At some f easy is clearly better at a size and hard at a larger one, and nowhere the
    other way round.
    """
    says, signs = [], []
    for f in fractions(rows):
        found = log_ratios(rows, ("hard", metric), ("easy", metric), f)
        clear = _where(found, found["z"].abs() > CLEAR)
        signs.append(np.sign(clear["z"].to_numpy()))
        easy, hard = (_where(clear, clear["z"] * s > 0)["size"] for s in (1, -1))
        parts = [
            f"{name} at {_span(sizes, found['size'])}"
            for name, sizes in (("easy", easy), ("hard", hard))
            if len(sizes)
        ]
        says.append(f"f = {f:g}: {', '.join(parts) or 'neither'}")
    switched = [len(set(s)) == 2 and (np.diff(s) <= 0).all() for s in signs]
    backward = [(np.diff(s) > 0).any() for s in signs]
    verdict = UNKNOWN
    if any(backward):
        verdict = REFUTED
    elif any(switched):
        verdict = CONFIRMED
    return Verdict("switch from easy to hard", metric, verdict, "; ".join(says))


def gain(rows: pd.DataFrame, metric: str, strategy: str) -> Verdict:
    """Hard examples of a large pool, easy ones of a small, beat random ones (Fig. 3).

    At the largest or the smallest size, at any f; refuted if random is clearly better
    at all f.
    """
    size, at = "largest", max(rows["size"])
    if strategy == "easy":
        size, at = "smallest", min(rows["size"])
    says, z = [], []
    for f in fractions(rows):
        other = ("random", NO_METRIC)
        found = log_ratios(rows, (strategy, metric), other, f)
        found = _where(found, found["size"] == at)
        if found.empty:  # not run yet
            continue
        one = found.iloc[-1]
        says.append(f"f = {f:g}: error x {np.exp(one['log_ratio']):.3f}")
        z.append(one["z"])
    verdict = UNKNOWN
    if min(z, default=0.0) < -CLEAR:
        verdict = CONFIRMED
    elif min(z, default=0.0) > CLEAR:
        verdict = REFUTED
    claim = f"{strategy} beats random at the {size} size"
    return Verdict(claim, metric, verdict, f"at {at}: {', '.join(says)}")


def same_exponent(
    rows: pd.DataFrame, metric: str, resamples: int, seed: int
) -> Verdict:
    """At fixed f the error falls as that of random pruning does (Fig. 1, section 3).

    By power laws through the largest sizes.
    The claim is on infinite sizes: where the theory knows the metric (an angle), the
    difference has to be the theory's at the same sizes instead of 0.
    """
    largest = sorted(set(rows["size"]))[-LARGEST:]
    same = np.isin(rows["metric"], [metric, NO_METRIC])
    part = _where(rows, np.isin(rows["size"], largest) & same)
    found = exponents(part, "power", resamples=resamples, seed=seed)
    by = found.set_index(["strategy", "keep_fraction"])
    expected = _expected(part, metric) if metric.startswith("theta:") else {}
    says, inside, narrow = [], [], []
    for f in fractions(rows):
        if not {("hard", f), ("random", f)} <= set(by.index):  # not run yet
            continue
        hard, random = by.loc[("hard", f)], by.loc[("random", f)]
        # of 95 % intervals; both are of the same seeds, but taken as independent
        widths = [one["upper"] - one["lower"] for one in (hard, random)]
        error = np.hypot(*widths) / (2 * 1.96)
        difference = hard["exponent"] - random["exponent"]
        text = f"f = {f:g}: {difference:+.2f} +- {error:.2f}"
        says.append(text + (f" (theory {expected[f]:+.2f})" if expected else ""))
        inside.append(abs(difference - expected.get(f, 0.0)) <= CLEAR * error)
        narrow.append(error < NARROW)
    verdict = UNKNOWN
    if not all(inside):
        verdict = REFUTED
    elif narrow and all(narrow):
        verdict = CONFIRMED
    text = f"exponent of hard minus that of random, {LARGEST} largest sizes: "
    return Verdict("same exponent at fixed f", metric, verdict, text + ", ".join(says))


def _expected(rows: pd.DataFrame, metric: str) -> dict[float, float]:
    """The theory's difference of exponents at these points, by f."""
    theory = predictions(rows)
    found = {}
    for f in fractions(rows):
        slopes = []
        for key in (("hard", metric), ("random", NO_METRIC)):
            part = curve(theory, *key, f)
            logs = np.log(part["kept"]), np.log(part["theory"])
            slopes.append(np.polyfit(*logs, 1)[0])
        found[f] = slopes[1] - slopes[0]
    return found


def better_metric(rows: pd.DataFrame, good: str, poor: str, strategy: str) -> Verdict:
    """A better metric moves the crossover to the power law to larger sizes (Fig. 2).

    Then pruning by it has less error at the largest size and the smallest f.
    """
    f = min(fractions(rows))
    found = log_ratios(rows, (strategy, good), (strategy, poor), f)
    claim, pair = f"a better metric helps {strategy} pruning longer", f"{good} > {poor}"
    if found.empty:
        return Verdict(claim, pair, UNKNOWN, "no runs by both")
    last = found.iloc[-1]
    clear = _where(found, found["z"] < -CLEAR)["size"]
    text = f"f = {f:g}, {good} over {poor} at {int(last['size'])}: error x "
    text += f"{np.exp(last['log_ratio']):.3f}, z = {last['z']:+.1f}; "
    where = _span(clear, found["size"])
    text += f"clearly less at {where}" if where else "nowhere clearly less"
    verdict = UNKNOWN
    if last["z"] < -CLEAR:
        verdict = CONFIRMED
    elif last["z"] > CLEAR:
        verdict = REFUTED
    return Verdict(claim, pair, verdict, text)


def fast_envelope(rows: pd.DataFrame) -> Verdict:
    """The Pareto envelope over (size, f) falls faster than a power law (Fig. 1D, 3).

    A law that is faster has the least AICc, both power laws are not confirmed, and it
    predicts the largest sizes better than they do; it is refuted if no faster law is
    possible.
    """
    claim, sizes = "envelope faster than a power law", len(set(rows["size"]))
    seeds = len(set(rows["seed"]))
    if seeds < ENOUGH_SEEDS:
        return Verdict(claim, "any", UNKNOWN, f"{seeds} seeds, {ENOUGH_SEEDS} needed")
    front = envelope(rows)
    laws = compare_laws(front, sizes).set_index("model")
    power = [laws.loc[name, "verdict"] for name in ("power", "power_floor")]
    fast = laws.drop(index=["power", "power_floor"])["verdict"]
    best, slow = laws["aicc"].idxmin(), laws.loc[["power", "power_floor"]]
    ahead = laws.loc[best, "prediction"] < slow["prediction"].min()
    verdict = UNKNOWN
    if set(power) == {"not confirmed"}:
        verdict = CONFIRMED if ahead else UNKNOWN
    elif set(fast) == {"not confirmed"}:
        verdict = REFUTED
    behind = ", ".join(f"{name} {laws.loc[name, 'aicc']:.1f}" for name in laws.index)
    plain = means(_where(rows, rows["strategy"] == "unpruned"), ["size"])
    misses = ", ".join(f"{at} {laws.loc[at, 'prediction']:.1f}" for at in laws.index)
    text = f"AICc on {len(front)} places: {behind} (chi^2 of the best: "
    text += f"{laws.loc[best, 'chi2']:.0f}); misses at the two largest, in standard "
    text += f"errors: {misses}; without pruning down to "
    text += f"{plain['error'].min():.4f}, envelope to {front['error'].min():.4f}"
    return Verdict(claim, "any", verdict, text)


def _where(rows: pd.DataFrame, chosen: Any) -> pd.DataFrame:
    return rows.loc[np.asarray(chosen)]


def _order(metric: str) -> tuple[float, str]:
    """The better first: small angles, probes of many examples."""
    value = number_in(metric)
    return (-value if metric.startswith("probe:") else value, metric)


def _span(sizes: Any, everything: Any) -> str:
    """Runs of neighbours among all sizes: "128 to 512, 2048"."""
    chosen, spans = {int(size) for size in sizes}, []
    runs = itertools.groupby(map(int, everything), chosen.__contains__)
    for inside, run in runs:
        values = list(run)
        if inside:
            first, last = values[0], values[-1]
            spans.append(f"{first}" if first == last else f"{first} to {last}")
    return ", ".join(spans)
