"""What is installed, what it imports, and that every public thing is described."""

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import layers
import pytest
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]
CODE = layers.read(layers.working_tree())


def _modules():
    for layer in layers.PACKAGES:
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


@pytest.mark.parametrize("package", [*layers.PACKAGES, ""])
def test_no_modules_import_each_other(package):
    assert layers.circles(CODE.under(package).graph()) == []


@pytest.mark.parametrize("package", CODE.divided())
def test_imports_between_parts_go_one_way(package):
    assert layers.against(package, CODE) == []


@pytest.mark.parametrize("package", sorted(layers.ORDER))
def test_the_order_names_every_sub_package(package):
    folder = ROOT / package.replace(".", "/")
    parts = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert parts <= set(layers.ORDER[package])
    assert all(
        (folder / part).with_suffix(".py").exists() or part in parts
        for part in layers.ORDER[package]
    )


@pytest.mark.parametrize(
    "package",
    [
        "perceptron_theory",
        "simulations.perceptron",
        "simulations.vision",
        "simulations.experiments",
        "figures",
        "pruning_laws",
    ],
)
def test_no_module_is_named_as_what_it_defines(package):
    assert layers.shadows(CODE.under(package)) == []


def test_layers_are_read_from_every_kind_of_import():
    code = layers.read(
        {
            "p/__init__.py": "",
            "p/__init__.pyi": "from .a import f as f\n",
            "p/a.py": "from .sub.b import g\ndef f(): ...\n",
            "p/sub/__init__.py": "",
            "p/sub/b.py": "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from . import c\n",
            "p/sub/c.py": "def c():\n    import p.a\n    from .. import missing\n",
            "p/found/__init__.py": "from .one import two\nfrom . import one\n",
            "p/found/all.py": "def f():\n    import_module(f'.{n}', __package__)\n",
            "p/found/one.py": "import_module('ray')\n",
            "p/found/two.py": "",
        }
    )
    assert [str(arrow) for arrow in code.arrows] == [
        "p:1 -> p.a (lazy)",
        "p.a:1 -> p.sub.b",
        "p.found:1 -> p.found.one",
        "p.found:2 -> p.found.one",
        "p.found.all:2 -> p.found.one (lazy)",
        "p.found.all:2 -> p.found.two (lazy)",
        "p.sub.b:3 -> p.sub.c (typing)",
        "p.sub.c:2 -> p.a (lazy)",
        "p.sub.c:3 -> p (lazy)",
    ]
    assert layers.circles(code.graph()) == [["p", "p.a", "p.sub.b", "p.sub.c"]]
    assert layers.order("p", code) == ["found", "a", "sub"]
    assert layers.against("p", code) == [code.arrows[1]]
    assert layers.shadows(code) == ["p.sub.c", "p.found.two"]
    assert layers.floors(code.under("p.sub").graph()) == {
        "p.sub": 0,
        "p.sub.c": 0,
        "p.sub.b": 1,
    }


def test_the_arrows_that_the_other_tests_look_at_are_there():
    arrows = CODE.under("simulations.perceptron").graph()
    assert sum(map(len, arrows.values())) > 100
    # it imports whatever lies beside it
    students = "simulations.perceptron.students"
    assert f"{students}.gibbs" in arrows[f"{students}.catalog"]
    assert CODE.under("simulations.vision").between_parts("simulations.vision")
    assert any(
        target == "vision" and source == "experiments"
        for source, target, _ in CODE.between_parts("simulations")
    )


def test_the_wheel_holds_the_four_packages_only(tmp_path):
    builder = WheelBuilder(str(ROOT))
    (wheel,) = builder.build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    folders = {name.split("/")[0] for name in names}
    assert {name for name in folders if not name.endswith(".dist-info")} == set(
        layers.PACKAGES
    )
    recipes = (ROOT / "simulations" / "vision" / "recipes").glob("*.toml")
    assert {path.relative_to(ROOT).as_posix() for path in recipes} < set(names)


def test_the_version_is_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    cited = re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.M)
    assert cited == [project["version"]]


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


LAZY = sorted(
    x.parent for layer in layers.PACKAGES for x in (ROOT / layer).rglob("*.pyi")
)


@pytest.mark.slow
def test_a_sub_package_is_an_attribute_before_anything_imports_it():
    used = ["import simulations, perceptron_theory"]
    for folder in LAZY:
        parts = [x.parent.name for x in folder.glob("*/__init__.py")]
        listed = importlib.import_module(_dotted(folder)).__all__
        assert set(parts) <= set(listed), f"{folder}/__init__.pyi lacks a sub-package"
        used += [f"{_dotted(folder)}.{x}" for x in parts if folder.name != "vision"]
    assert len(used) > 15
    subprocess.run([sys.executable, "-c", "\n".join(used)], cwd=ROOT, check=True)


def _dotted(folder):
    return ".".join(folder.relative_to(ROOT).parts)
