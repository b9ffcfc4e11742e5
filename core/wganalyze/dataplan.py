"""How the real samples of a run are dealt out: disjoint splits, checked before anything is computed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wganalyze.config import Config
from wganalyze.data import DataSource, FiniteSource, Points, Preprocessing, Samples, Split
from wganalyze.errors import DataError, UsageError

if TYPE_CHECKING:
    from wganalyze.snapshot import Snapshot

DEFAULT_N = 2000
DEFAULT_REPLICATES = 5
MIN_N = 2


@dataclass(frozen=True, eq=False)
class DataPlan:
    """A source, its preprocessing, and the sizes of a run.

    Splits "x" and "x2" of every replicate hold ``n`` samples each; "fit" holds what is left, at least ``n``.
    """

    source: DataSource
    text: str
    preprocessing: Preprocessing
    n: int
    replicates: int
    seed: int
    held_out: bool | None = None
    assumptions: tuple[str, ...] = ()
    size_note: str = ""
    """Why ``n`` is below the default, where nobody chose it."""
    stored: int | None = None
    """The fewest samples that a snapshot stores in place of a generator."""

    @property
    def space(self) -> str:
        """Name of the space the samples live in, with its scale."""
        return f"critic input {self.preprocessing.name}"

    @property
    def fit_size(self) -> int:
        """Samples in the split "fit": what is left of a finite source and of stored samples, at most 10 n."""
        sizes = [size for size in (self.source.size, self.stored) if size is not None]
        left = [size - 2 * self.n * self.replicates for size in sizes]
        return min([10 * self.n, *(k for k in left if k >= self.n)])  # stored samples too few for n say so themselves

    def real(self, n: int, split: Split) -> Samples:
        """``n`` real samples of a split; DataError where the split holds fewer, or the plan no such replicate."""
        limit = self.fit_size if split.name == "fit" else self.n
        if n > limit:
            raise DataError(f"{n} samples of the split {split.name!r} were asked for, the plan holds {limit}")
        if split.name != "fit" and not 0 <= split.replicate < self.replicates:
            raise DataError(
                f"replicate {split.replicate} of the split {split.name!r} was asked for, counted from 0; "
                f"the plan holds {self.replicates}"
            )
        drawn = self.source.draw(n, split, offset=self.offset(split), seed=self.seed)
        points = self.preprocessing.apply(drawn.values, self.source.shape)
        key = ("real", split.name, split.replicate, n)
        return Samples(points, self.source.shape, drawn.labels, key, shared=True)

    def other_side(self, n: int, split: Split) -> Samples:
        """``n`` samples of the other side of a pair, in the role of the generated ones."""
        drawn = self.source.draw_pair(n, split, seed=self.seed)
        points = self.preprocessing.apply(drawn.values, self.source.shape)
        key = ("other side", split.name, split.replicate, n)
        return Samples(points, self.source.shape, drawn.labels, key, shared=True)

    def from_range(self, points: Points, shape: tuple[int, ...], own: tuple[float, float]) -> Points:
        """Values that lie in ``own`` brought to where the real samples' range lies in the critic's input space."""
        low, high = self.source.value_range or own
        return self.preprocessing.apply(low + (points - own[0]) * ((high - low) / (own[1] - own[0])), shape)

    def offset(self, split: Split) -> int:
        """Where a split begins in the shuffled order of all samples."""
        if split.name == "fit":
            return 2 * self.n * self.replicates
        return (2 * split.replicate + (split.name == "x2")) * self.n


def make_plan(
    source: DataSource, text: str, config: Config, first: Snapshot | None, stored: int | None = None
) -> DataPlan:
    """Sizes, seed and preprocessing of a run; what is unsaid is found or set by default, and said so.

    ``stored``: the fewest samples that a snapshot stores in place of a generator, which bound the default of n too.
    """
    replicates = config.replicates if config.replicates is not None else DEFAULT_REPLICATES
    if replicates < 1:
        raise UsageError(f"--replicates {replicates}: at least 1 (3 for an interval)")
    parts = 2 * replicates + 1
    most = DEFAULT_N if source.size is None else source.size // parts
    few = stored is not None and stored // parts < most
    top = stored // parts if stored is not None and few else most
    owner = f"{stored} samples that are stored" if few else f"{source.size} samples of {text}"
    preprocessing, assumptions = _preprocessing(source, text, config, first)
    seed = config.seed or 0
    note = ""
    if config.n == "max":
        n, note = _largest(source, text, preprocessing, config, None if source.size is None and not few else top)
    elif config.budget is not None:
        raise UsageError("--budget is for --n max: say both, or a number for --n")
    elif config.n is not None:
        n = config.n
    else:
        n = min(DEFAULT_N, top)
        note = f"n = {n}: the most that the {owner} allow for {parts} disjoint splits" if n < DEFAULT_N else ""
    if source.size is not None and n > most:
        raise DataError(
            f"--n {n} with {replicates} replicates needs {parts} disjoint splits, {parts * n} samples; "
            f"{text} has {source.size}: at most --n {most}, or fewer --replicates"
        )
    if n < MIN_N:
        raise DataError(f"--n {n}: at least {MIN_N} samples a split are needed; there are {owner}")
    held_out = config.held_out if config.held_out is not None else source.held_out
    return DataPlan(source, text, preprocessing, n, replicates, seed, held_out, assumptions, note, stored)


def _largest(
    source: DataSource, text: str, preprocessing: Preprocessing, config: Config, top: int | None
) -> tuple[int, str]:
    """--n max: all that there is, or what one exact distance can take in the time of --budget."""
    if config.budget is not None:
        from wganalyze.budget import largest_n

        n = largest_n(source, preprocessing, top, config.budget, config.seed or 0)
        return n, f"n = {n}: the most for which one exact W1 ends in {config.budget:g} s here"
    if top is None:
        raise UsageError(f"--n max: {text} has no end; add --budget 20s, or say a number")
    return top, f"n = {top}: the most that there is for disjoint splits"


def _preprocessing(
    source: DataSource, text: str, config: Config, first: Snapshot | None
) -> tuple[Preprocessing, tuple[str, ...]]:
    own = source.value_range or _span(source)
    said = said_preprocessing(source, text, config)
    if said is not None:
        if config.normalize is not None or source.value_range is not None or own is None:
            return said, ()
        return said, (f"data mapped to {said.name} from [{own[0]:.4g}, {own[1]:.4g}], which their values span",)
    if source.value_range is None:
        note = f"data used as stored, in [{own[0]:.4g}, {own[1]:.4g}] (set --range or --normalize)" if own else ""
        return Preprocessing(), (note,) if note else ()
    low, high, why = _range_of_generator(first)
    note = f"data brought to [{low:g}, {high:g}]: {why} (set --range or --normalize)"
    return Preprocessing.to_range(source.value_range, low, high), (note,)


def said_preprocessing(source: DataSource, text: str, config: Config) -> Preprocessing | None:
    """What the user said of the critic's input, by --normalize or --range; UsageError where it does not fit."""
    try:
        if config.normalize is not None:
            return Preprocessing.normalize(source.value_range or (0.0, 1.0), *config.normalize)
        if config.range is None:
            return None
        own = source.value_range or _span(source)
        if own is None:
            raise UsageError(
                f"--range: {text} states no range of its own to map from; store it mapped, or use --normalize MEAN,STD"
            )
        return Preprocessing.to_range(own, *config.range)
    except ValueError as error:
        raise UsageError(f"--range/--normalize: {error}") from None


