"""What metrics and data sets share as objects: their parts, and their text form.

Whatever there are several of is an object with one contract.  Ours are instances like
any other, and a user's own are taken wherever a name of ours is: as an object in
Python, and from the command line as ``package.module:Name``, which is imported.  The
module has to be importable: it is installed, or its folder is on ``PYTHONPATH``.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from perceptron_theory import InputError
from perceptron_theory.errors import unknown_name


def check_parts(kind: str, thing: Any, parts: Mapping[str, str]) -> None:
    """Refuse an object that lacks a part of its contract.

    Args:
        kind: What it should be, "metric" say.
        thing: The object.
        parts: Attributes that it needs, and what each of them is.  One whose
            description begins with "a method" has to be callable.

    Raises:
        InputError: A part is missing, or a class was given in place of an instance;
            the message names the part.
    """
    if isinstance(thing, type):
        raise InputError(
            f"{thing.__name__} is a class: give an instance, {thing.__name__}(...)"
        )
    for part, what in parts.items():
        found = getattr(thing, part, None)
        if found is None or (what.startswith("a method") and not callable(found)):
            raise InputError(
                f"{type(thing).__name__} is not a {kind}: it lacks {part}, {what}"
            )


def object_path(thing: Any) -> str:
    """The text ``package.module:Name`` by which the class of an object is found."""
    return f"{type(thing).__module__}:{type(thing).__qualname__}"


def imported(text: str) -> tuple[Any, str] | None:
    """What ``package.module:Name`` names, and the text behind a further colon.

    Returns:
        None if the text does not have this form, or there is no such module.

    Raises:
        InputError: The module cannot be imported, or has no such name.
    """
    module, _, rest = text.partition(":")
    name, _, argument = rest.partition(":")
    words = [*module.split("."), *name.split(".")]
    if not all(word.isidentifier() for word in words) or not _exists(module):
        return None
    try:
        found = importlib.import_module(module)
    except Exception as error:  # whatever the module of a user raises
        line = (str(error).splitlines() or [""])[0]
        raise InputError(
            f"{module} cannot be imported ({type(error).__name__}: {line})"
        ) from error
    for part in name.split("."):
        if not hasattr(found, part):
            raise InputError(f"{module} has no {name}: give package.module:Name")
        found = getattr(found, part)
    return found, argument


def _exists(module: str) -> bool:
    if module in sys.modules:
        return True
    try:
        return importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):  # a package above it is missing
        return False


def option_names(kind: Any) -> list[str]:
    """The names of the options of an object or its class: the fields of a dataclass."""
    return [field.name for field in fields(kind)] if _is_record(kind) else []


def options_of(thing: Any) -> dict[str, Any]:
    """The options of an object that are not what they are by default."""
    if not _is_record(thing):
        return {}
    values = {field.name: getattr(thing, field.name) for field in fields(thing)}
    return {
        field.name: values[field.name]
        for field in fields(thing)
        if values[field.name] != field.default
    }


def with_options(kind: type, options: Mapping[str, Any], what: str) -> Any:
    """An instance of a class with some options, each of which it has to know.

    Args:
        kind: The class.
        options: Values by name.
        what: The words for an option in an error, "option of el2n" say.

    Raises:
        InputError: An unknown option, one that is missing, or what the class refuses.
    """
    known = option_names(kind)
    for name in options:
        if name not in known:
            if not known:
                raise InputError(f"unknown {what} {name!r}: it has none")
            raise unknown_name(what, name, known)
    try:
        return kind(**options)
    except TypeError as error:
        raise InputError(f"{kind.__name__}: {error}") from error


def options_from(text: str) -> dict[str, Any]:
    """Options that are written as ``name=value,name=value``.

    Numbers, true and false are read as such; everything else is a word.

    Raises:
        InputError: A part has no equals sign, or a name comes twice.
    """
    found = {}
    for part in text.split(",") if text else ():
        name, equals, value = part.partition("=")
        if not equals:
            raise InputError(f"{part!r} is not an option: write name=value, name=value")
        if name.strip() in found:
            raise InputError(f"the option {name.strip()} comes twice: give it once")
        found[name.strip()] = _value(value.strip())
    return found


def text_of_options(options: Mapping[str, Any]) -> str:
    """The text that :func:`options_from` reads back."""
    return ",".join(f"{name}={_word(value)}" for name, value in options.items())


def _is_record(thing: Any) -> bool:
    return hasattr(thing, "__dataclass_fields__")


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
