"""Which expressions of a script are constants: evaluating them runs nothing of the script's own, and no training."""

from __future__ import annotations

import argparse
import ast
import builtins
import pathlib
import sys
import types
from collections.abc import Mapping
from typing import Any

PLAIN = "__wganalyze_plain__"
LEFT = "__wganalyze_left__"
"""Of a module whose definitions were taken: what was left alone, by name."""

_BUILTINS = frozenset(
    getattr(builtins, name)
    for name in (
        "abs", "all", "any", "bool", "bytes", "chr", "complex", "dict", "divmod", "enumerate", "float", "format",
        "frozenset", "getattr", "hasattr", "int", "isinstance", "issubclass", "len", "list", "max", "min", "object",
        "ord", "pow", "range", "repr", "reversed", "round", "set", "slice", "sorted", "str", "sum", "tuple", "type",
        "vars", "zip",
    )
)  # fmt: skip
_MODULES = frozenset(
    [
        "_functools", "_operator", "collections", "copy", "dataclasses", "enum", "fnmatch", "genericpath", "math",
        "ntpath", "operator", "posixpath", "re", "string", "typing",
    ]
)  # fmt: skip
"""Modules whose functions compute and do nothing else."""
_CLASSES = frozenset(
    [
        "_io.StringIO", "addict", "argparse", "attrdict", "box", "collections", "datetime", "decimal", "dotmap",
        "easydict", "enum", "fractions", "functools", "itertools", "ml_collections", "munch", "numbers", "omegaconf",
        "pathlib", "re", "string", "torch.nn.modules", "torch.torch_version", "torchvision.transforms", "types",
        "typing", "uuid", "yacs",
    ]
)  # fmt: skip
"""Modules and packages of which objects hold what they are given."""
_FUNCTIONS = {
    "os": ("cpu_count", "fspath", "getcwd", "getenv", "uname"),
    "time": ("localtime", "strftime", "time"),
    "random": ("choice", "randint", "random", "uniform"),
    "multiprocessing": ("cpu_count",),
    "importlib.util": ("find_spec",),
    "omegaconf": ("OmegaConf.create",),
    "numpy": (
        "abs", "arange", "array", "asarray", "ceil", "concatenate", "cos", "dtype", "exp", "eye", "finfo", "floor",
        "full", "int_", "linspace", "log", "log10", "log2", "logspace", "max", "maximum", "mean", "min", "minimum",
        "ones", "outer", "power", "prod", "round", "sin", "sqrt", "stack", "sum", "tile", "transpose", "zeros",
    ),
    "torch": (
        "FloatTensor", "LongTensor", "Size", "Tensor", "arange", "as_tensor", "device", "empty", "eye", "finfo",
        "from_numpy", "full", "linspace", "log", "logspace", "ones", "sqrt", "stack", "tensor", "zeros",
    ),
    "torch.cuda": ("device_count", "is_available", "is_bf16_supported"),
    "torch.backends.mps": ("is_available", "is_built"),
    "torch.xpu": ("is_available",),
}  # fmt: skip
"""Single functions that compute, or look at the machine."""
_PATHS = frozenset(["as_posix", "cwd", "exists", "expanduser", "home", "is_absolute", "is_dir", "is_file", "joinpath",
                    "absolute", "relative_to", "resolve", "with_name", "with_stem", "with_suffix"])  # fmt: skip
_PLAIN = (str, bytes, int, float, complex, tuple, list, dict, set, frozenset, range, argparse.Namespace,
          types.SimpleNamespace)  # fmt: skip
_WRITING = frozenset(["backward", "dump", "dumps", "save", "tofile"])


_METHODS = frozenset(
    [
        "add_argument", "add_argument_group", "add_mutually_exclusive_group", "append", "copy", "device",
        "device_count", "extend", "format", "get", "is_available", "items", "join", "keys", "lower", "parse_args",
        "parse_known_args", "replace", "set_defaults", "setdefault", "split", "strip", "update", "upper", "values",
        "ArgumentParser", "Namespace", "OrderedDict", "SimpleNamespace",
    ]
)  # fmt: skip
_CALLED = frozenset(["print", *_METHODS, *(each.__name__ for each in _BUILTINS)])
"""What a function may call that reads a command line or fills a configuration."""


def mark_plain(node: ast.stmt, value: Any) -> None:
    """Mark a function, or the ``__init__`` of a class, that fills a configuration and does nothing else."""
    if isinstance(node, ast.FunctionDef):
        if not node.decorator_list and _only_fills(node):
            setattr(value, PLAIN, True)
    elif isinstance(node, ast.ClassDef):
        for each in node.body:
            if isinstance(each, ast.FunctionDef) and each.name == "__init__":
                mark_plain(each, vars(value).get("__init__"))


def _only_fills(function: ast.FunctionDef) -> bool:
    for node in ast.walk(function):
        if isinstance(node, ast.With | ast.While | ast.Await | ast.Yield | ast.YieldFrom | ast.Global):
            return False
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name not in (_METHODS if isinstance(called, ast.Attribute) else _CALLED):
                return False
    return True


