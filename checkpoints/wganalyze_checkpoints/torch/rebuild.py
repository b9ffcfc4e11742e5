"""A whole pickled network, rebuilt from what the inert reader saw, with classes that the user has named.

This is no unpickler: nothing that the file says is executed. Its tree is copied into objects of

- torch's own layers, and plain data (numbers, containers, ``argparse.Namespace`` and the like);
- classes that ``--allow`` names: they are imported, objects of them are made without a call (``__new__``) and given
  their attributes; only networks and enumerations may be made by calling the class, which some pickles ask for;
- functions of ``torch.nn.functional``, and of ``torch`` where tensors have a method of that name: as values only, for
  networks keep their activation so.

Everything else is refused, and nothing is imported before it is allowed. A function is never admitted, nor a class of
Python's own library that does more than hold data: an ``--allow`` that somebody copies must not run a command.
"""

from __future__ import annotations

import argparse
import collections
import functools
import importlib
import pathlib
import sys
import types
from _compat_pickle import IMPORT_MAPPING
from collections.abc import Iterable, Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze import CheckpointError, TrustError, WganalyzeError, one_line
from wganalyze_checkpoints.pickles.inert import Global, Inert
from wganalyze_checkpoints.pickles.numpy_values import ARRAYS
from wganalyze_checkpoints.pickles.stored import of_array
from wganalyze_checkpoints.pickles.tensors import Storage, StoredTensor
from wganalyze_checkpoints.torch.file import TorchFile, damaged
from wganalyze_checkpoints.torch.modules import members_of
from wganalyze_checkpoints.wording import LONGEST

if TYPE_CHECKING:
    from torch import Tensor

_SHOWN = 20
_LONGEST_NAME = 200
_DATA: Mapping[str, type] = {
    "argparse.Namespace": argparse.Namespace,
    "types.SimpleNamespace": types.SimpleNamespace,
    "collections.OrderedDict": collections.OrderedDict,
    "builtins.dict": dict,
    "builtins.list": list,
}
_PATHS = ("pathlib.PosixPath", "pathlib.WindowsPath", "pathlib.PurePosixPath", "pathlib.PureWindowsPath")
_SETS = {"builtins.set": set, "__builtin__.set": set, "builtins.frozenset": frozenset}
_NEVER = ("torch", "numpy", "cloudpickle", "dill", "joblib")  # their own code is wanted, of which functions run more
_FUNCTIONS = "torch._C._VariableFunctionsClass"  # torch.tanh is pickled as its attribute
_PARTIAL = "functools.partial"
_OLD_BACKEND = "torch.nn.backends.thnn._get_thnn_function_backend"
_LEAVES = {*_PATHS, *ARRAYS, "torch.device", _OLD_BACKEND}
_PYTHON = sys.stdlib_module_names | {name.partition(".")[0] for name in IMPORT_MAPPING}  # as Python 2 called it, too


def rebuild(file: TorchFile, root: object, allowed: Sequence[str]) -> Any:
    """The object that ``root`` of ``file`` describes; TrustError in one line where it needs more than is allowed."""
    names, stored = _survey(root)
    classes = {name: _of_torch(name) for name in names}
    wanted = [name for name in names if classes[name] is None and name not in _DATA]
    granted = {name: given for name in wanted if (given := _granting(name, allowed)) is not None}
    refused = [name for name in wanted if name not in granted]
    if refused:
        raise TrustError(f"{file.path}: {_refusal(refused)}")
    tensors = file.tensors({str(id(t)): t for t in stored})
    loaded = {name: _import(file.path, given) for name, given in granted.items()}
    try:
        return _Builder(file, {**classes, **_DATA, **loaded}, set(loaded), tensors).build(root)
    except WganalyzeError:
        raise
    except RecursionError as error:
        raise damaged(file.path, "objects nested without end") from error
    except Exception as error:  # an allowed class may raise anything
        raise CheckpointError(
            f"{file.path}: its objects do not fit the classes that --allow names "
            f"({one_line(f'{type(error).__name__}: {error}', LONGEST)}); use the code that wrote the file"
        ) from error


def names_in(root: object) -> set[str]:
    """Every class and function that an object needs, and all that it holds."""
    return set(_survey(root)[0])


def _survey(root: object) -> tuple[list[str], list[StoredTensor]]:
    """Every name that needs a class or a function, in the order of the file, and every tensor."""
    names: dict[str, None] = {}
    stored: list[StoredTensor] = []
    waiting, seen = [root], set[int]()
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, StoredTensor):
            stored.append(value)
        elif isinstance(value, Global):
            names[value.name] = None
        elif isinstance(value, dict):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple):
            waiting += value
        elif isinstance(value, Inert):
            if value.name in _LEAVES:
                continue
            if value.name not in _SETS and value.name != _PARTIAL:
                names[value.name] = None
            waiting += [value.arguments, value.state, value.items, value.entries]
        elif isinstance(value, Storage):
            names["torch.storage"] = None
    return sorted(names), stored


