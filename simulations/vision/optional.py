"""Packages of the extra ``vision``: imported where they are needed, and no earlier."""

from __future__ import annotations

import importlib.util

from perceptron_theory import InputError

# what is imported, and what it is installed as
_INSTALLED_AS = {
    "PIL": "pillow",
    "flax": "flax",
    "grain": "grain",
    "orbax.checkpoint": "orbax-checkpoint",
    "pyarrow": "pyarrow",
    "safetensors": "safetensors",
    "sklearn": "scikit-learn",
    "tensorboardX": "tensorboardX",
}


def require(module: str, purpose: str) -> None:
    """Say in one line what to install, if a package is missing.

    Raises:
        InputError: it is.
    """
    try:
        found = importlib.util.find_spec(module)
    except ValueError:  # the module was taken out of sys.modules
        found = None
    if found is None:
        raise InputError(
            f"{purpose} needs {_INSTALLED_AS[module]}: "
            "pip install 'pruning-laws[vision]'"
        )
