"""The record of a run, which the next run into the same folder goes on from."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from wganalyze.errors import UsageError, WganalyzeError
from wganalyze.processes import draft_of
from wganalyze.report.claims import locked
from wganalyze.report.layout import Layout
from wganalyze.report.reading import Report
from wganalyze.running.run_json import RunRecord

WritePlugin = Callable[..., Path]
WriteAnalyzers = Callable[..., None]


def test_the_record_of_a_run(trainer: Any, write_plugin: WritePlugin) -> None:
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
    assert [snapshot["label"] for snapshot in record["snapshots"]] == [f"step_{step}" for step in trainer.steps]
    first = record["snapshots"][0]
    assert first["designs"]["critic"] == f"D_step_2.pt: factory {trainer.factories}:Critic"
    assert any("latent law" in text for text in first["assumptions"])


def test_what_reused_cells_assumed_is_still_on_record(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(oriented="study.orientation")

    def assumed(report: Report) -> list[list[str]]:
        return [snapshot["assumptions"] for snapshot in report.run["snapshots"]]

    first = trainer.run("oriented")
    assert all(any("critic scores real" in text for text in texts) for texts in assumed(first))
    again = trainer.run("oriented")
    assert again.run["cells"]["reused"] == 3
    assert assumed(again) == assumed(first)
    said = trainer.run("oriented", orientation=1)
    assert not any("critic scores real" in text for texts in assumed(said) for text in texts)


def test_what_was_measured_on_files_that_are_gone_stays_and_is_said(trainer: Any) -> None:
    trainer.run()
    for file in trainer.folder.glob("*_step_2.pt"):
        file.unlink()
    report = trainer.run()
    assert "step_2: the files are gone; what was measured earlier stays in the report" in trainer.events.notes
    assert len(report.summary) == len(trainer.steps)


def test_the_versions_of_everything_that_plugins_require(trainer: Any, write_plugin: WritePlugin) -> None:
    """Of a stranger's requirements as of ours, and of nothing that is not there."""
    requires = ["pytest>=7", "nobody-has-this>=1", 'hypothesis ; extra == "more"']
    write_plugin("quick_plugin", "from wganalyze import hookimpl\n", release="4.5", requires=requires)
    versions = trainer.run().run["versions"]
    assert versions["quick-plugin"] == "4.5"
    for name in ("wganalyze", "torch", "numpy", "pytest", "hypothesis"):
        assert versions[name] == version(name)
    assert "nobody-has-this" not in versions


def test_what_each_analyzer_declares_is_on_record(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(quick="pass")
    declared = {"name": "value", "help": "A value.", "unit": "", "direction": "none", "source": "", "headline": None}
    assert trainer.run("quick").run["metrics"] == {"quick": [declared | {"correction": "none"}]}
    both = trainer.run("snapshot").run["metrics"]
    assert [*both] == ["quick", "snapshot"], "the report still holds what the first run measured"
    assert "real_min" in [metric["name"] for metric in both["snapshot"]]


DRAWING = """
from wganalyze import Analyzer, Measurement, Metric, Series, hookimpl


class Drawing(Analyzer):
    name = "drawing"
    metrics = (Metric("found", "Modes found."),)
    series = (Series("modes", "found", "found", "modes"),)

    def measure(self, study):
        yield Measurement("found", 3)


@hookimpl
def wganalyze_analyzers():
    return [Drawing]
"""


def test_which_figures_an_analyzer_joins_is_on_record(trainer: Any, write_plugin: WritePlugin) -> None:
    """So that they are drawn where the plugin is not."""
    write_plugin("drawing_plugin", DRAWING)
    first = trainer.run("drawing")
    line = {"figure": "modes", "values": "found", "label": "found", "panel": "modes", "over": "", "reference": False}
    assert first.run["series"] == {"drawing": [line]}
    assert first.plot.modes().axes[0].get_ylabel() == "modes"
    assert trainer.run("snapshot").run["series"] == {"drawing": [line], "snapshot": []}


# The folder of the report


def test_a_folder_with_another_report_is_left_alone(trainer: Any, tmp_path: Path) -> None:
    trainer.run()
    before = {path: path.read_bytes() for path in trainer.report.rglob("*") if path.is_file()}
    other = tmp_path / "other"
    shutil.copytree(trainer.folder, other)
    moved = replace(trainer, folder=other)
    with pytest.raises(UsageError, match=rf"--out .*: holds the report of {trainer.folder}; name another folder"):
        moved.run(out=trainer.report)
    assert {path: path.read_bytes() for path in trainer.report.rglob("*") if path.is_file()} == before


def test_a_folder_that_holds_something_else_is_left_alone(trainer: Any, tmp_path: Path) -> None:
    for out in (trainer.folder, tmp_path):
        with pytest.raises(UsageError, match="is not empty and holds no report; name another folder"):
            trainer.run(out=out)
    with pytest.raises(UsageError, match="is a file; name a folder"):
        trainer.run(out=trainer.factories)
    assert not (trainer.folder / "_cells").exists()


def test_a_run_that_has_only_begun_is_no_stranger(trainer: Any) -> None:
    """It has the lock, and is about to write its record."""
    lock, begun = Layout(trainer.report).lock, threading.Event()

    def begin() -> None:
        with locked(lock):
            draft_of(Layout(trainer.report).run).touch()
            begun.set()
            time.sleep(0.5)

    other = threading.Thread(target=begin)
    other.start()
    assert begun.wait(60)
    assert trainer.run().run["status"] == "complete"
    other.join()


def test_a_run_that_was_killed_as_it_began_is_no_stranger(trainer: Any) -> None:
    lock = Layout(trainer.report).lock
    killed = f"claim = claimed(Path({str(lock)!r}))\nclaim.__enter__()\nos._exit(9)\n"
    imports = "import os\nfrom pathlib import Path\nfrom wganalyze.report.claims import claimed\n"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    assert subprocess.run([sys.executable, "-c", imports + killed], env=environment, check=False).returncode == 9
    assert lock.is_file()
    assert trainer.run().run["status"] == "complete"


def test_what_a_run_beside_this_one_declared_stays(trainer: Any) -> None:
    """Neither has read what the other one wrote when it began."""
    beside, report = trainer.run("kmeans").run, trainer.report
    record = RunRecord(Layout(report).run, {"source": beside["source"]}, metrics={"a": []}, series={"a": []})
    record.write(status="complete")
    stranger = RunRecord(Layout(report).run, {"source": "elsewhere"})
    with pytest.raises(UsageError, match=rf"holds the report of {beside['source']}; name another folder"):
        stranger.write(status="running")
    now = Report(report).run
    assert now["metrics"] == {**beside["metrics"], "a": []}
    assert now["series"] == {**beside["series"], "a": []}
    assert now["snapshots"] == beside["snapshots"]
    assert now["verdicts"] == beside["verdicts"]


@pytest.mark.parametrize("name", ["_run.json", "_plan.json"])
@pytest.mark.parametrize("content", ["", "[]", "{}", "{", "null", '{"slots": 3}'])
def test_a_damaged_report_is_named(trainer: Any, name: str, content: str) -> None:
    trainer.run()
    (trainer.report / name).write_text(content)
    with pytest.raises(WganalyzeError, match=rf"ckpt-report.*{name}.* is damaged"):
        trainer.run()


def test_a_report_inside_the_folder_is_no_checkpoint(trainer: Any) -> None:
    inside = trainer.folder / "report"
    trainer.run(out=inside)
    assert trainer.run(out=inside).run["cells"]["reused"] == 3
