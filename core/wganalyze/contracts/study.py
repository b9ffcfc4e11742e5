"""The contract of a study: what an analyzer is given of one snapshot."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from wganalyze.contracts.data import Modes
from wganalyze.contracts.measurement import Scope
from wganalyze.contracts.samples import Gradients, Samples, Scores, SplitName
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.contracts.terms import Mode
from wganalyze.statistics import Estimate

if TYPE_CHECKING:
    from torch.nn import Module

    from wganalyze.transport import Transport

T = TypeVar("T")


class Need(Enum):
    """What an analyzer cannot do without; where it is missing, its cell is skipped and says so.

    SCORES and CRITIC are met alike, by a critic: the one for analyzers that ask for numbers, the other for those that
    look into the network. GRADIENT needs one that can be differentiated.
    """

    REAL = "real samples"
    FAKE = "generated samples"
    SCORES = "critic scores"
    GRADIENT = "gradients of the critic"
    CRITIC = "a critic"
    GENERATOR = "a generator"


class CriticHead(Protocol):
    """A critic made ready for analysis: float64, eval mode, a final sigmoid cut where that is proven safe."""

    @property
    def module(self) -> Module:
        """Takes what ``inputs`` gives."""
        ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input, without the batch axis."""
        ...

    @property
    def note(self) -> str:
        """What was cut or inverted, in words; "" for nothing."""
        ...

    @property
    def output(self) -> Literal["score", "logit"]:
        """What a score means after that."""
        ...

    @property
    def invert(self) -> bool:
        """Does the module give probabilities, whose logits are the scores?"""
        ...

    @property
    def latent(self) -> Latent:
        """How labels are passed to it; ``classes`` 0: it takes none."""
        ...

    @property
    def is_conditional(self) -> bool:
        """Does its score depend on labels or conditions beside the sample?"""
        ...

    @property
    def packed(self) -> int:
        """Samples that it looks at together; each pack of so many is then one point of the study."""
        ...

    def inputs(self, samples: Samples, rows: slice) -> list[Any]:
        """The arguments of one call of ``module``: points in the critic's shape, labels and conditions it takes."""
        ...


class Sampler(Protocol):
    """A generator made ready: its answer is one tensor of samples."""

    @property
    def module(self) -> Module:
        """Takes z (n, *latent.shape) where it is not conditional; gives (n, ...)."""
        ...

    @property
    def latent(self) -> Latent:
        """What is drawn for it."""
        ...

    @property
    def takes_data(self) -> bool:
        """Is it given samples in place of a latent?"""
        ...

    @property
    def is_conditional(self) -> bool:
        """Do its samples depend on labels or conditions?"""
        ...


