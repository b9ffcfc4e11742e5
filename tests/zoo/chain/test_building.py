"""A chain that is rebuilt under the assumptions that are true computes what the original did, under its keys."""

from __future__ import annotations

import copy
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.zoo.conftest import shapes
from torch import Tensor, nn

from wganalyze_zoo.chain import Chain, rebuild
from wganalyze_zoo.chain.building import ACTIVATIONS, activation_module


def with_statistics(net: nn.Module, z: Tensor) -> nn.Module:
    """The network in eval mode, its BatchNorm statistics those of what it was given."""
    with torch.no_grad():
        for _ in range(3):
            net.train()(z)
    return net.eval()


def assert_same(net: nn.Module, z: Tensor, **assumptions: object) -> nn.Module:
    """What is rebuilt takes the weights and gives what the network gives."""
    rebuilt = rebuild(shapes(net), **assumptions)
    rebuilt.load_state_dict(net.state_dict(), strict=True)
    torch.testing.assert_close(rebuilt.eval()(z), net(z), rtol=1e-5, atol=1e-6)
    return rebuilt


def generator(**norm: float) -> nn.Sequential:
    """From a vector to an image of 8x8, with everything in it that numbers do not show."""
    return nn.Sequential(
        nn.Linear(5, 24), nn.Unflatten(1, (6, 2, 2)), nn.BatchNorm2d(6, **norm), nn.ReLU(), nn.Dropout(0.2),
        nn.ConvTranspose2d(6, 6, 3, 2, 1, 1, bias=False), nn.BatchNorm2d(6, **norm), nn.ReLU(), nn.Dropout(0.2),
        nn.Upsample(scale_factor=2), nn.Conv2d(6, 1, 3, 1, 1), nn.Tanh(),
    )  # fmt: skip


def test_a_generator_with_everything() -> None:
    torch.manual_seed(0)
    z = torch.randn(7, 5)
    rebuilt = assert_same(
        with_statistics(generator(eps=0.1), z), z, activation="relu", strides=[2, 1], paddings=[1, 1], scales=[1, 2],
        output_paddings=[1, 0], transposed=[True, False], dropout=0.2, eps=0.1, output="tanh",
    )  # fmt: skip
    assert str(rebuilt.in_words) == (
        "Linear(5-24) to 6x2x2 BN eps 0.1 relu dropout(0.2) ConvTranspose(6-6 k3 s2 p1 op1) BN eps 0.1 relu "
        "dropout(0.2) nearest x2 Conv(6-1 k3 s1 p1) tanh"
    )
    assert [m.p for m in rebuilt.modules() if isinstance(m, nn.Dropout)] == [0.2, 0.2]


def test_a_critic_with_activations_before_its_norms_and_a_linear_end() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 4, 2, 1), nn.LeakyReLU(0.1), nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3, 2), nn.LeakyReLU(0.1),
        nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 1),
    )  # fmt: skip
    x = torch.randn(7, 1, 8, 8)
    assert_same(
        with_statistics(net, x), x, activation="leaky_relu(0.1)", strides=[2, 2], paddings=[1, 0], active=[0, 2]
    )


def test_one_that_takes_images_flattens_them() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(16, 4), nn.ELU(0.5), nn.Linear(4, 1))
    assert_same(net, torch.randn(7, 1, 4, 4), activation="elu(0.5)")


@settings(max_examples=50)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=5), st.sampled_from(sorted(ACTIVATIONS)), st.integers(0, 9))
def test_vectors_through_any_activation(widths: list[int], activation: str, seed: int) -> None:
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for wide, narrow in pairwise(widths):
        layers += [nn.Linear(wide, narrow), nn.BatchNorm1d(narrow), ACTIVATIONS[activation]()]
    net = nn.ModuleDict({"module": nn.Sequential(*layers[:-2])})
    z = torch.randn(7, widths[0])
    inner = with_statistics(net["module"], z)
    rebuilt = rebuild(shapes(net), activation=activation)
    rebuilt.load_state_dict(net.state_dict(), strict=True)
    torch.testing.assert_close(rebuilt.eval()(z), inner(z))


def test_the_names_are_kept_and_its_own_do_not_get_in_their_way() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.output, self.flatten = nn.Linear(3, 4), nn.Linear(4, 2)
            self.text = nn.Linear(2, 1)

    stored = shapes(Named())
    net = rebuild(stored, output="tanh")
    assert list(shapes(net)) == list(stored)
    z = torch.randn(5, 3)
    hidden = torch.relu(nn.functional.linear(z, net.get_parameter("output.weight"), net.get_parameter("output.bias")))
    expected = nn.functional.linear(hidden, net.get_parameter("flatten.weight"), net.get_parameter("flatten.bias"))
    last = nn.functional.linear(expected.relu(), net.get_parameter("text.weight"), net.get_parameter("text.bias"))
    torch.testing.assert_close(net(z), last.tanh())


