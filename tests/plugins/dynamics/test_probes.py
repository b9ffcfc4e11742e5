"""Probes: what they learn of laws that are known, where they learn nothing, and that they repeat themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit

from wganalyze_plugins.dynamics.probes import loss_of, trained, training

N = 2000


def gaussians(seed: int, shift: float, dim: int = 2, n: int = N) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) of N(0, I) and of N(shift e_1, I)."""
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((2, n, dim))
    return x, y + shift * np.eye(dim)[0]


def test_a_probe_learns_the_ratio_of_densities() -> None:
    probe = trained(*gaussians(0, 1.5), (2,), seed=0)
    x, _ = gaussians(1, 1.5)
    known = 1.5**2 / 2 - 1.5 * x[:, 0]
    assert np.abs(expit(probe(x)) - expit(known)).mean() < 0.06
    assert np.corrcoef(probe(x), known)[0, 1] > 0.97


@pytest.mark.parametrize("seed", range(2))
def test_of_one_law_a_probe_learns_nothing_that_holds(seed: int) -> None:
    probe = trained(*gaussians(seed, 0.0), (2,), seed=0)
    on_x, on_y = (probe(side) for side in gaussians(100 + seed, 0.0))
    right = (np.sign(on_x).mean() - np.sign(on_y).mean()) / 2
    assert abs(right) < 4 / np.sqrt(2 * N)
    assert float(loss_of("logistic")(torch.from_numpy(on_x), torch.from_numpy(on_y))) > 2 * np.log(2) - 0.005


@pytest.mark.parametrize("shape", [(16,), (1, 11, 11)])
def test_a_bounded_probe_stays_in_its_bounds(shape: tuple[int, ...]) -> None:
    dim = int(np.prod(shape))
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, 300, dim))
    probe = trained(x, y + 3, shape, "bounded", seed=0)
    on_x, on_y = probe(x), probe(y + 3)
    assert np.abs(np.concatenate([on_x, on_y])).max() <= 1
    assert on_x.mean() - on_y.mean() > 1.95
    # Images are convolved where they are large.
    assert any(isinstance(layer, torch.nn.Conv2d) for layer in probe.network.modules()) == (len(shape) == 3)


def test_training_is_seen_on_its_way_and_the_best_is_the_last() -> None:
    x, y = gaussians(0, 1.5)
    probes = list(training(x, y, (2,), seed=0, at=(0, 10, 100)))
    assert [probe.steps for probe in probes[:3]] == [0, 10, 100]
    held = gaussians(1, 1.5)

    def distance(k: int) -> float:
        known = [1.125 - 1.5 * side[:, 0] for side in held]
        return float(np.mean([np.abs(expit(probes[k](s)) - expit(r)).mean() for s, r in zip(held, known, strict=True)]))

    assert distance(0) > distance(1) > distance(2)
    assert distance(3) < 0.3 * distance(0)


def test_a_probe_is_repeated_and_leaves_the_global_state() -> None:
    x, y = gaussians(0, 1, n=200)
    before = torch.random.get_rng_state()
    first, second, other = (trained(x, y, (2,), seed=seed)(x) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, other)
    assert torch.equal(before, torch.random.get_rng_state())


def test_losses_at_a_constant() -> None:
    zero = torch.zeros(5)
    assert float(loss_of("logistic")(zero, zero)) == pytest.approx(2 * np.log(2))
    assert float(loss_of("bounded")(zero + 0.5, zero - 0.5)) == -1
