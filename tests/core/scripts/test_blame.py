"""An error of the user's code names its line, and what stands behind it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from wganalyze.scripts.blame import fault_of, known_cause, place_of
from wganalyze.scripts.modules import filed

SOURCE = """import math
import nothing_of_that_name
def opt(): return open("nothing")
width = opt()
def needs(): return width
def needs_module(): return nothing_of_that_name.x
def misspelt(): return widht
def divides(): return math.sqrt(-1)
def cuda(): raise AssertionError("Torch not compiled with CUDA enabled")
def driver(): raise RuntimeError("Found no NVIDIA driver on your system")
"""


@pytest.fixture
def raised(tmp_path: Path) -> Callable[[str], BaseException]:
    """Gives what a function of a script raises."""
    path = tmp_path / "train.py"
    path.write_text(SOURCE)

    def call(name: str) -> BaseException:
        with pytest.raises(Exception) as caught:
            getattr(filed(path, path.read_bytes()), name)()
        return caught.value

    return call


def test_a_name_that_was_left_alone(raised: Callable[[str], BaseException]) -> None:
    assert fault_of(raised("needs"), "the code of G") == (
        "train.py line 4 `width = opt()` was left alone: it runs code of the script; the code of G needs it: "
        "in a copy of the file, give it a value there that is written out"
    )
    assert known_cause(raised("needs_module"), "it").endswith("it needs it: install it, or take that line out")
    assert place_of(raised("needs")) == ", train.py line 5"


def test_other_errors_are_pythons(raised: Callable[[str], BaseException]) -> None:
    assert fault_of(raised("misspelt")).startswith("NameError: name 'widht' is not defined")
    assert fault_of(raised("divides")) == "ValueError: math domain error"
    assert place_of(raised("divides")) == ", train.py line 8"
    assert known_cause(raised("divides"), "it") == ""


@pytest.mark.parametrize("name", ["cuda", "driver"])
def test_cuda_on_a_machine_without_it(
    raised: Callable[[str], BaseException], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = raised(name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    told = "the code of gen asks for CUDA, which this machine lacks: use z.device"
    assert fault_of(error, "the code of gen") == told
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert known_cause(error, "the code of gen") == ""


def test_an_error_that_met_no_script_has_no_line() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        1 / 0  # noqa: B018
    assert place_of(caught.value) == ""
    assert fault_of(caught.value) == "ZeroDivisionError: division by zero"
