"""Reads what a pickle says without doing it: every class and function that it names becomes an inert placeholder.

``pickletools`` decodes the opcodes, and the machine below carries them out on plain lists, tuples, dicts and scalars.
Nothing is imported, looked up or called, except the few pure constructors that the reader hands in.
Time and memory are bounded: by the number of opcodes, and because no value is ever compared, hashed or copied in
depth (a nest of a million tuples used as a key would overflow the stack of the C implementation).
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

MAX_OPCODES = 4_000_000
"""More than a hundred thousand tensors need; some seconds of work at most."""

_SCALARS = (str, int, bytes, bool, type(None))
_CONTAINER, _OBJECT = 3, 12
"""Steps that a new container and a new ``Inert`` count, which take as much memory as so many numbers."""
_LONG = 128  # bytes; a storage of one number takes about 250, a number alone up to 16
_LARGEST_KEY = 2**60  # larger ints can be chosen so that their hashes collide
LONGEST_NAME = 1000
"""Of a key or a global: a long one, told once and used a million times, would fill the memory."""


class DamagedPickle(ValueError):
    """The bytes are not a pickle, or not one that any trainer wrote."""


class Stream(Protocol):
    """What the opcodes are read from."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Skipped:
    """Bytes that were passed over: where in the file they lie."""

    offset: int
    length: int

    def __len__(self) -> int:
        return self.length


class Window:
    """A stream that ends after ``left`` bytes, so that no length in a header is believed.

    ``end``: the length of the file, up to which bytes may be skipped.
    """

    def __init__(self, file: BinaryIO, left: int, end: int = 0) -> None:
        self._file = file
        self._left = left
        self._end = end

    def read(self, size: int, /) -> bytes:
        if size > self._left:
            raise DamagedPickle("a value longer than the file, or than a structure may be")
        self._left -= size
        return self._file.read(size)

    def readline(self) -> bytes:
        line = self._file.readline(self._left)
        self._left -= len(line)
        return line

    def skip(self, size: int) -> Skipped:
        """Pass over the next bytes, which do not count."""
        start = self._file.tell()
        if start + size > self._end:
            raise DamagedPickle("a value longer than the file")
        self._file.seek(start + size)
        return Skipped(start, size)


class Steps:
    """How much work is left for reading one file."""

    def __init__(self, most: int = MAX_OPCODES) -> None:
        self.most = self.left = most

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise DamagedPickle(f"more than {self.most} steps")


@dataclass(frozen=True, slots=True)
class Global:
    """A class or function that the pickle names, as "module.name"; it is never imported."""

    name: str


@dataclass(slots=True, eq=False, repr=False)
class Inert:
    """What calling the global ``name`` would have made, with everything that the pickle would have told it."""

    name: str
    arguments: object = ()
    state: object = None
    attributes: dict[object, object] = field(default_factory=dict)
    """Its ``__dict__`` and its slots, as far as ``state`` tells them."""
    entries: dict[object, object] = field(default_factory=dict)
    items: list[object] = field(default_factory=list)
    called: bool = True
    """By a call; False: by ``__new__`` alone, as objects of plain classes are."""


