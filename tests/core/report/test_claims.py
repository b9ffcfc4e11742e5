"""Claims: one of many has it, the dead have none, and a lease that is not renewed ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from wganalyze.errors import StoreError
from wganalyze.processes import Process
from wganalyze.report.claims import claimed, is_claimed, locked

HOLDER = """
import sys, time
from pathlib import Path
from wganalyze.report.claims import claimed
with claimed(Path(sys.argv[1])) as ours:
    print(ours, flush=True)
    time.sleep(60)
"""


def holder(claim: Path) -> subprocess.Popen[str]:
    """A process that has the claim."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, str(claim)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    return process


def test_one_of_many_has_it(tmp_path: Path) -> None:
    claim = tmp_path / "a.claim"
    with ExitStack() as all_of_them, ThreadPoolExecutor(8) as pool:
        assert [*pool.map(lambda _: all_of_them.enter_context(claimed(claim)), range(8))].count(True) == 1
        assert is_claimed(claim)
    assert not is_claimed(claim)
    assert [*tmp_path.iterdir()] == []


def test_another_process_has_it_until_it_is_killed(tmp_path: Path) -> None:
    claim = tmp_path / "a.claim"
    process = holder(claim)
    with claimed(claim) as ours:
        assert not ours
    assert claim.exists()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert claim.exists()
    assert not is_claimed(claim)
    with claimed(claim) as ours:
        assert ours


def take(claim: Path) -> None:
    """It, and give it back."""
    with claimed(claim):
        pass


