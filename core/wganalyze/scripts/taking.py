"""Of a script its imports, classes, functions and constants are taken; what it does is left alone."""

from __future__ import annotations
import __future__

import ast
import re
import sys
import types
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

from wganalyze.scripts.constants import LEFT, changes_own, is_constant, mark_plain
from wganalyze.text import one_line, reason_of

_CALLS = "it runs code of the script"
_GUARDED = "it stands under if __name__ == '__main__'"
_LONGEST = 60


@dataclass(frozen=True)
class Left:
    """A statement that was not run. ``place``: "train.py line 12". ``text``: how it begins."""

    place: str
    text: str
    reason: str

    def __str__(self) -> str:
        return f"{self.place} `{self.text}` was left alone: {self.reason}"

    @property
    def remedy(self) -> str:
        """What makes code run that needs it."""
        if self.reason.startswith("ModuleNotFoundError"):
            return "install it, or take that line out"
        return "in a copy of the file, give it a value there that is written out"


def take(source: str | bytes, file: str, names: dict[str, Any]) -> None:
    """Run the definitions of a source in ``names``, whose LEFT then tells what was left; SyntaxError as Python's."""
    tree = ast.parse(source, file)
    _Taking(file, names, _flags(tree)).body(tree.body)


def _flags(tree: ast.Module) -> int:
    """What ``from __future__ import`` asks for."""
    futures = [n for n in tree.body if isinstance(n, ast.ImportFrom) and n.module == "__future__"]
    features = [getattr(__future__, alias.name, None) for node in futures for alias in node.names]
    return sum({feature.compiler_flag for feature in features if feature is not None})


