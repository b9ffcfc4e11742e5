"""What bounds a critic under spectral or weight norm is the weight in effect: no stored factor, and no stale copy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from wganalyze.networks.norms import fold
from wganalyze.testing import check_analyzer
from wganalyze_plugins.lipschitz import Lipschitz
from wganalyze_plugins.lipschitz.bounds.products.product import UpperBound

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""

Bound = Callable[[nn.Module, tuple[int, ...]], UpperBound]
CLOSE = 1e-7


def old_weight_norm(layer: nn.Module) -> nn.Module:
    with pytest.warns(FutureWarning):
        return nn.utils.weight_norm(layer)


class Iterating(nn.Conv2d):
    """Spectral norm inside of a layer, as BigGAN and mimicry write it: one power iteration from a stored u."""

    def __init__(self, wide: int, narrow: int, kernel: int) -> None:
        super().__init__(wide, narrow, kernel)
        self.register_buffer("sn_u", torch.randn(1, self.out_channels))
        self.register_buffer("sn_sigma", torch.ones(1))

    def effective(self) -> Any:
        u: Any = self.sn_u
        matrix = self.weight.view(self.weight.size(0), -1)
        with torch.no_grad():
            v = F.normalize(torch.matmul(u, matrix), eps=1e-12)
            u = F.normalize(torch.matmul(v, matrix.t()), eps=1e-12)
        return self.weight / torch.mm(u, torch.mm(matrix, v.t()))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.effective(), self.bias, self.stride, self.padding, self.dilation, self.groups)


class Wrapper(nn.Module):
    """The wrapper of old, which iterates and stores at every forward."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        weight = layer._parameters.pop("weight")
        assert weight is not None
        self.module = layer
        layer.register_parameter("weight_u", nn.Parameter(torch.randn(len(weight))))
        layer.register_parameter("weight_v", nn.Parameter(torch.randn(weight[0].numel())))
        layer.register_parameter("weight_bar", weight)

    def forward(self, *args: Tensor) -> Any:
        u, v, w = (getattr(self.module, f"weight_{name}") for name in ("u", "v", "bar"))
        height = w.data.shape[0]
        v.data = F.normalize(torch.mv(torch.t(w.view(height, -1).data), u.data), dim=0)
        u.data = F.normalize(torch.mv(w.view(height, -1).data, v.data), dim=0)
        sigma = u.dot(w.view(height, -1).mv(v))
        self.module.weight = w / sigma.expand_as(w)
        return self.module.forward(*args)


def convolution() -> nn.Conv2d:
    torch.manual_seed(1)
    layer = nn.Conv2d(2, 3, 3)
    layer.weight.data *= 3
    return layer


def iterating() -> nn.Module:
    layer = Iterating(2, 3, 3)
    layer.load_state_dict(convolution().state_dict(), strict=False)
    return layer


NORMED: dict[str, Callable[[], nn.Module]] = {
    "hooks": lambda: nn.utils.spectral_norm(convolution()),
    "parametrization": lambda: parametrizations.spectral_norm(convolution()),
    "weight norm": lambda: old_weight_norm(convolution()),
    "weight norm parametrization": lambda: parametrizations.weight_norm(convolution()),
    "inside of the layer": iterating,
}


def changed(layer: nn.Module) -> nn.Module:
    """After a forward in train mode and a change of the stored factors: what hooks put into ``weight`` is stale."""
    layer.train()(torch.randn(2, 2, 5, 5))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.mul_(1.5 + 0.1 * torch.randn_like(parameter))
    return layer


@pytest.mark.parametrize("name", NORMED)
def test_the_bound_is_that_of_the_plain_layer(bound: Bound, name: str) -> None:
    layer = changed(NORMED[name]())
    plain = convolution()
    plain.load_state_dict(fold(layer.double().state_dict()))
    found, expected = bound(layer, (2, 5, 5)), bound(plain, (2, 5, 5))
    assert found.value == pytest.approx(expected.value, rel=CLOSE)
    if name != "inside of the layer":  # there the kernel is a tensor like any other
        assert found.stages[0].kernel_norm == pytest.approx(expected.stages[0].kernel_norm, rel=CLOSE)
    stored = convolution()
    stored.weight.data = next(
        t for k, t in layer.state_dict().items() if t.dim() == 4 and "original0" not in k and "_g" not in k
    )
    assert abs(bound(stored, (2, 5, 5)).value / expected.value - 1) > 0.01


def mlp(norm: Callable[[nn.Module], nn.Module]) -> nn.Sequential:
    torch.manual_seed(0)
    layers = (norm(nn.Linear(2, 8)), nn.ReLU(), norm(nn.Linear(8, 8)), nn.ReLU(), norm(nn.Linear(8, 1)))
    return nn.Sequential(*layers)


def ends(under: Call, critic: nn.Module) -> dict[str, float]:
    outcome = check_analyzer(Lipschitz, under(critic, n=200))
    assert outcome.status == "ok", outcome.message
    rows = {row.metric: row for row in outcome.measurements}
    found = {end: rows[f"lipschitz_{end}"] for end in ("sampled", "lower", "upper")}
    assert all(row.value is not None for row in found.values()), found["upper"].message
    return {end: float(row.value or 0) for end, row in found.items()}


@pytest.mark.parametrize(
    "norm",
    [nn.utils.spectral_norm, parametrizations.spectral_norm, old_weight_norm, parametrizations.weight_norm, Wrapper],
)
def test_a_critic_as_training_left_it_is_bracketed_as_its_plain_twin(
    under: Call, norm: Callable[[nn.Module], nn.Module]
) -> None:
    critic = mlp(norm)
    for _ in range(2):
        critic(torch.randn(4, 2)).sum().backward()  # with the history of the last step in it
    plain = mlp(lambda layer: layer)
    plain.load_state_dict(fold(critic.state_dict()))
    found, expected = ends(under, critic), ends(under, plain)
    for end, value in expected.items():
        assert found[end] == pytest.approx(value, rel=1e-5), end
    assert found["sampled"] <= found["lower"] <= found["upper"]


def test_the_wrapper_is_seen_through_and_not_touched(under: Call) -> None:
    critic = mlp(Wrapper)
    for _ in range(50):
        critic.train()(torch.randn(4, 2))
    before = {key: tensor.clone() for key, tensor in critic.state_dict().items()}
    outcome = check_analyzer(Lipschitz, under(critic, n=200))
    assert all(torch.equal(before[key], tensor) for key, tensor in critic.state_dict().items())
    norms = [row["norm_upper"] for row in outcome.rows["layers"] if row["kind"] == "Linear"]
    assert norms == pytest.approx([1, 1, 1], abs=1e-6)
    assert "1-lipschitz" in {finding.code for finding in outcome.findings} or math.prod(norms) > 1 + 1e-9


class Odd(Wrapper):
    """A wrapper that no plain layer stands for, and that goes on iterating."""

    def forward(self, *args: Tensor) -> Any:
        return super().forward(*args) * 2


def test_a_wrapper_that_does_more_has_no_upper_end_and_says_why(under: Call) -> None:
    torch.manual_seed(0)
    outcome = check_analyzer(Lipschitz, under(mlp(Odd), n=200))
    assert outcome.status == "ok", outcome.message
    rows = {row.metric: row for row in outcome.measurements}
    assert rows["lipschitz_upper"].value is None
    assert "changes itself" in rows["lipschitz_upper"].message
