"""How large the samples of a run are: n and replicates, said or by default, and what the data allow."""

from __future__ import annotations

from wganalyze.contracts.data import DataSource
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import DataError, UsageError
from wganalyze.running.feeds import in_words
from wganalyze.running.given import name_of
from wganalyze.running.memory import most_points
from wganalyze.running.preprocessing import choose_preprocessing
from wganalyze.settings import defaults
from wganalyze.settings.facts import Said
from wganalyze.study.dealing import Deal
from wganalyze.study.feeding import Feed

ENDLESS = 50_000
"""Samples a split of a law, at most: what exact transport holds in memory, whatever the dimension."""


def make_deal(
    source: DataSource, said: Said, first: Snapshot | None, stored: int | None = None, feed: Feed | None = None
) -> Deal:
    """Sizes, seed and preprocessing of a run; what is unsaid is found or set by default, and said so.

    ``first``: its generator may show the range of the data. ``stored``: the fewest samples that a snapshot stores in
    place of a generator, which bound the default of n too. ``feed``: data that networks are given beside the samples.
    """
    text = name_of(source, said.get("data"))
    replicates = said.get("replicates", defaults.REPLICATES)
    parts = 2 * replicates + 1
    real = feed.start if feed is not None and feed.start else source.size
    given = None if feed is None else feed.start or (None if feed.input is None else feed.input.size)
    stored = min((size for size in (stored, given) if size is not None), default=None)
    most = defaults.N if real is None else real // parts
    few = stored is not None and stored // parts < most
    top = stored // parts if stored is not None and few else most
    kept = "given to the generator" if stored == given else "stored"
    owner = f"{stored} samples that are {kept}" if few else f"{real} samples of {text}"
    preprocessing, chosen = choose_preprocessing(source, said, first if feed is None else None)
    assumptions = (*source.notes, *chosen, *in_words(feed))
    note, asked = "", said.get("n")
    if "budget" in said and asked not in (None, "max"):
        raise UsageError("--budget chooses n: leave --n out, or say --n max for more than the usual number")
    if asked == "max":
        n, note = _all(text, top if source.size is not None or few else None, timed="budget" in said)
    elif asked is not None:
        n = asked
    else:
        n = min(defaults.N, top)
        note = f"n = {n}: the most that the {owner} allow for {parts} disjoint splits" if n < defaults.N else ""
    room = most_points(said, source.shape, replicates)
    if room is not None and n > room:
        if asked not in (None, "max"):
            raise UsageError(
                f"--n {asked}: its samples, and problems between them, do not fit into --memory: at most --n {room}, "
                "or fewer --replicates"
            )
        n, note = room, f"n = {room}: the most that fits into --memory"
    if real is not None and n > most:
        raise DataError(
            f"--n {n} with {replicates} replicates needs {parts} disjoint splits, {parts * n} samples; "
            f"{text} has {real}{' for reals' if real != source.size else ''}: at most --n {most}, or fewer --replicates"
        )
    if n < defaults.LEAST_N:
        raise DataError(f"--n {n}: at least {defaults.LEAST_N} samples a split are needed; there are {owner}")
    seed, held_out = said.get("seed", defaults.SEED), said.get("held_out", source.held_out)
    return Deal(source, text, preprocessing, n, replicates, seed, held_out, assumptions, note, stored, feed=feed)


def _all(text: str, top: int | None, *, timed: bool) -> tuple[int, str]:
    """--n max: all that there is; where that has no end, --budget finds one."""
    if top is not None:
        return top, f"n = {top}: the most that there is for disjoint splits"
    if not timed:
        raise UsageError(f"--n max: {text} has no end; add --budget 5m, or say a number")
    return defaults.N, ""


def largest_n(source: DataSource, said: Said, stored: int | None, replicates: int) -> int:
    """The most samples a split that data, stored samples and what was said allow."""
    sizes = [size // (2 * replicates + 1) for size in (source.size, stored) if size is not None]
    room = most_points(said, source.shape, replicates)
    if room is not None:
        sizes.append(room)
    if said.get("n") != "max":
        sizes.append(defaults.N)
    return min([*sizes, ENDLESS])
