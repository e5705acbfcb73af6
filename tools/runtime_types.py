"""The check that ``make test-all`` puts around every annotated function.

beartype, which also accepts an int where a float is annotated, as type checkers do.
jaxtyping's import hook takes this by name, and puts it around the methods of a class
one by one: there beartype cannot know which class ``Self`` is, and those are left out.
So is what builds an object: JAX fills its trees with forms and tracers, too.
"""

from collections.abc import Callable
from typing import Any, Self

from beartype import BeartypeConf, beartype

_CHECKED = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its annotated arguments and result checked at every call."""
    annotations = getattr(function, "__annotations__", {}).values()
    of_class = any(annotation in ("Self", Self) for annotation in annotations)
    builds = getattr(function, "__name__", "") == "__init__"
    return function if of_class or builds else _CHECKED(function)
