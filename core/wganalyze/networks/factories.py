"""Factories: the callables of the user's own code that build a network, named as text."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wganalyze.contracts.terms import CONFIG_NAME
from wganalyze.errors import TrustError, UsageError
from wganalyze.scripts.modules import UNREAD, filed, left_of, named
from wganalyze.text import reason_of

Factory = Callable[..., Any]
_SHOWN = 8
_NAMED = re.compile(r"(?P<where>.+?):(?P<call>[A-Za-z_][\w.]*(?:\(.*\))?)", re.DOTALL)


def import_factory(net: Net, option: str) -> tuple[Factory, tuple[Any, ...], dict[str, Any]]:
    """The callable that ``net.factory`` names, with its positional and keyword arguments.

    Of a script, and of modules beside it, imports, classes, functions and constants are taken: what it does, as
    training, is left alone. Installed modules are imported as Python does.
    TrustError where the text lay beside the checkpoints; UsageError where it cannot be imported.
    """
    target, arguments, keywords, _ = import_named(net, option, whole=False)
    if not callable(target):
        name = (net.factory or "").rpartition(":")[2].partition("(")[0]
        raise UsageError(f"{option} {net.factory}: {name} cannot be called")
    return target, arguments, keywords


def import_named(net: Net, option: str, *, whole: bool = True) -> tuple[Any, tuple[Any, ...], dict[str, Any], bool]:
    """As ``import_factory``, of anything that a module holds; and whether the text calls it.

    ``whole``: all of the module is run, for data are what its statements make.
    """
    text = net.factory or ""
    if not net.trusted:
        raise TrustError(
            f"the {CONFIG_NAME} beside the checkpoints names the factory {text}; "
            f"it is imported only with --trust (or pass {option} {from_here(net)})"
        )
    match = _NAMED.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{option} {text}: write MODULE:NAME or FILE.py:NAME, for example train:Generator(64)")
    name, arguments, keywords = _call(match["call"], option, text)
    target: Any = _module(match["where"], net.folder, option, whole=whole)
    for attribute in name.split("."):
        if not hasattr(target, attribute):
            raise UsageError(f"{option} {text}: {match['where']} has no {attribute!r}{_missing(target, attribute)}")
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


def _module(where: str, folder: Path | None, option: str, *, whole: bool) -> Any:
    try:
        path = _file(where, folder)
        if path is None:
            return named(where, Path.cwd(), whole=whole)
        if not path.is_file():
            raise UsageError(f"{option}: there is no file {path}")
        return filed(path.resolve(), path.read_bytes(), whole=whole)
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


def from_here(net: Net) -> str:
    """The factory as the command line would have it in the working folder, wherever its configuration lies."""
    text = (net.factory or "").strip()
    match = _NAMED.fullmatch(text)
    file = None if match is None else _file(match["where"], net.folder)
    return text if match is None or file is None else f"{file}:{match['call']}"


def folders_of(net: Net) -> tuple[Path, ...]:
    """Where the code of a factory looks for modules beside it."""
    match = _NAMED.fullmatch((net.factory or "").strip())
    file = None if match is None else _file(match["where"], net.folder)
    return (Path.cwd(),) if file is None else (file.resolve().parent, Path.cwd())


def _file(where: str, folder: Path | None) -> Path | None:
    """The file that a text names, which is looked for beside the configuration too; None for a module."""
    if not where.endswith((".py", ".ipynb")):
        return None
    path = Path(where).expanduser()
    return folder / path if folder is not None and not path.is_absolute() and not path.exists() else path


def _missing(target: Any, name: str) -> str:
    """Why there is no such name: what was left alone, what cannot be read, or what there is instead."""
    left = left_of(target).get(name)
    if left is not None:
        return f": {left}; name a class or a function that makes the network"
    own = getattr(target, "__name__", "")
    there = [key for key, value in vars(target).items() if getattr(value, "__module__", None) == own]
    more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
    has = f"; it has {', '.join(there[:_SHOWN])}{more}" if there else "; it defines no class and no function"
    advice = "; copy the class to a .py file" if str(getattr(target, "__file__", "")).endswith(".ipynb") else ""
    return has + "".join(f"; {line}" for line in getattr(target, UNREAD, ())) + advice


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
