"""A report keeps what earlier runs measured; what is read side by side is to be about one setting."""

from __future__ import annotations

from collections.abc import Sequence
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
    judged = numbers[numbers["snapshot"].isin(first.index)]
    theirs = first[[*SETTING]].reindex(judged["snapshot"]).set_axis(judged.index)
    seed, data, size = (_differ(judged[column], theirs[column]) for column in SETTING)
    sized = judged["metric"].isin(names) & (judged["n"] == judged["n_split"]) & theirs["n_split"].notna()
    other = judged.loc[seed | data | (sized & size), "cell"]
    return rows[~rows["cell"].isin(other)] if len(other) else rows


def anchors(rows: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Of each snapshot the row of the first metric that it has, by snapshot."""
    place = {name: position for position, name in enumerate(names)}
    ranked = rows.assign(_place=rows["metric"].map(place).fillna(len(place)))
    return ranked.sort_values("_place", kind="stable").drop_duplicates("snapshot").set_index("snapshot")


def _differ(ours: pd.Series[Any], theirs: pd.Series[Any]) -> pd.Series[bool]:
    """Where two columns are not alike; what neither says is alike."""
    return ~((ours == theirs).fillna(False).astype(bool) | (ours.isna() & theirs.isna()))
