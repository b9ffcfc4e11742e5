"""How large the samples of a run are: n, replicates, and what the data allow."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from wganalyze.contracts.data import DataSource
from wganalyze.contracts.samples import Preprocessing
from wganalyze.errors import DataError, UsageError
from wganalyze.running.preprocessing import choose_preprocessing
from wganalyze.settings.config import Config
from wganalyze.settings.defaults import DEFAULT_N, DEFAULT_REPLICATES, MIN_N
from wganalyze.study.dealing import Deal

if TYPE_CHECKING:
    from wganalyze.contracts.snapshot import Snapshot


def make_deal(source: DataSource, text: str, config: Config, first: Snapshot | None, stored: int | None = None) -> Deal:
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
    preprocessing, assumptions = choose_preprocessing(source, text, config, first)
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
    return Deal(source, text, preprocessing, n, replicates, seed, held_out, assumptions, note, stored)


def _largest(
    source: DataSource, text: str, preprocessing: Preprocessing, config: Config, top: int | None
) -> tuple[int, str]:
    """--n max: all that there is, or what one exact distance can take in the time of --budget."""
    if config.budget is not None:
        from wganalyze.running.budget import largest_n

        n = largest_n(source, preprocessing, top, config.budget, config.seed or 0)
        return n, f"n = {n}: the most for which one exact W1 ends in {config.budget:g} s here"
    if top is None:
        raise UsageError(f"--n max: {text} has no end; add --budget 20s, or say a number")
    return top, f"n = {top}: the most that there is for disjoint splits"


def with_assumptions(deal: Deal, snapshot: Snapshot) -> Snapshot:
    """The snapshot with the deal's preprocessing and its assumptions on it."""
    return replace(
        snapshot,
        preprocessing=deal.preprocessing,
        assumptions=(*snapshot.assumptions, *deal.assumptions),
    )
