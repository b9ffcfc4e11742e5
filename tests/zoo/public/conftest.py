"""What every known architecture must do: know its own keys, load them, and know nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import torch
from tests.zoo.conftest import shapes
from torch import Tensor, nn

from wganalyze.host.loading import load_host
from wganalyze.networks.building import load_strict

Shapes = Mapping[str, tuple[int, ...]]
Check = Callable[[str, Shapes, Mapping[str, Any]], nn.Module]
COUNTER = "num_batches_tracked"


def layer(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    """A Linear or a convolution: the shape of its weight, and a bias."""
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def batch_norm(name: str, width: int) -> dict[str, tuple[int, ...]]:
    """A BatchNorm, with its statistics."""
    running = {f"{name}.running_mean": (width,), f"{name}.running_var": (width,), f"{name}.{COUNTER}": ()}
    return {**layer(name, width), **running}


def tensors(keys: Shapes, seed: int = 0) -> dict[str, Tensor]:
    """Weights of these shapes; variances are positive, counters whole."""
    generator = torch.Generator().manual_seed(seed)
    made = {key: 0.3 * torch.randn(shape, generator=generator) for key, shape in keys.items()}
    return {k: torch.tensor(7) if k.endswith(COUNTER) else t.abs() + 0.5 if "var" in k else t for k, t in made.items()}


def neighbours(keys: Shapes) -> Iterator[dict[str, tuple[int, ...]]]:
    """One axis longer, one axis more, one key less, one key more, everything in another module."""
    for key, shape in keys.items():
        for i in range(len(shape)):
            yield {**keys, key: (*shape[:i], shape[i] + 1, *shape[i + 1 :])}
        yield {**keys, key: (*shape, 1)}
        yield {k: s for k, s in keys.items() if k != key}
    yield {**keys, "more.weight": (1, 1)}
    yield {f"inner.{key}": shape for key, shape in keys.items()}
    yield {}


@pytest.fixture(scope="session")
def check() -> Check:
    """The network that a table of published keys and shapes is recognised as, loaded, in eval mode and float64.

    ``arguments``: what must be found. No other architecture may know the table, and none a neighbour of it, unless
    what it builds has exactly the neighbour's keys (an image of one more channel).
    """
    host = load_host()

    def checked(name: str, table: Shapes, arguments: Mapping[str, Any]) -> nn.Module:
        found = {n: a.recognise(table) for n, a in host.architectures.items()}
        assert {n: f for n, f in found.items() if f is not None} == {name: arguments}
        architecture = host.architectures[name]
        without = {key: shape for key, shape in table.items() if not key.endswith(COUNTER)}
        assert architecture.recognise(without) == arguments
        for other in neighbours(table):
            guess = architecture.recognise(other)
            assert guess is None or shapes(architecture.build(**guess)) == other
        net = architecture.build(**arguments)
        load_strict(net, tensors(table), "a file", "critic")
        return net.double().eval()

    return checked
