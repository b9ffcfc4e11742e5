"""A run end to end: the plan of cells, what is shared and reused, what survives, and the record of how it went."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from torch import nn

import wganalyze
from wganalyze.cells.measuring import Outcome
from wganalyze.errors import CheckpointError, DataError, UsageError, WganalyzeError
from wganalyze.host.loading import load_host
from wganalyze.networks.factories import Net
from wganalyze.report.reading import Report
from wganalyze.running.opened import open_request
from wganalyze.running.request import Request
from wganalyze.settings.facts import Said
from wganalyze.study.critic import ReadyCritic
from wganalyze.study.dealing import Deal
from wganalyze.study.generator import generate

WritePlugin = Callable[..., Path]

FACTORIES = """\
from torch import nn


def Generator():
    return nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 64), nn.Tanh())


def Critic():
    return nn.Sequential(nn.Linear(64, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
"""
STEPS = (2, 10, 30)


@dataclass
class Trainer:
    """A folder of checkpoints and the file that defines their networks."""

    folder: Path
    factories: Path

    @property
    def report(self) -> Path:
        """Where a run writes by default."""
        return self.folder.with_name("ckpt-report")

    def run(self, *only: str, **more: Any) -> Report:
        """A quick run on digits."""
        nets = {"generator": f"{self.factories}:Generator", "critic": f"{self.factories}:Critic"}
        return wganalyze.run(
            self.folder, **{"data": "digits", "n": 40, "replicates": 2, "only": only or ("snapshot",), **nets, **more}
        )


@pytest.fixture
def trainer(tmp_path: Path) -> Trainer:
    """Three steps of a generator and a critic."""
    found = Trainer(tmp_path / "ckpt", tmp_path / "factories.py")
    found.folder.mkdir()
    found.factories.write_text(FACTORIES)
    torch.manual_seed(0)
    for step in STEPS:
        generator = nn.Sequential(nn.Linear(4, 8), nn.LeakyReLU(0.2), nn.Linear(8, 64), nn.Tanh())
        critic = nn.Sequential(nn.Linear(64, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1))
        torch.save(generator.state_dict(), found.folder / f"G_step_{step}.pt")
        torch.save(critic.state_dict(), found.folder / f"D_step_{step}.pt")
    return found


@dataclass
class Events:
    """A progress that remembers what it was told."""

    notes: list[str] = field(default_factory=list)
    cells: list[tuple[str, str]] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    total: int = 0

    def note(self, line: str) -> None:
        self.notes.append(line)

    def begin(self, cells: int) -> None:
        self.total = cells

    def cell(self, snapshot: str, analyzer: str) -> None:
        self.cells.append((snapshot, analyzer))

    def done(self, outcome: Outcome | None) -> None:
        self.outcomes.append("reused" if outcome is None else outcome.status)


def analyzers(**bodies: str) -> str:
    """The source of a plugin with these analyzers; each body may yield the metric "value"."""
    classes = [
        f"class {name.capitalize()}(Analyzer):\n"
        f"    '''Answers.'''\n\n    name = '{name}'\n    metrics = (Metric('value', 'A value.'),)\n\n"
        f"    def measure(self, study):\n        {body}\n        yield Measurement('value', 1.0)\n"
        for name, body in bodies.items()
    ]
    head = "import os\nfrom pathlib import Path\n\nfrom wganalyze import *\nfrom wganalyze import Analyzer, hookimpl\n"
    given = ", ".join(name.capitalize() for name in bodies)
    return "\n\n".join([head, *classes, f"@hookimpl\ndef wganalyze_analyzers():\n    return [{given}]\n"])


def cells(report: Report) -> dict[str, int]:
    """How many cells were ok, failed, skipped and reused."""
    counts: dict[str, int] = report.run["cells"]
    return counts


# A first run


def test_end_to_end(trainer: Trainer) -> None:
    events = Events()
    report = trainer.run(progress=events, seed=3)
    assert report.exit_code == 0
    assert report.path == trainer.report
    assert events.total == 3
    assert events.cells == [(f"step_{step}", "snapshot") for step in STEPS]
    assert events.outcomes == ["ok"] * 3
    rows = pd.read_parquet(trainer.report / "measurements")
    assert set(rows["snapshot"]) == {f"step_{step}" for step in STEPS}
    assert {"real_min", "real_max", "fake_min", "fake_max"} <= set(rows["metric"])
    assert set(zip(rows["seed"], rows["n"].dropna(), rows["plugin"], strict=False)) == {(3, 40, "wganalyze")}
    assert rows.set_index("metric")["value"]["real_max"].unique() == [1.0]
    assert list(report.summary["step"]) == [*STEPS]


def test_the_record_of_a_run(trainer: Trainer, write_plugin: WritePlugin) -> None:
    write_plugin("broken_plugin", "import a_module_that_nobody_has\n", entry="broken")
    (trainer.folder / "damaged.pt").write_bytes((trainer.folder / "G_step_2.pt").read_bytes()[:300])
    record = trainer.run().run
    assert record["status"] == "complete"
    assert record["source"] == str(trainer.folder)
    assert record["command"][:2] == ["wganalyze.run", str(trainer.folder)]
    assert record["versions"]["wganalyze"]
    assert torch.__version__.startswith(record["versions"]["torch"].partition("+")[0])
    plugins = {plugin["name"]: plugin for plugin in record["plugins"]}
    assert plugins["broken"]["status"] == "failed"
    assert "a_module_that_nobody_has" in plugins["broken"]["reason"]
    assert plugins["snapshot"]["status"] == "ok"
    assert record["data"]["source"] == "digits"
    assert (record["data"]["n"], record["data"]["replicates"], record["data"]["seed"]) == (40, 2, 0)
    assert record["cells"] == {"ok": 3, "failed": 0, "skipped": 0, "reused": 0}
    assert len(record["problems"]) == 1
    assert "damaged.pt" in record["problems"][0]
    assert [snapshot["label"] for snapshot in record["snapshots"]] == [f"step_{step}" for step in STEPS]
    first = record["snapshots"][0]
    assert first["designs"]["critic"] == f"D_step_2.pt: factory {trainer.factories}:Critic"
    assert any("latent law" in text for text in first["assumptions"])


def test_a_run_is_the_same_again(trainer: Trainer) -> None:
    """Not by reuse: two reports hold the same numbers."""
    columns = ["snapshot", "metric", "value"]
    first = trainer.run(out=trainer.folder.with_name("a")).measurements[columns]
    second = trainer.run(out=trainer.folder.with_name("b")).measurements[columns]
    pd.testing.assert_frame_equal(first, second, check_exact=True)


# What is shared


SHARED = """for r in range(study.replicates):
            real, fake = study.real(None, r), study.fake(None, r)
            study.transport(real, fake)
            study.transport(real, study.real(None, r, 'x2'))
            study.scores(real), study.scores(fake)"""


def test_samples_scores_and_transport_once_a_snapshot_and_floors_once_a_run(
    trainer: Trainer, write_plugin: WritePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plugin("sharing", analyzers(first=SHARED, second=SHARED))
    counts: Counter[tuple[Any, ...]] = Counter()
    import wganalyze.study.study
    import wganalyze.transport

    wasserstein = wganalyze.transport.wasserstein
    scores, real = ReadyCritic.scores, Deal.real

    def counted_generate(snapshot: Any, n: int, split: Any, **more: Any) -> Any:
        if split.name != "probe":
            counts["fake", snapshot.label, n, split] += 1
        return generate(snapshot, n, split, **more)

    def counted_scores(self: ReadyCritic, samples: Any, *more: Any) -> Any:
        if samples.key:  # the fingerprint's probe has none
            counts["scores", id(self), samples.key, more] += 1
        return scores(self, samples, *more)

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
    assert cells(report)["ok"] == 6
    assert set(counts.values()) == {1}
    snapshots, replicates = len(STEPS), 2
    assert Counter(key[0] for key in counts) == {
        "fake": snapshots * replicates,
        "scores": snapshots * replicates * 2,
        "transport": snapshots * replicates + replicates,
        "real": replicates * 2,
    }


# What is reused


def test_what_did_not_change_is_reused_and_said(trainer: Trainer, write_plugin: WritePlugin) -> None:
    write_plugin("quick", analyzers(quick="pass"))
    trainer.run("snapshot")
    events = Events()
    report = trainer.run("snapshot", "quick", progress=events)
    assert report.exit_code == 0
    assert cells(report) == {"ok": 3, "failed": 0, "skipped": 0, "reused": 3}
    assert f"3 of 6 cells were reused from {trainer.report}" in events.notes
    assert events.outcomes == ["reused", "ok"] * 3
    events = Events()
    assert cells(trainer.run("snapshot", "quick", progress=events))["reused"] == 6
    assert f"6 of 6 cells were reused from {trainer.report}" in events.notes


def change_slope(trainer: Trainer) -> None:
    trainer.factories.write_text(FACTORIES.replace("0.2", "0.1"))


def change_weights(trainer: Trainer) -> None:
    for step in STEPS:
        path = trainer.folder / f"D_step_{step}.pt"
        torch.save({k: v + 0.5 for k, v in torch.load(path).items()}, path)


@pytest.mark.parametrize("change", [change_slope, change_weights])
def test_other_networks_are_analysed_again(trainer: Trainer, change: Callable[[Trainer], None]) -> None:
    # A range that is said: one that is found would be another assumption, and so another cell already.
    trainer.run(range=(-1, 1))
    change(trainer)
    assert cells(trainer.run(range=(-1, 1))) == {"ok": 3, "failed": 0, "skipped": 0, "reused": 0}


def test_only_the_snapshot_that_changed_is_analysed_again(trainer: Trainer) -> None:
    trainer.run(range=(-1, 1))
    path = trainer.folder / "G_step_10.pt"
    torch.save({k: v + 0.5 for k, v in torch.load(path).items()}, path)
    assert cells(trainer.run(range=(-1, 1))) == {"ok": 1, "failed": 0, "skipped": 0, "reused": 2}


@pytest.mark.parametrize("more", [{"seed": 1}, {"n": 41}, {"replicates": 3}, {"range": (0, 1)}, {"orientation": 1}])
def test_another_request_is_another_cell(trainer: Trainer, more: dict[str, Any]) -> None:
    first = trainer.run()
    assert cells(trainer.run(**more))["reused"] == 0
    again = trainer.run()
    assert cells(again)["reused"] == 3
    pd.testing.assert_frame_equal(again.measurements, first.measurements)


def test_a_module_that_was_edited_is_imported_anew(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process, as in a notebook: by MODULE:NAME, and through a module that it imports."""
    folder = trainer.factories.parent
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    (folder / "my_layers.py").write_text("SLOPE = 0.2\n")
    (folder / "my_nets.py").write_text(
        FACTORIES.replace("nn.LeakyReLU(0.2)", "nn.LeakyReLU(my_layers.SLOPE)").replace(
            "from torch import nn", "import my_layers\nfrom torch import nn"
        )
    )
    nets = {"generator": "my_nets:Generator", "critic": "my_nets:Critic", "data": "digits", "only": "snapshot"}
    sizes = {"n": 40, "replicates": 2, "out": folder / "out"}
    wganalyze.run(trainer.folder, **nets, **sizes)  # type: ignore[arg-type]
    assert cells(wganalyze.run(trainer.folder, **nets, **sizes))["reused"] == len(STEPS)  # type: ignore[arg-type]
    (folder / "my_layers.py").write_text("SLOPE = 0.1\n")
    assert cells(wganalyze.run(trainer.folder, **nets, **sizes))["ok"] == len(STEPS)  # type: ignore[arg-type]


def test_the_module_of_factories_runs_once_a_run(trainer: Trainer) -> None:
    log = trainer.factories.with_name("imports.log")
    trainer.factories.write_text(f"open({str(log)!r}, 'a').write('x')\n{FACTORIES}")
    for runs in (1, 2):
        trainer.run()
        assert log.read_text() == "x" * runs


def test_what_was_measured_on_files_that_are_gone_stays_and_is_said(trainer: Trainer) -> None:
    trainer.run()
    for file in trainer.folder.glob("*_step_2.pt"):
        file.unlink()
    events = Events()
    report = trainer.run(progress=events)
    assert "step_2: the files are gone; what was measured earlier stays in the report" in events.notes
    assert len(report.summary) == len(STEPS)


def test_words_in_the_factory_file_change_nothing(trainer: Trainer) -> None:
    trainer.run()
    trainer.factories.write_text(f"# A comment.\n{FACTORIES}")
    assert cells(trainer.run())["reused"] == 3


def test_a_failed_and_a_skipped_cell_are_tried_again(
    trainer: Trainer, write_plugin: WritePlugin, tmp_path: Path
) -> None:
    trouble = tmp_path / "trouble"
    write_plugin(
        "fragile",
        analyzers(
            fragile=f"assert not Path({str(trouble)!r}).exists(), 'it broke'",
            shy=f"if Path({str(trouble)!r}).exists(): raise NotMeasurable('not now')",
        ),
    )
    trouble.touch()
    for attempt in range(2):
        first = trainer.run("fragile", "shy", "snapshot")
        assert first.exit_code == 1
        assert cells(first) == {"ok": 0 if attempt else 3, "failed": 3, "skipped": 3, "reused": 3 * attempt}
        bad = first.measurements[first.measurements["status"] != "ok"]
        bad = bad[bad["metric"] == ""]
        assert Counter(zip(bad["status"], bad["message"], strict=True)) == {
            ("failed", "AssertionError: it broke"): 3,
            ("skipped", "not now"): 3,
        }
    trouble.unlink()
    second = trainer.run("fragile", "shy", "snapshot")
    assert second.exit_code == 0
    assert cells(second) == {"ok": 6, "failed": 0, "skipped": 0, "reused": 3}
    assert set(second.measurements["status"]) == {"ok"}


def test_what_reused_cells_assumed_is_still_on_record(trainer: Trainer, write_plugin: WritePlugin) -> None:
    write_plugin("oriented", analyzers(oriented="study.orientation"))

    def assumed(report: Report) -> list[list[str]]:
        return [snapshot["assumptions"] for snapshot in report.run["snapshots"]]

    first = trainer.run("oriented")
    assert all(any("critic scores real" in text for text in texts) for texts in assumed(first))
    again = trainer.run("oriented")
    assert cells(again)["reused"] == 3
    assert assumed(again) == assumed(first)
    said = trainer.run("oriented", orientation=1)
    assert not any("critic scores real" in text for texts in assumed(said) for text in texts)


def test_what_another_run_found_stays_in_the_report(trainer: Trainer, write_plugin: WritePlugin) -> None:
    write_plugin("quick", analyzers(quick="pass"))
    trainer.run("snapshot")
    report = trainer.run("quick")
    assert set(report.measurements["analyzer"]) == {"snapshot", "quick"}


# What survives


def test_an_interruption_keeps_what_was_done(trainer: Trainer, write_plugin: WritePlugin, tmp_path: Path) -> None:
    flag = tmp_path / "interrupt"
    body = f"if study.snapshot.step == 10 and Path({str(flag)!r}).exists(): raise KeyboardInterrupt"
    write_plugin("interrupted", analyzers(early="pass", late=body))
    flag.touch()
    with pytest.raises(KeyboardInterrupt):
        trainer.run("early", "late")
    rows = pd.read_parquet(trainer.report / "measurements")
    assert [*zip(rows["snapshot"], rows["analyzer"], strict=True)] == [
        ("step_10", "early"),
        ("step_2", "early"),
        ("step_2", "late"),
    ]
    record = json.loads((trainer.report / "run.json").read_text())
    assert record["status"] == "interrupted"
    assert [snapshot["label"] for snapshot in record["snapshots"]] == ["step_2", "step_10"]
    flag.unlink()
    assert cells(trainer.run("early", "late")) == {"ok": 3, "failed": 0, "skipped": 0, "reused": 3}


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "SystemExit"])
def test_an_earlier_result_stays_in_view_until_there_is_another(
    trainer: Trainer, write_plugin: WritePlugin, tmp_path: Path, error: str
) -> None:
    flag = tmp_path / "interrupt"
    body = f"if study.snapshot.step == 10 and Path({str(flag)!r}).exists(): raise {error}"
    write_plugin("interrupted", analyzers(early="pass", late=body))
    trainer.run("early", "late", seed=1)
    flag.touch()
    with pytest.raises((KeyboardInterrupt, SystemExit)):
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


