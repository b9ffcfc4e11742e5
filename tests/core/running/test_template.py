"""The toml that ``init`` writes says only what is known, and whatever was said."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.snapshot import Latent
from wganalyze.files.opening import OpenedFile
from wganalyze.host.registry import Host
from wganalyze.networks.draft import Draft
from wganalyze.networks.factories import Net
from wganalyze.running.opened import Opened
from wganalyze.running.template import to_toml
from wganalyze.settings.facts import Said, facts
from wganalyze.settings.toml import read_config
from wganalyze.settings.values import ASSIGNMENTS
from wganalyze.snapshots.assembly import Assembled

PATH = Path("ckpt/a.pt")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
ANY = st.booleans() | st.integers(-(2**63), 2**63 - 1) | NUMBER | TEXT
EXAMPLES = Said(
    data="NAME:ARGUMENT", held_out=True, training_data="NAME:ARGUMENT", only=("NAME",), skip=("NAME",), n=2000,
    budget=300.0, replicates=5, seed=0, memory=4 * 2**30,
    options={"ANALYZER.KEY": "VALUE"}, classes=10, label_encoding="index", generator_mode="eval", weights="raw",
    output="score", orientation=1, gradient_penalty=10.0, reduce="mean", input="data",
    condition={"PARAMETER": "NAME:ARGUMENT"},
)  # fmt: skip


def opened(*snapshots: Draft, said: Said | None = None) -> Opened:
    """A path that holds one file."""
    assembled = Assembled(snapshots, {PATH: frozenset({None})}, {PATH: 7}, {})
    return Opened([OpenedFile(PATH, "kind")], assembled, said or Said(), Host())


def test_nothing_known_is_nothing_said(tmp_path: Path) -> None:
    target = tmp_path / "wganalyze.toml"
    target.write_text(to_toml(opened()))
    assert read_config(target, trusted=True) == Said()
    target.write_text(to_toml(opened(Draft("s", 1, "step", (), latent=Latent("uniform", (5,))))))
    assert read_config(target, trusted=True) == Said()


def test_uncommenting_every_line_is_a_valid_file_too(tmp_path: Path) -> None:
    """What stands there to be filled in is written as it has to be."""
    text = to_toml(opened(Draft("s", 1, "step", (), latent=Latent("uniform", (5, 1, 1)))))
    lines = [line.removeprefix("# ") if " = " in line else line for line in text.splitlines()]
    target = tmp_path / "wganalyze.toml"
    target.write_text("\n".join(line for line in lines if not line.startswith("normalize")))
    said = read_config(target, trusted=True)
    assert said == Said(
        generator=Net("train:Generator(64)", folder=tmp_path),
        critic=Net("train:Critic(64)", folder=tmp_path),
        roles={"a.pt": "critic"},
        latent=(5, 1, 1),
        latent_law="uniform",
        range=(-1.0, 1.0),
        **EXAMPLES,
    )
    assert said.keys() == {name for name, fact in facts().items() if fact.toml} - {"normalize"}


def test_the_penalty_that_a_file_states_is_a_fact(tmp_path: Path) -> None:
    document = tomllib.loads(to_toml(opened(Draft("s", 1, "step", (), penalty=10.0))))
    assert document["training"] == {"gradient_penalty": 10.0}


@given(
    factory=TEXT,
    arguments=st.dictionaries(TEXT, ANY, max_size=3),
    shape=st.lists(st.integers(1, 999), min_size=1, max_size=3),
    ends=st.lists(NUMBER, min_size=2, max_size=2, unique=True).map(lambda ends: tuple(sorted(ends))),
    roles=st.dictionaries(TEXT.filter(bool), st.sampled_from(ASSIGNMENTS), min_size=1, max_size=3),
    penalty=NUMBER.map(abs),
    options=st.dictionaries(TEXT.map("able.{}".format), ANY, max_size=3),
    names=st.lists(st.text("abc-_", min_size=1), min_size=1, max_size=3),
    assumed=st.lists(TEXT, max_size=2),
)
def test_whatever_was_said_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    factory: str,
    arguments: dict[str, object],
    shape: list[int],
    ends: tuple[float, float],
    roles: dict[str, str],
    penalty: float,
    options: dict[str, object],
    names: list[str],
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
        n=300,
        held_out=False,
        options=options,
        only=tuple(names),
        skip=tuple(names),
    )
    snapshot = Draft("s", 1, "step", (), penalty=penalty, assumptions=tuple(assumed))
    (folder / "wganalyze.toml").write_text(to_toml(opened(snapshot, said=said)), encoding="utf-8", newline="")
    assert read_config(folder / "wganalyze.toml", trusted=True) == said
