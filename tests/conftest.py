"""Shapes and types of the library are checked while the tests run (jaxtyping)."""

from jaxtyping import install_import_hook

# Before any test module imports them; x64 stays off: the theory switches it on itself.
# Not the command line: typer fills its arguments, and has its own idea of their types.
_PACKAGES = ["perceptron_theory", "simulations", "figures"]

install_import_hook(_PACKAGES, "beartype.beartype")
