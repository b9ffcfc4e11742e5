"""A verdict is kept by run.json as it is."""

from __future__ import annotations

import json

from wganalyze.contracts.evidence import Sentence
from wganalyze.report.verdict import RunVerdict, of_records, to_records


def test_what_is_kept_is_read_back() -> None:
    verdicts = [
        RunVerdict("gp", ("gp/1", "gp/2"), (Sentence("Near.", 1, ("w1", "floor")), Sentence("Steep.", 2))),
        RunVerdict("clip", (), ()),
    ]
    assert of_records(json.loads(json.dumps(to_records(verdicts)))) == verdicts
    assert [verdict.text for verdict in verdicts] == ["Near. Steep.", ""]
