"""Whole pickled networks as the inert reader sees them: which they are, and the keys of their state dicts."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from wganalyze import one_line
from wganalyze_checkpoints.pickles.inert import DamagedPickle, Inert
from wganalyze_checkpoints.pickles.stored import unread
from wganalyze_checkpoints.pickles.tensors import OLD_PARAMETERS, StoredTensor
from wganalyze_checkpoints.wording import LONGEST

_MAX_VISITS = 200_000
_MAX_DEPTH = 64
_LONGEST_KEY = 1000
_MAX_PLACES = 20_000
_MAX_MEMBERS = 1000
_MAX_NETWORKS = 32
_MAX_NESTING = 4
_HOLDERS = (Inert, dict, list, tuple)
PERSISTENT = "torch_utils.persistence._reconstruct_persistent_obj"
"""NVIDIA's StyleGAN code pickles a network as a call of this, with the source text of its class."""


def entries_of(value: object) -> Mapping[object, object]:
    """What a dict holds, or an object of a class derived from dict; {} for anything else."""
    if isinstance(value, Inert):
        return value.entries
    return value if isinstance(value, dict) else {}


def persistent_of(value: object) -> Mapping[object, object]:
    """The ``class_name``, ``module_src`` and ``state`` of a network in NVIDIA's form; {} for anything else."""
    if not isinstance(value, Inert) or value.name != PERSISTENT:
        return {}
    return entries_of(value.arguments[0]) if isinstance(value.arguments, tuple) and value.arguments else {}


def attributes_of(value: Inert) -> Mapping[object, object]:
    """The ``__dict__`` of an object."""
    return entries_of(persistent_of(value).get("state")) if value.name == PERSISTENT else value.attributes


def class_of(value: Inert) -> str:
    """The class of an object, as its module's and its own name; of NVIDIA's, which bring their code, its own alone."""
    name = persistent_of(value).get("class_name") if value.name == PERSISTENT else value.name
    return name if isinstance(name, str) else "?"


def is_module(value: object) -> TypeGuard[Inert]:
    """Whether this was a ``torch.nn.Module``: its ``__dict__`` has the tables that every Module has."""
    tables = ("_parameters", "_buffers", "_modules")
    return isinstance(value, Inert) and all(table in attributes_of(value) for table in tables)


def networks_of(root: object) -> dict[tuple[object, ...], Inert]:
    """The whole networks of a file by their places: the file itself, in its containers, in attributes of its objects.

    A network that lies in two places is listed once; what lies in networks is theirs. Deeper than in the dict of a
    file only those with tensors count: settings hold activations.
    """
    found: dict[tuple[object, ...], Inert] = {}
    waiting: deque[tuple[tuple[object, ...], object]] = deque([((), root)])
    seen: set[int] = set()
    barren: set[int] = set()
    while waiting:
        place, value = waiting.popleft()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if len(seen) > _MAX_PLACES or len(found) >= _MAX_NETWORKS:
            break
        if is_module(value):
            if not place or (len(place) == 1 and isinstance(root, dict)) or _has_tensors(value, barren):
                found[place] = value
        elif len(place) < _MAX_NESTING:
            waiting += [((*place, key), child) for key, child in _within(value) if isinstance(child, _HOLDERS)]
    return found


def owner_of(root: object, place: tuple[object, ...]) -> Inert | None:
    """The object, and no container, that holds what lies at this place; the nearest one."""
    owner, value = None, root
    for key in place:
        owner = value if isinstance(value, Inert) and not value.entries else owner
        value = dict(_within(value)).get(key)
    return owner


def _has_tensors(module: Inert, barren: set[int]) -> bool:
    """Is there a tensor in its tables? ``barren``: modules without one, which are looked at once."""
    looked: set[int] = set()
    waiting: list[object] = [module]
    while waiting and len(looked) < _MAX_VISITS:
        value = waiting.pop()
        if not isinstance(value, Inert) or id(value) in looked or id(value) in barren:
            continue
        looked.add(id(value))
        attributes = attributes_of(value)
        tables = [_table(attributes, name) for name in ("_parameters", "_buffers")]
        if any(_parameter_in(tensor) is not None or unread(tensor) for table in tables for tensor in table.values()):
            return True
        waiting += _table(attributes, "_modules").values()
    barren |= looked
    return False


