"""A reconstruction's score is minus its mean squared error."""

from __future__ import annotations

import torch

from wganalyze_zoo.networks import Autoencoder, DcganAutoencoder


def test_the_score_is_minus_the_energy() -> None:
    critic, x = Autoencoder(6, 8, code=3), torch.randn(5, 6)
    encode, decode = critic.halves()
    assert critic.features(x).shape == (5, 3)
    assert torch.allclose(critic(x)[:, 0], -(decode(encode(x)) - x).square().mean(1))
    images = torch.randn(5, 1, 8, 8)
    convolutions = DcganAutoencoder(1, 8, 4, code=3)
    encode, decode = convolutions.halves()
    assert decode(encode(images)).shape == images.shape
    assert torch.allclose(convolutions(images)[:, 0], -(decode(encode(images)) - images).square().mean((1, 2, 3)))
    assert (convolutions(images) <= 0).all()
