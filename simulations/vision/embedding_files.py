"""Files of embeddings, and a record of what each holds.

The record is a file of JSON beside the .npy, with its name: what the network was, and
the fingerprint of the data set, so that embeddings of another one are refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from perceptron_theory import InputError
from perceptron_theory.text_files import read_record

from ..files import write_npy_rows, write_whole
from .data.encoded import DataSet

NO_NETWORK = "none: the pixels"
"""The network in the record of embeddings that are the pixels."""


def record_path(path: Path) -> Path:
    """Where the record of a file of embeddings is."""
    return path.with_suffix(".json")


def write_embeddings(
    path: Path,
    batches: Iterable[tuple[Int[np.ndarray, " n"], Float[np.ndarray, "n d"]]],
    dataset: DataSet,
    source: dict[str, Any],
) -> None:
    """Write embeddings, never all in memory, and their record, each whole or not.

    A stop between the two leaves embeddings without a record, not with a wrong one.

    Args:
        path: of the .npy file.
        batches: rows of the data set, and their embeddings.
        dataset: what they are of.
        source: what made them; values of JSON.

    Raises:
        OSError: full disk, no permission.
    """
    record_path(path).unlink(missing_ok=True)
    write_npy_rows(path, batches, len(dataset))
    about = {"dataset": dataset.name, "fingerprint": dataset.fingerprint}
    about |= {"examples": len(dataset), "source": source}
    text = json.dumps(about, indent=2) + "\n"
    write_whole(record_path(path), lambda part: part.write_text(text))


def maker_of(path: Path) -> str:
    """What made the embeddings in a file, in a word or two; "an unknown network"."""
    beside = record_path(path)
    source = read_record(beside).get("source", {}) if beside.exists() else {}
    source = source.get("run", {}).get("recipe", source)  # of a network of ours
    network = str(source.get("network", "an unknown network"))
    return "no network: the pixels" if network == NO_NETWORK else network


def check_record(path: Path, dataset: DataSet) -> dict[str, Any] | None:
    """What made the embeddings in a file, by its record; None if it has none.

    Raises:
        InputError: they are of another data set, or the record is damaged.
    """
    beside = record_path(path)
    if not beside.exists():
        return None
    try:
        about = read_record(beside)
        theirs, source = about.get("fingerprint"), about.get("source")
        if not isinstance(theirs, str) or not isinstance(source, dict):
            raise InputError("it lacks fingerprint or source")
    except (OSError, InputError) as error:
        raise InputError(
            f"{beside} is not a record of embeddings ({error}): delete it if "
            f"{path.name} "
            "needs none"
        ) from error
    if theirs != dataset.fingerprint:
        raise InputError(
            f"{path} has embeddings of {about.get('dataset')} ({theirs[:12]}), the "
            f"data set is {dataset.name} ({dataset.fingerprint[:12]}): embed that one"
        )
    return source
