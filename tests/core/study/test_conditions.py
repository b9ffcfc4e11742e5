"""Conditions find their parameters, by name or by place."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wganalyze.study.conditions import Conditioned, bound_to, may_be_squeezed, probes


class Two(nn.Module):
    """Takes two conditions beside its sample."""

    def forward(self, x: Tensor, mass: Tensor, *, energy: Tensor) -> Tensor:
        return x + 10 * mass + 100 * energy


class Any_(nn.Module):
    """Says nothing of what it takes."""

    def forward(self, *inputs: Tensor) -> Any:
        return inputs


@pytest.mark.parametrize(
    ("net", "names", "labels", "bound"),
    [
        (Two(), ["energy", "mass"], 0, (("energy", "energy"), ("mass", "mass"))),
        (Two(), ["", "mass"], 0, (("mass", "mass"), ("", "energy"))),
        (Two(), [""], 0, (("", "mass"),)),
        (Two(), [""], 1, (("", "energy"),)),
        (Two(), ["charge"], 0, ()),
        (nn.Linear(1, 1), [""], 0, ()),
        (Any_(), ["", "b"], 0, (("", ""), ("b", ""))),
    ],
)
def test_who_takes_what(net: nn.Module, names: list[str], labels: int, bound: Any) -> None:
    assert bound_to(net, names, labels) == bound


def test_they_arrive_in_their_places() -> None:
    one, two, three = (torch.full((2, 1), float(k)) for k in (1, 2, 3))
    net = Conditioned(Two(), (("energy", "energy"), ("mass", "mass")))
    assert torch.equal(net(one, two, three), torch.full((2, 1), 231.0))
    assert [len(each) for each in Conditioned(Any_(), (("", ""), ("b", "")))(one, two, three)] == [2, 2, 2]
    assert Conditioned(Two(), (("mass", "mass"), ("energy", "energy")))(one, two, three).tolist() == [[321.0]] * 2


@pytest.mark.parametrize(
    ("shape", "other"),
    [((1, 1, 1, 1), (1,)), ((7, 1), (7,)), ((1, 4, 5), (4, 5)), ((7,), None), ((3, 4, 5), None), ((), None)],
)
def test_conditions_that_may_be_taken_in_another_shape(shape: tuple[int, ...], other: tuple[int, ...] | None) -> None:
    assert may_be_squeezed(shape) is (other is not None)
    one = torch.rand(2, *shape)
    _, given = Conditioned(Any_(), (("", ""),), squeezed=True)(one, one)
    assert torch.equal(given, one if other is None else one.view(2, *other))


def test_probes_have_the_shapes_of_the_conditions() -> None:
    (only,) = probes({"a": (3, 2), "b": ()}, (("a", "a"),), 5)
    assert only.shape == (5, 3, 2)
