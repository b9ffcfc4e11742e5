"""Constructed evidence: what reports would say of runs whose numbers are chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pytest

from wganalyze import Evidence, TrainingRun

Numbers = Mapping[str, float | Sequence[float]]
"""Metrics ("analyzer.metric", or "analyzer.metric@space") to a value, or to one for each step."""

Build = Callable[..., Evidence]


class Builder:
    """Gathers rows and runs."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.runs: list[TrainingRun] = []
        theta = [k / 8 for k in range(9)]
        lines = pd.DataFrame({"theta": theta, "js": [0.0, *[math.log(2)] * 8], "w1": theta})
        self.tables: dict[str, pd.DataFrame] = {"divergences.lines": lines}

    def run(self, method: str, seed: int, numbers: Numbers, **facts: Any) -> Builder:
        """A training run; ``estimate=(...)`` is what its trainer recorded, by step."""
        name = f"{method}-{seed}-{len(self.runs)}"
        said = facts.pop("estimate", ())
        steps = 1 + max([0, len(said) - 1, *(len(v) - 1 for v in numbers.values() if isinstance(v, tuple))])
        known = {"method": method, "seed": seed, **facts}
        by_step = {k + 1: {**known, **({"estimate": said[k]} if said else {})} for k in range(steps)}
        self.runs.append(TrainingRun(name, known, by_step))
        for metric, values in numbers.items():
            series = values if isinstance(values, tuple) else (values,) * steps
            for step, value in enumerate(series, start=1):
                self.row(metric, value, run=name, method=method, step=step)
        return self

    def row(self, metric: str, value: float, **more: Any) -> Builder:
        """A row; ``spread`` makes an interval about the value."""
        analyzer, _, rest = metric.partition(".")
        name, _, space = rest.partition("@")
        half = more.pop("spread", None)
        low, high = (None, None) if half is None else (value - half, value + half)
        known = {
            "run": "r",
            "method": "",
            "step": 1,
            "n": 64,
            "n_split": 256,
            "ci_low": low,
            "ci_high": high,
            "ci_method": "t",
        }
        place = {"analyzer": analyzer, "metric": name, "embedding": space or None, "value": value}
        self.rows.append({**known, **more, **place, "snapshot": f"{more.get('run', 'r')}/{more.get('step', 1)}"})
        return self

    def evidence(self) -> Evidence:
        """What was gathered."""
        columns = ["run", "method", "snapshot", "step", "analyzer", "metric", "embedding", "value", "n", "n_split"]
        frame = pd.DataFrame(self.rows, columns=[*columns, "ci_low", "ci_high", "ci_method"])
        frame = frame.astype(dict.fromkeys(("value", "ci_low", "ci_high"), float))
        return Evidence("made", self.runs, frame, self.tables.__getitem__)


@pytest.fixture
def builder() -> Builder:
    """An empty one."""
    return Builder()
