"""The contract of an architecture: it builds networks of one family, and recognises or proposes them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from wganalyze.contracts.terms import Role

if TYPE_CHECKING:
    from torch.nn import Module

Shapes = Mapping[str, tuple[int, ...]]
"""Keys of stored tensors with their shapes."""


class Architecture(ABC):
    """Builds networks of one family, and recognises their weights; made by the host, without arguments.

    ``name``: what a ``wganalyze.toml`` calls it.
    ``role``: what its networks are, which then stands for files whose names are silent; None: not said.
    """

    name: ClassVar[str]
    role: ClassVar[Role | None] = None

    @abstractmethod
    def build(self, *args: Any, **arguments: Any) -> Module:
        """A network; its weights are replaced by those of the checkpoint. Core passes ``arguments`` by their names.

        The latent of a generator is read from the checkpoint, or from the shape of its first layer.
        """

    @abstractmethod
    def recognise(self, keys: Shapes) -> Mapping[str, Any] | None:
        """The arguments of ``build`` under which keys and shapes fit exactly; None where they do not.

        Plain values (numbers, texts, tuples), since ``inspect`` and the record of a run show them.
        """

    def assumed(self, arguments: Mapping[str, Any]) -> Sequence[str]:
        """What keys and shapes do not show and is taken for granted, a line each."""
        return ()


class Proposer(Architecture):
    """An architecture that proposes readings of keys and shapes, for ``--infer`` to try on data.

    ``factory``: a factory of the same networks ("module:name"), which a user can name instead: it takes the arguments
    of a reading, and ``shapes``.
    """

    factory: ClassVar[str]

    @abstractmethod
    def propose(
        self, keys: Shapes, role: Role, sample_shape: tuple[int, ...], near: Mapping[str, Any] | None = None
    ) -> Sequence[Mapping[str, Any]]:
        """Readings: arguments of ``build`` beside ``shapes``, usual ones first; ``near``: variations of this one.

        ``sample_shape``: of one sample, without the batch axis. ValueError says why there are none.
        """

    def is_foil(self, arguments: Mapping[str, Any]) -> bool:
        """Is a reading proposed only to be beaten?"""
        return False
