"""The upper end that several analyzers ask for: the quick one is an upper bound too, and what is made is made once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wganalyze.testing import shifted_gaussians
from wganalyze_plugins.lipschitz import upper
from wganalyze_plugins.lipschitz.bounds.ladder import Ladder, Rung

Call = Callable[..., Any]


def mlp(dim: int, seed: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(dim, 16), nn.ReLU(), nn.Linear(16, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))


@pytest.mark.parametrize("dim", [2, 5])
@pytest.mark.parametrize("seed", range(4))
def test_the_quick_end_lies_between_the_best_rung_and_the_product(change: Call, dim: int, seed: int) -> None:
    study = change(shifted_gaussians(1, dim, n=10), mlp(dim, seed))
    quick, ladder = upper.quick_end(study), upper.upper_end(study, product_only=False)
    assert isinstance(quick, Rung)
    assert isinstance(ladder, Ladder)
    assert ladder.best.value <= quick.value * (1 + 1e-9)
    assert quick.value <= ladder.product.value * (1 + 1e-9)
    assert quick.certificate == "checked"


def test_of_a_linear_critic_it_is_its_slope() -> None:
    quick = upper.quick_end(shifted_gaussians(1, 3, n=10, slope=2.5))
    assert isinstance(quick, Rung)
    assert quick.value == pytest.approx(2.5, rel=1e-6)


def test_convolutions_have_their_product_at_least(change: Call) -> None:
    conv = nn.Sequential(nn.Unflatten(1, (1, 4, 4)), nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8, 1))
    study = change(shifted_gaussians(1, 16, n=10), conv)
    quick, ladder = upper.quick_end(study), upper.upper_end(study, product_only=True)
    assert isinstance(quick, Rung)
    assert isinstance(ladder, Ladder)
    assert quick.value <= ladder.product.value


def test_graph_and_product_are_made_once(change: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    for name in ("trace", "product_bound"):
        function = getattr(upper, name)

        def counted(*given: Any, name: str = name, function: Any = function) -> Any:
            made.append(name)
            return function(*given)

        monkeypatch.setattr(upper, name, counted)
    study = change(shifted_gaussians(1, 2, n=10), mlp(2, 0))
    upper.quick_end(study)
    upper.upper_end(study, product_only=True)
    upper.quick_end(study)
    assert made == ["trace", "product_bound"]


class Square(nn.Module):
    """No rule knows its slope."""

    def forward(self, x: Tensor) -> Tensor:
        return (x * x).sum(1, keepdim=True)


def test_where_there_is_none_both_say_why(change: Call) -> None:
    study = change(shifted_gaussians(n=10), Square())
    reason = upper.quick_end(study)
    assert isinstance(reason, str)
    assert "mul" in reason
    assert upper.upper_end(study, product_only=False) == reason
