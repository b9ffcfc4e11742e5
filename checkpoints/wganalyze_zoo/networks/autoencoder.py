"""Critics that are autoencoders: a sample that they reconstruct well is real (1609.03126, section 2.3)."""

from __future__ import annotations

from abc import abstractmethod

from torch import Tensor, nn

from wganalyze_zoo.networks.critic import Critic
from wganalyze_zoo.networks.dcgan import code_width, down, up
from wganalyze_zoo.networks.mlp import mlp


class Reconstruction(Critic):
    """The score is -energy, and the energy of a sample the mean squared error of decode(encode(x))."""

    @abstractmethod
    def halves(self) -> tuple[nn.Sequential, nn.Sequential]:
        """The encoder and the decoder."""

    def features(self, x: Tensor) -> Tensor:
        """The code, (b, code)."""
        code: Tensor = self.halves()[0](x)
        return code

    def forward(self, x: Tensor) -> Tensor:
        """(b, ...) -> (b, 1)."""
        error: Tensor = self.halves()[1](self.features(x)) - x
        return -error.flatten(1).square().mean(1, keepdim=True)


class Autoencoder(Reconstruction):
    """Samples (b, dim), through one hidden layer on each side of the code."""

    def __init__(self, dim: int, width: int = 256, code: int = 16) -> None:
        super().__init__()
        self.zoo_encoder = mlp([dim, width, code])
        self.zoo_decoder = mlp([code, width, dim])

    def halves(self) -> tuple[nn.Sequential, nn.Sequential]:
        """dim -> code -> dim."""
        return self.zoo_encoder, self.zoo_decoder


class DcganAutoencoder(Reconstruction):
    """Images (b, channels, side, side), through the convolutions of a DCGAN without BatchNorm."""

    def __init__(self, channels: int, side: int, width: int = 64, code: int = 16) -> None:
        super().__init__()
        self.zoo_dcgan_encoder = nn.Sequential(*down(channels, side, width), nn.Linear(code_width(side, width), code))
        self.zoo_dcgan_decoder = nn.Sequential(*up(code, channels, side, width))

    def halves(self) -> tuple[nn.Sequential, nn.Sequential]:
        """Image -> code -> image."""
        return self.zoo_dcgan_encoder, self.zoo_dcgan_decoder
