"""What a user of these checkpoints writes: the architectures, from the authors' descriptions in MANIFEST.md."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Block(nn.Module):
    """Layers under the key ``block``."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.block = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class AkanametovGenerator(nn.Module):
    """WGAN-GP on MNIST: z (n, 64, 1, 1) to images (n, 1, 28, 28)."""

    def __init__(self) -> None:
        super().__init__()

        def up(wide: int, narrow: int, kernel: int, stride: int) -> Block:
            layer = nn.ConvTranspose2d(wide, narrow, kernel, stride)
            return Block(layer, nn.BatchNorm2d(narrow), nn.ReLU())

        self.model = nn.Sequential(
            up(64, 256, 3, 2), up(256, 128, 4, 1), up(128, 64, 3, 2), nn.ConvTranspose2d(64, 1, 4, 2), nn.Tanh()
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.model(z)


class AkanametovCritic(nn.Module):
    """Three convolutions, BatchNorm in two of them, one score."""

    def __init__(self) -> None:
        super().__init__()

        def down(wide: int, narrow: int) -> Block:
            return Block(nn.Conv2d(wide, narrow, 4, 2), nn.BatchNorm2d(narrow), nn.LeakyReLU(0.2))

        self.model = nn.Sequential(down(1, 64), down(64, 128), nn.Conv2d(128, 1, 4, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x).flatten(1)


class KwdahunGenerator(nn.Module):
    """DCGAN on MNIST, no biases: z (n, 100, 1, 1)."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for wide, narrow, kernel, stride, padding in ((100, 256, 4, 1, 0), (256, 128, 3, 2, 1), (128, 64, 4, 2, 1)):
            layers.append(nn.ConvTranspose2d(wide, narrow, kernel, stride, padding, bias=False))
            layers += [nn.BatchNorm2d(narrow), nn.ReLU()]
        self.nets = nn.Sequential(*layers, nn.ConvTranspose2d(64, 1, 4, 2, 1, bias=False), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.nets(z)


class KwdahunDiscriminator(nn.Module):
    """Its discriminator, which ends in a sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.nets = nn.Sequential(
            nn.Conv2d(1, 32, 4, 2, 1, bias=False),
            nn.LeakyReLU(0.2),
            nn.Conv2d(32, 64, 4, 2, 1, bias=False),
            nn.BatchNorm2d(64),
            nn.LeakyReLU(0.2),
            nn.Conv2d(64, 128, 3, 2, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.LeakyReLU(0.2),
            nn.Dropout(0.3),
            nn.Conv2d(128, 1, 4, 1, 0, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.nets(x)


class YunhdanGenerator(nn.Module):
    """MLP GAN on MNIST: z (n, 100) to flattened images (n, 784)."""

    def __init__(self) -> None:
        super().__init__()
        self.gen = nn.Sequential(
            nn.Linear(100, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 784), nn.Tanh()
        )

    def forward(self, z: Tensor) -> Tensor:
        return self.gen(z)


class YunhdanDiscriminator(nn.Module):
    """Its discriminator, which ends in a sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.dis = nn.Sequential(
            nn.Linear(784, 256),
            nn.LeakyReLU(0.2),
            nn.Linear(256, 256),
            nn.LeakyReLU(0.2),
            nn.Linear(256, 1),
            nn.Sigmoid(),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.dis(x)


class SpectralLinear(nn.Module):
    """The spectral normalisation of old: weight_bar over its norm, by stored singular vectors."""

    def __init__(self, wide: int, narrow: int) -> None:
        super().__init__()
        self.module = nn.Module()
        self.module.register_parameter("bias", nn.Parameter(torch.zeros(narrow)))
        self.module.register_parameter("weight_bar", nn.Parameter(torch.zeros(narrow, wide)))
        self.module.register_parameter("weight_u", nn.Parameter(torch.zeros(narrow)))
        self.module.register_parameter("weight_v", nn.Parameter(torch.zeros(wide)))

    def forward(self, x: Tensor) -> Tensor:
        bar, u, v = self.module.weight_bar, self.module.weight_u, self.module.weight_v
        return F.linear(x, bar / u.dot(bar.mv(v)), self.module.bias)


class WrappedLinear(nn.Module):
    """A layer under the key ``module``."""

    def __init__(self, wide: int, narrow: int) -> None:
        super().__init__()
        self.module = nn.Linear(wide, narrow)

    def forward(self, x: Tensor) -> Tensor:
        return self.module(x)


class BenchmarkCritic(nn.Module):
    """MLP 2-128-128-1 with ReLU; plain or spectrally normalised layers, by the keys that are stored."""

    def __init__(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        super().__init__()
        kinds = {"weight_bar": SpectralLinear, "module.weight": WrappedLinear}
        linear = next((kind for end, kind in kinds.items() if any(key.endswith(end) for key in shapes)), nn.Linear)
        self.net = nn.Sequential(linear(2, 128), nn.ReLU(), linear(128, 128), nn.ReLU(), linear(128, 1))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)