def test_a_file_that_goes_away_stops_the_run_and_is_named(
    trainer: Trainer, write_plugin: WritePlugin, tmp_path: Path
) -> None:
    victim = trainer.folder / "D_step_10.pt"
    spare = shutil.copy(victim, tmp_path / "spare.pt")
    write_plugin("removing", analyzers(removing=f"Path({str(victim)!r}).unlink(missing_ok=True)"))
    with pytest.raises(WganalyzeError, match=r"D_step_10\.pt: cannot be read \(No such file or directory\); .*kept"):
        trainer.run("removing")
    assert set(wganalyze.open_report(trainer.report).measurements["snapshot"]) == {"step_2"}
    assert json.loads((trainer.report / "run.json").read_text())["status"].startswith("stopped: ")
    shutil.copy(spare, victim)
    write_plugin("removing2", analyzers(harmless="pass"))
    assert trainer.run("harmless").exit_code == 0


# Exit codes


def test_all_skipped_is_one(trainer: Trainer, write_plugin: WritePlugin) -> None:
    write_plugin("shy", analyzers(shy="raise NotMeasurable('never')"))
    assert trainer.run("shy").exit_code == 1
    assert trainer.run("shy", "snapshot").exit_code == 0


def test_one_failure_is_one(trainer: Trainer, write_plugin: WritePlugin) -> None:
    write_plugin("fragile", analyzers(fragile="assert study.snapshot.step != 10, 'it broke'"))
    report = trainer.run("fragile", "snapshot")
    assert report.exit_code == 1
    assert cells(report) == {"ok": 5, "failed": 1, "skipped": 0, "reused": 0}