def _of_torch(name: str) -> Any:
    """A layer, a function of tensors or a dtype of torch; None for all else, torch's included. Imports torch alone."""
    import torch

    module, _, last = name.rpartition(".")
    if module == "torch":
        constant = getattr(torch, last, None)
        return constant if isinstance(constant, torch.dtype | torch.memory_format) else None
    if module == _FUNCTIONS:
        return getattr(torch, last, None) if hasattr(torch.Tensor, last) else None
    if module in ("torch.nn.functional", "torch._C._nn"):
        compiled: Any = torch._C
        function = getattr(torch.nn.functional if module == "torch.nn.functional" else compiled._nn, last, None)
        own = getattr(function, "__module__", None) in ("torch.nn.functional", "torch._jit_internal", "torch._C._nn")
        return function if own and not isinstance(function, type) and callable(function) else None
    if module.startswith(("torch.nn.modules.", "torch.nn.utils.", "torch.nn.parallel.")):
        layer = getattr(sys.modules.get(module), last, None)
        return layer if isinstance(layer, type) and layer.__module__.startswith("torch.nn.") else None
    return None


def _granting(name: str, allowed: Iterable[str]) -> str | None:
    """The ``--allow`` that admits ``name``; a class that a script defined is found under its own module's name."""
    if not _may_be_allowed(name):
        return None
    for given in allowed:
        text = given.replace(":", ".")
        if text == name or (name.startswith("__main__.") and text.rpartition(".")[2] == name.rpartition(".")[2]):
            return given
    return None


def _may_be_allowed(name: str) -> bool:
    """Is it a name that may be shown as an option, for somebody to copy into a shell?"""
    top, *rest = pieces = name.split(".")
    proper = (
        rest
        and name not in (*_DATA, *_PATHS, _PARTIAL)
        and len(name) <= _LONGEST_NAME
        and all(piece.isidentifier() for piece in pieces)
    )
    return bool(proper) and top not in _NEVER and (top == "__main__" or top not in _PYTHON)


def _refusal(names: Sequence[str]) -> str:
    never = [name for name in names if not _may_be_allowed(name)]
    if never:
        return (
            f"asks for {_few([one_line(name, LONGEST) for name in never])}, which no --allow admits; "
            "only --trust would read it, which runs whatever code the file names"
        )
    return f"asks for {_few(names)}; if you know this code, add {options_for(names)}"


def options_for(names: Iterable[str]) -> str:
    """The ``--allow`` options that would admit those of ``names`` that may be admitted; "" where there are none."""
    options = [
        f"--allow MODULE:{name.rpartition('.')[2]}"
        if name.startswith("__main__.")
        else "--allow {}:{}".format(*name.rpartition(".")[::2])
        for name in names
        if _may_be_allowed(name)
    ][:_SHOWN]
    script = " (MODULE: the script that defined it)" if any("MODULE:" in option for option in options) else ""
    return " ".join(options) + script


