"""What commands on real data left in files and folders, as datasets that are drawn.

Files of the theory and of simulations (.nc) are datasets already; here are score files
and the folders of ``train``, ``experiment`` and ``compare``, or the tables in them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import xarray as xr

import perceptron_theory as pt
from perceptron_theory.errors import DataWarning, InputError
from perceptron_theory.text_files import read_record

from .comparison import costs_dataset
from .results.experiments import experiment_dataset
from .results.scores import scores_dataset
from .results.training import training_dataset

_NETCDF = (b"CDF\x01", b"CDF\x02", b"\x89HDF")  # what such a file begins with


def load_result(path: Path) -> xr.Dataset:
    """Read a result that a command saved.

    Args:
        path: a .nc, a score file or other table of scores (.parquet, .csv, .npy,
            .npz), the folder of ``train``, ``experiment``, ``compare`` or ``validate``,
            or the table in it: metrics.csv, results.csv, costs.csv, report.nc.

    Returns:
        A dataset, which :func:`figures.plotting.plot` draws.

    Raises:
        InputError: it is missing, damaged, or none of these.
        OSError: it cannot be read.
    """
    if path.is_dir():
        for name in TABLES:
            if (path / name).is_file():
                return TABLES[name](path / name)
        raise InputError(
            f"{path} has none of {', '.join(TABLES)}: give the folder of train, "
            "experiment, compare or validate, or a file"
        )
    if path.name in TABLES and path.is_file():
        return TABLES[path.name](path)
    if path.suffix == ".nc":
        return pt.load_dataset(path)
    from simulations.vision.data.array_files import SUFFIXES

    if path.suffix.partition(":")[0].lower() in SUFFIXES:
        return _scores(path)
    if not path.exists() or _head(path) in _NETCDF:
        return pt.load_dataset(path)
    raise InputError(
        f"{path} is not a result that can be shown: give a .nc file, scores "
        f"({', '.join(SUFFIXES)}), or the folder of train, experiment, compare or "
        "validate"
    )


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4)


def _scores(path: Path) -> xr.Dataset:
    """A table of scores, one's own as well, of which labels need not be known."""
    from simulations.vision.own_scores import scores_in

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # a histogram needs no labels
        try:
            return scores_dataset(scores_in(path))
        except InputError as error:
            if path.suffix != ".csv" or not path.exists():
                raise
            raise InputError(
                f"{error}; a table of another result cannot be shown: give its .nc file"
            ) from error


def _run(path: Path) -> xr.Dataset:
    """A run, or an ensemble of them."""
    from simulations.vision.training.records import read_metrics

    about = _about(path.with_name("about.json"))
    try:
        recipe = about["recipe"]
        what = str(about["dataset"]), str(recipe["network"])
        return training_dataset(read_metrics(path), *what, recipe["objective"])
    except (KeyError, TypeError) as error:
        raise InputError(f"{path} is not of a run of train ({error})") from error


def _experiment(path: Path) -> xr.Dataset:
    from simulations.experiments import read_table

    rows, about = read_table(path), _about(path.with_name("about.json"))
    learner = about.get("experiment", {}).get("learner", "what was trained")
    folder = path.resolve().parent.name
    return experiment_dataset(rows, str(about.get("data") or folder), str(learner))


def _costs(path: Path) -> xr.Dataset:
    about = _about(path.with_name("compare.json"))
    try:
        costs = pd.read_csv(path, keep_default_na=False, na_values=[""])
        said = str(about["data"]), str(about["model"])
        return costs_dataset(costs, float(about["keep_fraction"]), *said)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not of compare ({error})") from error


def _about(path: Path) -> dict:
    if not path.is_file():
        raise InputError(f"{path} is missing, which says what the table beside it is")
    return read_record(path)


TABLES: dict[str, Callable[[Path], xr.Dataset]] = {
    "costs.csv": _costs,
    "results.csv": _experiment,
    "metrics.csv": _run,
    "report.nc": pt.load_dataset,
}
