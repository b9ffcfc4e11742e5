"""What wrappers leave in a state dict: components in its keys, and counters beside the weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from itertools import combinations
from typing import TypeVar

from wganalyze.contracts.loader import TensorSpec

T = TypeVar("T")

WRAPPED = (
    "module", "_orig_mod", "_fsdp_wrapped_module", "_fpw_module", "_checkpoint_wrapped_module", "_forward_module",
)  # fmt: skip
"""Components that DDP and averages, torch.compile, FSDP, activation checkpointing and Fabric put into keys."""

_COUNTERS = frozenset(
    ["n_averaged", "steps", "step", "num_updates", "updates", "initted", "decay", "optimization_step"]
)
"""Single numbers that averages keep: torch's AveragedModel, mmengine's, those of ema-pytorch and of diffusion codes."""

_MOST = 4


def is_counter(key: str, spec: TensorSpec) -> bool:
    """Is it a single number that an average counts with, beside its weights?"""
    return key in _COUNTERS and len(spec.shape) < 2 and spec.size == 1


def is_counted(keys: Collection[str]) -> bool:
    """Do the keys only count, as those of tensors without names do?"""
    return bool(keys) and [*keys] == [str(i) for i in range(len(keys))]


def without_counters(keys: Mapping[str, TensorSpec]) -> dict[str, TensorSpec]:
    """The weights among the keys; all of them where there are none."""
    return {key: spec for key, spec in keys.items() if not is_counter(key, spec)} or dict(keys)


def unwrapped(keys: Mapping[str, T]) -> dict[str, T]:
    """The keys without the components that wrappers put there; as they are where two would then be one."""
    named = {_without(key, _places(key)): value for key, value in keys.items()}
    return named if len(named) == len(keys) else dict(keys)


def matched(keys: Collection[str], expected: Collection[str]) -> dict[str, str]:
    """For each stored key the name by which a network may know it: wrappers come off only where it lacks the key."""
    names = {key: key for key in keys if key in expected}
    taken = set(names)
    for key in keys:
        if key not in names:
            names[key] = next((n for n in _barer(key) if n in expected and n not in taken), key)
            taken.add(names[key])
    return names


def _barer(key: str) -> Iterator[str]:
    """The key without some of its wrappers, the fewest first."""
    places = _places(key)
    for n in range(1, min(len(places), _MOST) + 1):
        for some in combinations(places, n):
            yield _without(key, some)
    if len(places) > _MOST:
        yield _without(key, places)


def _places(key: str) -> tuple[int, ...]:
    """Where among its components wrappers stand; the last one names the tensor."""
    return tuple(i for i, part in enumerate(key.split(".")[:-1]) if part in WRAPPED)


def _without(key: str, places: Collection[int]) -> str:
    return ".".join(part for i, part in enumerate(key.split(".")) if i not in places) if places else key
