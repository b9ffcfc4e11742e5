"""What the numbering of a state dict shows: order, missing activations, reshapes; and what is no chain."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.zoo.conftest import shapes
from torch import nn

from wganalyze_zoo.chain.reading import MOST_LAYERS, Link, read, side_of

Shapes = dict[str, tuple[int, ...]]


class Block(nn.Module):
    """Layers under the key ``block``."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.block = nn.Sequential(*layers)


@st.composite
def sequentials(draw: st.DrawFn) -> tuple[nn.Sequential, tuple[int, ...]]:
    """A Sequential of layers with and without weights, and the layers (by number) that an activation follows."""
    modules: list[nn.Module] = []
    active: list[int] = []
    wide, weighty = draw(st.integers(1, 5)), 0
    for narrow in draw(st.lists(st.integers(1, 5), min_size=1, max_size=5)):
        for layer in [nn.Linear(wide, narrow), *([nn.BatchNorm1d(narrow)] if draw(st.booleans()) else [])]:
            modules.append(layer)
            weighty += 1
            if draw(st.booleans()):
                modules += [nn.ReLU(), *([nn.Dropout()] if draw(st.booleans()) else [])]
                active.append(weighty - 1)
        wide = narrow
    # What follows the last weights is invisible.
    return nn.Sequential(*modules), tuple(i for i in active if i < weighty - 1)


@given(sequentials())
def test_numbers_that_are_missing_are_activations(made: tuple[nn.Sequential, tuple[int, ...]]) -> None:
    net, active = made
    chain = read(shapes(net))
    assert chain.placements() == [active]
    assert not any(link.hidden for link in chain.links)
    weighty = [i for i, module in enumerate(net) if shapes(module)]
    assert [layer.name for layer in chain.layers] == [str(i) for i in weighty]
    assert [link.slots for link in chain.links] == [b - a - 1 for a, b in pairwise(weighty)]


@given(st.integers(11, MOST_LAYERS))
def test_numbers_count_as_numbers_where_keys_were_sorted_as_text(layers: int) -> None:
    for name in ("net.{}", "fc{}", "model.{}.block.0"):
        stored = {f"{name.format(i)}.weight": (i + 2, i + 1) for i in range(layers)}
        chain = read(dict(sorted(stored.items())))
        assert [layer.name for layer in chain.layers] == [name.format(i) for i in range(layers)]
        assert chain == read(stored)


def test_modules_at_the_end_of_an_inner_container_are_hidden() -> None:
    net = nn.Sequential(
        Block(nn.Conv2d(1, 3, 4, 2), nn.BatchNorm2d(3), nn.ReLU()), Block(nn.ReLU(), nn.Conv2d(3, 5, 4)), nn.ReLU(),
        nn.Conv2d(5, 1, 4),
    )  # fmt: skip
    chain = read(shapes(net))
    assert chain.links == (Link(0, hidden=False), Link(1, hidden=True), Link(1, hidden=True))
    assert chain.placements() == [(1, 2)]


def test_where_modules_may_hide_an_activation_is_behind_the_norm_or_before_it() -> None:
    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(1, 3, 4, 2), nn.BatchNorm2d(3)
            self.conv2, self.bn2 = nn.Conv2d(3, 5, 4, 2), nn.BatchNorm2d(5)
            self.out = nn.Conv2d(5, 1, 4)

    assert read(shapes(Named())).placements() == [(1, 3), (0, 2)]


def test_one_missing_number_at_a_reshape_may_be_the_reshape() -> None:
    one = nn.Sequential(nn.Linear(3, 8), nn.Unflatten(1, (2, 2, 2)), nn.ConvTranspose2d(2, 1, 4, 2, 1))
    two = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Unflatten(1, (2, 2, 2)), nn.ConvTranspose2d(2, 1, 4, 2, 1))
    assert read(shapes(one)).placements() == [(0,), ()]
    assert read(shapes(two)).placements() == [(0,)]
    assert read(shapes(two)).reshapes == {0}


@pytest.mark.parametrize("norm", [nn.BatchNorm1d(8), nn.BatchNorm2d(2)])
def test_a_norm_between_is_on_the_side_that_its_size_says(norm: nn.Module) -> None:
    chain = read(shapes(nn.Sequential(nn.Linear(3, 8), norm, nn.ReLU(), nn.ConvTranspose2d(2, 1, 4))))
    assert chain.reshapes == {1 if isinstance(norm, nn.BatchNorm1d) else 0}


