"""The house holds: imports run one way and in no circle, a start is light, and everything public says what it is."""

from __future__ import annotations

import ast
import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import pytest

PACKAGES = ("wganalyze", "wganalyze_plugins", "wganalyze_checkpoints", "wganalyze_zoo")
BUILT_IN = ("wganalyze_plugins", "wganalyze_checkpoints")
PUBLIC = frozenset(
    f"wganalyze.{name}"
    for name in (
        "analyzer",
        "api",
        "data",
        "errors",
        "hooks",
        "measurement",
        "snapshot",
        "study",
        "testing",
        "transport",
    )
) | {"wganalyze", "wganalyze.report.reading"}
OWN_PLUGINS = sorted(
    entry.module
    for entry in entry_points(group="wganalyze")
    if entry.dist is not None and entry.dist.name == "wganalyze"
)
HEAVY = frozenset(["torch", "faiss", "ot", "pandas", "pyarrow", "sklearn", "scipy"])


@cache
def sources() -> dict[str, Path]:
    """Every module of the project by its name, as the interpreter would find it."""
    found: dict[str, Path] = {}
    for package in PACKAGES:
        spec = find_spec(package)
        assert spec is not None, package
        assert spec.origin is not None, package
        root = Path(spec.origin).parent
        for path in sorted(root.rglob("*.py")):
            parts = [package, *path.relative_to(root).with_suffix("").parts]
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(sources()[module].read_text(encoding="utf-8"))


def is_typing_guard(node: ast.AST) -> bool:
    """Is this ``if TYPE_CHECKING:``?"""
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def nodes(root: ast.AST, *, deep: bool) -> Iterator[ast.AST]:
    """Everything below a node outside of ``if TYPE_CHECKING``; not ``deep``: only what runs on import."""
    for node in ast.iter_child_nodes(root):
        if is_typing_guard(node) or (
            not deep and isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        ):
            continue
        yield node
        yield from nodes(node, deep=deep)


def imports(module: str, *, deep: bool) -> set[str]:
    """The modules that a module imports: the project's own by full name, others as written."""
    found: set[str] = set()
    for node in nodes(tree(module), deep=deep):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            source = node.module or ""
            inner = {f"{source}.{alias.name}" for alias in node.names}
            found |= (inner & sources().keys()) or {source}
    return found


def package_of(module: str) -> str:
    """The first component of a module's name."""
    return module.partition(".")[0]


def test_the_reader_of_imports_sees_all_kinds() -> None:
    """The tests below could pass by seeing nothing; these are facts of the source."""
    assert "wganalyze.contracts.hooks" in imports("wganalyze.host.registry", deep=False)
    assert "wganalyze.transport" in imports("wganalyze.study.study", deep=True)
    assert "wganalyze.transport" not in imports("wganalyze.study.study", deep=False)
    assert "torch.nn" not in imports("wganalyze.study.study", deep=True)
    assert "numpy" in imports("wganalyze.study.study", deep=False)
    assert {package_of(module) for module in sources()} == {*PACKAGES}


def test_the_core_imports_none_of_what_is_built_on_it() -> None:
    others = {*PACKAGES} - {"wganalyze"}
    found = {m: used for m in sources() if package_of(m) == "wganalyze" and (used := uses(m, others))}
    assert found == {}


@pytest.mark.parametrize("package", sorted({*PACKAGES} - {"wganalyze"}))
def test_what_is_built_on_the_core_stands_alone(package: str) -> None:
    others = {*PACKAGES} - {"wganalyze", package}
    found = {m: used for m in sources() if package_of(m) == package and (used := uses(m, others))}
    assert found == {}


def uses(module: str, packages: set[str]) -> set[str]:
    """What a module imports of these packages, at any depth."""
    return {name for name in imports(module, deep=True) if package_of(name) in packages}


@pytest.mark.parametrize("package", BUILT_IN)
def test_built_ins_use_public_modules_only_like_anybody(package: str) -> None:
    def is_public(name: str) -> bool:
        return name in PUBLIC or name.startswith("wganalyze.transport.")

    found = {
        (module, name)
        for module in sources()
        if package_of(module) == package
        for name in uses(module, {"wganalyze"})
        if not is_public(name)
    }
    assert found == set()


def test_no_imports_run_in_a_circle() -> None:
    graph = {module: imports(module, deep=False) & sources().keys() - {module} for module in sources()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


@pytest.mark.parametrize("entry", OWN_PLUGINS)
def test_built_ins_import_heavy_libraries_only_inside_the_work(entry: str) -> None:
    """Whatever importing a plugin's module imports in turn: none of it is heavy."""
    reached: set[str] = set()
    waiting = {entry}
    while waiting:
        module = waiting.pop()
        reached.add(module)
        if module in sources():
            parents = {module.rpartition(".")[0]} - {""}
            waiting |= (imports(module, deep=False) | parents) - reached
    assert entry in sources()
    assert {name for name in reached if package_of(name) in HEAVY} == set()


def public_definitions(module: str) -> Iterator[tuple[str, ast.Module | ast.ClassDef | ast.FunctionDef]]:
    """The module, its public classes, and its public functions; a hook is described where it is specified."""
    yield module, tree(module)
    for node in tree(module).body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef) and not node.name.startswith("_"):
            hook = any(isinstance(d, ast.Name) and d.id == "hookimpl" for d in node.decorator_list)
            if not hook:
                yield f"{module}.{node.name}", node


def test_everything_public_says_what_it_is() -> None:
    silent = [
        name
        for module in sources()
        for name, node in public_definitions(module)
        if not any(part.startswith("_") for part in name.split(".")[:-1])
        and not (ast.get_docstring(node) or "").strip()
    ]
    assert silent == []


# What a start costs


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
    "arguments", [["--help"], ["-h"], ["--version"], ["run", "--help"], ["inspect", "-h"], ["show", "--help"]]
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = loaded_by(*arguments)
    assert "click" in loaded
    assert loaded & (HEAVY | {"numpy", "rich", "pluggy"}) == set()


def test_listing_the_plugins_loads_nothing_heavy() -> None:
    loaded = loaded_by("plugins")
    assert {"wganalyze_plugins", "wganalyze_checkpoints"} <= loaded
    assert loaded & HEAVY == set()


def test_help_takes_a_quarter_of_a_second_of_cpu() -> None:
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = "from wganalyze.cli import main; main()"
        subprocess.run([sys.executable, "-c", code, "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(3)) <= 0.25
