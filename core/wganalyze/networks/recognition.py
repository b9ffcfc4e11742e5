"""Which architectures know the keys and shapes of a piece; each layout is asked about once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wganalyze.contracts.architecture import Architecture, Shapes
from wganalyze.contracts.loader import TensorSpec
from wganalyze.contracts.terms import Role
from wganalyze.networks.norms import folded_keys
from wganalyze.networks.piece import Piece, layouts, shapes_of
from wganalyze.networks.wrappers import unwrapped


class Recognition:
    """The installed architectures by name, and what they said of the layouts that they were asked about."""

    def __init__(self, architectures: Mapping[str, Architecture]):
        self.architectures = architectures
        self._answers: dict[tuple[tuple[str, tuple[int, ...]], ...], Mapping[str, Mapping[str, Any]]] = {}

    def of(self, piece: Piece) -> Mapping[str, Mapping[str, Any]]:
        """The names that know the keys, with arguments, under the first reading that any of them knows."""
        layout = tuple(shapes_of(piece.keys).items())
        if layout not in self._answers:
            self._answers[layout] = self._recognise(piece.keys)
        return self._answers[layout]

    def role_of(self, piece: Piece) -> tuple[str, Role] | None:
        """The name and the role of the one architecture that knows these keys, where it says whose they are."""
        names = [*self.of(piece)]
        role = self.architectures[names[0]].role if len(names) == 1 else None
        return None if role is None else (names[0], role)

    def _recognise(self, keys: Mapping[str, TensorSpec]) -> Mapping[str, Mapping[str, Any]]:
        for shapes in _readings(keys):
            answers = {name: self._ask(name, shapes) for name in sorted(self.architectures)}
            known = {name: arguments for name, arguments in answers.items() if arguments is not None}
            if known:
                return known
        return {}

    def _ask(self, name: str, shapes: Shapes) -> Mapping[str, Any] | None:
        """What an architecture says of these shapes; one that raises has recognised nothing."""
        try:
            arguments = self.architectures[name].recognise(shapes)
            return None if arguments is None else dict(arguments)
        except (Exception, SystemExit):
            return None


def _readings(keys: Mapping[str, TensorSpec]) -> Iterator[dict[str, tuple[int, ...]]]:
    """Keys and shapes as an architecture may know them: as stored, folded, unwrapped, behind each shared prefix."""
    for layout in layouts(keys):
        shapes = shapes_of(layout)
        yield shapes
        folded = folded_keys(shapes)
        if folded != shapes:
            yield folded
        bare = unwrapped(folded)
        if bare != folded:
            yield bare
