"""A request carried out, end to end: what it needs, what it refuses, and its exit code."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import wganalyze
from wganalyze.errors import CheckpointError, DataError, UsageError, WganalyzeError
from wganalyze.host.loading import load_host

WritePlugin = Callable[..., Path]
WriteAnalyzers = Callable[..., None]
REASON = r"plugin 'broken' of broken-plugin failed: ModuleNotFoundError: .*a_module_that_nobody_has"


def test_end_to_end(trainer: Any) -> None:
    report = trainer.run(seed=3)
    assert report.exit_code == 0
    assert report.path == trainer.report
    assert trainer.events.total == 3
    assert trainer.events.cells == [(f"step_{step}", "snapshot") for step in trainer.steps]
    assert trainer.events.outcomes == ["ok"] * 3
    rows = pd.read_parquet(trainer.report / "measurements")
    assert set(rows["snapshot"]) == {f"step_{step}" for step in trainer.steps}
    assert {"real_min", "real_max", "fake_min", "fake_max"} <= set(rows["metric"])
    assert set(zip(rows["seed"], rows["n"].dropna(), rows["plugin"], strict=False)) == {(3, 40, "wganalyze")}
    assert rows.set_index("metric")["value"]["real_max"].unique() == [1.0]
    assert list(report.summary["step"]) == [*trainer.steps]


def test_a_run_is_the_same_again(trainer: Any) -> None:
    """Not by reuse: two reports hold the same numbers."""
    columns = ["snapshot", "metric", "value"]
    first = trainer.run(out=trainer.folder.with_name("a")).measurements[columns]
    second = trainer.run(out=trainer.folder.with_name("b")).measurements[columns]
    pd.testing.assert_frame_equal(first, second, check_exact=True)


# Exit codes


def test_all_skipped_is_one(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(shy="raise NotMeasurable('never')")
    assert trainer.run("shy").exit_code == 1
    assert trainer.run("shy", "snapshot").exit_code == 0


def test_one_failure_is_one(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(fragile="assert study.snapshot.step != 10, 'it broke'")
    report = trainer.run("fragile", "snapshot")
    assert report.exit_code == 1
    assert report.run["cells"] == {"ok": 5, "failed": 1, "skipped": 0, "reused": 0}


def test_undeclared_metrics_fail_that_analyzer_alone(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(loose="yield Measurement('other', 1.0)")
    report = trainer.run("loose", "snapshot")
    assert report.exit_code == 1
    failed = report.measurements[report.measurements["status"] == "failed"]
    assert set(failed["analyzer"]) == {"loose"}
    assert set(failed["message"]) == {
        "UndeclaredError: analyzer loose yielded the metric 'other', which it does not declare"
    }


# Plugins that failed


@pytest.fixture
def broken(write_plugin: WritePlugin) -> None:
    """A plugin that cannot be imported."""
    write_plugin("broken_plugin", "import a_module_that_nobody_has\n", entry="broken")


def test_a_run_goes_on_without_a_failed_plugin(trainer: Any, broken: None) -> None:
    assert trainer.run().exit_code == 0
    assert trainer.run(skip=["broken"]).exit_code == 0


@pytest.mark.parametrize("more", [{"only": ["broken", "snapshot"]}, {"options": {"broken.depth": 3}}])
def test_a_failed_plugin_that_was_asked_for_makes_it_one(trainer: Any, broken: None, more: dict[str, Any]) -> None:
    report = trainer.run(**more)
    assert report.exit_code == 1
    assert report.run["cells"]["ok"] == 3
    assert set(report.measurements["status"]) == {"ok"}
    assert any("plugin 'broken' of broken-plugin failed: ModuleNotFoundError" in note for note in trainer.events.notes)


def test_nothing_but_a_failed_plugin_is_one_with_its_reason(trainer: Any, broken: None) -> None:
    with pytest.raises(WganalyzeError, match=REASON) as caught:
        trainer.run("broken")
    assert not isinstance(caught.value, UsageError)
    assert not trainer.report.exists()


def test_strict_mode_stops_before_anything(trainer: Any, broken: None, monkeypatch: pytest.MonkeyPatch) -> None:
    unfinished = [
        plugin.name for plugin in load_host().plugins if plugin.status == "failed" and plugin.name != "broken"
    ]
    monkeypatch.setenv("WGANALYZE_STRICT", "1")
    with pytest.raises(UsageError, match=r"plugin 'broken' of broken-plugin: .*WGANALYZE_STRICT"):
        trainer.run(no_plugins=unfinished)
    assert not trainer.report.exists()
    assert trainer.run(no_plugins=[*unfinished, "broken"]).exit_code == 0


def test_a_blocked_analyzer_that_was_asked_for(trainer: Any) -> None:
    with pytest.raises(WganalyzeError, match=r"plugin 'snapshot' of wganalyze blocked"):
        trainer.run(no_plugins=["snapshot"])


# Trust


@pytest.mark.parametrize(("more", "runs"), [({}, False), ({"trust": True}, True), ({"config": True}, True)])
def test_code_named_beside_the_checkpoints_needs_trust(trainer: Any, more: dict[str, Any], runs: bool) -> None:
    mark = trainer.folder.with_name("was-run")
    factories = trainer.factories.read_text()
    critic = trainer.folder.with_name("critics.py")
    critic.write_text(factories)
    trainer.factories.write_text(f"open({str(mark)!r}, 'w').close()\n{factories}")
    toml = trainer.folder / "wganalyze.toml"
    toml.write_text(f'[generator]\nfactory = "{trainer.factories}:Generator"\n')
    more = {"config": toml} if "config" in more else more
    report = trainer.run(generator=None, critic=f"{critic}:Critic", **more)
    assert mark.exists() is runs
    assert ("generator" in report.run["snapshots"][0]["missing"]) is not runs


# The range of the data


def test_the_first_generator_that_works_shows_the_range(trainer: Any) -> None:
    """A run whose first step is broken is still analysed: its own cells fail, and say why."""
    trainer.mend("G_step_2.pt", lambda tensor: tensor * float("nan"))
    report = trainer.run()
    assert report.exit_code == 1
    assert report.run["cells"] == {"ok": 2, "failed": 1, "skipped": 0, "reused": 0}
    (failed,) = report.measurements[report.measurements["status"] == "failed"].itertuples()
    assert failed.snapshot == "step_2"
    assert str(failed.message).startswith("G_step_2.pt: NaN or infinity in 0.weight")
    assert any(
        "the samples of the generator of step_10 lie between" in t for t in report.run["snapshots"][0]["assumptions"]
    )


def test_where_no_generator_works_the_run_does_not_start(trainer: Any) -> None:
    with pytest.raises(CheckpointError, match=r"G_step_2\.pt does not fit the generator"):
        trainer.run(generator="torch.nn:Linear(4, 64)")
    assert not trainer.report.exists()


def test_a_critic_alone_is_analysed_without_a_generator(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    for step in trainer.steps:
        (trainer.folder / f"G_step_{step}.pt").unlink()
    write_analyzers(scoring="study.scores(study.real())")
    report = trainer.run("scoring", generator=None)
    assert report.exit_code == 0
    assert any("no generator shows the range" in t for t in report.run["snapshots"][0]["assumptions"])


def test_data_that_do_not_suffice(trainer: Any) -> None:
    with pytest.raises(DataError, match=r"--n 600 with 2 replicates needs 5 disjoint splits, 3000 samples"):
        trainer.run(n=600)


@pytest.mark.parametrize("more", [{}, {"infer": True, "generator": None, "range": (-1, 1)}])
@pytest.mark.parametrize("broken", ["load", "size"])
def test_data_that_cannot_be_read_are_said_in_one_line(
    trainer: Any, write_plugin: WritePlugin, broken: str, more: dict[str, Any]
) -> None:
    """Before there is a cell to fail: without data there is no size of a split."""
    write_plugin("moody_plugin", MOODY.replace(f"# {broken}", "raise RuntimeError('the disk\\nis on fire')"))
    with pytest.raises(DataError, match=r"^--data moody: the source failed \(RuntimeError: the disk is on fire\)$"):
        trainer.run(data="moody", **more)
    assert not trainer.report.exists()


MOODY = """
import numpy as np
from wganalyze import FiniteSource, Values, hookimpl


