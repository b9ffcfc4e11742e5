"""From what a user writes, or passes from Python, to the value that is meant; ValueError says what to write."""

from __future__ import annotations

import math
import os
import re
import types
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import index
from pathlib import Path
from typing import Any, Literal, cast

from wganalyze.networks.factories import Net

Reader = Callable[[Any], Any]

ASSIGNMENTS = ("generator", "critic", "ignore")
"""What --role and [files] make of a file."""

_SECONDS = {"": 1.0, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


class Text(str):
    """A value as a command line writes it, whose type is yet to be read."""

    __slots__ = ()


# Values of one fact


def net(value: Any) -> Net:
    """A factory, named as a text."""
    if isinstance(value, Net):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("name the factory as a text, 'MODULE:NAME' or 'FILE.py:NAME'")
    return Net(value)


def data(value: Any) -> Any:
    """A source by its name, or samples themselves, which are looked at when they are read."""
    if value is None or isinstance(value, bool | int | float | list | tuple | Mapping):
        raise ValueError("name a source as a text, NAME or NAME:ARGUMENT; or pass an array, a Dataset, a DataFrame")
    return value


def law(value: Any) -> str:
    """ "normal", "uniform", or "uniform:LOW,HIGH"."""
    name, colon, ends = value.partition(":") if isinstance(value, str) else ("", "", "")
    if name == "uniform" and colon:
        low, high = low_high(ends)
        return "uniform" if (low, high) == (-1, 1) else f"uniform:{low:.12g},{high:.12g}"
    if value not in ("normal", "uniform"):
        raise ValueError("choose one of: normal, uniform (on [-1, 1]), uniform:LOW,HIGH")
    return name


def conditions(value: Any) -> dict[str, Any]:
    """``SOURCE`` or ``NAME=SOURCE`` texts, or a mapping of names to sources, as a mapping; "" names the unnamed one."""
    if isinstance(value, Mapping):
        return {str(name): data(source) for name, source in value.items()}
    if not isinstance(value, str | tuple | list):
        return {"": data(value)}
    named: dict[str, Any] = {}
    for text in _texts(value, "write SOURCE or NAME=SOURCE, as energy=NAME:ARGUMENT"):
        match = re.fullmatch(r"(?:([A-Za-z_]\w*)=)?(.+)", text, re.DOTALL)
        if match is None or (match[1] or "") in named:
            raise ValueError("name each condition once, by the parameter that takes it: NAME=SOURCE")
        named[match[1] or ""] = match[2]
    return named


def size(value: Any) -> int | Literal["max"]:
    """``300``, or ``max``."""
    if value == "max":
        return "max"
    number = _whole(value)
    if number is None or number < 2:
        raise ValueError("write a whole number from 2 on, or max")
    return number


def at_least(least: int) -> Callable[[Any], int]:
    """Whole numbers from ``least`` on."""

    def read(value: Any) -> int:
        number = _whole(value)
        if number is None or number < least:
            raise ValueError(f"write a whole number from {least} on")
        return number

    return read


def seconds(value: Any) -> float:
    """ "20s", "2m", "1.5h" or plain seconds."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?(?:e-?\d+)?|\.\d+)\s*(s|min|m|h|)\s*", str(value))
    spent = float(match[1]) * _SECONDS[match[2]] if match and not isinstance(value, bool) else 0.0
    if not spent > 0:
        raise ValueError("write a time, as 20s, 2m or 1h")
    return spent


def byte_size(value: Any) -> int:
    """ "4G", "500M" (of 1024, as "4GiB" is), or plain bytes."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([KMGT]?)(?:i?B)?\s*", str(value), re.IGNORECASE)
    size = float(match[1]) * 1024 ** "_KMGT".index(match[2].upper() or "_") if match else 0.0
    if isinstance(value, bool) or not 1 <= size < 2**62:
        raise ValueError("write a size, as 4G or 500M")
    return int(size)


def jobs(value: Any) -> int:
    """A number of processes, or "auto": as many as this process may use cores."""
    if value == "auto":
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if isinstance(value, bool) or not str(value).isdecimal() or int(value) < 1:
        raise ValueError("write a number of processes from 1 on, or auto")
    return int(value)


