"""Grid results on disk: NetCDF files that appear whole or not at all.

The attribute ``checksum`` of a file is the SHA-256 of the file itself, with the digits
of the checksum as zeros: a file that was damaged later is noticed before it is parsed.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import InputError
from .numerics.checks import truth_value
from .paths import expanded

if TYPE_CHECKING:
    import xarray as xr

FORMAT = "pruning-laws dataset"
FORMAT_VERSION = 2
UNCHECKED_VERSION = 1  # the same without a checksum
_BLANK = b"sha256:" + 64 * b"0"
_CHECKSUM = re.compile(b"sha256:[0-9a-f]{64}")


def save_dataset(
    dataset: xr.Dataset, path: str | os.PathLike[str], overwrite: bool = False
) -> None:
    """Write a dataset, with the versions that made it, to a NetCDF file.

    The file is complete in memory, and then beside its place, before it gets its name:
    neither a full disk nor an interruption leaves a part of it.

    Args:
        dataset: variables and attributes that NetCDF can hold.
        path: the file.
        overwrite: replace the file if it exists.

    Raises:
        FileExistsError: the file exists and ``overwrite`` is not set.
        OSError: it cannot be written; the error names ``path``.
    """
    import h5netcdf
    from xarray.backends import H5NetCDFStore

    overwrite = truth_value("overwrite", overwrite)
    path = expanded(path)
    if path.exists() and not overwrite:
        raise FileExistsError(
            errno.EEXIST, "exists; overwrite=True replaces it", str(path)
        )
    content = io.BytesIO()
    with h5netcdf.File(content, "w") as file:
        dataset.assign_attrs(_provenance()).dump_to_store(H5NetCDFStore(file))
    blank = content.getvalue()
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as out:
            out.write(blank.replace(_BLANK, _checksum(blank)))
            out.flush()
            os.fsync(out.fileno())
        os.replace(part, path)
    except OSError as error:  # named by the file that was asked for
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        part.unlink(missing_ok=True)


def load_dataset(path: str | os.PathLike[str]) -> xr.Dataset:
    """Read a file that :func:`save_dataset` wrote, whole, into memory.

    Raises:
        InputError: the file is missing, damaged, of another program or of another
            version of the format.
        OSError: it cannot be read.
    """
    import xarray as xr

    path = expanded(path)
    if not path.is_file():
        raise InputError(f"{str(path)!r} is not a file: check the path")
    content = path.read_bytes()
    found = _CHECKSUM.search(content)
    if found and found.group() != _checksum(content.replace(found.group(), _BLANK)):
        raise _damaged(path)
    try:
        with xr.open_dataset(io.BytesIO(content), engine="h5netcdf") as file:
            dataset = file.load()
    except Exception as error:  # h5py raises all sorts of them
        raise InputError(
            f"{str(path)!r} is not a complete NetCDF file: it is damaged or of another "
            "kind; write it again with save_dataset"
        ) from error
    kind = dataset.attrs.get("format")
    if kind != FORMAT:
        raise InputError(
            f"{str(path)!r} was not written by save_dataset: its attribute 'format' "
            f"is {kind!r}, not {FORMAT!r}"
        )
    number = dataset.attrs.get("format_version")
    if number not in (UNCHECKED_VERSION, FORMAT_VERSION):
        raise InputError(
            f"{str(path)!r} has format version {number}, this program reads version "
            f"{FORMAT_VERSION}: write it again with this version"
        )
    if number == FORMAT_VERSION and not found:
        raise _damaged(path)
    dataset.attrs.pop("checksum", None)  # of the file, not of the data
    return dataset


def _checksum(blank: bytes) -> bytes:
    return b"sha256:" + hashlib.sha256(blank).hexdigest().encode()


def _damaged(path: Path) -> InputError:
    return InputError(
        f"{str(path)!r} is damaged: its content does not match its checksum; write it "
        "again with save_dataset"
    )


def _provenance() -> dict[str, str | int]:
    import jax

    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "checksum": _BLANK.decode(),
        "pruning_laws_version": version("pruning-laws"),
        "python_version": platform.python_version(),
        "jax_version": jax.__version__,
    }