@pytest.mark.parametrize("moment", [(threading.Thread, "start"), (threading.Thread, "join"), (Path, "unlink")])
def test_ctrl_c_while_it_is_made_or_given_back(
    moment: tuple[type, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a claim that this process left: it would wait for itself."""
    claim = tmp_path / "a.claim"
    real = getattr(*moment)

    def interrupted(*words: Any, **more: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        real(*words, **more)

    monkeypatch.setattr(*moment, interrupted)
    with pytest.raises(KeyboardInterrupt):
        take(claim)
    assert [*tmp_path.iterdir()] == []


def test_ctrl_c_inside_a_lock_comes_when_it_is_over(tmp_path: Path) -> None:
    """Also while what is left of the interrupted is still held by its traceback."""
    lock, done = tmp_path / "lock", []

    def work() -> None:
        with locked(lock):
            signal.raise_signal(signal.SIGINT)
            done.append(1)

    with pytest.raises(KeyboardInterrupt) as caught:
        work()
    assert done == [1]
    with locked(lock):
        assert caught.tb is not None


def test_a_claim_of_another_machine_lives_as_long_as_its_lease(tmp_path: Path) -> None:
    claim = tmp_path / "a.claim"
    claim.write_text(json.dumps({"host": "another machine", "pid": os.getpid()}))
    with claimed(claim, lease=30) as ours:
        assert not ours
    os.utime(claim, (time.time() - 40, time.time() - 40))
    assert not is_claimed(claim, lease=30)
    with claimed(claim, lease=30) as ours:
        assert ours


def test_a_claim_without_content_is_somebodys_who_is_about_to_write(tmp_path: Path) -> None:
    claim = tmp_path / "a.claim"
    claim.touch()
    assert is_claimed(claim)
    os.utime(claim, (1, 1))
    assert not is_claimed(claim)


def test_a_lock_lets_one_in_at_a_time(tmp_path: Path) -> None:
    """A counter that is read and written by many."""
    number = tmp_path / "number"
    number.write_text("0")

    def count(_: int) -> None:
        with locked(tmp_path / "_lock"):
            before = int(number.read_text())
            time.sleep(0.001)
            number.write_text(str(before + 1))

    with ThreadPoolExecutor(8) as pool:
        for _ in pool.map(count, range(50)):
            pass
    assert number.read_text() == "50"
    assert not (tmp_path / "_lock").exists()


def test_a_lock_of_one_who_was_killed_is_free(tmp_path: Path) -> None:
    process = holder(tmp_path / "_lock")
    process.kill()
    process.wait()
    with locked(tmp_path / "_lock"):
        assert (tmp_path / "_lock").exists()


def test_a_zombie_has_no_claim(tmp_path: Path) -> None:
    claim = tmp_path / "a.claim"
    process = holder(claim)
    process.kill()
    until = time.monotonic() + 30
    while is_claimed(claim):  # its parent, this process, has not waited for it
        assert time.monotonic() < until
        time.sleep(0.01)
    process.wait()


def test_one_of_many_takes_over_what_was_abandoned(tmp_path: Path) -> None:
    """Also where several see at the same time that it is: again and again, since it is a race."""
    for turn in range(30):
        claim = tmp_path / f"{turn}.claim"
        claim.write_text(json.dumps({"host": "another machine", "pid": 1}))
        os.utime(claim, (1, 1))
        with ExitStack() as all_of_them, ThreadPoolExecutor(8) as pool:
            ours = [*pool.map(all_of_them.enter_context, [claimed(claim) for _ in range(8)])]
            assert ours.count(True) == 1
    assert [*tmp_path.iterdir()] == []


def test_nobody_has_it_beside_another(tmp_path: Path) -> None:
    """Claims that come and go: at the moment when one goes, several look."""
    claim, inside, most = tmp_path / "a.claim", [0], [0]
    lock = threading.Lock()

    def work(_: int) -> int:
        with claimed(claim) as ours:
            if not ours:
                time.sleep(0.0005)
                return 0
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            time.sleep(0.0005)
            with lock:
                inside[0] -= 1
            return 1

    with ThreadPoolExecutor(8) as pool:
        had = sum(pool.map(work, range(2000)))
    assert had > 20
    assert most == [1]


def test_a_claim_of_before_this_process_had_its_number(tmp_path: Path) -> None:
    """A container that was killed and begins anew has the same name and the same numbers."""
    claim = tmp_path / "a.claim"
    claim.write_text(json.dumps({**asdict(Process.current()), "begun": "1"}))
    with claimed(claim) as ours:
        assert ours


def test_a_disk_that_is_full_leaves_no_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dumps", full)
    with pytest.raises(OSError, match="No space"), claimed(tmp_path / "a.claim"):
        pass
    assert [*tmp_path.iterdir()] == []


# In a store


def test_one_of_many_has_it_in_a_store(bucket: Any) -> None:
    claim = bucket / "a.claim"
    with ExitStack() as all_of_them, ThreadPoolExecutor(8) as pool:
        assert [*pool.map(lambda _: all_of_them.enter_context(claimed(claim)), range(8))].count(True) == 1
        assert is_claimed(claim)
    assert not is_claimed(claim)
    assert [*bucket.glob("*")] == []


def test_a_claim_whose_answer_was_lost_is_ours(bucket: Any, proxy: Any) -> None:
    """The library asks again, and hears that the object is there: nobody would ever give it back."""
    proxy.methods, proxy.faults = ("PUT",), ["lost"]
    with claimed(bucket / "a.claim") as ours:
        assert ours
        with claimed(bucket / "a.claim") as again:
            assert not again
    assert not is_claimed(bucket / "a.claim")


def test_a_store_that_fails_takes_nobodys_claim_away(bucket: Any, proxy: Any) -> None:
    with claimed(bucket / "a.claim") as ours:
        assert ours
        proxy.methods, proxy.faults = ("PUT",), ["500"] * 1000
        with claimed(bucket / "a.claim") as again:
            assert not again
        with pytest.raises(StoreError, match="the store says"), claimed(bucket / "b.claim"):
            pass
        proxy.faults = []
        assert is_claimed(bucket / "a.claim")


def test_a_claim_of_another_machine_in_a_store_lives_as_long_as_its_lease(bucket: Any) -> None:
    claim = bucket / "a.claim"
    claim.write_bytes(json.dumps({"host": "another machine", "pid": 1, "token": "theirs"}).encode())
    with claimed(claim, lease=30) as ours:
        assert not ours
    with claimed(claim, lease=-5) as ours:  # of the past, by the store's clock, which tells seconds
        assert ours
