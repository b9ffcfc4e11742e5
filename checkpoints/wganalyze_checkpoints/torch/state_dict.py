"""State dicts written by ``torch.save``, zip or legacy format, by ``pickle`` or ``joblib``, under any file name.

A file may hold one state dict, or a dict of them nested up to two levels ("netG", "model.netD"), three where one counts
("history.3.netG"); optimizers are left aside. A list of tensors under the name of an average holds parameters in their
order. A file with a step and no tensors (BigGAN-PyTorch's ``state_dict.pth``) is a record of the networks beside it.
Weights are read by ``torch.load(weights_only=True)``; where that refuses, because objects of other classes lie
beside the tensors (an ``argparse.Namespace``) or the file is a plain pickle, straight from their bytes. Code of the
file is never run. A list of tensors has no names, and fills a network in order.
"""

from __future__ import annotations

import pickle
import re
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, cast

from wganalyze import CheckpointError, Loader, Part, TensorSpec, hookimpl
from wganalyze_checkpoints.pickles.inert import Inert
from wganalyze_checkpoints.pickles.stored import Unread, of_array, tree_of, unread
from wganalyze_checkpoints.pickles.tensors import StoredTensor
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch import reading
from wganalyze_checkpoints.torch.file import TorchFile
from wganalyze_checkpoints.torch.modules import entries_of, is_module, module_names
from wganalyze_checkpoints.wording import few

if TYPE_CHECKING:
    from torch import Tensor

MAX_DEPTH = 2
_MAX_PARTS = 1000
_MAX_VISITS = 1_000_000
_MAX_FACTS = 1000
_SHOWN = 3
_CONFIGURATION_DEPTH = 3
_STEPS = ("step", "global_step", "global_steps", "steps", "iteration", "iterations", "iter", "itr", "n_iter", "epoch")
_AVERAGED = re.compile(r"(?<![a-z])(ema|shadow|avg|averaged?)(?![a-z])", re.IGNORECASE)
_CONFIGURATIONS = frozenset(
    [
        "args",
        "cfg",
        "conf",
        "config",
        "configuration",
        "hparams",
        "hparam",
        "hyper_parameters",
        "hyperparameters",
        "hyperparams",
        "opt",
        "opts",
        "options",
        "params",
        "settings",
    ]
)


_NETWORKS = ("gen", "crit", "disc", "ema", "actor", "encoder", "decoder")
_WEIGHTS = frozenset(["weight", "weights", "kernel", "w", "bias", "biases", "b", "gamma", "beta", "scale"])


@dataclass(frozen=True)
class StateDict:
    """Where a state dict lies in its file, and its tensors by key: those that are read, and those that are not.

    ``named``: False for a list of tensors, whose keys only count.
    """

    place: tuple[object, ...]
    tensors: Mapping[str, StoredTensor]
    unread: Mapping[str, Unread] = field(default_factory=dict)
    named: bool = True

    @property
    def specs(self) -> dict[str, TensorSpec]:
        """Shapes and dtypes by key."""
        read = {key: tensor.spec for key, tensor in self.tensors.items()}
        return read | {key: tensor.spec for key, tensor in self.unread.items()}


