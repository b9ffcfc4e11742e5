"""The command line of a script: what was not said on it has its default."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pytest

from wganalyze.scripts.commandline import defaults_of, without_arguments


@pytest.fixture
def parser(tmp_path: Path) -> argparse.ArgumentParser:
    """A parser as trainers have it."""
    made = argparse.ArgumentParser()
    made.add_argument("root")
    made.add_argument("--data", required=True)
    made.add_argument("--width", type=int, default="64")
    made.add_argument("--rate", type=float)
    made.add_argument("--log", type=argparse.FileType("w"), default=str(tmp_path / "log.txt"))
    made.add_argument("--cuda", action="store_true")
    made.add_argument("--sizes", nargs="+", default=[1, 2])
    made.add_argument("--bad", type=int, default="many")
    made.set_defaults(mode="train")
    return made


def test_defaults_are_converted_and_no_file_is_opened(parser: argparse.ArgumentParser, tmp_path: Path) -> None:
    said = defaults_of(parser)
    expected = {"width": 64, "rate": None, "cuda": False, "sizes": [1, 2], "mode": "train"}
    assert expected.items() <= vars(said).items()
    assert [*tmp_path.iterdir()] == []


@pytest.mark.parametrize("name", ["root", "data", "bad", "nothing"])
def test_what_has_no_default_says_so(parser: argparse.ArgumentParser, name: str) -> None:
    with pytest.raises(AttributeError, match=f"the command line of the script has no default for '{name}'"):
        getattr(defaults_of(parser), name)
    assert not hasattr(defaults_of(parser), name)


def test_parsers_of_scripts_read_no_arguments_of_ours(
    parser: argparse.ArgumentParser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["wganalyze", "run", "--unknown"])
    with without_arguments(Path("train.py"), whole=False):
        assert sys.argv == ["train.py"]
        assert parser.parse_args().width == 64
        assert parser.parse_args(["--width", "3"]).width == 64
        assert parser.parse_known_args()[1] == []
        print("nothing of this is shown")
    assert sys.argv[2] == "--unknown"
    assert parser.parse_args(["a", "--data", "b", "--width", "3", "--bad", "1"]).width == 3


def test_what_is_run_as_a_whole_parses_as_ever(parser: argparse.ArgumentParser) -> None:
    with without_arguments(Path("data.py"), whole=True), pytest.raises(SystemExit):
        parser.parse_args()