def is_constant(node: ast.AST, names: Mapping[str, Any]) -> bool:
    """May an expression be evaluated where ``names`` are bound? Calls only of what is known to compute."""
    if isinstance(node, ast.Lambda):  # a function, whose body waits
        return all(is_constant(default, names) for default in (*node.args.defaults, *node.args.kw_defaults) if default)
    if isinstance(node, ast.Await | ast.Yield | ast.YieldFrom):
        return False
    if isinstance(node, ast.Call) and not _may_be_called(node, names):
        return False
    return all(is_constant(child, names) for child in ast.iter_child_nodes(node))


def changes_own(node: ast.expr, names: Mapping[str, Any], own: set[str]) -> bool:
    """Is this the call of a method by which a script fills a constant of its own, a parser, or its search path?"""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    root: ast.AST = node.func.value
    while isinstance(root, ast.Attribute | ast.Subscript):
        root = root.value
    try:
        owner = _value(node.func.value, names)
    except Exception:
        return False
    mine = isinstance(root, ast.Name) and root.id in own
    fills = mine and isinstance(owner, list | dict | set | argparse._ActionsContainer)
    return (fills or owner is sys.path) and is_constant(node, names)


def _may_be_called(node: ast.Call, names: Mapping[str, Any]) -> bool:
    if not is_constant(node.func, names):
        return False
    try:
        owner = _value(node.func.value, names) if isinstance(node.func, ast.Attribute) else None
        called = _value(node.func, names)
        keys = [_value(each.value, names) for each in node.keywords if each.arg == "key"]
    except Exception:  # what it needs was left alone, or it is a name inside a comprehension
        return False
    if any(getattr(key, "__module__", "") not in ("builtins", *_MODULES) for key in keys):
        return False
    if owner is not None and not isinstance(owner, type | types.ModuleType):
        return _is_harmless(owner, node.func.attr if isinstance(node.func, ast.Attribute) else "")
    return computes(called)


def _is_harmless(owner: Any, method: str) -> bool:
    """A method that does nothing to the world outside of its object."""
    if isinstance(owner, argparse._ActionsContainer | argparse._SubParsersAction):
        return method.startswith(("add_", "set_", "get_", "parse_"))
    if isinstance(owner, pathlib.PurePath):
        return method in _PATHS
    if type(owner).__module__ == "os":  # os.environ
        return method in ("get", "copy", "keys", "items", "values")
    if type(owner).__module__.partition(".")[0] in ("numpy", "torch"):
        return _is_array(owner) and method not in _WRITING
    return (isinstance(owner, _PLAIN) or _is_among(type(owner), _CLASSES)) and method not in _WRITING


def _is_array(value: Any) -> bool:
    kinds = [getattr(sys.modules.get(name), kind, ()) for name, kind in (("torch", "Tensor"), ("numpy", "ndarray"))]
    kinds += [getattr(sys.modules.get("numpy"), "generic", ())]
    return any(kind and isinstance(value, kind) for kind in kinds)


def computes(called: Any) -> bool:
    """Is this a function or a class whose call gives a value and does nothing else?"""
    try:
        if called in _BUILTINS or called is super:
            return True
    except TypeError:  # it has no hash
        return False
    if any(called is _found(module, name) for module, names in _FUNCTIONS.items() for name in names):
        return True
    if isinstance(called, type):
        return _holds(called)
    if isinstance(called, types.FunctionType) and getattr(called, PLAIN, False):
        return True
    module = getattr(called, "__module__", None) or type(getattr(called, "__self__", None)).__module__
    bound = getattr(called, "__self__", None)
    if isinstance(bound, type):  # Path.cwd, dict.fromkeys, datetime.now
        return bound in _BUILTINS or (_is_among(bound, _CLASSES) and (module != "pathlib" or called.__name__ in _PATHS))
    return module in _MODULES and getattr(called, "__name__", "") != "reduce"


def _found(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module, _found)  # a module that was not imported was not called either
    for each in name.split("."):
        found = getattr(found, each, _found)
    return found if found is not _found else object()


def _holds(cls: type) -> bool:
    """A class of which an object is made without code of the script: plain ones of it, and those of _CLASSES."""
    if cls in _BUILTINS or _is_among(cls, _CLASSES):
        return True
    numpy = sys.modules.get("numpy")
    if numpy is not None and issubclass(cls, numpy.generic):
        return True
    module = sys.modules.get(cls.__module__)
    if LEFT not in vars(module or types.ModuleType("")):
        return False
    own = [each for each in cls.__mro__ if each.__module__ == cls.__module__]
    written = [vars(each).get(name) for each in own for name in ("__init__", "__new__", "__post_init__")]
    file = getattr(module, "__file__", None)
    ran = [each for each in written if each and not getattr(each, PLAIN, False)]
    if any(getattr(getattr(each, "__code__", None), "co_filename", "") == file for each in ran):
        return False
    return all(each in own or each in _BUILTINS or _is_among(each, {*_CLASSES, "abc"}) for each in cls.__mro__)


def _is_among(cls: type, packages: frozenset[str] | set[str]) -> bool:
    parts = f"{cls.__module__}.{cls.__name__}".split(".")
    return any(".".join(parts[:depth]) in packages for depth in range(1, len(parts) + 1))


def _value(node: ast.expr, names: Mapping[str, Any]) -> Any:
    return eval(compile(ast.Expression(node), "<constant>", "eval"), dict(names))