@dataclass
class _Search:
    """Walks the containers of one file; the number of visits is bounded, for containers may share their content."""

    path: Path
    left: int = field(default=_MAX_VISITS)

    def spend(self, visits: int) -> None:
        self.left -= visits
        if self.left < 0:
            raise torch_file.damaged(self.path, "more containers than this tool walks through")

    def state_dicts(self, value: object, place: tuple[object, ...] = ()) -> list[StateDict]:
        items = children(value)
        self.spend(len(items))
        if {"state", "param_groups"} <= items.keys():  # an optimizer
            return []
        tree = _weights_of_tree(value, self.spend)
        if tree:
            return [StateDict(place, tree)]
        nested: list[StateDict] = []
        if len(place) < MAX_DEPTH + any(str(key).isdigit() for key in place):
            for key, child in items.items():
                if not isinstance(child, StoredTensor) and isinstance(key, str | int) and str(key).isprintable():
                    nested += self.state_dicts(child, (*place, key))
        if len(nested) > _MAX_PARTS:
            raise torch_file.damaged(self.path, f"more than {_MAX_PARTS} state dicts")
        if isinstance(value, list | tuple) and _is_average(place) and all(isinstance(v, StoredTensor) for v in value):
            average = {str(i): v for i, v in enumerate(value) if isinstance(v, StoredTensor)}
            return [StateDict(place, average, named=False)] if average else []
        tensors = _tensors_of(value, items)
        others = {k: why for k, v in items.items() if isinstance(k, str) and (why := unread(v))}
        # Beside nested state dicts a few tensors are noise or statistics; a state dict may in turn hold a small dict.
        if any(len(inner.specs) >= len(tensors) + len(others) for inner in nested):
            return nested
        if not others and all(map(_is_no_weight, tensors.values())):
            return nested
        if not all(key.isprintable() for key in (*tensors, *others)):
            raise torch_file.damaged(self.path, "a key with characters that cannot be shown")
        return [StateDict(place, tensors, others)]

    def lists(self, value: object, place: tuple[object, ...] = ()) -> list[StateDict]:
        """Tensors without names: the file itself, or what its dict holds. Tensors all of one shape are samples."""
        if isinstance(value, dict) and not place:
            found = [self.lists(v, (k,)) for k, v in value.items() if isinstance(k, str) and k.isprintable()]
            return [state for states in found for state in states]
        if not isinstance(value, list | tuple) or not 1 < len(value) <= _MAX_PARTS:
            return []
        tensors = [v if isinstance(v, StoredTensor) else of_array(v) for v in value]
        numbers = {str(i): tensor for i, tensor in enumerate(tensors) if tensor is not None}
        shapes = {tensor.spec.shape for tensor in numbers.values()}
        is_network = len(numbers) == len(value) and len(shapes) > 1 and any(len(shape) > 1 for shape in shapes)
        return [StateDict(place, numbers, named=False)] if is_network else []


def _tensors_of(value: object, items: Mapping[object, object]) -> dict[str, StoredTensor]:
    """The tensors in a container; arrays among them where a dict names them as weights are named, and not as data."""
    tensors: dict[str, StoredTensor] = {}
    texts = [key for key in items if isinstance(key, str)]
    weights = isinstance(value, dict) and any(_last_word(key) in _WEIGHTS for key in texts)
    for key in texts:
        child = items[key]
        tensor = child if isinstance(child, StoredTensor) else of_array(child) if weights else None
        if tensor is not None:
            tensors[key] = tensor
    return tensors


def _weights_of_tree(value: object, spend: Callable[[int], None]) -> dict[str, StoredTensor]:
    """The arrays in a nest of layers; {} where its names are those of networks, or no dict lies in it."""
    items = entries_of(value) or ({} if not isinstance(value, Inert) else dict.fromkeys(["frozen"], value))
    if not any(isinstance(child, dict | Inert) for child in items.values()) or any(map(_is_network, items)):
        return {}
    tree = tree_of(value, spend)
    return tree if any("." in key and _last_word(key) in _WEIGHTS for key in tree) else {}


def _is_network(key: object) -> bool:
    words = re.findall(r"[a-z]+", key.lower()) if isinstance(key, str) else []
    return any(word in ("g", "d", "netg", "netd") or word.startswith(_NETWORKS) for word in words)


def _last_word(key: str) -> str:
    """ "l1.weight", "dense/kernel:0", "g_W1": what kind of tensor it is, in small letters."""
    words = re.findall(r"[A-Za-z]+", key[-100:])
    return words[-1].lower() if words else ""


def _is_average(place: tuple[object, ...]) -> bool:
    """Is this a place for an average, which many trainers keep as a list of parameters in the network's order?"""
    name = "_".join(map(str, place))
    return _AVERAGED.search(name.replace("_", " ")) is not None and "collected" not in name


