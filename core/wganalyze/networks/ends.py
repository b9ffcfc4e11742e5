"""With how many numbers a network begins and ends, where its layers are one chain and their shapes say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from wganalyze.networks.piece import Piece, shapes_of

PACKED = 10
"""The most samples that a critic scores together; PacGAN and CTGAN take up to so many."""
_OF_IMAGES = {3, 4, 5}


@dataclass(frozen=True)
class Ends:
    """What goes in and what comes out: numbers, or channels of what a convolution slides over (``*_channels``)."""

    takes: int
    gives: int
    takes_channels: bool
    gives_channels: bool


def ends_of(piece: Piece) -> Ends | None:
    """The ends of a network; None where its weights are no single chain, or could be read as several."""
    shapes = tuple(shapes_of(piece.plain_keys).items())
    return _ends(shapes, piece.part.fill is not None, piece.part.read_tensors is not None)


@lru_cache(maxsize=64)  # the networks of a run have the same shapes
def _ends(stored: tuple[tuple[str, tuple[int, ...]], ...], is_keras: bool, is_state_dict: bool) -> Ends | None:
    shapes = dict(stored)
    layers = [(key, shape) for key, shape in shapes.items() if len(shape) > 1]
    if not layers or any(len(shape) not in {2} | _OF_IMAGES or 0 in shape for _, shape in layers):
        return None
    chains: set[tuple[int, int]] = set()
    for index, (key, shape) in enumerate(layers):
        ways = {*_ways(key, shapes, is_keras, is_state_dict)}
        if index == 0:
            chains = ways
            continue
        flat = len(layers[index - 1][1]) == 2, len(shape) == 2
        chains = {(first, out) for first, last in chains for into, out in ways if _joins(last, into, *flat)}
    if len(chains) != 1:
        return None
    ((takes, gives),) = chains
    return Ends(takes, gives, len(layers[0][1]) > 2, len(layers[-1][1]) > 2)


def _ways(
    key: str, shapes: Mapping[str, tuple[int, ...]], is_keras: bool, is_state_dict: bool
) -> Iterator[tuple[int, int]]:
    """How a weight may be read: (in, out). A convolution may be transposed; a bias beside it says what comes out."""
    shape = shapes[key]
    first, second = shape[-2:] if is_keras else shape[1::-1]
    ways = [(first, second)]
    if len(shape) > 2 or not (is_keras or is_state_dict):  # a program's axes are its own
        ways.append((second, first))
    stem = key.rpartition(".")[0]
    bias = shapes.get(f"{stem}.bias" if stem else "bias")
    for into, out in ways:
        if bias is None or bias == (out,):
            yield into, out


def _joins(last: int, into: int, was_flat: bool, is_flat: bool) -> bool:
    """May what comes out of one layer go into the next? Between planes and numbers lies a reshaping."""
    if was_flat == is_flat:
        return last == into
    return into % last == 0 if is_flat else last % into == 0


def fit(generator: Ends | None, critic: Ends | None, classes: int = 0) -> bool | None:
    """Can the critic score what the generator makes? None where the shapes do not tell.

    A critic may take ``classes`` numbers more, or samples in packs.
    """
    if generator is None or critic is None or generator.gives_channels != critic.takes_channels:
        return None
    made, taken = generator.gives, critic.takes
    if taken == made or (classes and taken == made + classes):
        return True
    return None if taken % made == 0 and taken <= PACKED * made else False
