"""DCGAN nets: sizes, and where BatchNorm stands."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from wganalyze_zoo.networks import DcganAutoencoder, DcganCritic, DcganGenerator
from wganalyze_zoo.networks.dcgan import bottom, halvings


@pytest.mark.parametrize(("side", "ends"), [(4, 2), (6, 3), (8, 2), (28, 7), (32, 4), (64, 8)])
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_every_size(side: int, ends: int, channels: int, batch_norm: bool) -> None:
    assert bottom(side) == ends
    images = DcganGenerator(5, channels, side, 4, batch_norm=batch_norm)(torch.randn(3, 5))
    assert images.shape == (3, channels, side, side)
    assert images.abs().max() <= 1
    critic = DcganCritic(channels, side, 4, batch_norm=batch_norm)
    assert critic(images).shape == (3, 1)
    assert critic.features(images).shape == (3, 4 * 2 ** (halvings(side) - 1) * ends**2)
    assert DcganAutoencoder(channels, side, 4, code=6)(images).shape == (3, 1)


def test_no_batch_norm_next_to_the_image() -> None:
    def kinds(net: nn.Module) -> list[type[nn.Module]]:
        wanted = (nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d, nn.Linear)
        return [type(module) for module in net.modules() if isinstance(module, wanted)]

    conv, up, norm = nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d
    assert kinds(DcganCritic(1, 32, 4)) == [conv, conv, norm, conv, norm, nn.Linear]
    assert kinds(DcganGenerator(5, 1, 32, 4)) == [nn.Linear, norm, up, norm, up, norm, up]
    assert norm not in kinds(DcganCritic(1, 32, 4, batch_norm=False))
    assert norm not in kinds(DcganGenerator(5, 1, 32, 4, batch_norm=False))