def _is_no_weight(tensor: StoredTensor) -> bool:
    """A single number, or the state of a random number generator, which is bytes in a row."""
    return not tensor.spec.shape or (tensor.spec.dtype == "uint8" and len(tensor.spec.shape) == 1)


def children(value: object) -> Mapping[object, object]:
    """What a container holds, by key or position; {} for anything else, a whole pickled network included."""
    if isinstance(value, dict):
        return value
    if isinstance(value, list | tuple) and len(value) <= _MAX_PARTS:  # longer ones are histories of losses
        return dict(enumerate(value))
    if isinstance(value, Inert) and not is_module(value):
        return value.entries or value.attributes
    return {}


@lru_cache(maxsize=1)  # who sniffs at a file opens it next
def find_state_dicts(file: TorchFile) -> tuple[StateDict, ...]:
    """The state dicts of a file, in its order; where it has none, its lists of tensors."""
    return tuple(_Search(file.path).state_dicts(file.root) or _Search(file.path).lists(file.root))


def find_facts(
    root: object, places: Iterable[tuple[object, ...]], most: int = _MAX_VISITS
) -> dict[str, float | int | str | bool]:
    """Scalars beside the state dicts at ``places``, and those of configurations (dicts or namespaces) among them.

    Keys are dotted as they lie in the file: "epoch", "model.step", "config.gradient_penalty".
    ``most``: how many values are looked at.
    """
    facts: dict[str, float | int | str | bool] = {}
    for place, value in islice(_beside(root, places), most):
        _add(facts, place, value)
    return facts


def _beside(root: object, places: Iterable[tuple[object, ...]]) -> Iterator[tuple[tuple[object, ...], object]]:
    """All that lies in the containers around ``places``, and in the configurations among it."""
    for container in sorted({place[:i] for place in places for i in range(len(place) + 1)}, key=len):
        value = root
        for key in container:
            value = children(value).get(key)
        for key, child in children(value).items():
            yield (*container, key), child
            if isinstance(key, str) and key.lower() in _CONFIGURATIONS:
                yield from _settings(child, (*container, key))


def _settings(configuration: object, place: tuple[object, ...]) -> Iterator[tuple[tuple[object, ...], object]]:
    """What a configuration holds, and what the sections of it hold."""
    for key, value in children(_without_omegaconf(configuration)).items():
        setting = _without_omegaconf(value)
        yield (*place, key), setting
        if len(place) < _CONFIGURATION_DEPTH and not isinstance(setting, list | tuple):
            yield from _settings(setting, (*place, key))


def _without_omegaconf(value: object) -> object:
    """OmegaConf keeps a container in ``_content`` and a number in ``_val``."""
    if isinstance(value, Inert):
        return value.attributes.get("_content", value.attributes.get("_val", value))
    return value


def _add(facts: dict[str, float | int | str | bool], place: tuple[object, ...], value: object) -> None:
    name = torch_file.path_in_file(place) if all(isinstance(p, str | int) for p in place) else ""
    small = isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63)
    short = isinstance(value, str) and len(value) <= 1000 and value.isprintable()
    if (small or short) and name and name.isprintable() and len(facts) < _MAX_FACTS:
        facts[name] = cast("float | int | str | bool", value)


def is_record(file: TorchFile) -> bool:
    """Does it hold a step and no tensors? Then it speaks of the networks that lie in other files."""
    root = file.root
    if not isinstance(root, dict) or not file.by_torch or file.script or file.places or module_names(root):
        return False
    return any(isinstance(root.get(name), int | float) and not isinstance(root[name], bool) for name in _STEPS)


def numbers_networks(path: Path) -> bool:
    """accelerate numbers the networks of one moment: model.safetensors, model_1.safetensors."""
    named = re.fullmatch(r"(pytorch_)?model(_\d+)?\.(bin|safetensors)", path.name)
    return named is not None and any(
        (path.parent / name).is_file() for name in ("random_states_0.pkl", "optimizer.bin", "scheduler.bin")
    )