def cluster(value: Any) -> Any:
    """An address of a dask scheduler, "local", "slurm", or a client of dask's."""
    known = value in ("local", "slurm") or ":" in value if isinstance(value, str) else hasattr(value, "scheduler_info")
    if not known:
        raise ValueError("write local, slurm, or the address of a scheduler, as tcp://HOST:8786")
    return value


def shape(value: Any) -> tuple[int, ...]:
    """``64,1,1`` as a shape."""
    numbers = _numbers(value)
    if not numbers or not all(v == int(v) > 0 for v in numbers):
        raise ValueError("write whole numbers, as 64 or 64,1,1")
    return tuple(int(v) for v in numbers)


def low_high(value: Any) -> tuple[float, float]:
    """``-1,1`` as a range."""
    numbers = _numbers(value)
    if len(numbers) != 2 or numbers[0] >= numbers[1]:
        raise ValueError("write LOW,HIGH with LOW < HIGH, as -1,1")
    return numbers[0], numbers[1]


def mean_std(value: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """``MEAN,STD``, or ``M1,M2,M3,S1,S2,S3`` for three channels; a pair of them; or {"mean": ..., "std": ...}."""
    problem = ValueError("write MEAN,STD (all means, then all deviations, which are positive)")
    if isinstance(value, Mapping):
        if {*value} != {"mean", "std"}:
            raise problem
        value = value["mean"], value["std"]
    if isinstance(value, str):
        numbers = _numbers(value)
        mean, std = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
    else:
        try:
            mean, std = (_numbers(each) for each in value)
        except (TypeError, ValueError):
            raise problem from None
    if not mean or len(mean) != len(std) or min(std) <= 0:
        raise problem
    return mean, std


def weight(value: Any) -> float:
    """A number from 0 on."""
    numbers = _numbers(value)
    if len(numbers) != 1 or not numbers[0] >= 0:
        raise ValueError("write a number from 0 on")
    return numbers[0]


def spaces(value: Any) -> tuple[str, ...]:
    """Spaces, each as a text by itself, since a factory's arguments may hold commas."""
    texts = dict.fromkeys(text.strip() for text in _texts(value, "name spaces as texts") if text.strip())
    if not texts:
        raise ValueError("name a space, as pixels")
    return (*texts,)


def names(value: Any) -> tuple[str, ...]:
    """``A,B``, once or several times, or a list of names."""
    texts = _texts(value, "write names with commas between them")
    return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())


def whole_texts(value: Any) -> tuple[str, ...]:
    """A text, or several, as they are."""
    return _texts(value, "write a text, or several as a list")


def assignments(value: Any) -> dict[str, str]:
    """``PATTERN=ROLE`` texts, or a mapping, as a mapping."""
    problem = "write PATTERN=ROLE with the role generator, critic or ignore"
    assigned: dict[str, str] = {}
    if isinstance(value, Mapping):
        assigned |= value
    else:
        for text in _texts(value, problem):
            pattern, _, role = text.rpartition("=")
            assigned[pattern] = role
    if "" in assigned or not {*assigned.values()} <= {*ASSIGNMENTS}:
        raise ValueError(problem)
    return assigned


def options(value: Any) -> dict[str, Any]:
    """``ANALYZER.KEY=VALUE`` texts, whose types are yet to be read, or a mapping of "ANALYZER.KEY" to values.

    A mapping may be nested: {"exact-w": {"metric": "l1"}}.
    """
    if isinstance(value, Mapping):
        nested = {name: inner for name, inner in value.items() if isinstance(inner, Mapping) and "." not in name}
        flat = {name: written for name, written in value.items() if name not in nested}
        return flat | {f"{outer}.{key}": written for outer, inner in nested.items() for key, written in inner.items()}
    texts: dict[str, Any] = {}
    problem = "write ANALYZER.KEY=VALUE, for example ANALYZER.n=256"
    for text in _texts(value, problem):
        name, equals, written = text.partition("=")
        if not equals or "." not in name.strip("."):
            raise ValueError(problem)
        texts[name] = Text(written)
    return texts


# Values by their type


def reader_of(kind: Any) -> Reader:
    """How a value of this annotation is read: Literal, bool, str, Path, number."""
    return lambda value: from_text(value, kind) if isinstance(value, str) else from_python(value, kind)


