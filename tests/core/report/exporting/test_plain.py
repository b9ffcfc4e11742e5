"""CSV and JSON need no library, and are replaced when they are written again."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze.errors import UsageError
from wganalyze.report.exporting.series import Exported
from wganalyze.report.exporting.targets import LIBRARIES, export

NumbersOf = Callable[[str], dict[int, dict[str, float]]]


def test_the_csv_has_every_number_to_the_bit(series: Exported, numbers_of: NumbersOf, tmp_path: Path) -> None:
    for _ in range(2):
        shown = export(series, "csv", tmp_path / "out")
    rows = list(csv.DictReader(Path(shown).read_text().splitlines()))
    assert len(rows) == 9
    assert list(rows[0]) == ["run", "step", "name", "value", "ci_low", "ci_high", "unit", "direction"]
    for run in "ab":
        found: dict[int, dict[str, float]] = {}
        for row in rows:
            if row["run"] == run:
                ends = {"value": row["name"], "ci_low": f"{row['name']}/ci_low", "ci_high": f"{row['name']}/ci_high"}
                own = {name: float(row[end]) for end, name in ends.items() if row[end]}
                found.setdefault(int(row["step"]), {}).update(own)
        assert found == numbers_of(run)


def test_the_json_has_every_number_to_the_bit(series: Exported, numbers_of: NumbersOf, tmp_path: Path) -> None:
    document = json.loads(Path(export(series, "json", tmp_path)).read_text())
    assert document["facts"]["data.source"] == "ring8"
    for run, columns in document["runs"].items():
        found: dict[int, dict[str, float]] = {}
        for name, column in columns.items():
            for i, step in enumerate(column["step"]):
                for end, at in (("value", name), ("ci_low", f"{name}/ci_low"), ("ci_high", f"{name}/ci_high")):
                    if column[end][i] is not None:
                        found.setdefault(step, {})[at] = column[end][i]
        assert found == numbers_of(run)


@pytest.mark.parametrize("target", LIBRARIES)
def test_a_missing_library_is_answered_with_its_extra(
    target: str, series: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None in sys.modules is what an import finds where there is no such module."""
    monkeypatch.setitem(sys.modules, LIBRARIES[target], None)
    with pytest.raises(UsageError) as caught:
        export(series, target, tmp_path / "out")
    assert (
        str(caught.value) == f"--to {target}: {LIBRARIES[target]} is not installed; pip install 'wganalyze[{target}]'"
    )
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_a_file(series: Exported, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(UsageError, match=r"out: cannot be written \(File exists\); name another folder"):
        export(series, "csv", tmp_path / "out")
