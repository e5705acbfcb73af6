"""Any result as a picture: of the theory, of a simulation, of real data.

What a dataset is, is seen from its variables, so that one that was saved long ago is
drawn as one that was just computed.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from perceptron_theory.choices.advice import Advice
from perceptron_theory.choices.best_rule import OptimalRule
from perceptron_theory.errors import InputError
from perceptron_theory.students.solution import Solution

from . import class_balance, comparison, spearman, style, z_scores
from .results import (
    choices,
    experiments,
    frontier,
    phases,
    predicted,
    real_data,
    rounds,
    scores,
    simulated,
    spectra,
    sweep,
    training,
)
from .results.solutions import advice_dataset, best_rule_dataset, solution_dataset

DATA = "real data"


class Kind(NamedTuple):
    """One kind of result: by which variables it is known, and how it is drawn."""

    what: str
    needs: frozenset[str]
    draw: Callable[..., Figure]
    source: str = "theory"
    takes_simulation: bool = False


def _kind(what: str, needs: str, draw: Callable[..., Figure], *more: Any) -> Kind:
    return Kind(what, frozenset(needs.split()), draw, *more)


# the first whose variables are all there
KINDS = (
    _kind("Pareto frontier", "f_opt error kind", frontier.draw, "theory", True),
    _kind(
        "phase diagram",
        "error_hard error_easy error_random boundary_kind best",
        phases.draw,
        "theory",
        True,
    ),
    _kind("advice", "choice rule saving error", choices.draw_advice),
    _kind("best rule", "quantile_from quantile_to error", choices.draw_best_rule),
    _kind(
        "theory against simulation",
        "z difference difference_error",
        z_scores.draw,
        "validation",
    ),
    _kind(
        "errors of trained students",
        "mean standard_error keep_fraction size",
        simulated.draw,
        "simulation",
    ),
    _kind(
        "predicted heads",
        "error standard_error kept unpruned strategy pool_error",
        predicted.draw_predicted,
        DATA,
    ),
    _kind("class balance", "balance balance_by_chance kept", class_balance.draw, DATA),
    _kind("rank correlations", "metric correlation lower upper", spearman.draw, DATA),
    _kind(
        "kept examples of each class",
        "class kept before",
        real_data.draw_selection,
        DATA,
    ),
    _kind(
        "prototypes by the number of clusters",
        "k reference ceiling overlap",
        real_data.draw_clusters,
        DATA,
    ),
    _kind(
        "exponents of the error",
        "exponent lower upper strategy keep_fraction",
        real_data.draw_exponents,
        DATA,
    ),
    _kind("training", "epoch step train_loss train_accuracy", training.draw, DATA),
    _kind("scores", "score example_id", scores.draw, DATA),
    _kind("spectrum of embeddings", "variance_share component", spectra.draw, DATA),
    _kind(
        "errors of an experiment",
        "strategy metric kept error standard_error size",
        experiments.draw,
        DATA,
    ),
    _kind(
        "costs of pruning",
        "strategy metric keep_fraction error error_se cost",
        comparison.draw,
        DATA,
    ),
    _kind("verdicts", "claim metric verdict", real_data.draw_verdicts, DATA),
    _kind("rounds", "round error", rounds.draw),
    _kind("error", "error keep_fraction", sweep.draw, "theory", True),
)


def plot(
    result: Any,
    *,
    title: str | None = None,
    size: str = "slide",
    simulation: xr.Dataset | None = None,
) -> Figure:
    """Draw a result.

    Args:
        result: what ``solve``, ``solve_convex``, ``pareto_frontier``,
            ``phase_diagram``, ``noise_diagram``, ``advise``, ``optimal_rule``,
            ``simulated_errors`` or ``run_validation`` returned, or a dataset that a
            command wrote, as ``load_dataset`` reads it.
        title: in place of what the result says of itself: theory, simulation or the
            data set, with the student, the rule and the angle.
        size: "slide" (5.6 x 3.15 inches, 1920 x 1080 pixels) or "column" (3.5 inches
            wide); a picture that needs more room is larger.
        simulation: errors of trained students, of ``simulated_errors`` or of a
            validation, to be drawn over the theory with bars of one standard error.

    Returns:
        The picture, to be saved with ``savefig``; a notebook shows it.

    Raises:
        InputError: a result of no kind that has a picture, an unknown size, or
            simulated points that do not belong to the result.
    """
    return _drawn(result, title, simulation, size=size)


def save(
    result: Any,
    path: Path,
    *,
    title: str | None = None,
    simulation: xr.Dataset | None = None,
    **options: Any,
) -> None:
    """Draw a result into a file, whole or not at all, in the format of the suffix.

    Args:
        result: as of :func:`plot`.
        path: the file, .png, .pdf or .svg.
        title: as of :func:`plot`.
        simulation: the same.
        **options: of the picture of this kind of result, ``size`` and more.
    """
    style.save(lambda: _drawn(result, title, simulation, **options), path)


def _drawn(
    result: Any, title: str | None, simulation: xr.Dataset | None, **options: Any
) -> Figure:
    data = dataset_of(result)
    kind = kind_of(data)
    if simulation is not None:
        if not kind.takes_simulation:
            known = ", ".join(one.what for one in KINDS if one.takes_simulation)
            raise InputError(
                f"simulated points go over a picture of {known}; this is {kind.what}"
            )
        options["simulation"] = dataset_of(simulation)
    with style.applied():
        try:
            figure = kind.draw(data, **options)
        except KeyError as error:
            raise InputError(
                f"this looks like {kind.what} but has no {_missing(error)}: it cannot "
                "be drawn"
            ) from error
        except (IndexError, TypeError, ValueError) as error:
            if isinstance(error, InputError) or not _is_cut(data):
                raise
            raise InputError(
                f"this looks like {kind.what} that was cut until too little of it is "
                "left to be drawn: give more of it, and a single one as isel(name=[i])"
            ) from error
        text = title_of(data, kind, options.get("simulation"))
        style.title(figure, text if title is None else title)
    return figure


def _is_cut(data: xr.Dataset) -> bool:
    """Whether a dimension was taken away, or is empty, as by isel."""
    single = any(not data[name].dims for name in data.coords)
    return single or not data.sizes or 0 in data.sizes.values()


def _missing(error: KeyError) -> str:
    """The name that was not found, without the list that xarray adds to it."""
    text = str(error.args[0]) if error.args else "variable"
    found = re.search("No variable named '([^']*)'", text)
    return found[1] if found else text


def kind_of(data: xr.Dataset) -> Kind:
    """What a dataset is.

    Raises:
        InputError: nothing that has a picture.
    """
    names = set(map(str, data.variables)) | set(map(str, data.dims))
    for kind in KINDS:
        if kind.needs <= names and (kind.draw is not sweep.draw or sweep.is_one(data)):
            return kind
    shown = ", ".join(sorted(map(str, data.data_vars))[:6]) or "nothing"
    known = ", ".join(kind.what for kind in KINDS)
    raise InputError(
        f"no picture is known of a dataset of {shown}: there are pictures of {known}"
    )


def has_picture(data: xr.Dataset) -> bool:
    """Whether a dataset is of a kind that can be drawn."""
    try:
        kind_of(data)
    except InputError:
        return False
    return True


def dataset_of(result: Any) -> xr.Dataset:
    """The dataset of a result of any form.

    Raises:
        InputError: it has none.
    """
    if isinstance(result, xr.Dataset):
        return result
    if isinstance(result, Solution):
        return solution_dataset(result)
    if isinstance(result, Advice):
        return advice_dataset(result)
    if isinstance(result, OptimalRule):
        return best_rule_dataset(result)
    inner = getattr(result, "dataset", None)  # of a validation
    if dataclasses.is_dataclass(result) and isinstance(inner, xr.Dataset):
        return inner
    raise InputError(
        "plot takes a result of this package or a dataset of one, got "
        f"{type(result).__name__}"
    )


def title_of(data: xr.Dataset, kind: Kind, simulation: xr.Dataset | None) -> str:
    """Theory, simulation or the data set, and what was asked."""
    said = data.attrs
    source = (
        str(said.get("dataset", kind.source)) if kind.source == DATA else kind.source
    )
    what = str(said.get("about", kind.what))
    parts = [what] if what != "error" else []
    said = _shared(data) | said if kind.draw is simulated.draw else said
    if "student" in said:
        parts.append(style.student(said["student"]))
    if "rule" in said and kind.what != "kept examples of each class":
        parts.append(f"{style.spoken(said['rule'])} rule")
    if said.get("margin") == "signed":
        parts.append("signed margin")
    if kind.draw in (sweep.draw, simulated.draw):
        parts += _fixed(data)
    angle = said.get("theta", data["theta"] if "theta" in data else None)
    if angle is not None and np.size(angle) == 1:
        parts.append(f"theta = {float(np.rad2deg(np.ravel(angle)[0])):.4g} degrees")
    if kind.source == "simulation":
        parts.append(simulated.sizes(data))
    text = f"{source}: {', '.join(parts)}" if parts else source
    if simulation is not None:
        text += f"; marks: simulation, {simulated.sizes(simulation)}"
    return text


def _shared(data: xr.Dataset) -> dict[str, Any]:
    """What all simulated points have in common, as attributes of a theory say it."""
    names = ("rule", "margin", "student", "theta")
    values = {n: np.unique(data[n].values) for n in names if n in data.coords}
    return {name: value[0] for name, value in values.items() if len(value) == 1}


def _fixed(data: xr.Dataset) -> list[str]:
    """The one kept fraction or load of all errors, which no axis and no curve says."""
    names = {
        "keep_fraction": "f",
        "alpha_prune": "alpha_prune",
        "alpha_tot": "alpha_tot",
    }
    values = {
        name: np.unique(data[name].values) for name in names if name in data.coords
    }
    single = {name: value[0] for name, value in values.items() if len(value) == 1}
    angles = np.size(data["theta"].values) if "theta" in data.coords else 1
    if len(single) == len(values) and angles == 1:  # a single point lies at its load
        single = {name: single[name] for name in single if name == "keep_fraction"}
    return [f"{names[name]} = {float(value):.4g}" for name, value in single.items()]
