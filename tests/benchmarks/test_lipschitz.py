"""Brackets of Lipschitz constants beside what other libraries say, in one process, in minutes; writes README.md."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass

import pytest
import torch
from critics import Case, cases
from machine import machine
from peers_lipschitz import LOWER, UPPER, Bound, NotApplicable
from readme import write
from torch import nn

from wganalyze_plugins.lipschitz import Bracket, bracket
from wganalyze_plugins.lipschitz.bounds.ladder import climb
from wganalyze_plugins.lipschitz.bounds.reading.tracing import trace

ROUNDING = 1e-4
"""Of peers, which count in float32."""
SLACK = 1.001
"""By which our upper end may exceed a peer's."""


@dataclass(frozen=True)
class Said:
    """A peer's number, or in words why there is none; ``seconds`` of wall."""

    value: float
    reason: str
    seconds: float


@dataclass(frozen=True)
class Result:
    """Of one case; ``product``: of norms, where it alone is asked for, which proves less of each norm."""

    name: str
    ours: Bracket
    seconds: float
    product: float
    product_seconds: float
    said: Mapping[str, Said]

    def is_wrong(self, peer: str) -> bool:
        """Is it refuted by a slope that we evaluated, or, from below, by our bound?"""
        value = self.said[peer].value
        if peer in UPPER:
            return value < self.ours.lower * (1 - ROUNDING)
        return value > self.ours.upper * (1 + ROUNDING)


def asked(peer: Bound, case: Case) -> Said:
    """A peer, that may refuse."""
    begun = time.perf_counter()
    try:
        value, reason = peer(case.critic, case.x), ""
    except NotApplicable:
        value, reason = math.nan, "-"
    except ModuleNotFoundError:
        value, reason = math.nan, "not installed"
    except Exception as error:  # each refuses in its own way
        value, reason = math.nan, f"refuses: {type(error).__name__}"
    return Said(value, reason, time.perf_counter() - begun)


def result(case: Case) -> Result:
    """Ours and theirs."""
    begun = time.perf_counter()
    ours = bracket(case.critic, around=case.x)
    seconds = time.perf_counter() - begun
    begun = time.perf_counter()
    alone = climb(trace(case.critic.double(), tuple(case.x.shape[1:])), product_only=True)
    product_seconds = time.perf_counter() - begun
    case.critic.float()
    said = {name: asked(peer, case) for name, peer in (UPPER | LOWER).items()}
    return Result(case.name, ours, seconds, alone.best.value, product_seconds, said)


def line(found: Result) -> str:
    """Of the table."""
    ours = found.ours
    cells = [
        found.name,
        f"{ours.lower:.4g}",
        f"{ours.upper:.4g}",
        ours.certificate,
        f"{ours.ratio:.3f}",
        f"{found.seconds:.2f}",
        f"{found.product:.4g}",
        f"{found.product_seconds:.2f}",
    ]
    for peer, said in found.said.items():
        wrong = "**wrong** " if found.is_wrong(peer) else ""
        cells.append(said.reason or f"{wrong}{said.value:.4g} ({said.seconds:.2g} s)")
    return f"| {' | '.join(cells)} |"


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_lipschitz_brackets() -> None:
    plain = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 1))
    result(Case("what is loaded at the first call", plain, torch.randn(8, 2)))
    results, lines = [], []
    for case in cases():
        results.append(result(case))
        lines.append(line(results[-1]))
        print(lines[-1])
    columns = ["lower", "upper", "certificate", "upper / lower", "s", "product alone", "s", *UPPER, *LOWER]
    head = [f"| critic | {' | '.join(columns)} |", "|---" * (len(columns) + 1) + "|"]
    write("lipschitz", [machine(), "", *head, *lines])
    for found in results:
        ours = found.ours
        assert ours.lower <= ours.upper <= found.ours.rungs[0].value, found.name
        assert ours.upper < math.inf, (found.name, ours.reason)
        for peer in UPPER:
            if not found.is_wrong(peer) and not found.said[peer].reason:
                assert ours.upper <= SLACK * found.said[peer].value, (found.name, peer)
        for peer in LOWER:
            if not found.is_wrong(peer) and not found.said[peer].reason:
                assert ours.lower >= found.said[peer].value * (1 - ROUNDING), (found.name, peer)
