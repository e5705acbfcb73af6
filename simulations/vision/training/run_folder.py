"""The folder of a run: made for one plan, and refused to every other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from perceptron_theory import InputError
from perceptron_theory.text_files import read_record

from ...files import write_npy, write_whole
from .plan import Plan
from .recipe_files import write_recipe

_ABOUT = "about.json"
# what about.json says besides; the weights depend on it by rounding at most
NOTES = ("devices", "models", "seeds", "way", "measured", "versions", "initial")


def claim(folder: Path, plan: Plan) -> None:
    """Make the folder that of this plan, or refuse it.

    Raises:
        InputError: it holds something else.
    """
    if about(folder, plan.signature) is not None or not reports():
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_recipe(folder / "recipe.toml", plan.recipe)
    if plan.ids is not None:
        member = np.isin(np.arange(len(plan.dataset)), plan.kept)
        write_npy(folder / "member.npy", member)
    notes: dict[str, Any] = {"devices": plan.placement.says}
    if plan.initial is not None:
        notes["initial"] = plan.initial.source
    write_about(folder, plan.signature | notes)


def about(folder: Path, signature: dict[str, Any]) -> dict[str, Any] | None:
    """What a folder says of itself; None if it is new or empty.

    Raises:
        InputError: it is of something with another signature, or of nothing known.
    """
    found = read_about(folder)
    if found is not None:
        check_same(found, signature, folder)
    elif folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} holds something else: give a new folder")
    return found


def read_about(folder: Path) -> dict[str, Any] | None:
    """The contents of about.json; None if there is none.

    Raises:
        InputError: it is damaged.
    """
    path = folder / _ABOUT
    if not path.exists():
        return None
    try:
        return read_record(path)
    except InputError as error:
        raise InputError(f"{path} is damaged ({error}): delete it") from error


def write_about(folder: Path, values: dict[str, Any]) -> None:
    """Write about.json, whole or not at all."""
    text = json.dumps(values, indent=2)
    write_whole(folder / _ABOUT, lambda part: part.write_text(text + "\n"))


def check_same(found: dict[str, Any], signature: dict[str, Any], folder: Path) -> None:
    """Refuse to resume another run, with the first thing that differs.

    Raises:
        InputError: something does.
    """
    theirs, ours = _flat(found), _flat(signature)
    for name in {**ours, **theirs}:
        if name not in NOTES and theirs.get(name) != ours.get(name):
            raise InputError(
                f"{folder} was trained with {name} {theirs.get(name)!r}, this is "
                f"{ours.get(name)!r}: resume with the same, or give a new folder"
            )


def _flat(signature: dict[str, Any]) -> dict[str, Any]:
    rest = {name: value for name, value in signature.items() if name != "recipe"}
    return dict(signature.get("recipe", {})) | rest


def reports() -> bool:
    """Whether this host writes: the others compute the same."""
    return jax.process_index() == 0
