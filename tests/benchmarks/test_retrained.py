"""WGAN-GP and WGAN-LP of the Wasserstein-1 benchmark, retrained as published; writes README.md."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from machine import machine
from readme import rows, write
from w1_benchmark import PUBLISHED_N, STEPS, Row, measured, pair, published, trained, untrained

from wganalyze.running.opened import open_request
from wganalyze.running.request import Request

DIMS = [int(dim) for dim in os.environ.get("WGANALYZE_BENCH_DIMS", "2").split(",")]
WIDTHS = [int(width) for width in os.environ.get("WGANALYZE_BENCH_WIDTHS", "4").split(",")]
SCATTER = 0.06
"""Of the cost: two published runs at D = 64, width 64 differ by .056 (GP) and .046 (LP)."""
SCATTER_COS = 0.05
HEAD = (
    "| D | width | true | method | cost, published | ours | cosine, published | ours | l2, published | ours | steps |",
    "|---|---|---|---|---|---|---|---|---|---|---|",
)


def line(dim: int, width: int, method: str, table: dict[str, Row], ours: Row) -> str:
    """Of the table."""
    theirs = table[method]
    error = ours.spread / PUBLISHED_N**0.5
    return (
        f"| {dim} | {width} | {table['true'].cost:.3f} | {method} | {theirs.cost:.3f} ± {error:.3f} | {ours.cost:.3f} "
        f"| {theirs.cos:.3f} | {ours.cos:.3f} | {theirs.l2:.3f} | {ours.l2:.3f} | {STEPS:,} |"
    )


def key(row: str) -> tuple[int, int, str]:
    """What a row is of."""
    dim, width, _, method = (cell.strip() for cell in row.split("|")[1:5])
    return int(dim), int(width), method


@pytest.mark.bench
@pytest.mark.field
@pytest.mark.timeout(12 * 3600)
def test_retrained_critics(field: Path) -> None:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # of layers as small as these, two threads are slower
    lines = {key(row): row for row in rows("retrained critics")}
    wrong = []
    for dim in DIMS:
        for width in WIDTHS:
            law, table = pair(field, dim, width), published(field, dim, width)
            for method, critic in trained(law).items():
                ours, theirs = measured(critic, law), table[method]
                lines[dim, width, method] = line(dim, width, method, table, ours)
                off = abs(ours.cost - theirs.cost) > SCATTER + 3 * ours.spread / PUBLISHED_N**0.5
                if off or abs(ours.cos - theirs.cos) > SCATTER_COS:
                    wrong.append(lines[dim, width, method])
            write("retrained critics", [machine(), "", *HEAD, *(lines[each] for each in sorted(lines))])
    torch.set_num_threads(threads)
    assert not wrong, "\n".join(wrong)


@pytest.mark.field
@pytest.mark.parametrize("width", [4, 64])
def test_the_published_critics_began_as_ours(field: Path, width: int) -> None:
    """A gap has no gradient in the last bias: they still have the one that they began with."""
    opened = open_request(Request(field / f"w1-benchmark/critics/width_{width}"))
    theirs = {snapshot.label.replace("_", "-"): snapshot.critic for snapshot in opened.snapshots}
    for method, began in untrained(2).items():
        critic = theirs[f"method-{method}"]
        assert critic is not None
        (*_, last), (*_, first) = critic.parameters(), began.parameters()
        assert last.shape == (1,)
        assert torch.equal(last, first)
