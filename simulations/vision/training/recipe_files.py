"""Recipes as TOML files: those that are shipped, by name, and a user's own, by path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name
from perceptron_theory.paths import expanded

from ...files import read_toml, shipped_names, write_whole
from .recipe import NAMES, REQUIRED, Recipe

FOLDER = Path(__file__).parents[1] / "recipes"


def recipe_names() -> list[str]:
    """The recipes that are shipped."""
    return shipped_names(FOLDER)


def read_recipe(name: str | Path, **changes: Any) -> Recipe:
    """A recipe by the name of a shipped one or the path of a .toml file.

    Args:
        name: one of :func:`recipe_names`, or a path that ends in .toml.
        **changes: fields to change; one of ``fixed_epochs`` and ``fixed_steps``
            replaces whichever the file has.

    Raises:
        InputError: no such recipe, no TOML, keys that are unknown or missing, values
            that :class:`.Recipe` refuses.
    """
    path, values = read_toml(name, FOLDER, "recipe")
    if {"fixed_epochs", "fixed_steps"} & set(changes):
        values.pop("fixed_epochs", None)
        values.pop("fixed_steps", None)
    try:
        return recipe_of(values | changes)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def recipe_of(values: dict[str, Any]) -> Recipe:
    """A recipe from plain values, each of the type that its field has.

    Raises:
        InputError: keys that are unknown or missing, another type, values that
            :class:`.Recipe` refuses.
    """
    for key, value in values.items():
        if key not in NAMES:
            raise unknown_name("key", key, NAMES)
        wanted = str(Recipe.__annotations__[key])
        if not _fits(value, wanted):
            raise InputError(f"{key} must be {wanted}, got {value!r}")
    missing = [key for key in REQUIRED if key not in values]
    if missing:
        raise InputError(f"{missing[0]} is missing: give it")
    return Recipe(**values)


def write_recipe(path: Path | str, recipe: Recipe) -> None:
    """Write a recipe that :func:`read_recipe` reads back, whole or not at all."""
    # strings, numbers, booleans and lists of them look alike in JSON and TOML
    lines = [
        f"{key} = {json.dumps(value)}\n" for key, value in recipe.as_dict().items()
    ]
    write_whole(expanded(path), lambda part: part.write_text("".join(lines)))


def _fits(value: Any, wanted: str) -> bool:
    if wanted.startswith("tuple"):
        of = wanted.removeprefix("tuple[").partition(",")[0]
        return isinstance(value, list | tuple) and all(_fits(v, of) for v in value)
    if isinstance(value, bool):
        return wanted == "bool"
    kinds = {"int": int, "float": int | float, "str": str}
    kind = kinds.get(wanted.removesuffix(" | None"))
    return kind is not None and isinstance(value, kind)
