"""The house holds: imports run one way and in no circle, a start is light, and everything public says what it is."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from wganalyze.host.loading import load_host

DOCS = Path(__file__).parents[2] / "docs"


def _house() -> ModuleType:
    spec = importlib.util.spec_from_file_location("house", DOCS / "house.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


house: Any = _house()
CORE = "wganalyze"
BUILT_IN = ("wganalyze_plugins", "wganalyze_checkpoints", "wganalyze_zoo")
PACKAGES = (CORE, *BUILT_IN)
STRANGERS_MAY = {CORE, *(f"{CORE}.{name}" for name in ("transport", "statistics", "testing"))}
GROUND = {"errors", "exit_codes", "interruption", "processes", "statistics", "text", "threads"}
"""Lone modules that import nothing of ours, and that every room may import."""

MAY = {
    "transport": set[str](),
    "contracts": {"transport"},
    "files": {"contracts", "remote"},
    "host": {"contracts"},
    "networks": {"contracts", "scripts"},
    "remote": set[str](),
    "report": {"contracts", "remote"},
    "scripts": set[str](),
    "settings": {"contracts", "networks", "remote"},
    "study": {"contracts", "networks", "scripts", "transport"},
    "inference": {"contracts", "networks", "study"},
    "snapshots": {"contracts", "files", "networks", "settings"},
    "cells": {"contracts", "report", "scripts", "study", "transport"},
    "running": {
        "cells", "contracts", "files", "host", "inference", "networks", "remote", "report", "scripts", "settings",
        "snapshots", "study", "transport",
    },
    "monitoring": {
        "cells", "contracts", "files", "host", "networks", "remote", "report", "running", "settings", "snapshots",
        "study",
    },
    "cli": {"cells", "contracts", "host", "monitoring", "remote", "report", "running", "settings"},
    "integrations": set[str](),
    "testing": {"cells", "contracts", "study"},
    "api": {"contracts", "host", "monitoring", "remote", "report", "running", "settings"},
    "__main__": {"cli"},
}  # fmt: skip
HIGHEST, HIGHEST_INSIDE = 10, 5
OWN_PLUGINS = sorted(
    entry.module
    for entry in entry_points(group="wganalyze")
    if entry.dist is not None and entry.dist.name == "wganalyze"
)
HEAVY = frozenset(["torch", "faiss", "ot", "pandas", "pyarrow", "sklearn", "scipy"])


def package_of(module: str) -> str:
    """The first component of a module's name."""
    return module.partition(".")[0]


def uses(module: str, packages: set[str]) -> set[str]:
    """What a module imports of these packages, at any depth."""
    return {name for name in house.imports(module) if package_of(name) in packages}


def folders() -> list[str]:
    """Every folder of the project that holds modules, by its dotted name."""
    return sorted(name for name, path in house.sources().items() if path.name == "__init__.py")


def test_the_reader_of_imports_sees_all_kinds() -> None:
    """The tests below could pass by seeing nothing; these are facts of the source."""
    assert "wganalyze.contracts.hooks" in house.imports("wganalyze.host.loading", deep=False)
    assert "wganalyze.transport" in house.imports("wganalyze.study.study")
    assert "wganalyze.transport" not in house.imports("wganalyze.study.study", deep=False)
    assert "torch.nn" in house.imports("wganalyze.study.study")
    assert "numpy" in house.imports("wganalyze.study.study", deep=False)
    assert "wganalyze.transport" in house.imports("wganalyze.contracts.study")  # under TYPE_CHECKING
    assert {package_of(module) for module in house.sources()} == {*PACKAGES}


# One way, in no circle


def test_the_core_imports_none_of_what_is_built_on_it() -> None:
    strays = {m: used for m in house.sources() if package_of(m) == CORE and (used := uses(m, {*BUILT_IN}))}
    assert strays == {}


@pytest.mark.parametrize("package", BUILT_IN)
def test_what_is_built_on_the_core_stands_alone(package: str) -> None:
    others = {*BUILT_IN} - {package}
    strays = {m: used for m in house.sources() if package_of(m) == package and (used := uses(m, others))}
    assert strays == {}


@pytest.mark.parametrize("package", BUILT_IN)
def test_built_ins_are_strangers(package: str) -> None:
    """Analyzers, data, loaders and the zoo import what anybody may, and nothing else."""
    strays = {
        (module, name)
        for module in house.sources()
        if package_of(module) == package
        for name in uses(module, {CORE})
        if name not in STRANGERS_MAY
    }
    assert strays == set()


def test_each_room_imports_what_it_may() -> None:
    graph = house.rooms(CORE)
    assert graph.keys() == {*MAY, *GROUND, "__init__"}
    strays = {room: used - MAY[room] - GROUND for room, used in graph.items() if room in MAY}
    assert {room: used for room, used in strays.items() if used} == {}
    assert all(graph[room] <= set() for room in GROUND)


def test_nothing_imports_the_face() -> None:
    """The face gives every name of the core, so that an import of it would close a circle."""
    assert [m for m in house.sources() if package_of(m) == CORE and CORE in house.imports(m)] == []


