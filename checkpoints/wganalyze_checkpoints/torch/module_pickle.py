"""Whole networks pickled by ``torch.save(net, path)`` or ``pickle``: programs, described, and run only with trust.

A file may hold one network, a container of networks, or an object that has some among its attributes.
What is seen without trust comes from the inert reader: the classes that the file asks for, and, where they were
networks, the keys and shapes of their weights. With the names of classes in ``--allow`` what it saw is rebuilt from
these (``rebuild``); only ``--trust`` unpickles the file, which runs whatever it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze import CheckpointError, Loader, Part, hookimpl, one_line
from wganalyze_checkpoints.pickles.inert import DamagedPickle, Inert
from wganalyze_checkpoints.pickles.packing import content_of
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch import reading
from wganalyze_checkpoints.torch.file import TorchFile
from wganalyze_checkpoints.torch.modules import PERSISTENT, class_of, module_keys, networks_of, owner_of
from wganalyze_checkpoints.torch.old_layers import brought_up
from wganalyze_checkpoints.torch.rebuild import names_in, options_for, rebuild
from wganalyze_checkpoints.torch.state_dict import find_facts, find_state_dicts
from wganalyze_checkpoints.wording import LONGEST, few, what_it_says

if TYPE_CHECKING:
    from torch.nn import Module


def programs(file: TorchFile) -> dict[tuple[object, ...], Inert]:
    """By place, the objects of a file without state dicts that code would have to make: its networks, or the whole."""
    if file.script or not (file.foreign or isinstance(file.root, Inert)):
        return {}
    networks = networks_of(file.root)
    if not networks and isinstance(file.root, Inert) and file.by_torch:
        networks = {(): file.root}
    if not file.by_torch:  # the others are NVIDIA's
        networks = {place: module for place, module in networks.items() if module.name != PERSISTENT}
    return {} if not networks or find_state_dicts(file) else networks


class TorchModulePickle(Loader):
    """The loader of kind "torch-module-pickle"."""

    name = "torch-module-pickle"

    def sniff(self, path: Path) -> float:
        """High where the file holds whole networks, or is one object of a class; 0 where a state dict can be read."""
        try:
            file = reading.read(path)
            return 0.9 if file is not None and programs(file) else 0.0
        except CheckpointError:
            return 0.0

    def open(self, path: Path) -> list[Part]:
        """One Part per network, without running anything."""
        file = reading.read(path)
        networks = {} if file is None else programs(file)
        if file is None or not networks:
            raise CheckpointError(f"{path}: holds no pickled network; inspect it with the loader torch-state-dict")
        facts = find_facts(file.root, networks)
        try:
            return [
                Part(
                    path,
                    self.name,
                    torch_file.path_in_file(place),
                    keys={key: tensor.spec for key, tensor in module_keys(module).items()},
                    facts=facts,
                    read_module=partial(_read_module, file, place),
                    problems=(_problem(file, place, module),),
                    asks_for=file.asks_for,
                    read_allowed=partial(_read_allowed, path, place),
                    read_weights=partial(file.tensors, stored) if (stored := module_keys(module)) else None,
                )
                for place, module in networks.items()
            ]
        except DamagedPickle as error:
            raise torch_file.damaged(path, error) from error


def _problem(file: TorchFile, place: tuple[object, ...], module: Inert) -> str:
    """What it is, that reading it runs code, and the least that the user has to allow."""
    what, owner = "a whole pickled object", owner_of(file.root, place)
    if owner is not None:
        size = sum(tensor.spec.size for tensor in module_keys(module).values())
        name = torch_file.path_in_file(place)
        what = f"an object of {one_line(class_of(owner), LONGEST)} that holds the network {name} ({size:,} parameters)"
    options = options_for(sorted(names_in(module)))
    return (
        f"{what}: reading it runs code ({few(file.foreign, 8) or 'of its own'}); "
        f"give --trust if you know who wrote it, {f'{options} if you know this code, ' if options else ''}"
        "or save its state_dict() instead"
    )


def _read_module(file: TorchFile, place: tuple[object, ...]) -> Module:
    try:
        value: Any = _load(file)
        for key in place:
            value = getattr(value, str(key)) if _is_attribute(value, key) else value[key]
    except (AttributeError, ImportError) as error:
        reason = what_it_says(error)
        raise CheckpointError(
            f"{file.path}: {reason}; {_where_code_is(reason)}, or save its state_dict() instead"
        ) from error
    except Exception as error:  # the file's own code may raise anything
        raise torch_file.damaged(file.path, error) from error
    return _network(file.path, value)


def _is_attribute(value: Any, key: object) -> bool:
    """Of an object; one of a class derived from dict may have attributes, too."""
    return not isinstance(value, dict | list | tuple) or (isinstance(value, dict) and key not in value)


def _load(file: TorchFile) -> Any:
    """The file in full, with the weights on the CPU."""
    if file.form == "joblib":
        import joblib

        return joblib.load(file.path)
    if file.form == "plain":
        from wganalyze_checkpoints.pickles import trusted

        return trusted.load(file.path, by_dill=any(name.startswith("dill.") for name in file.foreign))
    import torch

    with content_of(file.path) as content:
        return torch.load(content, weights_only=False, map_location="cpu")


def _where_code_is(reason: str) -> str:
    if "__main__" in reason:
        return "its class was defined in a script: say --allow MODULE:CLASS with the script as MODULE"
    return "put the code that defined the network on PYTHONPATH"


def _read_allowed(path: Path, place: tuple[object, ...], names: Sequence[str]) -> Module:
    file = reading.read(path)
    networks = {} if file is None else programs(file)
    if file is None or place not in networks:
        raise CheckpointError(f"{path}: changed while it was read; start again")
    return _network(path, rebuild(file, networks[place], names))


def _network(path: Path, value: object) -> Module:
    """The network itself: what wraps it for several GPUs is taken off."""
    import torch

    from wganalyze_checkpoints.torch.nvidia import as_called

    while isinstance(value, torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel):
        value = value.module
    if not isinstance(value, torch.nn.Module):
        raise CheckpointError(f"{path}: holds a {type(value).__name__}, not a network; save the network itself")
    return as_called(brought_up(value))


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loader of whole pickled networks."""
    return [TorchModulePickle]
