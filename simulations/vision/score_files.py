"""Score files: scores, and what they are scores of.

A parquet file of one row an example, in the order of the data set: ``example_id``,
``label``, ``score`` and, where several models were averaged, ``model_0`` and so on, or
``standard_error`` where the spread of the models gave one.
Its metadata says by which metric, data set and recipe.  High = keep in every file.
Pages carry checksums, so that a damaged file is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import InputError
from perceptron_theory.errors import first_line
from perceptron_theory.paths import expanded
from perceptron_theory.text_files import record_of

from ..files import write_whole
from ..parquet_files import read_schema, read_table, write_table
from . import inputs
from .data.encoded import DataSet
from .data.images import checked_ids
from .data.images import fingerprint as hash_of
from .optional import require

_KEY = b"pruning-laws scores"
_FORMAT = 1
DIRECTION = "high = keep"
_ABOUT = {
    "metric": str,
    "dataset": str,
    "fingerprint": str,
    "recipe": dict,
    "seeds": list,
    "versions": dict,
}
_PACKAGES = ("pruning-laws", "jax", "numpy")


@dataclass(frozen=True)
class Scores:
    """Scores of a data set by one metric; checked as they are made."""

    metric: str
    scores: Float[np.ndarray, " P"]
    """High = keep."""
    ids: tuple[str, ...]
    labels: Int[np.ndarray, " P"]
    dataset: str
    """The name of the data set, for the reader."""
    fingerprint: str
    """That of the data set: ids, labels and pixels in their order."""
    per_model: Float[np.ndarray, "K P"] | None = None
    standard_errors: Float[np.ndarray, " P"] | None = None
    """Standard errors of the scores over the models; NaN where not known."""
    recipe: Mapping[str, Any] = field(default_factory=dict)
    """How the models were trained and the metric taken; values of JSON."""
    seeds: tuple[int, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    """Versions of the packages that computed the scores."""
    class_names: tuple[str, ...] = ()
    """Of the labels, from 0 on; empty where they are not known."""

    def __post_init__(self) -> None:
        ids = checked_ids(self.dataset, self.ids, len(self.ids))
        object.__setattr__(self, "ids", ids)
        name = f"scores of {self.metric}"
        given = inputs.of_examples(name, self.scores, self.ids)
        scores = inputs.real_array(name, given, "P")
        object.__setattr__(self, "scores", scores.astype(np.float64))
        named = inputs.of_examples("labels", self.labels, self.ids)
        labels = inputs.label_array("labels", named, count=len(scores))
        object.__setattr__(self, "labels", labels)
        if self.class_names and labels.max(initial=-1) >= len(self.class_names):
            names = len(self.class_names)
            raise InputError(f"label {labels.max()} has no name among {names} classes")
        if len(ids) != len(scores):
            raise InputError(
                f"{self.dataset}: {len(ids)} ids for {len(scores)} examples"
            )
        if self.standard_errors is not None:
            given = inputs.of_examples("standard_errors", self.standard_errors, ids)
            errors = _errors(given, len(scores))
            object.__setattr__(self, "standard_errors", errors)
        if self.per_model is None:
            return
        given = inputs.of_examples("per_model", self.per_model, ids, examples=1)
        each = inputs.real_array("per_model", given, "K", "P")
        if each.shape[1] != len(scores):
            raise InputError(
                f"per_model has {each.shape[1]} examples and scores {len(scores)}"
            )
        object.__setattr__(self, "per_model", each.astype(np.float64))

    def class_name(self, label: int) -> str:
        """The name of a class; its number where names are not known."""
        return self.class_names[label] if self.class_names else str(label)

    def check_dataset(self, dataset: DataSet | Scores) -> None:
        """Refuse another data set, or the same in another order.

        Raises:
            InputError: the fingerprint is another; says what differs.
        """
        what = "" if self.fingerprint == dataset.fingerprint else "other pixels"
        if set(self.ids) != set(dataset.ids):
            what = "other examples"
        elif self.ids != dataset.ids:
            what = "another order"
        elif not np.array_equal(self.labels, dataset.labels):
            what = "other labels"
        if not what:
            return
        name = dataset.dataset if isinstance(dataset, Scores) else dataset.name
        raise InputError(
            f"the scores are of {self.dataset} ({self.fingerprint[:12]}), the data set "
            f"is {name} ({dataset.fingerprint[:12]}): {what}"
        )


def _errors(value: Any, count: int) -> Float[np.ndarray, " P"]:
    """Standard errors, which may be NaN where they are not known."""
    array = inputs.plain_array("standard_errors", value)
    if not inputs.is_real(array.dtype) or array.shape != (count,):
        raise InputError(
            f"standard_errors must be {count} numbers, got {array.dtype} of shape "
            f"{array.shape}"
        )
    return np.array(inputs.in_float64(array))


def scores_of(
    dataset: DataSet,
    metric: str,
    scores: Any,
    *,
    per_model: Any = None,
    standard_errors: Any = None,
    recipe: Mapping[str, Any] | None = None,
    seeds: Sequence[int] = (),
) -> Scores:
    """Scores with everything that is known of ``dataset`` and of this installation.

    Raises:
        InputError: another number of scores than examples, NaN.
    """
    return Scores(
        metric=metric,
        scores=scores,
        ids=dataset.ids,
        labels=dataset.labels,
        dataset=dataset.name,
        fingerprint=dataset.fingerprint,
        per_model=per_model,
        standard_errors=standard_errors,
        recipe=dict(recipe or {}),
        seeds=tuple(int(seed) for seed in seeds),
        versions={package: version(package) for package in _PACKAGES},
        class_names=tuple(map(str, dataset.class_names)),
    )


def write_scores(path: Path | str, scores: Scores, *, overwrite: bool = False) -> None:
    """Write a score file, whole or not at all.

    Raises:
        InputError: another suffix than .parquet, a recipe that is no JSON.
        OSError: the file exists, or cannot be written.
    """
    require("pyarrow", "a score file")
    import pyarrow as pa

    overwrite = inputs.truth_value("overwrite", overwrite)
    path = expanded(path)
    if path.suffix != ".parquet":
        raise InputError(f"{path.name!r}: score files end in .parquet")
    if path.exists() and not overwrite:
        raise FileExistsError(0, "exists; overwrite replaces it", str(path))
    about = {
        "format": _FORMAT,
        "metric": scores.metric,
        "direction": DIRECTION,
        "dataset": scores.dataset,
        "fingerprint": scores.fingerprint,
        "rows": hash_of(scores.ids, scores.labels),
        "recipe": dict(scores.recipe),
        "seeds": list(scores.seeds),
        "versions": dict(scores.versions),
        "class_names": list(scores.class_names),
    }
    try:
        text = json.dumps(about, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"the recipe is not JSON: {error}") from error
    columns = {
        "example_id": pa.array(scores.ids, pa.string()),
        "label": pa.array(scores.labels, pa.int64()),
        "score": pa.array(scores.scores, pa.float64()),
    }
    for i, one in enumerate(scores.per_model if scores.per_model is not None else ()):
        columns[f"model_{i}"] = pa.array(one, pa.float64())
    if scores.standard_errors is not None:
        columns["standard_error"] = pa.array(scores.standard_errors, pa.float64())
    table = pa.table(columns).replace_schema_metadata({_KEY: text.encode()})
    write_whole(path, lambda part: write_table(part, table, write_page_checksum=True))


def is_score_file(path: Path) -> bool:
    """Whether a parquet file says that it is one of ours, or cannot be read."""
    require("pyarrow", "a score file")
    import pyarrow as pa

    try:
        return _KEY in (read_schema(path).metadata or {})
    except (pa.ArrowException, OSError):
        return True


def dataset_of(path: Path) -> str | None:
    """The name of the data set that a score file is of; None if it says none."""
    require("pyarrow", "a score file")
    import pyarrow as pa

    try:
        metadata = read_schema(path).metadata or {}
        return str(record_of(metadata[_KEY])["dataset"])
    except (pa.ArrowException, OSError, InputError, KeyError):
        return None


def read_scores(path: Path | str, dataset: DataSet | Scores | None = None) -> Scores:
    """Read a score file; with ``dataset``, refuse it if it is not of that.

    Raises:
        InputError: no such file, no score file, damaged, NaN, another data set.
    """
    require("pyarrow", "a score file")
    import pyarrow as pa

    path = expanded(path)
    if not path.is_file():
        raise InputError(f"{path} does not exist: give a score file")
    try:
        table = read_table(path, page_checksum_verification=True)
        table.validate(full=True)  # text that is none, indices beyond the end
        names = set(table.column_names)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} is not a complete parquet file ({first_line(error)})"
        ) from error
    about = _about(path, table.schema.metadata or {})
    if len(names) != table.num_columns:
        raise InputError(
            f"{path} is not a score file: several of its columns have the same name"
        )
    models = sum(name.startswith("model_") for name in names)
    wanted = {"example_id", "label", "score"} | {f"model_{i}" for i in range(models)}
    if names - {"standard_error"} != wanted or any(
        table[name].null_count for name in names
    ):
        raise InputError(f"{path} lacks columns or values of a score file")
    each = [table[f"model_{i}"].to_numpy() for i in range(models)]
    try:
        scores = Scores(
            metric=about["metric"],
            scores=table["score"].to_numpy(),
            ids=tuple(table["example_id"].to_pylist()),
            labels=table["label"].to_numpy(),
            dataset=about["dataset"],
            fingerprint=about["fingerprint"],
            per_model=np.stack(each) if each else None,
            standard_errors=table["standard_error"].to_numpy()
            if "standard_error" in names
            else None,
            recipe=about["recipe"],
            seeds=tuple(about["seeds"]),
            versions=about["versions"],
            class_names=_names(about),
        )
        rows = hash_of(scores.ids, scores.labels)
        if about.get("rows", rows) != rows:  # the first files have none
            raise InputError("rows are not those, or not in the order, of the data set")
        if dataset is not None:
            scores.check_dataset(dataset)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return scores


def _names(about: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the classes, which the first files do not have."""
    names = about.get("class_names", [])
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise InputError("damaged metadata (class_names)")
    return tuple(names)


def _about(path: Path, metadata: Mapping[bytes, bytes]) -> dict[str, Any]:
    if _KEY not in metadata:
        raise InputError(
            f"{path} is not a score file of pruning-laws: "
            "simulations.vision.own_scores reads scores of your own"
        )
    try:
        about = record_of(metadata[_KEY])
    except InputError as error:
        raise InputError(f"{path} has damaged metadata ({error})") from error
    if about.get("format") != _FORMAT:
        raise InputError(
            f"{path} has the format {about.get('format')}, this version reads "
            f"{_FORMAT}: write it again or install the version that wrote it"
        )
    if about.get("direction") != DIRECTION:
        raise InputError(
            f"{path} has the direction {about.get('direction')!r}, not {DIRECTION!r}"
        )
    for name, kind in _ABOUT.items():
        if not isinstance(about.get(name), kind):
            raise InputError(f"{path} has damaged metadata (no {name})")
    return about
