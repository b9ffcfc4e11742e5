"""From stored tensors to a running network: the architecture is found, built, and filled without leniency."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from wganalyze.config import Net
from wganalyze.errors import CheckpointError, TrustError, WganalyzeError
from wganalyze.factories import import_factory
from wganalyze.host import Host
from wganalyze.naming import NetRole
from wganalyze.snapshot import Part, TensorSpec
from wganalyze.spectral import encodings, fold, folded_keys

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

T = TypeVar("T")
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
    def plain_keys(self) -> dict[str, TensorSpec]:
        """``keys`` with the encodings of spectral and weight norm folded, as a plain layer would have them."""
        keys = self.keys
        shapes = folded_keys({key: spec.shape for key, spec in keys.items()})
        return {key: keys.get(key) or TensorSpec(shape, "") for key, shape in shapes.items()}

    @property
    def parameters(self) -> int:
        """Number of stored tensor elements."""
        return sum(spec.size for spec in self.keys.values())

    @property
    def place(self) -> str:
        """Where it lies, for messages: the file, and the name or prefix inside it."""
        inside = ".".join(filter(None, (self.part.name, self.prefix.rstrip("."))))
        return f"{self.part.path.name}[{inside}]" if inside else self.part.path.name

    def reading(self, read: Callable[[], T]) -> T:
        """``read()``, one of the part's readers, which may be anybody's: its faults name the file and the loader."""
        try:
            return read()
        except WganalyzeError:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise CheckpointError(f"{self.place}: the loader {self.part.kind} cannot read it ({reason})") from error

    def tensors(self) -> dict[str, Tensor]:
        """The weights, read now; CheckpointError names keys that hold NaN or infinity."""
        if self.part.read_tensors is None:
            raise CheckpointError(f"{self.place}: holds a program, whose weights cannot be read by themselves")
        stored = self.reading(self.part.read_tensors)
        found = {k[len(self.prefix) :]: t for k, t in stored.items() if k.startswith(self.prefix)}
        bad = [k for k, t in found.items() if t.is_floating_point() and not bool(t.isfinite().all())]
        if bad:
            raise CheckpointError(f"{self.place}: NaN or infinity in {_few(bad)}; this network cannot be analysed")
        return found


@dataclass(frozen=True)
class Permission:
    """What the user allowed: to run code of the files, to make objects of these classes, to guess architectures."""

    trust: bool = False
    allow: tuple[str, ...] = ()
    infer: bool = False


@dataclass(frozen=True)
class Design:
    """How a piece becomes a network, decided from headers alone. ``assumptions``: what was guessed.

    ``allow``: the classes that a restricted reading may make; None: read in full.
    """

    net: Net | None
    architecture: str | None = None
    arguments: Mapping[str, Any] | None = None
    assumptions: tuple[str, ...] = ()
    allow: tuple[str, ...] | None = None

    def text(self) -> str:
        """For the record: the factory with its arguments, the architecture, or the program."""
        if self.net is not None and self.net.factory is not None:
            return f"factory {self.net.factory} {dict(self.net.arguments) or ''}".strip()
        if self.architecture is not None:
            return f"architecture {self.architecture} {dict(self.arguments or {})}"
        return "its own program" + (f", allowed: {', '.join(self.allow)}" if self.allow else "")


@dataclass(frozen=True)
class Unknown:
    """Why there is no design, and the option that would supply it."""

    reason: str
    may_be_inferred: bool = False


def find_design(piece: Piece, net: Net | None, role: str, host: Host, permission: Permission) -> Design | Unknown:
    """The design for a piece, or why there is none."""
    named = net is not None and net.factory is not None
    if piece.part.is_program and not (named and piece.part.fill is not None):
        return _program(piece.part, permission)
    if net is not None and net.factory is not None:
        if not net.trusted:
            return Unknown(
                f"wganalyze.toml beside the checkpoints names the factory {net.factory}; "
                f"--trust imports it (it runs that code), or say --{role} {net.factory}"
            )
        return Design(net)
    if net is not None and net.architecture is not None:
        if net.architecture not in host.architectures:
            there = ", ".join(sorted(host.architectures)) or "none"
            return Unknown(f"no installed plugin registers the architecture {net.architecture!r}; there are: {there}")
        return Design(net, net.architecture, net.arguments)
    found = _recognising(piece, host)
    if len(found) > 1:
        names = ", ".join(found)
        return Unknown(f"the keys fit several architectures ({names}); name one in a wganalyze.toml")
    for name, arguments in found.items():
        note = f"{role}: architecture {name}, recognised by keys and shapes"
        assumed = getattr(host.architectures[name], "assumed", lambda _: ())(arguments)
        notes = (note, *(f"{role}: {text}" for text in (*assumed, *encodings(_shapes(piece.keys)))))
        return Design(None, name, arguments, notes)
    if piece.part.fill is not None:
        return Unknown(
            f"{piece.place} holds weights ({piece.part.kind}) and no architecture; "
            f"say --{role} MODULE:FACTORY (or FILE.py:FACTORY), which makes the model that they fill"
        )
    infer = "" if permission.infer else ", or --infer to have one guessed from keys and shapes"
    reason = f"the architecture of {piece.place} is unknown; say --{role} MODULE:FACTORY (or FILE.py:FACTORY){infer}"
    return Unknown(reason, may_be_inferred=permission.infer)


def role_by_architecture(piece: Piece, host: Host) -> tuple[str, NetRole] | None:
    """The name and the role of the one architecture that knows these keys, where it says whose they are."""
    found = [*_recognising(piece, host)]
    role: Any = getattr(host.architectures[found[0]], "role", None) if len(found) == 1 else None
    return (found[0], role) if role in ("generator", "critic") else None


def _recognising(piece: Piece, host: Host) -> Mapping[str, Mapping[str, Any]]:
    """The architectures that know the keys, with their arguments, under the first reading that any of them knows."""
    layout = tuple(_shapes(piece.keys).items())
    if layout not in host.recognised:
        host.recognised[layout] = _recognise(piece.keys, host)
    return host.recognised[layout]


def _recognise(keys: Mapping[str, TensorSpec], host: Host) -> Mapping[str, Mapping[str, Any]]:
    for candidate in _readings(keys):
        fits = {name: _recognised(host, name, candidate) for name in sorted(host.architectures)}
        found = {name: arguments for name, arguments in fits.items() if arguments is not None}
        if found:
            return found
    return {}


def _program(part: Part, permission: Permission) -> Design | Unknown:
    """A program brings its own architecture; where it runs code of the file, only by the user's leave."""
    if permission.trust or not part.runs_code:
        return Design(None)
    if permission.allow and part.read_allowed is not None:
        return Design(None, allow=permission.allow)
    allow = ", or --allow its classes one by one (see its line)" if part.read_allowed is not None else ""
    return Unknown(f"{part.path.name} is a program ({part.kind}); --trust runs it{allow}")


