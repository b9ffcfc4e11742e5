"""The cells of a run: what they share, what fails alone, and what an interruption keeps."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import wganalyze
from wganalyze.report.reading import Report
from wganalyze.study.critic import ReadyCritic
from wganalyze.study.dealing import Deal
from wganalyze.study.generator import generate

WritePlugin = Callable[..., Path]
WriteAnalyzers = Callable[..., None]

# What is shared


SHARED = """for r in range(study.replicates):
            real, fake = study.real(None, r), study.fake(None, r)
            study.transport(real, fake)
            study.transport(real, study.real(None, r, 'x2'))
            study.scores(real), study.scores(fake)"""


def test_samples_scores_and_transport_once_a_snapshot_and_floors_once_a_run(
    trainer: Any, write_analyzers: WriteAnalyzers, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_analyzers(first=SHARED, second=SHARED)
    counts: Counter[tuple[Any, ...]] = Counter()
    alive: list[ReadyCritic] = []
    import wganalyze.study.study
    import wganalyze.transport

    wasserstein = wganalyze.transport.wasserstein
    scores, real = ReadyCritic.scores, Deal.real

    def counted_generate(snapshot: Any, n: int, split: Any, **more: Any) -> Any:
        if split.name != "probe":
            counts["fake", snapshot.label, n, split] += 1
        return generate(snapshot, n, split, **more)

    def counted_scores(self: ReadyCritic, samples: Any, *more: Any, single: bool = False) -> Any:
        alive.append(self)  # so that no other gets its id
        if samples.key:  # the fingerprint's probe has none
            counts["scores", id(self), samples.key, more] += 1
        return scores(self, samples, *more, single=single)

    def counted_real(self: Deal, n: int, split: Any) -> Any:
        counts["real", n, split] += 1
        return real(self, n, split)

    def counted_wasserstein(x: Any, y: Any, **more: Any) -> Any:
        counts["transport", x.tobytes(), y.tobytes()] += 1
        return wasserstein(x, y, **more)

    monkeypatch.setattr(wganalyze.study.study, "generate", counted_generate)
    monkeypatch.setattr(wganalyze.transport, "wasserstein", counted_wasserstein)
    monkeypatch.setattr(ReadyCritic, "scores", counted_scores)
    monkeypatch.setattr(Deal, "real", counted_real)
    report = trainer.run("first", "second")
    assert report.run["cells"]["ok"] == 6
    assert set(counts.values()) == {1}
    snapshots, replicates = len(trainer.steps), 2
    assert Counter(key[0] for key in counts) == {
        "fake": snapshots * replicates,
        "scores": snapshots * replicates * 2,
        "transport": snapshots * replicates + replicates,
        "real": replicates * 2,
    }


def test_snapshots_are_released_one_after_the_other(
    trainer: Any, write_analyzers: WriteAnalyzers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long trajectory is not held in memory."""
    write_analyzers(scoring="study.scores(study.fake())")
    alive: list[int] = []
    release = wganalyze.Snapshot.release

    def counted(self: wganalyze.Snapshot) -> None:
        alive.append(sum(name in self.__dict__ for name in ("generator", "critic")))
        release(self)
        assert not {"generator", "critic"} & self.__dict__.keys()

    monkeypatch.setattr(wganalyze.Snapshot, "release", counted)
    trainer.run("scoring")
    assert alive == [2, 2, 2]


# What survives


def test_an_interruption_keeps_what_was_done(trainer: Any, write_analyzers: WriteAnalyzers, tmp_path: Path) -> None:
    flag = tmp_path / "interrupt"
    body = f"if study.snapshot.step == 10 and Path({str(flag)!r}).exists(): raise KeyboardInterrupt"
    write_analyzers(early="pass", late=body)
    flag.touch()
    with pytest.raises(KeyboardInterrupt):
        trainer.run("early", "late")
    rows = pd.read_parquet(trainer.report / "measurements")
    assert [*zip(rows["snapshot"], rows["analyzer"], strict=True)] == [
        ("step_10", "early"),
        ("step_2", "early"),
        ("step_2", "late"),
    ]
    record = json.loads((trainer.report / "_run.json").read_text())
    assert record["status"] == "interrupted"
    assert [snapshot["label"] for snapshot in record["snapshots"]] == ["step_2", "step_10"]
    flag.unlink()
    assert trainer.run("early", "late").run["cells"] == {"ok": 3, "failed": 0, "skipped": 0, "reused": 3}


def test_an_earlier_result_stays_in_view_until_there_is_another(
    trainer: Any, write_analyzers: WriteAnalyzers, tmp_path: Path
) -> None:
    flag = tmp_path / "interrupt"
    body = f"if study.snapshot.step == 10 and Path({str(flag)!r}).exists(): raise KeyboardInterrupt"
    write_analyzers(early="pass", late=body)
    trainer.run("early", "late", seed=1)
    flag.touch()
    with pytest.raises(KeyboardInterrupt):
        trainer.run("early", "late", seed=2)
    rows = wganalyze.open_report(trainer.report).measurements
    seeds = {(row.step, row.analyzer): row.seed for row in rows.itertuples()}
    assert seeds == {
        (2, "early"): 2,
        (2, "late"): 2,
        (10, "early"): 2,
        (10, "late"): 1,
        (30, "early"): 1,
        (30, "late"): 1,
    }


