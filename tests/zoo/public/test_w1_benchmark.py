"""The critics of the Wasserstein-1 benchmark: their stored keys and shapes, and the stored ones themselves."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wganalyze.networks.building import load_strict
from wganalyze.networks.norms import fold, folded_keys
from wganalyze.running.opened import open_request
from wganalyze.running.request import Request
from wganalyze_plugins.funnel import Funnel
from wganalyze_zoo.public.w1_benchmark import Critic, SortingCritic

Check = Callable[..., nn.Module]
Shapes = dict[str, tuple[int, ...]]
METHODS = {"wgan", "wgan_gp", "wgan_lp", "wgan_qp", "sn_gan", "cowgan", "lsot_f", "3p_wgan", "3p_wgan_rev", "sort_out"}


def critic(layer: str = "net.{}", widths: tuple[int, ...] = (2, 7, 5, 1)) -> Shapes:
    found: Shapes = {}
    for i, wide, narrow in zip((0, 2, 4), widths, widths[1:], strict=False):
        found |= {f"{layer.format(i)}.weight": (narrow, wide), f"{layer.format(i)}.bias": (narrow,)}
    return found


def mlp(x: Tensor, state: dict[str, Tensor], layer: str = "net.{}") -> Tensor:
    for i in (0, 2, 4):
        name = layer.format(i)
        x = F.linear(x.relu() if i else x, state[f"{name}.weight"], state[f"{name}.bias"])
    return x


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_critic(check: Check, wrapped: bool) -> None:
    layer = "net.{}.module" if wrapped else "net.{}"
    net = check("w1-benchmark-critic", critic(layer), {"hidden": (7, 5), "wrapped": wrapped})
    x = torch.randn(4, 2, dtype=torch.float64)
    torch.testing.assert_close(net(x), mlp(x, net.state_dict(), layer))
    assert "ReLU" in Critic().assumed({})[0]


def test_the_critic_under_the_wrapper_of_old_is_known_by_its_folded_keys() -> None:
    stored: dict[str, Tensor] = {}
    generator = torch.Generator().manual_seed(0)
    for key, shape in critic("net.{}.module").items():
        if key.endswith("weight"):
            vectors = {"bar": shape, "u": shape[:1], "v": shape[1:]}
            stored |= {
                f"{key}_{v}": torch.randn(s, generator=generator, dtype=torch.float64) for v, s in vectors.items()
            }
        else:
            stored[key] = torch.randn(shape, generator=generator, dtype=torch.float64)
    keys = {key: tuple(t.shape) for key, t in stored.items()}
    assert Critic().recognise(keys) is None
    assert folded_keys(keys) == critic()
    net = Critic().build(hidden=(7, 5)).double()
    load_strict(net, stored, "a file", "critic")
    x = torch.randn(4, 2, dtype=torch.float64)
    torch.testing.assert_close(net(x), mlp(x, fold(stored)))


@pytest.mark.parametrize("widths", [(3, 7, 5, 1), (2, 7, 5, 2), (1, 7, 5, 1)])
def test_critics_of_other_inputs_and_outputs_are_not_known(widths: tuple[int, ...]) -> None:
    assert Critic().recognise(critic(widths=widths)) is None


SORTING: Shapes = {
    "net.0.model.bias": (7,),
    "net.0.model.parametrizations.weight.original": (7, 2),
    "net.0.model.parametrizations.weight.0.base": (7, 7),
    "net.2.model.bias": (5,),
    "net.2.model.parametrizations.weight.original": (5, 7),
    "net.2.model.parametrizations.weight.0.base": (7, 7),
    "net.4.model.bias": (1,),
    "net.4.model.parametrizations.weight.original": (1, 5),
    "net.4.model.parametrizations.weight.0.base": (5, 5),
}


def test_the_sorting_critic(check: Check) -> None:
    net = check("w1-benchmark-sorting-critic", SORTING, {"hidden": (7, 5)})
    state = net.state_dict()
    x = torch.randn(4, 2, dtype=torch.float64)
    h = x
    for i in (0, 2, 4):
        stored = state[f"net.{i}.model.parametrizations.weight.original"]
        tall = stored if stored.shape[0] >= stored.shape[1] else stored.T
        square = F.pad(tall.tril(-1), (0, tall.shape[0] - tall.shape[1]))
        base = state[f"net.{i}.model.parametrizations.weight.0.base"]
        weight = (base @ torch.matrix_exp(square - square.T))[:, : tall.shape[1]]
        weight = weight if stored.shape[0] >= stored.shape[1] else weight.T
        h = h.sort(dim=1, descending=True).values if i else h
        h = F.linear(h, weight, state[f"net.{i}.model.bias"])
    torch.testing.assert_close(net(x), h)
    assert len(SortingCritic().assumed({})) == 2


@pytest.mark.field
@pytest.mark.parametrize("width", [4, 64])
def test_all_critics_of_the_benchmark_open_without_a_factory(field: Path, width: int) -> None:
    folder = field / "w1-benchmark"
    opened = open_request(Request(folder / f"critics/width_{width}"))
    found = {snapshot.label.removeprefix("method_"): snapshot for snapshot in opened.snapshots}
    assert set(found) == METHODS
    pair = Funnel(str(folder / f"funnels/dim_2/width_{width}/deg_8_seed_987.pt"))
    moved, uniform = (torch.from_numpy(side) for side in pair.paired(20_000, np.random.default_rng(0)))
    with (folder / f"published/dim_2/width_{width}.csv").open() as file:
        costs = {row[""].replace("-", "_"): float(row["cost"]) for row in csv.DictReader(file)}
    for method, snapshot in found.items():
        assert "architecture w1-benchmark" in snapshot.designs["critic"]
        assert any("keys do not show" in text for text in snapshot.assumptions)
        critic_ = snapshot.critic
        assert critic_ is not None
        critic_ = critic_.double()
        with torch.no_grad():
            gap = float(critic_(moved).mean() - critic_(uniform).mean())
        sign = -1 if method == "3p_wgan_rev" else 1
        assert sign * gap == pytest.approx(costs[method], abs=0.03), method
    assert any("weight_bar" in text for text in found["sn_gan"].assumptions)