@pytest.mark.parametrize("package", PACKAGES)
def test_no_imports_run_in_a_circle(package: str) -> None:
    """Among modules, with those under TYPE_CHECKING and inside functions."""
    graph = house.modules_of(package)
    assert max(house.floors(graph).values()) > 1


@pytest.mark.parametrize("folder", folders())
def test_folders_are_low(folder: str) -> None:
    """No circle among the rooms of a folder either, and few floors of them."""
    graph = {room: used - {"__init__"} for room, used in house.rooms(folder).items() if room != "__init__"}
    highest = max(house.floors(graph).values(), default=0)
    assert highest <= (HIGHEST if folder == CORE else HIGHEST_INSIDE)


# Core knows no built-in by name


def strings(module: str) -> Iterator[str]:
    """The texts of a module's code, without its documentation."""
    nodes = ast.walk(house.tree(module))
    described = {
        id(node.body[0].value)
        for node in ast.walk(house.tree(module))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in described:
            yield node.value


def test_the_core_names_no_built_in() -> None:
    """No analyzer, metric, data source, loader or architecture of ours stands in core's code."""
    host = load_host()
    ours = [plugin for plugin in host.plugins if plugin.distribution == "wganalyze"]
    names = {name for plugin in ours for _, name in plugin.provides} | {plugin.name for plugin in ours}
    names |= {m.name for name, a in host.analyzers.items() if name in names for m in a.metrics}
    # Plain words, and words of the contracts.
    names -= {"samples", "snapshot", "arrays", "images", "onnx", "chain", "lightning", "folder", "gap", "digits"}
    names -= {"csv", "parquet"}  # what reports are written as, too
    names -= {"orientation", "auc", "critic", "precision", "claims", "gradients", "lines", "pairs", "pictures", "keras"}
    pattern = re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, sorted(names)))})(?![\w-])")
    said = {
        (m, hit[0]) for m in house.sources() if package_of(m) == CORE for s in strings(m) if (hit := pattern.search(s))
    }
    assert said == set()


# What a start costs


@pytest.mark.parametrize("entry", OWN_PLUGINS)
def test_built_ins_import_heavy_libraries_only_inside_the_work(entry: str) -> None:
    """Whatever importing a plugin's module imports in turn: none of it is heavy."""
    reached: set[str] = set()
    waiting = {entry}
    while waiting:
        module = waiting.pop()
        reached.add(module)
        if module in house.sources():
            parents = {module.rpartition(".")[0]} - {""}
            waiting |= (house.imports(module, deep=False) | parents) - reached
    assert entry in house.sources()
    assert {name for name in reached if package_of(name) in HEAVY} == set()


def public_definitions(module: str) -> Iterator[tuple[str, ast.Module | ast.ClassDef | ast.FunctionDef]]:
    """The module, its public classes, and its public functions; a hook is described where it is specified."""
    yield module, house.tree(module)
    for node in house.tree(module).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            hook = any(isinstance(d, ast.Name) and d.id == "hookimpl" for d in node.decorator_list)
            if not hook:
                yield f"{module}.{node.name}", node


def test_everything_public_says_what_it_is() -> None:
    silent = [
        name
        for module in house.sources()
        for name, node in public_definitions(module)
        if not any(part.startswith("_") for part in name.split(".")[:-1])
        and not (ast.get_docstring(node) or "").strip()
    ]
    assert silent == []


def loaded_by(*arguments: str) -> set[str]:
    """The packages that a command line loads, in a process of its own."""
    code = (
        "import io, json, sys\n"
        "from contextlib import redirect_stdout\n"
        "from wganalyze.cli import call\n"
        "with redirect_stdout(io.StringIO()) as out:\n"
        "    code = call(sys.argv[1:])\n"
        "assert code == 0 and out.getvalue(), code\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))\n"
    )
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout))


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["-h"],
        ["--version"],
        ["run", "--help"],
        ["inspect", "-h"],
        ["show", "--help"],
        ["diff", "-h"],
        ["page", "--help"],
        ["best", "--help"],
        ["compare", "--help"],
        ["check", "--help"],
        ["watch", "--help"],
    ],
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_by(*arguments)
    assert "click" in loaded
    assert loaded & (HEAVY | {"numpy", "rich", "pluggy"}) == set()


def test_listing_the_plugins_loads_nothing_heavy() -> None:
    loaded = loaded_by("plugins")
    assert {"wganalyze_plugins", "wganalyze_checkpoints"} <= loaded
    assert loaded & HEAVY == set()


def test_help_takes_little_more_than_click() -> None:
    """2.3 times what it takes to import click and to look for plugins; .2 s of a quiet machine."""

    def seconds(code: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    ours = "from wganalyze.cli import main; main()"
    theirs = "import click; from importlib.metadata import entry_points as e; e(group='wganalyze.commands')"
    assert min(seconds(ours) for _ in range(5)) <= 5 * min(seconds(theirs) for _ in range(5))
