"""What a request opens, and which of several places has the last word."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from wganalyze.errors import UsageError
from wganalyze.networks.factories import Net
from wganalyze.running.opened import everything_said, nothing_found, open_request, was_followed
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


# Runs that lie side by side, each with a file of its own


LOGIT = "[data]\nrange = [-1, 1]\nsource = 'digits'\n[critic]\noutput = 'logit'\norientation = -1\n"
SCORE = "[data]\nrange = [-1, 1]\nsource = 'ring8'\n[critic]\noutput = 'score'\n[training]\ngradient_penalty = 3\n"


@pytest.fixture
def side_by_side(trainer: Any) -> Path:
    """The same checkpoints as two runs, with a file each, and as one without."""
    root: Path = trainer.folder.parent / "runs"
    for name, text in (("gan", LOGIT), ("wgan/late", SCORE), ("other", "")):
        shutil.copytree(trainer.folder, root / name)
        if text:
            (root / name / "wganalyze.toml").write_text(text)
    return root


def test_each_run_is_what_its_own_file_says(side_by_side: Path) -> None:
    opened = open_request(Request(side_by_side))
    found = {s.label.split("/")[0]: (s.output, s.orientation, s.penalty) for s in opened.snapshots}
    assert found == {"gan": ("logit", -1, None), "wgan": ("score", None, 3.0), "other": (None, None, None)}


def test_what_they_say_alike_of_the_data_is_said_of_the_run(side_by_side: Path) -> None:
    """The range, and not the source, of which they say different things."""
    assert open_request(Request(side_by_side)).said == Said(range=(-1.0, 1.0))
    normalised = Said(normalize=((0.5,), (0.5,)))
    assert open_request(Request(side_by_side, normalised)).said == normalised
    assert open_request(Request(side_by_side, Said(range=(0.0, 1.0)))).said == Said(range=(0.0, 1.0))


def test_the_call_goes_before_them_and_they_before_the_file_above(side_by_side: Path) -> None:
    (side_by_side / "wganalyze.toml").write_text("[critic]\noutput = 'probability'\norientation = 1\n[run]\nn = 9\n")
    opened = open_request(Request(side_by_side))
    found = {s.label.split("/")[0]: (s.output, s.orientation) for s in opened.snapshots}
    assert found == {"gan": ("logit", -1), "wgan": ("score", 1), "other": ("probability", 1)}
    assert opened.said["n"] == 9
    called = open_request(Request(side_by_side, Said(output="score")))
    assert {s.output for s in called.snapshots} == {"score"}


def test_a_file_further_down_adds_to_those_above_it(side_by_side: Path) -> None:
    (side_by_side / "wgan" / "wganalyze.toml").write_text("[critic]\noutput = 'logit'\norientation = -1\n")
    (snapshot, *_) = [s for s in open_request(Request(side_by_side)).snapshots if s.label.startswith("wgan")]
    assert (snapshot.output, snapshot.orientation, snapshot.penalty) == ("score", -1, 3.0)


def test_two_ranges_are_one_too_many(side_by_side: Path) -> None:
    (side_by_side / "gan" / "wganalyze.toml").write_text("[data]\nrange = [0, 1]\n")
    with pytest.raises(
        UsageError, match=r"gan/wganalyze.toml and wgan/late/wganalyze.toml say different things of the"
    ):
        open_request(Request(side_by_side))
    said = Said(range=(-1.0, 1.0))
    assert open_request(Request(side_by_side, said)).said["range"] == (-1.0, 1.0)


def test_a_damaged_one_is_named(side_by_side: Path) -> None:
    (side_by_side / "gan" / "wganalyze.toml").write_text("[critic\n")
    with pytest.raises(UsageError, match=r"gan/wganalyze.toml: not a TOML file"):
        open_request(Request(side_by_side))


def test_a_factory_in_one_is_imported_with_trust_alone(side_by_side: Path) -> None:
    (side_by_side / "gan" / "wganalyze.toml").write_text("[generator]\nfactory = 'evil:Generator'\n")
    snapshots = open_request(Request(side_by_side)).snapshots
    (reason,) = {s.missing["generator"] for s in snapshots if s.label.startswith("gan")}
    assert "--trust imports it" in reason


@pytest.mark.parametrize(
    ("said", "followed"),
    [
        (Said(), False),
        (Said(trust=True), True),
        (Said(allow=("m:G", "m:Block")), True),
        (Said(allow=("m.G", "m.Block", "other:X")), True),
        (Said(allow=("m:G",)), False),
        (Said(allow=("other:G", "m:Block")), False),
    ],
)
def test_advice_that_was_followed_is_not_given_again(said: Said, followed: bool) -> None:
    problem = "reading it runs code (m.G); give --trust, --allow m:G --allow m:Block if you know this code, or save it"
    assert was_followed(problem, said) is followed
    assert not was_followed("it was cut off", said)


def test_a_class_of_a_script_is_allowed_by_the_module_that_it_is_in() -> None:
    problem = "give --trust, --allow MODULE:G (MODULE: the script that defined it) if you know this code"
    assert was_followed(problem, Said(allow=("train:G",)))
    assert not was_followed(problem, Said(allow=("train:H",)))
