"""A stranger's names for files that no loader reads, in 25 lines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wganalyze.cli import call

SAID = "a sketch of a network: draw it with sketch2torch FILE x.pt"


def test_it_is_short(lines: Callable[[str], int]) -> None:
    assert lines("sketches") <= 25


def test_it_is_listed(install: Callable[[str], None], provides: Callable[[str], dict[str, Any]]) -> None:
    install("sketches")
    given = provides("sketches")
    assert (given["kind"], given["name"], given["help"]) == ("foreign", "sketches", "Calls a sketch a sketch.")


def test_inspect_and_run_say_it(
    install: Callable[[str], None], checkpoints: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (checkpoints / "G.sk").write_bytes(b"SKETCH of a network")
    (checkpoints / "a.pal").write_bytes(b"COLOURS")
    assert call(["inspect", str(checkpoints)]) == 0
    assert "no loader knows this kind of file" in capsys.readouterr().out
    install("sketches")
    assert call(["inspect", str(checkpoints)]) == 0
    said = capsys.readouterr().out
    assert f"G.sk: {SAID}" in said
    assert "files are no checkpoints: " in said
    assert "1 palette" in said
    assert (
        call(["run", str(checkpoints), "--data", "ring8", "--only", "snapshot", "--n", "20", "--replicates", "2"]) == 0
    )
    assert f"G.sk: {SAID}" in "".join(capsys.readouterr())
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "G.sk").write_bytes(b"SKETCH")
    assert call(["run", str(alone), "--data", "ring8"]) == 2
    assert f"{alone}: nothing could be opened: G.sk: {SAID}" in capsys.readouterr().err
