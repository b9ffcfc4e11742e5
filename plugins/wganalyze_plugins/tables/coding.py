"""A table's columns as coordinates: numbers scaled as said, categories one-hot, nothing left out silently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wganalyze_plugins.tables.options import Options

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

MOST_CATEGORIES = 100
"""Of one column; beyond, it is rather a name or a date."""

_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Coded:
    """``values``: (n, d). ``labels``: (n,) or None. ``notes``: what was done, a line each."""

    values: npt.NDArray[Any]
    labels: npt.NDArray[np.int64] | None
    notes: tuple[str, ...]
    classes: int | None = None


def code(frame: pd.DataFrame, options: Options) -> Coded:
    """The coordinates of a table; ValueError, in one line, where a column cannot become any."""
    import numpy as np

    frame.columns = [str(name).strip() for name in frame.columns]
    if len({*frame.columns}) < len(frame.columns):
        raise ValueError("two columns of one name")
    frame, notes = _chosen(frame, options)
    frame, dropped = _whole(frame, options)
    notes += dropped
    labels, classes = None, None
    if options.label:
        codes, categories = frame[options.label].factorize(sort=True)
        labels, classes = np.asarray(codes, np.int64), len(categories)
        frame = frame.drop(columns=options.label)
        notes.append(f"labels: the {classes} values of {options.label}: {_few([str(each) for each in categories])}")
    blocks: list[npt.NDArray[np.float64]] = []
    numbers: list[str] = []
    constant: list[str] = []
    for name in frame.columns:
        column = frame[name]
        if _is_number(column):
            values = column.to_numpy(np.float64, na_value=np.nan)
            if not np.isfinite(values).all():
                raise ValueError(f"infinity among the values of {name}: leave it out by ?without={name}")
            numbers.append(name)
            constant += [name] if values.min() == values.max() else []
            blocks.append(_scaled(values, options.scale)[:, None])
        else:
            block, note = _one_hot(name, column)
            blocks.append(block)
            notes.append(note)
    if not blocks:
        raise ValueError("no column is left")
    if numbers:
        notes.insert(0, f"{_counted(len(numbers), 'column')} of numbers {_SCALES[options.scale]}: {_few(numbers)}")
    if constant and options.scale != "none":
        notes.append(f"all of one value, and so 0: {_few(constant)}")
    return Coded(np.concatenate(blocks, axis=1), labels, tuple(notes), classes)


_SCALES = {
    "none": "used as stored (say ?scale=minmax or ?scale=standard)",
    "minmax": "each scaled to [0, 1] by its least and largest value",
    "standard": "each scaled to mean 0 and deviation 1",
}


def _chosen(frame: pd.DataFrame, options: Options) -> tuple[pd.DataFrame, list[str]]:
    asked = [*options.columns, *options.without, *([options.label] if options.label else [])]
    unknown = [name for name in asked if name not in frame.columns]
    if unknown:
        raise ValueError(f"no column is called {unknown[0]!r}; there are: {_few([*frame.columns])}")
    label = [options.label] if options.label and options.label not in options.columns else []
    if options.columns:
        return frame[[*options.columns, *label]], []
    notes = []
    first = frame.columns[0] if len(frame.columns) > 1 else None
    if (
        first is not None
        and (not first or first.startswith("Unnamed: "))
        and first not in asked
        and _counts(frame[first])
    ):
        frame = frame.drop(columns=first)
        notes.append("left out: the first column, which has no name and numbers the rows")
    return frame.drop(columns=[*options.without]), notes


def _counts(column: pd.Series[Any]) -> bool:
    """Does it number the rows?"""
    return _is_number(column) and bool((column.diff().iloc[1:] == 1).all())


def _whole(frame: pd.DataFrame, options: Options) -> tuple[pd.DataFrame, list[str]]:
    """Rows without missing values."""
    gaps = frame.isna()
    rows = gaps.any(axis=1)
    count = int(rows.sum())
    if not len(frame):
        raise ValueError("it has no rows")
    if not count:
        return frame, []
    where = [f"{name}: {int(n):,}" for name, n in gaps.sum().items() if n]
    text = f"{count:,} of {len(frame):,} rows have missing values ({_few(where)})"
    if options.missing == "refuse":
        raise ValueError(f"{text}: fill them, say ?missing=drop, or leave columns out by ?without=NAME")
    if count == len(frame):
        raise ValueError(f"{text}: none would be left")
    return frame[~rows], [f"{text}, and were dropped"]


def _is_number(column: pd.Series[Any]) -> bool:
    from pandas.api.types import is_bool_dtype, is_complex_dtype, is_numeric_dtype

    return bool(is_numeric_dtype(column) or is_bool_dtype(column)) and not is_complex_dtype(column)


def _scaled(values: npt.NDArray[np.float64], scale: str) -> npt.NDArray[np.float64]:
    if scale == "none":
        return values
    centre, width = (values.min(), _width(values)) if scale == "minmax" else (values.mean(), values.std())
    scaled: npt.NDArray[np.float64] = (values - centre) / (width or 1.0)
    return scaled


def _width(values: npt.NDArray[np.float64]) -> float:
    """From the least value to the largest."""
    return float(values.max() - values.min())


def _one_hot(name: str, column: pd.Series[Any]) -> tuple[npt.NDArray[np.float64], str]:
    import numpy as np
    from pandas.api.types import is_datetime64_any_dtype

    if is_datetime64_any_dtype(column):
        raise ValueError(f"{name} holds dates: turn them into numbers, or leave it out by ?without={name}")
    try:
        codes, categories = column.astype(str).str.strip().factorize(sort=True)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} holds neither numbers nor texts: leave it out by ?without={name}") from error
    if len(categories) > MOST_CATEGORIES:
        some = _few([str(each) for each in categories], 3)
        raise ValueError(
            f"{name} has {len(categories):,} different texts ({some}), more than {MOST_CATEGORIES} categories: leave "
            f"it out by ?without={name}"
        )
    names = _few([str(each) for each in categories])
    return np.eye(len(categories))[codes], f"{name}: {_counted(len(categories), 'category')}, one-hot: {names}"


def _counted(n: int, what: str) -> str:
    return f"{n} {what if n == 1 else 'categories' if what == 'category' else what + 's'}"


def _few(names: Sequence[str], most: int = _SHOWN) -> str:
    shown = [" ".join(name.split())[:60] for name in names[:most]]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")
