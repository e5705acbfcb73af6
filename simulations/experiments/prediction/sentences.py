"""What was predicted, in sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from perceptron_theory.wording import counted

from ..comparison.answer import points, share
from .question import NO_SCORE

_MANY = 3.0  # standard errors


def sentences_on(found: xr.Dataset) -> list[str]:
    """The best strategy at each pool and fraction, what it saves, and the check.

    Args:
        found: as :func:`.grid.predictions` returns it.
    """
    about = found.attrs
    said = [
        f"{_heads(about).capitalize()} on {about['features']} features of "
        f"{about['dataset']}, predicted from {about['examples']:,} examples."
    ]
    for pool in found["pool"].values:
        said.append(_of_pool(found.sel(pool=pool)))
        for fraction in found["keep_fraction"].values:
            here = found.sel(pool=pool, keep_fraction=fraction)
            if fraction < 1 and np.isfinite(here["error"]).any():
                said.append("  " + advice_at(here))
                if here.sizes["score"] > 1:
                    said.append("  " + _ranking(here))
    if "measured" in found:
        said.append(_check(found))
    return said


def advice_on(found: xr.Dataset) -> str:
    """The best of all fractions of the largest pool, in a few sentences.

    Args:
        found: as :func:`.grid.predictions` returns it.
    """
    pool = found["pool"].values.max()
    mine = found.sel(pool=pool)
    best = mine["error"].min(("score", "strategy")).fillna(np.inf)
    fraction = float(best["keep_fraction"][int(best.argmin("keep_fraction"))])
    here, whole = mine.sel(keep_fraction=fraction), _of_pool(mine)
    by_chance = str(_least(here)["strategy"].values) == "random"
    if by_chance or float(best.min()) >= float(mine["pool_error"]):
        return f"{whole} Keep all: no part of it is predicted to do better."
    return f"{whole} {advice_at(here)}"


def advice_at(here: xr.Dataset) -> str:
    """What to keep at one pool and fraction, and what it saves."""
    one = _least(here)
    fraction, kept = float(here["keep_fraction"]), int(one["kept"])
    what = _which(str(one["strategy"].values), fraction)
    if (score := str(one["score"].values)) != NO_SCORE and what[1]:
        what = f"{what[0]} by {score}", True
    text = f"Keep {what[0]} ({kept:,}): {_wrong(one)}"
    if not what[1]:
        return f"{text}; no score is predicted to do better."
    random = here.sel(strategy="random").isel(score=0)
    if np.isfinite(random["error"]):
        text += f", a random {share(fraction)} on {_error(random)} %"
    times = float(one["saving"])
    if np.isnan(times):
        return f"{text}."
    if not np.isfinite(times):
        return f"{text}. No number of random examples is predicted to do as well."
    return (
        f"{text}. As good as {_number(float(one['unpruned']))} random examples, "
        f"{times:.3g} times as many."
    )


def _heads(about: dict[str, Any]) -> str:
    loss = str(about["loss"]).replace("_", "-")
    return (
        f"{loss} heads of {counted(int(about['classes']), 'class')} with ridge "
        f"{about['ridge']:g}"
    )


def _of_pool(here: xr.Dataset) -> str:
    error = points(float(here["pool_error"]), float(here["pool_standard_error"]))
    return (
        f"Of a pool of {int(here['pool']):,}: trained on all of it, heads are wrong on "
        f"{error} %."
    )


def _least(here: xr.Dataset) -> xr.Dataset:
    flat = here.stack(cell=("score", "strategy"))
    return flat.isel(cell=int(flat["error"].argmin("cell")))


def _which(strategy: str, fraction: float) -> tuple[str, bool]:
    """Which examples are kept, in words, and whether by a score."""
    words = {"hard": "the hardest", "easy": "the easiest", "random": "a random"}
    if strategy in words:
        return f"{words[strategy]} {share(fraction)}", strategy != "random"
    kind, _, lower = strategy.partition(":")
    if kind == "window" and lower:
        start = float(lower)
        return (
            f"the window from {share(start)} to {share(start + fraction)} (0 % is the "
            "hardest)",
            True,
        )
    return f"{share(fraction)} by {strategy}", True


def _error(one: xr.Dataset) -> str:
    return points(float(one["error"]), float(one["standard_error"]))


def _wrong(one: xr.Dataset) -> str:
    return f"wrong on {_error(one)} %"


def _number(value: float) -> str:
    """A number of examples to three digits."""
    return f"{float(f'{value:.3g}'):,.0f}"


def _ranking(here: xr.Dataset) -> str:
    """Which score does best, by the best strategy of each that uses it."""
    by = here.drop_sel(strategy="random")
    rows = []
    for score in by["score"].values:
        one = by.sel(score=score)
        if np.isfinite(one["error"]).any():
            best = one.isel(strategy=int(one["error"].argmin("strategy")))
            rows.append((float(best["error"]), score, str(best["strategy"].values)))
    parts = [
        f"{score} {100 * error:.3g} % ({strategy})"
        for error, score, strategy in sorted(rows)
    ]
    return f"Scores by their best strategy: {', '.join(parts)}."


def _check(found: xr.Dataset) -> str:
    """How trained heads compare, over all cells that were checked."""
    cells = found[["error", "measured", "z"]].to_dataframe()
    cells = cells.dropna().drop_duplicates()
    some = cells[(cells["measured"] > 0) & (cells["error"] > 0)]
    ratio = np.abs(np.log(some["measured"] / some["error"]))
    off = int((np.abs(cells["z"]) > _MANY).sum())
    text = f"Checked by heads trained on {found.attrs['repeats']} random pools each: "
    if len(some):
        text += (
            f"the median of |ln(measured/predicted)| is {np.median(ratio):.2g}, the "
            f"largest {ratio.max():.2g}; "
        )
    if none := len(cells) - len(some):
        text += f"{none} without a single error, predicted or measured; "
    return (
        f"{text}{off} of {counted(len(cells), 'prediction')} more than {_MANY:g} "
        "standard errors off."
    )
