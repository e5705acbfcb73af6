"""Shapes and types of the library are checked while the tests run (jaxtyping)."""

from jaxtyping import install_import_hook

_PACKAGES = ["perceptron_theory", "simulations", "figures", "pruning_laws"]

# Before any test module imports them; x64 stays off: the theory switches it on itself.
install_import_hook(_PACKAGES, "beartype.beartype")
