"""Pure constructors that pickles of plain values call, as the inert reader carries them out."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wganalyze_checkpoints.pickles.inert import LONGEST_NAME, Global, Inert, safe_key


def _ordered_dict(*arguments: object) -> object:
    pairs = arguments[0] if arguments else ()
    if pairs == ():
        return {}
    if not isinstance(pairs, list):
        return Inert("collections.OrderedDict", arguments)
    return {safe_key(k): v for k, v in pairs}


def _reconstructed(cls: object, *_: object) -> object:
    """``copyreg._reconstructor``: an object of ``cls`` without its state."""
    if not isinstance(cls, Global):
        raise ValueError("an object of no class")
    return Inert(cls.name, called=False)


def _attribute(owner: object, name: object, *_: object) -> object:
    """``getattr``, by which old protocols name a class within a class: a longer name."""
    if not isinstance(owner, Global) or not isinstance(name, str):
        return Inert("builtins.getattr", (owner, name))
    if len(owner.name) + len(name) > LONGEST_NAME:
        raise ValueError("a global with an endless name")
    return Global(f"{owner.name}.{name}")


def _bytes(*arguments: object) -> object:
    """Old protocols write empty bytes as ``bytes()``."""
    return Inert("builtins.bytes", arguments) if arguments else b""


def _encoded(text: object, encoding: object) -> object:
    """``_codecs.encode``, by which old protocols write bytes."""
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes in an encoding that pickle does not use")
    return text.encode("latin-1")


GETATTR = ("builtins.getattr", "__builtin__.getattr")
PLAIN: Mapping[str, Callable[..., object]] = {
    "collections.OrderedDict": _ordered_dict,
    "copyreg._reconstructor": _reconstructed,
    "copy_reg._reconstructor": _reconstructed,
    "_codecs.encode": _encoded,
    **dict.fromkeys(("builtins.bytes", "__builtin__.bytes"), _bytes),
    **dict.fromkeys(GETATTR, _attribute),
}
"""Pure constructors that pickles of plain values call, for ``known``."""
