"""Whole networks pickled by ``torch.save(net, path)``: programs, which are described, and run only with trust.

What is seen without trust comes from the inert reader: the classes that the file asks for, and, where they were
networks, the keys and shapes of their weights. With the names of classes in ``--allow`` what it saw is rebuilt from
these (torch_rebuild); only ``--trust`` unpickles the file, which runs whatever it names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wganalyze import CheckpointError, Loader, Part, hookimpl
from wganalyze_checkpoints.pickles.inert import DamagedPickle, Inert
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch.file import TorchFile
from wganalyze_checkpoints.torch.modules import module_keys, modules_of
from wganalyze_checkpoints.torch.rebuild import options_for, rebuild
from wganalyze_checkpoints.torch.state_dict import find_facts, find_state_dicts
from wganalyze_checkpoints.wording import few, what_it_says

if TYPE_CHECKING:
    from torch.nn import Module


def programs(file: TorchFile) -> dict[str, Inert]:
    """The objects of a file without state dicts that code would have to make: its networks, or the file as a whole."""
    networks = modules_of(file.root)
    if not networks and isinstance(file.root, Inert):
        networks = {"": file.root}
    return {} if file.script or not networks or find_state_dicts(file) else networks


class TorchModulePickle(Loader):
    """The loader of kind "torch-module-pickle"."""

    name = "torch-module-pickle"

    def sniff(self, path: Path) -> float:
        """High where the file holds whole networks, or is one object of a class; 0 where a state dict can be read."""
        try:
            file = torch_file.read(path)
            return 0.9 if file is not None and programs(file) else 0.0
        except CheckpointError:
            return 0.0

    def open(self, path: Path) -> list[Part]:
        """One Part per network, without running anything."""
        file = torch_file.read(path)
        networks = {} if file is None else programs(file)
        if file is None or not networks:
            raise CheckpointError(f"{path}: holds no pickled network; inspect it with the loader torch-state-dict")
        classes = few(file.foreign, 8)
        options = options_for(file.foreign)
        problem = (
            f"a whole pickled object: reading it runs code ({classes or 'of its own'}); "
            f"give --trust if you know who wrote it, {f'{options} if you know this code, ' if options else ''}"
            "or save its state_dict() instead"
        )
        facts = find_facts(file.root, [(name,) if name else () for name in networks])
        try:
            return [
                Part(
                    path,
                    self.name,
                    name,
                    keys={key: tensor.spec for key, tensor in module_keys(module).items()},
                    facts=facts,
                    read_module=partial(_read_module, path, name),
                    problems=(problem,),
                    asks_for=file.asks_for,
                    read_allowed=partial(_read_allowed, path, name),
                )
                for name, module in networks.items()
            ]
        except DamagedPickle as error:
            raise torch_file.damaged(path, error) from error


def _read_module(path: Path, name: str) -> Module:
    import torch

    try:
        value = torch.load(path, weights_only=False, map_location="cpu")
    except (AttributeError, ImportError) as error:
        reason = what_it_says(error)
        raise CheckpointError(
            f"{path}: {reason}; {_where_code_is(reason)}, or save its state_dict() instead"
        ) from error
    except Exception as error:  # the file's own code may raise anything
        raise torch_file.damaged(path, error) from error
    return _network(path, value[name] if name else value)


def _where_code_is(reason: str) -> str:
    if "__main__" in reason:
        return "its class was defined in a script: say --allow MODULE:CLASS with the script as MODULE"
    return "put the code that defined the network on PYTHONPATH"


def _read_allowed(path: Path, name: str, names: Sequence[str]) -> Module:
    file = torch_file.read(path)
    networks = {} if file is None else programs(file)
    if file is None or name not in networks:
        raise CheckpointError(f"{path}: changed while it was read; start again")
    return _network(path, rebuild(file, networks[name], names))


def _network(path: Path, value: object) -> Module:
    """The network itself: what wraps it for several GPUs is taken off."""
    import torch

    while isinstance(value, torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel):
        value = value.module
    if not isinstance(value, torch.nn.Module):
        raise CheckpointError(f"{path}: holds a {type(value).__name__}, not a network; save the network itself")
    return value


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loader of whole pickled networks."""
    return [TorchModulePickle]
