"""The Wasserstein-1 benchmark (arXiv 2206.07767): its published table, where it needs no training, and its critics."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.field.measured import EXACT, GAPS, STEEPEST
from torch import Tensor, nn

from wganalyze.running.opened import open_request
from wganalyze.running.request import Request
from wganalyze.transport import wasserstein
from wganalyze_plugins.funnel import Funnel
from wganalyze_plugins.lipschitz import Bracket, bracket

pytestmark = pytest.mark.field

DIMS = (2, 4, 8, 16, 32, 64, 128)
WIDTHS = (4, 64)
PUBLISHED_N = 4096
ERRORS = 4.5
"""Standard errors that a number may be off: one test in 100,000 fails for what it drew."""
GAPS_N = 20_000
ROUNDED = 5e-4
SORT_OUT = {4: 0.993083, 64: 0.790062}
"""Ours: nobody published them."""


def law(field: Path, dim: int, width: int) -> Funnel:
    """A pair."""
    return Funnel(str(field / f"w1-benchmark/funnels/dim_{dim}/width_{width}/deg_8_seed_987.pt"))


def costs(field: Path, dim: int, width: int) -> dict[str, float]:
    """The published column."""
    with (field / f"w1-benchmark/published/dim_{dim}/width_{width}.csv").open() as file:
        return {row[""].replace("-", "_"): float(row["cost"]) for row in csv.DictReader(file)}


@cache
def critics(field: Path, width: int) -> Mapping[str, nn.Module]:
    """By method, in float64."""
    opened = open_request(Request(field / f"w1-benchmark/critics/width_{width}"))
    found = {snapshot.label.removeprefix("method_"): snapshot.critic for snapshot in opened.snapshots}
    return {method: critic.double().eval() for method, critic in found.items() if critic is not None}


@cache
def brackets(field: Path, width: int) -> Mapping[str, Bracket]:
    """Of the constants of these critics."""
    around = torch.cat(samples(field, width, 64))
    return {method: bracket(critic, around=around, steps=5) for method, critic in critics(field, width).items()}


def samples(field: Path, width: int, n: int) -> tuple[Tensor, Tensor]:
    """The moved and the uniform side in the plane, independent of each other."""
    pair, rng = law(field, 2, width), np.random.default_rng(7)
    return torch.from_numpy(pair.paired(n, rng)[0]), torch.from_numpy(pair.uniform(n, rng))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dim", DIMS)
def test_the_published_truth(field: Path, dim: int, width: int) -> None:
    """The mean distance of 4,096 pairs, theirs; 16 times as many, ours: and on pairs, the exact solver finds it."""
    rng = np.random.default_rng(0)
    x, y = law(field, dim, width).paired(16 * PUBLISHED_N, rng)
    lengths = np.linalg.norm(x - y, axis=1)
    error = lengths.std() * math.sqrt(1 / PUBLISHED_N + 1 / len(lengths))
    assert abs(costs(field, dim, width)["true"] - lengths.mean()) < ERRORS * error
    few = wasserstein(x[:512], y[:512])
    assert few.exact
    assert few.value == pytest.approx(lengths[:512].mean(), rel=1e-9)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("dim", DIMS)
def test_the_published_exact_value_of_samples(field: Path, dim: int, width: int) -> None:
    """Of 4,096 on 4,096 that are no pairs. Its standard error is that of the means of its optimal potentials."""
    pair, rng = law(field, dim, width), np.random.default_rng(1)
    found = wasserstein(pair.paired(PUBLISHED_N, rng)[0], pair.uniform(PUBLISHED_N, rng))
    assert found.exact
    error = math.sqrt(2 * sum(side.var() for side in found.potentials) / PUBLISHED_N)
    theirs = costs(field, dim, width)
    assert abs(theirs["dot"] - found.value) < ERRORS * error
    assert found.value > theirs["true"] - ERRORS * error  # the bias of a sample value is upward


@pytest.mark.parametrize("width", WIDTHS)
def test_gaps_of_the_critics(field: Path, width: int) -> None:
    x, y = samples(field, width, 10 * GAPS_N)
    published = costs(field, 2, width)
    assert set(published) - {"true", "dot"} == set(critics(field, width))
    for method, critic in critics(field, width).items():
        with torch.no_grad():
            real, fake = critic(x), critic(y)
        gap = float(real.mean() - fake.mean()) * (-1 if method == "3p_wgan_rev" else 1)
        spread = math.sqrt(float(real.var() + fake.var()))
        for theirs, n in ((published[method], PUBLISHED_N), (GAPS[width].get(method), GAPS_N)):
            if theirs is not None:
                error = spread * math.sqrt(1 / n + 1 / len(x))
                assert abs(gap - theirs) < ERRORS * error + ROUNDED, (method, n)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_exact_value_that_was_measured(field: Path, width: int) -> None:
    x, y = (side.numpy() for side in samples(field, width, 2000))
    found = wasserstein(x, y)
    assert found.exact
    error = math.sqrt(2 * sum(side.var() for side in found.potentials) / 2000)
    assert abs(found.value - EXACT[width]) < ERRORS * error + ROUNDED


@pytest.mark.parametrize("width", WIDTHS)
def test_constants_of_the_critics_are_exact(field: Path, width: int) -> None:
    """Both ends meet: the least of the upper bounds is exact, and a slope is found that is as large."""
    for method, found in brackets(field, width).items():
        assert found.certificate == "exact", method
        assert found.lower <= found.upper
        assert found.ratio == pytest.approx(1, abs=1e-6), method
        if method == "sort_out":  # orthogonal layers and sorts: no slope is above 1
            assert found.upper == pytest.approx(SORT_OUT[width], abs=1e-6)
        if width == 4 and method in STEEPEST:
            assert found.upper > STEEPEST[method] - 0.005, method


@pytest.mark.parametrize("width", WIDTHS)
def test_what_the_brackets_say_of_the_gaps(field: Path, width: int) -> None:
    """A gap over an exact constant bounds the distance from below: where critics overshoot, they are too steep."""
    x, y = samples(field, width, GAPS_N)
    true = costs(field, 2, width)["true"]
    for method in ("wgan", "wgan_gp", "wgan_lp", "wgan_qp"):
        critic = critics(field, width)[method]
        with torch.no_grad():
            gap, error = _gap(critic(x), critic(y))
        constant = brackets(field, width)[method].upper
        assert (gap - ERRORS * error) / constant < true, method
        assert not (gap - ERRORS * error > true and constant <= 1), method


def _gap(real: Tensor, fake: Tensor) -> tuple[float, float]:
    return float(real.mean() - fake.mean()), math.sqrt(float(real.var() + fake.var()) / len(real))