def _span(source: DataSource) -> tuple[float, float] | None:
    """Least and largest value of a finite set; None where there is no set, or no width."""
    if not isinstance(source, FiniteSource):
        return None
    values = source.everything.values
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else None


def _range_of_generator(first: Snapshot | None) -> tuple[float, float, str]:
    """The range that the first generator's samples fill: [-1, 1] or [0, 1]."""
    stored = first.samples if first is not None and first.samples_range is None else None
    if first is not None and first.make_generator is not None:
        from wganalyze.evaluation import generate

        points: Points = generate(first, 64, Split("x"), seed=0, device="cpu")[0].points
        seen = f"the generator of {first.label} ends"
    elif first is not None and stored is not None:
        points, seen = stored.points, f"the samples of {first.label} lie"
    else:
        return -1.0, 1.0, "no generator shows the range, [-1, 1] is the usual one"
    low, high = float(points.min()), float(points.max())
    seen = f"{seen} between {low:.3g} and {high:.3g}"
    if low >= -1e-3 and high <= 1.001:
        return 0.0, 1.0, seen
    if low >= -1.001 and high <= 1.001:
        return -1.0, 1.0, seen
    raise UsageError(f"{seen}, which is neither [0, 1] nor [-1, 1]: say --range LOW,HIGH or --normalize MEAN,STD")


def with_assumptions(plan: DataPlan, snapshot: Snapshot) -> Snapshot:
    """The snapshot with the plan's preprocessing and its assumptions on it."""
    return replace(
        snapshot,
        preprocessing=plan.preprocessing,
        assumptions=(*snapshot.assumptions, *plan.assumptions),
    )
