"""Network pickles of NVIDIA's StyleGAN2-ADA and StyleGAN3, and the TensorFlow ones of StyleGAN and StyleGAN2.

The former are plain pickles of a dict G, D, G_ema; each network lies in it as a call of ``torch_utils.persistence``
with the source text of its class, so that reading one in full executes that text: only with trust, and only where
NVIDIA's ``torch_utils`` and ``dnnlib`` can be imported. The latter are a tuple (G, D, Gs) of
``dnnlib.tflib.network.Network``, which need TensorFlow 1; they are described only. What is said without trust comes
from the inert reader, which passes over the weights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, cast

from wganalyze import CheckpointError, Input, Loader, Part, Role, TensorSpec, hookimpl, one_line
from wganalyze_checkpoints.pickles.inert import DamagedPickle, Inert
from wganalyze_checkpoints.pickles.numpy_values import array_of
from wganalyze_checkpoints.torch import plain_pickle
from wganalyze_checkpoints.torch.file import TorchFile, damaged
from wganalyze_checkpoints.torch.modules import (
    PERSISTENT,
    attributes_of,
    class_of,
    entries_of,
    is_module,
    module_keys,
    persistent_of,
)
from wganalyze_checkpoints.wording import LONGEST, what_it_says

if TYPE_CHECKING:
    from torch.nn import Module

Scalars = dict[str, float | int | str | bool]

_TENSORFLOW = ("dnnlib.tflib.network.Network", "tfutil.Network")
_ROLES: Mapping[str, Role] = {"G": "generator", "D": "critic", "G_ema": "generator"}
_CLASSES: Mapping[str, Role] = {"Generator": "generator", "Discriminator": "critic"}
_PARTNERS = ("augment_pipe",)  # of the training, and no part of either network
_NVIDIA = "https://github.com/NVlabs/stylegan3"
_MAX_FACTS = 200
_LONGEST_FACT = 500
_MAX_VISITS = 10_000


class StyleganPickle(Loader):
    """The loader of kind "stylegan-pickle"."""

    name = "stylegan-pickle"

    def sniff(self, path: Path) -> float:
        """High where a plain pickle asks for NVIDIA's network classes within its first bytes.

        0 where only its augmentation is of theirs, and the networks are plain modules (R3GAN).
        """
        names = plain_pickle.first_globals(path)
        if not names & {PERSISTENT, *_TENSORFLOW}:
            return 0.0
        try:
            networks = {} if names & {*_TENSORFLOW} else _networks(plain_pickle.read(path).root)
        except (CheckpointError, ValueError):  # open says so
            networks = {}
        return 0.0 if networks and all(n.name != PERSISTENT for n in networks.values()) else 0.95

    def open(self, path: Path) -> list[Part]:
        """One Part per network, without running anything."""
        if not self.sniff(path):
            raise CheckpointError(f"{path}: no network pickle of StyleGAN; inspect it with another loader")
        file = plain_pickle.read(path)
        try:
            if isinstance(file.root, tuple):
                return [_tensorflow_part(file, *item) for item in zip(_ROLES, _in_order(file.root), strict=False)]
            networks = _networks(file.root)
            if not networks:
                raise CheckpointError(f"{path}: holds no network in NVIDIA's form; it names them and keeps none")
            return [_part(file, name, network) for name, network in networks.items()]
        except ValueError as error:  # DamagedPickle among them
            raise damaged(path, error) from error


def _networks(root: object) -> dict[str, Inert]:
    if is_module(root):
        return {"": root}
    items = entries_of(root)
    return {
        k: v for k, v in items.items() if isinstance(k, str) and k.isprintable() and k not in _PARTNERS and is_module(v)
    }


def _part(file: TorchFile, name: str, network: Inert) -> Part:
    keys = {key: tensor.spec for key, tensor in module_keys(network).items()}
    settings = _settings(network)
    own = one_line(class_of(network), LONGEST)
    role = _ROLES.get(name) or _CLASSES.get(own)
    source = persistent_of(network).get("module_src")
    lines = len(source.splitlines()) if isinstance(source, str) else 0
    problem = (
        f"its own source text would run ({lines} lines, class {own}), and it needs NVIDIA's torch_utils and dnnlib; "
        f"give --trust if you know who wrote it, with a clone of {_NVIDIA} on PYTHONPATH"
    )
    return Part(
        file.path,
        StyleganPickle.name,
        name,
        role,
        keys=keys,
        facts={
            "class": own,
            **settings,
            **_facts("training_set_kwargs", entries_of(file.root).get("training_set_kwargs")),
        },
        read_module=partial(_read_module, file.path, name, role),
        problems=(problem,),
        asks_for=(*file.asks_for, f"module_src.{own}"),
        inputs=_inputs(role, settings),
    )


def _settings(network: Inert) -> Scalars:
    """The arguments that the network was made with."""
    return _facts("", attributes_of(network).get("_init_kwargs"))


def _facts(prefix: str, root: object) -> Scalars:
    """The scalars in a dict of settings, dotted where it is nested."""
    facts: Scalars = {}
    waiting: list[tuple[str, object]] = [(prefix, root)]
    visits = 0
    while waiting:
        place, value = waiting.pop()
        for key, child in entries_of(value).items():
            visits += 1
            if visits > _MAX_VISITS or len(facts) >= _MAX_FACTS:
                return facts
            name = f"{place}.{key}" if place else str(key)
            if not isinstance(key, str) or not name.isprintable() or len(name) > _LONGEST_FACT:
                continue
            small = isinstance(child, bool | float) or (isinstance(child, int) and abs(child) < 2**63)
            if small or (isinstance(child, str) and len(child) <= _LONGEST_FACT and child.isprintable()):
                facts[name] = cast("float | int | str | bool", child)
            elif not isinstance(child, str):
                waiting.append((name, child))
    return facts


def _inputs(role: Role | None, settings: Scalars) -> tuple[Input, ...]:
    """z or an image, and the labels c where there are any."""

    def number(name: str) -> int | None:
        value = settings.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    if role is None:
        return ()
    side, labels = number("img_resolution"), number("c_dim")
    images = Input("img", (None, number("img_channels"), side, side), "float32")
    first = Input("z", (None, number("z_dim")), "float32") if role == "generator" else images
    return (first, *([Input("c", (None, labels), "float32")] if labels else []))


def _read_module(path: Path, name: str, role: Role | None) -> Module:
    from wganalyze_checkpoints.pickles import trusted
    from wganalyze_checkpoints.torch.nvidia import Critic, Generator

    missing = [package for package in ("torch_utils", "dnnlib") if find_spec(package) is None]
    if missing:
        raise CheckpointError(
            f"{path}: needs NVIDIA's {' and '.join(missing)}, which cannot be imported; "
            f"put a clone of {_NVIDIA} (or of the repository that wrote the file) on PYTHONPATH"
        )
    try:
        value = trusted.load(path)
        network = value[name] if name else value
    except (AttributeError, ImportError) as error:
        raise CheckpointError(
            f"{path}: {what_it_says(error)}; install it, or put the repository that wrote the file on PYTHONPATH"
        ) from error
    except Exception as error:  # the file's own code may raise anything
        raise CheckpointError(
            f"{path}: its code failed ({one_line(f'{type(error).__name__}: {error}', LONGEST)}); "
            "use the repository and the torch that wrote it"
        ) from error
    if role is None:
        return cast("Module", network)
    return (Generator if role == "generator" else Critic)(network)


def _in_order(root: tuple[object, ...]) -> list[Inert]:
    return [network for network in root if isinstance(network, Inert) and network.name in _TENSORFLOW]


def _tensorflow_part(file: TorchFile, name: str, network: Inert) -> Part:
    reason = (
        f"a TensorFlow network, which is not run; convert the file with legacy.py of {_NVIDIA}: "
        f"python legacy.py --source {file.path.name} --dest converted.pkl"
    )
    return Part(
        file.path,
        StyleganPickle.name,
        name,
        _ROLES[name],
        keys=_variables(network),
        facts={
            **_facts("", {"class": network.attributes.get("build_func_name")}),
            **_facts("", network.attributes.get("static_kwargs")),
        },
        read_module=partial(_refuse, f"{file.path}: {reason}"),
        runs_code=False,
        problems=(reason,),
        asks_for=file.asks_for,
    )


def _variables(network: Inert) -> dict[str, TensorSpec]:
    """The variables of a TensorFlow network and of its components, by their names."""
    specs: dict[str, TensorSpec] = {}
    waiting: list[tuple[str, object]] = [("", network)]
    visits = 0
    while waiting:
        prefix, value = waiting.pop()
        attributes = value.attributes if isinstance(value, Inert) else {}
        variables = attributes.get("variables")
        components = entries_of(attributes.get("components"))
        visits += 1 + len(components) + (len(variables) if isinstance(variables, list) else 0)
        if visits > _MAX_VISITS or len(prefix) > _LONGEST_FACT:
            raise DamagedPickle("a network without end")
        for pair in variables if isinstance(variables, list) else []:
            key = pair[0] if isinstance(pair, tuple) and len(pair) == 2 else None
            array = array_of(pair[1]) if isinstance(key, str) and key.isprintable() else None
            if array is not None:
                specs[f"{prefix}{key}"] = array.spec
        waiting += [(f"{prefix}{key}/", child) for key, child in components.items() if isinstance(key, str)]
    return specs


def _refuse(reason: str) -> NoReturn:
    raise CheckpointError(reason)


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loader of StyleGAN's network pickles."""
    return [StyleganPickle]
