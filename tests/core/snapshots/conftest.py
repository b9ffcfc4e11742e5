"""Shared by the tests of snapshots: folders as trainers leave them, parts of any loader, and what they become."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from wganalyze.contracts.loader import Part, TensorSpec
from wganalyze.files.opening import OpenedFile, open_path
from wganalyze.host.loading import load_host
from wganalyze.host.registry import Host
from wganalyze.networks.draft import Draft
from wganalyze.networks.factories import Net
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.trust import Permission
from wganalyze.settings.facts import Said
from wganalyze.snapshots.assembly import Assembled, assemble

BOTH = Said(generator=Net("torch.nn:Linear(3, 5)"), critic=Net("torch.nn:Linear(5, 1)"))
SHAPES = {"G": (5, 3), "D": (1, 5)}


@dataclass(frozen=True)
class Opened:
    """What a folder became."""

    assembled: Assembled

    @property
    def snapshots(self) -> tuple[Draft, ...]:
        """In order."""
        return self.assembled.snapshots

    @property
    def only(self) -> Draft:
        """The one snapshot there is."""
        assert len(self.snapshots) == 1, self.labels
        return self.snapshots[0]

    @property
    def labels(self) -> list[str]:
        """In order."""
        return [snapshot.label for snapshot in self.snapshots]

    @property
    def fills(self) -> list[tuple[float | None, float | None]]:
        """What generator and critic of each snapshot are filled with; None where there is none."""
        return [(filled(snapshot.generator), filled(snapshot.critic)) for snapshot in self.snapshots]

    @property
    def fill(self) -> tuple[float | None, float | None]:
        """Those of the one snapshot there is."""
        assert self.only
        return self.fills[0]


def filled(net: nn.Module | None) -> float | None:
    """The value that a network's weights are filled with."""
    if net is None:
        return None
    (value,) = {float(v) for p in net.parameters() for v in p.flatten()}
    return value


def saved(content: Any) -> Any:
    """What is saved for a description; see ``opened``."""
    if isinstance(content, str) and (match := re.fullmatch(r"([GD])(\d+)", content)):
        shape, value = SHAPES[match[1]], float(match[2])
        return {"weight": torch.full(shape, value), "bias": torch.full(shape[:1], value)}
    if isinstance(content, dict) and content and all(isinstance(key, str) and key.endswith(".") for key in content):
        return {prefix + key: t for prefix, net in content.items() for key, t in saved(net).items()}
    if isinstance(content, list | tuple):
        return type(content)(saved(value) for value in content)
    return {key: saved(value) for key, value in content.items()} if isinstance(content, dict) else content


@pytest.fixture(scope="session")
def host() -> Host:
    """The installed plugins."""
    return load_host()


@pytest.fixture
def opened(tmp_path: Path, host: Host) -> Callable[..., Opened]:
    """Saves objects by ``torch.save`` under relative paths, and assembles the folder.

    "G2" is the state dict of a generator, Linear(3, 5), filled with 2; "D3" that of a critic, Linear(5, 1); and a dict
    whose keys end with a dot is one state dict of several networks under these prefixes.
    """

    def open_(said: Said = BOTH, **files: Any) -> Opened:
        for name, content in files.items():
            path = tmp_path / "ckpt" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(saved(content), path)
        files_ = open_path(tmp_path / "ckpt", host.loaders)
        return Opened(assemble(files_, tmp_path / "ckpt", said, Recognition(host.architectures)))

    return open_


# Parts of any loader


@pytest.fixture
def assembled(tmp_path: Path) -> Callable[..., Opened]:
    """Parts under relative paths, assembled; the files hold what makes them equal or not."""

    def make(
        *parts: Part,
        said: Said | None = None,
        permission: Permission | None = None,
        recognition: Recognition | None = None,
        **content: bytes,
    ) -> Opened:
        placed = []
        for index, part in enumerate(parts):
            path = tmp_path / part.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.get(part.path.name.partition(".")[0], str(index).encode()))
            placed.append(OpenedFile(path, part.kind, (Part(**{**vars(part), "path": path}),)))
        return Opened(assemble(placed, tmp_path, said or Said(), recognition or Recognition({}), permission))

    return make


@pytest.fixture(scope="session")
def weights() -> Callable[..., Part]:
    """Makes a part with the weights of Linear(5, 1)."""

    def make(path: str, **more: object) -> Part:
        net = nn.Linear(5, 1).state_dict()
        keys = {"weight": TensorSpec((1, 5), "float32"), "bias": TensorSpec((1,), "float32")}
        return Part(**{"path": Path(path), "kind": "test", "keys": keys, "read_tensors": lambda: net, **more})  # type: ignore[arg-type]

    return make
