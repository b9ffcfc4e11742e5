"""A critic as an interconnection: one linear map, and activations that are fed back to it, in any graph."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.fx.node import Node
from torch.nn.utils.parametrize import type_before_parametrizations as kind_of

from wganalyze_plugins.lipschitz.bounds import rules
from wganalyze_plugins.lipschitz.bounds.chains import slope_interval
from wganalyze_plugins.lipschitz.bounds.operators import Operator, Shape
from wganalyze_plugins.lipschitz.bounds.reading.nodes import is_affine, places, stretch
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic

MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)


@dataclass(frozen=True)
class Block:
    """A layer that is not affine: z -> middle * z + half * s(z), where s is nonexpansive.

    ``grain``: s is nonexpansive on each "neuron", on each "channel", or on the "whole" layer. ``level``: of the layers
    that are not affine on the longest way to this one, itself included.
    """

    source: str
    middle: float
    half: float
    grain: str
    level: int
    shape_in: Shape
    shape_out: Shape


@dataclass(frozen=True)
class Interconnection:
    """z = A x + B u, score = C x + D u, u = s(z): the linear map (x, u) -> (z, score), and the layers s.

    A layer's z depends on u of lower levels only. Of the flat vectors, x is the first part, the score the last one, and
    layers stand in the order of the graph. Constant parts are left out: all this is about differences.
    """

    critic: TracedCritic
    blocks: Mapping[str, Block]
    shape_out: Shape
    depth: int

    @property
    def sides(self) -> tuple[int, int]:
        """Numbers of (x, u) and of (z, score)."""
        inside = sum(math.prod(block.shape_out) for block in self.blocks.values())
        outside = sum(math.prod(block.shape_in) for block in self.blocks.values())
        return math.prod(self.critic.shape) + inside, outside + math.prod(self.shape_out)

    def operator(self, dtype: torch.dtype = torch.float64) -> Operator:
        """The linear map on flat vectors, (b, n) -> (b, m)."""
        graph = self.critic.graph if dtype == torch.float64 else copy.deepcopy(self.critic.graph).to(dtype)
        run = _Opened(graph, self.blocks, self.critic.result.name)
        shapes = [self.critic.shape, *(block.shape_out for block in self.blocks.values())]
        sizes = [math.prod(shape) for shape in shapes]

        def apply(flat: Tensor) -> Tensor:
            x, *signals = (
                part.reshape(len(flat), *shape) for part, shape in zip(torch.split(flat, sizes, 1), shapes, strict=True)
            )
            return run.responses(x, signals)

        inside, outside = self.sides
        return Operator(apply, (inside,), (outside,), self.critic.device, dtype)

    def groups(self, grain: str) -> Groups:
        """Which numbers share a multiplier; of each, "neuron" or "channel", at least."""
        inside, outside, levels = [torch.zeros(math.prod(self.critic.shape), dtype=torch.long)], [], [0]
        for block in self.blocks.values():
            into, out = (_labels(block, grain, shape) for shape in (block.shape_in, block.shape_out))
            inside.append(out + len(levels))
            outside.append(into + len(levels))
            levels += [block.level] * (1 + int(out.max()))
        outside.append(torch.full((math.prod(self.shape_out),), len(levels)))
        levels.append(self.depth + 1)
        parts = torch.cat(inside), torch.cat(outside), torch.tensor(levels)
        return Groups(*(part.to(self.critic.device) for part in parts))


@dataclass(frozen=True)
class Groups:
    """Of each number of (x, u), (z, score) its group: 0 is the input, the last one the score. And their levels."""

    inside: Tensor
    outside: Tensor
    levels: Tensor

    @property
    def count(self) -> int:
        """Of groups."""
        return len(self.levels)


def read_interconnection(critic: TracedCritic) -> Interconnection | str:
    """The interconnection of a critic of which a product bound exists; or why it is none."""
    blocks: dict[str, Block] = {}
    levels: dict[Node, int] = {}
    for node in critic.dependent:
        sources = critic.sources(node)
        levels[node] = max((levels[source] for source in sources), default=0)
        if not sources or _is_linear(critic, node, sources):
            continue
        block = _block(critic, node, sources, levels[node] + 1)
        if block is None:
            return f"{critic.name_of(node)} is neither affine nor a layer of one input"
        levels[node] = block.level
        blocks[node.name] = block
    result = critic.result
    return Interconnection(critic, blocks, critic.shape_of(result), levels[result])


def _is_linear(critic: TracedCritic, node: Node, sources: list[Node]) -> bool:
    if len(sources) == 1 and is_affine(critic, node, sources[0]):
        return True
    return node.op != "call_module" and node.target in rules.ADDING_FUNCTIONS | rules.CONCATENATING_FUNCTIONS


def _block(critic: TracedCritic, node: Node, sources: list[Node], level: int) -> Block | None:
    if len(sources) != 1 or places(node, sources[0]) != [0] or node in critic.bundles:
        return None
    name, shapes = sources[0].name, (critic.shape_of(sources[0]), critic.shape_of(node))
    slopes = slope_interval(critic, node)
    if slopes is not None:
        least, largest = slopes
        return Block(name, (largest + least) / 2, (largest - least) / 2, "neuron", level, *shapes)
    found = stretch(critic, node)
    if isinstance(found, str) or not math.isfinite(found.factor):
        return None
    module = critic.module_of(node)
    by_channel = module is not None and kind_of(module) in MAX_POOLS and _has_channels(module, shapes[0])
    return Block(name, 0.0, found.factor, "channel" if by_channel else "whole", level, *shapes)


def _has_channels(pool: nn.Module, shape: Shape) -> bool:
    return len(shape) == 2 + MAX_POOLS.index(kind_of(pool))


def _labels(block: Block, grain: str, shape: Shape) -> Tensor:
    """Groups of a layer's numbers, from 0."""
    if block.grain == "whole":
        return torch.zeros(math.prod(shape), dtype=torch.long)
    if block.grain == "channel" or grain == "channel":
        return torch.arange(shape[0]).repeat_interleave(math.prod(shape[1:]))
    return torch.arange(math.prod(shape))


@dataclass
class _Opened:
    """Runs a critic's graph with signals in the places of its activations."""

    graph: torch.fx.GraphModule
    blocks: Mapping[str, Block]
    result: str

    def responses(self, x: Tensor, signals: list[Tensor]) -> Tensor:
        """What enters the activations, and the score, (b, m)."""
        run = _Run(self.graph, self.blocks, self.result, dict(zip(self.blocks, signals, strict=True)))
        run.run(x.clone())  # some layers overwrite their input
        return torch.cat([run.seen[name].reshape(len(x), -1) for name in (*self.blocks, "score")], 1)


class _Run(torch.fx.Interpreter):
    def __init__(
        self, graph: torch.fx.GraphModule, blocks: Mapping[str, Block], result: str, signals: dict[str, Tensor]
    ) -> None:
        super().__init__(graph)
        self.blocks, self.result, self.signals = blocks, result, signals
        self.seen: dict[str, Tensor] = {}

    def run_node(self, n: Node) -> Any:
        if n.name in self.blocks:
            block = self.blocks[n.name]
            (source,) = (parent for parent in n.all_input_nodes if parent.name == block.source)
            entering: Tensor = self.env[source]
            self.seen[n.name] = entering.clone()  # what comes later may overwrite it
            value: Any = block.half * self.signals[n.name]
            if block.middle:
                value = value + block.middle * entering
        else:
            value = super().run_node(n)
        if n.name == self.result:
            self.seen["score"] = value
        return value
