"""The zoo's networks as architectures: recognised by their exact keys and shapes, so that they need no factory.

Arguments are read from a few shapes; then the network is built without memory (on torch's device "meta"), and its keys
and shapes are to be those of the checkpoint.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from wganalyze import Architecture, Shapes, hookimpl

if TYPE_CHECKING:
    from torch.nn import Module


class ZooNetwork(Architecture):
    """A network of ``wganalyze_zoo.networks``. ``prefixes``: what all of its keys begin with, one of these each."""

    network: ClassVar[str]
    prefixes: ClassVar[tuple[str, ...]]

    def build(self, **arguments: Any) -> Module:
        """The arguments of the network's class."""
        from wganalyze_zoo import networks

        module: Module = getattr(networks, self.network)(**arguments)
        return module

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """The arguments, where the network that they build has exactly these keys and shapes."""
        if not keys or any(not key.startswith(self.prefixes) or 0 in shape for key, shape in keys.items()):
            return None
        import torch

        try:
            arguments = self.arguments(keys)
            with torch.device("meta"):
                built = self.build(**arguments).state_dict()
        except (KeyError, ValueError, IndexError, ZeroDivisionError, RuntimeError, TypeError):
            return None
        fits = {key: tuple(value.shape) for key, value in built.items()} == {k: tuple(s) for k, s in keys.items()}
        return arguments if fits else None

    @abstractmethod
    def arguments(self, keys: Shapes) -> dict[str, Any]:
        """Of the network whose keys these are, if it is one; any KeyError or the like says that it is not."""


def _layers(keys: Shapes, axes: int) -> list[tuple[int, ...]]:
    """Shapes of the weights with so many axes, in order."""
    return [tuple(shape) for key, shape in keys.items() if key.endswith(".weight") and len(shape) == axes]


def _normed(keys: Shapes) -> bool:
    return any(key.endswith(".running_mean") for key in keys)


def _bounded(keys: Shapes) -> bool:
    return not any(key.split(".")[0].endswith("_unbounded") for key in keys)


def _compares(keys: Shapes) -> bool:
    return any(key.endswith(".tensor") for key in keys)


def _side(features: int, channels: int, halvings: int) -> int:
    """Of an image whose smallest grid holds so many features."""
    return int(math.isqrt(features // channels) * 2**halvings)


class ZooMlpGenerator(ZooNetwork):
    """The MLP generator of the zoo."""

    name = "zoo-mlp-generator"
    role = "generator"
    network = "MlpGenerator"
    prefixes = ("zoo_generator.", "zoo_generator_unbounded.")

    def arguments(self, keys: Shapes) -> dict[str, Any]:
        """Widths; BatchNorm by its keys, the tanh by the name of the layers."""
        (width, latent), _, (dim, _) = _layers(keys, 2)
        return {
            "latent": latent,
            "dim": dim,
            "width": width,
            "batch_norm": _normed(keys),
            "bounded": _bounded(keys),
        }


class ZooMlpCritic(ZooNetwork):
    """The MLP critic of the zoo."""

    name = "zoo-mlp-critic"
    role = "critic"
    network = "MlpCritic"
    prefixes = ("zoo_critic.",)

    def arguments(self, keys: Shapes) -> dict[str, Any]:
        """Widths."""
        (width, dim), *_ = _layers(keys, 2)
        return {"dim": dim, "width": width, "minibatch": _compares(keys)}


class ZooDcganGenerator(ZooNetwork):
    """The DCGAN generator of the zoo."""

    name = "zoo-dcgan-generator"
    role = "generator"
    network = "DcganGenerator"
    prefixes = ("zoo_dcgan_generator.", "zoo_dcgan_generator_unbounded.")

    def arguments(self, keys: Shapes) -> dict[str, Any]:
        """Sizes from the linear layer and the first and last convolution."""
        ((features, latent),) = _layers(keys, 2)
        convolutions = _layers(keys, 4)
        return {
            "latent": latent,
            "channels": convolutions[-1][1],
            "side": _side(features, convolutions[0][0], len(convolutions)),
            "width": convolutions[-1][0],
            "batch_norm": _normed(keys),
            "bounded": _bounded(keys),
        }


class ZooDcganCritic(ZooNetwork):
    """The DCGAN critic of the zoo."""

    name = "zoo-dcgan-critic"
    role = "critic"
    network = "DcganCritic"
    prefixes = ("zoo_dcgan_critic.",)

    def arguments(self, keys: Shapes) -> dict[str, Any]:
        """Sizes from the convolutions and the linear layer."""
        ((_, features),), convolutions = _layers(keys, 2), _layers(keys, 4)
        tensors = [shape for key, shape in keys.items() if key.endswith(".tensor")]
        if tensors:
            features = tensors[0][0]
        return {
            "channels": convolutions[0][1],
            "side": _side(features, convolutions[-1][0], len(convolutions)),
            "width": convolutions[0][0],
            "batch_norm": _normed(keys),
            "minibatch": bool(tensors),
        }


class ZooAutoencoder(ZooNetwork):
    """The MLP autoencoder critic of the zoo, whose score is -energy."""

    name = "zoo-autoencoder"
    role = "critic"
    network = "Autoencoder"
    prefixes = ("zoo_encoder.", "zoo_decoder.")

    def arguments(self, keys: Shapes) -> dict[str, Any]:
        """Widths of the encoder."""
        (width, dim), (code, _), *_ = _layers(keys, 2)
        return {"dim": dim, "width": width, "code": code}


class ZooDcganAutoencoder(ZooNetwork):
    """The convolutional autoencoder critic of the zoo, whose score is -energy."""

    name = "zoo-dcgan-autoencoder"
    role = "critic"
    network = "DcganAutoencoder"
    prefixes = ("zoo_dcgan_encoder.", "zoo_dcgan_decoder.")

    def arguments(self, keys: Shapes) -> dict[str, Any]:
        """Sizes of the encoder."""
        (code, features), _ = _layers(keys, 2)
        convolutions = _layers(keys, 4)
        halvings = len(convolutions) // 2
        return {
            "channels": convolutions[0][1],
            "side": _side(features, convolutions[halvings - 1][0], halvings),
            "width": convolutions[0][0],
            "code": code,
        }


class ZooCentroids(ZooNetwork):
    """Centroids as a generator."""

    name = "zoo-centroids"
    role = "generator"
    network = "CentroidGenerator"
    prefixes = ("zoo_centroids", "zoo_masses")

    def arguments(self, keys: Shapes) -> dict[str, Any]:
        """How many, of which dimension."""
        k, dim = keys["zoo_centroids"]
        return {"k": k, "dim": dim}


@hookimpl
def wganalyze_architectures() -> Iterable[type[Architecture]]:
    return [
        ZooMlpGenerator,
        ZooMlpCritic,
        ZooDcganGenerator,
        ZooDcganCritic,
        ZooAutoencoder,
        ZooDcganAutoencoder,
        ZooCentroids,
    ]
