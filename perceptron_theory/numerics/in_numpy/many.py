"""The parameters of primitives for arrays with an axis of the points in front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .primitives import NoNumpyForm, Parameters

N = "n"  # the text of the number of points


def _up(axes: Sequence[Any]) -> tuple[int, ...]:
    return tuple(int(axis) + 1 for axis in axes)


def _axes(p: Parameters) -> dict[str, Any]:
    return {"axes": _up(p["axes"])}


def _one(name: str) -> Callable[[Parameters], dict[str, Any]]:
    return lambda p: {name: int(p[name]) + 1}


def _dot(p: Parameters) -> dict[str, Any]:
    contracted, batched = p["dimension_numbers"]
    batched = tuple((0, *_up(axes)) for axes in batched)
    return {"dimension_numbers": (tuple(map(_up, contracted)), batched)}


def _slice(p: Parameters) -> dict[str, Any]:
    strides = p["strides"] or (1,) * len(p["start_indices"])
    return {
        "start_indices": (0, *p["start_indices"]),
        "limit_indices": (N, *p["limit_indices"]),
        "strides": (1, *strides),
    }


def _numbers(p: Parameters) -> dict[str, Any]:
    """The numbers of a gather or a scatter, with one axis more for the points."""
    numbers = p["dimension_numbers"]
    moved = {
        name: (*((0,) if name.endswith("batching_dims") else ()), *_up(axes))
        for name, axes in numbers._asdict().items()
    }
    return {"dimension_numbers": numbers._replace(**moved)}


def _gather(p: Parameters) -> dict[str, Any]:
    return {**_numbers(p), "slice_sizes": (1, *p["slice_sizes"])}


def _same(_: Parameters) -> dict[str, Any]:
    return {}


CHANGES: dict[str, Callable[[Parameters], dict[str, Any]]] = {
    **dict.fromkeys(("argmax", "argmin"), _axes),
    **{f"reduce_{name}": _axes for name in ("and", "max", "min", "or", "prod", "sum")},
    **{f"cum{name}": _one("axis") for name in ("max", "min", "prod", "sum")},
    **{f"scatter{name}": _numbers for name in ("", "-add", "-max", "-min", "-mul")},
    "cholesky": _same,
    "concatenate": _one("dimension"),
    "cumlogsumexp": _one("axis"),
    "dot_general": _dot,
    "gather": _gather,
    "lu": _same,
    "pad": lambda p: {"padding_config": ((0, 0, 0), *p["padding_config"])},
    "rev": lambda p: {"dimensions": _up(p["dimensions"])},
    "round": _same,
    "slice": _slice,
    "sort": _one("dimension"),
    "split": _one("axis"),
    "top_k": _one("axis"),
    "tile": lambda p: {"reps": (1, *p["reps"])},
    "transpose": lambda p: {"permutation": (0, *_up(p["permutation"]))},
    "triangular_solve": _same,
}


def for_many(name: str, p: Parameters) -> Parameters:
    """The parameters of a primitive all of whose operands have an axis of the points.

    Raises:
        NoNumpyForm: it is not known how they change.
    """
    if name not in CHANGES:
        raise NoNumpyForm(f"{name} of many points")
    return p.changed(CHANGES[name](p), N)
