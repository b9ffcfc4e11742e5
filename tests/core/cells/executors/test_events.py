"""Which cell comes next: every cell once, snapshots together, and nobody idle."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from wganalyze.cells.executors.events import Schedule, Task

SIZES = st.lists(st.integers(1, 5), min_size=1, max_size=6)


def tasks(sizes: list[int]) -> list[Task]:
    """So many cells of each snapshot."""
    return [Task(f"s{i}", f"q{k}") for i, size in enumerate(sizes) for k in range(size)]


@given(SIZES, st.integers(1, 4), st.randoms(use_true_random=False))
def test_every_cell_once_and_nobody_idles(sizes: list[int], hands: int, rng: object) -> None:
    wanted = tasks(sizes)
    schedule, current, found = Schedule(wanted), dict[int, str | None](), list[Task]()
    while True:
        hand = rng.randrange(hands)  # type: ignore[attr-defined]
        task = schedule.next(current.get(hand))
        if task is None:
            break
        current[hand] = task.snapshot
        found.append(task)
    assert sorted(found, key=repr) == sorted(wanted, key=repr)
    assert schedule.next(None) is None


@given(SIZES)
def test_one_hand_takes_them_in_order(sizes: list[int]) -> None:
    schedule, current, found = Schedule(tasks(sizes)), None, []
    while (task := schedule.next(current)) is not None:
        current = task.snapshot
        found.append(task)
    assert found == tasks(sizes)


def test_each_begins_a_snapshot_of_its_own_and_helps_with_the_longest_at_last() -> None:
    schedule = Schedule(tasks([2, 3, 1]))
    assert schedule.next(None) == Task("s0", "q0")
    assert schedule.next(None) == Task("s1", "q0")
    assert schedule.next("s0") == Task("s0", "q1")
    assert schedule.next("s0") == Task("s2", "q0")
    assert schedule.next("s2") == Task("s1", "q2")  # from behind: its owner comes from the front
    assert schedule.next("s1") == Task("s1", "q1")
    assert schedule.next("s1") is None
