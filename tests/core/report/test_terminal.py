"""A report in a terminal: everything a reader asks first, and no number cut."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wganalyze.contracts.measurement import Metric
from wganalyze.report.reading import open_report
from wganalyze.report.terminal import render

WriteCell = Callable[..., str]
Show = Callable[..., str]
Metrics = tuple[Metric, ...]

FIGURES = {
    "w1": {"value": 12.3456, "ci_low": 12.101, "ci_high": 12.602, "n": 2000, "space": "euclidean, range [-1, 1]"},
    "w1_floor": 11.98765,
    "w1_pvalue_holm": 5e-4,
    "dual_raw": -1234.5,
    "dual_ratio": -0.0001234,
    "dual_c_best_scale": 12.111,
    "dual_zero": 11.111,
    "lipschitz_lower": 1.2345,
    "lipschitz_upper": 123456.0,
}
SHOWN = ("12.35", "12.10", "12.60", "11.99", "5.00e-04", "-1234", "-1.23e-04", "98%", "(90%)", "1.234", "1.23e+05")
ROWS = ("12.35", "12.10", "12.60", "11.99", "5.00e-04", "-1234", "-1.23e-04", "12.11", "11.11", "1.234", "1.23e+05")


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Show:
    """Renders in a terminal of that width (None: into a file), and returns what is read there."""

    def rendered(report: Path, width: int | None = None, **chosen: Any) -> str:
        for name in ("FORCE_COLOR", "NO_COLOR", "COLUMNS", "TTY_COMPATIBLE"):
            monkeypatch.delenv(name, raising=False)
        if width is not None:
            monkeypatch.setenv("TERM", "xterm")
            monkeypatch.setenv("FORCE_COLOR", "1")
            monkeypatch.setenv("COLUMNS", str(width))
        render(open_report(report), **chosen)
        return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)

    return rendered


@pytest.mark.parametrize("width", [None, 140, 118, 100, 80, 50])
@pytest.mark.parametrize("label", ["G.pt", "wgan-gp/some_run/checkpoints/G_epoch_0000100.pt"])
def test_no_number_is_cut_at_any_width(
    width: int | None, label: str, report: Path, write_cell: WriteCell, show: Show, wgan_metrics: Metrics
) -> None:
    write_cell(report, label, FIGURES, step=100000, metrics=wgan_metrics)
    for chosen in ({}, {"metrics": ["*"]}):
        text = show(report, width, **chosen)
        assert "…" not in text
        for figure in SHOWN if not chosen else (*ROWS, "2000"):
            assert re.search(rf"(?<![\d.]){re.escape(figure)}(?!\d)", text), (figure, text)
        table = [line.rstrip() for line in text.splitlines() if "/tmp" not in line]  # but for a long path
        assert max(map(len, table)) <= max(width or 140, 80)
    assert "100000" in show(report, width)


def test_a_wide_terminal_has_a_snapshot_on_a_line(
    report: Path, write_cell: WriteCell, show: Show, wgan_metrics: Metrics
) -> None:
    write_cell(report, "G_100.pt", FIGURES, step=100, metrics=wgan_metrics)
    for width in (None, 140):
        text = show(report, width)
        assert re.search(r"G_100\.pt\D+100\D+12\.35 \[12\.10, 12\.60\]\D+11\.99\D.*\[1\.234, 1\.23e\+05\]", text)
        for title in ("W1 [95% CI]", "floor", "p (Holm)", "dual/W1", "best (f=0)", "Lipschitz K", "ckpt-report"):
            assert title in text
        assert "n = 2000. Space: euclidean, range [-1, 1]." in text
        assert "W1: the distance. floor: W1 between two real samples. p: told apart?" in " ".join(text.split())
        assert "pd.read_parquet(" in text


def test_what_has_no_number_is_a_dash_and_an_open_end_is_said(
    report: Path, write_cell: WriteCell, show: Show, wgan_metrics: Metrics
) -> None:
    write_cell(report, "G.pt", {"w1": 1.0, "lipschitz_lower": 2.0}, step=None, metrics=wgan_metrics)
    write_cell(report, "H.pt", dict.fromkeys(FIGURES, 1.0), analyzer="other", step=None)
    dashes = r"\s+- │" * 5
    assert re.search(rf"G\.pt +│\s+- │\s+1\.000 │{dashes}\s+\[2\.000, none\]", show(report))


def test_a_strangers_numbers_are_shown_and_no_column_of_dashes(
    report: Path, write_cell: WriteCell, show: Show, wgan_metrics: Metrics
) -> None:
    write_cell(report, "G.pt", {"sharpness": 3.5, "spread": 2.25}, metrics=(Metric("sharpness", "help"),))
    write_cell(report, "G.pt", analyzer="not run", metrics=wgan_metrics)
    text = show(report)
    assert re.search(r"snapshot ┃ step ┃ sharpness ┃ +spread", text)
    assert re.search(r"G\.pt +│ +1 │ +3\.500 │ +2\.250", text)
    assert not re.search(r"│ +- ", text)
    assert "W1" not in text


def test_findings_are_ranked_grouped_and_name_their_evidence(report: Path, write_cell: WriteCell, show: Show) -> None:
    same = {"level": "info", "code": "floor", "message": "not told apart at n = 64", "evidence": ["w1_pvalue"]}
    fault = {"level": "fault", "code": "bad", "message": "weak duality fails", "evidence": ["w1", "dual_c"]}
    for label in ("a", "b", "c"):
        write_cell(report, label, {"w1": 1.0}, findings=[same, fault] if label == "c" else [same], step=None)
    text = show(report)
    told = text[text.index("Findings") :]
    assert re.search(r"fault\s+c: weak duality fails  \(w1, dual_c\)", told)
    assert re.search(r"info\s+a and 2 more: not told apart at n = 64  \(w1_pvalue\)", told)
    assert told.index("fault") < told.index("info")
    assert told.count("not told apart") == 1
    only = show(report, snapshots=["a"])
    assert "weak duality" not in only
    assert re.search(r"info\s+a: not told apart", only)


def test_failed_and_skipped_analyzers_are_told_with_their_reason(
    report: Path, write_cell: WriteCell, show: Show
) -> None:
    for label in ("a", "b"):
        write_cell(report, label, {"": {"message": "no --data"}}, analyzer="exact-w", status="skipped")
    write_cell(report, "b", {"": {"message": "ValueError: x"}}, analyzer="kmeans", status="failed")
    write_cell(report, "b", {"": {}}, analyzer="mute", status="failed")
    text = show(report)
    assert "skipped exact-w on a, b: no --data" in text
    assert "failed kmeans on b: ValueError: x" in text
    assert "failed mute on b: " in text
    assert "Findings" not in text


def test_a_headline_without_a_number_has_its_reason(
    report: Path, write_cell: WriteCell, show: Show, wgan_metrics: Metrics
) -> None:
    for label in ("a", "b", "c"):
        absent = {"value": None, "status": "skipped", "message": "1: no rule for GroupSort"}
        numbers = {"lipschitz_lower": 1.0, "lipschitz_upper": absent, "unseen": absent}
        write_cell(report, label, numbers, metrics=wgan_metrics)
    text = show(report)
    assert "no lipschitz_upper of a and 2 more: 1: no rule for GroupSort" in text
    assert text.count("GroupSort") == 1


@pytest.mark.parametrize(("status", "told"), [("complete", False), ("interrupted", True), ("running", True)])
def test_a_run_that_did_not_end_is_said(
    status: str, told: bool, report: Path, write_cell: WriteCell, show: Show
) -> None:
    write_cell(report, "a", {"w1": 1.0})
    (report / "_run.json").write_text(json.dumps({"status": status, "snapshots": []}))
    assert (f"The last run did not come to its end ({status})" in show(report)) is told
    (report / "_run.json").write_text("{")
    assert "_run.json is damaged: the numbers are shown without" in show(report)


def test_assumptions_are_told_once_for_all_snapshots(report: Path, write_cell: WriteCell, show: Show) -> None:
    labels = ["a", "b", "c"]
    for label in labels:
        write_cell(report, label, {"w1": 1.0})
    snapshots = [{"label": label, "assumptions": ["latent law: standard normal"]} for label in labels]
    snapshots[0]["assumptions"] = [*snapshots[0]["assumptions"], "range [-1, 1]"]
    (report / "_run.json").write_text(json.dumps({"snapshots": snapshots}))
    text = show(report)
    assert "a and 2 more: latent law: standard normal" in text
    assert "a: range [-1, 1]" in text
    assert "range" not in show(report, snapshots=["b"])


def test_where_steps_were_read_is_told_once(report: Path, write_cell: WriteCell, show: Show) -> None:
    snapshots = [
        {
            "label": f"s{k}",
            "step": k,
            "assumptions": [f"step {k} read from the name 'critic_{k}'", f"latent shape ({k},)"],
        }
        for k in (1, 2, 3)
    ]
    for snapshot in snapshots:
        write_cell(report, str(snapshot["label"]), {"w1": 1.0})
    (report / "_run.json").write_text(json.dumps({"snapshots": snapshots}))
    text = show(report)
    assert "s1 and 2 more: step 1 read from the name 'critic_1', and so on" in text
    assert all(f"s{k}: latent shape ({k},)" in text for k in (1, 2, 3))


def test_rows_show_value_interval_certificate_and_message(report: Path, write_cell: WriteCell, show: Show) -> None:
    numbers = {
        "w1": {"value": 6.5, "ci_low": 6.4, "ci_high": 6.6, "n": 64, "certificate": "exact"},
        "upper": {"status": "skipped", "message": "BatchNorm in train mode"},
    }
    write_cell(report, "G.pt", numbers)
    text = show(report, metrics=["*"])
    assert re.search(r"w1 +│ +6\.500 │ \[6\.400, 6\.600\] │ 64 │ exact +│ +│", text)
    assert re.search(r"upper +│ skipped │ +│ +│ +│ BatchNorm in train mode", text)
    assert "nan" not in text
    assert "None" not in text


@pytest.mark.parametrize("label", ["run[1]/G.pt", "[bold]G.pt", "[/]G.pt", "G[red].pt", ":smile:.pt"])
def test_brackets_in_names_are_no_markup(label: str, report: Path, write_cell: WriteCell, show: Show) -> None:
    finding = {"message": f"{label} [bold]is[/bold] odd", "level": "warning"}
    write_cell(report, label, {"w1": {"value": 1.0, "message": "[dim]as it is"}}, findings=[finding])
    write_cell(report, label, {"": {"message": "[/oops]"}}, analyzer="b", status="failed")
    text = show(report)
    assert f"│{label} " in text
    assert f"{label} [bold]is[/bold] odd" in text
    assert f"b on {label}: [/oops]" in text
    assert "[dim]as it is" in show(report, metrics=["w1"])


def test_an_empty_report_is_shown_empty(report: Path, show: Show) -> None:
    (report / "_plan.json").write_text('{"slots": {}}')
    for width in (None, 80):
        text = show(report, width)
        assert "snapshot" in text
        assert "Findings" not in text


@pytest.mark.parametrize("n", [64, None])
def test_too_few_permutations_are_said_once(
    report: Path, write_cell: WriteCell, show: Show, wgan_metrics: Metrics, n: int | None
) -> None:
    """Of a test of the data alone there is one, whichever snapshots carry it."""
    p = {"value": 0.04, "correction": "holm", "n": n, "seed": 0, "data_id": "d", "options": "{}"}
    for label in ("a", "b"):
        write_cell(report, label, {"w1_pvalue": {**p, "scope": "snapshot"}}, metrics=wgan_metrics)
    assert show(report).count("Holm: over 2 tests the least p of 0.04 becomes 0.08") == 1
    for label in ("a", "b"):
        write_cell(report, label, {"w1_pvalue": {**p, "scope": "data"}}, key=f"{label}" * 32)
    assert "Holm: over" not in show(report)


# Verdicts first, and what they fold away


@pytest.fixture
def judged(report: Path, write_cell: WriteCell) -> Path:
    """A trajectory with a verdict, findings of two levels, and an assumption."""
    told = [
        {"level": "fault", "code": "f", "message": "it is broken"},
        {"level": "warning", "code": "w", "message": "it is odd"},
        {"level": "warning", "code": "v", "message": "it is [odd] too"},
    ]
    write_cell(report, "gp/step_1", {"m": 1.5}, step=1, findings=told)
    write_cell(report, "alone", {"m": 2.5}, step=None)
    record = {
        "snapshots": [
            {"label": "gp/step_1", "step": 1, "assumptions": ["law: normal"]},
            {"label": "alone", "step": None, "assumptions": []},
        ],
        "verdicts": [
            {
                "run": "gp",
                "labels": ["gp/step_1"],
                "sentences": [
                    {"text": "W1 is [1, 2].", "rank": 1, "evidence": ["m"]},
                    {"text": "No more.", "rank": 2, "evidence": []},
                ],
            },
            {"run": "alone", "labels": ["alone"], "sentences": [{"text": "Alone.", "rank": 1, "evidence": []}]},
        ],
    }
    (report / "_run.json").write_text(json.dumps(record))
    return report


def test_the_verdict_stands_first_and_findings_are_counted(judged: Path, show: Show) -> None:
    lines = [line.strip() for line in show(judged).splitlines()]
    assert lines[:3] == ["gp: W1 is [1, 2]. No more.", "alone: Alone.", ""]
    text = "\n".join(lines)
    assert "it is broken" in text  # a fault is not folded away
    assert "it is odd" not in text
    assert "law: normal" not in text
    assert f"findings: 1 fault, 2 warnings; assumptions: 1 (wganalyze show {judged} --all)" in text


def test_all_of_it_on_request(judged: Path, show: Show) -> None:
    text = show(judged, whole=True)
    for part in ("gp: W1 is [1, 2].", "it is broken", "it is odd", "it is [odd] too", "law: normal"):
        assert part in text
    assert "--all" not in text


def test_a_verdict_is_about_the_snapshots_that_are_shown(judged: Path, show: Show) -> None:
    text = show(judged, snapshots=["alone"])
    assert text.startswith("alone: Alone.")
    assert "W1 is" not in text
    assert "findings:" not in text


def test_without_a_verdict_findings_are_not_folded_away(report: Path, write_cell: WriteCell, show: Show) -> None:
    write_cell(report, "s", {"m": 1.5}, findings=[{"message": "it is odd"}])
    assert "it is odd" in show(report)
