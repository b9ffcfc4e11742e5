"""Nothing outside shows that something was computed inside."""

from __future__ import annotations

import random
from contextlib import suppress

import numpy as np
import pytest
import torch

from wganalyze.study.undisturbed import undisturbed


def draws() -> tuple[float, float, float]:
    """One number of each generator."""
    return random.random(), np.random.rand(), torch.rand(()).item()  # noqa: NPY002


def seed() -> None:
    random.seed(1)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)


@pytest.mark.parametrize("inside", [None, 0])
def test_random_states(inside: int | None) -> None:
    seed()
    expected = draws(), draws()
    seed()
    assert draws() == expected[0]
    with undisturbed(inside):
        first = draws()
        draws()
    assert (first == expected[1]) == (inside is None)
    assert draws() == expected[1]


def test_seeded_draws_are_the_same() -> None:
    with undisturbed(0):
        first = draws()
    with undisturbed(0):
        assert draws() == first


def test_modes_of_torch() -> None:
    before = torch.get_num_threads()
    torch.set_default_dtype(torch.float64)
    try:
        with torch.inference_mode(), torch.autocast("cpu"), torch.device("meta"):
            with undisturbed():
                assert torch.ones(2).device.type == "cpu"
                assert torch.ones(2).dtype == torch.float32
                x = torch.ones(2, 2, requires_grad=True)
                assert (x @ x).dtype == torch.float32
                (x @ x).sum().backward()
                torch.set_num_threads(before + 1)
                torch.set_default_dtype(torch.float16)
            assert torch.is_inference_mode_enabled()
            assert torch.is_autocast_enabled("cpu")
            assert torch.get_default_device().type == "meta"
        assert torch.get_default_dtype() == torch.float64
        assert torch.get_num_threads() == before
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_num_threads(before)


def test_an_error_leaves_nothing_either() -> None:
    seed()
    expected = draws()
    seed()
    with suppress(KeyError), undisturbed(3):
        draws()
        raise KeyError
    assert draws() == expected