class Moody(FiniteSource):
    name = "moody"
    help = "breaks"
    shape, value_range = (64,), None

    def load(self):
        # load
        return Values(np.zeros((500, 64)))

    @property
    def size(self):
        # size
        return len(self.everything.values)


@hookimpl
def wganalyze_data():
    return [Moody]
"""


# What a wganalyze.toml says of the run

OPTIONAL = '''
from dataclasses import dataclass, field
from wganalyze import Analyzer, Measurement, Metric, hookimpl


class Optional(Analyzer):
    """Gives what it was made with."""

    name = "optional"
    metrics = (Metric("total", "Sum."), Metric("names", "How many."), Metric("replicates", "Of the study."))

    @dataclass(frozen=True)
    class Options:
        sizes: tuple[int, ...] = field(default=(1,), metadata={"help": "Sizes."})
        names: tuple[str, ...] = field(default=(), metadata={"help": "Names."})

    def measure(self, study):
        yield Measurement("total", float(sum(self.options.sizes)), n=study.n)
        yield Measurement("names", float(len(self.options.names)))
        yield Measurement("replicates", float(study.replicates))


@hookimpl
def wganalyze_analyzers():
    return [Optional]
'''
RUN = """
[data]
source = "digits"
[run]
analyzers = ["optional", "snapshot"]
skip = ["snapshot"]
n = 30
replicates = 3
seed = 7
options = { "optional.sizes" = [3, 4], "optional.names" = ["p,q", "r"] }
"""


def test_a_toml_says_what_is_run_and_how(trainer: Any, write_plugin: WritePlugin) -> None:
    write_plugin("optional_plugin", OPTIONAL)
    (trainer.folder / "wganalyze.toml").write_text(RUN)
    report = wganalyze.run(trainer.folder, **trainer.nets)
    assert report.exit_code == 0
    rows = report.measurements
    assert set(rows["analyzer"]) == {"optional"}
    assert rows.groupby("metric")["value"].unique().map(list).to_dict() == {
        "total": [7.0],
        "names": [2.0],
        "replicates": [3.0],
    }
    assert (set(rows["n"].dropna()), set(rows["n_split"]), set(rows["seed"])) == ({30}, {30}, {7})
    assert report.run["data"]["source"] == "digits"


def test_the_call_goes_before_the_toml(trainer: Any, write_plugin: WritePlugin) -> None:
    write_plugin("optional_plugin", OPTIONAL)
    (trainer.folder / "wganalyze.toml").write_text(RUN)
    said = {"n": 25, "options": {"optional.sizes": (5,)}, "only": "snapshot", "skip": "optional"}
    report = wganalyze.run(trainer.folder, **trainer.nets, **said)
    assert set(report.measurements["analyzer"]) == {"snapshot"}
    assert (report.run["data"]["n"], report.run["data"]["replicates"]) == (25, 3)


@pytest.mark.parametrize("beside", ["[data]\ntraining = 'digits'\n", "[data]\ntraining = 'digits:train'\n"])
def test_a_toml_may_say_that_these_samples_were_trained_on(trainer: Any, beside: str) -> None:
    """A trainer writes it as a fact: what is measured on the same samples then is not held out, and is no mistake."""
    (trainer.folder / "wganalyze.toml").write_text(beside)
    report = trainer.run(data="digits")
    same = "train'" not in beside
    assert report.exit_code == 0
    assert (report.run["data"]["held_out"], report.run["data"]["training"] is None) == (
        (False, True) if same else (None, False)
    )
    told = "trained on the samples that they are measured on"
    assert any(told in line for line in report.run["snapshots"][0]["assumptions"]) is same


def test_what_was_trained_on_says_nothing_without_data(trainer: Any) -> None:
    (trainer.folder / "wganalyze.toml").write_text("[data]\ntraining = 'digits'\n")
    report = wganalyze.run(trainer.folder, **trainer.nets, only="lipschitz")
    assert report.run["data"] is None
    with pytest.raises(UsageError, match="stands beside --data"):
        wganalyze.run(trainer.folder, **trainer.nets, training_data="digits")


# What a report shows


def test_a_strangers_run_shows_the_strangers_numbers(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(stranger="pass")
    summary = trainer.run("stranger").summary
    assert list(summary.columns) == ["snapshot", "step", "step_unit", "value", "n", "space"]
    assert list(summary["value"]) == [1.0] * 3
