"""How large the samples of a run are: n and replicates, said or by default, and what the data allow."""

from __future__ import annotations

from wganalyze.contracts.data import DataSource
from wganalyze.contracts.samples import Preprocessing
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import DataError, UsageError
from wganalyze.running.budget import largest_n
from wganalyze.running.preprocessing import choose_preprocessing
from wganalyze.settings import defaults
from wganalyze.settings.facts import Said
from wganalyze.study.dealing import Deal


def make_deal(source: DataSource, said: Said, first: Snapshot | None, stored: int | None = None) -> Deal:
    """Sizes, seed and preprocessing of a run; what is unsaid is found or set by default, and said so.

    ``first``: its generator may show the range of the data. ``stored``: the fewest samples that a snapshot stores in
    place of a generator, which bound the default of n too.
    """
    text = said.get("data", source.name)
    replicates = said.get("replicates", defaults.REPLICATES)
    parts = 2 * replicates + 1
    most = defaults.N if source.size is None else source.size // parts
    few = stored is not None and stored // parts < most
    top = stored // parts if stored is not None and few else most
    owner = f"{stored} samples that are stored" if few else f"{source.size} samples of {text}"
    preprocessing, assumptions = choose_preprocessing(source, said, first)
    note, asked = "", said.get("n")
    if asked == "max":
        n, note = _largest(source, preprocessing, said, None if source.size is None and not few else top)
    elif "budget" in said:
        raise UsageError("--budget is for --n max: say both, or a number for --n")
    elif asked is not None:
        n = asked
    else:
        n = min(defaults.N, top)
        note = f"n = {n}: the most that the {owner} allow for {parts} disjoint splits" if n < defaults.N else ""
    if source.size is not None and n > most:
        raise DataError(
            f"--n {n} with {replicates} replicates needs {parts} disjoint splits, {parts * n} samples; "
            f"{text} has {source.size}: at most --n {most}, or fewer --replicates"
        )
    if n < defaults.LEAST_N:
        raise DataError(f"--n {n}: at least {defaults.LEAST_N} samples a split are needed; there are {owner}")
    seed, held_out = said.get("seed", defaults.SEED), said.get("held_out", source.held_out)
    return Deal(source, text, preprocessing, n, replicates, seed, held_out, assumptions, note, stored)


def _largest(source: DataSource, preprocessing: Preprocessing, said: Said, top: int | None) -> tuple[int, str]:
    """--n max: all that there is, or what one exact distance can take in the time of --budget."""
    budget = said.get("budget")
    if budget is not None:
        n = largest_n(source, preprocessing, top, float(budget), said.get("seed", defaults.SEED))
        return n, f"n = {n}: the most for which one exact W1 ends in {budget:g} s here"
    if top is None:
        text = said.get("data", source.name)
        raise UsageError(f"--n max: {text} has no end; add --budget 20s, or say a number")
    return top, f"n = {top}: the most that there is for disjoint splits"
