"""From stored tensors to a running network: the architecture is found, built, and filled without leniency."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze.config import Net
from wganalyze.errors import CheckpointError, TrustError, WganalyzeError
from wganalyze.factories import import_factory
from wganalyze.host import Host
from wganalyze.snapshot import Part, TensorSpec

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

WRAPPERS = ("module.", "_orig_mod.")
_SHOWN = 6


@dataclass(frozen=True)
class Piece:
    """One network in a part: the keys under ``prefix``, which the network's own keys do not carry."""

    part: Part
    prefix: str = ""

    @property
    def keys(self) -> dict[str, TensorSpec]:
        """Key layout without the prefix."""
        return {k[len(self.prefix) :]: s for k, s in self.part.keys.items() if k.startswith(self.prefix)}

    @property
    def parameters(self) -> int:
        """Number of stored tensor elements."""
        return sum(spec.size for spec in self.keys.values())

    @property
    def place(self) -> str:
        """Where it lies, for messages: the file, and the name or prefix inside it."""
        inside = ".".join(filter(None, (self.part.name, self.prefix.rstrip("."))))
        return f"{self.part.path.name}[{inside}]" if inside else self.part.path.name

    def tensors(self) -> dict[str, Tensor]:
        """The weights, read now; CheckpointError names keys that hold NaN or infinity."""
        if self.part.read_tensors is None:
            raise CheckpointError(f"{self.place}: holds a program, whose weights cannot be read by themselves")
        try:
            stored = self.part.read_tensors()
        except WganalyzeError:
            raise
        except Exception as error:  # a loader may be anybody's
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise CheckpointError(f"{self.place}: the loader {self.part.kind} cannot read it ({reason})") from error
        found = {k[len(self.prefix) :]: t for k, t in stored.items() if k.startswith(self.prefix)}
        bad = [k for k, t in found.items() if t.is_floating_point() and not bool(t.isfinite().all())]
        if bad:
            raise CheckpointError(f"{self.place}: NaN or infinity in {_few(bad)}; this network cannot be analysed")
        return found


@dataclass(frozen=True)
class Design:
    """How a piece becomes a network, decided from headers alone. ``assumption``: what was guessed, or ""."""

    net: Net | None
    architecture: str | None = None
    arguments: Mapping[str, Any] | None = None
    assumption: str = ""

    def text(self) -> str:
        """For the record: the factory with its arguments, or the architecture."""
        if self.net is not None and self.net.factory is not None:
            return f"factory {self.net.factory} {dict(self.net.arguments) or ''}".strip()
        return f"architecture {self.architecture} {dict(self.arguments or {})}"


def find_design(piece: Piece, net: Net | None, role: str, host: Host, *, trust: bool) -> Design | str:
    """The design for a piece, or why there is none and the option that would supply it."""
    if net is not None and net.factory is not None:
        if not net.trusted:
            return (
                f"wganalyze.toml beside the checkpoints names the factory {net.factory}; "
                f"--trust imports it (it runs that code), or say --{role} {net.factory}"
            )
        return Design(net)
    if net is not None and net.architecture is not None:
        if net.architecture not in host.architectures:
            there = ", ".join(sorted(host.architectures)) or "none"
            return f"no installed plugin registers the architecture {net.architecture!r}; there are: {there}"
        return Design(net, net.architecture, net.arguments)
    if piece.part.read_module is not None and piece.part.read_tensors is None:
        if not trust:
            return f"{piece.part.path.name} is a program ({piece.part.kind}); --trust runs it"
        return Design(None)
    for candidate in _layouts(piece.keys):
        shapes = {key: spec.shape for key, spec in candidate.items()}
        fits = [(name, _recognised(host, name, shapes)) for name in sorted(host.architectures)]
        found = [(name, arguments) for name, arguments in fits if arguments is not None]
        if len(found) > 1:
            names = ", ".join(name for name, _ in found)
            return f"the keys fit several architectures ({names}); name one in a wganalyze.toml"
        if found:
            name, arguments = found[0]
            note = f"{role}: architecture {name}, recognised by keys and shapes"
            return Design(None, name, arguments, note)
    return f"the architecture of {piece.place} is unknown; say --{role} MODULE:FACTORY (or FILE.py:FACTORY)"


