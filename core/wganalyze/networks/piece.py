"""One network in a file: its keys, and its weights when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, TypeVar

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.errors import CheckpointError, WganalyzeError
from wganalyze.networks.norms import folded_keys
from wganalyze.networks.wrappers import WRAPPED, unwrapped, without_counters
from wganalyze.text import reason_of

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
WRAPPERS = tuple(f"{name}." for name in WRAPPED)
_SHOWN = 6


@dataclass(frozen=True)
class Piece:
    """One network in a part: the keys under ``prefix``, which the network's own keys do not carry."""

    part: Part
    prefix: str = ""

    @property
    def keys(self) -> dict[str, TensorSpec]:
        """Key layout without the prefix."""
        return {k[len(self.prefix) :]: s for k, s in self.part.keys.items() if k.startswith(self.prefix)}

    @property
    def plain_keys(self) -> dict[str, TensorSpec]:
        """``keys`` as plain layers have them: without wrappers and counters, spectral and weight norm folded."""
        return dict(_plain(tuple(self.keys.items())))

    @property
    def parameters(self) -> int:
        """Number of stored tensor elements."""
        return sum(spec.size for spec in self.keys.values())

    @property
    def inside(self) -> str:
        """Where in its file it lies: the name of the part, and the prefix; "" for the file as a whole."""
        return ".".join(filter(None, (self.part.name, self.prefix.rstrip("."))))

    @property
    def place(self) -> str:
        """Where it lies, for messages: the file, and the name or prefix inside it."""
        return f"{self.part.path.name}[{self.inside}]" if self.inside else self.part.path.name

    def reading(self, read: Callable[[], T]) -> T:
        """``read()``, one of the part's readers, which may be anybody's: its faults name the file and the loader."""
        try:
            return read()
        except WganalyzeError:
            raise
        except (Exception, SystemExit) as error:
            reason = reason_of(error)
            raise CheckpointError(f"{self.place}: the loader {self.part.kind} cannot read it ({reason})") from error

    def some_tensors(self, keys: Collection[str]) -> dict[str, Tensor]:
        """The weights of a few keys, read now; CheckpointError where the file does not give them."""
        stored = {self.prefix + key for key in keys}
        read_some, read_all = self.part.read_some, self.part.read_tensors
        if read_some is not None:
            read = self.reading(partial(read_some, stored))
        elif read_all is not None:
            read = self.reading(read_all)
        else:
            raise CheckpointError(f"{self.place}: holds a program, whose weights cannot be read by themselves")
        return {key: read[self.prefix + key] for key in keys}

    def tensors(self) -> dict[str, Tensor]:
        """The weights, read now; CheckpointError names keys that hold NaN or infinity."""
        read = self.part.read_tensors or self.part.read_weights
        if read is None:
            raise CheckpointError(f"{self.place}: holds a program, whose weights cannot be read by themselves")
        stored = self.reading(read)
        own = {k[len(self.prefix) :]: t for k, t in stored.items() if k.startswith(self.prefix)}
        bad = [k for k, t in own.items() if not _is_finite(t)]
        if bad:
            raise CheckpointError(f"{self.place}: NaN or infinity in {few(bad)}; this network cannot be analysed")
        return own


@lru_cache(maxsize=64)  # the networks of a run have the same keys
def _plain(stored: tuple[tuple[str, TensorSpec], ...]) -> Mapping[str, TensorSpec]:
    keys = without_counters(dict(stored))
    shapes = folded_keys({key: spec.shape for key, spec in keys.items()})
    return unwrapped({key: keys.get(key) or TensorSpec(shape, "") for key, shape in shapes.items()})


def _is_finite(tensor: Tensor) -> bool:
    """Has it neither NaN nor infinity? Of the types of one byte torch does not say, and single precision holds them."""
    if tensor.is_floating_point() and tensor.element_size() == 1:
        tensor = tensor.float()
    return not (tensor.is_floating_point() or tensor.is_complex()) or bool(tensor.isfinite().all())


def shapes_of(keys: Mapping[str, TensorSpec]) -> dict[str, tuple[int, ...]]:
    """Keys with the shapes of their tensors."""
    return {key: spec.shape for key, spec in keys.items()}


def layouts(keys: Mapping[str, TensorSpec]) -> Iterator[dict[str, TensorSpec]]:
    """The keys as stored, without counters, then with what all of them share at the front taken off, one by one."""
    layout = without_counters(keys)
    if len(layout) < len(keys):
        yield dict(keys)
    while layout:
        yield layout
        heads = {key.split(".", 1)[0] for key in layout}
        if len(heads) != 1 or any("." not in key for key in layout):
            return
        layout = {key.split(".", 1)[1]: spec for key, spec in layout.items()}


def few(items: list[str]) -> str:
    """The first of many, and how many more there are."""
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more