def test_a_convolution_is_transposed_where_its_channels_say_so() -> None:
    down = nn.Sequential(nn.Conv2d(1, 3, 4), nn.ReLU(), nn.Conv2d(3, 5, 4))
    up = nn.Sequential(nn.ConvTranspose2d(5, 3, 4, bias=False), nn.ReLU(), nn.ConvTranspose2d(3, 1, 4, bias=False))
    lone = nn.Sequential(nn.ConvTranspose2d(5, 3, 4, bias=False))
    square = nn.Sequential(nn.ConvTranspose2d(5, 3, 4), nn.ReLU(), nn.Conv2d(3, 3, 3), nn.ConvTranspose2d(3, 3, 3))
    assert list(read(shapes(down)).orientations()) == [(False, False)]
    assert list(read(shapes(up)).orientations()) == [(True, True)]
    assert list(read(shapes(lone)).orientations()) == [(False,), (True,)]
    assert list(read(shapes(square)).orientations()) == [(True, False, False), (True, True, True)]


def test_what_a_bias_or_a_norm_behind_says_of_the_channels_counts() -> None:
    assert list(read({"0.weight": (5, 3, 4, 4), "0.bias": (3,)}).orientations()) == [(True,)]
    bare = nn.Sequential(nn.ConvTranspose2d(5, 3, 4, bias=False), nn.BatchNorm2d(3))
    assert list(read(shapes(bare)).orientations()) == [(True, False)]


NORM: Mapping[str, tuple[int, ...]] = {"1.running_mean": (4,), "1.running_var": (4,)}
LINEAR: Mapping[str, tuple[int, ...]] = {"0.weight": (4, 3), "0.bias": (4,)}


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        ({}, "no weights"),
        (NORM, "no weights"),
        ({"weight": (4, 3)}, "without a layer's name"),
        ({**LINEAR, "1.weight": (4,), "1.bias": (4,)}, "1 .* which norm it is cannot be read"),
        ({**LINEAR, "gamma": ()}, "without a layer's name"),
        ({**LINEAR, "attention.gamma": (1,)}, r"attention \(gamma \(1,\)\) is no Linear"),
        ({**LINEAR, "1.weight": (4, 3, 3, 3, 3)}, "1 .* is no Linear"),
        ({**LINEAR, "1.weight": (1, 4, 3, 5)}, "1 .* is no Linear"),
        ({"0.weight": (4, 3), "0.bias": (3,)}, "0 .* is no Linear"),
        ({"0.weight": (4, 0)}, "empty"),
        ({**LINEAR, "1.running_mean": (4,)}, "1 .* is no Linear"),
        ({**LINEAR, "1.running_mean": (4,), "1.running_var": (5,)}, "1 .* is no Linear"),
        ({**LINEAR, "1.weight": (2, 5)}, "no chain"),
        ({**LINEAR, **NORM, "2.running_mean": (4,), "2.running_var": (4,)}, "two norms in a row"),
        ({**LINEAR, **NORM, "adv.weight": (1, 4), "aux.weight": (10, 4)}, "no chain"),
        ({"0.weight": (4, 3, 3, 3), "1.running_mean": (5,), "1.running_var": (5,)}, "no chain"),
        ({"0.weight": (6, 3, 3, 3), "1.weight": (1, 16)}, "no chain"),
        ({f"{i}.weight": (3, 3) for i in range(MOST_LAYERS + 1)}, "41 layers"),
    ],
)
def test_what_is_no_chain_is_said(stored: Shapes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        read(stored)
    assert "\n" not in str(caught.value)


@given(st.dictionaries(st.text("ab.01", max_size=6), st.lists(st.integers(0, 4), max_size=5).map(tuple), max_size=8))
def test_no_keys_break_it(stored: Shapes) -> None:
    try:
        chain = read(stored)
    except ValueError:
        return
    assert len(chain.links) == len(chain.layers) - 1


@given(st.integers(1, 40), st.integers(2, 40))
def test_squares(side: int, channels: int) -> None:
    assert side_of(side * side * channels, channels, 2) == side
    assert side_of(side * side * channels + 1, channels, 2) == 0


@given(st.integers(1, 40), st.integers(2, 40))
def test_series(length: int, channels: int) -> None:
    assert side_of(length * channels, channels, 1) == length
    assert side_of(length * channels + 1, channels, 1) == 0


def test_convolutions_along_one_axis_are_read_and_not_mixed_with_those_along_two() -> None:
    chain = read({"0.weight": (16, 2, 4), "0.bias": (16,), "2.weight": (1, 16, 4)})
    assert [(layer.kind, layer.axes, layer.kernel) for layer in chain.layers] == [("conv", 1, 4), ("conv", 1, 4)]
    with pytest.raises(ValueError, match="along one axis here and along two there"):
        read({"0.weight": (16, 2, 4), "2.weight": (1, 16, 4, 4)})
