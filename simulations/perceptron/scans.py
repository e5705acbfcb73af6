"""Simulated errors with error bars, for pictures beside the theory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr

from perceptron_theory import InputError

from .experiment import Summary, chunk_draws, realisable_sizes, summarize
from .point import Point
from .store import Store

_DESCRIPTIONS = {
    "mean": "mean error of the students",
    "standard_error": "standard error of the mean",
    "median": "median error of the students",
    "median_error": "standard error of the median",
    "alpha_prune_realised": "P/N",
    "keep_fraction_realised": "P/P_tot",
    "draws": "number of draws",
}


def simulated_errors(
    points: Sequence[Point],
    *,
    sizes: Sequence[int] = (200,),
    draws: int = 64,
    seed: int = 0,
    output: str | Path | None = None,
) -> xr.Dataset:
    """Errors of simulated students at a list of points, as for Fig. 1A of the paper.

    Args:
        points: the parameters; their ``precision`` is not used.
        sizes: input dimensions N.
        draws: repetitions for each point and N, at least 2.
        seed: of all draws.
        output: folder to keep the draws in, to go on with after an interruption; it
            may be the folder of a validation of the same seed.  None keeps nothing.

    Returns:
        Dataset over ``point`` and ``size`` of mean, standard_error, median,
        median_error (errors are fractions of misclassified examples), draws, and the
        realised P/N and P/P_tot; the parameters are coordinates of ``point``.

    Raises:
        InputError: no points or sizes, fewer than 2 draws, or an ``output`` that
            belongs to something else.
    """
    if not points or not sizes or draws < 2:
        raise InputError(
            f"need points, sizes and at least 2 draws; got {len(points)} points, "
            f"{len(sizes)} sizes, {draws} draws"
        )
    with _store(output, seed) as store:
        summaries = [
            [_summary(store, point, size, draws) for size in sizes] for point in points
        ]
    table = np.array(summaries)  # (point, size, field)
    names = {"alpha_prune": "alpha_prune_realised"}
    names |= {"keep_fraction": "keep_fraction_realised"}
    columns = {
        names.get(name, name): (("point", "size"), table[..., i])
        for i, name in enumerate(Summary._fields)
    }
    dataset = xr.Dataset(
        columns,
        coords={
            "size": ("size", list(sizes), {"long_name": "input dimension N"}),
            "alpha_prune": ("point", [point.alpha_prune for point in points]),
            "keep_fraction": ("point", [point.fraction for point in points]),
            "theta": ("point", [p.theta for p in points], {"units": "rad"}),
            "rule": ("point", [point.rule_name for point in points]),
            "margin": ("point", [point.margin for point in points]),
        },
        attrs={"seed": seed},
    )
    dataset["draws"] = dataset["draws"].astype(int)
    for name, text in _DESCRIPTIONS.items():
        dataset[name].attrs.update(long_name=text, units="1")
    return dataset


def threshold_scan(
    alpha_prune: Sequence[float] = (1.0, 1.4, 1.6, 1.8, 2.0, 2.2, 2.4, 2.6, 3.0),
    *,
    keep_fraction: float = 0.01,
    sizes: Sequence[int] = (50, 100, 200),
    draws: int = 64,
    seed: int = 0,
    output: str | Path | None = None,
) -> xr.Dataset:
    """Errors around the threshold at alpha_prune = 2: theta = 0, hard, small f.

    As f -> 0 the error of the theory tends to 1/2 below alpha_prune = 2 and to zero
    above.  Finite N smears the step and skews the errors of single draws: read the
    median beside the mean.

    Returns:
        Dataset over ``alpha_prune`` and ``size`` with the variables of
        :func:`simulated_errors`.

    Raises:
        InputError: as :func:`simulated_errors`.
    """
    points = [Point(float(alpha), keep_fraction) for alpha in alpha_prune]
    dataset = simulated_errors(
        points, sizes=sizes, draws=draws, seed=seed, output=output
    )
    dataset = dataset.swap_dims(point="alpha_prune")
    dataset = dataset.drop_vars(["keep_fraction", "theta", "rule", "margin"])
    dataset.alpha_prune.attrs["long_name"] = "kept load P/N"
    dataset.attrs["keep_fraction"] = keep_fraction
    return dataset


def _summary(store: Store, point: Point, size: int, draws: int) -> Summary:
    step = chunk_draws(*realisable_sizes(point, size), size)
    for have in range(step, draws, step):
        store.extend(point, size, have)
    return summarize(store.extend(point, size, draws).isel(draw=slice(draws)))


@contextmanager
def _store(output: str | Path | None, seed: int) -> Iterator[Store]:
    if output is not None:
        yield Store(output, seed=seed)
        return
    with TemporaryDirectory() as folder:
        yield Store(folder, seed=seed)
