"""How stored weights become a network, decided from headers alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wganalyze.contracts.architecture import Architecture
from wganalyze.contracts.terms import Role
from wganalyze.networks.factories import Net
from wganalyze.networks.norms import encodings
from wganalyze.networks.piece import Piece, shapes_of
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.trust import Permission, forbidden_factory, forbidden_program, may_be_rebuilt
from wganalyze.networks.wrappers import is_counted
from wganalyze.text import reason_of


@dataclass(frozen=True)
class Design:
    """How a piece becomes a network: by a factory, by an architecture, or (neither) as its own program.

    ``assumptions``: what was guessed. ``allow``: the classes that a restricted reading may make; None: read in full.
    """

    net: Net | None = None
    architecture: Architecture | None = None
    arguments: Mapping[str, Any] | None = None
    assumptions: tuple[str, ...] = ()
    allow: tuple[str, ...] | None = None

    def text(self) -> str:
        """For the record: the factory with its arguments, the architecture, or the program."""
        if self.net is not None and self.net.factory is not None:
            return f"factory {self.net.factory} {dict(self.net.arguments) or ''}".strip()
        if self.architecture is not None:
            return f"architecture {self.architecture.name} {dict(self.arguments or {})}"
        return "its own program" + (f", allowed: {', '.join(self.allow)}" if self.allow else "")


@dataclass(frozen=True)
class Unknown:
    """Why there is no design, and the option that would supply it."""

    reason: str
    may_be_inferred: bool = False


def find_design(
    piece: Piece, net: Net | None, role: Role, recognition: Recognition, permission: Permission
) -> Design | Unknown:
    """The design for a piece, or why there is none: what was said goes before what is recognised."""
    if piece.part.refused:
        return Unknown(piece.part.refused)
    factory = net.factory if net is not None else None
    if piece.part.is_program and not (factory and piece.part.takes_factory):
        forbidden = forbidden_program(piece.part, permission)
        allow = permission.allow if may_be_rebuilt(piece.part, permission) else None
        if forbidden:
            return Unknown(forbidden)
        unused = f"{role}: {piece.place} ({piece.part.kind}) runs as its own program, which {factory} cannot take apart"
        return Design(assumptions=(unused,) if factory else (), allow=allow)
    if net is not None and net.factory is not None:
        forbidden = forbidden_factory(net, role)
        ordered = (
            (f"{role}: {piece.place} names no tensors; they are taken in order",) if is_counted(piece.keys) else ()
        )
        return Unknown(forbidden) if forbidden else Design(net, assumptions=ordered)
    if net is not None and net.architecture is not None:
        architecture = recognition.architectures.get(net.architecture)
        if architecture is None:
            there = ", ".join(sorted(recognition.architectures)) or "none"
            return Unknown(f"no installed plugin registers the architecture {net.architecture!r}; there are: {there}")
        return Design(net, architecture, net.arguments)
    return _recognised(piece, role, recognition) or _unknown(piece, role, permission)


def _recognised(piece: Piece, role: Role, recognition: Recognition) -> Design | Unknown | None:
    known = recognition.of(piece)
    if len(known) > 1:
        return Unknown(f"the keys fit several architectures ({', '.join(known)}); name one in a wganalyze.toml")
    for name, arguments in known.items():
        architecture = recognition.architectures[name]
        try:
            assumed = [str(text) for text in architecture.assumed(arguments)]
        except (Exception, SystemExit) as error:  # a stranger's code, which spoils its own networks alone
            return Unknown(f"the architecture {name} failed ({reason_of(error)}); name a factory")
        notes = (*assumed, *encodings(shapes_of(piece.keys)))
        said = (f"architecture {name}, recognised by keys and shapes", *notes)
        return Design(None, architecture, arguments, tuple(f"{role}: {text}" for text in said))
    return None


def _unknown(piece: Piece, role: Role, permission: Permission) -> Unknown:
    if piece.part.fill is not None:
        return Unknown(
            f"{piece.place} holds weights ({piece.part.kind}) and no architecture; "
            f"say --{role} MODULE:FACTORY (or FILE.py:FACTORY), which makes the model that they fill"
        )
    infer = "" if permission.infer else ", or --infer to have one guessed from keys and shapes"
    reason = f"the architecture of {piece.place} is unknown; say --{role} MODULE:FACTORY (or FILE.py:FACTORY){infer}"
    return Unknown(reason, may_be_inferred=permission.infer)
