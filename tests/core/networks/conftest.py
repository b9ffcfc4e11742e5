"""Shared by the tests of networks: parts with weights, an architecture, factories, and layers with their norms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from wganalyze.contracts.architecture import Architecture, Shapes
from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.networks.factories import Net
from wganalyze.networks.recognition import Recognition

Tensors = Mapping[str, Tensor]


@pytest.fixture(scope="session")
def network() -> Callable[[], nn.Module]:
    """Makes a small network with BatchNorm buffers; its weights are those of ``seed``."""

    def make(seed: int = 0) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.LeakyReLU(0.2), nn.Linear(4, 1))

    return make


@pytest.fixture
def stored(network: Callable[[int], nn.Module]) -> dict[str, Tensor]:
    """The weights of another network of the same design."""
    return {key: t.clone() for key, t in network(1).state_dict().items()}


@pytest.fixture(scope="session")
def part() -> Callable[..., Part]:
    """Makes a part that holds tensors."""

    def make(tensors: Tensors, path: str = "critic.pt") -> Part:
        keys = {key: TensorSpec(tuple(t.shape), "float32") for key, t in tensors.items()}
        return Part(Path(path), "test", keys=keys, read_tensors=lambda: tensors)

    return make


@pytest.fixture(scope="session")
def assert_loaded() -> Callable[[nn.Module, Tensors], None]:
    """Every tensor of a module is the stored one."""

    def check(module: nn.Module, tensors: Tensors) -> None:
        for key, value in module.state_dict().items():
            torch.testing.assert_close(value, tensors[key], rtol=0, atol=0)

    return check


class Scaled(Architecture):
    """An architecture with one argument, recognised by its keys."""

    name = "scaled"

    def build(self, **arguments: Any) -> nn.Module:
        width = arguments["width"]
        return nn.Sequential(nn.Linear(3, width), nn.ReLU(), nn.Linear(width, 1))

    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        if set(keys) != {"0.weight", "0.bias", "2.weight", "2.bias"}:
            return None
        return {"width": keys["0.weight"][0]}


@pytest.fixture(scope="session")
def scaled() -> type[Architecture]:
    """Linear(3, width), ReLU, Linear(width, 1)."""
    return Scaled


@pytest.fixture(scope="session")
def knowing() -> Callable[..., Recognition]:
    """A recognition by architectures: Scaled under these names, and with these members in place of its own."""

    def make(*names: str, **changed: Mapping[str, Any]) -> Recognition:
        members: dict[str, Mapping[str, Any]] = {name: {} for name in names} | changed
        kinds = [type(name, (Scaled,), {"name": name, **own}) for name, own in members.items()]
        return Recognition({kind.name: kind() for kind in kinds})

    return make


@pytest.fixture
def factory_file(tmp_path: Path) -> Callable[[str], Net]:
    """Writes a factory file with this body of ``make`` and names it."""

    def write(source: str) -> Net:
        path = tmp_path / "nets.py"
        path.write_text(f"import torch\nfrom torch import nn\n{source}\n")
        return Net(f"{path}:make")

    return write


# Layers with their norms


class Bar(nn.Module):
    """The wrapper of old: a power iteration before every forward, in eval mode too; the layer is ``module``."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        weight = layer._parameters.pop("weight")
        assert weight is not None
        self.module = layer
        for name, shape in (("u", weight.shape[:1]), ("v", weight.flatten(1).shape[1:])):
            vector = F.normalize(torch.randn(shape, dtype=weight.dtype), dim=0)
            layer.register_parameter(f"weight_{name}", nn.Parameter(vector, requires_grad=False))
        layer.register_parameter("weight_bar", weight)

    def forward(self, x: Tensor) -> Tensor:
        layer: Any = self.module
        bar, u, v = layer.weight_bar, layer.weight_u, layer.weight_v
        matrix = bar.detach().flatten(1)
        v.data = matrix.T @ u
        v.data = v / (v.norm() + 1e-12)
        u.data = matrix @ v
        u.data = u / (u.norm() + 1e-12)
        layer.weight = bar / u.dot(bar.flatten(1).mv(v))
        result: Tensor = layer(x)
        return result


@pytest.fixture(scope="session")
def bar() -> type[nn.Module]:
    """The class of the wrapper of old."""
    return Bar


def with_buffers(layer: Any, vector: str, sigma: str, extra: int = 0) -> nn.Module:
    """A layer whose weight is divided by the norm found from a stored u, which eval mode leaves as it is."""
    kind: Any = type(layer)
    rows = len(layer.weight)

    class Normalised(kind):  # type: ignore[misc]
        def forward(self, x: Tensor) -> Any:
            matrix = self.weight.flatten(1)
            v = F.normalize(getattr(self, vector) @ matrix, eps=1e-12)
            u = F.normalize(v @ matrix.T, eps=1e-12)
            stored = self._parameters["weight"]
            self._parameters["weight"] = stored / (v @ matrix.T @ u.T).squeeze()
            try:
                return super().forward(x)
            finally:
                self._parameters["weight"] = stored

    net: nn.Module = layer
    layer.__class__ = Normalised
    for i in range(1 + extra):
        layer.register_buffer(vector.replace("0", str(i)), torch.randn(1, rows, dtype=layer.weight.dtype))
        layer.register_buffer(sigma.replace("0", str(i)), torch.ones(1, dtype=layer.weight.dtype))
    return net


def old_weight_norm(layer: nn.Module, dim: int | None = 0) -> nn.Module:
    """By torch's function of old."""
    with pytest.warns(FutureWarning):
        return nn.utils.weight_norm(layer, dim=dim)  # type: ignore[arg-type]


WAYS: dict[str, Callable[[nn.Module], nn.Module]] = {
    "hooks": nn.utils.spectral_norm,
    "parametrization": parametrizations.spectral_norm,
    "wrapper": Bar,
    "BigGAN": lambda layer: with_buffers(layer, "u0", "sv0"),
    "BigGAN, two values": lambda layer: with_buffers(layer, "u0", "sv0", 1),
    "mimicry": lambda layer: with_buffers(layer, "sn_u", "sn_sigma"),
    "weight norm": old_weight_norm,
    "weight norm by columns": lambda layer: old_weight_norm(layer, 1),
    "weight norm of all": lambda layer: old_weight_norm(layer, None),
    "weight norm parametrization": parametrizations.weight_norm,
}


@pytest.fixture(scope="session")
def encoded() -> Callable[[nn.Module, str], nn.Module]:
    """A layer whose weight is stored in one of the ways."""
    return lambda layer, way: WAYS[way](layer)


@pytest.fixture(scope="session")
def close() -> Callable[..., bool]:
    """Are two tensors equal to ``tolerance``, relative?"""

    def compare(given: Tensor, expected: Tensor, tolerance: float = 1e-6) -> bool:
        return float((given - expected).detach().norm()) <= tolerance * float(expected.detach().norm())

    return compare
