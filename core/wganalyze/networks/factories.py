"""Factories: the callables of the user's own code that build a network, named as text."""

from __future__ import annotations

import ast
import importlib
import io
import re
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from wganalyze.contracts.terms import CONFIG_NAME
from wganalyze.errors import TrustError, UsageError
from wganalyze.text import reason_of

Factory = Callable[..., Any]


def import_factory(net: Net, option: str) -> tuple[Factory, tuple[Any, ...], dict[str, Any]]:
    """The callable that ``net.factory`` names, with its positional and keyword arguments; this runs its module.

    TrustError where the text lay beside the checkpoints; UsageError where it cannot be imported.
    """
    target, arguments, keywords, _ = import_named(net, option)
    if not callable(target):
        name = (net.factory or "").rpartition(":")[2].partition("(")[0]
        raise UsageError(f"{option} {net.factory}: {name} cannot be called")
    return target, arguments, keywords


def import_named(net: Net, option: str) -> tuple[Any, tuple[Any, ...], dict[str, Any], bool]:
    """As ``import_factory``, of anything that a module holds; and whether the text calls it."""
    text = net.factory or ""
    if not net.trusted:
        raise TrustError(
            f"the {CONFIG_NAME} beside the checkpoints names the factory {text}; "
            f"it is imported only with --trust (or pass {option} {text})"
        )
    match = re.fullmatch(r"(?P<where>.+?):(?P<call>[A-Za-z_][\w.]*(?:\(.*\))?)", text.strip(), re.DOTALL)
    if match is None:
        raise UsageError(f"{option} {text}: write MODULE:NAME or FILE.py:NAME, for example train:Generator(64)")
    name, arguments, keywords = _call(match["call"], option, text)
    target: Any = _module(match["where"], net.folder, option)
    for attribute in name.split("."):
        if not hasattr(target, attribute):
            raise UsageError(f"{option} {text}: {match['where']} has no {attribute!r}")
        target = getattr(target, attribute)
    return target, arguments, {**keywords, **net.arguments}, match["call"].endswith(")")


def _call(text: str, option: str, whole: str) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """A name, or a call with literal arguments, taken apart without being run."""
    try:
        tree = ast.parse(text, mode="eval").body
        if not isinstance(tree, ast.Call):
            return text, (), {}
        if any(k.arg is None for k in tree.keywords):
            raise ValueError("**")
        keywords = {str(k.arg): ast.literal_eval(k.value) for k in tree.keywords}
        return ast.unparse(tree.func), tuple(ast.literal_eval(a) for a in tree.args), keywords
    except (SyntaxError, ValueError):
        raise UsageError(
            f"{option} {whole}: the arguments must be literals, as in train:Generator(64, wide=True)"
        ) from None


def _module(where: str, folder: Path | None, option: str) -> Any:
    try:
        if not where.endswith(".py"):
            return _named(where, Path.cwd())
        path = Path(where).expanduser()
        if folder is not None and not path.is_absolute() and not path.exists():
            path = folder / path
        if not path.is_file():
            raise UsageError(f"{option}: there is no file {path}")
        return _filed(path.resolve(), path.read_bytes())
    except UsageError:
        raise
    except SystemExit as error:  # it parses the command line, or trains, when it is imported
        raise UsageError(
            f"{option}: importing {where} failed (SystemExit: {error}, it ended the program); put what it runs behind "
            "if __name__ == '__main__':"
        ) from error
    except ModuleNotFoundError as error:
        ours = error.name is not None and where.partition(".")[0] == error.name
        hint = "; run from the folder that holds it, or name FILE.py:NAME" if ours else ""
        raise UsageError(f"{option}: importing {where} failed ({reason_of(error)}){hint}") from error
    except Exception as error:
        raise UsageError(f"{option}: importing {where} failed ({reason_of(error)})") from error


def forget_modules() -> None:
    """Import factories anew from here on, from their source as it is then: it may have been edited."""
    _named.cache_clear()
    _filed.cache_clear()


@cache
def _named(name: str, here: Path) -> Any:
    if str(here) not in sys.path:
        sys.path.insert(0, str(here))
    with _as_on_disk(here, name.partition(".")[0]):
        return importlib.import_module(name)


@cache
def _filed(path: Path, source: bytes) -> Any:
    module = types.ModuleType(f"_wganalyze_factory_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    sys.path.insert(0, str(path.parent))
    try:
        with _as_on_disk(path.parent):
            exec(compile(source, str(path), "exec"), module.__dict__)
    finally:
        sys.path.remove(str(path.parent))
    return module


@contextmanager
def _as_on_disk(folder: Path, package: str = "") -> Iterator[None]:
    """Inside, modules in ``folder``, and those of a package below it, are imported anew, and from source.

    A cached .pyc cannot tell two versions of the same size and second apart. What was imported before is put back.
    """
    known = {name: module for name, module in sys.modules.items() if _lies_in(module, name, folder, package)}
    for name in known:
        del sys.modules[name]
    before = sys.dont_write_bytecode, sys.pycache_prefix
    sys.dont_write_bytecode, sys.pycache_prefix = True, str(folder / ".no-such-cache")
    importlib.invalidate_caches()
    arguments = sys.argv
    sys.argv = [str(folder)]  # ours are not meant for a script that parses them
    try:
        with redirect_stderr(io.StringIO()):
            yield
    finally:
        sys.argv = arguments
        sys.dont_write_bytecode, sys.pycache_prefix = before
        sys.modules.update(known)


def _lies_in(module: Any, name: str, folder: Path, package: str) -> bool:
    file = getattr(module, "__file__", None)
    if not file or name == "__main__":
        return False
    path = Path(file)
    below = name.partition(".")[0] == package and folder in path.parents and "site-packages" not in path.parts
    return below or path.parent == folder


@dataclass(frozen=True)
class Net:
    """Where a network's architecture comes from: a factory to import, or a registered architecture.

    ``factory``: "module:Name", "file.py:Name", with literal arguments: "train:Generator(64, channels=1)".
    ``trusted``: False where the text lay beside the checkpoints, so that importing it needs ``--trust``.
    """

    factory: str | None = None
    architecture: str | None = None
    arguments: Mapping[str, Any] = field(default_factory=dict)
    trusted: bool = True
    folder: Path | None = None


class Named(str):
    """A text of a ``wganalyze.toml`` that may name code.

    ``trusted``: False where the file lay beside the checkpoints. ``folder``: where the file lies.
    """

    def __new__(cls, text: str, trusted: bool, folder: Path) -> Named:
        """The text itself, which is compared and shown as any other."""
        named = super().__new__(cls, text)
        named.trusted, named.folder = trusted, folder
        return named

    trusted: bool
    folder: Path