def _few(names: Iterable[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - _SHOWN} more" if len(shown) > _SHOWN else ""
    return ", ".join(shown[:_SHOWN]) + more


def _import(path: Path, given: str) -> type:
    """The class that the user allowed."""
    where = f"{path}: --allow {one_line(given, LONGEST)}"
    try:
        cls = _find(given.replace(":", ".").split("."))
    except Exception as error:  # their module may raise anything
        raise TrustError(
            f"{where}: cannot be imported ({one_line(f'{type(error).__name__}: {error}', LONGEST)}); "
            "put the folder of this code on PYTHONPATH, or start in it"
        ) from error
    if not isinstance(cls, type):
        raise TrustError(f"{where}: a {type(cls).__name__}, and only classes are admitted; --trust runs everything")
    if cls.__module__.partition(".")[0] in _PYTHON - {"__main__"}:
        raise TrustError(f"{where}: a class of Python's own library, {cls.__module__}.{cls.__name__}")
    return cls


def _find(pieces: Sequence[str]) -> Any:
    """The attribute of the longest module that there is."""
    for end in range(len(pieces) - 1, 0, -1):
        module = ".".join(pieces[:end])
        try:
            imported: Any = importlib.import_module(module)
        except ModuleNotFoundError as error:
            if end == 1 or not f"{module}.".startswith(f"{error.name}."):  # a module that theirs needs
                raise
            continue
        return functools.reduce(getattr, pieces[end:], imported)
    raise ImportError("not of the form MODULE:CLASS")


class _Builder:
    """Copies the tree of the inert reader into objects; each of its values once, so that what is shared stays so."""

    def __init__(
        self, file: TorchFile, classes: Mapping[str, Any], allowed: set[str], tensors: Mapping[str, Tensor]
    ) -> None:
        self._file = file
        self._classes = classes
        self._allowed = allowed
        self._tensors = tensors
        self._made: dict[int, Any] = {}
        self._parameters: dict[int, Any] = {}

    def build(self, value: object) -> Any:
        if isinstance(value, StoredTensor):
            return self._tensors[str(id(value))]
        if id(value) in self._made:
            return self._made[id(value)]
        if isinstance(value, dict):
            made: Any = self._remember(value, {})
            made.update({self._key(k): self.build(v) for k, v in value.items()})
        elif isinstance(value, list):
            made = self._remember(value, [])
            made.extend(map(self.build, value))
        elif isinstance(value, tuple):
            made = self._remember(value, tuple(map(self.build, value)))
        elif isinstance(value, Global):
            made = self._classes[value.name]
        elif isinstance(value, Inert):
            made = self._object(value)
        else:
            made = value
        return made

    def _remember(self, value: object, made: Any) -> Any:
        self._made[id(value)] = made
        return made

    def _key(self, key: object) -> Any:
        if isinstance(key, Inert):  # anything but a short scalar, whose hash would cost
            raise self._refused(f"a {one_line(key.name, LONGEST)} as a key")
        return key

    def _refused(self, what: str) -> TrustError:
        return TrustError(
            f"{self._file.path}: holds {what}, which is not read with --allow; save its state_dict() instead"
        )

    def _object(self, value: Inert) -> Any:
        import torch

        arguments = value.arguments if isinstance(value.arguments, tuple) else ()
        if value.name in _SETS:
            return self._remember(value, _SETS[value.name](map(self._member, members_of(value))))
        if value.name in _PATHS:
            return self._remember(value, pathlib.PurePath(*(a for a in arguments if isinstance(a, str))))
        if value.name == "torch.device":
            return torch.device("cpu")
        if value.name == _OLD_BACKEND:
            return None
        if value.name in ARRAYS:
            return self._remember(value, self._array(value))
        if value.name == _PARTIAL:
            return self._remember(value, self._partial(value.state))
        return self._instance(value, arguments)

    def _array(self, value: Inert) -> Any:
        stored = of_array(value)
        if stored is None:
            raise self._refused("an array of objects")
        return self._file.tensors({"": stored})[""].numpy()

    def _member(self, value: object) -> Any:
        if not isinstance(value, str | int | float | bytes | None):
            raise self._refused("a set of objects")
        return value

    def _partial(self, state: object) -> Any:
        function, arguments, keywords, *_ = (
            self.build(state) if isinstance(state, tuple) and len(state) > 2 else [0] * 3
        )
        if not callable(function) or not isinstance(arguments, tuple) or not isinstance(keywords, dict | None):
            raise self._refused("a functools.partial of something else")
        return functools.partial(function, *arguments, **(keywords or {}))

    def _instance(self, value: Inert, arguments: tuple[object, ...]) -> Any:
        """An object of a class: made, remembered (it may hold itself), and given its state."""
        from torch.nn import Module

        cls = self._classes.get(value.name)
        if not isinstance(cls, type):
            raise self._refused(f"a call of {one_line(value.name, LONGEST)}")
        callable_ = value.name in self._allowed and issubclass(cls, Module | Enum)
        if value.called and arguments and not callable_:
            raise self._refused(f"a {one_line(value.name, LONGEST)} that is made by a call")
        given = [self.build(argument) for argument in arguments]
        new: Any = cls.__new__
        made: Any = self._remember(value, cls(*given) if value.called and callable_ else new(cls, *given))
        if (value.entries and not isinstance(made, dict)) or (value.items and not isinstance(made, list)):
            raise self._refused(f"a {one_line(value.name, LONGEST)} with items")
        for key, entry in value.entries.items():
            made[self._key(key)] = self.build(entry)
        if value.items and isinstance(made, list):
            made.extend(map(self.build, value.items))
        if value.state is not None:
            self._set_state(made, self.build(value.state))
        return made

    def _set_state(self, made: Any, state: Any) -> None:
        from torch.nn import Module

        if isinstance(made, Module) and isinstance(state, dict):
            state = self._with_parameters(state)
        if hasattr(made, "__setstate__"):
            made.__setstate__(state)
            return
        attributes, slots = state if isinstance(state, tuple) and len(state) == 2 else (state, None)
        made.__dict__.update(attributes or {})
        for name, content in (slots or {}).items():
            setattr(made, name, content)

    def _with_parameters(self, state: dict[str, Any]) -> dict[str, Any]:
        """The inert reader takes a parameter for the tensor in it; torch's tables tell which are parameters."""
        from torch import Tensor
        from torch.nn import Parameter

        table = state.get("_parameters")
        if not isinstance(table, dict):
            return state
        for key, tensor in table.items():
            if isinstance(tensor, Tensor):
                if id(tensor) not in self._parameters:
                    self._parameters[id(tensor)] = Parameter(tensor, requires_grad=False)
                table[key] = self._parameters[id(tensor)]
        return state
