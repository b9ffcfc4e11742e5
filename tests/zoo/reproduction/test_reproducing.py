"""A reproduction in real processes: rounds of seeds, what is left of it after a kill, and what stops it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

import wganalyze
from wganalyze import WganalyzeError
from wganalyze_zoo.reproduction.recipes import Recipe, Subject
from wganalyze_zoo.reproduction.reproducing import Reproduction

SMALL = {
    "n": 32,
    "replicates": 3,
    "options": {
        "gradients.critic_steps": 2, "gradients.batch": 16, "forgetting.later": 2, "forgetting.trials": 2,
        "forgetting.batch": 16, "exact-w.permutations": 0, "minibatch.sizes": (16,), "kmeans.k": 8,
    },
}  # fmt: skip
RECIPES = [Recipe("wgan-gp", 40), Recipe("gan", 40), Recipe("primal", 40)]


def _reproduction(out: Path, lines: list[str], recipes: Sequence[Recipe] = RECIPES, budget: float = 1) -> Reproduction:
    subject = Subject("ring8", "ring8", "ring8", SMALL, recipes)
    return Reproduction(out, [subject], budget, 3, lines.append, pairs=())


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], Reproduction]:
    """One that was killed in the middle, and then called again."""
    out, lines = tmp_path_factory.mktemp("claims"), list[str]()
    killer = threading.Thread(target=_kill_a_worker, args=(out,))
    killer.start()
    with pytest.raises(WganalyzeError, match=r"a process was killed .* the same command goes on from there"):
        _reproduction(out, []).execute()
    killer.join()
    again = _reproduction(out, lines)
    again.execute()
    return out, lines, again


def _kill_a_worker(out: Path) -> None:
    """As soon as there is a checkpoint."""
    while not [*out.glob("**/step_*.pt")]:
        time.sleep(0.05)
    workers = [p for p in psutil.Process().children(recursive=True) if "spawn_main" in " ".join(p.cmdline())]
    workers[0].kill()


def test_one_seed_is_done_however_little_time_there_is(done: tuple[Path, list[str], Reproduction]) -> None:
    _, lines, reproduction = done
    assert reproduction.seeds == 1
    assert "steps times 0.125, and as many seeds as fit" in lines[0]
    assert sum(line.count(": complete") for line in lines) == len(RECIPES)
    assert sum(": measured:" in line for line in lines) == 2


def test_its_reports_tell_which_method_trained_what(done: tuple[Path, list[str], Reproduction]) -> None:
    _, _, reproduction = done
    measured = {path.name: wganalyze.open_report(path) for path in reproduction.reports}
    assert {*measured} == {"report", "last-report"}
    assert set(measured["report"].measurements["status"]) <= {"ok", "skipped"}
    assert {*measured["report"].measurements["analyzer"]} >= {"exact-w", "quality", "coverage", "minibatch"}
    assert {*measured["last-report"].measurements["analyzer"]} == {"gradients", "forgetting"}
    facts = [snapshot["facts"] for snapshot in measured["report"].run["snapshots"]]
    assert {fact["config.method"] for fact in facts} == {"wgan-gp", "gan", "primal"}
    assert {fact["config.seed"] for fact in facts} == {3}


def test_they_can_be_judged(done: tuple[Path, list[str], Reproduction]) -> None:
    _, _, reproduction = done
    verdicts = wganalyze.judge(*reproduction.reports).set_index("claim")
    assert set(verdicts["data"]) == {"ring8"}
    assert verdicts.loc["minibatches-overestimate", "answer"] == "supported"
    assert verdicts.loc["mini-batches-forget", "seeds"] == 1
    assert not verdicts["reason"].str.contains("the claim failed").any()


def test_called_again_it_does_nothing_anew(done: tuple[Path, list[str], Reproduction]) -> None:
    out, _, before = done
    moments = {path: path.stat().st_mtime_ns for path in out.glob("**/step_*.pt")}
    again = _reproduction(out, [])
    again.execute()
    assert sorted(again.reports) == sorted(before.reports)
    assert {path: path.stat().st_mtime_ns for path in out.glob("**/step_*.pt")} == moments


def test_what_fails_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    lines: list[str] = []
    recipes = [Recipe("nowhere", 8), Recipe("primal", 8)]
    reproduction = _reproduction(tmp_path, lines, recipes)
    reproduction.execute()
    assert any("nowhere: failed (" in line for line in lines)
    assert len(reproduction.reports) == 2


def test_it_ends_when_its_time_is_spent_and_stays_so(tmp_path: Path) -> None:
    """What was spent is written down: to call it again buys no more seeds, and a longer budget does."""
    recipes = [Recipe("primal", 8)]
    first = _reproduction(tmp_path, [], recipes, budget=0.01)
    first.execute()
    again, longer = (_reproduction(tmp_path, [], recipes, budget) for budget in (0.01, 4 * first.spent))
    again.execute()
    longer.execute()
    assert first.seeds == again.seeds == 1
    assert longer.seeds > 1
    assert longer.scale == first.scale
