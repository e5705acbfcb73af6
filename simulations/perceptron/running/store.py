"""Finished draws on disk: one file a (point, N), each written whole or not at all.

A folder holds the draws of one seed and one kind of pool.  Every file names the format,
point, student, N and seed it belongs to, and is refused if they are not those asked
for: a run continues its own draws and never adopts another's.  Members of the files
carry checksums (they are zip archives).

Any number of runs may share a folder, on one machine or on several with a common file
system: a run locks the file it is adding to, which the system undoes should the run
die, and the others work on other files meanwhile.
"""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import filelock
import jax
import numpy as np
import xarray as xr

from perceptron_theory import InputError
from perceptron_theory.paths import expanded
from perceptron_theory.text_files import read_record, record_of

from ...files import write_whole
from ..data.requests import check_mode
from ..naming import require, whole_number
from .point import Point

# Raise this number whenever the draws of a given seed change.
_FORMAT = "pruning-laws draws 2"
_HEADER = "config.json"
# What reading a damaged zip archive or array may raise.
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
)
_REQUIRED = ("error", "overlap", "probe_overlap", "certificate", "kept")


class Store:
    """Draws of one seed in a folder, kept from run to run."""

    def __init__(
        self,
        folder: str | os.PathLike,
        *,
        seed: int,
        pool: str = "drawn",
        resume: bool = True,
    ):
        """Open or create the folder.

        Raises:
            InputError: the folder holds something else, or other draws, or any draws
                while ``resume`` is False.
        """
        check_mode(pool)
        seed = whole_number(seed, "seed")
        require(0 <= seed < 2**63, "seed must lie in 0 .. 2^63 - 1", seed)
        self.folder, self.seed, self.pool = expanded(folder), seed, pool
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"output {self.folder} is a file: give a folder")
        self._check(resume)  # nothing is written into a folder of something else
        self.folder.mkdir(parents=True, exist_ok=True)
        header = self.folder / _HEADER
        # of two runs that begin a folder at once, one finds the header of the other
        with filelock.FileLock(header.with_name(f".{_HEADER}.lock")):
            self._check(resume)
            if not header.exists():
                text = json.dumps(self._config()) + "\n"
                write_whole(header, lambda path: path.write_text(text))

    def _config(self) -> dict:
        return {"format": _FORMAT, "seed": self.seed, "pool": self.pool}

    def _check(self, resume: bool) -> None:
        """Refuse a folder that holds anything but the draws of this run."""
        # a run that was killed may have left half of a file beside it
        if all(path.match(".*") for path in self.folder.glob("*")):
            return
        if not resume:
            raise InputError(
                f"output {self.folder} exists: resume it or choose another folder"
            )
        found, config = _read_json(self.folder / _HEADER), self._config()
        if found != config:
            holds = json.dumps(found) if found else "something else than draws"
            raise InputError(
                f"output {self.folder} holds {holds}, not {json.dumps(config)}: "
                "choose another folder"
            )

    def path(self, point: Point, size: int) -> Path:
        """The file of a point at input dimension N."""
        name = point.student_name
        student = "" if name == "max_margin" else f"-{zlib.crc32(name.encode()):08x}"
        return self.folder / f"draws-{point.stream:08x}-N{size}{student}.npz"

    def load(self, point: Point, size: int) -> xr.Dataset | None:
        """The finished draws, or None.

        Raises:
            InputError: the file is damaged or of another experiment.
        """
        path = self.path(point, size)
        if not path.exists():
            return None
        try:
            attrs, columns = _read_columns(path)
        except _DAMAGE as error:
            raise InputError(
                f"{path} is damaged ({error}): delete it to draw these again"
            ) from error
        wanted = self._attrs(point, size)
        if attrs != wanted:
            raise InputError(
                f"{path} holds {json.dumps(attrs)}, not {json.dumps(wanted)}: delete "
                "it or choose another folder"
            )
        return xr.Dataset(
            {name: ("draw", column) for name, column in columns.items()}, attrs=attrs
        )

    def append(
        self, point: Point, size: int, found: xr.Dataset | None, new: xr.Dataset
    ) -> xr.Dataset:
        """Add draws to those ``found``, write all of them, and return them.

        Raises:
            OSError: they could not be written; those found are still there.
        """
        merged = new.drop_vars("draw", errors="ignore")
        if found is not None:
            merged = xr.concat([found, merged], "draw")
        merged.attrs = self._attrs(point, size)
        columns = {str(name): merged[name].values for name in merged.data_vars}
        columns["attrs"] = np.array(json.dumps(merged.attrs))

        def write(path: Path) -> None:
            with path.open("wb") as file:
                np.savez(file, **columns)  # type: ignore[arg-type] # no allow_pickle

        write_whole(self.path(point, size), write)
        return merged

    @contextlib.contextmanager
    def lock(self, point: Point, size: int, *, wait: bool) -> Iterator[bool]:
        """Hold the file of a point against other runs; False if another holds it."""
        path = self.path(point, size)
        lock = filelock.FileLock(path.with_name(f".{path.name}.lock"))
        try:
            lock.acquire(timeout=-1 if wait else 0)
        except filelock.Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def _attrs(self, point: Point, size: int) -> dict:
        total, _ = point.pool_sizes(size)
        return {
            "format": _FORMAT,
            "point": point.label,
            "student": point.student_name,
            "N": size,
            "pool": total,
            "seed": self.seed,
        }


@contextlib.contextmanager
def open_store(
    output: str | os.PathLike | None,
    *,
    seed: int,
    pool: str = "drawn",
    resume: bool = True,
) -> Iterator[Store]:
    """The store in a folder; one that is thrown away if ``output`` is None.

    Only the first of the hosts of one run has the folder.

    Raises:
        InputError: :class:`Store` refuses the folder.
    """
    if output is not None and jax.process_index() == 0:
        yield Store(output, seed=seed, pool=pool, resume=resume)
        return
    with TemporaryDirectory() as folder:
        yield Store(folder, seed=seed, pool=pool)


def _read_columns(path: Path) -> tuple[dict, dict[str, np.ndarray]]:
    # opened here, for NumPy leaves a damaged file open
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        attrs = record_of(str(file["attrs"]))
        columns = {name: file[name] for name in file.files if name != "attrs"}
    if not set(_REQUIRED) <= set(columns) or "draw" in columns:
        raise ValueError("not the columns of draws")
    shapes = {column.shape for column in columns.values()}
    if len(shapes) != 1 or len(shape := shapes.pop()) != 1 or not shape[0]:
        raise ValueError("columns of different or of no length")
    if any(column.dtype.kind not in "biuf" for column in columns.values()):
        raise ValueError("columns that are not numbers")
    if not np.isfinite(columns["error"]).all():
        raise ValueError("errors that are not finite")
    return attrs, columns


def _read_json(path: Path):
    try:
        return read_record(path)
    except (OSError, InputError):
        return None
