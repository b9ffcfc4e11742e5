"""Ground costs: against long sums in exact arithmetic, where the fast forms cancel."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wganalyze.transport import METRICS, cost_blocks, cost_matrix, paired_cost

Array = npt.NDArray[np.float64]
DIMS = (1, 2, 16, 17, 64)


def truth(x: Array, y: Array) -> float:
    """|x - y| in rational arithmetic, rounded once."""
    square = sum((Fraction(a) - Fraction(b)) ** 2 for a, b in zip(x.tolist(), y.tolist(), strict=True))
    # A square root of a fraction, good to the last digit of a double.
    shift = 2**300
    return math.isqrt(int(square * shift * shift)) / shift


@pytest.mark.parametrize("dim", DIMS)
@pytest.mark.parametrize("offset", [0.0, 10.0, 1e3])
def test_near_pairs_are_as_accurate_as_far_ones(dim: int, offset: float) -> None:
    """A Gram form alone is wrong by hundreds of per cent on near pairs."""
    rng = np.random.default_rng(0)
    x = offset + rng.standard_normal((12, dim))
    y = np.concatenate([x[:9] + 10.0 ** -np.arange(1, 10)[:, None] * rng.standard_normal((9, dim)), x[9:]])
    costs = cost_matrix(x, y)
    expected = np.array([[truth(a, b) for b in y] for a in x])
    # Centring rounds each coordinate once, by some 1e-16 of its size.
    np.testing.assert_allclose(costs, expected, rtol=2e-9, atol=1e-16 * (1 + offset) * math.sqrt(dim))
    assert (np.diagonal(costs)[9:] == 0).all()
    np.testing.assert_allclose(paired_cost(x, y), np.diagonal(expected), rtol=1e-14)


@pytest.mark.parametrize("dim", DIMS)
def test_outlying_clusters_do_not_spoil_the_costs_inside_them(dim: int) -> None:
    rng = np.random.default_rng(1)
    places = 1e4 * np.eye(2, dim)[:, :dim]
    x, y = (np.concatenate([place + rng.standard_normal((6, dim)) for place in places]) for _ in range(2))
    expected = np.array([[truth(a, b) for b in y] for a in x])
    np.testing.assert_allclose(cost_matrix(x, y), expected, rtol=1e-9)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dim", DIMS)
def test_metrics_are_what_their_names_say(metric: str, dim: int) -> None:
    rng = np.random.default_rng(2)
    x, y = rng.standard_normal((7, dim)), rng.standard_normal((5, dim))
    difference = x[:, None] - y[None]
    lengths = np.linalg.norm(x, axis=1)[:, None] * np.linalg.norm(y, axis=1)[None]
    expected = {
        "euclidean": np.sqrt((difference**2).sum(axis=2)),
        "l1": np.abs(difference).sum(axis=2),
        "cosine": 1 - x @ y.T / lengths,
    }[metric]
    np.testing.assert_allclose(cost_matrix(x, y, metric), expected, rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(paired_cost(x[:5], y, metric), np.diagonal(expected), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("metric", METRICS)
def test_a_cost_does_not_depend_on_the_block_it_lies_in(metric: str) -> None:
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((23, 20)), rng.standard_normal((11, 20))
    whole = cost_matrix(x, y, metric)
    blocks = list(cost_blocks(x, y, metric, block_bytes=5 * 8 * 11))
    assert [rows.stop - rows.start for rows, _ in blocks] == [5, 5, 5, 5, 3]
    np.testing.assert_allclose(np.concatenate([block for _, block in blocks]), whole, rtol=1e-13)
    assert len(list(cost_blocks(x, y, metric, block_bytes=1))) == 23


@given(st.integers(1, 30), st.floats(1e-3, 1e3), st.integers(0, 10**6))
def test_scaling_scales_and_rotation_keeps(dim: int, factor: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((6, dim)), rng.standard_normal((5, dim))
    for metric in ("euclidean", "l1"):
        np.testing.assert_allclose(
            cost_matrix(factor * x, factor * y, metric), factor * cost_matrix(x, y, metric), rtol=1e-9
        )
    # A length differs for each row, which the direction does not see.
    lengths = factor * (1 + np.arange(6))[:, None]
    np.testing.assert_allclose(
        cost_matrix(lengths * x, y, "cosine"), cost_matrix(x, y, "cosine"), rtol=1e-9, atol=1e-15
    )
    turn = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    for metric in ("euclidean", "cosine"):
        np.testing.assert_allclose(
            cost_matrix(x @ turn, y @ turn, metric), cost_matrix(x, y, metric), rtol=1e-9, atol=1e-13
        )


def test_tensors_of_any_kind_are_taken() -> None:
    x = torch.arange(6.0).reshape(3, 2)
    expected = cost_matrix(x.numpy(), x.numpy())
    for given_ in (x, x.half(), x.bfloat16(), x.long(), x.clone().requires_grad_(), x.T.contiguous().T):
        np.testing.assert_array_equal(cost_matrix(given_, given_), expected)


@pytest.mark.parametrize(
    ("x", "metric", "message"),
    [
        (np.zeros(3), "euclidean", r"x: points are \(n, d\) .* not \(3,\)"),
        (np.zeros((0, 2)), "euclidean", r"not \(0, 2\)"),
        (np.zeros((2, 0)), "l1", r"not \(2, 0\)"),
        ([[np.nan, 0.0]], "euclidean", "x: NaN or infinity"),
        ([[np.inf, 0.0]], "euclidean", "x: NaN or infinity"),
        ([[0.0, 0.0]], "cosine", "a zero vector has no direction"),
        ([[1.0, 0.0]], "l2", "metric 'l2': choose one of euclidean, l1, cosine"),
    ],
)
def test_what_has_no_cost_is_refused(x: object, metric: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cost_matrix(x, [[1.0, 0.0]], metric)
