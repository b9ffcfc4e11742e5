"""What the studies of a run have in common: everything that depends on the data alone, computed once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar, cast

T = TypeVar("T")
Cache = dict[Hashable, Any]


class Shared(Cache):
    """A cache that may be shared with more than the studies of this process; a subclass says with whom."""

    @property
    def alone(self) -> Cache:
        """A cache for what only this process may see."""
        return self

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """The value of a key, made where nobody has made it."""
        if key not in self:
            self[key] = make()
        return self[key]


def once(cache: Cache, key: Hashable, make: Callable[[], T]) -> T:
    """The value of ``key`` in a cache, made where it is not there."""
    if isinstance(cache, Shared):
        return cast(T, cache.once(key, make))
    if key not in cache:
        cache[key] = make()
    return cast(T, cache[key])
