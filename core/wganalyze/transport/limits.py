"""What transport holds to: how exact is exact, and how much memory a problem may take."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

RELATIVE_GAP = 1e-9


ROUNDING = 1e-14


MEMORY_BYTES = 12 * 2**30
"""That a problem may take, unless somebody says otherwise."""

_memory = [MEMORY_BYTES]


def memory_limit() -> int:
    """Bytes that a problem may take, where its caller says nothing: the innermost ``within_memory``."""
    return _memory[-1]


@contextmanager
def within_memory(limit: int) -> Iterator[None]:
    """Problems of this process take at most ``limit`` bytes each, as long as this lasts."""
    _memory.append(limit)
    try:
        yield
    finally:
        _memory.pop()
