"""The readings that are proposed: the true one is among them, all build, and what numbers show is not varied."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.zoo.conftest import shapes
from torch import nn

from wganalyze_zoo.chain import rebuild
from wganalyze_zoo.chain.building import ACTIVATIONS, activation_module
from wganalyze_zoo.chain.proposals import FIRST, FURTHER, OUTPUTS, propose

Shapes = dict[str, tuple[int, ...]]


def all_readings(stored: Shapes, role: str, sample_shape: tuple[int, ...]) -> list[dict[str, Any]]:
    """Everything that is proposed, in two rounds."""
    first = propose(stored, role, sample_shape)
    return [reading for near in first for reading in propose(stored, role, sample_shape, near)]


def critic(activation: str, norm: bool) -> nn.Sequential:
    """For 8 x 8 images."""
    act = activation_module(activation)
    norms = [nn.BatchNorm2d(5)] if norm else []
    return nn.Sequential(
        nn.Conv2d(1, 3, 4, 2, 1), act, nn.Dropout(0.3), nn.Conv2d(3, 5, 3, 1, 1), *norms, act, nn.Conv2d(5, 1, 4)
    )


@pytest.mark.parametrize("sample_shape", [(2, 16), (1, 2, 16)])
def test_the_truth_of_series_is_among_them(sample_shape: tuple[int, ...]) -> None:
    judge = nn.Sequential(nn.Conv1d(2, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv1d(8, 16, 4, 2, 1), nn.Conv1d(16, 1, 4))
    maker = nn.Sequential(
        nn.ConvTranspose1d(5, 8, 4), nn.ReLU(), nn.ConvTranspose1d(8, 8, 4, 2, 1), nn.ConvTranspose1d(8, 2, 4, 2, 1)
    )
    for role, net, strides, paddings in (
        ("critic", judge, [2, 2, 1], [1, 1, 0]),
        ("generator", maker, [1, 2, 2], [0, 1, 1]),
    ):
        readings = propose(shapes(net), role, sample_shape)
        assert any(each["strides"] == strides and each["paddings"] == paddings for each in readings), role


@settings(max_examples=10)
@given(st.sampled_from([*FIRST["critic"], *FURTHER]), st.booleans())
def test_the_truth_is_among_them(activation: str, norm: bool) -> None:
    net = critic(activation, norm).eval()
    x = torch.randn(4, 1, 8, 8)
    outputs = []
    for reading in propose(shapes(net), "critic", (1, 8, 8)):
        for near in propose(shapes(net), "critic", (1, 8, 8), reading):
            if near["activation"] == activation and not near.get("eps") and not near.get("dropout"):
                rebuilt = rebuild(shapes(net), **near)
                rebuilt.load_state_dict(net.state_dict())
                outputs.append(rebuilt.eval()(x))
    expected = net(x)
    assert any(out.shape == expected.shape and torch.allclose(out, expected, atol=1e-6) for out in outputs)


def test_all_of_them_are_literal_and_build() -> None:
    net = critic("relu", norm=True)
    for reading in all_readings(shapes(net), "critic", (1, 8, 8))[::20]:
        assert eval(repr(reading), {"__builtins__": {}}) == reading
        assert rebuild(shapes(net), **reading)(torch.randn(2, 1, 8, 8)).numel() == 2


def test_no_two_are_the_same() -> None:
    for norm in (False, True):
        net = critic("relu", norm)
        first = propose(shapes(net), "critic", (1, 8, 8))
        assert len({repr(reading) for reading in first}) == len(first)
        near = propose(shapes(net), "critic", (1, 8, 8), first[0])
        assert len({repr(reading) for reading in near}) == len(near)
        assert all(
            reading.items() >= {k: v for k, v in first[0].items() if k != "activation"}.items() for reading in near
        )


def test_the_usual_comes_first() -> None:
    up = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 6), nn.Tanh())
    down = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 1))
    assert propose(shapes(up), "generator", (6,))[0] == {"activation": "relu", "output": "tanh"}
    assert propose(shapes(down), "critic", (6,))[0] == {"activation": "leaky_relu(0.2)"}


def test_what_cannot_matter_is_not_varied() -> None:
    linear = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 1))
    assert propose(shapes(linear), "critic", (6,)) == [{}]
    assert propose(shapes(linear), "critic", (6,), {}) == [{}]
    plain = nn.Sequential(nn.Linear(6, 4), nn.ReLU(), nn.Dropout(), nn.Linear(4, 1))
    assert {tuple(r) for r in propose(shapes(plain), "critic", (6,), {"activation": "relu"})} == {("activation",)}
    generator = {r["output"] for r in propose(shapes(linear), "generator", (1,), {"output": "tanh"})}
    assert generator == {*OUTPUTS}


def test_every_activation_that_is_known_is_proposed() -> None:
    names = {name.partition("(")[0] for name in (*FIRST["critic"], *FURTHER)}
    assert names == {*ACTIVATIONS}
    assert {*FIRST["critic"]} == {*FIRST["generator"]}
    assert {*FIRST["critic"]}.isdisjoint(FURTHER)


def test_a_chain_that_leads_nowhere_is_said() -> None:
    net = critic("relu", norm=False)
    with pytest.raises(
        ValueError, match=r"no usual strides and paddings lead through it to samples of shape \(3, 8, 8\)"
    ):
        propose(shapes(net), "critic", (3, 8, 8))


def test_too_many_to_try_are_refused() -> None:
    deep = nn.Sequential(*[nn.Conv2d(3, 3, 5) for _ in range(8)], nn.Conv2d(3, 1, 1))
    with pytest.raises(ValueError, match=r"too many to try|more than 2000"):
        propose(shapes(deep), "critic", (3, 40, 40))