def test_undeclared_metrics_fail_that_analyzer_alone(trainer: Trainer, write_plugin: WritePlugin) -> None:
    write_plugin("loose", analyzers(loose="yield Measurement('other', 1.0)"))
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


REASON = r"plugin 'broken' of broken-plugin failed: ModuleNotFoundError: .*a_module_that_nobody_has"


def test_a_run_goes_on_without_a_failed_plugin(trainer: Trainer, broken: None) -> None:
    assert trainer.run().exit_code == 0
    assert trainer.run(skip=["broken"]).exit_code == 0


@pytest.mark.parametrize("more", [{"only": ["broken", "snapshot"]}, {"options": {"broken.depth": 3}}])
def test_a_failed_plugin_that_was_asked_for_makes_it_one(trainer: Trainer, broken: None, more: dict[str, Any]) -> None:
    events = Events()
    report = trainer.run(progress=events, **more)
    assert report.exit_code == 1
    assert cells(report)["ok"] == 3
    assert set(report.measurements["status"]) == {"ok"}
    assert any("plugin 'broken' of broken-plugin failed: ModuleNotFoundError" in note for note in events.notes)


def test_nothing_but_a_failed_plugin_is_one_with_its_reason(trainer: Trainer, broken: None) -> None:
    with pytest.raises(WganalyzeError, match=REASON) as caught:
        trainer.run("broken")
    assert not isinstance(caught.value, UsageError)
    assert not trainer.report.exists()


