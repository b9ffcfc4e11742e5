"""Shells complete verbs and options, by the scripts that the command prints."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SCRIPTS = Path(sys.executable).parent
INSTALLED = (SCRIPTS / "wganalyze").is_file()


def run(*arguments: str, **variables: str) -> str:
    """The output of a program that finds this environment's ``wganalyze`` first."""
    path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, **variables}
    done = subprocess.run(arguments, capture_output=True, text=True, env=environment, check=True)
    assert done.stderr == ""
    return done.stdout


def module(**variables: str) -> str:
    """What ``python -m wganalyze`` says to a shell."""
    return run(sys.executable, "-m", "wganalyze", **variables)


@pytest.mark.parametrize(("shell", "sign"), [("bash", "complete -o nosort"), ("zsh", "#compdef"), ("fish", "complete")])
def test_the_script_of_each_shell(shell: str, sign: str) -> None:
    script = module(_WGANALYZE_COMPLETE=f"{shell}_source")
    assert sign in script
    assert f"_WGANALYZE_COMPLETE={shell}_complete" in script


@pytest.mark.parametrize(
    ("shell", "words", "place", "found"),
    [
        ("bash", "wganalyze ins", "1", "plain,inspect"),
        ("bash", "wganalyze run --replic", "2", "plain,--replicates"),
        ("bash", "wganalyze show --format c", "3", "plain,csv"),
        ("bash", "wganalyze inspect ", "2", "file,"),
        ("zsh", "wganalyze ins", "1", "plain\ninspect\nSay what PATH holds, what is assumed,"),
        ("fish", "wganalyze ins", "ins", "plain,inspect\tSay what PATH holds"),
    ],
)
def test_what_a_shell_is_told(shell: str, words: str, place: str, found: str) -> None:
    told = module(_WGANALYZE_COMPLETE=f"{shell}_complete", COMP_WORDS=words, COMP_CWORD=place)
    assert told.startswith(found)


@pytest.mark.skipif(not INSTALLED or shutil.which("bash") is None, reason="needs bash and the installed script")
def test_bash_itself_completes_a_verb() -> None:
    lines = [
        'eval "$(_WGANALYZE_COMPLETE=bash_source wganalyze)"',
        "COMP_WORDS=(wganalyze ins); COMP_CWORD=1",
        "_wganalyze_completion wganalyze",
        'echo "${COMPREPLY[@]}"',
    ]
    assert run("bash", "-c", "\n".join(lines)) == "inspect\n"


def test_a_strangers_broken_verb_is_not_offered(
    strangers_verb: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    strangers_verb("inspekt", "stranger_broken", "import nothing_that_exists\n")
    told = module(
        _WGANALYZE_COMPLETE="bash_complete",
        COMP_WORDS="wganalyze ins",
        COMP_CWORD="1",
        PYTHONPATH=str(tmp_path / "site"),
    )
    assert told == "plain,inspect\n"


def test_python_m_is_the_command() -> None:
    assert run(sys.executable, "-m", "wganalyze", "--version") == run(str(SCRIPTS / "wganalyze"), "--version")