def from_text(text: str, kind: Any) -> Any:
    """``text`` as a value of ``kind``: a scalar, a path, a Literal, ``X | None``, ``tuple[X, ...]``, ``list[X]``."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if text.lower() == "none" and type(None) in arguments:
            return None
        return _first_that_takes([a for a in arguments if a is not type(None)], lambda a: from_text(text, a))
    if origin is Literal:
        return _choice(text, arguments, str)
    if origin in (tuple, list):
        items = [item.strip() for item in text.split(",") if item.strip()]
        return _collection(origin, items, arguments, from_text)
    if kind is bool:
        if text.lower() in ("true", "yes", "1", "on"):
            return True
        if text.lower() in ("false", "no", "0", "off"):
            return False
        raise ValueError("write true or false")
    if kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            raise ValueError(_NUMBERS[kind]) from None
    return Path(text) if kind is Path else str(text)


def from_python(value: Any, kind: Any) -> Any:
    """A Python value as one of ``kind``: it keeps its type, lists become tuples where those are asked for.

    A text for what is no text is read as the command line's.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        if isinstance(value, str) and str not in arguments:
            return from_text(value, kind)
        return _first_that_takes([a for a in arguments if a is not type(None)], lambda a: from_python(value, a))
    if origin is Literal:
        return _choice(value, arguments, lambda choice: choice)
    if isinstance(value, str) and kind is not str:
        return from_text(value, kind)
    if origin in (tuple, list):
        try:
            items = list(value)
        except TypeError:
            raise ValueError("write several values, as a list") from None
        return _collection(origin, items, arguments, from_python)
    if kind is bool and type(value).__name__ in ("bool", "bool_"):
        return bool(value)
    if kind in (int, float):
        number = _whole(value) if kind is int else _number(value)
        if number is None:
            raise ValueError(_NUMBERS[kind])
        return number
    if kind is not Any and isinstance(kind, type) and not isinstance(value, kind):
        raise ValueError(f"not of the type {kind.__name__}")
    return value


_NUMBERS: Mapping[Any, str] = {int: "not a whole number", float: "not a number"}


def _first_that_takes(kinds: Sequence[Any], read: Callable[[Any], Any]) -> Any:
    for kind in kinds[:-1]:
        try:
            return read(kind)
        except ValueError:
            continue
    return read(kinds[-1])


def _choice(value: Any, choices: Sequence[Any], written: Callable[[Any], Any]) -> Any:
    for choice in choices:
        if written(choice) == value and (written is str or type(choice) is type(value)):
            return choice
    raise ValueError(f"choose one of: {', '.join(map(str, choices))}")


def _collection(origin: Any, items: Sequence[Any], arguments: Sequence[Any], read: Callable[[Any, Any], Any]) -> Any:
    if origin is tuple and Ellipsis not in arguments:
        if len(items) != len(arguments):
            raise ValueError(f"write {len(arguments)} values")
        return tuple(read(item, kind) for item, kind in zip(items, arguments, strict=True))
    return origin(read(item, arguments[0]) for item in items)


def _texts(value: Any, problem: str) -> tuple[str, ...]:
    """A text, or several; ValueError with the ``problem`` where it is anything else."""
    texts = (value,) if isinstance(value, str) or not isinstance(value, Iterable) else tuple(value)
    if not all(isinstance(text, str) for text in texts):
        raise ValueError(problem)
    return texts


def _whole(value: Any) -> int | None:
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\s*[+-]?\d{1,18}\s*", value) else None
    try:
        return None if isinstance(value, bool) else index(value)
    except TypeError:
        return None


def _number(value: Any) -> float | None:
    try:
        return None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return None


def _numbers(value: Any) -> tuple[float, ...]:
    """``1,2.5``, a number, or several, as finite floats; () where it is not that."""
    items = value.split(",") if isinstance(value, str) else value
    try:
        several = [*items]
    except TypeError:
        several = [items]
    numbers = [_number(item) for item in several]
    fine = all(number is not None and math.isfinite(number) for number in numbers)
    return cast("tuple[float, ...]", tuple(numbers)) if fine else ()