class InertUnpickler:
    """Reads one pickle from ``stream``.

    ``known`` maps names of globals to pure functions of their arguments (they raise TypeError or ValueError where the
    arguments do not fit); ``persistent`` turns a persistent id into a value. ``globals`` collects every name seen.
    ``skip``, told their length, gives what stands for long bytes; without it they are read. ``built`` is told of every
    object that has been given its state, while the stream stands right behind: some formats put bytes there.
    """

    def __init__(
        self,
        stream: Stream,
        known: Mapping[str, Callable[..., object]] | None = None,
        persistent: Callable[[object], object] | None = None,
        skip: Callable[[int], Skipped] | None = None,
        steps: Steps | None = None,
        built: Callable[[Inert], None] | None = None,
    ) -> None:
        self.globals: set[str] = set()
        self._stream = stream
        self._known = known or {}
        self._persistent = persistent
        self._stack: list[object] = []
        self._outer: list[list[object]] = []
        self._memo: dict[int, object] = {}
        self._skip = skip
        self._built = built
        self._steps = steps or Steps()
        self._spend = self._steps.spend

    def load(self) -> object:
        """The value; DamagedPickle where there is none."""
        stream, read, steps, skip = self._stream, self._stream.read, self._steps, self._skip
        try:
            while code := read(1):
                steps.left -= 1
                if steps.left < 0:
                    steps.spend(0)
                if skip is not None and code in _BYTES:
                    self._push(self._content(_BYTES[code](stream), skip))
                    continue
                if code == b".":
                    return self._stack.pop()
                reader, action = _TABLE[code]
                action(self, None if reader is None else reader(stream))
        except DamagedPickle:
            raise
        except (ValueError, TypeError, LookupError, OverflowError, EOFError) as error:
            raise DamagedPickle(str(error) or type(error).__name__) from error
        raise DamagedPickle("it ends before its end")

    def _content(self, length: int, skip: Callable[[int], Skipped]) -> Skipped | bytes:
        content = skip(length) if length >= _LONG else self._stream.read(length)
        if len(content) < length:
            raise DamagedPickle("it ends before its end")
        return content

    def _push(self, value: object) -> None:
        self._stack.append(value)

    def _marked(self) -> list[object]:
        items, self._stack = self._stack, self._outer.pop()
        return items

    def _mark(self, _: object) -> None:
        self._steps.left -= _CONTAINER
        self._outer.append(self._stack)
        self._stack = []

    def _pop(self, _: object) -> None:
        if self._stack:
            self._stack.pop()
        else:
            self._marked()

    def _pop_mark(self, _: object) -> None:
        self._marked()

    def _tuple(self, length: int) -> None:
        if length > len(self._stack):
            raise DamagedPickle("a tuple of more than there is")
        self._stack[-length:] = [tuple(self._stack[-length:])]

    def _make(self, function: object, arguments: object) -> object:
        """What ``function(*arguments)`` would be: inert, unless it is one of the known constructors."""
        if not isinstance(function, Global):
            name = (_class_by_value(function) or function.name) if isinstance(function, Inert) else ""
            return self._inert(name or type(function).__name__, arguments)
        name = function.name
        if name in self._known and isinstance(arguments, tuple):
            for argument in arguments:
                if isinstance(argument, list):  # of the keys of a dict
                    self._spend(_OBJECT * len(argument))
                elif isinstance(argument, tuple | str | bytes):
                    self._spend(len(argument))
            return self._known[name](*arguments)
        return self._inert(name, arguments)

    def _inert(self, name: str, arguments: object = (), state: object = None) -> Inert:
        self._steps.left -= _OBJECT
        return Inert(name, arguments, state)

    def _empty(self, value: object) -> None:
        self._steps.left -= _CONTAINER
        self._stack.append(value)

    def _new(self, _: object) -> None:
        self._call(None)
        if isinstance(self._stack[-1], Inert):
            self._stack[-1].called = False

    def _call(self, _: object) -> None:
        arguments = self._stack.pop()
        self._stack[-1] = self._make(self._stack[-1], arguments)

    def _call_with_keywords(self, _: object) -> None:
        keywords, arguments = self._stack.pop(), self._stack.pop()
        self._stack[-1] = self._inert(getattr(self._stack[-1], "name", "?"), arguments, keywords)

    def _call_marked(self, _: object) -> None:
        function, *arguments = self._marked()
        self._push(self._make(function, tuple(arguments)))

    def _name(self, text: str) -> Global:
        if len(text) > LONGEST_NAME:
            raise DamagedPickle("a global with an endless name")
        name = text.replace(" ", ".")
        self.globals.add(name)
        return Global(name)

    def _stack_global(self, _: object) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if not isinstance(name, str) or not isinstance(module, str):
            raise DamagedPickle("a global without a name")
        if len(module) > LONGEST_NAME or len(name) > LONGEST_NAME:
            raise DamagedPickle("a global with an endless name")
        self._push(self._name(f"{module} {name}"))

    def _extend(self, items: list[object]) -> None:
        target = self._stack[-1]
        if isinstance(target, list):
            target.extend(items)
        elif isinstance(target, Inert):
            target.items.extend(items)
        else:
            raise DamagedPickle(f"appends to a {type(target).__name__}")

    def _update(self, items: list[object]) -> None:
        target = self._stack[-1]
        if isinstance(target, Inert):
            target = target.entries
        if not isinstance(target, dict) or len(items) % 2:
            raise DamagedPickle("sets items of something that has none")
        self._spend(_OBJECT * sum(type(key) not in _SCALARS for key in items[::2]))
        target.update(zip(map(safe_key, items[::2]), items[1::2], strict=True))

    def _new_dict(self, _: object) -> None:
        items = self._marked()
        self._push({})
        self._update(items)

    def _build(self, _: object) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Inert):
            target.state = state
            # (attributes, slots) is how object.__reduce_ex__ tells both; any other tuple is for a __setstate__.
            parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
            for part in parts:
                if isinstance(part, dict):
                    self._spend(len(part))
                    target.attributes.update(part)
            if self._built is not None:
                self._built(target)

    def _identify(self, identifier: object) -> None:
        if self._persistent is None:
            raise DamagedPickle("a persistent id where there is none")
        self._push(self._persistent(identifier))

    def _remember(self, place: int) -> None:
        self._memo[place] = self._stack[-1]

    def _recall(self, place: int) -> None:
        self._stack.append(self._memo[place])


