"""Labels in files of other programs: arrays by name, such as those of CIFAR-10N.

The published ``CIFAR-10_human.pt`` and ``.npy`` hold a dictionary of arrays, each a set
of human labels of the same images.  Nothing in a file is run.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from perceptron_theory import InputError
from perceptron_theory.errors import first_line, unknown_name
from perceptron_theory.paths import expanded

from .array_files import SUFFIXES, ArrayFile, open_arrays
from .array_source import IDS, LABELS
from .file_kinds import instead
from .safe_pickle import safe_load

CLEAN = ("clean_label", "clean_labels", "clean")
"""Names of the labels that the others are wrong by."""
_TORCH = ".pt"
_SHORT = {"aggregate": "aggre_label"} | {
    f"random{i}": f"random_label{i}" for i in "123"
}


def open_labels(path: Path | str) -> ArrayFile:
    """The arrays in a file of labels, by name.

    Args:
        path: Of a file as :func:`.array_files.open_arrays` takes it, or a dictionary of
            NumPy's arrays in a .npy or, as PyTorch saves it, a .pt.

    Raises:
        InputError: There is no such file, it is of another kind, or it is damaged.
    """
    path = expanded(path)
    kind = path.suffix.lower()
    if kind not in (_TORCH, *SUFFIXES):
        ends = ", ".join((_TORCH, *SUFFIXES[:-1]))
        raise InputError(f"{path}: labels are read from {ends} or {SUFFIXES[-1]}")
    if kind not in (_TORCH, ".npy"):
        return open_arrays(path)
    if not path.is_file():
        why = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(f"{path} {why}: give a {kind} file")
    if kind == ".npy":
        return _of_npy(path)
    return _by_name(path, _of_torch(path))


def labels_named(file: ArrayFile, name: str | None) -> tuple[str, np.ndarray]:
    """The name of the labels that are meant, and they themselves.

    Args:
        file: Of :func:`open_labels`.
        name: As in the file, or without its "label": worse, aggregate, random1.  None
            where there is one alone that is not clean.

    Raises:
        InputError: No labels of this name, or several of which one has to be named.
    """
    if name is not None:
        for known in (name, f"{name}_label", f"{name}_labels", _SHORT.get(name, "")):
            if known and known in file:
                return known, file[known]
        raise InputError(f"{file.path}: {unknown_name('labels', name, list(file))}")
    named = file.named(LABELS)
    others = [one for one in file if one.lower() not in (*CLEAN, *IDS)]
    if named is None and len(others) != 1:
        raise InputError(
            f"{file.path} {file.says()}: which are the labels? Give FILE#NAME"
        )
    found = others[0] if named is None else named
    return found, file[found]


def _of_npy(path: Path) -> ArrayFile:
    file = open_arrays(path)
    array = file[""]
    if array.dtype.kind != "O":
        return file
    found = array.item() if array.ndim == 0 else None
    return _by_name(path, found)


def _of_torch(path: Path) -> Any:
    """The value in a file of ``torch.save``, if it is one of NumPy's arrays."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = [one for one in archive.namelist() if one.endswith("/data.pkl")]
            content = archive.read(names[0]) if names else b""
    except Exception as error:  # a damaged archive raises anything; none is run
        raise InputError(
            f"{path} is not a complete file of torch.save ({first_line(error)})"
            f"{instead(path)}"
        ) from error
    if not content:
        raise InputError(f"{path} is not a file of torch.save: it has no data.pkl")
    return safe_load(content, str(path))


def _by_name(path: Path, found: Any) -> ArrayFile:
    if not isinstance(found, Mapping) or not found:
        raise InputError(
            f"{path} holds no dictionary of arrays of labels: save one by "
            "numpy.savez(FILE, worse_label=..., clean_label=...)"
        )
    readers = {}
    for key, value in found.items():
        name = key.decode("utf-8", "replace") if isinstance(key, bytes) else str(key)
        try:
            array = np.asarray(value)
        except ValueError:  # lists of different lengths
            array = np.array(None)
        if array.dtype.kind not in "iuU" or array.ndim != 1:
            raise InputError(
                f"{path}: {name!r} is not a list of labels: give whole numbers or names"
            )
        readers[name] = partial(np.asarray, array)
    return ArrayFile(path, readers)