def _recognised(host: Host, name: str, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any] | None:
    """What an architecture says of these shapes; one that raises has recognised nothing."""
    try:
        return host.architectures[name].recognise(shapes)
    except Exception:
        return None


def build(piece: Piece, design: Design, role: str, host: Host) -> Module:
    """The network in eval mode on the CPU, with the weights of the piece in it; loading is strict."""
    if design.net is None and design.architecture is None:
        return _run_program(piece)
    if design.architecture is not None:
        module: Any = host.architectures[design.architecture].build(**(design.arguments or {}))
    else:
        assert design.net is not None
        module = _call_factory(design.net, piece, role)
    load_strict(module, piece.tensors(), piece.place, role)
    return module.eval().requires_grad_(False)  # type: ignore[no-any-return]


def _run_program(piece: Piece) -> Module:
    if piece.part.read_module is None:
        raise TrustError(f"{piece.place}: no program in it")
    if str(Path.cwd()) not in sys.path:  # where a pickled class looks for its module, as a factory does
        sys.path.insert(0, str(Path.cwd()))
    module = piece.part.read_module().eval()
    for parameter in module.parameters():  # TorchScript knows no requires_grad_ of a module
        parameter.requires_grad_(False)
    return module


def _call_factory(net: Net, piece: Piece, role: str) -> Module:
    """Call the factory; one that has a parameter ``shapes`` is given the stored keys and shapes."""
    from torch.nn import Module

    factory, arguments, keywords = import_factory(net, f"--{role}")
    try:
        if "shapes" in inspect.signature(factory).parameters and "shapes" not in keywords:
            keywords["shapes"] = {key: spec.shape for key, spec in piece.keys.items()}
        module = factory(*arguments, **keywords)
    except Exception as error:
        raise CheckpointError(f"--{role} {net.factory}: calling it failed ({type(error).__name__}: {error})") from error
    if not isinstance(module, Module):
        raise CheckpointError(f"--{role} {net.factory}: gave {type(module).__name__}, not a torch.nn.Module")
    return module


def _layouts(keys: Mapping[str, TensorSpec]) -> Iterator[dict[str, TensorSpec]]:
    """The keys as stored, then with what all of them share at the front taken off, component by component."""
    layout = dict(keys)
    while layout:
        yield layout
        heads = {key.split(".", 1)[0] for key in layout}
        if len(heads) != 1 or any("." not in key for key in layout):
            return
        layout = {key.split(".", 1)[1]: spec for key, spec in layout.items()}


def load_strict(module: Module, tensors: Mapping[str, Tensor], place: str, role: str) -> None:
    """Fill ``module``; a key too many, a key too few or another shape is a CheckpointError that lists them.

    Wrapper prefixes (``module.``, ``_orig_mod.``) and a prefix that all stored keys share are taken off when the
    rest fits; ``num_batches_tracked``, which older files lack, may be missing.
    """
    expected = module.state_dict()
    specs = {key: TensorSpec(tuple(t.shape), "") for key, t in tensors.items()}
    best: tuple[int, dict[str, Tensor]] | None = None
    for layout in _layouts(specs):
        # ``layout`` keeps the order of ``tensors``, so the two can be walked together.
        renamed = dict(zip(layout, tensors.values(), strict=True))
        differences = len(set(renamed) ^ set(expected))
        if best is None or differences < best[0]:
            best = (differences, renamed)
    found = best[1] if best is not None else {}
    missing = [k for k in expected if k not in found and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in found if k not in expected]
    wrong = [
        f"{k} is {tuple(found[k].shape)}, the network has {tuple(expected[k].shape)}"
        for k in expected
        if k in found and found[k].shape != expected[k].shape
    ]
    if missing or unexpected or wrong:
        lists = [("missing", missing), ("unexpected", unexpected), ("wrong shape", wrong)]
        text = "; ".join(f"{len(items)} {name}: {_few(items)}" for name, items in lists if items)
        raise CheckpointError(f"{place} does not fit the {role}: {text}; name the factory that it was trained with")
    module.load_state_dict(found, strict=False)


def _few(items: list[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more
