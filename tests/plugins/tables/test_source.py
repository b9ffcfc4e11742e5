"""Tables as data: columns by their kind, scaling as said, nothing left out silently, and refusals in one line."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.samples import Split
from wganalyze.errors import DataError
from wganalyze_plugins.tables.source import Csv, Parquet, Table

TEXT = "age,colour,income,smokes\n30,red,1.5,True\n40,blue,2.5,False\n50,red,4.0,False\n"
FRAME = pd.DataFrame(
    {
        "age": [30, 40, 50],
        "colour": ["red", "blue", "red"],
        "income": [1.5, 2.5, 4.0],
        "smokes": [True, False, False],
    }
)
CODED = np.array([[30, 0, 1, 1.5, 1], [40, 1, 0, 2.5, 0], [50, 0, 1, 4.0, 0]])


@pytest.fixture
def csv(tmp_path: Path) -> Callable[..., Csv]:
    def make(text: str, options: str = "") -> Csv:
        (tmp_path / "t.csv").write_text(text)
        return Csv(f"{tmp_path / 't.csv'}{options}")

    return make


Make = Callable[..., Csv]


def refusal(make: Callable[[], object]) -> str:
    with pytest.raises(DataError) as caught:
        make()
    text = str(caught.value)
    assert text.isprintable()
    return text


def of_parquet(folder: Path) -> Table:
    FRAME.to_parquet(folder / "t.parquet")
    return Parquet(str(folder / "t.parquet"))


def of_csv(folder: Path) -> Table:
    (folder / "t.csv").write_text(TEXT)
    return Csv(str(folder / "t.csv"))


def of_gzip(folder: Path) -> Table:
    (folder / "t.csv").write_bytes(gzip.compress(TEXT.encode()))
    return Csv(str(folder / "t.csv"))


def of_semicolons(folder: Path) -> Table:
    (folder / "t.csv").write_text("\ufeff" + TEXT.replace(",", " ; "))
    return Csv(str(folder / "t.csv"))


def of_an_index(folder: Path) -> Table:
    FRAME.to_csv(folder / "t.csv")
    return Csv(str(folder / "t.csv"))


@pytest.mark.parametrize("make", [of_csv, of_parquet, of_gzip, of_semicolons, of_an_index])
def test_rows_are_samples(tmp_path: Path, make: Callable[[Path], Table]) -> None:
    """Numbers as stored, truth values as 0 and 1, categories one-hot in the order of their names."""
    source = make(tmp_path)
    np.testing.assert_array_equal(source.load().values, CODED)
    assert (source.shape, source.size, source.value_range, source.classes) == ((5,), 3, None, None)
    first, *rest = source.notes
    name = source.path.name
    assert first == (
        f"{name}: 3 columns of numbers used as stored (say ?scale=minmax or ?scale=standard): age, income, smokes"
    )
    assert rest[-1] == f"{name}: colour: 2 categories, one-hot: blue, red"
    assert (len(rest) == 2) == (make is of_an_index)


def test_a_source_draws_its_rows(csv: Make) -> None:
    drawn = csv(TEXT).draw(3, Split("x"), offset=0, seed=0)
    assert {tuple(row) for row in drawn.values} == {tuple(row) for row in CODED}


@given(st.lists(st.tuples(st.integers(-99, 99), st.integers(0, 5)), min_size=2, max_size=20))
def test_scaling_is_what_it_says(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, int]]) -> None:
    path = tmp_path_factory.mktemp("tables") / "t.csv"
    path.write_text("a,b\n" + "".join(f"{a},{b}\n" for a, b in rows))
    stored = np.array(rows, float)
    several = stored.min(axis=0) < stored.max(axis=0)
    least = Csv(f"{path}?scale=minmax").load().values
    np.testing.assert_allclose(least.min(axis=0), 0)
    np.testing.assert_allclose(least.max(axis=0), several)
    standard = Csv(f"{path}?scale=standard").load().values
    np.testing.assert_allclose(standard.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(standard.std(axis=0), several, atol=1e-9)
    constant = [name for name, more in zip("ab", several, strict=True) if not more]
    said = [note for note in Csv(f"{path}?scale=standard").notes if "all of one value" in note]
    assert bool(said) == bool(constant)


def test_one_row_of_a_category_has_one_one(csv: Make) -> None:
    values = csv(TEXT, "?columns=colour&scale=standard").load().values
    np.testing.assert_array_equal(values, [[0, 1], [1, 0], [0, 1]])


def test_columns_are_chosen(csv: Make) -> None:
    np.testing.assert_array_equal(csv(TEXT, "?columns=income,age").load().values, CODED[:, [3, 0]])
    np.testing.assert_array_equal(csv(TEXT, "?without=age,colour").load().values, CODED[:, 3:])


def test_a_column_of_labels(csv: Make) -> None:
    source = csv(TEXT, "?label=colour")
    values = source.load()
    assert values.labels is not None
    assert values.labels.tolist() == [1, 0, 1]
    assert source.classes == 2
    np.testing.assert_array_equal(values.values, CODED[:, [0, 3, 4]])
    assert source.notes[1] == "t.csv: labels: the 2 values of colour: blue, red"


def test_a_table_without_names(csv: Make) -> None:
    source = csv("1,2\n3,4\n")
    np.testing.assert_array_equal(source.load().values, [[1, 2], [3, 4]])
    assert source.notes[0].endswith(": 0, 1")


def test_missing_values_are_refused_or_dropped(csv: Make) -> None:
    text = "age,colour\n30,red\n,blue\n40,\n50,red\n"
    said = refusal(lambda: csv(text))
    assert "2 of 4 rows have missing values (age: 1, colour: 1): fill them, say ?missing=drop" in said
    source = csv(text, "?missing=drop")
    np.testing.assert_array_equal(source.load().values, [[30, 1], [50, 1]])
    assert "t.csv: 2 of 4 rows have missing values (age: 1, colour: 1), and were dropped" in source.notes
    assert "none would be left" in refusal(lambda: csv("a,b\n1,\n", "?missing=drop"))
    assert csv(text, "?missing=drop").digest != csv(text.replace("30", "31"), "?missing=drop").digest


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        (TEXT, "?scale=log", "scale is none or minmax or standard, not 'log'"),
        (TEXT, "?size=3", "behind ? stand scale=none|minmax|standard"),
        (TEXT, "?columns=weight", "no column is called 'weight'; there are: age, colour, income, smokes"),
        (TEXT, "?label=weight", "no column is called 'weight'"),
        (
            "name\n" + "".join(f"n{i}\n" for i in range(101)),
            "",
            "name has 101 different texts (n0, n1, n10 and 98 more)",
        ),
        ("a,b\n1,inf\n2,3\n", "", "infinity among the values of b"),
        ("a,b\n", "", "it has no rows"),
        ("", "", "is no table of text"),
        ("a\0b\n", "", "is no table of text"),
        ("a,b\n1,2,3,4\n1\n", "?columns=c", "no column is called 'c'"),
    ],
)
def test_refusals(csv: Make, text: str, options: str, reason: str) -> None:
    said = refusal(lambda: csv(text, options))
    assert said.startswith("--data csv:")
    assert reason in said
    assert len(said) < 500


def test_files_that_are_none(tmp_path: Path) -> None:
    assert "name a file: csv:FILE" in refusal(lambda: Csv(""))
    assert "No such file" in refusal(lambda: Csv(str(tmp_path / "x.csv")))
    assert "there is no such file" in refusal(lambda: Parquet(str(tmp_path / "x.parquet")))
    (tmp_path / "x.parquet").write_bytes(b"PAR1 and nothing more")
    assert refusal(lambda: Parquet(str(tmp_path / "x.parquet"))).startswith("--data parquet:")
    (tmp_path / "x.csv").write_bytes(b"\x1f\x8b\x08\x00garbage")
    assert refusal(lambda: Csv(str(tmp_path / "x.csv"))).startswith("--data csv:")


def test_dates_are_refused_by_name(tmp_path: Path) -> None:
    pd.DataFrame({"day": pd.to_datetime(["2020-01-01", "2020-01-02"]), "x": [1, 2]}).to_parquet(tmp_path / "t.parquet")
    said = refusal(lambda: Parquet(str(tmp_path / "t.parquet")))
    assert "day holds dates: turn them into numbers, or leave it out by ?without=day" in said
    np.testing.assert_array_equal(Parquet(f"{tmp_path / 't.parquet'}?without=day").load().values, [[1], [2]])
