"""Modules of the user's own code: of scripts, and of what lies beside them, definitions are taken; the rest is left."""

from __future__ import annotations

import ast
import importlib
import io
import linecache
import sys
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from typing import Any

from wganalyze.scripts.commandline import without_arguments
from wganalyze.scripts.constants import LEFT
from wganalyze.scripts.notebook import cells_of, is_notebook
from wganalyze.scripts.taking import Left, take
from wganalyze.text import reason_of

UNREAD = "__wganalyze_unread__"
"""Of a module: cells of a notebook that are no Python."""
_OWN = "wganalyze"


def forget_modules() -> None:
    """Import factories anew from here on, from their source as it is then: it may have been edited."""
    named.cache_clear()
    filed.cache_clear()


@cache
def named(name: str, here: Path, *, whole: bool = False) -> Any:
    """The module ``name``: of the folder ``here`` by its definitions (``whole``: all of it is run), else as installed.

    It may raise what an import raises.
    """
    if str(here) not in sys.path:
        sys.path.insert(0, str(here))
    with _as_on_disk(here, name.partition(".")[0]), _found_in((here,), whole=whole):
        return importlib.import_module(name)


@cache
def filed(path: Path, source: bytes, *, whole: bool = False) -> Any:
    """The module that a file is, by its definitions (``whole``: all of it is run); of a notebook by its code cells."""
    module = types.ModuleType(f"_wganalyze_factory_{path.stem}")
    module.__file__ = str(path)
    folder = path.parent
    folders = [folder]
    if not is_notebook(path.name) and _is_in_a_package(source):
        root, module.__package__ = _package_of(folder)
        folders.append(root)
    with _as_on_disk(folder), _found_in(folders, whole=whole):
        sys.modules[module.__name__] = module  # where dataclasses look for it
        if is_notebook(path.name):
            _take_notebook(path, source, module)
        elif whole:
            exec(compile(source, str(path), "exec"), module.__dict__)
        else:
            take(source, str(path), module.__dict__)
    return module


def left_of(module: Any) -> dict[str, Left]:
    """What was left alone of a module, by the names that it would have bound."""
    left: dict[str, Left] = getattr(module, LEFT, {})
    return left


def _take_notebook(path: Path, source: bytes, module: types.ModuleType) -> None:
    unread = vars(module).setdefault(UNREAD, [])
    vars(module).setdefault(LEFT, {})
    for title, cell in cells_of(path, source):
        linecache.cache[title] = (len(cell), None, cell.splitlines(keepends=True), title)
        try:
            take(cell, title, module.__dict__)
        except (SyntaxError, ValueError) as error:
            unread.append(f"{Path(title).name} cannot be read ({reason_of(error)})")


def _is_in_a_package(source: bytes) -> bool:
    """Does it import from beside itself with dots?"""
    try:
        return any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):  # which running it will say
        return False


def _package_of(folder: Path) -> tuple[Path, str]:
    """The folder that a package is imported from, and its dotted name; one without ``__init__.py`` counts too."""
    root, parts = folder.parent, [folder.name]
    while (root / "__init__.py").is_file():
        root, parts = root.parent, [root.name, *parts]
    return root, ".".join(parts)


class _Definitions(SourceFileLoader):
    """Loads a module by its definitions."""

    def exec_module(self, module: types.ModuleType) -> None:
        take(self.get_data(self.path), self.path, module.__dict__)


class _Siblings(MetaPathFinder):
    """Finds modules of these folders, and of packages in them; all others are found as ever."""

    def __init__(self, folders: Sequence[Path]):
        self.folders = folders
        self.before = list(sys.path)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of a source file there, which will be loaded by its definitions; None for all else."""
        added = [Path(entry) for entry in sys.path if entry not in self.before]  # by the script itself
        *above, _ = fullname.split(".")
        places = [folder.joinpath(*above) for folder in (*self.folders, *added)]
        if path is not None:
            given = {Path(entry).resolve() for entry in path}
            places = [place for place in places if place.resolve() in given]
        spec = PathFinder.find_spec(fullname, [str(place) for place in places]) if places else None
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            return None
        spec.loader = _Definitions(fullname, spec.loader.path)
        return spec


@contextmanager
def imported_beside(*folders: Path) -> Iterator[None]:
    """Inside, code of the user's that imports from these folders gets definitions, too."""
    with _found_in(folders, whole=False):
        yield


@contextmanager
def _found_in(folders: Sequence[Path], *, whole: bool) -> Iterator[None]:
    """Inside, modules are also looked for in ``folders``, before all else that is on the search path."""
    before = list(sys.path)
    finder = _Siblings(folders)
    sys.path[:0] = [str(folder) for folder in folders if str(folder) not in before]
    finder.before = list(sys.path)
    if not whole:
        at = sys.meta_path.index(PathFinder) if PathFinder in sys.meta_path else 0
        sys.meta_path.insert(at, finder)
    try:
        with without_arguments(folders[0], whole=whole):
            yield
    finally:
        if finder in sys.meta_path:
            sys.meta_path.remove(finder)
        sys.path[:] = before


@contextmanager
def _as_on_disk(folder: Path, package: str = "") -> Iterator[None]:
    """Inside, modules in ``folder``, and those of packages in it, are imported anew, and from source.

    A cached .pyc cannot tell two versions of the same size and second apart. What was imported before is put back.
    """
    tops = {name.partition(".")[0] for name in sys.modules}
    beside = {top for top in tops if _is_beside(top, folder)}
    known = {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] in beside or _lies_in(module, name, folder, package)
    }
    for name in known:
        del sys.modules[name]
    before = sys.dont_write_bytecode, sys.pycache_prefix
    sys.dont_write_bytecode, sys.pycache_prefix = True, str(folder / ".no-such-cache")
    importlib.invalidate_caches()
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        sys.dont_write_bytecode, sys.pycache_prefix = before
        sys.modules.update(known)


def _is_beside(top: str, folder: Path) -> bool:
    """Is there a module or package of this name in the folder, whatever was imported under it from elsewhere?"""
    if top in sys.stdlib_module_names or top.startswith(_OWN) or "site-packages" in folder.parts:
        return False
    return (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file()


def _lies_in(module: Any, name: str, folder: Path, package: str) -> bool:
    file = getattr(module, "__file__", None)
    if not file or name == "__main__" or name.startswith(_OWN):
        return False
    path = Path(file)
    below = name.partition(".")[0] == package and folder in path.parents and "site-packages" not in path.parts
    return below or path.parent == folder
