"""What critic-gap finds: each where it is true, and not where a critic is honest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.plugins.critics import MinusU
from torch import Tensor, nn

from wganalyze.testing import shifted_gaussians
from wganalyze_plugins.funnel import Funnel

Call = Callable[..., Any]


def wave(x: Tensor) -> Tensor:
    """1 on half of the plane's strips, on average more often where real samples are."""
    place = (x[:, 0] + x[:, 1]) / 2**0.5
    hidden = torch.frac((43.7 * x[:, 0] - 91.3 * x[:, 1]).abs())
    return (hidden < 0.5 * (1 - torch.tanh(place))).to(x.dtype)


# ---- dead


@pytest.mark.parametrize("score", [0.0, 7.5, -1e6])
def test_a_dead_critic_is_found(critique: Call, change: Call, critic_of: Call, findings: Call, score: float) -> None:
    """Saturated or dead units: the weights move nothing."""
    study = change(shifted_gaussians(3, n=40), critic_of(lambda x: torch.relu(-1 - x[:, 0] ** 2) + score))
    found = findings(critique(study))["dead-critic"]
    assert found.level == "warning"
    assert found.message == f"the critic is dead: it gives all 240 samples one score, {score:.4g}, to rounding"


def test_a_critic_that_does_not_separate_is_not_dead(critique: Call, findings: Call) -> None:
    """So does one of a perfect generator; and a small scale, or an offset, is no death."""
    assert findings(critique(shifted_gaussians(0, n=40))) == {}
    assert "dead-critic" not in findings(critique(shifted_gaussians(3, n=40, slope=1e-6)))


def test_a_large_offset_is_no_death(critique: Call, change: Call, critic_of: Call, findings: Call) -> None:
    study = change(shifted_gaussians(3, n=40), critic_of(lambda x: -(x[:, 0] + x[:, 1]) / 2**0.5 + 1e5))
    assert "dead-critic" not in findings(critique(study))


# ---- under-scaled


@pytest.mark.parametrize(("scale", "said"), [(0.05, True), (0.3, True), (0.97, False), (1.0, False)])
def test_a_loss_that_is_too_small_by_its_scale_alone(
    critique: Call, values: Call, findings: Call, scale: float, said: bool
) -> None:
    outcome = critique(shifted_gaussians(5, n=80, slope=scale))
    found, codes = values(outcome), findings(outcome)
    assert ("under-scaled" in codes) == said
    if said:
        assert codes["under-scaled"].message.startswith(
            f"the critic is under-scaled, as one with clipped weights is: {found['best_scale']:.3g} times it certifies "
            f"{found['dual_c_best_scale']:.4g} ("
        )


@pytest.mark.parametrize("dim", [16, 128])
def test_a_perfect_critic_at_many_dimensions_is_not_under_scaled(
    critique: Call, study_of: Call, findings: Call, dim: int
) -> None:
    """Twenty times of it might certify more of the samples, and be wrong about the laws."""
    funnel = Funnel(f"{dim},4,0")
    assert set(findings(critique(study_of(funnel, critic=MinusU(funnel), n=200, replicates=3)))) == {
        "right-for-the-laws"
    }
    scaled = findings(critique(study_of(funnel, critic=MinusU(funnel, 0.2), n=200, replicates=3)))
    assert "dual-against-known" in scaled
    assert "right-for-the-laws" not in scaled


def test_a_small_constant_is_proof_where_sampling_drowns_the_rest(critique: Call, findings: Call) -> None:
    """A loss of .05 where W1 is 5: at 16 dimensions the floors of 100 samples are larger than their W1."""
    found = findings(critique(shifted_gaussians(5, 64, n=40, slope=0.01)))
    assert found["under-scaled"].message.startswith(
        "the critic is under-scaled: its Lipschitz constant is at most 0.01 (product of norms"
    )
    assert "under-scaled" not in findings(critique(shifted_gaussians(5, 64, n=40, slope=1.0)))


