"""What networks are given beside samples: the generator's input and conditions, found and held against the data."""

from __future__ import annotations

from wganalyze.contracts.data import DataSource, FiniteSource
from wganalyze.errors import UsageError
from wganalyze.host.registry import Host
from wganalyze.running.given import find_source
from wganalyze.settings.facts import Said
from wganalyze.study.feeding import Feed

THE_DATA = "data"
"""The generator's input is the data themselves."""


def find_feed(said: Said, host: Host, source: DataSource | None) -> Feed | None:
    """The generator's input and the conditions that were said; None where none were.

    UsageError where there are no data that they could belong to, or where their rows are not those of the data.
    """
    option = next((name for name in ("input", "condition") if name in said), None)
    if option is None:
        return None
    if source is None:
        raise UsageError(f"--{option} stands beside --data: say --data NAME too, the samples that are compared with")
    named = said.get("input")
    given = source if isinstance(named, str) and named == THE_DATA else None
    if named is not None and given is None:
        given = find_source(named, host, "--input")
    conditions = {name: find_source(text, host, "--condition") for name, text in said.get("condition", {}).items()}
    for name, condition in conditions.items():
        what = f"--condition {name}".strip()
        if not (isinstance(source, FiniteSource) and isinstance(condition, FiniteSource)):
            raise UsageError(f"{what}: it belongs to the data row by row, and a law without end has no rows")
        if condition.size != source.size:
            raise UsageError(
                f"{what}: {condition.size} rows, the data have {source.size}: it belongs to them row by row"
            )
        if given is not None and given.size != source.size:
            raise UsageError(
                f"--input: {given.size} rows, {what} has {condition.size}: a generator is given both of the same row"
            )
    belongs = bool(conditions) or (given is not None and isinstance(given, FiniteSource) and given.size == source.size)
    return Feed(given, conditions, (source.size or 0) // 2 if belongs else 0)


def in_words(feed: Feed | None) -> tuple[str, ...]:
    """What is done with these, for the record."""
    if feed is None or not feed.start:
        return ()
    return (
        f"reals are {feed.start} of the rows, and what generators are given is of the others, so that no generated "
        "sample belongs to a real one that it is compared with",
    )
