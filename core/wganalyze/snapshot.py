"""One saved moment of a training run, and the parts that loaders read it from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from wganalyze.data import Preprocessing, Samples

Role = Literal["generator", "critic", "both", "unknown"]
Output = Literal["score", "logit", "probability"]
Weights = Literal["raw", "ema"]


@dataclass(frozen=True)
class TensorSpec:
    """Shape and dtype of a stored tensor ("float32"), known without reading its bytes."""

    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """Number of elements."""
        n = 1
        for k in self.shape:
            n *= k
        return n


@dataclass(frozen=True)
class Part:
    """What a loader read from one file, without its bulk: one network's weights, two under prefixes, or a program.

    ``name``: where in the file it lies ("netG", "model.netD"; "" for the file as a whole); core reads roles, steps,
    prefixes and EMA copies from names, keys and paths, so a loader fills ``role`` and ``step`` only where the format
    itself states them. ``facts``: scalars that the file holds beside its tensors (epoch, gradient_penalty ...).
    ``read_tensors`` gives the weights by key, on the CPU; ``read_module`` a program that needs no architecture, and
    runs code of the file: core calls it only with the user's trust. ``problems``: one line each.
    """

    path: Path
    kind: str
    name: str = ""
    role: Role = "unknown"
    step: int | None = None
    keys: Mapping[str, TensorSpec] = field(default_factory=dict)
    facts: Mapping[str, float | int | str | bool] = field(default_factory=dict)
    read_tensors: Callable[[], Mapping[str, Tensor]] | None = None
    read_module: Callable[[], Module] | None = None
    problems: tuple[str, ...] = ()

    @property
    def parameters(self) -> int:
        """Number of stored tensor elements (buffers included)."""
        return sum(spec.size for spec in self.keys.values())


class Loader(Protocol):
    """Reads one kind of file."""

    @property
    def name(self) -> str:
        """The loader's name, for ``--loader``."""
        ...

    def sniff(self, path: Path) -> float:
        """Confidence in [0, 1] that this file is of the loader's kind, by content; cheap, and never raises."""
        ...

    def open(self, path: Path) -> list[Part]:
        """The parts of the file, from its headers; CheckpointError in one line where it is damaged."""
        ...


class Architecture(Protocol):
    """Builds networks of one family, and recognises their weights."""

    @property
    def name(self) -> str:
        """The name that a ``wganalyze.toml`` uses."""
        ...

    def build(self, **arguments: Any) -> Module:
        """A network; its weights are replaced by those of the checkpoint."""
        ...

    def recognise(self, keys: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any] | None:
        """The arguments of ``build`` under which keys and shapes fit exactly; None where they do not."""
        ...


@dataclass(frozen=True)
class Latent:
    """What a generator eats: the law of z, its shape without the batch axis, and labels if it is conditional.

    ``classes`` 0: no labels. ``encoding`` "index": an int64 vector as second argument; "onehot": a float (n, classes).
    """

    law: Literal["normal", "uniform"] = "normal"
    shape: tuple[int, ...] = ()
    classes: int = 0
    encoding: Literal["index", "onehot"] = "index"


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One saved moment of a run; its networks are read and built when they are first asked for.

    ``orientation``: +1 where the critic scores real high, -1 where it scores real low, None to find it from data.
    ``penalty``: the weight lambda of a gradient penalty, where known. ``assumptions``: everything that was guessed.
    """

    label: str
    step: int | None
    step_unit: str
    files: tuple[Path, ...]
    make_generator: Callable[[], Module] | None = None
    make_critic: Callable[[], Module] | None = None
    samples: Samples | None = None
    weights: Weights = "raw"
    latent: Latent = field(default_factory=Latent)
    output: Output | None = None
    orientation: Literal[1, -1] | None = None
    preprocessing: Preprocessing | None = None
    penalty: float | None = None
    assumptions: tuple[str, ...] = ()
    missing: Mapping[str, str] = field(default_factory=dict)
    """Why there is no "generator" or no "critic", with the option that would supply it."""
    designs: Mapping[str, str] = field(default_factory=dict)
    """What the "generator" and the "critic" are built from: file, and factory or architecture with its arguments."""

    @cached_property
    def generator(self) -> Module | None:
        """The generator in eval mode, on the CPU; None where the snapshot has none."""
        return None if self.make_generator is None else self.make_generator()

    @cached_property
    def critic(self) -> Module | None:
        """The critic in eval mode, on the CPU, as stored (a final sigmoid included)."""
        return None if self.make_critic is None else self.make_critic()

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the content of all its files."""
        digest = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def release(self) -> None:
        """Forget the networks; they are read again when asked for."""
        for name in ("generator", "critic"):
            self.__dict__.pop(name, None)
