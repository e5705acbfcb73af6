"""Imports inside simulations.perceptron point one way, lazy ones included."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import simulations.perceptron

PACKAGE = "simulations.perceptron"
ROOT = Path(simulations.perceptron.__file__).parent
LAYERS = ("naming", "hardware", "data", "students", "running", "studies")


def _module(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(part for part in (PACKAGE, *parts) if part != "__init__")


MODULES = {_module(path): path for path in sorted(ROOT.rglob("*.py"))}


def _imports_beside(call: ast.Call) -> bool:
    """Whether a call imports any module of its own package, as the catalogue does."""
    if ast.unparse(call.func) != "import_module":
        return False
    return ast.unparse(call.args[0]).lstrip("f'\"").startswith(".")


def _imported(module: str) -> set[str]:
    """Modules of the package that a module imports, wherever in the file."""
    path = MODULES[module]
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            start = parts[: len(parts) - node.level + 1] if node.level else []
            base = ".".join([*start, *filter(None, [node.module])])
            whole = {f"{base}.{alias.name}" for alias in node.names}
            names |= {name if name in MODULES else base for name in whole}
        elif isinstance(node, ast.Call) and _imports_beside(node):
            names |= {other for other in MODULES if other.startswith(f"{package}.")}
    return {name for name in names if name in MODULES} - {module}


def _layer(module: str) -> int:
    inside = module.removeprefix(PACKAGE).strip(".").split(".")[0]
    return LAYERS.index(inside) if inside else len(LAYERS)


ARROWS = {module: _imported(module) for module in MODULES}


def test_every_module_has_its_layer():
    assert {_layer(module) for module in MODULES} == set(range(len(LAYERS) + 1))
    # so that the other tests can fail
    assert sum(map(len, ARROWS.values())) > 100
    assert f"{PACKAGE}.students.gibbs" in ARROWS[f"{PACKAGE}.students.catalog"]


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    up = [other for other in ARROWS[module] if _layer(other) > _layer(module)]
    assert not up


def test_there_is_no_circle():
    sorted_modules = list(TopologicalSorter(ARROWS).static_order())
    assert len(sorted_modules) == len(MODULES)


@pytest.mark.parametrize("module", MODULES)
def test_no_module_has_the_name_of_what_it_exports(module):
    tree = ast.parse(MODULES[module].read_text())
    defined = {getattr(node, "name", None) for node in tree.body}
    assert module.rpartition(".")[2] not in defined
