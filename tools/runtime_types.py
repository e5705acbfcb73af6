"""The check that ``make test-all`` puts around every annotated function.

beartype, which also accepts an int where a float is annotated, as type checkers do, and
a NumPy scalar where an array is, as NumPy gives one for the other.
jaxtyping's import hook takes this by name, and puts it around the methods of a class
one by one: there beartype cannot know which class ``Self`` is, and those are left out.
So is what builds an object: JAX fills its trees with forms and tracers, too.
"""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from beartype import BeartypeConf, FrozenDict, beartype

_SCALARS = FrozenDict({np.ndarray: np.ndarray | np.generic})
_CHECKED = beartype(conf=BeartypeConf(is_pep484_tower=True, hint_overrides=_SCALARS))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its annotated arguments and result checked at every call."""
    annotations = getattr(function, "__annotations__", {}).values()
    of_class = any(annotation in ("Self", Self) for annotation in annotations)
    builds = getattr(function, "__name__", "") == "__init__"
    return function if of_class or builds else _CHECKED(function)