class _Taking:
    """One source as it is gone through, from above; ``own``: names that it has bound, other than by imports."""

    def __init__(self, file: str, names: dict[str, Any], flags: int):
        self.file = file
        self.names = names
        self.flags = flags
        self.own: set[str] = set()
        self.left: dict[str, Left] = names.setdefault(LEFT, {})

    def body(self, statements: Sequence[ast.stmt], *, raising: bool = False) -> None:
        """``raising``: what a statement raises is for the ``try`` around it."""
        for statement in statements:
            self._take(statement, raising=raising)

    def _take(self, node: ast.stmt, *, raising: bool) -> None:
        match node:
            case ast.Import() | ast.ImportFrom():
                for single in _single_imports(node):
                    self._run(single, raising=raising)
                    self._know_what_was_left(single)
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                self._run(node, raising=raising)
                mark_plain(node, self.names.get(name))
            case ast.Assign(targets=targets, value=value):
                self._bind(node, targets, value, raising=raising)
            case ast.AnnAssign(target=target, value=annotated):
                self._bind(node, [target], annotated or ast.Constant(None), raising=raising)
            case ast.AugAssign(target=target, value=value):
                self._bind(node, [target], value, raising=raising)
            case ast.Expr(value=value):
                if changes_own(value, self.names, self.own):
                    self._run(node, raising=raising)
            case ast.If():
                self._choose(node, raising=raising)
            case ast.Try():
                self._try(node)
            case ast.Delete(targets=targets) if all(isinstance(target, ast.Name) for target in targets):
                self._run(node, raising=raising)
            case ast.Pass() | ast.Assert() | ast.Global():
                pass
            case _:
                if sys.version_info >= (3, 12) and isinstance(node, ast.TypeAlias):
                    self._run(node, raising=raising)
                else:
                    self._leave(node, _CALLS)

    def _bind(self, node: ast.stmt, targets: Sequence[ast.expr], value: ast.expr, *, raising: bool) -> None:
        if is_constant(value, self.names) and all(self._may_be_set(target) for target in targets):
            self._run(node, raising=raising)
        else:
            self._leave(node, self._need(value) or _CALLS)

    def _may_be_set(self, target: ast.expr) -> bool:
        """A name, or a place in something of the script's own; ``torch.backends.x`` is everybody's."""
        if isinstance(target, ast.Tuple | ast.List):
            return all(self._may_be_set(each) for each in target.elts)
        if isinstance(target, ast.Attribute | ast.Subscript):
            root: ast.expr = target
            while isinstance(root, ast.Attribute | ast.Subscript):
                root = root.value
            return isinstance(root, ast.Name) and root.id in self.own and is_constant(target, self.names)
        return isinstance(target, ast.Name | ast.Starred)

    def _choose(self, node: ast.If, *, raising: bool) -> None:
        """The branch that a constant condition chooses."""
        if not is_constant(node.test, self.names):
            self._leave(node, self._need(node.test) or _CALLS)
            return
        try:
            chosen = bool(self._evaluate(node.test))
        except Exception as error:
            if raising:
                raise
            self._leave(node, self._why(error))
            return
        guard = any(isinstance(each, ast.Name) and each.id == "__name__" for each in ast.walk(node.test))
        if guard and not chosen:
            for statement in node.body:
                self._leave(statement, _GUARDED)
        self.body(node.body if chosen else node.orelse, raising=raising)

    def _try(self, node: ast.Try) -> None:
        try:
            self.body(node.body, raising=True)
        except (Exception, SystemExit) as error:
            handler = next((h for h in node.handlers if self._takes(h, error)), None)
            if handler is None:
                self._leave(node, self._why(error))
            else:
                if handler.name:
                    self.names[handler.name] = error
                self.body(handler.body)
        else:
            self.body(node.orelse)
        self.body(node.finalbody)

    def _takes(self, handler: ast.ExceptHandler, error: BaseException) -> bool:
        if handler.type is None:
            return True
        try:
            return isinstance(error, self._evaluate(handler.type))
        except Exception:
            return False

    def _evaluate(self, node: ast.expr) -> Any:
        code = compile(ast.Expression(node), self.file, "eval", self.flags, dont_inherit=True)
        return eval(code, self.names)

    def _run(self, node: ast.stmt, *, raising: bool) -> None:
        module = ast.Module([node], [])
        try:
            exec(compile(module, self.file, "exec", self.flags, dont_inherit=True), self.names)
        except (Exception, SystemExit) as error:
            if raising:
                raise
            self._leave(node, self._why(error))
            return
        bound = _bound(node)
        for name in bound:
            self.left.pop(name, None)
        if not isinstance(node, ast.Import | ast.ImportFrom):
            self.own |= bound

    def _leave(self, node: ast.stmt, reason: str) -> None:
        """Its names are as good as unbound, but for definitions: ``Generator = Generator().cuda()`` hides no class."""
        text = next(iter(ast.unparse(node).splitlines()), "")
        left = Left(f"{Path(self.file).name} line {node.lineno}", one_line(text, _LONGEST), reason)
        for name in _bound(node):
            kept = isinstance(self.names.get(name), type | types.FunctionType | types.ModuleType)
            if name in self.names and (kept or reason == _GUARDED):
                continue
            self.names.pop(name, None)
            self.left[name] = left

    def _need(self, value: ast.expr) -> str:
        """What an expression waits for that was left before."""
        used = [each.id for each in ast.walk(value) if isinstance(each, ast.Name)]
        return next((f"it needs {n}: {self.left[n]}" for n in used if n in self.left and n not in self.names), "")

    def _why(self, error: BaseException) -> str:
        name = getattr(error, "name", None)
        if isinstance(error, NameError) and name in self.left:
            return f"it needs {name}: {self.left[name]}"
        module = vars(sys.modules.get(str(name), types.ModuleType("")))
        if isinstance(error, ImportError) and module.get(LEFT):  # from config import opt
            missing = re.search(r"cannot import name '(\w+)'", str(error))
            if missing is not None and missing[1] in module[LEFT]:
                return f"it needs {missing[1]}: {module[LEFT][missing[1]]}"
        return reason_of(error)

    def _know_what_was_left(self, node: ast.Import | ast.ImportFrom) -> None:
        """``from config import *`` brings what config left along."""
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
            try:
                module = resolve_name("." * node.level + (node.module or ""), self.names.get("__package__"))
            except ImportError:
                return
            for name, why in getattr(sys.modules.get(module), LEFT, {}).items():
                if name not in self.names:
                    self.left[name] = why


def _single_imports(node: ast.Import | ast.ImportFrom) -> Iterator[ast.Import | ast.ImportFrom]:
    """One for each name, so that one that fails does not take others along."""
    for alias in node.names:
        single: ast.Import | ast.ImportFrom = (
            ast.Import([alias]) if isinstance(node, ast.Import) else ast.ImportFrom(node.module, [alias], node.level)
        )
        yield ast.copy_location(single, node)


def _bound(node: ast.AST) -> set[str]:
    """The names that a statement binds in its own scope."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
        case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return set()
        case ast.alias(name=name, asname=asname):
            return {asname or name.partition(".")[0]}
        case ast.Name(id=name, ctx=ast.Store()):
            return {name}
    return {name for child in ast.iter_child_nodes(node) for name in _bound(child)}
