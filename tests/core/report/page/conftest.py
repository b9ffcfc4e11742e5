"""Shared by the tests of pages: a report of two training runs with everything in it, and a reader of HTML."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wganalyze.contracts.measurement import Headline, Metric
from wganalyze.contracts.picture import Picture
from wganalyze.report.reading import Report, open_report
from wganalyze.statistics import student_t

WriteCell = Callable[..., str]
WriteReport = Callable[..., Path]
VOID = {"meta", "link", "img", "br", "wbr", "path", "circle"}
STEPS = (10, 3000)
RUNS = ("lr=1/wgan", "lr=1/gp")
METRICS = (
    Metric("ugly", "How ugly.", direction="lower", headline=Headline("ugly")),
    Metric("size", "How large.", headline=Headline("size")),
)
A = [1.0, 1.3, 0.9, 1.1, 0.8]


@dataclass
class Element:
    """An element as it was written, and the text in it."""

    tag: str
    attributes: dict[str, str | None]
    text: str = ""
    inside: tuple[str, ...] = ()


@dataclass
class Html(HTMLParser):
    """Every element of a page; fails where one is closed that was not opened."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, dict(attrs), inside=tuple(each.tag for each in self.open))
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop().tag == tag, f"</{tag}> is out of place"

    def handle_data(self, data: str) -> None:
        for element in self.open:
            element.text += data

    def all(self, *tags: str) -> list[Element]:
        """The elements of these tags, in order."""
        return [each for each in self.elements if each.tag in tags]


@pytest.fixture(scope="session")
def parsed() -> Callable[[str], Html]:
    """Reads a page; its elements are all closed, in order."""

    def parse(text: str) -> Html:
        reader = Html()
        reader.feed(text)
        reader.close()
        assert reader.open == []
        return reader

    return parse


@pytest.fixture
def write_report(tmp_path: Path, write_cell: WriteCell, wgan_metrics: tuple[Metric, ...]) -> WriteReport:
    """Writes a report of two training runs with numbers, findings, pictures, verdicts and what was assumed.

    ``said``: what its texts of strangers say beside that.
    """

    def write(name: str = "all", said: str = "", steps: tuple[int, ...] = STEPS, **run: Any) -> Path:
        report = tmp_path / name
        report.mkdir()
        snapshots = []
        for at, folder in enumerate(RUNS):
            for step in steps:
                label = f"{folder}{said}/step_{step}"
                value = 3 + at + 10 / step
                numbers: dict[str, Any] = {
                    "w1": {"value": value, "ci_low": value - 0.1, "ci_high": value + 0.1, "n": 100,
                           "space": f"euclidean{said}", "message": f"n = 100{said}"},
                    "w1_floor": {"value": 2.5, "scope": "data"},
                    "dual_raw": value / 2,
                    "dual_zero": 1.0,
                    "lipschitz_lower": 1.5 + at,
                    "lipschitz_upper": 1.5 + at + step / 10,
                    "own": {"value": None, "status": "skipped", "message": f"no rule{said}"},
                }  # fmt: skip
                told = {"level": "warning", "code": "c", "message": f"too far{said}", "evidence": ["w1", "a fact"]}
                pixels = np.full((8, 8), 20 * at + step % 100, np.uint8)
                pictures = [
                    Picture.of_pixels("samples", f"Generated.{said}", pixels, alt=f"grey{said}"),
                    Picture.of_pixels("reals", "Real.", np.zeros((8, 8), np.uint8)),
                ]
                write_cell(report, label, numbers, step=step, metrics=wgan_metrics, findings=[told], pictures=pictures,
                           embedding="pixels", data_id="d1", seed=0, n_split=100, digest="f" * 64)  # fmt: skip
                files = [f"/data/{label}.pt"]
                snapshots.append({"label": label, "step": step, "files": files, "assumptions": [f"latent{said}"]})
        for folder in RUNS:
            label = f"{folder}{said}/step_{steps[-1]}"
            reason = {"": {"message": f"ValueError{said}"}}
            write_cell(report, label, reason, analyzer=f"broken{said}", status="failed", step=steps[-1])
        path = report / "_run.json"
        verdicts = [
            {"run": f"{folder}{said}", "labels": [f"{folder}{said}/step_{step}" for step in steps],
             "sentences": [{"text": f"Far.{said}", "rank": 1, "evidence": ["w1", "w1_floor"]}]}
            for folder in RUNS
        ]  # fmt: skip
        series = [
            {
                "figure": "critic",
                "values": "w1",
                "label": f"distance{said}",
                "panel": "beside",
                "over": "",
                "reference": False,
            },
            {
                "figure": "critic",
                "values": "dual_raw",
                "label": "loss",
                "panel": "beside",
                "over": "",
                "reference": False,
            },
        ]
        data = {"source": f"digits{said}", "n": 100, "replicates": 3, "seed": 7, "held_out": True}
        record = {"command": ["wganalyze", "run", f"a b{said}"], "status": "complete", "versions": {"torch": "2.13.0"},
                  "data": data, "verdicts": verdicts, "series": {"a": series}, **run}  # fmt: skip
        path.write_text(json.dumps({**json.loads(path.read_text()), **record, "snapshots": snapshots}))
        return report

    return write


@pytest.fixture
def runs(tmp_path: Path, write_cell: WriteCell) -> Callable[..., Report]:
    """Writes a report of runs: their values by replicate, moved up by about so much."""

    def write(name: str, moved: dict[str, float], seeds: dict[str, int] | None = None, **common: Any) -> Report:
        folder = tmp_path / name
        folder.mkdir()
        entries = []
        for run, by in moved.items():
            rows = {}
            for metric in METRICS:
                values = [value + by * (1 + at / 10) for at, value in enumerate(A)]
                ends = student_t(values).interval
                assert ends is not None
                rows[metric.name] = {"value": sum(values) / 5, "values": values, "replicates": 5, "n": 50,
                                     "ci_low": ends.low, "ci_high": ends.high, "direction": metric.direction,
                                     "plugin": "stranger"}  # fmt: skip
            setting = {"seed": 0, "data_id": "d", "n_split": 50, "step": 3, "digest": run, **common}
            write_cell(folder, f"{run}/s3", rows, metrics=METRICS, **setting)
            facts = {"seed": seeds[run]} if seeds else {}
            entries.append({"label": f"{run}/s3", "step": 3, "files": [], "assumptions": [], "facts": facts})
        report = open_report(folder)
        report.run["snapshots"] = entries
        return report

    return write
