"""The table of the Wasserstein-1 benchmark where it needs no training, and its critics' constants; writes README.md."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from machine import machine
from readme import write
from w1_benchmark import OURS_N, PUBLISHED_N, measured, pair, published

from wganalyze.running.opened import open_request
from wganalyze.running.request import Request
from wganalyze.transport import wasserstein
from wganalyze_plugins.lipschitz import bracket

DIMS, WIDTHS = (2, 4, 8, 16, 32, 64, 128), (4, 64)


def laws(field: Path) -> Iterator[str]:
    """The truth, and the exact value of 4,096 on 4,096 samples, beside the published ones."""
    yield "| D | width | true W1, published | ours | exact on samples, published | ours | s |"
    yield "|---|---|---|---|---|---|---|"
    for dim in DIMS:
        for width in WIDTHS:
            law, table, rng = pair(field, dim, width), published(field, dim, width), np.random.default_rng(9001)
            lengths = np.linalg.norm(np.subtract(*law.paired(OURS_N, rng)), axis=1)
            x, y = law.paired(PUBLISHED_N, rng)[0], law.uniform(PUBLISHED_N, rng)
            begun = time.perf_counter()
            found = wasserstein(x, y)
            seconds = time.perf_counter() - begun
            assert found.exact
            error = math.sqrt(sum(side.var() for side in found.potentials) / PUBLISHED_N)
            yield (
                f"| {dim} | {width} | {table['true'].cost:.4f} ± {lengths.std() / PUBLISHED_N**0.5:.4f} "
                f"| {lengths.mean():.4f} ± {lengths.std() / OURS_N**0.5:.4f} "
                f"| {table['dot'].cost:.4f} ± {error:.4f} | {found.value:.4f} ± {error:.4f} | {seconds:.2f} |"
            )


def critics(field: Path) -> Iterator[str]:
    """Gaps of the stored critics in the plane, and brackets of their constants."""
    yield "| width | critic | gap, published | ours | Lipschitz, lower | upper | certificate | by | s |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for width in WIDTHS:
        law, table = pair(field, 2, width), published(field, 2, width)
        x = torch.from_numpy(law.paired(64, np.random.default_rng(0))[0])
        for snapshot in open_request(Request(field / f"w1-benchmark/critics/width_{width}")).snapshots:
            method, critic = snapshot.label.removeprefix("method_").replace("_", "-"), snapshot.critic
            method = method.replace("wgan-rev", "wgan_rev")
            assert critic is not None
            ours = measured(critic.eval(), law)
            sign = -1 if method == "3p-wgan_rev" else 1
            begun = time.perf_counter()
            found = bracket(critic, around=x, steps=5)
            seconds = time.perf_counter() - begun
            error = ours.spread / PUBLISHED_N**0.5
            yield (
                f"| {width} | {method} | {table[method].cost:.4f} ± {error:.4f} | {sign * ours.cost:.4f} "
                f"| {found.lower:.9g} | {found.upper:.9g} | {found.certificate} | {found.methods[1]} | {seconds:.1f} |"
            )


@pytest.mark.bench
@pytest.mark.field
@pytest.mark.timeout(3600)
def test_published_rows(field: Path) -> None:
    write("published rows", [machine(), "", *laws(field), "", *critics(field)])
