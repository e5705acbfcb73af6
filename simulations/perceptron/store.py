"""Finished draws on disk: one file a (point, N), each written whole or not at all.

A folder holds the draws of one seed.  Every file names the format, point, N and seed
it belongs to, and is refused if they are not those asked for: a validation continues
its own draws and never adopts another's.
"""

from __future__ import annotations

import contextlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr

from perceptron_theory import InputError

from .experiment import Draws, realisable_sizes, simulate
from .point import Point

# Raise it whenever the draws of a given seed change.
_FORMAT = "pruning-laws draws 1"
_HEADER = "config.json"


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside ``path``, then move it there: never half a file.

    Raises:
        OSError: full disk, no permission; what was at ``path`` is still there.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        write(partial)
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            partial.unlink()


class Store:
    """Draws of one seed in a folder, kept from run to run."""

    def __init__(self, folder: str | os.PathLike, *, seed: int, resume: bool = True):
        """Open or create the folder.

        Raises:
            InputError: the folder holds something else, or another seed's draws, or
                draws at all while ``resume`` is False.
        """
        self.folder, self.seed = Path(folder), seed
        header = self.folder / _HEADER
        config = {"format": _FORMAT, "seed": seed}
        if self.folder.exists() and not self.folder.is_dir():
            raise InputError(f"output {self.folder} is a file: give a folder")
        # a run that was killed may have left half of a file beside it
        if any(not path.match(".*.partial") for path in self.folder.glob("*")):
            if not resume:
                raise InputError(
                    f"output {self.folder} exists: resume it or choose another folder"
                )
            found = _read_json(header)
            if found != config:
                holds = json.dumps(found) if found else "something else than draws"
                raise InputError(
                    f"output {self.folder} holds {holds}, not {json.dumps(config)}: "
                    "choose another folder"
                )
        self.folder.mkdir(parents=True, exist_ok=True)
        if not header.exists():
            write_whole(header, lambda path: path.write_text(json.dumps(config) + "\n"))

    def path(self, point: Point, size: int) -> Path:
        """The file of a point at input dimension N."""
        return self.folder / f"draws-{point.stream:08x}-N{size}.npz"

    def load(self, point: Point, size: int) -> xr.Dataset | None:
        """The finished draws, or None.

        Raises:
            InputError: the file is damaged or of another experiment.
        """
        path = self.path(point, size)
        if not path.exists():
            return None
        try:
            # opened here, for NumPy leaves a damaged file open
            with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                attrs = json.loads(str(file["attrs"]))
                columns = {name: file[name] for name in Draws._fields}
            lengths = {len(column) for column in columns.values()}
            if len(lengths) != 1:
                raise ValueError("columns of different lengths")
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
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

    def extend(self, point: Point, size: int, draws: int) -> xr.Dataset:
        """At least ``draws`` draws: those on disk and, once made, the missing ones."""
        found = self.load(point, size)
        have = 0 if found is None else found.sizes["draw"]
        if found is not None and have >= draws:
            return found
        merged = simulate(
            point, size=size, draws=draws - have, seed=self.seed, first=have
        ).drop_vars("draw")
        if found is not None:
            merged = xr.concat([found, merged], "draw")
        merged.attrs = self._attrs(point, size)
        columns = {name: merged[name].values for name in Draws._fields}
        columns["attrs"] = np.array(json.dumps(merged.attrs))

        def write(path: Path) -> None:
            with path.open("wb") as file:
                np.savez(file, **columns)  # type: ignore[arg-type] # no allow_pickle

        write_whole(self.path(point, size), write)
        return merged

    def _attrs(self, point: Point, size: int) -> dict:
        pool, _ = realisable_sizes(point, size)
        return {
            "format": _FORMAT,
            "point": point.label,
            "N": size,
            "pool": pool,
            "seed": self.seed,
        }


def _read_json(path: Path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None
