"""What was asked for, and where its report lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from wganalyze.running.request import Request
from wganalyze.settings.facts import Said


@pytest.mark.parametrize(
    ("path", "report"),
    [("ckpt", "ckpt-report"), ("ckpt/", "ckpt-report"), ("a/b.pt", "a/b.pt-report"), ("../x", "../x-report")],
)
def test_the_report_lies_beside_the_path(path: str, report: str) -> None:
    assert Request(Path(path)).report_path == Path(report)
    assert Request(Path(path), Said(out=Path("out"))).report_path == Path("out")


@pytest.mark.parametrize("path", [".", "..", "a/.."])
def test_a_path_without_a_name_is_resolved(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here" / "a").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    resolved = Path(path).resolve()
    assert Request(Path(path)).report_path == resolved.with_name(f"{resolved.name}-report")


def test_nothing_said_is_nothing_said() -> None:
    assert Request(Path("ckpt")) == Request(Path("ckpt"), Said(), ())
