"""Print the layers of the packages: modules, lines, floors, arrows and circles.

An arrow is an import of one module of ours by another, however late it happens: those
inside a function are marked lazy, those under ``TYPE_CHECKING`` typing.  A call of
``import_module`` with a name that begins with a dot takes all modules beside its own.
A module stands one floor above the highest that it imports; modules that import each
other, a circle, share a floor.  Parts are the sub-packages and modules directly in a
package.

    python tools/layers.py                                # all packages
    python tools/layers.py perceptron_theory              # each floor, every module
    python tools/layers.py simulations/perceptron --json
    python tools/layers.py --git v0.1.0                   # that revision, then this

The packages and the order of their parts, lowest first, are in ``[tool.layers]`` of
pyproject.toml; without one there, the order with the fewest arrows against it is found.
Nothing is imported, so that this needs the standard library and nothing else.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import signal
import subprocess
import sys
import tarfile
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["layers"]
PACKAGES: list[str] = SETTINGS["packages"]
# "" stands for all packages together, here and below
ORDER: dict[str, list[str]] = {"": PACKAGES, **SETTINGS["order"]}
COMMANDS = "pruning_laws.commands."  # named after the command that they hold


class Arrow(NamedTuple):
    """One import: which module takes which, where, and when."""

    source: str
    target: str
    line: int
    kind: str  # "", "lazy" or "typing"

    def __str__(self) -> str:
        """Say it in one line."""
        mark = f" ({self.kind})" if self.kind else ""
        return f"{self.source}:{self.line} -> {self.target}{mark}"


Graph = dict[str, set[str]]  # what each node imports
Import = ast.Import | ast.ImportFrom | ast.Call


class Module(NamedTuple):
    """One file: how many lines it has, which functions and classes it defines.

    A package offers what its ``__init__`` imports by name, too.
    """

    lines: int
    defined: set[str]
    offered: set[str]


class Code(NamedTuple):
    """The modules of some packages, by their names, and their arrows."""

    modules: dict[str, Module]
    arrows: list[Arrow]

    def under(self, package: str) -> Code:
        """Only what lies within one package."""
        prefix = f"{package}." if package else ""
        modules = {
            name: module
            for name, module in self.modules.items()
            if f"{name}.".startswith(prefix)
        }
        arrows = [a for a in self.arrows if {a.source, a.target} <= modules.keys()]
        return Code(modules, arrows)

    def graph(self) -> Graph:
        """Which modules each module imports."""
        graph: Graph = {name: set() for name in self.modules}
        for arrow in self.arrows:
            graph[arrow.source].add(arrow.target)
        return graph

    def between_parts(self, package: str) -> list[tuple[str, str, Arrow]]:
        """The arrows between the parts of a package, and the parts they join.

        A package's own ``__init__``, which gathers from all parts, is none of them.
        """
        found = []
        for arrow in self.under(package).arrows:
            source, target = _part(arrow.source, package), _part(arrow.target, package)
            if source and target and source != target:
                found.append((source, target, arrow))
        return found

    def divided(self) -> list[str]:
        """The packages that have sub-packages, and "" for all of them together."""
        above = {name.rpartition(".")[0] for name in self.modules}
        return ["", *sorted({name.rpartition(".")[0] for name in above} - {""})]


def _part(module: str, package: str) -> str:
    """The part of a package that a module belongs to; "" for its ``__init__``."""
    depth = package.count(".") + 1 if package else 0
    return ".".join(module.split(".")[depth : depth + 1])


def working_tree() -> dict[str, str]:
    """The text of every Python file of the packages, by its path."""
    return {
        path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*.py*"))
        if path.suffix in (".py", ".pyi")
    }


def revision(name: str) -> dict[str, str]:
    """The same, as git keeps it of an older revision."""
    command = ["git", "-C", str(ROOT), "archive", name, "--", *PACKAGES]
    done = subprocess.run(command, capture_output=True)
    if done.returncode:
        sys.exit(f"error: git archive {name}: {done.stderr.decode().strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        return {
            member.name: archive.extractfile(member).read().decode()  # type: ignore[union-attr]
            for member in archive
            if member.isfile() and member.name.endswith((".py", ".pyi"))
        }


def read(texts: dict[str, str]) -> Code:
    """Every module and arrow in files of these paths and texts.

    A stub beside an ``__init__.py`` (lazy-loader reads it) tells what that one imports
    once somebody asks for it: its arrows are lazy ones of the package.
    """
    trees = {path: ast.parse(text, path) for path, text in texts.items()}
    modules = {
        _module(path): Module(
            texts[path].count("\n"),
            _defined(tree),
            _offered(tree) if Path(path).stem == "__init__" else set(),
        )
        for path, tree in trees.items()
        if path.endswith(".py")
    }
    arrows = set()
    for path, tree in trees.items():
        name, package = _module(path), Path(path).stem == "__init__"
        for node, kind in _imports(tree, "lazy" if path.endswith(".pyi") else ""):
            for target in _targets(node, name, package, modules):
                arrows.add(Arrow(name, target, node.lineno, kind))
    return Code(modules, sorted(arrows, key=lambda a: (a.source, a.line, a.target)))


def _defined(tree: ast.Module) -> set[str]:
    """The functions and classes at the top of a module."""
    kinds = ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef
    return {node.name for node in tree.body if isinstance(node, kinds)}


def _offered(tree: ast.Module) -> set[str]:
    """What a module takes out of others by name, wherever in it."""
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    aliases = [alias for node in nodes if node.module for alias in node.names]
    return {alias.asname or alias.name for alias in aliases}


def _module(path: str) -> str:
    """The dotted name of the module in a file."""
    return ".".join(Path(path).with_suffix("").parts).removesuffix(".__init__")


def _takes_modules_beside(call: ast.Call) -> bool:
    """Whether a call imports the modules of its own package, whatever they are."""
    called = ast.unparse(call.func).rpartition(".")[2] == "import_module"
    return called and ast.unparse(call.args[0]).lstrip("f'\"").startswith(".")


def _imports(node: ast.AST, kind: str) -> Iterator[tuple[Import, str]]:
    """Every import below a node, with its kind."""
    for child in ast.iter_child_nodes(node):
        below = kind
        if isinstance(child, ast.Import | ast.ImportFrom) or (
            isinstance(child, ast.Call) and _takes_modules_beside(child)
        ):
            yield child, kind
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            below = kind or "lazy"
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            below = "typing"
        yield from _imports(child, below)


def _targets(
    node: Import, module: str, package: bool, known: Iterable[str]
) -> Iterator[str]:
    """The modules among those known that an import names, other than its own."""
    parts = module.split(".")
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.Call):
        beside = ".".join(parts[: len(parts) - 1 + package])
        names = [name for name in known if name.rpartition(".")[0] == beside]
    else:
        above = parts[: len(parts) - node.level + package] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        both = [(f"{base}.{alias.name}", base) for alias in node.names]
        names = [inner if inner in known else outer for inner, outer in both]
    yield from (name for name in names if name in known and name != module)


def circles(graph: Graph) -> list[list[str]]:
    """Groups of nodes that reach each other."""
    reached = {node: _reach(node, graph) for node in graph}
    within = [node for node in graph if node in reached[node]]
    groups = {tuple(sorted(m for m in reached[n] if n in reached[m])) for n in within}
    return sorted(map(list, groups))


def _reach(node: str, graph: Graph) -> set[str]:
    """What can be reached from a node by one arrow or more."""
    found: set[str] = set()
    ends = [node]
    while ends:
        new = graph[ends.pop()] - found
        found |= new
        ends += new
    return found


def floors(graph: Graph) -> dict[str, int]:
    """The floor of every node: zero for those that import none of the others."""
    circle = {node: frozenset(group) for group in circles(graph) for node in group}
    height: dict[frozenset[str], int] = {}

    def climb(node: str) -> int:
        group = circle.get(node, frozenset([node]))
        if group not in height:
            below = set().union(*(graph[member] for member in group)) - group
            height[group] = 1 + max(map(climb, below), default=-1)
        return height[group]

    return {node: climb(node) for node in graph}


def order(package: str, code: Code) -> list[str]:
    """The parts of a package, lowest first: as declared, or as the arrows have it.

    Without a declared order the part with the fewest arrows to those that remain comes
    next, which finds the one way of the arrows wherever there is one.
    """
    if package in ORDER:
        return ORDER[package]
    left = sorted({_part(name, package) for name in code.under(package).modules} - {""})
    between = Counter((low, high) for low, high, _ in code.between_parts(package))
    found = []
    while left:
        cost = {part: sum(between[part, other] for other in left) for part in left}
        found.append(min(left, key=lambda part: cost[part]))
        left.remove(found[-1])
    return found


def against(package: str, code: Code) -> list[Arrow]:
    """The arrows from a part of a package to one that stands above it."""
    place = {part: i for i, part in enumerate(order(package, code))}
    return [
        arrow
        for source, target, arrow in code.between_parts(package)
        if place.get(source, len(place)) < place.get(target, -1)
    ]


def shadows(code: Code) -> list[str]:
    """Modules that have the name of what they define, or their package offers."""
    found = []
    for name, module in code.modules.items():
        package, _, own = name.rpartition(".")
        above = code.modules.get(package)
        offered = above.defined | above.offered if above else set()
        if own in module.defined | offered and not name.startswith(COMMANDS):
            found.append(name)
    return found


def summary(package: str, code: Code) -> dict[str, Any]:
    """The numbers of one package, its circles, and the floor of each module."""
    part = code.under(package)
    kinds = Counter(arrow.kind for arrow in part.arrows)
    height = floors(part.graph())
    return {
        "modules": len(part.modules),
        "lines": sum(module.lines for module in part.modules.values()),
        "floors": max(height.values(), default=-1) + 1,
        "arrows": len(part.arrows),
        "lazy": kinds["lazy"],
        "typing": kinds["typing"],
        "circles": circles(part.graph()),
        "floor": height,
    }


def report(code: Code, wanted: str) -> dict[str, Any]:
    """Everything that is printed of some code, as JSON has it."""
    code = code.under(wanted)
    rows = [wanted] if wanted else [*PACKAGES, ""]
    divided = [name for name in code.divided() if f"{name}.".startswith(wanted)]
    return {
        "packages": {name: summary(name, code) for name in rows},
        "order": {name: order(name, code) for name in divided},
        "against": {name: list(map(str, against(name, code))) for name in divided},
        "named as what they define": shadows(code),
    }


def text(found: dict[str, Any], each_floor: bool) -> str:
    """The same to be read: a table, what breaks a rule, and each floor if wanted."""
    columns = ("modules", "lines", "floors", "arrows", "lazy", "typing", "circles")
    lines = [f"{'package':24}" + "".join(f"{name:>9}" for name in columns)]
    for package, facts in found["packages"].items():
        values = [facts[name] for name in columns[:-1]] + [len(facts["circles"])]
        lines.append(f"{package or 'all':24}" + "".join(f"{n:9,}" for n in values))
    facts = list(found["packages"].values())[-1]  # of all that is shown
    lines += ["", "circles" + ("" if facts["circles"] else ": none")]
    lines += ["  " + ", ".join(circle) for circle in facts["circles"]]
    lines += ["order of the parts, lowest first, and the arrows against it"]
    for package, parts in found["order"].items():
        lines.append(f"  {package or 'all'}: " + " < ".join(parts))
        lines += [f"    {arrow}" for arrow in found["against"][package]]
    names = found["named as what they define"]
    lines.append("modules named as what they define: " + (", ".join(names) or "none"))
    for floor in range(facts["floors"]) if each_floor else ():
        names = [name for name, height in facts["floor"].items() if height == floor]
        lines.append(f"floor {floor:2}  " + ", ".join(sorted(names)))
    return "\n".join(lines) + "\n"


def main() -> None:
    """Read the arguments, print."""
    if hasattr(signal, "SIGPIPE"):
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no error
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", nargs="?", help="a package, or the path of one")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--git", metavar="REV", help="print this revision too, first")
    args = parser.parse_args()
    wanted = (args.package or "").strip("/").replace("/", ".")
    sources = {args.git: revision(args.git)} if args.git else {}
    sources["working tree"] = working_tree()
    found = {name: report(read(texts), wanted) for name, texts in sources.items()}
    if wanted and not found["working tree"]["packages"][wanted]["modules"]:
        sys.exit(f"error: no package {args.package} among {', '.join(PACKAGES)}")
    if args.json:
        print(json.dumps(found, indent=1))
    else:
        for name, facts in found.items():
            print(f"== {name}\n{text(facts, bool(wanted))}")


if __name__ == "__main__":
    main()