class Study(Protocol):
    """One snapshot, its samples, and the quantities that analyzers share, each computed once.

    CheckpointError, DataError or NotMeasurable, in one line, where a network or the data cannot give what is asked.
    """

    # What there is

    @property
    def snapshot(self) -> Snapshot:
        """The moment that is analysed."""
        ...

    @property
    def device(self) -> str:
        """Where networks run: "cpu", "cuda:0" ..."""
        ...

    def has(self, need: Need) -> bool:
        """Is this need met by the snapshot and the data?"""
        ...

    def lacks(self, need: Need) -> str:
        """Why a need is not met, with the option that would meet it; "" where it is met."""
        ...

    @property
    def n(self) -> int:
        """Samples a split, by default."""
        ...

    @property
    def fit_size(self) -> int:
        """Samples in the split "fit", which is disjoint from all others."""
        ...

    @property
    def size_note(self) -> str:
        """Why n is below the default, where nobody chose it; "" otherwise."""
        ...

    @property
    def data_size(self) -> int | None:
        """How many real samples there are in all; None: as many as one asks for."""
        ...

    @property
    def replicates(self) -> int:
        """How often a quantity is computed on fresh samples."""
        ...

    @property
    def seed(self) -> int:
        """The run's seed."""
        ...

    @property
    def space(self) -> str:
        """Name and scale of the space the samples live in."""
        ...

    @property
    def dim(self) -> int:
        """Dimension of a flattened sample."""
        ...

    @property
    def known_w1(self) -> float | None:
        """True W1 between the two sides of a pair, where the data are one and no generator takes a side."""
        ...

    @property
    def known(self) -> Mapping[str, float]:
        """True divergences between the two sides of such a pair, by name; see ``DataSource.known``."""
        ...

    def log_ratio(self, samples: Samples) -> Scores | None:
        """log p / q of the laws of such a pair at ``samples``, (n,); None where it is not known."""
        ...

    @property
    def modes(self) -> Modes | None:
        """The modes that the data are known to have, in the space of the samples; None where none are known."""
        ...

    @property
    def held_out(self) -> bool | None:
        """Were the real samples kept from the generator's training? None: unknown."""
        ...

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Everything that was guessed about this snapshot, as far as it was needed until now."""
        ...

    # Samples

    def real(self, n: int | None = None, replicate: int = 0, split: SplitName = "x") -> Samples:
        """Real samples in the critic's input space, (n, d); splits are disjoint from each other and over replicates."""
        ...

    def fake(
        self, n: int | None = None, replicate: int = 0, split: SplitName = "x", mode: Mode | None = None
    ) -> Samples:
        """Generated samples (the same z at every snapshot), stored ones, or the other side of a pair.

        ``mode``: of the generator, where it is not to sample in the one that the snapshot says.
        """
        ...

    @property
    def training(self) -> Samples | None:
        """What the generator was trained on, (m, d) in the critic's input space; None where that was not said."""
        ...

    @property
    def sampler(self) -> Sampler:
        """The generator made ready."""
        ...

    # The critic

    @property
    def head(self) -> CriticHead:
        """The critic made ready."""
        ...

    @property
    def critic(self) -> Module:
        """``head.module``: the critic as a float64 module in eval mode, its final sigmoid cut; (n, *critic_shape)."""
        ...

    @property
    def critic_shape(self) -> tuple[int, ...]:
        """``head.shape``: of one input of the critic."""
        ...

    @property
    def critic_note(self) -> str:
        """``head.note``: what was done to the critic's output ("final sigmoid cut: the logit is analysed"), or ""."""
        ...

    def scores(self, samples: Samples, mode: Mode = "eval", batch: int = 512, *, single: bool = False) -> Scores:
        """The critic's scores (n,), float64, as it gives them (not oriented; logits where a sigmoid was cut).

        ``mode`` "train" runs on a copy, so that no buffer changes; its BatchNorm then sees the samples of one ``batch``
        together, in their order (a last one alone joins the batch before it). ``single``: they may be computed in
        float32, which is quicker, where 32 of them (in train mode, the first batch) are off by no more than a
        thousandth of their spread: for averages and bounds that hold for any numbers, not for slopes.
        """
        ...

    def gradient(self, samples: Samples, mode: Mode = "eval") -> Gradients:
        """Gradient of the score with respect to the input, (n, d), float64 (computed in float32 if finite)."""
        ...

    @property
    def orientation(self) -> Literal[1, -1]:
        """+1 where real is scored high; where the user did not say it, found from the first replicate's AUC."""
        ...

    @property
    def orientation_auc(self) -> float:
        """P(score of a real > score of a fake), ties counted half, on the first replicate in eval mode."""
        ...

    # What is shared

    def transport(self, x: Samples, y: Samples, p: float = 1, metric: str = "euclidean") -> Transport:
        """Exact W_p between two samples, with its certificate; computed once for each pair of keys."""
        ...

    def estimate(self, measure: Callable[[int], float]) -> Estimate:
        """``measure(replicate)`` over all replicates: mean, and Student-t interval of its expectation at this n."""
        ...

    def cached(self, key: Hashable, make: Callable[[], T], scope: Scope = "snapshot") -> T:
        """``make()``, once for each key: for this snapshot, or (scope "data": no network takes part) for the run."""
        ...