def _shapes(keys: Mapping[str, TensorSpec]) -> dict[str, tuple[int, ...]]:
    return {key: spec.shape for key, spec in keys.items()}


def _readings(keys: Mapping[str, TensorSpec]) -> Iterator[dict[str, tuple[int, ...]]]:
    """Keys and shapes as an architecture may know them: as stored, and folded, behind each shared prefix."""
    for layout in _layouts(keys):
        shapes = _shapes(layout)
        yield shapes
        folded = folded_keys(shapes)
        if folded != shapes:
            yield folded


def _recognised(host: Host, name: str, shapes: Mapping[str, tuple[int, ...]]) -> Mapping[str, Any] | None:
    """What an architecture says of these shapes; one that raises has recognised nothing."""
    try:
        return host.architectures[name].recognise(shapes)
    except Exception:
        return None


def build(piece: Piece, design: Design, role: str, host: Host) -> Module:
    """The network in eval mode on the CPU, with the weights of the piece in it; loading is strict."""
    if design.net is None and design.architecture is None:
        return _ready(_run_program(piece, design))
    if design.architecture is not None:
        made: Any = host.architectures[design.architecture].build(**(design.arguments or {}))
    else:
        assert design.net is not None
        made = _call_factory(design.net, piece, role)
    if piece.part.fill is not None and design.net is not None:
        return _ready(piece.reading(partial(piece.part.fill, made)))
    module = _checked_module(made, design, role)
    load_strict(module, piece.tensors(), piece.place, role)
    return _ready(module)


def _ready(module: Module) -> Module:
    module = module.eval()
    for parameter in module.parameters():  # TorchScript knows no requires_grad_ of a module
        parameter.requires_grad_(False)
    return module


def _run_program(piece: Piece, design: Design) -> Module:
    part = piece.part
    if str(Path.cwd()) not in sys.path:  # where a pickled class looks for its module, as a factory does
        sys.path.insert(0, str(Path.cwd()))
    if design.allow is not None and part.read_allowed is not None:
        return piece.reading(partial(part.read_allowed, design.allow))
    if part.read_module is None:
        raise TrustError(f"{piece.place}: no program in it")
    return piece.reading(part.read_module)


def _checked_module(made: Any, design: Design, role: str) -> Module:
    from torch.nn import Module

    if isinstance(made, Module):
        return made
    factory = design.net.factory if design.net is not None else design.architecture
    raise CheckpointError(f"--{role} {factory}: gave {type(made).__name__}, not a torch.nn.Module")


def _call_factory(net: Net, piece: Piece, role: str) -> Any:
    """Call the factory; one that has a parameter ``shapes`` is given the keys and shapes of the plain layers."""
    factory, arguments, keywords = import_factory(net, f"--{role}")
    try:
        if "shapes" in inspect.signature(factory).parameters and "shapes" not in keywords:
            keywords["shapes"] = _shapes(piece.plain_keys)
        return factory(*arguments, **keywords)
    except Exception as error:
        raise CheckpointError(f"--{role} {net.factory}: calling it failed ({type(error).__name__}: {error})") from error


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
    rest fits, and stored encodings of spectral or weight norm are folded for a network that has plain weights;
    ``num_batches_tracked``, which older files lack, may be missing.
    """
    expected = module.state_dict()
    found = min(_renamings(tensors), key=lambda renamed: len(set(renamed) ^ set(expected)), default={})
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


def _renamings(tensors: Mapping[str, Tensor]) -> Iterator[dict[str, Tensor]]:
    """The tensors under the names that a network may know them by: as stored first, then folded."""
    for stored in (dict(tensors), fold(tensors)):
        for layout in _layouts({key: TensorSpec(tuple(t.shape), "") for key, t in stored.items()}):
            # ``layout`` keeps the order of ``stored``, so the two can be walked together.
            yield dict(zip(layout, stored.values(), strict=True))


def _few(items: list[str]) -> str:
    more = f" and {len(items) - _SHOWN} more" if len(items) > _SHOWN else ""
    return ", ".join(items[:_SHOWN]) + more
