"""Networks that take batches of one size only: which size that is, and how such batches are filled."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from wganalyze.study.forms import tensors_of

T = TypeVar("T")
USUAL = (1, 4, 6, 8, 10, 12, 16, 20, 25, 32, 50, 64, 100, 128, 256)
"""Sizes of batches that trainers fix, and multiples of usual packs, where no message names one."""
MOST = 4096


def sizes_to_try(message: str) -> Iterator[int]:
    """Sizes of a batch that a network may want which failed with this message: those it names, then usual ones."""
    named = [int(number) for number in re.findall(r"\d+", message)]
    yield from dict.fromkeys(size for size in (*named, *USUAL) if 0 < size <= MOST)


def rows_of(output: Any) -> set[int]:
    """Lengths of the first axes of what a network returned."""
    return {len(tensor) for _, tensor in tensors_of(output) if tensor.dim()}


class FixedBatch(nn.Module):
    """A network that takes batches of ``size`` alone, as one that takes any: the last is filled up."""

    def __init__(self, net: nn.Module, size: int):
        super().__init__()
        self.net = net
        self.size = size

    def forward(self, *inputs: Tensor) -> Any:
        """What ``net`` gives, its tensors joined over the batches."""
        n = len(inputs[0])
        rows = torch.arange(-(-n // self.size) * self.size, device=inputs[0].device) % max(1, n)
        answers = [self.net(*(each[part] for each in inputs)) for part in torch.split(rows, self.size)]
        return _joined(answers, n, self.size)


def _joined(answers: list[Any], n: int, size: int) -> Any:
    """Answers to batches as one answer; what has not one row a sample is left as the first batch gave it."""
    first = answers[0]
    if isinstance(first, Tensor):
        return torch.cat(answers)[:n] if first.dim() and len(first) == size else first
    if isinstance(first, dict):
        return {key: _joined([answer[key] for answer in answers], n, size) for key in first}
    if isinstance(first, list | tuple):
        joined = [_joined([answer[i] for answer in answers], n, size) for i in range(len(first))]
        return joined if isinstance(first, list) else tuple(joined)
    return first


def first_that_works(sizes: Iterator[int], attempt: Callable[[int], T | None]) -> T | None:
    """What ``attempt`` makes of the first size that a network takes."""
    for size in sizes:
        found = attempt(size)
        if found is not None:
            return found
    return None
