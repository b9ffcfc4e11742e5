"""Latent paths: their middles by hand, generators of which the answer is known, and what cannot be asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze import Latent, NotMeasurable, Samples
from wganalyze.testing import shifted_gaussians
from wganalyze_plugins.coverage.paths import PAIRS, ends_and_middles, ratio

Call = Callable[..., Any]


def test_a_linear_generator_has_its_middles_between_its_ends() -> None:
    study = shifted_gaussians(shift=2, dim=3, n=40)
    ends, middles = ends_and_middles(study, 0)
    assert (ends.shape, middles.shape) == ((2 * PAIRS, 3), (PAIRS, 3))
    np.testing.assert_allclose(middles, (ends[:PAIRS] + ends[PAIRS:]) / 2, atol=1e-6)
    np.testing.assert_array_equal(ends, ends_and_middles(study, 0)[0])
    assert not np.array_equal(ends, ends_and_middles(study, 1)[0])


def test_the_middle_of_a_spherical_path_is_a_draw_like_any_other() -> None:
    """Why paths are straight: norm and direction of (a + b) / sqrt 2 are those of a."""
    a, b = np.random.default_rng(0).standard_normal((2, 20000, 16))
    middle = (a + b) / np.sqrt(2)
    assert np.cov(middle.T) == pytest.approx(np.eye(16), abs=0.05)
    for q in (0.01, 0.5, 0.99):
        lengths = [np.quantile(np.linalg.norm(side, axis=1), q) for side in (a, middle)]
        assert lengths[1] == pytest.approx(lengths[0], rel=0.02)
    assert np.linalg.norm((a + b) / 2, axis=1).mean() == pytest.approx(
        np.linalg.norm(a, axis=1).mean() / np.sqrt(2), rel=0.01
    )


def test_uniform_ends_stay_in_their_cube(change: Call) -> None:
    study = change(shifted_gaussians(shift=0, dim=2, n=40), latent=Latent("uniform", (2,)))
    ends, middles = ends_and_middles(study, 0)
    assert 0.9 < np.abs(ends).max() <= 1
    assert np.var(middles) == pytest.approx(1 / 6, rel=0.3)


class Noisy(nn.Module):
    """Adds noise of its own, and gives a second output."""

    def forward(self, z: Tensor) -> tuple[Tensor, None]:
        return z + torch.randn_like(z), None


def test_a_generator_that_draws_is_asked_twice_alike_and_leaves_no_trace(change: Call) -> None:
    study = change(shifted_gaussians(n=40), make_generator=Noisy)
    before = torch.random.get_rng_state()
    np.testing.assert_array_equal(ends_and_middles(study, 0)[0], ends_and_middles(study, 0)[0])
    assert torch.equal(before, torch.random.get_rng_state())


def test_train_mode_runs_on_a_copy(change: Call) -> None:
    net = nn.Sequential(nn.BatchNorm1d(2)).eval()
    with torch.no_grad():
        net[0].running_var.fill_(4.0)
    study = change(shifted_gaussians(n=40), make_generator=lambda: net)
    evaluated = ends_and_middles(study, 0)[0]
    trained = ends_and_middles(change(study, generator_mode="train"), 0)[0]
    assert trained.std() == pytest.approx(1, abs=0.01)
    assert evaluated.std() == pytest.approx(0.5, rel=0.15)
    assert not net.training
    assert (net[0].running_var == 4).all()


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"latent": Latent("normal", (2,), classes=3)}, "a conditional generator"),
        ({"latent": Latent("normal", (5,))}, "the generator does not take its latent: "),
        ({"make_generator": lambda: nn.Linear(2, 3)}, "the generator's samples are not in this space"),
    ],
)
def test_what_cannot_be_asked(change: Call, facts: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotMeasurable, match=reason):
        ends_and_middles(change(shifted_gaussians(n=40), **facts), 0)


def test_the_ratio() -> None:
    reals = Samples(np.zeros((3, 2)), (2,))
    assert ratio(np.array([[3.0, 4.0]]), np.array([[0.0, 1.0], [0.0, 3.0]]), reals) == 2.5
    with pytest.raises(NotMeasurable, match="the generated samples are real ones"):
        ratio(np.ones((1, 2)), np.zeros((2, 2)), reals)
