"""The command as a whole: verbs from entry points, help, exit codes, and errors in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import pytest

from wganalyze.cli import call, cli, main
from wganalyze.errors import CheckpointError, DataError, NotMeasurable, TrustError, UsageError, WganalyzeError

Command = Callable[..., Any]

VERBS = ("demo", "diff", "init", "inspect", "new-plugin", "page", "plugins", "run", "show")


SPEAKS = """
import click

@click.command()
@click.argument("text")
def command(text):
    click.echo(text.upper())
"""


@pytest.mark.parametrize("option", ["-h", "--help"])
def test_help_names_every_verb_with_what_it_does(command: Command, option: str) -> None:
    answer = command(option)
    assert (answer.code, answer.err) == (0, "")
    rows = [
        line.split(maxsplit=1) for line in answer.out.partition("Commands:")[2].splitlines() if line.startswith("  ")
    ]
    described = {row[0] for row in rows if len(row) == 2}
    assert {*VERBS} <= described


@pytest.mark.parametrize("verb", sorted({*VERBS} - {"demo"}))
@pytest.mark.parametrize("option", ["-h", "--help"])
def test_every_verb_has_help_and_debug(command: Command, verb: str, option: str) -> None:
    answer = command(verb, option)
    assert (answer.code, answer.err) == (0, "")
    assert answer.out.startswith(f"Usage: wganalyze {verb} ")
    assert "--debug" in answer.out


def test_the_version(command: Command) -> None:
    assert command("--version").out == f"wganalyze {version('wganalyze')}\n"


def test_without_a_verb_the_help_is_shown(command: Command) -> None:
    answer = command()
    assert answer.code == 2
    assert "Commands:" in answer.out + answer.err


# Errors


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runn"], "No such command 'runn'"),
        (["run"], "Missing argument 'PATH'"),
        (["run", "ckpt", "--onyl", "snapshot"], "No such option '--onyl'"),
        (["run", "ckpt", "--output", "odds"], "Invalid value for '--output': 'odds' is not one of"),
        (["run", "ckpt", "--orientation", "0"], "Invalid value for '--orientation': '0' is not one of"),
        (["show", "report", "--format", "xml"], "Invalid value for '--format': 'xml' is not one of"),
        (["run", "ckpt", "more"], "Got unexpected extra argument (more)"),
        (["inspect", "ckpt", "--data", "a", "--seed", "1"], "No such option '--seed'"),
    ],
)
def test_a_misused_option_is_one_line_that_says_where_help_is(
    command: Command, arguments: list[str], message: str
) -> None:
    answer = command(*arguments)
    assert (answer.code, answer.out) == (2, "")
    assert answer.error.startswith(message)
    verb = "" if arguments == ["runn"] else f" {arguments[0]}"
    assert answer.error.endswith(f" See: wganalyze{verb} --help")


RAISES = """
import click
from wganalyze.errors import *

@click.command()
def command():
    raise {error}
"""


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (UsageError("--n 3: too few"), 2, "Error: --n 3: too few"),
        (CheckpointError("a.pt: damaged"), 2, "Error: a.pt: damaged"),
        (TrustError("a.pt: say --trust"), 2, "Error: a.pt: say --trust"),
        (DataError("no such data"), 2, "Error: no such data"),
        (WganalyzeError("it stopped"), 1, "Error: it stopped"),
        (NotMeasurable("cannot"), 1, "Error: cannot"),
        (WganalyzeError("two\n  lines"), 1, "Error: two lines"),
        (KeyError("a\nb"), 1, "Error: unforeseen KeyError: 'a\\nb'; --debug shows where it came from"),
        (KeyboardInterrupt(), 130, "Interrupted: what was done is kept; the same command goes on from there."),
        (click.Abort(), 130, "Interrupted: what was done is kept; the same command goes on from there."),
        (click.FileError("a.txt", "gone"), 2, "Error: Could not open file 'a.txt': gone"),
    ],
)
def test_what_is_raised_becomes_a_line_and_an_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(cli, "get_command", lambda ctx, name: failing)
    assert call(["failing"]) == code
    assert [text for text in capsys.readouterr().err.splitlines() if text] == [line]


def test_a_traceback_only_with_debug(command: Command, tmp_path: Path) -> None:
    missing = str(tmp_path / "nowhere")
    plain = command("inspect", missing)
    assert plain.error == f"{missing}: no such file or folder"
    for arguments in (["inspect", missing, "--debug"], ["--debug", "inspect", missing]):
        debugged = command(*arguments)
        assert debugged.code == plain.code == 2
        assert "Traceback" in debugged.err
        assert debugged.err.endswith(plain.err)


def test_the_exit_code_is_that_of_the_process(tmp_path: Path) -> None:
    code = "from wganalyze.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, "inspect", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert "the folder holds no checkpoint" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is another error on Windows")
def test_a_reader_that_leaves_early_is_no_error() -> None:
    code = "from wganalyze.cli import main; main()"
    line = f"{sys.executable} -c '{code}' plugins --json | head -c 1"
    result = subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("[", "")


# Verbs of strangers


def test_a_strangers_verb_is_listed_from_its_metadata_and_imported_when_called(
    command: Command, strangers_verb: Callable[..., None]
) -> None:
    strangers_verb("draw", "stranger_draws", SPEAKS, summary="Draws pictures.")
    answer = command("--help")
    assert "Draws pictures. (stranger_draws)" in answer.out
    assert "stranger_draws" not in sys.modules
    assert command("draw", "a line").out == "A LINE\n"
    assert "stranger_draws" in sys.modules


def test_a_strangers_verb_that_cannot_be_imported_fails_alone(
    command: Command, strangers_verb: Callable[..., None]
) -> None:
    strangers_verb("broken", "stranger_broken", "import nothing_that_exists\n")
    assert command("--help").code == 0
    answer = command("broken")
    assert answer.code == 2
    assert answer.error.startswith("the command 'broken' of stranger_broken cannot be imported (ModuleNotFoundError")


def test_a_strangers_verb_that_is_no_command(command: Command, strangers_verb: Callable[..., None]) -> None:
    strangers_verb("number", "stranger_number", "command = 3\n")
    answer = command("number")
    assert answer.code == 2
    assert "No such command 'number'" in answer.error


def test_our_own_verbs_cannot_be_replaced(command: Command, strangers_verb: Callable[..., None]) -> None:
    strangers_verb("inspect", "aaa_stranger_inspects", SPEAKS)
    assert command("inspect", "nowhere").error == "nowhere: no such file or folder"


@pytest.mark.parametrize(("said", "holds"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_that_wait_do_not_spin_unless_somebody_wants_it(
    monkeypatch: pytest.MonkeyPatch, said: str | None, holds: str
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", said or "")
    if said is None:
        monkeypatch.delenv("OMP_WAIT_POLICY")
    monkeypatch.setattr(sys, "argv", ["wganalyze", "--version"])
    with pytest.raises(SystemExit):
        main()
    assert os.environ["OMP_WAIT_POLICY"] == holds
