"""The contract of a loader, and the parts that it reads from a file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from wganalyze.contracts.samples import Samples
from wganalyze.contracts.terms import Role

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


@dataclass(frozen=True)
class TensorSpec:
    """A stored tensor, known without reading its bytes.

    ``shape``: its lengths by axis.
    ``dtype``: its type as torch calls it ("float32").
    """

    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class Input:
    """An input that a program states.

    ``name``: what the program calls it.
    ``shape``: with the batch axis; None on an axis of any length; None as a whole where it is not stated.
    ``dtype``: as torch calls it; "" where it is not stated.
    """

    name: str
    shape: tuple[int | None, ...] | None = None
    dtype: str = ""


@dataclass(frozen=True)
class Part:
    """What a loader read from one file, without its bulk: one network's weights, two under prefixes, or a program.

    Core reads roles, steps, prefixes and EMA copies from names, keys and paths; a loader states only what the format
    itself says. A part that has nothing but facts gives its step and its facts to its neighbours.

    ``path``: the file (or the folder, where the loader takes folders).
    ``kind``: the kind of file, for the reader of ``inspect``; by custom the loader's name.
    ``name``: where in the file it lies ("netG", "model.netD"); "" for the file as a whole.
    ``role``: what the network is, where the format says so; else None.
    ``step``: when it was saved, where the format says so; else None.
    ``keys``: the stored tensors by key, in their order.
    ``facts``: scalars that the file holds beside its tensors (epoch, gradient_penalty ...).
    ``problems``: what is wrong with it, one line each.

    One of these gives the content, and is called only when a number depends on it:

    ``read_tensors``: the weights by key, on the CPU, for an architecture to take.
    ``read_module``: a program, which needs no architecture.
    ``fill``: for weights in another form: takes what the user's factory made and returns it as a module with them.
    ``read_samples``: stored samples, (n, ...), which stand in for a generator; the first of ``keys`` is theirs.

    Of programs:

    ``runs_code``: does ``read_module`` run code of the file? Then core calls it only with the user's trust.
    ``asks_for``: classes and functions, as "module.name", that reading the file in full would import and call.
    ``read_allowed``: ``read_module`` for a reader that admits these names of ``asks_for`` and refuses all others.
    ``read_weights``: its weights by key, read without running it, for the factory that the user names.
    ``inputs``: what the program takes, where its file says so.

    And further:

    ``read_some``: the weights of these keys alone, where that takes less than all of them.
    ``value_range``: of stored samples that are not yet in the critic's space: the lowest and the highest value that
    can occur, (0, 255) for bytes; None: they are as the critic sees them.
    ``numbered``: may a number in the file's name be its step? False where the format numbers something else.
    ``others``: further files that the content lies in.
    ``refused``: why the content is not read although the file could be described, with what mends that; "" where it is.
    """

    path: Path
    kind: str
    name: str = ""
    role: Role | None = None
    step: int | None = None
    keys: Mapping[str, TensorSpec] = field(default_factory=dict)
    facts: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    read_tensors: Callable[[], Mapping[str, Tensor]] | None = None
    read_module: Callable[[], Module] | None = None
    problems: tuple[str, ...] = ()
    fill: Callable[[Any], Module] | None = None
    read_samples: Callable[[], Samples] | None = None
    runs_code: bool = True
    asks_for: tuple[str, ...] = ()
    read_allowed: Callable[[Sequence[str]], Module] | None = None
    read_weights: Callable[[], Mapping[str, Tensor]] | None = None
    inputs: tuple[Input, ...] = ()
    value_range: tuple[float, float] | None = None
    numbered: bool = True
    others: tuple[Path, ...] = ()
    refused: str = ""
    read_some: Callable[[Collection[str]], Mapping[str, Tensor]] | None = None

    @property
    def parameters(self) -> int:
        """Number of stored tensor elements (buffers included)."""
        return sum(spec.size for spec in self.keys.values())

    @property
    def is_program(self) -> bool:
        """Does it bring its own architecture? One that also takes a factory leaves the choice to the user."""
        return self.read_module is not None and self.read_tensors is None

    @property
    def takes_factory(self) -> bool:
        """Can its weights go into what a factory makes?"""
        return any((self.read_tensors, self.fill, self.read_weights))

    @property
    def has_content(self) -> bool:
        """Does it hold a network or samples, and not facts alone?"""
        return any((self.read_tensors, self.read_module, self.fill, self.read_samples))


class Loader(ABC):
    """Reads one kind of file; made by the host, without arguments.

    ``name``: the loader's name, for ``--loader``.
    ``folders``: is it offered folders, too? What it claims there is not looked into.
    """

    name: ClassVar[str]
    folders: ClassVar[bool] = False

    @abstractmethod
    def sniff(self, path: Path) -> float:
        """Confidence in [0, 1] that this file is of the loader's kind, by content; cheap, and never raises."""

    @abstractmethod
    def open(self, path: Path) -> list[Part]:
        """The parts of the file, from its headers; CheckpointError in one line where it is damaged."""