def test_it_can_be_traced_copied_and_made_double() -> None:
    net = rebuild(shapes(generator()), strides=[2, 1], paddings=[1, 1], scales=[1, 2], output_paddings=[1, 0]).eval()
    z = torch.randn(2, 5)
    graph = torch.fx.symbolic_trace(net)
    torch.testing.assert_close(graph(z), net(z))
    torch.testing.assert_close(copy.deepcopy(net).double()(z.double()).float(), net(z), rtol=1e-4, atol=1e-5)


def test_as_an_architecture_it_recognises_nothing() -> None:
    chain = Chain()
    assert chain.recognise(shapes(generator())) is None
    built = chain.build(shapes=shapes(generator()), strides=[2, 1], paddings=[1, 1], activation="elu")
    assert shapes(built) == shapes(generator())
    assert [chain.is_foil({"activation": f"leaky_relu({slope})"}) for slope in (0.2, 0.22)] == [False, True]
    assert not chain.is_foil({})


@pytest.mark.parametrize(
    ("assumptions", "reason"),
    [
        ({"activation": "swoosh"}, "no activation is called 'swoosh'; there are: none, relu"),
        ({"activation": "relu(0.2)"}, "no activation"),
        ({"activation": "leaky_relu(__import__)"}, "no activation"),
        ({"output": "nothing"}, "no activation"),
        ({"strides": [2]}, "strides: 1 given, there are 2"),
        ({"paddings": [2, 1, 1]}, "paddings: 3 given, there are 2"),
        ({"transposed": [False, True]}, "transposed: the channels do not fit"),
        ({"scales": [1, 2], "resize": "cubic"}, "resize: 'cubic'"),
    ],
)
def test_assumptions_that_make_no_network_are_named(assumptions: dict[str, object], reason: str) -> None:
    net = nn.Sequential(nn.Conv2d(1, 3, 4), nn.ReLU(), nn.Conv2d(3, 2, 4))
    with pytest.raises(ValueError, match=reason):
        rebuild(shapes(net), **assumptions)


def test_a_generator_and_a_critic_of_series() -> None:
    """Of two channels and 16 steps; from a latent, from samples, and from those with an axis too many."""
    torch.manual_seed(0)
    maker = nn.Sequential(
        nn.Linear(5, 24), nn.Unflatten(1, (6, 4)), nn.BatchNorm1d(6), nn.ReLU(),
        nn.ConvTranspose1d(6, 4, 4, 2, 1, bias=False), nn.BatchNorm1d(4), nn.ReLU(),
        nn.Upsample(scale_factor=2), nn.Conv1d(4, 2, 3, 1, 1), nn.Tanh(),
    )  # fmt: skip
    z = torch.randn(7, 5)
    rebuilt = assert_same(
        with_statistics(maker, z), z, activation="relu", strides=[2, 1], paddings=[1, 1], scales=[1, 2], output="tanh",
    )  # fmt: skip
    assert str(rebuilt.in_words).startswith(
        "Linear(5-24) to 6x4 BN relu ConvTranspose(6-4 k4 s2 p1) BN relu nearest x2"
    )
    judge = nn.Sequential(nn.Conv1d(2, 8, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv1d(8, 1, 8))
    x = torch.randn(7, 2, 16)
    same = assert_same(judge.eval(), x, activation="leaky_relu(0.2)", strides=[2, 1], paddings=[1, 0])
    torch.testing.assert_close(same(x[:, None]), judge(x))


def test_numbers_that_make_no_series_are_refused() -> None:
    net = nn.Sequential(nn.Linear(3, 14), nn.ReLU(), nn.Unflatten(1, (2, 7)), nn.ConvTranspose1d(2, 1, 4))
    rebuild(shapes(net))
    with pytest.raises(ValueError, match="so it is no chain"):
        rebuild(shapes(net) | {"3.weight": (4, 1, 4)})


def test_numbers_that_make_no_square_are_named() -> None:
    net = nn.Sequential(nn.Linear(3, 12), nn.ReLU(), nn.Unflatten(1, (2, 3, 2)), nn.ConvTranspose2d(2, 1, 4))
    with pytest.raises(ValueError, match="12 numbers are no square image of 2 channels"):
        rebuild(shapes(net))


@given(st.sampled_from(["leaky_relu", "elu"]), st.integers(0, 100).map(lambda n: n / 100))
def test_a_slope_is_read(name: str, slope: float) -> None:
    x = torch.tensor([-1.5])
    expected = slope * (x if name == "leaky_relu" else torch.expm1(x))
    torch.testing.assert_close(activation_module(f"{name}({slope})")(x), expected)
