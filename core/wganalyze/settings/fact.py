"""What is known of a thing that a user can say."""

from __future__ import annotations

from dataclasses import dataclass

from wganalyze.settings import values


@dataclass(frozen=True)
class Fact:
    """One thing that may be said.

    ``help``: what it means, for ``--help`` and ``help()``.
    ``read``: from a text or a Python value to the value that is meant; None: by its type.
    ``toml``: its section and key in a ``wganalyze.toml``; a key "" is the section as a whole; None: it stands in none.
    ``flag``: as the command line writes it; "": ``--name``.
    ``metavar``: the value's place in ``--help``.
    ``repeated``: may the command line say it several times?
    ``opening``: does it decide how a path is opened, so that ``inspect`` and ``init`` take it, too?
    ``example``, ``remark``: for the commented line that ``init`` writes where it was not said.
    """

    help: str
    read: values.Reader | None = None
    toml: tuple[str, str] | None = None
    flag: str = ""
    metavar: str | None = None
    repeated: bool = False
    opening: bool = False
    example: object = None
    remark: str = ""