def _within(value: object) -> list[tuple[Any, object]]:
    """What a container holds, or an object has, under names that people can say; nothing of optimizers."""
    if isinstance(value, list | tuple):
        return list(enumerate(value)) if len(value) <= _MAX_MEMBERS else []
    if isinstance(value, Inert) and value.name.startswith("torch.optim."):
        return []
    tables = (value.entries, value.attributes) if isinstance(value, Inert) else (entries_of(value),)
    items = [(k, v) for table in tables for k, v in table.items() if isinstance(k, str) and k.isprintable() and k]
    return [(k, v) for k, v in items if len(k) <= LONGEST][:_MAX_MEMBERS]


def modules_of(root: object) -> dict[str, Inert]:
    """``networks_of`` by their names; "" for the file itself."""
    return {".".join(map(str, place)): module for place, module in networks_of(root).items()}


def module_names(root: object) -> list[str]:
    """``modules_of``, named for people with their classes."""
    return [f"{name or 'the file'} ({one_line(class_of(m), LONGEST)})" for name, m in modules_of(root).items()]


def module_keys(module: Inert) -> dict[str, StoredTensor]:
    """The keys that ``module.state_dict()`` would have, with their tensors, as far as they can be seen."""
    walk = _Walk(scripted=False)
    walk.visit(module, "", 0)
    return walk.tensors


def script_keys(module: object) -> dict[str, StoredTensor]:
    """The same for TorchScript, where tensors and submodules are plain attributes."""
    walk = _Walk(scripted=True)
    if isinstance(module, Inert):
        walk.visit(module, "", 0)
    return walk.tensors


@dataclass
class _Walk:
    """Collects tensors; what it looks at is counted, for modules may share their tables and each other."""

    scripted: bool
    tensors: dict[str, StoredTensor] = field(default_factory=dict)
    visits: int = 0

    def visit(self, module: Inert, prefix: str, depth: int) -> None:
        attributes = attributes_of(module)
        tables = [attributes] if self.scripted else [_table(attributes, t) for t in ("_parameters", "_buffers")]
        children = attributes if self.scripted else _table(attributes, "_modules")
        transient = members_of(attributes.get("_non_persistent_buffers_set"))
        self.visits += 1 + sum(map(len, tables)) + len(children) + len(transient)
        if self.visits > _MAX_VISITS or depth > _MAX_DEPTH:
            raise DamagedPickle("a network without end")
        hidden = {name for name in transient if isinstance(name, str)}
        for table in tables:
            for key, value in table.items():
                tensor = _parameter_in(value)
                if tensor is not None and key not in hidden:
                    self.tensors[self._key(prefix, key)] = tensor
        for key, child in children.items():
            if isinstance(child, Inert):
                self.visit(child, self._key(prefix, key) + ".", depth + 1)

    @staticmethod
    def _key(prefix: str, key: object) -> str:
        if not isinstance(key, str) or not key.isprintable() or len(prefix) + len(key) > _LONGEST_KEY:
            raise DamagedPickle("a key that is no name")
        return prefix + key


def _parameter_in(value: object) -> StoredTensor | None:
    """The tensor; torch 0.1 kept that of a parameter in its state."""
    if isinstance(value, Inert) and value.name in OLD_PARAMETERS and isinstance(value.state, tuple) and value.state:
        value = value.state[0]
    return value if isinstance(value, StoredTensor) else None


def members_of(value: object) -> list[object]:
    """The members of a set: its argument in old pickle protocols, its items in new ones."""
    if not isinstance(value, Inert):
        return []
    first = value.arguments[0] if isinstance(value.arguments, tuple) and value.arguments else []
    return first if isinstance(first, list) and first else value.items


def _table(attributes: Mapping[object, object], name: str) -> Mapping[object, object]:
    table = attributes.get(name)
    return table if isinstance(table, dict) else {}