def test_a_critic_that_adds_little_to_nothing_is_not_called_under_scaled(
    critique: Call, study_of: Call, values: Call, findings: Call
) -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        critic = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 1))
    outcome = critique(study_of(Funnel("2,4,0"), critic=critic, n=150, replicates=5))
    found = values(outcome)
    assert found["dual_information"] < 0.5
    assert found["dual_c_best_scale"] > 1.5 * found["dual_raw"]
    assert set(findings(outcome)) == {"dual-against-known"}


# ---- the laws


def test_what_is_right_for_the_laws_is_praised(critique: Call, study_of: Call, findings: Call) -> None:
    funnel = Funnel("64,4,0")
    found = findings(critique(study_of(funnel, critic=MinusU(funnel), n=300, replicates=3)))["right-for-the-laws"]
    assert found.level == "info"
    assert f"is the W1 of the laws ({funnel.known_w1:.4g}), and right" in found.message
    plane = Funnel("2,4,0")  # sample and laws agree: nothing to explain
    assert findings(critique(study_of(plane, critic=MinusU(plane), n=300, replicates=3))) == {}


# ---- steep pairs


@pytest.mark.parametrize(("slope", "said"), [(1.0, False), (1.2, True)])
def test_a_steep_pair_proves_what_the_means_do_not(
    critique: Call, values: Call, findings: Call, slope: float, said: bool
) -> None:
    """Of equal laws the loss is 0."""
    outcome = critique(shifted_gaussians(0.2, 8, n=60, slope=slope))
    assert ("steep-pair" in findings(outcome)) == said
    if said:
        finding, found = findings(outcome)["steep-pair"], values(outcome)
        assert finding.level == "info"
        assert f"lie on a slope of {found['lipschitz_pair']:.4g}: the critic is not 1-Lipschitz" in finding.message
        assert finding.message.endswith(f"it is one, {found['dual_pair']:.4g}")


# ---- a right value in the wrong direction


def test_a_value_near_w1_by_coincidence_is_found(
    critique: Call, change: Call, critic_of: Call, values: Call, findings: Call
) -> None:
    """Noise that is a little higher on real samples, scaled until its loss is W1."""
    study = shifted_gaussians(3, n=200, replicates=5)
    first = values(critique(change(study, critic_of(wave), orientation=1)))
    scale = first["dual_raw"] + first["gap"]
    scaled = change(study, critic_of(lambda x: scale / first["dual_raw"] * wave(x)), orientation=1)
    outcome = critique(scaled)
    found, codes = values(outcome), findings(outcome)
    assert found["dual_ratio"] == pytest.approx(1, abs=0.01)
    finding = codes["right-value-wrong-direction"]
    assert finding.level == "warning"
    assert f"no multiple of the critic certifies more than {found['dual_c_best_scale']:.4g}" in finding.message
    assert f"rank correlation {found['potential_rank']:.2f}; of those of other samples" in finding.message


@pytest.mark.parametrize("slope", [0.9, 1.0, 1.1])
def test_an_honest_critic_has_no_wrong_direction(critique: Call, findings: Call, slope: float) -> None:
    for dim in (1, 4, 32):
        codes = findings(critique(shifted_gaussians(4, dim, n=60, slope=slope)))
        assert "right-value-wrong-direction" not in codes


def test_a_step_is_steep_and_not_wrong(
    critique: Call, change: Call, critic_of: Call, values: Call, findings: Call
) -> None:
    """All of its rise at one place between the two sides: in the direction of the shift."""
    study = shifted_gaussians(8, n=100, replicates=5)
    step = change(study, critic_of(lambda x: -4 * torch.tanh(50 * ((x[:, 0] + x[:, 1]) / 2**0.5 - 4))), orientation=1)
    outcome = critique(step)
    assert values(outcome)["dual_ratio"] == pytest.approx(1, abs=0.1)
    assert "right-value-wrong-direction" not in findings(outcome)
