"""The Study: one snapshot, its samples, and the quantities that analyzers share, computed once."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal, TypeVar, cast

import numpy as np

from wganalyze.contracts.data import Modes
from wganalyze.contracts.network import notes_of
from wganalyze.contracts.samples import Samples, Scores, Split, SplitName
from wganalyze.contracts.study import Need
from wganalyze.contracts.terms import Mode, Role
from wganalyze.errors import CheckpointError, NotMeasurable, WganalyzeError
from wganalyze.statistics import Estimate, auc, student_t
from wganalyze.study.critic import ReadyCritic, prepare_critic
from wganalyze.study.dealing import Deal
from wganalyze.study.feeding import Feeding, by_law
from wganalyze.study.fingerprint import fingerprint
from wganalyze.study.generator import generate
from wganalyze.study.sharing import Cache, once

if TYPE_CHECKING:
    from torch.nn import Module

    from wganalyze.contracts.snapshot import Snapshot
    from wganalyze.study.making import ReadyGenerator
    from wganalyze.transport import Transport

T = TypeVar("T")

PROBES = 4
HEAD, ORIENTATION, SAMPLER = "head", "orientation", "sampler"
"""Of the cache: what was looked at has been assumed."""


class SnapshotStudy:
    """What an analyzer is given. ``deal`` None: no data; ``shared``: the cache that a run's studies have in common."""

    def __init__(self, snapshot: Snapshot, deal: Deal | None, shared: Cache | None = None, device: str = "cpu"):
        self.snapshot = snapshot
        self.deal = deal
        self.device = device
        self.shared: Cache = {} if shared is None else shared
        self._own: Cache = {}
        self.faults: dict[Role, BaseException] = {}

    # What there is

    def has(self, need: Need) -> bool:
        """Is this need met by the snapshot and the data?"""
        return not self.lacks(need)

    def lacks(self, need: Need) -> str:
        """Why a need is not met, with the option that would meet it; "" where it is met.

        A network that was found to be broken raises here what it raised then: nobody works before it raises again.
        """
        role: Role = "critic" if need in (Need.SCORES, Need.GRADIENT, Need.CRITIC) else "generator"
        if need is not Need.REAL and role in self.faults:
            raise self.faults[role]
        if need is Need.REAL:
            return "" if self.deal else "no data: say --data NAME (wganalyze plugins lists the sources)"
        if need is Need.FAKE and self.snapshot.make_generator is None and self.deal and self.deal.source.is_pair:
            return ""
        if need is Need.FAKE and self.snapshot.make_generator is None and self.snapshot.make_samples is not None:
            return ""
        if need in (Need.FAKE, Need.GENERATOR):
            missing = self.snapshot.missing.get("generator", "the snapshot has none")
            return "" if self.snapshot.make_generator else f"no generator: {missing}"
        if self.snapshot.make_critic is None:
            return f"no critic: {self.snapshot.missing.get('critic', 'the snapshot has none')}"
        if need is Need.GRADIENT:
            with suppress(WganalyzeError):  # a critic that cannot be built says so where it is used
                return notes_of(self.snapshot.critic).no_gradient
        return ""

    @property
    def n(self) -> int:
        """Samples a split, by default."""
        return self._dealt.n

    @property
    def fit_size(self) -> int:
        """Samples in the split "fit", which is disjoint from all others."""
        return self._dealt.fit_size

    @property
    def size_note(self) -> str:
        """Why n is below the default of 2,000, where nobody chose it; "" otherwise."""
        return self._dealt.size_note

    @property
    def data_size(self) -> int | None:
        """How many real samples there are in all; None: as many as one asks for."""
        return self._dealt.source.size

    @property
    def replicates(self) -> int:
        """How often a quantity is computed on fresh samples."""
        return self._dealt.replicates

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.deal.seed if self.deal else 0

    @property
    def space(self) -> str:
        """Name and scale of the space the samples live in."""
        return self.deal.space if self.deal else "critic input"

    @property
    def dim(self) -> int:
        """Dimension of a flattened sample."""
        return math.prod(self._dealt.source.shape)

    @property
    def known_w1(self) -> float | None:
        """True W1 between the two sides of a pair, where the data are one and no generator takes a side."""
        if self.deal is None or self._has_own_fakes:
            return None
        return self.deal.source.known_w1

    @property
    def known(self) -> Mapping[str, float]:
        """True divergences between the two sides of such a pair, by name."""
        return {} if self.deal is None or self._has_own_fakes else self.deal.source.known

    def log_ratio(self, samples: Samples) -> Scores | None:
        """log p / q of the laws of such a pair at ``samples``, (n,); None where it is not known."""
        return None if self.deal is None or self._has_own_fakes else self.deal.log_ratio(samples)

    @property
    def modes(self) -> Modes | None:
        """The modes that the data are known to have, in the space of the samples."""
        return None if self.deal is None else self.deal.modes

    @property
    def held_out(self) -> bool | None:
        """Were the real samples kept from the generator's training? None: unknown."""
        return self.deal.held_out if self.deal else None

    @property
    def _dealt(self) -> Deal:
        if self.deal is None:
            raise NotMeasurable(self.lacks(Need.REAL))
        return self.deal

    # Samples

    @property
    def _has_own_fakes(self) -> bool:
        """A generator, or stored samples: then a pair's other side takes no part."""
        return self.snapshot.make_generator is not None or self.snapshot.make_samples is not None

    def real(self, n: int | None = None, replicate: int = 0, split: SplitName = "x") -> Samples:
        """Real samples in the critic's input space, (n, d); splits are disjoint from each other and over replicates."""
        size = self._dealt.n if n is None else n
        return self.cached(
            ("real", size, replicate, split),
            lambda: self._dealt.real(size, Split(split, replicate)),
            scope="data",
        )

    def fake(
        self, n: int | None = None, replicate: int = 0, split: SplitName = "x", mode: Mode | None = None
    ) -> Samples:
        """Generated samples (the same z at every snapshot), stored ones, or the other side of a pair.

        ``mode``: of the generator, where it is not to sample in the one that the snapshot says. NotMeasurable where
        the snapshot stores fewer than this and all other splits need.
        """
        size = self._dealt.n if n is None else n
        which = Split(split, replicate)
        if not self._has_own_fakes and self.deal is not None and self.deal.source.is_pair:
            return self.cached(("fake", size, which), lambda: self._dealt.other_side(size, which), scope="data")
        if self.snapshot.make_generator is None and self.snapshot.make_samples is not None:
            return self.cached(("fake", size, which), lambda: self._stored(size, which))
        if self.snapshot.make_generator is None:
            raise NotMeasurable(self.lacks(Need.FAKE))
        chosen = mode or self.snapshot.generator_mode
        return self.cached(("fake", size, which, chosen), lambda: self._generate(size, which, chosen))

    @property
    def training(self) -> Samples | None:
        """What the generator was trained on, (m, d) in the critic's input space; None where that was not said."""
        if self.deal is None or self.deal.trained_on is None:
            return None
        return self.cached("training", self.deal.training, scope="data")

    def _stored(self, n: int, split: Split) -> Samples:
        """Rows of the stored samples, in one shuffled order; splits are disjoint, as those of real samples are."""
        stored = cast(Samples, self.snapshot.samples)
        start = self._dealt.offset(split) if self.deal is not None else 0
        if start + n > len(stored):
            raise NotMeasurable(
                f"{self.snapshot.label} stores {len(stored)} samples, {start + n} are needed for all splits: choose a "
                "smaller --n or fewer --replicates"
            )
        if self.deal is not None and stored.dim != self.dim:
            raise NotMeasurable(
                f"its stored samples have the shape {stored.shape}, the data are {self.deal.source.shape}"
            )
        rows = np.random.default_rng(self.seed).permutation(len(stored))[start : start + n]
        taken = replace(stored.take(rows), key=("fake", split.name, split.replicate, n))
        if self.deal is None or self.snapshot.samples_range is None:
            return taken
        return replace(taken, points=self.deal.from_range(taken.points, taken.shape, self.snapshot.samples_range))

    @property
    def sampler(self) -> ReadyGenerator:
        """The generator made ready: what it is given, and its answer as one tensor of samples."""
        if self.snapshot.make_generator is None:
            raise NotMeasurable(self.lacks(Need.GENERATOR))
        return self.cached(SAMPLER, self._prepared)

    def _prepared(self) -> ReadyGenerator:
        from wganalyze.study.making import prepare_generator

        wanted = None if self.deal is None else self.deal.source.shape
        return prepare_generator(self.snapshot, self.device, wanted, self._feeding(0))

    def _feeding(self, seed: int) -> Feeding:
        """What generators are given: latents of this seed, or what the deal gives them."""
        return by_law(seed) if self.deal is None or self.deal.feed is None else self.deal.fed

    def _generate(self, n: int, split: Split, mode: Mode) -> Samples:
        ready, feeding = self.sampler, self._feeding(self.seed)
        samples, _ = generate(
            self.snapshot, n, split, seed=self.seed, device=self.device, mode=mode, ready=ready, feeding=feeding
        )
        return self._fitting(samples)

    def _fitting(self, samples: Samples) -> Samples:
        """Generated samples, where the data are of their shape."""
        if self.deal is None:
            return samples
        both = (
            f"{self.snapshot.label}: the generator makes samples of shape {samples.shape}, "
            f"the data are {self.deal.source.shape}"
        )
        if samples.dim != self.dim:
            raise CheckpointError(f"{both}: say other --data, or another --generator")
        if _axes_differ(samples.shape, self.deal.source.shape):
            raise CheckpointError(f"{both}; bring the data's axes into that order")
        return samples

    # The critic

    @property
    def head(self) -> ReadyCritic:
        """The critic made ready: float64, eval, a final sigmoid cut; and the shape of its input."""
        if self.snapshot.make_critic is None:
            raise NotMeasurable(self.lacks(Need.CRITIC))
        return self.cached(HEAD, self._fitted_critic)

    def _fitted_critic(self) -> ReadyCritic:
        return prepare_critic(self.snapshot, self._input_shapes(), self.device, self._condition_shapes)

    @property
    def _condition_shapes(self) -> dict[str, tuple[int, ...]]:
        feed = None if self.deal is None else self.deal.feed
        return {} if feed is None else {name: source.shape for name, source in feed.conditions.items()}

    def _input_shapes(self) -> list[tuple[int, ...]]:
        shapes: list[tuple[int, ...]] = []
        if self.snapshot.make_generator is not None:
            shapes.append(self._probe().shape)
        elif self.snapshot.samples is not None:
            shapes.append(self.snapshot.samples.shape)
        if self.deal is not None:
            shapes.append(self.deal.source.shape)
        if not shapes:
            raise NotMeasurable("the shape of the critic's input is unknown without data and without a generator")
        flat = [(math.prod(shape),) for shape in shapes]
        squares = [(1, *shape) for shape in shapes if len(shape) == 2]
        volumes = [(1, *shape) for shape in shapes if len(shape) == 3]  # last: most shapes of three axes are images
        return list(dict.fromkeys([*shapes, *squares, *flat, *volumes]))

    @property
    def critic(self) -> Module:
        """The critic as a float64 module in eval mode, its final sigmoid cut; takes (n, *critic_shape)."""
        return self.head.module

    @property
    def critic_shape(self) -> tuple[int, ...]:
        """Shape of one input of the critic."""
        return self.head.shape

    @property
    def critic_note(self) -> str:
        """What was done to the critic's output ("final sigmoid cut: the logit is analysed"), or ""."""
        return self.head.note

    def scores(self, samples: Samples, mode: Mode = "eval", batch: int = 512, *, single: bool = False) -> Scores:
        """The critic's scores (n,), float64, as it gives them (not oriented; logits where a sigmoid was cut).

        ``single``: in float32 where that is near enough.
        """

        def make() -> Scores:
            return self.head.scores(samples, mode, batch, single=single)

        return self.cached(("scores", samples.key, mode, batch, single), make) if samples.key else make()

    def gradient(self, samples: Samples, mode: Mode = "eval") -> Scores:
        """Gradient of the score with respect to the input, (n, d), float64."""

        def make() -> Scores:
            return self.head.gradient(samples, mode)

        return self.cached(("gradient", samples.key, mode), make) if samples.key else make()

    @property
    def orientation(self) -> Literal[1, -1]:
        """+1 where real is scored high; where the user did not say it, found from the first replicate's AUC.

        -1 only where the AUC is below 1/2 by three standard errors of equal laws: noise turns no sign.
        """
        if self.snapshot.orientation is not None:
            return self.snapshot.orientation
        return self.cached(ORIENTATION, lambda: -1 if self.orientation_auc < 0.5 - 3 / math.sqrt(6 * self.n) else 1)

    @property
    def orientation_auc(self) -> float:
        """P(score of a real > score of a fake), ties counted half, on the first replicate in eval mode."""
        return self.cached("orientation auc", self._first_auc)

    def _first_auc(self) -> float:
        return auc(self.scores(self.real(), single=True), self.scores(self.fake(), single=True))

    @property
    def assumptions(self) -> tuple[str, ...]:
        """Everything that was guessed about this snapshot, as far as it was needed until now."""
        assumed = list(self.snapshot.assumptions)
        if SAMPLER in self._own:
            assumed += self.sampler.assumptions
        if HEAD in self._own:
            assumed += self.head.assumptions
        if ORIENTATION in self._own:
            side = "high" if self.orientation == 1 else "low"
            assumed.append(f"critic scores real {side}: found from the data, see auc (set [critic] orientation)")
        return tuple(assumed)

    # What is shared

    def transport(self, x: Samples, y: Samples, p: float = 1, metric: str = "euclidean") -> Transport:
        """Exact W_p between two samples, with its certificate; computed once for each pair of keys."""
        from wganalyze.transport import wasserstein

        def make() -> Transport:
            return wasserstein(x.points, y.points, p=p, metric=metric)

        if not (x.key and y.key):
            return make()
        scope: Literal["data", "snapshot"] = "data" if x.shared and y.shared else "snapshot"
        return self.cached(("transport", x.key, y.key, p, metric), make, scope=scope)

    def estimate(self, measure: Callable[[int], float]) -> Estimate:
        """``measure(replicate)`` over all replicates: mean, and Student-t interval of its expectation at this n."""
        values = tuple(float(measure(replicate)) for replicate in range(self.replicates))
        return student_t(values)

    def cached(self, key: Hashable, make: Callable[[], T], scope: Literal["snapshot", "data"] = "snapshot") -> T:
        """``make()``, once for each key: for this snapshot, or (scope "data": no network takes part) for the run."""
        return once(self.shared if scope == "data" else self._own, key, make)

    @property
    def data_id(self) -> str:
        """Digest of the data's content and preprocessing; "" without data."""
        return self.deal.data_id if self.deal else ""

    @cached_property
    def fingerprint(self) -> str:
        """What the built networks do; new user code changes it."""
        text = fingerprint(self.snapshot, self._probe, lambda: self.head, self._condition_shapes, self.faults)
        if self.snapshot.make_generator is not None and "generator" not in self.faults:
            try:
                self._fitting(self._probe())
            except CheckpointError as error:
                self.faults["generator"] = error
        return text

    def _probe(self) -> Samples:
        """A few samples of the generator, the same of any run: what it does, and of which shape."""

        def make() -> Samples:
            ready, feeding = self.sampler, self._feeding(0)
            return generate(
                self.snapshot, PROBES, Split("probe"), seed=0, device=self.device, ready=ready, feeding=feeding
            )[0]

        return self.cached("probe", make)


def _axes_differ(made: tuple[int, ...], real: tuple[int, ...]) -> bool:
    """Images of the same size whose channels stand elsewhere: pixel by pixel, they are not comparable."""
    return len(made) == len(real) == 3 and made != real and sorted(made) == sorted(real)
