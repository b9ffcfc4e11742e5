"""What a path holds, in words: key layouts, and reasons by snapshot."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from wganalyze.contracts.loader import Input, Part, TensorSpec
from wganalyze.files.opening import OpenedFile
from wganalyze.host.registry import Host
from wganalyze.networks.draft import Draft
from wganalyze.running.description import describe, layout, missing_by_reason, relative
from wganalyze.running.opened import Opened
from wganalyze.settings.facts import Said
from wganalyze.snapshots.assembly import Assembled

PATH = Path("ckpt/a.pt")


def part(keys: int = 1, name: str = "", **facts: float) -> Part:
    """A part with that many keys of shape (2, i)."""
    return Part(PATH, "kind", name, keys={f"k{i}": TensorSpec((2, i), "float32") for i in range(keys)}, facts=facts)


def opened(*snapshots: Draft, parts: tuple[Part, ...] = ()) -> Opened:
    """A path that holds one file."""
    assembled = Assembled(snapshots, {PATH: frozenset({None})}, {PATH: 7}, {PATH: ("left: x",)})
    return Opened([OpenedFile(PATH, "kind", parts, ("damaged",))], assembled, Said(), Host())


@pytest.mark.parametrize("keys", [0, 1, 8])
def test_a_short_layout_is_shown_in_full(keys: int) -> None:
    assert layout(part(keys)) == [f"k{i} (2, {i})" for i in range(keys)]


def test_a_long_layout_shows_both_ends() -> None:
    lines = layout(part(20, name="netG"))
    shown = [f"netG: k{i} (2, {i})" for i in range(20)]
    assert lines == [*shown[:4], "netG: ... 12 more ...", *shown[-4:]]


def test_a_file_in_full() -> None:
    assert describe(opened(parts=(part(3, epoch=7, loss=math.nan), part(2)))) == {
        "files": [
            {
                "path": "ckpt/a.pt",
                "kind": "kind",
                "role": "unknown",
                "step": 7,
                "parameters": 2 * (0 + 1 + 2) + 2 * (0 + 1),
                "keys": ["k0 (2, 0)", "k1 (2, 1)", "k2 (2, 2)", "k0 (2, 0)", "k1 (2, 1)"],
                "facts": {"epoch": 7, "loss": "nan"},
                "inputs": [],
                "asks_for": [],
                "problems": ["damaged", "left: x"],
            }
        ],
        "snapshots": [],
    }


def test_what_a_program_takes_and_asks_for() -> None:
    inputs = (Input("noise", (None, 96), "float32"), Input("y", (16, None), "int64"), Input("flag"))
    program = Part(PATH, "kind", inputs=inputs, asks_for=("train.Critic",))
    file = describe(opened(parts=(program,)))["files"][0]
    assert file["inputs"] == ["noise (b, 96) float32", "y (16, ?) int64", "flag"]
    assert file["asks_for"] == ["train.Critic"]


def test_reasons_are_given_once() -> None:
    snapshots = [Draft(label, None, "", (), missing={"critic": reason}) for label, reason in ("ax", "bx", "cy")]
    assert missing_by_reason(opened(*snapshots)) == {"critic: x": ["a", "b"], "critic: y": ["c"]}


def test_paths_are_shown_below_the_root(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b.pt"
    file.parent.mkdir()
    file.touch()
    assert relative(str(file), tmp_path) == "a/b.pt"
    assert relative(str(file), file) == "b.pt"
