"""Which map brings the data into the critic's input space: said, or read from what generators make."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wganalyze.contracts.data import DataSource, FiniteSource
from wganalyze.contracts.samples import Points, Preprocessing, Split
from wganalyze.errors import UsageError
from wganalyze.settings.config import Config

if TYPE_CHECKING:
    from wganalyze.contracts.snapshot import Snapshot


def choose_preprocessing(
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
        from wganalyze.study.generator import generate

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
