"""Networks in the forms of public trainers, as small as can be: what goes in, what comes out, how it is called."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import spectral_norm, weight_norm


class Vocoder(nn.Module):
    """HiFi-GAN: 80 mel bands to four times as many samples of sound."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_pre = weight_norm(nn.Conv1d(80, 8, 7, 1, 3))
        self.ups = nn.ModuleList([weight_norm(nn.ConvTranspose1d(8, 4, 8, 4, 2))])
        self.conv_post = weight_norm(nn.Conv1d(4, 1, 7, 1, 3))

    def forward(self, mel: Tensor) -> Tensor:
        """(n, 80, t) to (n, 1, 4 t)."""
        up: Tensor = self.ups[0](F.leaky_relu(self.conv_pre(mel)))
        return torch.tanh(self.conv_post(F.leaky_relu(up)))


class Period(nn.Module):
    """HiFi-GAN: a critic of one period, which gives its features too."""

    def __init__(self, period: int) -> None:
        super().__init__()
        self.period = period
        self.convs = nn.ModuleList([weight_norm(nn.Conv2d(1, 4, (5, 1), (3, 1), (2, 0)))])
        self.conv_post = weight_norm(nn.Conv2d(4, 1, (3, 1), 1, (1, 0)))

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Scores and features."""
        x = F.pad(x, (0, -x.shape[-1] % self.period), "reflect")
        features = F.leaky_relu(self.convs[0](x.view(len(x), 1, -1, self.period)), 0.1)
        scores = self.conv_post(features)
        return scores.flatten(1), [features, scores]


class Periods(nn.Module):
    """HiFi-GAN: several periods, of real and generated sound together."""

    def __init__(self, *periods: int) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList([Period(period) for period in periods or (2, 3)])

    def forward(self, y: Tensor, y_hat: Tensor) -> tuple[list[Any], ...]:
        """Scores of both, then features of both."""
        real, fake = ([critic(each) for critic in self.discriminators] for each in (y, y_hat))
        return [s for s, _ in real], [s for s, _ in fake], [f for _, f in real], [f for _, f in fake]


class Upscale(nn.Module):
    """BasicSR: an image of twice the size."""

    def __init__(self) -> None:
        super().__init__()
        self.conv_first, self.conv_last = nn.Conv2d(1, 4, 3, 1, 1), nn.Conv2d(4, 1, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 1, a, a) to (n, 1, 2 a, 2 a)."""
        out: Tensor = self.conv_last(F.interpolate(F.leaky_relu(self.conv_first(x)), scale_factor=2))
        return out


class Pixels(nn.Module):
    """BasicSR: a score for each pixel, with spectral norms."""

    def __init__(self) -> None:
        super().__init__()
        self.conv0, self.conv9 = spectral_norm(nn.Conv2d(1, 4, 3, 1, 1)), nn.Conv2d(4, 1, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 1, a, a)."""
        out: Tensor = self.conv9(F.leaky_relu(self.conv0(x)))
        return out


class Tokenizer(nn.Module):
    """taming-transformers and LlamaGen: an autoencoder with a code book, which gives ``losses`` beside the image."""

    def __init__(self, losses: int = 1) -> None:
        super().__init__()
        self.losses = losses
        self.encoder, self.decoder = nn.Conv2d(3, 8, 2, 2), nn.ConvTranspose2d(8, 3, 2, 2)
        self.quantize = nn.ModuleDict({"embedding": nn.Embedding(16, 8)})
        self.quantize.register_buffer("codebook_used", torch.zeros(64))
        self.quant_conv, self.post_quant_conv = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Any]:
        """The image, decoded, and the loss of its codes, or several."""
        z = self.quant_conv(self.encoder(x)).permute(0, 2, 3, 1)
        book = self.quantize["embedding"]
        code = book(torch.cdist(z.reshape(-1, 8), book.weight).argmin(1)).view(z.shape)
        loss = (code - z).square().mean()
        image = self.decoder(self.post_quant_conv(code.permute(0, 3, 1, 2)))
        return image, loss if self.losses == 1 else (loss,) * self.losses


class Patches(nn.Module):
    """taming-transformers: a PatchGAN."""

    def __init__(self) -> None:
        super().__init__()
        self.main = nn.Sequential(nn.Conv2d(3, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """A map of scores."""
        out: Tensor = self.main(x)
        return out


class Shower(nn.Module):
    """getting_high: noise and energy, each (n, k, 1, 1, 1), to cells of a calorimeter."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1_1, self.conv1_100 = nn.ConvTranspose3d(1, 4, 2), nn.ConvTranspose3d(6, 4, 2)
        self.main_conv = nn.ConvTranspose3d(8, 1, 2, 2)

    def forward(self, noise: Tensor, energy: Tensor) -> Tensor:
        """(n, 4, 4, 4)."""
        x = torch.cat((self.conv1_1(energy), self.conv1_100(noise)), 1)
        return self.main_conv(F.relu(x)).view(-1, 4, 4, 4)


class ShowerCritic(nn.Module):
    """getting_high: showers with a channel axis, and energies without any."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.fc1 = nn.Conv3d(1, 4, 2, 2), nn.Linear(33, 1)

    def forward(self, x: Tensor, energy: Tensor) -> Tensor:
        """x (n, 1, 4, 4, 4), energy (n, 1)."""
        out: Tensor = self.fc1(torch.cat((F.leaky_relu(self.conv1(x)).flatten(1), energy), 1))
        return out


class Series(nn.Module):
    """gretel's DGAN: attributes, and a series of 4 steps beside them, of two noises."""

    def __init__(self) -> None:
        super().__init__()
        self.attribute_gen = nn.Linear(2, 2)
        self.feature_rnn, self.feature_gen = nn.LSTM(4, 6, batch_first=True), nn.Linear(6, 1)

    def forward(self, attribute_noise: Tensor, feature_noise: Tensor) -> tuple[Tensor, Tensor]:
        """Attributes (n, 2), features (n, 4, 1)."""
        attributes = torch.sigmoid(self.attribute_gen(attribute_noise))
        beside = attributes[:, None].expand(-1, feature_noise.shape[1], -1)
        return attributes, self.feature_gen(self.feature_rnn(torch.cat((beside, feature_noise), 2))[0])


class FlatSeries(Series):
    """The same of one latent, and flat, as its critic takes it."""

    def forward(self, z: Tensor) -> Tensor:  # type: ignore[override]
        """(n, 10) to (n, 6)."""
        attributes, features = super().forward(z[:, :2], z[:, 2:].view(-1, 4, 2))
        return torch.cat((attributes, features.flatten(1)), 1)


def chain(*widths: int) -> nn.Sequential:
    """Linear layers with activations between them."""
    layers = [each for a, b in pairwise(widths) for each in (nn.Linear(a, b), nn.LeakyReLU(0.2))]
    return nn.Sequential(*layers[:-1])


class Packed(nn.Module):
    """CTGAN: a critic of ``pac`` rows together."""

    def __init__(self, width: int, pac: int = 10) -> None:
        super().__init__()
        self.pac, self.pacdim = pac, width * pac
        self.seq = chain(self.pacdim, 8, 1)

    def forward(self, rows: Tensor) -> Tensor:
        """(n, width) to (n / pac, 1)."""
        assert rows.size()[0] % self.pac == 0
        out: Tensor = self.seq(rows.view(-1, self.pacdim))
        return out
