"""A critic that is a chain of affine maps with sorts between them, as matrices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from torch.fx.node import Node

from wganalyze_plugins.lipschitz.bounds.chains import affine_map, matrix, offset
from wganalyze_plugins.lipschitz.bounds.reading.nodes import is_affine, sorted_axis, takes_values
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SortedChain:
    """f = A_m s_m ... s_1 A_0: affine maps, (n_out, n_in) and (n_out,), and sorts, which put the least number first.

    ``groups``: as many numbers are sorted among themselves, those that follow each other.
    """

    weights: tuple[Array, ...]
    offsets: tuple[Array, ...]
    groups: tuple[int, ...]

    @property
    def is_flat(self) -> bool:
        """Does it take two inputs, and give one score?"""
        return self.weights[0].shape[1] == 2 and len(self.weights[-1]) == 1


def read_sorts(critic: TracedCritic) -> SortedChain | str:
    """The chain of a critic; or why it is none. At least one sort is in it."""
    weights: list[Array] = []
    offsets: list[Array] = []
    groups: list[int] = []
    places, sign = np.arange(int(np.prod(critic.shape))), 1.0
    affine = list[Node]()
    start, *nodes = critic.dependent
    source, before, opening = start, start, False

    def read() -> tuple[Array, Array]:
        """The map behind the last sort; which numbers that sort had put where, and which way round, is part of it."""
        operator = affine_map(critic, source, affine)
        return sign * matrix(operator).numpy()[:, places], offset(operator).numpy()

    for node in nodes:
        if critic.sources(node) != [before] or len(critic.users(before)) != 1:
            return f"{critic.name_of(node)} is no link of a chain: the graph branches"
        axis = sorted_axis(critic, node)
        if opening:
            if not takes_values(node):
                return f"{critic.name_of(node)} is not known to be the numbers of the sort"
            source, affine, opening = node, [], False
        elif axis is not None:
            weight, constant = read()
            shape = critic.shape_of(before)
            places = np.moveaxis(np.arange(len(weight)).reshape(shape), axis[0], -1).ravel()
            sign = -1.0 if axis[1] else 1.0  # the largest first: minus the sort of minus
            weights.append(sign * weight[places])
            offsets.append(sign * constant[places])
            groups.append(shape[axis[0]])
            opening = True
        elif is_affine(critic, node, before):
            affine.append(node)
        else:
            return f"{critic.name_of(node)} is neither affine nor a sort"
        before = node
    if before is not critic.result or not groups:
        return "no sort" if not groups else "the graph branches behind the score"
    weight, constant = read()
    return SortedChain((*weights, weight), (*offsets, constant), tuple(groups))
