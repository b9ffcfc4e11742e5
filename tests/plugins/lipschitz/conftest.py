"""Shared by the tests of the Lipschitz bracket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import nn

from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import shifted_gaussians
from wganalyze_plugins.lipschitz.bounds.products.product import UpperBound, product_bound
from wganalyze_plugins.lipschitz.bounds.reading.tracing import trace

Bound = Callable[[nn.Module, tuple[int, ...]], UpperBound]


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> Iterator[None]:
    """The operators here are small: more threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def under(change: Callable[..., SnapshotStudy]) -> Callable[..., SnapshotStudy]:
    """Makes a study of shifted Gaussians under a critic; ``facts``: of the snapshot."""

    def make(
        critic: nn.Module, shift: float = 1.0, dim: int = 2, n: int = 300, replicates: int = 3, **facts: Any
    ) -> SnapshotStudy:
        return change(shifted_gaussians(shift, dim, n, replicates), critic, **facts)

    return make


@pytest.fixture(scope="session")
def bound() -> Bound:
    """The product bound of a critic, in float64 and eval mode, for inputs of a shape."""

    def bound_of(critic: nn.Module, shape: tuple[int, ...]) -> UpperBound:
        return product_bound(trace(critic.double().eval().requires_grad_(False), shape))

    return bound_of
