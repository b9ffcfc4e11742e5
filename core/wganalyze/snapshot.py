"""One saved moment of a training run, and the parts that loaders read it from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

    from wganalyze.data import Preprocessing, Samples
    from wganalyze.measurement import Finding
    from wganalyze.networks import Piece

Role = Literal["generator", "critic", "both", "unknown"]
Output = Literal["score", "logit", "probability"]
Weights = Literal["raw", "ema"]
Encoding = Literal["index", "onehot", "concat"]


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
class Input:
    """An input that a program states: its name, its shape with the batch axis (None: any size), its dtype."""

    name: str
    shape: tuple[int | None, ...] | None = None
    dtype: str = ""


@dataclass(frozen=True)
class Part:
    """What a loader read from one file, without its bulk: one network's weights, two under prefixes, or a program.

    ``name``: where in the file it lies ("netG", "model.netD"; "" for the file as a whole); core reads roles, steps,
    prefixes and EMA copies from names, keys and paths, so a loader fills ``role`` and ``step`` only where the format
    itself states them. ``facts``: scalars that the file holds beside its tensors (epoch, gradient_penalty ...); a part
    that has nothing else gives its step and facts to its neighbours. ``problems``: one line each.

    One of these gives the content, and is called only when a number depends on it:
    ``read_tensors``: the weights by key, on the CPU, for an architecture to take;
    ``fill``: for weights in another form, takes what the user's factory made and returns it as a module with them;
    ``read_module``: a program, which needs no architecture;
    ``read_samples``: stored samples, which stand in for a generator; the first of ``keys`` is theirs, (n, ...), and the
    fact ``value_range`` "0,255" says that they are bytes, and not yet in the critic's space.
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
    fill: Callable[[Any], Module] | None = None
    read_samples: Callable[[], Samples] | None = None
    runs_code: bool = True
    """Does ``read_module`` run code of the file? Then core calls it only with the user's trust."""
    asks_for: tuple[str, ...] = ()
    """Classes and functions, as "module.name", that reading the file in full would import and call."""
    read_allowed: Callable[[Sequence[str]], Module] | None = None
    """``read_module`` for a reader that admits these names of ``asks_for``, said by --allow, and refuses others."""
    inputs: tuple[Input, ...] = ()
    """What a program takes, where its file says so."""
    numbered: bool = True
    """May a number in the file's name be its step? False where the format numbers something else."""
    others: tuple[Path, ...] = ()
    """Further files that the content lies in."""

    @property
    def parameters(self) -> int:
        """Number of stored tensor elements (buffers included)."""
        return sum(spec.size for spec in self.keys.values())

    @property
    def is_program(self) -> bool:
        """Does it bring its own architecture? One that can also ``fill`` leaves the choice to the user."""
        return self.read_module is not None and self.read_tensors is None


class Loader(Protocol):
    """Reads one kind of file.

    One with an attribute ``folders`` that is true is offered folders, too: what it claims there is not looked into.
    """

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
    """Builds networks of one family, and recognises their weights.

    It may say more: an attribute ``role`` ("generator" or "critic"), which then stands for files whose names are
    silent, and a method ``assumed(arguments) -> Sequence[str]``: what keys and shapes do not show.
    """

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

    ``classes`` 0: no labels. ``encoding`` "index": an int64 vector as second argument; "onehot": a float (n, classes)
    as second argument; "concat": one-hot, joined to z (for a critic: to the flat sample, or as planes to an image).
    """

    law: Literal["normal", "uniform"] = "normal"
    shape: tuple[int, ...] = ()
    classes: int = 0
    encoding: Encoding = "index"


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One saved moment of a run; its networks are read and built when they are first asked for.

    ``orientation``: +1 where the critic scores real high, -1 where it scores real low, None to find it from data.
    ``penalty``: the weight lambda of a gradient penalty, where known. ``assumptions``: everything that was guessed.

    A network without gradients (an ONNX program that nothing converts) has a string attribute ``no_gradient`` with
    the reason; one that cannot compute in float64 keeps its precision in ``double()`` and casts what it is given; one
    that hides its layers says by ``uses_batch_statistics`` whether BatchNorm is among them.
    """

    label: str
    step: int | None
    step_unit: str
    files: tuple[Path, ...]
    make_generator: Callable[[], Module] | None = None
    make_critic: Callable[[], Module] | None = None
    make_samples: Callable[[], Samples] | None = None
    samples_range: tuple[float, float] | None = None
    """Lowest and highest value that the stored samples can have ((0, 255) for bytes); None: in the critic's space."""
    samples_stored: int | None = None
    """How many there are."""
    generator_mode: Literal["eval", "train"] = "eval"
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
    unbuilt: Mapping[str, Piece] = field(default_factory=dict)
    """Networks of unknown architecture that --infer may try to rebuild, by role."""
    findings: tuple[Finding, ...] = ()
    """What the files themselves show: equal content, a name that contradicts its keys."""

    @cached_property
    def generator(self) -> Module | None:
        """The generator in eval mode, on the CPU; None where the snapshot has none."""
        return None if self.make_generator is None else self.make_generator()

    @cached_property
    def critic(self) -> Module | None:
        """The critic in eval mode, on the CPU, as stored (a final sigmoid included)."""
        return None if self.make_critic is None else self.make_critic()

    @cached_property
    def samples(self) -> Samples | None:
        """Stored samples in place of a generator; None where the snapshot has none."""
        return None if self.make_samples is None else self.make_samples()

    @property
    def lacking(self) -> Mapping[str, str]:
        """``missing``, without a generator that stored samples stand in for."""
        return {role: why for role, why in self.missing.items() if role != "generator" or self.make_samples is None}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the content of all its files."""
        digest = hashlib.sha256()
        for path in self.files:
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
        return digest.hexdigest()

    def release(self) -> None:
        """Forget networks and samples; they are read again when asked for."""
        for name in ("generator", "critic", "samples"):
            self.__dict__.pop(name, None)
