"""Every verb that prints a table, on a terminal: no line is wider than it, and a dumb one is sent no code."""

from __future__ import annotations

import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from tests.core.cli.conftest import until_closed

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal is another matter on Windows")

CODES = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")
PROGRAM = """\
import sys
from wganalyze.cli import call
for words in sys.stdin.read().splitlines():
    print(f"== {words}", flush=True)
    call(words.split("\\t"))
"""


@pytest.fixture(scope="module")
def shown() -> dict[tuple[int, str, bool], str]:
    """What was printed, by width, TERM and NO_COLOR."""
    return {}


@pytest.fixture
def printed(trainer: Any, command: Callable[..., Any], shown: dict[tuple[int, str, bool], str]) -> Callable[..., str]:
    """What all verbs print on a terminal."""

    def on(width: int, term: str = "xterm-256color", no_color: bool = False) -> str:
        if (width, term, no_color) not in shown:
            run = trainer.run("--only", "exact-w,lipschitz", "--replicates", "3", "--range", "-1,1")
            assert command(*run).code == 0
            report, folder = str(trainer.report), str(trainer.folder)
            one, two = (f"{folder}/G_step_{step}.pt" for step in (2, 10))
            verbs = [
                ["show", report], ["show", report, "--all"], ["show", report, "--metric", "*"],
                ["best", report], ["check", report, "w1 < 3.7", "no fault"], ["compare", report, "--run", "*"],
                ["diff", one, two], ["inspect", folder], ["plugins"], ["plugins", "exact-w"],
            ]  # fmt: skip
            shown[width, term, no_color] = _on_a_terminal(verbs, width, term, no_color)
        return shown[width, term, no_color]

    return on


def _on_a_terminal(verbs: list[list[str]], width: int, term: str, no_color: bool) -> str:
    import fcntl
    import pty
    import termios

    front, back = pty.openpty()
    fcntl.ioctl(back, termios.TIOCSWINSZ, struct.pack("HHHH", 50, width, 0, 0))
    gone = ("COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE")
    environment = {name: value for name, value in os.environ.items() if name not in gone}
    environment |= {"TERM": term, **({"NO_COLOR": "1"} if no_color else {})}
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdin=subprocess.PIPE, stdout=back, stderr=back, env=environment
    )
    os.close(back)
    assert process.stdin is not None
    process.stdin.write("\n".join("\t".join(words) for words in verbs).encode())
    process.stdin.close()
    text = until_closed(front)
    process.wait()
    return text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("width", [80, 120, 160])
def test_no_line_is_wider_than_the_terminal(width: int, printed: Callable[..., str]) -> None:
    lines = CODES.sub("", printed(width)).splitlines()
    assert len(lines) > 100
    assert [line for line in lines if len(line) > width and not line.startswith(("== ", "Error"))] == []
    assert not any("…" in line for line in lines)


def test_a_dumb_terminal_is_sent_ascii_and_no_code(printed: Callable[..., str]) -> None:
    text = printed(80, term="dumb")
    assert "\x1b" not in text
    assert {character for character in text if not character.isascii()} == set()


def test_no_color_takes_colour_and_nothing_else(printed: Callable[..., str]) -> None:
    """As no-color.org has it: weight and slant may stay."""
    colours, plain = CODES.findall(printed(80)), CODES.findall(printed(80, no_color=True))
    kinds = {kind for codes, _ in plain for kind in codes.split(";")}
    assert kinds <= {"", "0", "1", "2", "3", "22", "23"}
    assert any(code.startswith(("3", "9")) and len(code) == 2 for codes, _ in colours for code in codes.split(";"))
