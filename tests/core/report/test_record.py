"""What run.json has to look like."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.contracts.measurement import Headline, Metric
from wganalyze.report.record import Record, VerdictRecord, fits

METRIC = asdict(Metric("x", "X.", headline=Headline("x")))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*Record.__annotations__, "x"]), inner),
)


@pytest.mark.parametrize(
    ("value", "kind", "does"),
    [
        (1, int, True), (True, int, False), (1.0, int, True), (math.inf, int, False), ("1", int, False),
        (math.inf, float, True), (1, float, True), (True, bool, True), (1, bool, False),
        (None, str | None, True), (None, str, False), ([1, 2], list[int], True), ([1, "2"], list[int], False),
        ({"a": [1]}, dict[str, list[int]], True), ({"a": 1}, dict[str, list[int]], False),
        (METRIC, Metric, True), ({**METRIC, "more": 1}, Metric, False), ({"name": "x"}, Metric, False),
        ({**METRIC, "headline": {"title": 1}}, Metric, False), ({**METRIC, "direction": "of later"}, Metric, True),
        ({**METRIC, "direction": 1}, Metric, False),
        ({"run": "a", "labels": [], "sentences": [], "more": 1}, VerdictRecord, True),
        ({"run": "a", "labels": [], "sentences": [{"text": "a", "rank": 1}]}, VerdictRecord, False),
        ({}, Record, True),
        ({"snapshots": [{"label": "s", "facts": {"betas": [0.5, 0.9]}}]}, Record, True),
        ({"snapshots": [{"step": 1}]}, Record, False), ([], Record, False),
    ],
)  # fmt: skip
def test_kinds(value: object, kind: Any, does: bool) -> None:
    assert fits(value, kind) is does


@given(JSON)
def test_any_document_is_judged(value: Any) -> None:
    """And what fits stays so by way of JSON."""
    assert fits(json.loads(json.dumps(value)), Record) is fits(value, Record)
