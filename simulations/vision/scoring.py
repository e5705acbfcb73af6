"""Scores of a data set from arrays that a user has: embeddings, logits, correctness."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name

from . import metrics
from .data import Images
from .data.encoded import DataSet
from .reliability import reliability
from .score_files import Scores, scores_of

# the arrays that each metric is computed from
NEEDS = {
    "prototypes": ("embeddings",),
    "supervised_prototypes": ("embeddings",),
    "el2n": ("logits",),
    "active_learning": ("logits",),
    "forgetting": ("correct",),
    "ddd": ("correct",),
    "memorization": ("correct", "member"),
    "influence": ("correct", "member"),
    "random": (),
}
# the options that choose between the variants of a metric
VARIANT = {
    "active_learning": "acquisition",
    "forgetting": "never_learned",
    "ddd": "variant",
    "influence": "reduce",
}


def score_dataset(
    dataset: DataSet,
    metric: str,
    arrays: dict[str, np.ndarray],
    *,
    seed: int = 0,
    precision: float = 0.05,
    sources: dict[str, Any] | None = None,
    **options: Any,
) -> Scores:
    """Scores of ``dataset`` by a metric, with what they were computed from as recipe.

    Args:
        dataset: what the arrays are of, in its order.
        metric: a key of ``NEEDS``.
        arrays: those that the metric needs, by name; for "influence" ``correct`` is on
            the test set.  Embeddings that are missing are the pixels of the images,
            scaled to [0, 1], as the recipe then says.
        seed: of what is random.
        precision: the standard error that memorization and influence are wanted to
            have: the recipe then says how many models that takes.
        sources: where arrays are from, by name, for the recipe.
        **options: of the metric.

    Raises:
        InputError: an unknown metric, an array that is missing or of no use, what the
            metric refuses, another number of examples than the data set has.
    """
    if metric not in NEEDS:
        raise unknown_name("metric", metric, NEEDS)
    unused = set(arrays) - set(NEEDS[metric])
    if unused:
        raise InputError(f"{metric} takes no {unused.pop()}: leave it out")
    recipe = {**options, "computed_from": dict.fromkeys(arrays, "given")}
    recipe["computed_from"] |= sources or {}
    if "embeddings" in NEEDS[metric] and "embeddings" not in arrays:
        arrays = {"embeddings": pixels_of(dataset)}
        recipe["computed_from"] = {"embeddings": "pixels"}
    missing = [name for name in NEEDS[metric] if name not in arrays]
    if missing:
        raise InputError(f"{metric} needs {missing[0]}: give it")
    _check_examples(dataset, metric, arrays)
    per_model, errors = None, None
    match metric:
        case "prototypes":
            options.setdefault("n_clusters", len(np.unique(dataset.labels)))
            recipe["n_clusters"] = options["n_clusters"]
            scores = metrics.prototypes(**arrays, key=seed, **options)
        case "supervised_prototypes":
            labels = dataset.labels
            scores = metrics.supervised_prototypes(**arrays, labels=labels, **options)
        case "el2n":
            scores = metrics.el2n(arrays["logits"], dataset.labels, **options)
            if np.ndim(arrays["logits"]) == 3:
                each = [metrics.el2n(one, dataset.labels) for one in arrays["logits"]]
                per_model = np.stack(each)
        case "memorization" | "influence":
            pair = arrays["correct"], arrays["member"]
            scores = getattr(metrics, metric)(*pair, **options)
            trust = reliability(metric, *pair, seed, precision, **options)
            errors, recipe["reliability"] = trust.standard_errors, trust.as_dict()
        case "random":
            scores = metrics.random_scores(len(dataset.ids), key=seed)
        case _:
            scores = getattr(metrics, metric)(**arrays, **options)
    infinite = np.isinf(scores).sum()
    if infinite:
        raise InputError(
            f"{infinite} examples are infinite, and score files hold finite numbers: "
            'take never_learned="presentations"'
        )
    return scores_of(
        dataset,
        metric,
        scores,
        per_model=per_model,
        standard_errors=errors,
        recipe=recipe,
        seeds=(seed,),
    )


def _check_examples(dataset: DataSet, metric: str, arrays: dict[str, Any]) -> None:
    """Refuse, before any work is done, arrays of another number of examples.

    Raises:
        InputError: says which.
    """
    axes = {"embeddings": 0, "logits": -2, "correct": -1, "member": -1}
    if metric == "influence":  # it is on the test set
        del axes["correct"]
    for name, axis in axes.items():
        shape = np.shape(arrays.get(name, ()))
        if len(shape) > 1 and shape[axis] != len(dataset):
            raise InputError(
                f"{name} has {shape[axis]} examples, {dataset.name} {len(dataset)}: "
                f"its shape is {shape}"
            )


def read_array(path: Path | str) -> np.ndarray:
    """A .npy file, mapped into memory; objects, which would be run, are refused.

    Raises:
        InputError: no such file, another format, truncated.
    """
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
        if not isinstance(array, np.ndarray):
            raise ValueError("it is an .npz")
        return array
    except (OSError, ValueError, EOFError) as error:
        line = str(error).splitlines()[0]
        raise InputError(f"{path} is no .npy file of numbers ({line})") from error


def pixels_of(dataset: DataSet) -> Float[np.ndarray, "P d"]:
    """The pixels of each image in a row, scaled to [0, 1], float32.

    Raises:
        InputError: the images are not all in memory at one size.
    """
    if not isinstance(dataset, Images):
        raise InputError(
            f"images of {dataset.name} have many sizes: give embeddings, or decode "
            "them at one size"
        )
    flat = dataset.images.reshape(len(dataset), -1)
    return (flat / 255).astype(np.float32)
