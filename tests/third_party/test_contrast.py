"""A stranger's analyzer with a headline, a verdict and a picture: all of them are shown, with no further code."""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wganalyze import Picture, open_report
from wganalyze.cli import call


def test_it_is_short(lines: Callable[[str], int]) -> None:
    assert lines("contrast") <= 30


@pytest.fixture
def report(install: Callable[[str], None], checkpoints: Path) -> Path:
    """Of two steps, on which nothing else was measured."""
    install("contrast")
    sizes = ["--n", "64", "--replicates", "3", "--latent-law", "normal"]
    assert call(["run", str(checkpoints), "--data", "ring8", "--only", "contrast", *sizes]) == 0
    return checkpoints.with_name(f"{checkpoints.name}-report")


def test_the_report_has_its_number_its_verdict_and_its_picture(report: Path) -> None:
    opened = open_report(report)
    assert [each.metric for each in opened.headlines] == ["contrast"]
    (verdict,) = opened.verdicts
    last = opened.measurements["value"].iloc[-1]
    assert verdict.text == f"Its contrast is {last:.2f}."
    pictures = opened.pictures
    assert list(pictures["step"]) == [2, 10]
    for row in pictures.to_dict("records"):
        shown = Picture(row["name"], row["caption"], row["png"])
        assert shown.size == (row["width"], row["height"]) == (8 + 2, 64 * (4 + 1) + 1)  # 2 values of 4 pixels


def test_show_begins_with_its_verdict(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert call(["show", str(report)]) == 0
    text = capsys.readouterr().out
    assert "Its contrast is" in text.splitlines()[0]
    assert "contrast: deviation of the values" in text


def test_the_page_has_its_chart_its_picture_and_its_verdict(report: Path, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    assert call(["page", str(report), "--out", str(out)]) == 0
    text = out.read_text()
    section = {
        key: text.split(f'id="r1-{key}"')[1].split("</section>")[0] for key in ("verdicts", "figures", "gallery")
    }
    assert "Its contrast is" in section["verdicts"]
    assert "<figcaption><h3>contrast</h3>" in section["figures"]
    assert "higher is better" in section["figures"]
    assert "The values of samples, one below the other." in section["gallery"]
    assert section["gallery"].count("data:image/png;base64,") == 2


def test_compare_knows_its_metric_and_its_direction(
    report: Path, checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two reports of one training: in the second the first step stands in the place of the last."""
    earlier = tmp_path / "earlier"
    shutil.copytree(checkpoints, earlier)
    for path in [*earlier.rglob("*000010*")]:
        path.unlink()
    sizes = ["--n", "64", "--replicates", "3", "--latent-law", "normal"]
    assert call(["run", str(earlier), "--data", "ring8", "--only", "contrast", *sizes]) == 0
    capsys.readouterr()
    other = tmp_path / "earlier-report"
    assert call(["compare", str(report), str(other), "--format", "csv"]) == 0
    rows = [*csv.DictReader(io.StringIO(capsys.readouterr().out))]
    assert [(row["metric"], row["direction"]) for row in rows] == [("contrast", "higher")] * 2
    gap = float(rows[1]["difference"])
    assert gap == pytest.approx(float(rows[1]["value"]) - float(rows[0]["value"]))
    assert "paired" in rows[1]["method"]
    assert rows[1]["verdict"] in ("better" if gap > 0 else "worse", "not told apart")
    out = tmp_path / "both.html"
    assert call(["compare", str(report), str(other), "--format", "page", "--out", str(out)]) == 0
    assert "<h3>contrast</h3>" in out.read_text()


def test_best_ranks_by_it_without_being_told(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert call(["best", str(report)]) == 0
    assert "best by contrast (higher is better)" in capsys.readouterr().out
    assert call(["best", str(report), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    measured = open_report(report).measurements.set_index("snapshot")["value"]
    (first, *_) = rows
    assert first["snapshot"] == measured.idxmax()
