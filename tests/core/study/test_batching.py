"""Batches of one size: found in messages, filled up, and joined again in whatever form a network answers."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze.study.batching import FixedBatch, first_that_works, rows_of, sizes_to_try


def test_the_sizes_of_a_message_come_first() -> None:
    sizes = [*sizes_to_try("shape '[50, 4]' is invalid for input of size 8")]
    assert sizes[:3] == [50, 4, 8]
    assert len(sizes) == len({*sizes})
    assert {64, 128} <= {*sizes_to_try("")}
    assert all(0 < size <= 4096 for size in sizes_to_try("0 and 10000000000"))


class Strict(nn.Module):
    """Takes three samples, and answers in several forms."""

    def forward(self, x: Tensor, y: Tensor) -> Any:
        assert len(x) == len(y) == 3
        return {"sum": x + y, "both": (x, [y]), "loss": x.sum()}


@given(n=st.integers(1, 10))
def test_any_number_of_samples_gives_what_each_gives(n: int) -> None:
    x = torch.arange(2.0 * n).reshape(n, 2)
    answer = FixedBatch(Strict(), 3)(x, -2 * x)
    assert torch.equal(answer["sum"], -x)
    assert torch.equal(answer["both"][0], x)
    assert torch.equal(answer["both"][1][0], -2 * x)
    assert rows_of(answer) == {n}


def test_the_first_size_that_works_is_taken() -> None:
    assert first_that_works(iter([1, 2, 3, 4]), lambda n: n if n > 2 else None) == 3
    assert first_that_works(iter([1, 2]), lambda n: None) is None
