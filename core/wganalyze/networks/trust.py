"""What trust forbids: code of somebody else's files runs by the user's leave alone."""

from __future__ import annotations

from dataclasses import dataclass

from wganalyze.contracts.loader import Part
from wganalyze.networks.factories import Net, from_here


@dataclass(frozen=True)
class Permission:
    """What the user allowed: to run code of the files, to make objects of these classes, to guess architectures."""

    trust: bool = False
    allow: tuple[str, ...] = ()
    infer: bool = False


def forbidden_program(part: Part, permission: Permission) -> str:
    """Why a program may be run neither in full nor from allowed classes; "" where it may."""
    if permission.trust or not part.runs_code or may_be_rebuilt(part, permission):
        return ""
    allow = ", or --allow its classes one by one (see its line)" if part.read_allowed is not None else ""
    factory = ", or name a factory, which takes its weights alone" if part.takes_factory else ""
    return f"{part.path.name} is a program ({part.kind}); --trust runs it{allow}{factory}"


def may_be_rebuilt(part: Part, permission: Permission) -> bool:
    """May a program be made of the classes that --allow names, without its own code being run?"""
    return part.runs_code and not permission.trust and bool(permission.allow) and part.read_allowed is not None


def forbidden_factory(net: Net, role: str) -> str:
    """Why a factory may not be imported: its name lay beside the checkpoints; "" where it may."""
    if net.trusted:
        return ""
    return (
        f"wganalyze.toml beside the checkpoints names the factory {net.factory}; "
        f"--trust imports it (it runs that code), or say --{role} {from_here(net)}"
    )
