"""A report keeps what earlier runs measured; what is read side by side is to be about one setting."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

SETTING = ("seed", "data_id", "n_split")


def in_setting_of(rows: pd.DataFrame, numbers: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Without rows of cells that another seed, other data or another n went into than the first metric of a snapshot.

    A number that is not of the size of its run (a test at an n of its own, a bracket) is shown beside any n.
    ``numbers``: all rows. ``names``: of metrics, the first that a snapshot has decides.
    """
    first = anchors(numbers[numbers["metric"].isin(names) & (numbers["status"] == "ok")], names)
    settings = {snapshot: _setting(row) for snapshot, row in first.to_dict("index").items()}
    other: set[Any] = set()
    for row in numbers[["snapshot", *SETTING, "n", "metric", "cell"]].to_dict("records"):
        ours, theirs = _setting(row), settings.get(row["snapshot"], _setting(row))
        sized = row["metric"] in names and row["n"] == row["n_split"] and not math.isnan(theirs[2])
        if ours[:2] != theirs[:2] or (sized and ours[2] != theirs[2]):
            other.add(row["cell"])
    return rows[~rows["cell"].isin(other)]


def anchors(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Of each snapshot the row of the first metric that it has, by snapshot."""
    place = {name: position for position, name in enumerate(names)}
    ranked = rows.assign(_place=[place.get(str(name), len(place)) for name in rows["metric"]])
    return ranked.sort_values("_place", kind="stable").drop_duplicates("snapshot").set_index("snapshot")


def _setting(row: Mapping[Hashable, Any]) -> tuple[str, str, float]:
    return str(row["seed"]), str(row["data_id"]), row["n_split"]
