"""What a request opens, and which of several places has the last word."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from wganalyze.errors import UsageError
from wganalyze.networks.factories import Net
from wganalyze.running.opened import everything_said, nothing_found, open_request
from wganalyze.running.request import Request
from wganalyze.settings.facts import Said


def test_the_call_goes_before_files(tmp_path: Path) -> None:
    (tmp_path / "wganalyze.toml").write_text("[run]\nn = 2\nreplicates = 1\nseed = 1\n[generator]\nfactory = 'a:b'\n")
    facts = tmp_path / "facts.toml"
    facts.write_text("[run]\nn = 3\nreplicates = 2\n[critic]\nfactory = 'c:d'\n")
    said = everything_said(Request(tmp_path, Said(n=4, config=facts)))
    assert said == Said(
        n=4,
        replicates=2,
        seed=1,
        config=facts,
        generator=Net("a:b", trusted=False, folder=tmp_path),
        critic=Net("c:d", trusted=True, folder=tmp_path),
    )


def test_a_file_beside_the_checkpoints_is_trusted_where_that_is_said(tmp_path: Path) -> None:
    toml = tmp_path / "wganalyze.toml"
    toml.write_text("[generator]\nfactory = 'a:b'\n")
    for more in (Said(trust=True), Said(config=toml)):
        assert everything_said(Request(tmp_path, more))["generator"] == Net("a:b", folder=tmp_path)


def test_it_lies_beside_a_single_file_too(tmp_path: Path) -> None:
    (tmp_path / "wganalyze.toml").write_text("[run]\nn = 2\n")
    (tmp_path / "G.pt").touch()
    assert everything_said(Request(tmp_path / "G.pt")) == Said(n=2)
    assert everything_said(Request(tmp_path / "elsewhere" / "G.pt")) == Said()


def test_reading_runs_nothing(trainer: Any) -> None:
    trainer.factories.write_text("raise SystemExit('was run')\n")
    opened = open_request(Request(trainer.folder, Said(generator=Net(f"{trainer.factories}:Generator"))))
    assert [snapshot.step for snapshot in opened.snapshots] == [*trainer.steps]


def test_what_was_opened_holds_all_that_was_said(trainer: Any) -> None:
    (trainer.folder / "wganalyze.toml").write_text("[run]\nn = 30\n[latent]\nlaw = 'uniform'\n")
    generator = Net(trainer.nets["generator"])
    opened = open_request(Request(trainer.folder, Said(n=40, generator=generator)))
    assert opened.said == Said(n=40, latent_law="uniform", generator=generator)
    assert {snapshot.latent.law for snapshot in opened.snapshots} == {"uniform"}


def test_a_plugin_that_nobody_has_cannot_be_kept_out(trainer: Any) -> None:
    with pytest.raises(UsageError, match=r"--no-plugin snapshto: no plugin is called so; there are: .*snapshot"):
        open_request(Request(trainer.folder, Said(no_plugins=("snapshto",))))


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({}, "the folder holds no checkpoint; give the folder or file that your trainer saved"),
        ({"a.pt": "x"}, "nothing could be opened: no loader knows this kind of file; give the files"),
        ({"a.pt": "x", "b.pt": "y"}, "nothing could be opened: no loader knows any of its files; give the files"),
    ],
)
def test_why_there_is_no_snapshot(tmp_path: Path, files: dict[str, str], reason: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    opened = open_request(Request(tmp_path))
    assert nothing_found(tmp_path, opened).startswith(f"{tmp_path}: {reason}")
