"""A design becomes a running network, filled without leniency."""

from __future__ import annotations

import copy
import inspect
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze.errors import CheckpointError, TrustError
from wganalyze.networks.design import Design
from wganalyze.networks.factories import Net, folders_of, import_factory
from wganalyze.networks.fitting import altered, fill_in_order, is_list, named_for
from wganalyze.networks.piece import Piece, few, shapes_of
from wganalyze.scripts.blame import fault_of, place_of
from wganalyze.scripts.modules import imported_beside
from wganalyze.text import reason_of

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module


def build(piece: Piece, design: Design, role: str) -> Module:
    """The network in eval mode on the CPU, with the weights of the piece in it; loading is strict."""
    if design.net is None and design.architecture is None:
        return _ready(_run_program(piece, design))
    if design.architecture is not None:
        made: Any = _call_architecture(design, role)
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
    with imported_beside(Path.cwd()):
        if design.allow is not None and part.read_allowed is not None:
            return piece.reading(partial(part.read_allowed, design.allow))
        if part.read_module is None:
            raise TrustError(f"{piece.place}: no program in it")
        return piece.reading(part.read_module)


def _checked_module(made: Any, design: Design, role: str) -> Module:
    from torch.nn import Module

    if isinstance(made, Module):
        return made
    raise CheckpointError(f"--{role}: {design.text()}: gave {type(made).__name__}, not a torch.nn.Module")


def _call_architecture(design: Design, role: str) -> Any:
    assert design.architecture is not None
    try:
        return design.architecture.build(**(design.arguments or {}))
    except (Exception, SystemExit) as error:
        reason = f"building it failed ({reason_of(error)})"
        raise CheckpointError(f"{role}: {design.text()}: {reason}") from error


def _call_factory(net: Net, piece: Piece, role: str) -> Any:
    """Call the factory; one that has a parameter ``shapes`` is given the keys and shapes of the plain layers."""
    from torch.nn import Module

    factory, arguments, keywords = import_factory(net, f"--{role}")
    if isinstance(factory, Module) and not (arguments or keywords):  # the script made it of layers of a library
        return copy.deepcopy(factory)
    try:
        if "shapes" in inspect.signature(factory).parameters and "shapes" not in keywords:
            keywords["shapes"] = shapes_of(piece.plain_keys)
        with imported_beside(*folders_of(net)):
            return factory(*arguments, **keywords)
    except (Exception, SystemExit) as error:
        reason = fault_of(error, f"the code of {_name(factory)}")
        raise CheckpointError(f"--{role} {net.factory}: calling it failed ({reason}){place_of(error)}") from error


def _name(factory: Any) -> str:
    return str(getattr(factory, "__name__", type(factory).__name__))


def load_strict(module: Module, tensors: Mapping[str, Tensor], place: str, role: str) -> None:
    """Fill ``module``; a key too many, a key too few, another shape or kind is a CheckpointError that lists them.

    What wrappers put into the keys (``module.``, ``_orig_mod.``), counters of averages and a prefix that all stored
    keys share are taken off when the rest fits, and stored encodings of spectral or weight norm are folded for a
    network that has plain weights; ``num_batches_tracked``, which older files lack, may be missing. Tensors that have
    no names fill the network in their order.
    """
    expected = module.state_dict()
    if is_list(tensors, expected):
        fill_in_order(module, tensors, place, role)
        return
    named = named_for(expected, tensors)
    missing = [k for k in expected if k not in named and not k.endswith("num_batches_tracked")]
    unexpected = [k for k in named if k not in expected]
    wrong = [
        f"{k} is {tuple(named[k].shape)}, the network has {tuple(expected[k].shape)}"
        for k in expected
        if k in named and named[k].shape != expected[k].shape
    ]
    kinds = altered(expected, named)
    if missing or unexpected or wrong or kinds:
        lists = [("missing", missing), ("unexpected", unexpected), ("wrong shape", wrong), ("another kind", kinds)]
        text = "; ".join(f"{len(items)} {name}: {few(items)}" for name, items in lists if items)
        buffers = {name for name, _ in module.named_buffers()}
        alone = not unexpected and not wrong and buffers.issuperset(missing)
        hint = "it holds parameters alone, as some averages do: put the raw copy beside it, or save all of state_dict()"
        hint = hint if alone else "name the factory that it was trained with"
        raise CheckpointError(f"{place} does not fit the {role}: {text}; {hint}")
    module.load_state_dict(named, strict=False)
