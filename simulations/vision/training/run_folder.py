"""The folder of a run: made for one plan, and refused to every other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jax
import numpy as np

from perceptron_theory import InputError

from ...files import write_npy, write_whole
from .plan import Plan
from .recipe_files import write_recipe

ABOUT = "about.json"


def claim(folder: Path, plan: Plan) -> None:
    """Make the folder that of this plan, or refuse it.

    Raises:
        InputError: it holds something else.
    """
    about = folder / ABOUT
    if about.exists():
        try:
            found = json.loads(about.read_text())
        except ValueError as error:
            raise InputError(f"{about} is damaged ({error}): delete it") from error
        check_same(found, plan, folder)
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise InputError(f"{folder} holds something else: give a new folder")
    if not reports():
        return
    folder.mkdir(parents=True, exist_ok=True)
    write_recipe(folder / "recipe.toml", plan.recipe)
    if plan.ids is not None:
        member = np.isin(np.arange(len(plan.dataset)), plan.kept)
        write_npy(folder / "member.npy", member)
    text = json.dumps(plan.signature, indent=2)
    write_whole(about, lambda part: part.write_text(text + "\n"))


def check_same(found: dict[str, Any], plan: Plan, folder: Path) -> None:
    """Refuse to resume another run, with the first thing that differs.

    Raises:
        InputError: something does.
    """
    theirs, ours = _flat(found), _flat(plan.signature)
    for name in {**ours, **theirs}:
        if theirs.get(name) != ours.get(name):
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
