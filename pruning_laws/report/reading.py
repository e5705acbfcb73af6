"""What the files of a result hold: facts, tables, pictures; or why they cannot tell."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import math
import os
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from perceptron_theory.errors import InputError
from perceptron_theory.text_files import read_text
from perceptron_theory.wording import in_degrees
from simulations.csv_files import delimiter_of
from simulations.parquet_files import read_table

from ..output import tables

if TYPE_CHECKING:
    import pandas as pd

HIDDEN = ("checkpoints", "cells", "partial")
"""Folders whose files are for programs only."""
FIRST = ("answer.txt", "comparison.png")  # of a comparison: what one looks for
# columns beside theta in tables of the theory and of simulations
_OURS = {"alpha_prune", "alpha_tot", "keep_fraction", "error", "overlap", "strategy"}
_NOT_FACTS = (b"ARROW:schema", b"pandas")  # how parquet stores, not what


@dataclass
class Section:
    """One file, as a page can show it.

    Attributes:
        name: path below the folder that was asked for.
        facts: what is said of the data: versions, seeds, settings.
        tables: by name.
        picture: a data URI.
        drawn: whether the picture was drawn from the data, whose tables then stay
            folded.
        failure: why nothing of the file can be shown.
    """

    name: str
    facts: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    picture: str = ""
    drawn: bool = False
    failure: str = ""


def read(path: Path) -> list[Section]:
    """Every file of a folder, or the one file.

    Raises:
        InputError: nothing there that can be shown.
        OSError: no such file or folder.
    """
    if path.is_file():
        sections = [_section(path, path.name)]
    elif path.is_dir():
        sections = list(_sections(path))
    else:
        raise FileNotFoundError(0, "no such file or folder", str(path))
    if all(section.failure for section in sections):
        why = "; ".join(f"{one.name}: {one.failure}" for one in sections[:3])
        raise InputError(f"{path} has nothing to report: {why or 'it is empty'}")
    return sorted(sections, key=_place)


def _place(section: Section) -> tuple[bool, int, bool, bool]:
    """An answer comes first, and what one looks at before the settings."""
    first = FIRST.index(section.name) if section.name in FIRST else len(FIRST)
    return first == len(FIRST), first, not section.picture, not section.tables


def _sections(root: Path) -> Iterator[Section]:
    for folder, folders, names in os.walk(root):
        folders.sort()
        for hidden in set(HIDDEN) & set(folders):
            folders.remove(hidden)
            place = (Path(folder) / hidden).relative_to(root)
            yield Section(f"{place}/", failure="not shown: it is for programs")
        for name in sorted(names):
            path = Path(folder) / name
            if not name.startswith("."):  # those are unfinished, or locks
                yield _section(path, str(path.relative_to(root)))


def _section(path: Path, name: str) -> Section:
    """The file; whatever is wrong with it is said there and stops no other."""
    reader = _READERS.get(path.suffix.lower())
    if reader is None:
        kind = f"files of the kind {path.suffix}" if path.suffix else "such files"
        return Section(name, failure=f"not shown: {kind} are not read")
    section = Section(name)
    try:
        reader(path, section)
        _angles_in_degrees(section)
    except ModuleNotFoundError as error:
        extra = "pip install 'pruning-laws[vision]'"
        return Section(name, failure=f"needs {error.name}: {extra}")
    except Exception as error:  # parsers fail in many ways on what is damaged
        message = " ".join(str(error).split()) or type(error).__name__
        return Section(name, failure=f"cannot be read: {message}")
    return section


def _angles_in_degrees(section: Section) -> None:
    """Show the angles of results of ours in degrees: their files have radians."""
    for name in [one for one in section.facts if one.rpartition(".")[2] == "theta"]:
        if (value := _number(section.facts[name])) is not None:
            section.facts[name] = f"{math.degrees(value):.6g}°"
    for key, table in section.tables.items():
        if "theta" not in table or not _OURS & set(table):
            continue
        if table["theta"].dtype.kind == "f":
            angles = table.assign(theta=table["theta"].map(math.degrees))
            section.tables[key] = angles.rename(columns={"theta": "theta (degrees)"})


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _netcdf(path: Path, section: Section) -> None:
    import h5netcdf
    import xarray as xr

    import perceptron_theory as pt
    from perceptron_theory.datasets import FORMAT

    with h5netcdf.File(path) as file:
        ours = file.attrs.get("format") == FORMAT
    # ours carry a checksum, which is verified
    load = pt.load_dataset if ours else xr.load_dataset
    dataset = load(path)
    section.facts = {str(key): value for key, value in dataset.attrs.items()}
    section.tables = tables(dataset)
    _draw(dataset, section)


def _draw_saved(path: Path, section: Section) -> None:
    """The picture of scores, of a run, an experiment or a comparison."""
    from figures.saved import load_result

    if path.parent.parent.name == "models":
        return  # one of an ensemble, which has a picture of them all
    with contextlib.suppress(InputError):  # of another program
        _draw(load_result(path), section)


def _draw(dataset: Any, section: Section) -> None:
    """The picture of a dataset that has one."""
    from figures import plotting, style

    try:
        with style.applied():
            content = io.BytesIO()
            plotting.plot(dataset).savefig(content, format="png")
    except InputError:
        return  # of no kind that has one, or with too much for one
    except Exception as error:  # of a file that is not ours it may fail in many ways
        section.facts["picture"] = f"could not be drawn: {error}"
        return
    data = base64.b64encode(content.getvalue()).decode()
    section.picture, section.drawn = f"data:image/png;base64,{data}", True


def _parquet(path: Path, section: Section) -> None:
    table = read_table(path, page_checksum_verification=True)
    said = table.schema.metadata or {}
    facts = {
        key.decode(errors="replace"): value.decode(errors="replace")
        for key, value in said.items()
        if key not in _NOT_FACTS
    }
    section.facts = dict(_flat(facts))
    section.tables = {"rows": table.to_pandas()}
    _draw_saved(path, section)


def _csv(path: Path, section: Section) -> None:
    import pandas as pd

    from figures.saved import TABLES

    text = read_text(path)
    rows = pd.read_csv(io.StringIO(text), sep=delimiter_of(text))
    section.tables = {"rows": rows}
    if path.name in TABLES and path.name != "costs.csv":  # whose picture is beside it
        _draw_saved(path, section)


def _json(path: Path, section: Section) -> None:
    section.facts = dict(_flat(json.loads(read_text(path))))


def _toml(path: Path, section: Section) -> None:
    section.facts = dict(_flat(tomllib.loads(read_text(path))))


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, str) and value.startswith("{"):  # JSON within a file
        with contextlib.suppress(ValueError):
            value = json.loads(value)
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{name}.{key}" if name else str(key))
    else:
        yield name or "value", value


def _picture(path: Path, section: Section) -> None:
    from PIL import Image  # comes with matplotlib

    with Image.open(path) as image:
        image.load()  # all of it, so that a damaged one is noticed
        kind = image.get_format_mimetype()
    data = base64.b64encode(path.read_bytes()).decode()
    section.picture = f"data:{kind};base64,{data}"


def _array(path: Path, section: Section) -> None:
    import numpy as np

    array = np.load(path, mmap_mode="r", allow_pickle=False)
    section.facts = {"shape": array.shape, "type": array.dtype}
    if array.size and array.dtype.kind in "biuf":
        section.facts |= {"least": array.min(), "largest": array.max()}
        section.facts |= {"mean": array.mean(dtype="float64")}


def _arrays(path: Path, section: Section) -> None:
    import numpy as np

    with np.load(path, allow_pickle=False) as members:
        for name in members.files:
            array = members[name]
            said = f"{array.dtype} {array.shape}" if array.ndim else array.item()
            section.facts |= dict(_flat(said, name))


def _text(path: Path, section: Section) -> None:
    import pandas as pd

    lines = read_text(path).split("\n")
    section.tables = {"lines": pd.DataFrame({"line": lines})}


_READERS: dict[str, Callable[[Path, Section], None]] = {
    ".csv": _csv,
    ".jpeg": _picture,
    ".jpg": _picture,
    ".json": _json,
    ".nc": _netcdf,
    ".npy": _array,
    ".npz": _arrays,
    ".parquet": _parquet,
    ".png": _picture,
    ".toml": _toml,
    ".txt": _text,
}


def shown(value: Any) -> str:
    """A value as the page has it: numbers to six digits."""
    if hasattr(value, "item") and getattr(value, "size", 0) == 1:
        value = value.item()
    if isinstance(value, float):
        return "" if math.isnan(value) else f"{value:.6g}"
    return in_degrees(str(value))
