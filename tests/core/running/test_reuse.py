"""What did not change is not computed again, and what changed is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

WriteAnalyzers = Callable[..., None]


def test_what_did_not_change_is_reused_and_said(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(quick="pass")
    trainer.run("snapshot")
    report = trainer.run("snapshot", "quick")
    assert report.exit_code == 0
    assert report.run["cells"] == {"ok": 3, "failed": 0, "skipped": 0, "reused": 3}
    assert f"3 of 6 cells were reused from {trainer.report}" in trainer.events.notes
    assert trainer.events.outcomes == ["reused", "ok"] * 3
    assert trainer.run("snapshot", "quick").run["cells"]["reused"] == 6
    assert f"6 of 6 cells were reused from {trainer.report}" in trainer.events.notes


def test_good_results_that_a_failed_run_hides_are_kept_and_said(trainer: Any) -> None:
    good = trainer.run("snapshot", range=(-1, 1)).summary
    trainer.edit("0.2", "0.2, no_such_argument=1")
    broken = trainer.run("snapshot", range=(-1, 1))
    assert broken.run["cells"]["failed"] == 3
    (note,) = [note for note in trainer.events.notes if "hidden by what failed" in note]
    assert note.startswith(f"3 earlier results are kept in {trainer.report}")
    trainer.edit("0.2, no_such_argument=1", "0.2")
    again = trainer.run("snapshot", range=(-1, 1))
    assert again.run["cells"] == {"ok": 0, "failed": 0, "skipped": 0, "reused": 3}
    pd.testing.assert_frame_equal(again.summary, good)


def change_slope(trainer: Any) -> None:
    trainer.edit("0.2", "0.1")


def change_weights(trainer: Any) -> None:
    for step in trainer.steps:
        trainer.mend(f"D_step_{step}.pt", lambda tensor: tensor + 0.5)


@pytest.mark.parametrize("change", [change_slope, change_weights])
def test_other_networks_are_analysed_again(trainer: Any, change: Callable[[Any], None]) -> None:
    # A range that is said: one that is found would be another assumption, and so another cell already.
    trainer.run(range=(-1, 1))
    change(trainer)
    assert trainer.run(range=(-1, 1)).run["cells"] == {"ok": 3, "failed": 0, "skipped": 0, "reused": 0}


def test_only_the_snapshot_that_changed_is_analysed_again(trainer: Any) -> None:
    trainer.run(range=(-1, 1))
    trainer.mend("G_step_10.pt", lambda tensor: tensor + 0.5)
    assert trainer.run(range=(-1, 1)).run["cells"] == {"ok": 1, "failed": 0, "skipped": 0, "reused": 2}


@pytest.mark.parametrize("more", [{"seed": 1}, {"n": 41}, {"replicates": 3}, {"range": (0, 1)}, {"orientation": 1}])
def test_another_request_is_another_cell(trainer: Any, more: dict[str, Any]) -> None:
    first = trainer.run()
    assert trainer.run(**more).run["cells"]["reused"] == 0
    again = trainer.run()
    assert again.run["cells"]["reused"] == 3
    pd.testing.assert_frame_equal(again.measurements, first.measurements)


def test_a_module_that_was_edited_is_imported_anew(trainer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process, as in a notebook: by MODULE:NAME, and through a module that it imports."""
    folder = trainer.factories.parent
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(str(folder))
    (folder / "my_layers.py").write_text("SLOPE = 0.2\n")
    trainer.edit("nn.LeakyReLU(0.2)", "nn.LeakyReLU(my_layers.SLOPE)")
    trainer.edit("from torch import nn", "import my_layers\nfrom torch import nn")
    trainer.factories.rename(folder / "my_nets.py")
    nets = {"generator": "my_nets:Generator", "critic": "my_nets:Critic"}
    trainer.run(**nets)
    assert trainer.run(**nets).run["cells"]["reused"] == len(trainer.steps)
    (folder / "my_layers.py").write_text("SLOPE = 0.1\n")
    assert trainer.run(**nets).run["cells"]["ok"] == len(trainer.steps)


def test_the_module_of_factories_runs_once_a_run(trainer: Any) -> None:
    log = trainer.factories.with_name("imports.log")
    definition = f"class Log:\n    open({str(log)!r}, 'a').write('x')"
    trainer.edit("from torch import nn", f"from torch import nn\n{definition}\n")
    for runs in (1, 2):
        trainer.run()
        assert log.read_text() == "x" * runs


def test_words_in_the_factory_file_change_nothing(trainer: Any) -> None:
    trainer.run()
    trainer.edit("from torch", "# A comment.\nfrom torch")
    assert trainer.run().run["cells"]["reused"] == 3


def test_a_failed_and_a_skipped_cell_are_tried_again(
    trainer: Any, write_analyzers: WriteAnalyzers, tmp_path: Path
) -> None:
    trouble = tmp_path / "trouble"
    write_analyzers(
        fragile=f"assert not Path({str(trouble)!r}).exists(), 'it broke'",
        shy=f"if Path({str(trouble)!r}).exists(): raise NotMeasurable('not now')",
    )
    trouble.touch()
    for attempt in range(2):
        first = trainer.run("fragile", "shy", "snapshot")
        assert first.exit_code == 1
        assert first.run["cells"] == {"ok": 0 if attempt else 3, "failed": 3, "skipped": 3, "reused": 3 * attempt}
        bad = first.measurements[first.measurements["status"] != "ok"]
        bad = bad[bad["metric"] == ""]
        assert Counter(zip(bad["status"], bad["message"], strict=True)) == {
            ("failed", "AssertionError: it broke"): 3,
            ("skipped", "not now"): 3,
        }
    trouble.unlink()
    second = trainer.run("fragile", "shy", "snapshot")
    assert second.exit_code == 0
    assert second.run["cells"] == {"ok": 6, "failed": 0, "skipped": 0, "reused": 3}
    assert set(second.measurements["status"]) == {"ok"}


def test_what_another_run_found_stays_in_the_report(trainer: Any, write_analyzers: WriteAnalyzers) -> None:
    write_analyzers(quick="pass")
    trainer.run("snapshot")
    report = trainer.run("quick")
    assert set(report.measurements["analyzer"]) == {"snapshot", "quick"}
