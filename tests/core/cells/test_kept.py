"""What depends on the data alone: made by one process, read by the others."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wganalyze.cells.kept import QUICK_S, SMALL, Kept, sweep


def kept(folder: Path, context: str = "c") -> Kept:
    """The cache of a process."""
    return Kept(folder, context, {"wganalyze"})


class Maker:
    """Counts how often it is asked."""

    def __init__(self, value: Any, seconds: float = 0.0):
        self.value, self.seconds, self.times = value, seconds, 0
        self._lock = threading.Lock()

    def __call__(self) -> Any:
        with self._lock:
            self.times += 1
        time.sleep(self.seconds)
        return self.value


def test_one_makes_it_while_the_others_wait(tmp_path: Path) -> None:
    make = Maker({"x": np.arange(1e5)}, seconds=0.3)
    with ThreadPoolExecutor(6) as pool:
        found = [*pool.map(lambda _: kept(tmp_path).once(("a", 1), make), range(6))]
    assert make.times == 1
    assert all(np.array_equal(each["x"], np.arange(1e5)) for each in found)
    assert not [*tmp_path.glob("*.claim")]


@pytest.mark.parametrize(
    ("value", "seconds", "times"),
    [
        (1.0, 0.0, 1),
        (np.zeros(SMALL), 0.0, 2),
        (np.zeros(SMALL), 2 * QUICK_S, 1),
        (lambda: 1, 2 * QUICK_S, 2),
    ],
    ids=["small", "quick", "slow", "of code"],
)
def test_what_is_worth_keeping(value: Any, seconds: float, times: int, tmp_path: Path) -> None:
    make = Maker(value, seconds)
    first = kept(tmp_path)
    assert first.once("k", make) is first.once("k", make) is value
    kept(tmp_path).once("k", make)
    assert make.times == times


def test_of_other_data_or_code_it_is_another(tmp_path: Path) -> None:
    assert kept(tmp_path, "a").once("k", Maker(1)) == 1
    assert kept(tmp_path, "b").once("k", Maker(2)) == 2


def test_a_key_of_an_address_is_this_processs_own(tmp_path: Path) -> None:
    key: tuple[str, Callable[[], None]] = ("k", lambda: None)
    assert kept(tmp_path).once(key, Maker(1)) == 1
    assert [*tmp_path.iterdir()] == []


def test_what_is_damaged_is_made_again(tmp_path: Path) -> None:
    kept(tmp_path).once("k", Maker(1))
    (file,) = tmp_path.glob("*.value")
    file.write_bytes(file.read_bytes()[:40])
    again = Maker(1)
    assert kept(tmp_path).once("k", again) == 1
    assert again.times == 1
    assert kept(tmp_path).once("k", again) == 1
    assert again.times == 1


def test_what_fails_fails_for_all(tmp_path: Path) -> None:
    def broken() -> None:
        raise RuntimeError("it broke")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="it broke"):
            kept(tmp_path).once("k", broken)
    assert [*tmp_path.iterdir()] == []


def test_it_goes_on_from_one_who_was_killed(tmp_path: Path) -> None:
    kept(tmp_path).once("k", Maker(1))
    (file,) = tmp_path.glob("*.value")
    claim = file.with_suffix(".claim")
    file.unlink()
    claim.write_text('{"host": "another machine", "pid": 1}')
    os.utime(claim, (1, 1))
    assert kept(tmp_path).once("k", Maker(2)) == 2


def test_what_the_dead_left_is_swept(tmp_path: Path) -> None:
    kept(tmp_path).once("k", Maker(1))
    (tmp_path / "a.claim").write_text('{"host": "another machine", "pid": 1}')
    os.utime(tmp_path / "a.claim", (1, 1))
    (tmp_path / ".b.value.999999999").write_text("")
    sweep(tmp_path)
    assert [file.suffix for file in tmp_path.iterdir()] == [".value"]
    sweep(tmp_path / "nowhere")


def test_what_is_for_this_process_alone(tmp_path: Path) -> None:
    cache = kept(tmp_path)
    cache.alone["k"] = 1
    assert cache.once("k", Maker(2)) == 2
    assert cache.alone == {"k": 1}


def test_where_nothing_can_be_written_it_is_made_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("wganalyze.cells.kept.write_atomically", full)
    make = Maker(1.0)
    assert kept(tmp_path).once("k", make) == 1.0
    assert kept(tmp_path).once("k", make) == 1.0
    assert make.times == 2
