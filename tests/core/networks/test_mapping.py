"""A first layer of images is told from the transposed convolution of a latent by shapes alone."""

from __future__ import annotations

import pytest
from torch import nn

from wganalyze.contracts.loader import Input, TensorSpec
from wganalyze.networks.mapping import image_layer, is_transposed, takes_images

DCGAN = nn.Sequential(nn.ConvTranspose2d(100, 64, 4), nn.ConvTranspose2d(64, 32, 4), nn.ConvTranspose2d(32, 3, 4))


@pytest.mark.parametrize(
    ("net", "channels"),
    [
        (nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 1, 3)), 1),
        (nn.Sequential(nn.Conv2d(3, 64, 9), nn.PReLU(), nn.Conv2d(64, 64, 3)), 3),  # SRGAN
        (nn.Sequential(nn.Conv2d(3, 8, 7), nn.BatchNorm2d(8), nn.Conv2d(8, 16, 3), nn.ConvTranspose2d(16, 3, 3)), 3),
        (DCGAN, None),
        (nn.Sequential(nn.ConvTranspose2d(3, 64, 4), nn.ConvTranspose2d(64, 1, 4)), None),  # a latent of 3
        (nn.Sequential(nn.ConvTranspose2d(7, 4, 3)), None),
        (nn.Sequential(nn.Conv2d(1, 8, 3)), None),  # nothing shows it
        (nn.Sequential(nn.Linear(10, 64), nn.Conv2d(1, 8, 3), nn.Conv2d(8, 1, 3)), None),
        (nn.Sequential(nn.Conv2d(64, 8, 3), nn.Conv2d(8, 3, 3)), None),  # maps of 64 channels: noise may be that
    ],
)
def test_the_first_layer(net: nn.Module, channels: int | None) -> None:
    keys = {key: TensorSpec(tuple(each.shape), "float32") for key, each in net.state_dict().items()}
    first = image_layer(keys)
    assert (None if first is None else first[1]) == channels


@pytest.mark.parametrize(
    ("shape", "images"),
    [
        ((None, 3, 64, 64), True),
        ((1, 1, None, None), True),
        ((None, 28, 28, 1), True),
        ((None, 100, 1, 1), False),
        ((None, 1, 1, 100), False),
        ((None, 3, 1, 1), False),
        ((None, 64, 8, 8), False),
        ((None, 100), False),
        (None, False),
    ],
)
def test_the_input_that_a_program_states(shape: tuple[int | None, ...] | None, images: bool) -> None:
    assert takes_images(Input("x", shape)) is images


@pytest.mark.parametrize(
    ("first", "following", "transposed"),
    [
        ((100, 64, 4), (64, 32, 4), True),
        ((64, 80, 7), (32, 64, 7), False),
        ((100, 64, 4), None, True),
        ((64, 64, 3), (64, 64, 3), False),
    ],
)
def test_convolutions_of_series(first: tuple[int, ...], following: tuple[int, ...] | None, transposed: bool) -> None:
    assert is_transposed(first, following) is transposed
