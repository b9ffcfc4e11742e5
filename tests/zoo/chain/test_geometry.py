"""Ways through a chain's sizes: each runs and arrives, the usual ones are among them, and no two do the same."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.zoo.conftest import shapes
from torch import nn

from wganalyze_zoo.chain import rebuild
from wganalyze_zoo.chain.geometry import Way, ways
from wganalyze_zoo.chain.reading import read

Shapes = dict[str, tuple[int, ...]]


def stacked(*layers: nn.Module) -> Shapes:
    """Keys and shapes of a Sequential."""
    return shapes(nn.Sequential(*layers))


def found(stored: Shapes, role: str, sample_shape: tuple[int, ...]) -> list[Way]:
    """All ways under the usual orientation."""
    chain = read(stored)
    return ways(chain, next(chain.orientations()), role, sample_shape)


def dcgan_generator(kernel: int, channels: int, ups: int) -> Shapes:
    """As in the paper: from one pixel to 4 x 4, then doubled."""
    wide = [100, *[8 * (ups - i) + channels for i in range(ups)], channels]
    layers = [nn.ConvTranspose2d(a, b, 4 if i == 0 else kernel) for i, (a, b) in enumerate(pairwise(wide))]
    return stacked(*layers)


@pytest.mark.parametrize(("side", "ups"), [(8, 1), (16, 2), (32, 3), (64, 4)])
@pytest.mark.parametrize(("kernel", "padding", "extra"), [(4, 1, 0), (5, 2, 1), (3, 1, 1), (2, 0, 0), (6, 2, 0)])
def test_the_doubling_of_a_dcgan_is_found(side: int, ups: int, kernel: int, padding: int, extra: int) -> None:
    expected = ((1, 0, 0, 1), *[(2, padding, extra, 1)] * ups)
    all_ways = found(dcgan_generator(kernel, 3, ups), "generator", (3, side, side))
    assert expected in all_ways
    assert len(all_ways) < 200


@pytest.mark.parametrize("side", [8, 16, 32, 64])
def test_the_halving_of_its_discriminator_is_found(side: int) -> None:
    downs = {8: 1, 16: 2, 32: 3, 64: 4}[side]
    wide = [3, *[8] * downs, 1]
    stored = stacked(*[nn.Conv2d(a, b, 4) for a, b in pairwise(wide)])
    assert (*[(2, 1, 0, 1)] * downs, (1, 0, 0, 1)) in found(stored, "critic", (3, side, side))


KERNELS = st.lists(st.integers(1, 6), min_size=1, max_size=4)


@settings(max_examples=40)
@given(KERNELS, st.booleans(), st.integers(4, 12), st.integers(4, 12))
def test_every_way_runs_and_arrives(kernels: list[int], up: bool, height: int, width: int) -> None:
    wide = [2, *[3] * (len(kernels) - 1), 1]
    layer = nn.ConvTranspose2d if up else nn.Conv2d
    pairs = zip(wide, wide[1:], kernels, strict=False)
    stored = stacked(*[layer(a, b, k, bias=True) for a, b, k in pairs])
    role, sample = ("generator", (1, height, width)) if up else ("critic", (2, height, width))
    x = torch.randn(2, 2, 1, 1) if up else torch.randn(2, *sample)
    settings_seen = set()
    for way in found(stored, role, sample)[:30]:
        strides, paddings, extras, scales = (list(column) for column in zip(*way, strict=True))
        net = rebuild(stored, strides=strides, paddings=paddings, output_paddings=extras, scales=scales)
        assert net(x).shape[1:] == (sample if up else (1, 1, 1))
        assert way not in settings_seen
        settings_seen.add(way)


def test_a_stride_at_a_single_pixel_is_not_told_from_another() -> None:
    assert found(stacked(nn.ConvTranspose2d(5, 1, 4)), "generator", (1, 4, 4)) == [((1, 0, 0, 1),)]
    assert found(stacked(nn.Conv2d(1, 1, 4)), "critic", (1, 4, 4)) == [((1, 0, 0, 1),)]


def test_linear_ends_fix_the_size() -> None:
    generator = stacked(nn.Linear(10, 8 * 49), nn.ConvTranspose2d(8, 4, 4), nn.ConvTranspose2d(4, 1, 4))
    assert found(generator, "generator", (1, 28, 28)) == [((2, 1, 0, 1), (2, 1, 0, 1))]
    assert found(generator, "generator", (28, 28)) == found(generator, "generator", (1, 28, 28))
    assert found(generator, "generator", (784,)) == found(generator, "generator", (1, 28, 28))
    critic = stacked(nn.Conv2d(1, 4, 4), nn.Conv2d(4, 8, 4), nn.Linear(8 * 49, 1))
    assert found(critic, "critic", (1, 28, 28)) == [((2, 1, 0, 1), (2, 1, 0, 1))]
    assert found(critic, "critic", (1, 4, 4)) == []


def test_vectors_have_one_way_or_none() -> None:
    generator, critic = stacked(nn.Linear(3, 5), nn.Linear(5, 12)), stacked(nn.Linear(12, 5), nn.Linear(5, 1))
    assert found(generator, "generator", (3, 2, 2)) == [()]
    assert found(generator, "generator", (13,)) == []
    assert found(critic, "critic", (3, 2, 2)) == [()]
    assert found(critic, "critic", (13,)) == []
    assert found(generator, "critic", (3,)) == []


def test_unusual_ones_only_where_no_usual_one_arrives() -> None:
    three = stacked(nn.ConvTranspose2d(5, 3, 4), nn.ConvTranspose2d(3, 1, 5))
    assert {way[1].stride for way in found(three, "generator", (1, 14, 14))} == {3, 4}
    up = stacked(nn.Linear(10, 3 * 4), nn.Conv2d(3, 3, 3), nn.Conv2d(3, 1, 3))
    assert found(up, "generator", (1, 8, 8)) == [((1, 1, 0, 2), (1, 1, 0, 2))]


def test_too_many_are_refused() -> None:
    deep = stacked(*[nn.Conv2d(3, 3, 7) for _ in range(12)], nn.Conv2d(3, 1, 1))
    with pytest.raises(ValueError, match="more than 2000 choices of strides and paddings"):
        found(deep, "critic", (3, 128, 128))
