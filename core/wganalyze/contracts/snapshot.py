"""The contract of a snapshot: one saved moment of a training run."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from wganalyze.contracts.measurement import Finding
from wganalyze.contracts.samples import Preprocessing, Samples
from wganalyze.contracts.terms import Encoding, Law, Mode, Output, Reduce, Role, Weights

if TYPE_CHECKING:
    from torch.nn import Module


@dataclass(frozen=True)
class Latent:
    """What a generator eats.

    ``law``: of z: "normal" (standard), "uniform" (on [-1, 1]), or "uniform:LOW,HIGH".
    ``shape``: of z, without the batch axis.
    ``classes``: number of labels; 0: none are passed.
    ``encoding``: "index": an int64 vector as second argument; "onehot": a float (n, classes) as second argument;
    "concat": one-hot, joined to z (for a critic: to the flat sample, or as planes to an image).
    """

    law: Law = "normal"
    shape: tuple[int, ...] = ()
    classes: int = 0
    encoding: Encoding = "index"

    def draw(
        self, n: int, rng: np.random.Generator, dtype: type[np.float32 | np.float64] = np.float32
    ) -> npt.NDArray[np.float32]:
        """z, (n, *shape), float32, by its law; normal numbers are drawn in ``dtype``."""
        if self.law == "normal":
            return rng.standard_normal((n, *self.shape), dtype).astype(np.float32)
        low, high = (float(end) for end in (self.law.partition(":")[2] or "-1,1").split(","))
        return rng.uniform(low, high, (n, *self.shape)).astype(np.float32)


def content_digest(files: Iterable[Path]) -> str:
    """SHA-256 over the content of files, in their order; OSError where one cannot be read."""
    digest = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Snapshot:
    """One saved moment of a run; its networks are read and built when they are first asked for.

    ``label``: its name, unique in a run.
    ``step``, ``step_unit``: when it was saved ("step", "epoch", "kimg" ...); None and "" where nothing says.
    ``files``: everything that it is read from.
    ``make_generator``, ``make_critic``: make the networks; None where the snapshot has none.
    ``make_samples``: reads stored samples in place of a generator.
    ``samples_range``: lowest and highest value that those can have, (0, 255) for bytes; None: in the critic's space.
    ``samples_stored``: how many of them there are.
    ``generator_mode``: the mode in which the generator samples.
    ``weights``: which copy of the generator samples.
    ``latent``: what the generator eats, and the labels of a conditional critic.
    ``output``: what the critic's output means, where it is known.
    ``reduce``: how several scores of one sample become one, where it was said.
    ``orientation``: +1 where the critic scores real high, -1 where it scores real low, None to find it from data.
    ``preprocessing``: the map from data to the critic's input; None until the run has decided it.
    ``penalty``: the weight lambda of a gradient penalty, where it is known.
    ``assumptions``: everything that was guessed, a line each.
    ``missing``: why there is no "generator" or no "critic", with the option that would supply it.
    ``designs``: what the networks are built from, by role: file, and factory or architecture with its arguments.
    ``findings``: what the files themselves show: equal content, a name that contradicts its keys.
    ``facts``: numbers and texts that its files hold beside the tensors ("config.method", "epoch" ...).
    """

    label: str
    step: int | None
    step_unit: str
    files: tuple[Path, ...]
    make_generator: Callable[[], Module] | None = None
    make_critic: Callable[[], Module] | None = None
    make_samples: Callable[[], Samples] | None = None
    samples_range: tuple[float, float] | None = None
    samples_stored: int | None = None
    generator_mode: Mode = "eval"
    weights: Weights = "raw"
    latent: Latent = field(default_factory=Latent)
    output: Output | None = None
    reduce: Reduce | None = None
    orientation: Literal[1, -1] | None = None
    preprocessing: Preprocessing | None = None
    penalty: float | None = None
    assumptions: tuple[str, ...] = ()
    missing: Mapping[Role, str] = field(default_factory=dict)
    designs: Mapping[Role, str] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, float | int | str | bool] = field(default_factory=dict)

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
    def lacking(self) -> Mapping[Role, str]:
        """``missing``, without a generator that stored samples stand in for."""
        return {role: why for role, why in self.missing.items() if role != "generator" or self.make_samples is None}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the content of all its files."""
        return content_digest(self.files)

    def release(self) -> None:
        """Forget networks and samples; they are read again when asked for."""
        for name in ("generator", "critic", "samples"):
            self.__dict__.pop(name, None)