def test_strict_mode_stops_before_anything(trainer: Trainer, broken: None, monkeypatch: pytest.MonkeyPatch) -> None:
    unfinished = [
        plugin.name for plugin in load_host().plugins if plugin.status == "failed" and plugin.name != "broken"
    ]
    monkeypatch.setenv("WGANALYZE_STRICT", "1")
    with pytest.raises(UsageError, match=r"plugin 'broken' of broken-plugin: .*WGANALYZE_STRICT"):
        trainer.run(no_plugins=unfinished)
    assert not trainer.report.exists()
    assert trainer.run(no_plugins=[*unfinished, "broken"]).exit_code == 0


def test_a_blocked_analyzer_that_was_asked_for(trainer: Trainer) -> None:
    with pytest.raises(WganalyzeError, match=r"plugin 'snapshot' of wganalyze blocked"):
        trainer.run(no_plugins=["snapshot"])


# Trust


@pytest.mark.parametrize(("more", "runs"), [({}, False), ({"trust": True}, True), ({"config": True}, True)])
def test_code_named_beside_the_checkpoints_needs_trust(trainer: Trainer, more: dict[str, Any], runs: bool) -> None:
    mark = trainer.folder.with_name("was-run")
    critic = shutil.copy(trainer.factories, trainer.folder.with_name("critics.py"))
    trainer.factories.write_text(f"open({str(mark)!r}, 'w').close()\n{FACTORIES}")
    toml = trainer.folder / "wganalyze.toml"
    toml.write_text(f'[generator]\nfactory = "{trainer.factories}:Generator"\n')
    more = {"config": toml} if "config" in more else more
    report = trainer.run(generator=None, critic=f"{critic}:Critic", **more)
    assert mark.exists() is runs
    assert ("generator" in report.run["snapshots"][0]["missing"]) is not runs