def _class_by_value(maker: Inert) -> str:
    """The class that cloudpickle or dill brings along with its code, as "module.name"; "" for another object."""
    if maker.name not in _CLASS_MAKERS or not isinstance(maker.arguments, tuple) or len(maker.arguments) < 4:
        return ""
    name, told = maker.arguments[1], maker.arguments[3]
    module = told.get("__module__", "__main__") if isinstance(told, dict) else "__main__"
    fits = isinstance(name, str) and isinstance(module, str) and len(name) + len(module) < LONGEST_NAME
    return f"{module}.{name}" if fits else ""


def safe_key(value: object) -> object:
    """A key that is safe to hash: anything but short scalars stands for itself only."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str | bytes) and len(value) <= LONGEST_NAME:
        return value
    if isinstance(value, int) and abs(value) < _LARGEST_KEY:
        return value
    return Inert(type(value).__name__, (value,))


_CLASS_MAKERS = ("cloudpickle.cloudpickle._make_skeleton_class", "dill._dill._create_type")

_BYTES: Mapping[bytes, Callable[..., int]] = {
    b"C": pickletools.read_uint1,
    b"B": pickletools.read_uint4,
    b"\x8e": pickletools.read_uint8,
    b"\x96": pickletools.read_uint8,
}
_PUSHES = frozenset([
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING", "BINSTRING",
    "SHORT_BINSTRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8", "UNICODE", "SHORT_BINUNICODE",
    "BINUNICODE", "BINUNICODE8",
])  # fmt: skip

_Machine = InertUnpickler
_ACTIONS: dict[str, Callable[[InertUnpickler, Any], None]] = {
    "PROTO": lambda m, a: None,
    "FRAME": lambda m, a: None,
    "NONE": lambda m, a: m._push(None),
    "NEWTRUE": lambda m, a: m._push(True),
    "NEWFALSE": lambda m, a: m._push(False),
    "MARK": _Machine._mark,
    "POP": _Machine._pop,
    "POP_MARK": _Machine._pop_mark,
    "DUP": lambda m, a: m._push(m._stack[-1]),
    "EMPTY_TUPLE": lambda m, a: m._push(()),
    "TUPLE": lambda m, a: m._push(tuple(m._marked())),
    "TUPLE1": lambda m, a: m._tuple(1),
    "TUPLE2": lambda m, a: m._tuple(2),
    "TUPLE3": lambda m, a: m._tuple(3),
    "EMPTY_LIST": lambda m, a: m._empty([]),
    "LIST": lambda m, a: m._push(m._marked()),
    "APPEND": lambda m, a: m._extend([m._stack.pop()]),
    "APPENDS": lambda m, a: m._extend(m._marked()),
    "EMPTY_DICT": lambda m, a: m._empty({}),
    "DICT": _Machine._new_dict,
    "SETITEM": lambda m, a: m._update([m._stack.pop(), m._stack.pop()][::-1]),
    "SETITEMS": lambda m, a: m._update(m._marked()),
    "EMPTY_SET": lambda m, a: m._push(m._inert("builtins.set")),
    "ADDITEMS": lambda m, a: m._extend(m._marked()),
    "FROZENSET": lambda m, a: m._push(m._inert("builtins.frozenset", (m._marked(),))),
    "GLOBAL": lambda m, a: m._push(m._name(str(a))),
    "STACK_GLOBAL": _Machine._stack_global,
    "INST": lambda m, a: m._push(m._make(m._name(str(a)), tuple(m._marked()))),
    "OBJ": _Machine._call_marked,
    "REDUCE": _Machine._call,
    "NEWOBJ": _Machine._new,
    "NEWOBJ_EX": _Machine._call_with_keywords,
    "BUILD": _Machine._build,
    "PERSID": _Machine._identify,
    "BINPERSID": lambda m, a: m._identify(m._stack.pop()),
    "MEMOIZE": lambda m, a: m._remember(len(m._memo)),
    **dict.fromkeys(_PUSHES, _Machine._push),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine._remember),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine._recall),
}

_TABLE: Mapping[bytes, tuple[Any, Callable[[InertUnpickler, Any], None]]] = {
    opcode.code.encode("latin-1"): (opcode.arg and opcode.arg.reader, _ACTIONS[opcode.name])
    for opcode in pickletools.opcodes
    if opcode.name in _ACTIONS
}
"""How an opcode's argument is read, and what it does."""
