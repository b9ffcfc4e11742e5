"""Networks in memory as a snapshot: copied, so that nothing that is done with them reaches the user's own."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wganalyze.contracts.loader import Input, Part, TensorSpec
from wganalyze.contracts.network import notes_of
from wganalyze.contracts.terms import Role
from wganalyze.errors import CheckpointError, UsageError
from wganalyze.host.registry import Host
from wganalyze.networks.draft import Draft
from wganalyze.networks.piece import Piece
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.trust import Permission
from wganalyze.settings.facts import Said
from wganalyze.snapshots.moment import Member, Moment
from wganalyze.snapshots.naming import Step
from wganalyze.snapshots.resolution import resolve
from wganalyze.text import reason_of

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

OF_FILES = ("generator", "critic", "roles", "weights", "config", "trust", "allow", "infer", "loader", "jobs", "dask")
"""Facts that say how files are read, and by how many processes, which networks in memory are not."""
UNNAMED = "memory"
"""The label of networks of which no step is known."""


@dataclass(frozen=True, eq=False)
class InMemory(Draft):
    """A snapshot of networks that no file was read for; ``content``: a digest of what they are made of."""

    content: str = ""

    @cached_property
    def digest(self) -> str:
        """Over their tensors."""
        return self.content


def snapshot_of(
    networks: Mapping[Role, Module], step: int | None, said: Said, host: Host, files: Sequence[Path] = ()
) -> InMemory:
    """The snapshot of copies of these networks, made now. ``files``: where they were saved, for the record.

    A network that cannot be copied fails in its cells. UsageError where one is no module of torch.
    """
    label = ("step", f"{step:06d}") if step is not None else (UNNAMED,)
    copies: dict[Role, Module | CheckpointError] = {role: _copied(network, role) for role, network in networks.items()}
    members = [Member(Piece(_part(copied, role, step)), role) for role, copied in copies.items()]
    moment = Moment((), label, None if step is None else Step(step, "step", "the call"), members)
    (draft,) = resolve(moment, UNNAMED, said, Recognition(host.architectures), Permission())
    roles: tuple[Role, ...] = ("generator", "critic")
    given = replace(
        draft,
        files=(*files,),
        missing={role: f"none was given; pass {role}=MODULE" for role in roles if role not in networks},
        designs={role: f"in memory: {type(unwrapped(network)).__qualname__}" for role, network in networks.items()},
    )
    content = {entry.name: getattr(given, entry.name) for entry in fields(given)}
    return InMemory(**content, content=_digest(copies))


def device_of(networks: Mapping[Role, Module]) -> str:
    """Where networks lie, as --device calls it; the CPU where that is no place to analyse at."""
    for network in networks.values():
        for tensor in [*network.parameters(), *network.buffers()][:1]:
            return str(tensor.device) if tensor.device.type == "cuda" else "cpu"
    return "cpu"


def given_networks(generator: Any, critic: Any) -> dict[Role, Module]:
    """Those that there are, by role; UsageError where there is none, or where one is no module of torch."""
    from torch.nn import Module

    both: dict[Role, Any] = {"generator": generator, "critic": critic}
    given: dict[Role, Module] = {role: network for role, network in both.items() if network is not None}
    if not given:
        raise UsageError("no network: pass generator=MODULE, critic=MODULE, or both")
    for role, network in given.items():
        if not isinstance(network, Module):
            raise UsageError(f"{role}: a {type(network).__name__} is no torch.nn.Module; to name a file, use run()")
        if any(base.__module__.partition(".")[0] == "keras" for base in type(network).__mro__):
            raise UsageError(f"{role}: a model of Keras; pass wganalyze.integrations.KerasNetwork(model)")
    return given


def unwrapped(network: Module) -> Module:
    """The network inside what compiles it or spreads it over devices."""
    from torch.nn import DataParallel
    from torch.nn.parallel import DistributedDataParallel

    while True:
        if hasattr(network, "_orig_mod"):
            network = network._orig_mod  # type: ignore[assignment]
        elif isinstance(network, DataParallel | DistributedDataParallel):
            network = network.module
        else:
            return network


def state_of(network: Module) -> dict[str, Tensor]:
    """The tensors of a network by key, on the CPU, apart from it."""
    from torch import Tensor

    state = unwrapped(network).state_dict()
    return {key: value.detach().cpu().clone() for key, value in state.items() if isinstance(value, Tensor)}


def _copied(network: Module, role: Role) -> Module | CheckpointError:
    """A copy on the CPU, in float32 where it is less; or why there is none."""
    import torch

    network = unwrapped(network)
    # deepcopy takes these for done: no second copy on a GPU, no gradients, and no history of what hooks computed.
    done: dict[int, Any] = {}
    try:
        for module in network.modules():
            for value in vars(module).values():
                if isinstance(value, torch.Tensor):
                    done[id(value)] = value.detach().cpu().clone()
        for parameter in network.parameters():
            done[id(parameter)] = torch.nn.Parameter(parameter.detach().cpu().clone(), requires_grad=False)
        for buffer in network.buffers():
            done[id(buffer)] = buffer.detach().cpu().clone()
        with torch.no_grad():  # of a scripted network, the copies of parameters would have a history else
            copied = copy.deepcopy(network, done).eval()
        narrow = {p.dtype for p in copied.parameters()} & {torch.float16, torch.bfloat16}
        wide = role == "generator" and any(p.dtype == torch.float64 for p in copied.parameters())
        return copied.float() if narrow or wide else copied
    except (Exception, SystemExit) as error:  # it is anybody's code
        return CheckpointError(f"{role}: it cannot be copied ({reason_of(error)})")


def _part(copied: Module | CheckpointError, role: Role, step: int | None) -> Part:
    def read() -> Module:
        import torch

        if isinstance(copied, CheckpointError):
            raise copied
        with torch.no_grad():
            return copy.deepcopy(copied)  # analysis moves it to a device, and may run it in train mode

    state = {} if isinstance(copied, CheckpointError) else state_of(copied)
    keys = {key: TensorSpec(tuple(t.shape), str(t.dtype).partition(".")[2]) for key, t in state.items()}
    shape = () if isinstance(copied, CheckpointError) else notes_of(copied).input_shape
    inputs = (Input("input", (None, *shape)),) if shape else ()
    return Part(Path(role), UNNAMED, role=role, step=step, keys=keys, read_module=read, runs_code=False, inputs=inputs)


def _digest(copies: Mapping[Role, Module | CheckpointError]) -> str:
    import torch

    digest = hashlib.sha256()
    for role, copied in sorted(copies.items()):
        state = {} if isinstance(copied, CheckpointError) else state_of(copied)
        digest.update(f"{role} {len(state)}".encode())
        for key, tensor in state.items():
            digest.update(repr((key, tuple(tensor.shape), str(tensor.dtype))).encode())
            digest.update(tensor.contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