def test_reading_runs_nothing(trainer: Trainer) -> None:
    trainer.factories.write_text("raise SystemExit('was run')\n")
    net = Net(f"{trainer.factories}:Generator")
    opened = open_request(Request(trainer.folder, config=Said(generator=net)))
    assert [snapshot.step for snapshot in opened.snapshots] == [*STEPS]


# The range of the data


def test_the_first_generator_that_works_shows_the_range(trainer: Trainer) -> None:
    """A run whose first step is broken is still analysed: its own cells fail, and say why."""
    path = trainer.folder / "G_step_2.pt"
    torch.save({k: v * float("nan") for k, v in torch.load(path).items()}, path)
    report = trainer.run()
    assert report.exit_code == 1
    assert cells(report) == {"ok": 2, "failed": 1, "skipped": 0, "reused": 0}
    (failed,) = report.measurements[report.measurements["status"] == "failed"].itertuples()
    assert failed.snapshot == "step_2"
    assert str(failed.message).startswith("G_step_2.pt: NaN or infinity in 0.weight")
    assert any("the generator of step_10 ends between" in t for t in report.run["snapshots"][0]["assumptions"])


def test_where_no_generator_works_the_run_does_not_start(trainer: Trainer) -> None:
    with pytest.raises(CheckpointError, match=r"G_step_2\.pt does not fit the generator"):
        trainer.run(generator="torch.nn:Linear(4, 64)")
    assert not trainer.report.exists()


