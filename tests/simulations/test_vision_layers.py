"""The modules on real data import one way, and none has the name of its function."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("simulations/vision", "simulations/experiments")


def _modules(root=ROOT):
    found = {}
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            if parts[-1] == "__init__":
                parts = parts[:-1]
            found[".".join(parts)] = path
    return found


def _imports(module, path, modules):
    """Modules that one imports, inside functions and for type checking, too."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            above = parts[: len(parts) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = {f"{base}.{alias.name}" for alias in node.names}
            found |= (names & set(modules)) or {base}
    return found & set(modules) - {module}


def _arrows(modules):
    return {name: _imports(name, path, modules) for name, path in modules.items()}


def _circle(arrows):
    """Names that import each other around, or none."""
    done, way = set(), []

    def walk(name):
        if name in way:
            return way[way.index(name) :]
        if name in done:
            return []
        way.append(name)
        for other in sorted(arrows.get(name, ())):
            if found := walk(other):
                return found
        done.add(way.pop())
        return []

    for name in sorted(arrows):
        if found := walk(name):
            return found
    return []


def _package(module):
    """The sub-package of a module; a module beside them is one of its own."""
    parts = module.split(".")
    inside = len(parts) > 2 and (ROOT / Path(*parts[:3])).is_dir()
    return ".".join(parts[:3]) if inside else module


def test_no_circle_of_modules():
    assert _circle(_arrows(_modules())) == []


def test_no_circle_of_packages():
    arrows = {}
    for name, others in _arrows(_modules()).items():
        here = arrows.setdefault(_package(name), set())
        here |= {_package(other) for other in others} - {_package(name)}
    assert _circle(arrows) == []


def test_experiments_stand_on_vision_and_not_the_other_way():
    for name, others in _arrows(_modules()).items():
        if name.startswith("simulations.vision"):
            assert not [one for one in others if "experiments" in one], name


@pytest.mark.parametrize("lazy", [False, True])
def test_a_circle_would_be_found(tmp_path, lazy):
    folder = tmp_path / "simulations/vision"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "one.py").write_text("from .two import two_of\n")
    back = "def two_of():\n    from .one import x\n" if lazy else "from . import one\n"
    (folder / "two.py").write_text(back)
    found = _circle(_arrows(_modules(tmp_path)))
    assert [name[-3:] for name in found] == ["one", "two"]


def test_no_module_has_the_name_of_what_it_or_its_package_exports():
    modules = _modules()
    for name, path in modules.items():
        tree = ast.parse(path.read_text())
        kinds = ast.FunctionDef | ast.ClassDef
        own = {node.name for node in tree.body if isinstance(node, kinds)}
        assert name.rpartition(".")[2] not in own, name
        if path.name == "__init__.py":
            exported = {
                alias.asname or alias.name
                for node in ast.walk(tree)
                if isinstance(node, ast.ImportFrom)
                for alias in node.names
            }
            shadowed = {one for one in exported | own if f"{name}.{one}" in modules}
            assert not shadowed, f"{name} exports {shadowed}, which are modules of it"
