"""Arrays of MATLAB's .mat files: versions 4 to 7 by SciPy, version 7.3 by h5py."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from perceptron_theory import InputError

from .file_kinds import HDF5, MAT_5, MAT_7, instead_of
from .mat_tags import checked_mat_5, is_mat_5, names_of_mat_5

_HDF5 = b"\x89HDF"
_HEADER = 512  # bytes before the HDF5 file in one of version 7.3


def read_mat(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Arrays of numbers in a .mat file, by name.

    Raises:
        InputError: The file is damaged or something else, an array is missing, or is
            no array of numbers: it says what it is.
    """
    content = path.read_bytes()
    try:
        if content[:4] == _HDF5 or content[_HEADER : _HEADER + 4] == _HDF5:
            found = _of_hdf5(content, names)
        else:
            found = read_mat_7(content, names)
    except Exception as error:  # a damaged file raises anything; none is run
        raise InputError(
            f"{path} is not a complete .mat file ({type(error).__name__})"
            f"{instead_of(content, MAT_5, MAT_7, HDF5)}"
        ) from error
    missing = [name for name in names if name not in found]
    if missing:
        held = ", ".join(name for name in _names(content) if name.isprintable())
        raise InputError(
            f"{path} does not hold {' and '.join(names)}" + f", but {held}" * bool(held)
        )
    for name in names:
        kind = _kind(found[name])
        if kind is not None:
            raise InputError(
                f"{path}: {name} is {kind}, not an array of numbers: save it as one"
            )
    return {name: np.asarray(found[name]) for name in names}


def read_mat_7(content: bytes, names: Sequence[str], **options: Any) -> dict[str, Any]:
    """SciPy's ``loadmat`` of a file up to version 7, which no damage makes it crash."""
    if is_mat_5(content):
        content = checked_mat_5(content, names)
    return loadmat(io.BytesIO(content), variable_names=list(names), **options)


def _of_hdf5(content: bytes, names: Sequence[str]) -> dict[str, Any]:
    """With the axes in MATLAB's order; what is no array stays a word for what it is."""
    import h5py

    found: dict[str, Any] = {}
    with h5py.File(io.BytesIO(content), "r") as file:
        for name in names:
            part: Any = file.get(name)
            if part is None:
                continue
            kind = part.attrs.get("MATLAB_class", b"")
            kind = kind.decode() if isinstance(kind, bytes) else str(kind)
            if isinstance(part, h5py.Dataset) and part.dtype.kind in "biuf":
                found[name] = kind if kind == "char" else part[()].T
            else:
                found[name] = kind or "struct"
    return found


def _names(content: bytes) -> list[str]:
    """What a .mat file that was read holds; nothing of one of version 4."""
    if content[:4] == _HDF5 or content[_HEADER : _HEADER + 4] == _HDF5:
        import h5py

        with h5py.File(io.BytesIO(content), "r") as file:
            return [str(name) for name in file if not str(name).startswith("#")]
    return names_of_mat_5(content) if is_mat_5(content) else []


def _kind(value: Any) -> str | None:
    """What a variable is, if it is no array of numbers."""
    if isinstance(value, str):
        return {"cell": "a cell array", "char": "text"}.get(value, f"a {value}")
    if not isinstance(value, np.ndarray):
        return "a sparse matrix"
    if value.dtype.names:
        return "a struct"
    if value.dtype == object:
        return "a cell array"
    if value.dtype.kind not in "biuf":
        return "text" if value.dtype.kind in "US" else f"of {value.dtype}"
    return None
