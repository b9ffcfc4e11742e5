"""Claims put to reports."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wganalyze.contracts.claim import Claim, Verdict
from wganalyze.contracts.evidence import Evidence
from wganalyze.errors import NotMeasurable, UsageError
from wganalyze.report.evidence import evidence_of
from wganalyze.report.reading import Report
from wganalyze.text import reason_of

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("claim", "statement", "source", "data", "answer", "reason", "seeds", "numbers", "plugin")


def judge_all(claims: Mapping[str, Claim], reports: Sequence[Report], only: Iterable[str] = ()) -> pd.DataFrame:
    """A row for each claim and data set, in the order of the claims; ``numbers`` is JSON.

    UsageError where ``only`` names a claim that there is none of.
    """
    import pandas as pd

    names = [*dict.fromkeys(only)] or sorted(claims, key=lambda name: (claims[name].rank, name))
    unknown = [name for name in names if name not in claims]
    if unknown:
        raise UsageError(f"--only {unknown[0]}: no claim is called so; there are: {', '.join(sorted(claims))}")
    evidence = evidence_of(reports)
    rows = [_row(claims[name], each) for name in names for each in evidence]
    return pd.DataFrame(rows, columns=[*COLUMNS])


def _row(claim: Claim, evidence: Evidence) -> dict[str, Any]:
    verdict = judge(claim, evidence)
    return {
        "claim": claim.name,
        "statement": claim.statement,
        "source": claim.source,
        "data": evidence.data,
        "answer": verdict.answer,
        "reason": _of_few(verdict),
        "seeds": verdict.seeds,
        "numbers": json.dumps([asdict(number) for number in verdict.numbers]),
        "plugin": type(claim).__module__,
    }


def judge(claim: Claim, evidence: Evidence) -> Verdict:
    """A claim's verdict; one that fails, in whatever way, is not testable and says why."""
    try:
        return claim.judge(evidence)
    except NotMeasurable as missing:
        return Verdict("not testable", f"{missing}" if str(missing) else claim.needs)
    except (Exception, SystemExit) as error:  # it may be a stranger's
        return Verdict("not testable", f"the claim failed ({reason_of(error)})")


def _of_few(verdict: Verdict) -> str:
    """No answer comes from one seed without saying so."""
    if verdict.answer == "not testable" or verdict.seeds != 1:
        return verdict.reason
    return f"from ONE seed: {verdict.reason}"
