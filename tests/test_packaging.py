"""What is installed, what it imports, and that every public thing is described."""

import ast
import importlib
import inspect
import pkgutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]
# imports go from left to right only
LAYERS = ["pruning_laws", "figures", "simulations", "perceptron_theory"]


def _modules():
    for layer in LAYERS:
        package = importlib.import_module(layer)
        yield package
        for info in pkgutil.walk_packages(package.__path__, f"{layer}."):
            if not info.name.endswith("__main__"):
                yield importlib.import_module(info.name)


def _public(module):
    for name, thing in vars(module).items():
        if (
            name.startswith("_")
            or getattr(thing, "__module__", None) != module.__name__
        ):
            continue
        if inspect.isclass(thing) or inspect.isroutine(thing):
            yield name, thing


def test_every_public_symbol_has_a_docstring():
    bare = []
    for module in _modules():
        if not module.__doc__:
            bare.append(module.__name__)
        for name, thing in _public(module):
            # a dataclass without a docstring is given its signature as one
            if not thing.__doc__ or thing.__doc__.startswith(f"{name}("):
                bare.append(f"{module.__name__}.{name}")
    assert not bare


@pytest.mark.parametrize("layer", LAYERS)
def test_imports_go_one_way(layer):
    above = set(LAYERS[: LAYERS.index(layer)])
    for path in (ROOT / layer).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = {(node.module or "").split(".")[0]}
            else:
                continue
            assert not names & above, f"{path}:{node.lineno}"


def test_the_wheel_holds_the_four_packages_only(tmp_path):
    builder = WheelBuilder(str(ROOT))
    (wheel,) = builder.build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    folders = {name.split("/")[0] for name in names}
    assert {name for name in folders if not name.endswith(".dist-info")} == set(LAYERS)
    recipes = (ROOT / "simulations" / "vision" / "recipes").glob("*.toml")
    assert {path.relative_to(ROOT).as_posix() for path in recipes} < set(names)


def test_jax_is_not_imported_for_help(tmp_path):
    code = (
        "import sys\n"
        "from pruning_laws.app import app\n"
        "try:\n"
        "    app(['--help'])\n"
        "finally:\n"
        "    print('jax' in sys.modules, 'numpy' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    assert done.stdout.splitlines()[-1] == "False False"