# What fails alone

ANALYZERS = {"fakes": "study.fake()", "reals": "study.real()", "scoring": "study.scores(study.real())"}
MARKED = 7.0
"""The bias by which a network knows that it is the one of step 10."""


@pytest.fixture
def marked(trainer: Any, write_analyzers: WriteAnalyzers) -> Any:
    """The trainer, its networks of step 10 marked, and analyzers of generated samples, real ones, and scores."""
    for name in ("G_step_10.pt", "D_step_10.pt"):
        trainer.mend(name, lambda tensor: tensor if tensor.ndim > 1 else tensor * 0 + MARKED)
    trainer.edit("from torch import nn", NETWORKS)
    write_analyzers(**ANALYZERS)
    return trainer


NETWORKS = f"""\
import sys, threading
from torch import nn


class Picky(nn.Sequential):
    '''A critic that takes tens of samples, at step 10.'''

    def forward(self, x):
        if float(self[0].bias[0]) == {MARKED} and len(x) % 10:
            raise AssertionError("tens of samples")
        return super().forward(x)


class Hooked(nn.Sequential):
    '''A generator whose hook holds a lock, which nothing copies, at step 10.'''

    def load_state_dict(self, state, *more, **options):
        lock = threading.Lock()
        if float(state["0.bias"][0]) == {MARKED}:
            self.register_forward_hook(lambda module, x, y, lock=lock: None)
            self.lock = lock
        return super().load_state_dict(state, *more, **options)"""


def failures(report: Report) -> dict[tuple[str, str], str]:
    """The reason of each failed cell by snapshot and analyzer; all others are ok, and the run came to its end."""
    rows = report.measurements
    failed = rows[rows["status"] == "failed"]
    told = dict(zip(zip(failed["snapshot"], failed["analyzer"], strict=True), failed["message"], strict=True))
    cells = report.run["cells"]
    assert (cells["failed"], cells["skipped"], report.run["status"]) == (len(told), 0, "complete")
    assert report.exit_code == (1 if told else 0)
    assert len({*zip(rows["snapshot"], rows["analyzer"], strict=True)}) == sum(cells.values())
    return told


def steps(trainer: Any, analyzer: str) -> set[tuple[str, str]]:
    """The cells of an analyzer."""
    return {(f"step_{step}", analyzer) for step in trainer.steps}


def test_nothing_fails_where_nothing_is_wrong(marked: Any) -> None:
    assert failures(marked.run(*ANALYZERS)) == {}


def test_a_critic_that_asserts_the_size_of_its_batch(marked: Any) -> None:
    marked.edit("nn.Sequential(nn.Linear(64", "Picky(nn.Linear(64")
    report = marked.run(*ANALYZERS)
    assert failures(report) == {("step_10", "scoring"): "AssertionError: tens of samples, factories.py line 10"}
    assert report.run["cells"]["ok"] == 8


def test_a_generator_whose_hooks_cannot_be_copied(marked: Any) -> None:
    """Train mode needs a copy; what needs no fakes and no shape of theirs is measured."""
    marked.edit("nn.Sequential(nn.Linear(4", "Hooked(nn.Linear(4")
    assert failures(marked.run(*ANALYZERS)) == {}, "in eval mode nothing is copied"
    told = failures(marked.run(*ANALYZERS, generator_mode="train"))
    assert told.keys() == {("step_10", "fakes"), ("step_10", "scoring")}
    assert set(told.values()) == {"TypeError: cannot pickle '_thread.lock' object"}


def test_a_factory_that_ends_the_program(marked: Any) -> None:
    marked.edit("def Critic():", "def Critic():\n    sys.exit('no GPU here')")
    told = failures(marked.run(*ANALYZERS))
    assert told.keys() == steps(marked, "scoring")
    assert all("calling it failed (SystemExit: no GPU here)" in message for message in told.values())


