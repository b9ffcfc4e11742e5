"""Which map brings the data into the critic's input space: said, or read from what generators make."""

from __future__ import annotations

from wganalyze.contracts.data import DataSource, FiniteSource
from wganalyze.contracts.samples import Points, Preprocessing, Split
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import UsageError
from wganalyze.running.given import name_of
from wganalyze.settings.facts import Said
from wganalyze.study.generator import generate


def choose_preprocessing(
    source: DataSource, said: Said, first: Snapshot | None
) -> tuple[Preprocessing, tuple[str, ...]]:
    """The map, and what was assumed to find it: said, or the range that the generator of ``first`` fills."""
    own = source.value_range or _span(source)
    named = said_preprocessing(source, said)
    if named is not None:
        if "normalize" in said or source.value_range is not None or own is None:
            return named, ()
        return named, (f"data mapped to {named.name} from [{own[0]:.4g}, {own[1]:.4g}], which their values span",)
    if source.value_range is None:
        note = f"data used as stored, in [{own[0]:.4g}, {own[1]:.4g}] (set --range or --normalize)" if own else ""
        return Preprocessing(), (note,) if note else ()
    low, high, why = _range_of_generator(first, source.shape)
    note = f"data brought to [{low:g}, {high:g}]: {why} (set --range or --normalize)"
    return Preprocessing.to_range(source.value_range, low, high), (note,)


def said_preprocessing(source: DataSource, said: Said) -> Preprocessing | None:
    """What the user said of the critic's input, by --normalize or --range; UsageError where it does not fit."""
    try:
        if "normalize" in said:
            return Preprocessing.normalize(source.value_range or (0.0, 1.0), *said["normalize"])
        if "range" not in said:
            return None
        own = source.value_range or _span(source)
        if own is None:
            text = name_of(source, said.get("data"))
            raise UsageError(
                f"--range: {text} states no range of its own to map from; store it mapped, or use --normalize MEAN,STD"
            )
        return Preprocessing.to_range(own, *said["range"])
    except ValueError as error:
        raise UsageError(f"--range/--normalize: {error}") from None


def _span(source: DataSource) -> tuple[float, float] | None:
    """Least and largest value of a finite set; None where there is no set, or no width."""
    if not isinstance(source, FiniteSource):
        return None
    values = source.everything.values
    low, high = float(values.min()), float(values.max())
    return (low, high) if high > low else None


def _range_of_generator(first: Snapshot | None, shape: tuple[int, ...]) -> tuple[float, float, str]:
    """The range that the first generator's samples, of this shape, fill: [-1, 1] or [0, 1]."""
    from wganalyze.study.making import prepare_generator

    stored = first.samples if first is not None and first.samples_range is None else None
    if first is not None and first.make_generator is not None:
        ready = prepare_generator(first, wanted=shape)
        points: Points = generate(first, 64, Split("x"), seed=0, device="cpu", ready=ready)[0].points
        seen = f"the samples of the generator of {first.label} lie"
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
