"""The house, read from the source: which room imports which, on which floor it stands; prints the picture of the docs.

    python docs/house.py            # print the picture
    python docs/house.py --write    # put it into docs/architecture.md

A room is a folder of a package, or a lone module of it. All imports count: at the top of a file, under TYPE_CHECKING,
and inside functions.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {
    "wganalyze": ROOT / "core" / "wganalyze",
    "wganalyze_plugins": ROOT / "plugins" / "wganalyze_plugins",
    "wganalyze_checkpoints": ROOT / "checkpoints" / "wganalyze_checkpoints",
    "wganalyze_zoo": ROOT / "checkpoints" / "wganalyze_zoo",
}
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- house: made by docs/house.py -->\n", "<!-- house: end -->\n"
WIDTH = 118

Graph = Mapping[str, set[str]]


@cache
def sources() -> dict[str, Path]:
    """Every module of the project by its name."""
    modules: dict[str, Path] = {}
    for package, folder in PACKAGES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            modules[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return modules


@cache
def tree(module: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(sources()[module].read_text(encoding="utf-8"))


def imports(module: str, *, deep: bool = True) -> set[str]:
    """The modules that a module imports: the project's own by full name, others as written.

    ``deep``: all of them; else only those that run when it is imported.
    """
    names: set[str] = set()
    for node in _nodes(tree(module), deep=deep):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            source = node.module or ""
            inner = {f"{source}.{alias.name}" for alias in node.names} & sources().keys()
            bare = any(f"{source}.{alias.name}" not in sources() for alias in node.names)
            names |= inner | ({source} if bare else set())
    return names


def _nodes(root: ast.AST, *, deep: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(root):
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing = isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        if deep or not (later or typing):
            yield node
            yield from _nodes(node, deep=deep)


def modules_of(package: str) -> Graph:
    """The modules of a package, each with those of the same package that it imports."""
    own = {module for module in sources() if module.partition(".")[0] == package}
    return {module: imports(module) & own - {module} for module in own}


def room_of(module: str, below: str) -> str:
    """The room of ``below`` (a package, or a folder of one) that a module stands in; its own file is ``__init__``."""
    inside = module.removeprefix(below).lstrip(".")
    return inside.partition(".")[0] or "__init__"


def rooms(below: str) -> Graph:
    """The rooms of a package or folder, each with those beside it that it imports."""
    graph: dict[str, set[str]] = {}
    for module in sources():
        if module == below or module.startswith(f"{below}."):
            room = room_of(module, below)
            beside = {used for used in imports(module) if used == below or used.startswith(f"{below}.")}
            graph.setdefault(room, set()).update({room_of(used, below) for used in beside} - {room})
    return graph


def floors(graph: Graph) -> dict[str, int]:
    """The floor of each room, from 1: one above the highest that it imports. CycleError where there is a circle."""
    height: dict[str, int] = {}
    for room in TopologicalSorter(graph).static_order():
        height[room] = 1 + max((height[used] for used in graph[room]), default=0)
    return height


def _in(module: str, below: str) -> bool:
    return module == below or module.startswith(f"{below}.")


def picture() -> str:
    """The rooms of the core by floor, and what each imports."""
    graph = {room: used for room, used in rooms("wganalyze").items() if room != "__init__"}
    height = floors(graph)
    lines = ["```text"]
    for floor in range(max(height.values()), 0, -1):
        here = sorted(room for room in graph if height[room] == floor)
        lines.append(f"{floor}  " + "   ".join(f"[ {room} ]" for room in here))
    lines += ["", "room           imports"]
    for room in sorted(graph, key=lambda room: (-height[room], room)):
        used = sorted(graph[room], key=lambda other: (-height[other], other))
        lines += _wrapped(f"{room:14} ", ", ".join(used) or "nothing of ours")
    lines += ["", "package                  imports of the core"]
    for package in list(PACKAGES)[1:]:
        used = {used for module in sources() if _in(module, package) for used in imports(module)}
        ours = sorted(name for name in used if name.partition(".")[0] == "wganalyze")
        lines += _wrapped(f"{package:24} ", ", ".join(ours))
    return "\n".join([*lines, "```"]) + "\n"


def _wrapped(title: str, text: str) -> list[str]:
    rows, row = [], title
    for word in text.split(" "):
        if len(row) + len(word) > WIDTH:
            rows.append(row.rstrip())
            row = " " * len(title)
        row += f"{word} "
    return [*rows, row.rstrip()]


def with_picture(page: str) -> str:
    """The page with the picture of today."""
    before, _, rest = page.partition(BEGIN)
    return before + BEGIN + picture() + END + rest.partition(END)[2]


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(with_picture(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    else:
        print(picture())
