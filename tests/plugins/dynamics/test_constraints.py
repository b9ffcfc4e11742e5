"""The constraint under which a critic is trained on: read from what its checkpoint says, and right by its formula."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import shifted_gaussians
from wganalyze_plugins.dynamics.constraints import Constraint


def _study(penalty: float | None = None, **facts: Any) -> SnapshotStudy:
    base = shifted_gaussians()
    return SnapshotStudy(replace(base.snapshot, penalty=penalty, facts=facts), base.deal)


@pytest.mark.parametrize(
    ("study", "said", "found"),
    [
        (_study(), None, Constraint((("gp", 10.0),), False)),
        (_study(3.0), None, Constraint((("gp", 3.0),), True)),
        (_study(3.0), 5.0, Constraint((("gp", 5.0),), False)),
        (_study(3.0), 3.0, Constraint((("gp", 3.0),), True)),
        (
            _study(**{"config.constraint": "clip", "config.weight_clip": 0.05}),
            None,
            Constraint((("clip", 0.05),), True),
        ),
        (_study(**{"config.constraint": "sn+div", "config.weight_div": 2.0}), None, Constraint((("div", 2.0),), True)),
        (_study(10.0, constraint="lp", weight_lp=10), None, Constraint((("lp", 10.0),), True)),
        (_study(constraint="clip"), None, Constraint()),  # of which nothing says how much
        (_study(constraint="sn"), None, Constraint((), True)),
    ],
)
def test_it_is_that_of_the_checkpoint(study: SnapshotStudy, said: float | None, found: Constraint) -> None:
    assert Constraint.of(study, said) == found


def _linear(slope: float) -> nn.Module:
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.data = torch.tensor([[slope, 0.0]])
    return layer


@pytest.mark.parametrize("slope", [0.5, 1.0, 3.0])
@pytest.mark.parametrize(
    ("kind", "formula"),
    [
        ("gp", lambda s: (s - 1) ** 2),
        ("lp", lambda s: max(0.0, s - 1) ** 2),
        ("div", lambda s: s**6),
        ("zero", lambda s: s**2),
        ("clip", lambda s: 0.0),
    ],
)
def test_penalties_of_a_linear_critic(kind: str, formula: Any, slope: float) -> None:
    x, y, alpha = torch.randn(5, 2), torch.randn(5, 2), torch.rand(5, 1)
    found = Constraint(((kind, 2.0),)).penalty(_linear(slope), x, y, alpha)
    assert float(found.detach()) == pytest.approx(2 * formula(slope), abs=1e-5)


def test_penalties_add_up_and_spectral_norm_has_none() -> None:
    x, y, alpha = torch.randn(5, 2), torch.randn(5, 2), torch.rand(5, 1)
    both = Constraint((("gp", 2.0), ("zero", 3.0))).penalty(_linear(4.0), x, y, alpha)
    assert float(both.detach()) == pytest.approx(2 * 9 + 3 * 16, rel=1e-5)
    assert float(Constraint((), True).penalty(_linear(4.0), x, y, alpha)) == 0


def test_clipping_is_done_after_a_step_and_by_nothing_else() -> None:
    for kind, largest in (("clip", 0.1), ("gp", 3.0)):
        critic = _linear(3.0)
        Constraint(((kind, 0.1),)).after(critic)
        assert float(next(critic.parameters()).detach().max()) == pytest.approx(largest)


def test_it_is_told() -> None:
    assert str(Constraint()) == "gp penalty 10, not known to be the snapshot's"
    assert str(Constraint((("clip", 0.05),), True)) == "weights clipped at 0.05, the snapshot's own"
    assert str(Constraint((), True)) == "spectral norm, the snapshot's own"


def test_spectral_norm_that_was_folded_keeps_nothing() -> None:
    """It is in force where a layer carries it: as a parametrization, as a hook of old, or in somebody's own layer."""
    wrapped = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(2, 2)), nn.Linear(2, 1))
    hooked = nn.Sequential(nn.utils.spectral_norm(nn.Linear(2, 1)))

    def left(critic: nn.Module, **facts: Any) -> Constraint:
        base = _study(**facts)
        ready = critic.eval().requires_grad_(False)
        study = SnapshotStudy(replace(base.snapshot, make_critic=lambda: ready), base.deal)
        return Constraint.of(study).in_force(study)

    alone, both = {"constraint": "sn"}, {"config.constraint": "sn+div", "config.weight_div": 2.0}
    assert left(wrapped, **alone) == left(hooked, **alone) == Constraint((), True)
    assert left(_linear(1.0), **alone) == Constraint()
    assert left(wrapped, **both) == Constraint((("div", 2.0),), True)
    assert left(_linear(1.0), **both) == Constraint((("div", 2.0),), False)
    assert left(_linear(1.0), constraint="clip", weight_clip=0.05) == Constraint((("clip", 0.05),), True)
