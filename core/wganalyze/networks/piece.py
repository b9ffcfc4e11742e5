"""One network in a file: its keys, and its weights when they are asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.errors import CheckpointError, WganalyzeError
from wganalyze.networks.norms import folded_keys
from wganalyze.text import reason_of

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")
WRAPPERS = ("module.", "_orig_mod.")
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
        """``keys`` with the encodings of spectral and weight norm folded, as a plain layer would have them."""
        keys = self.keys
        shapes = folded_keys({key: spec.shape for key, spec in keys.items()})
        return {key: keys.get(key) or TensorSpec(shape, "") for key, shape in shapes.items()}

    @property
    def parameters(self) -> int:
        """Number of stored tensor elements."""
        return sum(spec.size for spec in self.keys.values())

    @property
    def place(self) -> str:
        """Where it lies, for messages: the file, and the name or prefix inside it."""
        inside = ".".join(filter(None, (self.part.name, self.prefix.rstrip("."))))
        return f"{self.part.path.name}[{inside}]" if inside else self.part.path.name

    def reading(self, read: Callable[[], T]) -> T:
        """``read()``, one of the part's readers, which may be anybody's: its faults name the file and the loader."""
        try:
            return read()
        except WganalyzeError:
            raise
        except (Exception, SystemExit) as error:
            reason = reason_of(error)
            raise CheckpointError(f"{self.place}: the loader {self.part.kind} cannot read it ({reason})") from error

    def tensors(self) -> dict[str, Tensor]:
        """The weights, read now; CheckpointError names keys that hold NaN or infinity."""
        if self.part.read_tensors is None:
            raise CheckpointError(f"{self.place}: holds a program, whose weights cannot be read by themselves")
        stored = self.reading(self.part.read_tensors)
        own = {k[len(self.prefix) :]: t for k, t in stored.items() if k.startswith(self.prefix)}
        bad = [k for k, t in own.items() if t.is_floating_point() and not bool(t.isfinite().all())]
        if bad:
            raise CheckpointError(f"{self.place}: NaN or infinity in {few(bad)}; this network cannot be analysed")
        return own


def shapes_of(keys: Mapping[str, TensorSpec]) -> dict[str, tuple[int, ...]]:
    """Keys with the shapes of their tensors."""
    return {key: spec.shape for key, spec in keys.items()}


def layouts(keys: Mapping[str, TensorSpec]) -> Iterator[dict[str, TensorSpec]]:
    """The keys as stored, then with what all of them share at the front taken off, component by component."""
    layout = dict(keys)
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