def test_a_critic_alone_is_analysed_without_a_generator(trainer: Trainer, write_plugin: WritePlugin) -> None:
    for step in STEPS:
        (trainer.folder / f"G_step_{step}.pt").unlink()
    write_plugin("scoring", analyzers(scoring="study.scores(study.real())"))
    report = trainer.run("scoring", generator=None)
    assert report.exit_code == 0
    assert any("no generator shows the range" in t for t in report.run["snapshots"][0]["assumptions"])


def test_data_that_do_not_suffice(trainer: Trainer) -> None:
    with pytest.raises(DataError, match=r"--n 600 with 2 replicates needs 5 disjoint splits, 3000 samples"):
        trainer.run(n=600)


# The report folder


def test_a_folder_with_another_report_is_left_alone(trainer: Trainer, tmp_path: Path) -> None:
    trainer.run()
    before = {path: path.read_bytes() for path in trainer.report.rglob("*") if path.is_file()}
    other = tmp_path / "other"
    shutil.copytree(trainer.folder, other)
    moved = Trainer(other, trainer.factories)
    with pytest.raises(UsageError, match=rf"--out .*: holds the report of {trainer.folder}; name another folder"):
        moved.run(out=trainer.report)
    assert {path: path.read_bytes() for path in trainer.report.rglob("*") if path.is_file()} == before


def test_a_folder_that_holds_something_else_is_left_alone(trainer: Trainer, tmp_path: Path) -> None:
    for out in (trainer.folder, tmp_path):
        with pytest.raises(UsageError, match="is not empty and holds no report; name another folder"):
            trainer.run(out=out)
    with pytest.raises(UsageError, match="is a file; name a folder"):
        trainer.run(out=trainer.factories)
    assert not (trainer.folder / "cells").exists()


@pytest.mark.parametrize("name", ["run.json", "plan.json"])
@pytest.mark.parametrize("content", ["", "[]", "{}", "{", "null", '{"slots": 3}'])
def test_a_damaged_report_is_named(trainer: Trainer, name: str, content: str) -> None:
    trainer.run()
    (trainer.report / name).write_text(content)
    with pytest.raises(WganalyzeError, match=rf"ckpt-report.*{name}.* is damaged"):
        trainer.run()


def test_a_report_inside_the_folder_is_no_checkpoint(trainer: Trainer) -> None:
    inside = trainer.folder / "report"
    trainer.run(out=inside)
    assert cells(trainer.run(out=inside))["reused"] == 3


def test_snapshots_are_released_one_after_the_other(
    trainer: Trainer, write_plugin: WritePlugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long trajectory is not held in memory."""
    write_plugin("scoring", analyzers(scoring="study.scores(study.fake())"))
    alive: list[int] = []
    release = wganalyze.Snapshot.release

    def counted(self: wganalyze.Snapshot) -> None:
        alive.append(sum(name in self.__dict__ for name in ("generator", "critic")))
        release(self)
        assert not {"generator", "critic"} & self.__dict__.keys()

    monkeypatch.setattr(wganalyze.Snapshot, "release", counted)
    trainer.run("scoring")
    assert alive == [2, 2, 2]


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WGANALYZE_STRICT", "WGANALYZE_NO_PLUGINS"):
        if name in os.environ:
            monkeypatch.delenv(name)
