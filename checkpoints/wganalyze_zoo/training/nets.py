"""The networks that a method trains on data of a shape."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from wganalyze import UsageError
from wganalyze_zoo.methods.method import Method
from wganalyze_zoo.methods.presets import Preset
from wganalyze_zoo.networks import (
    Autoencoder,
    Critic,
    DcganAutoencoder,
    DcganCritic,
    DcganGenerator,
    MlpCritic,
    MlpGenerator,
)
from wganalyze_zoo.training.reals import Reals

ARCHITECTURES = ("mlp", "mlp-nobn", "dcgan", "dcgan-nobn")
"""What ``--arch`` names; "-nobn": without BatchNorm, in whichever network has it otherwise."""
LEAST_SIDE = 4
CODE = 16
"""Width of an autoencoder's code; in the plane, too, where ring8 needs more of it than coordinates."""


@dataclass(frozen=True)
class Nets:
    """A generator, and a critic where the method has one."""

    generator: nn.Module
    critic: Critic | None


def convolutional(arch: str) -> bool:
    """Are its nets for images, and not for flat vectors?"""
    return arch.startswith("dcgan")


def batch_norm_of(arch: str, preset: Preset) -> bool:
    """Has its generator BatchNorm? A DCGAN has it; in an MLP it is for the preset to say."""
    return not arch.endswith("-nobn") and (convolutional(arch) or preset.batch_norm)


def check_architecture(arch: str, reals: Reals) -> None:
    """UsageError where there are no nets of this kind for the data."""
    if arch not in ARCHITECTURES:
        raise UsageError(f"--arch {arch}: choose {', '.join(ARCHITECTURES)}")
    shape = tuple(reals.points.shape[1:])
    square = len(shape) == 3 and shape[1] == shape[2]
    if convolutional(arch) and not (square and shape[1] % 2 == 0 and shape[1] >= LEAST_SIDE):
        raise UsageError(f"--arch {arch}: needs square images of an even side, not samples of shape {shape}; use mlp")


def make_nets(method: Method, reals: Reals, arch: str, preset: Preset) -> Nets:
    """Untrained, with constraints in place.

    A DCGAN with BatchNorm has it in the critic too, unless a constraint looks at the gradient or the weights:
    BatchNorm makes a score depend on its batch.
    """
    make = _dcgan if convolutional(arch) else _mlp
    generator, critic = make(method, reals, preset.latent_dim, preset.width, batch_norm=batch_norm_of(arch, preset))
    if critic is not None:
        for constraint in method.constraints:
            if constraint.wrap is not None:
                constraint.wrap(critic)
    return Nets(generator, critic)


def _mlp(
    method: Method, reals: Reals, latent: int, width: int, *, batch_norm: bool
) -> tuple[nn.Module, Critic | None]:
    dim = reals.dim
    critic: Critic | None = None
    if method.loss.kind == "score":
        critic = MlpCritic(dim, width, minibatch=method.minibatch)
    elif method.loss.kind == "autoencoder":
        critic = Autoencoder(dim, width, code=CODE)
    return MlpGenerator(latent, dim, width, batch_norm=batch_norm, bounded=reals.bounded), critic


def _dcgan(
    method: Method, reals: Reals, latent: int, width: int, *, batch_norm: bool
) -> tuple[nn.Module, Critic | None]:
    channels, side = reals.points.shape[1:3]
    plain = not any(constraint.penalty or constraint.wrap for constraint in method.constraints)
    critic: Critic | None = None
    if method.loss.kind == "score":
        critic = DcganCritic(channels, side, width, batch_norm=batch_norm and plain, minibatch=method.minibatch)
    elif method.loss.kind == "autoencoder":
        critic = DcganAutoencoder(channels, side, width, code=CODE)
    generator = DcganGenerator(latent, channels, side, width, batch_norm=batch_norm, bounded=reals.bounded)
    return generator, critic