def _is_lightweight_gan(root: object) -> bool:
    """lightweight-gan and stylegan2-pytorch count the files that they save, and keep the step to themselves."""
    networks = root.get("GAN") if isinstance(root, dict) and "version" in root else None
    heads = {key.partition(".")[0] for key in children(networks) if isinstance(key, str)}
    return heads >= {"G", "D", "GE"}


class TorchStateDict(Loader):
    """The loader of kind "torch-state-dict"."""

    name = "torch-state-dict"

    def sniff(self, path: Path) -> float:
        """High where a state dict is seen; low where torch wrote the file but it is damaged, so that it says so."""
        try:
            file = reading.read(path)
            if file is None or file.script:
                return 0.0
            return 0.9 if find_state_dicts(file) or is_record(file) else 0.0
        except CheckpointError:
            return 0.3

    def open(self, path: Path) -> list[Part]:
        """One Part per state dict; for a record of other files, one with its facts alone."""
        file = reading.read(path)
        states = () if file is None else find_state_dicts(file)
        if file is None or not (states or is_record(file)):
            raise CheckpointError(
                f"{path}: holds no state dict; save one with torch.save(net.state_dict(), {path.name!r})"
            )
        facts = find_facts(file.root, [s.place for s in states] or [()])
        if not states:
            return [
                Part(
                    path,
                    self.name,
                    facts=facts,
                    problems=problems(file),
                    asks_for=file.asks_for,
                )
            ]
        numbered = not numbers_networks(path) and not _is_lightweight_gan(file.root)
        return [
            Part(
                path,
                self.name,
                torch_file.path_in_file(s.place),
                keys=s.specs,
                facts=facts,
                read_tensors=partial(read_tensors, file, s),
                read_some=partial(_read_some, file, s),
                problems=(*problems(file), *_about(s)),
                asks_for=file.asks_for,
                numbered=numbered,
            )
            for s in states
        ]


def _read_some(file: TorchFile, state: StateDict, keys: Collection[str]) -> Mapping[str, Tensor]:
    """The weights of some keys, straight from their bytes."""
    return file.tensors({key: tensor for key, tensor in state.tensors.items() if key in keys})


def problems(file: TorchFile) -> tuple[str, ...]:
    """What in the file is left unread, one line each."""
    networks = module_names(file.root)
    lines = []
    if networks:
        lines.append(f"whole networks are pickled beside the state dicts and left unread: {', '.join(networks)}")
    if file.foreign:
        lines.append(f"objects that would need code to read are left unread: {few(file.foreign, 8)}")
    return tuple(lines)


def _about(state: StateDict) -> Iterable[str]:
    """What a reader of the file should know of a state dict."""
    if not state.named:
        yield (
            f"a list of {len(state.tensors)} tensors without names: they fill the network that --generator or --critic "
            "names in the order of its parameters; a state_dict() says which is which"
        )
    if state.unread:
        reasons = [f"{key} is {why.reason}" for key, why in islice(state.unread.items(), _SHOWN)]
        more = len(state.unread) - len(reasons)
        yield "; ".join(reasons) + (f"; and {more} more" if more else "")


def read_tensors(file: TorchFile, state: StateDict) -> Mapping[str, Tensor]:
    """The weights; CheckpointError where some are not read, or the file is not what its headers said."""
    import torch

    for key, why in state.unread.items():
        raise CheckpointError(f"{file.path}: {key} is {why.reason}")
    if not file.is_plain_torch or not state.named:
        return file.tensors(state.tensors)
    try:
        with warnings.catch_warnings():  # about the pickle protocol, of no use to the user
            warnings.simplefilter("ignore")
            value = torch.load(file.path, weights_only=True, map_location="cpu")
        for place in state.place:
            value = value[place]
        return {key: value[key].detach() for key in state.tensors}
    except (pickle.UnpicklingError, AttributeError):  # a protocol, or untyped storages, that its reader does not know
        return file.tensors(state.tensors)
    except Exception as error:  # of a file that only looks right it may raise anything
        raise torch_file.damaged(file.path, error) from error


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loader of torch state dicts."""
    return [TorchStateDict]