def test_an_analyzer_that_ends_the_program(marked: Any, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(ending="if study.snapshot.step == 10: raise SystemExit(3)")
    assert failures(marked.run(*ANALYZERS, "ending")) == {("step_10", "ending"): "SystemExit: 3"}


UNREADY = """
from wganalyze import Analyzer, hookimpl


class Unready(Analyzer):
    name = "unready"

    def __init__(self, options=None):
        raise RuntimeError("no model was downloaded")

    def measure(self, study):
        yield from ()


@hookimpl
def wganalyze_analyzers():
    return [Unready]
"""


def test_an_analyzer_that_cannot_be_made(marked: Any, write_plugin: WritePlugin) -> None:
    write_plugin("unready_plugin", UNREADY)
    told = failures(marked.run(*ANALYZERS, "unready"))
    assert told == dict.fromkeys(steps(marked, "unready"), "RuntimeError: no model was downloaded")


@pytest.mark.parametrize("number", ["n='many'", "message=['text']"])
def test_an_analyzer_whose_rows_no_column_takes(marked: Any, write_analyzers: WriteAnalyzers, number: str) -> None:
    write_analyzers(odd=f"if study.snapshot.step == 10: yield Measurement('value', 1.0, {number})")
    told = failures(marked.run(*ANALYZERS, "odd"))
    assert told.keys() == {("step_10", "odd")}
    assert told["step_10", "odd"].startswith("Arrow")


TABLED = """
from wganalyze import Analyzer, Rows, Table, hookimpl


class Tabled(Analyzer):
    name = "tabled"
    tables = (Table("rows", "Rows.", {"layer": "sting"}),)

    def measure(self, study):
        yield Rows("rows", [{"layer": "a"}])


@hookimpl
def wganalyze_analyzers():
    return [Tabled]
"""


def test_an_analyzer_whose_table_has_a_column_of_no_type(marked: Any, write_plugin: WritePlugin) -> None:
    write_plugin("tabled_plugin", TABLED)
    told = failures(marked.run(*ANALYZERS, "tabled"))
    assert told.keys() == steps(marked, "tabled")
    assert all("sting" in message for message in told.values())


MOODY = """
import numpy as np
from wganalyze import DataSource, Values, hookimpl


class Moody(DataSource):
    name = "moody"
    help = "breaks"
    shape, size, value_range = (64,), None, None

    def __init__(self, argument=""):
        self.broken = argument

    @property
    def digest(self):
        if self.broken == "digest":
            raise RuntimeError("no digest today")
        return "moody"

    def draw(self, n, split, *, offset, seed):
        if split.name == self.broken:
            raise SystemExit("no samples today")
        return Values(split.rng(seed, "moody").standard_normal((n, 64)))


@hookimpl
def wganalyze_data():
    return [Moody]
"""


def test_a_source_that_draws_nothing(marked: Any, write_plugin: WritePlugin, write_analyzers: WriteAnalyzers) -> None:
    write_plugin("moody_plugin", MOODY)
    write_analyzers(floors="study.real(split='x2')")
    told = failures(marked.run(*ANALYZERS, "floors", data="moody:x2"))
    assert told == dict.fromkeys(steps(marked, "floors"), "SystemExit: no samples today")


def test_a_source_without_a_digest(marked: Any, write_plugin: WritePlugin) -> None:
    """No cell has a key, so each of them fails, and a later run with sound data measures them."""
    write_plugin("moody_plugin", MOODY)
    told = failures(marked.run(*ANALYZERS, data="moody:digest"))
    assert told == {cell: "RuntimeError: no digest today" for name in ANALYZERS for cell in steps(marked, name)}
    assert failures(marked.run(*ANALYZERS, data="moody")) == {}


def test_a_file_that_goes_away(marked: Any, write_analyzers: WriteAnalyzers, tmp_path: Path) -> None:
    victim = marked.folder / "D_step_10.pt"
    spare = shutil.copy(victim, tmp_path / "spare.pt")
    write_analyzers(removing=f"Path({str(victim)!r}).unlink(missing_ok=True)")
    told = failures(marked.run(*ANALYZERS, "removing"))
    assert told.keys() == {("step_10", name) for name in (*ANALYZERS, "removing")}
    assert set(told.values()) == {f"{victim}: No such file or directory"}
    shutil.copy(spare, victim)
    again = marked.run(*ANALYZERS)
    assert again.exit_code == 0
    assert again.run["cells"] == {"ok": 3, "failed": 0, "skipped": 0, "reused": 6}


# What loading showed


def test_what_loading_showed_is_in_the_report_whichever_analyzers_run(
    trainer: Any, write_analyzers: WriteAnalyzers
) -> None:
    write_analyzers(quick="pass")
    shutil.copy(trainer.folder / "D_step_2.pt", trainer.folder / "D_step_10.pt")
    report = trainer.run("quick")
    by_core = report.findings[report.findings["analyzer"] == ""]
    conclusions = by_core[by_core["kind"] == "conclusion"]
    assert set(conclusions["snapshot"]) == {"step_2", "step_10"}
    assert all("D_step_2.pt" in message and "D_step_10.pt" in message for message in conclusions["message"])
    assumptions = by_core[by_core["kind"] == "assumption"]
    assert set(assumptions["snapshot"]) == {f"step_{step}" for step in trainer.steps}
    for snapshot in report.run["snapshots"]:
        own = assumptions[assumptions["snapshot"] == snapshot["label"]]
        assert sorted(own["message"]) == sorted(f"assumed: {text}" for text in snapshot["assumptions"])
    assert {line.message for line in report.told} == {*conclusions["message"]}, "assumptions are told apart"


def test_an_assumption_leaves_the_report_with_its_cells(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(oriented="study.orientation")

    def assumed(**said: Any) -> set[str]:
        findings = trainer.run("oriented", **said).findings
        return {message.partition(":")[2].split()[0] for message in findings["message"]}

    assert assumed() == {"latent", "data", "critic"}
    assert assumed(range=(-1, 1)) == {"latent", "critic"}
    assert assumed(range=(-1, 1), output="score", orientation=1, latent_law="normal", latent=(4,)) == set()
