"""What a path holds, in words: key layouts, reasons by snapshot, and a toml that says only what is known."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.loader import Input, Part, TensorSpec
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.files.opening import OpenedFile
from wganalyze.host.registry import Host
from wganalyze.networks.factories import Net
from wganalyze.running.description import describe, layout, missing_by_reason, relative
from wganalyze.running.opened import Opened
from wganalyze.running.template import to_toml
from wganalyze.settings.facts import Said
from wganalyze.settings.toml import read_config
from wganalyze.snapshots.assembly import Assembled

PATH = Path("ckpt/a.pt")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)


def part(keys: int = 1, name: str = "", **facts: float) -> Part:
    """A part with that many keys of shape (2, i)."""
    return Part(PATH, "kind", name, keys={f"k{i}": TensorSpec((2, i), "float32") for i in range(keys)}, facts=facts)


def opened(*snapshots: Snapshot, config: Said | None = None, parts: tuple[Part, ...] = ()) -> Opened:
    """A path that holds one file."""
    assembled = Assembled(snapshots, {PATH: "unknown"}, {PATH: 7}, {PATH: ("left: x",)})
    return Opened([OpenedFile(PATH, "kind", parts, ("damaged",))], assembled, config or Said(), Host())


@pytest.mark.parametrize("keys", [0, 1, 8])
def test_a_short_layout_is_shown_in_full(keys: int) -> None:
    assert layout(part(keys)) == [f"k{i} (2, {i})" for i in range(keys)]


def test_a_long_layout_shows_both_ends() -> None:
    lines = layout(part(20, name="netG"))
    shown = [f"netG: k{i} (2, {i})" for i in range(20)]
    assert lines == [*shown[:4], "netG: ... 12 more ...", *shown[-4:]]


def test_a_file_in_full() -> None:
    found = describe(opened(parts=(part(3, epoch=7, loss=math.nan), part(2))))
    assert found == {
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
    snapshots = [Snapshot(label, None, "", (), missing={"critic": reason}) for label, reason in ("ax", "bx", "cy")]
    assert missing_by_reason(opened(*snapshots)) == {"critic: x": ["a", "b"], "critic: y": ["c"]}


def test_paths_are_shown_below_the_root(tmp_path: Path) -> None:
    file = tmp_path / "a" / "b.pt"
    file.parent.mkdir()
    file.touch()
    assert relative(str(file), tmp_path) == "a/b.pt"
    assert relative(str(file), file) == "b.pt"


# The toml


def test_nothing_known_is_nothing_said(tmp_path: Path) -> None:
    target = tmp_path / "wganalyze.toml"
    target.write_text(to_toml(opened()))
    assert read_config(target, trusted=True) == Said()
    target.write_text(to_toml(opened(Snapshot("s", 1, "step", (), latent=Latent("uniform", (5,))))))
    assert read_config(target, trusted=True) == Said()


def test_uncommenting_every_line_is_a_valid_file_too(tmp_path: Path) -> None:
    """What stands there to be filled in is written as it has to be."""
    text = to_toml(opened(Snapshot("s", 1, "step", (), latent=Latent("uniform", (5, 1, 1)))))
    lines = [line.removeprefix("# ") if " = " in line else line for line in text.splitlines()]
    target = tmp_path / "wganalyze.toml"
    target.write_text("\n".join(line for line in lines if not line.startswith("normalize")))
    config = read_config(target, trusted=True)
    assert (config.law, config.latent_shape, config.range, config.n) == ("uniform", (5, 1, 1), (-1.0, 1.0), 2000)
    assert config.roles == {"a.pt": "critic"}
    assert config.generator == Net("train:Generator(64)", folder=tmp_path)


def test_the_penalty_that_a_file_states_is_a_fact(tmp_path: Path) -> None:
    document = tomllib.loads(to_toml(opened(Snapshot("s", 1, "step", (), penalty=10.0))))
    assert document["training"] == {"gradient_penalty": 10.0}


@given(
    factory=TEXT,
    arguments=st.dictionaries(TEXT, st.booleans() | st.integers(-(2**63), 2**63 - 1) | NUMBER | TEXT, max_size=3),
    shape=st.lists(st.integers(1, 999), min_size=1, max_size=3),
    ends=st.tuples(NUMBER, NUMBER),
    roles=st.dictionaries(TEXT, st.sampled_from(["generator", "critic", "ignore"]), max_size=3),
    penalty=NUMBER,
    assumed=st.lists(TEXT, max_size=2),
)  # fmt: skip
def test_whatever_was_said_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    factory: str,
    arguments: dict[str, object],
    shape: list[int],
    ends: tuple[float, float],
    roles: dict[str, str],
    penalty: float,
    assumed: list[str],
) -> None:
    folder = tmp_path_factory.getbasetemp() / "toml"
    folder.mkdir(exist_ok=True)
    said = Said(
        generator=Net(factory, arguments=arguments, folder=folder),
        latent=tuple(shape),
        range=ends,
        roles=roles,
        gradient_penalty=penalty,
        seed=0,
        held_out=False,
    )
    snapshot = Snapshot("s", 1, "step", (), penalty=penalty, assumptions=tuple(assumed))
    (folder / "wganalyze.toml").write_text(to_toml(opened(snapshot, config=said)), encoding="utf-8", newline="")
    assert read_config(folder / "wganalyze.toml", trusted=True) == said
