"""Checkpoints that are whole or not there at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from wganalyze.contracts.terms import CONFIG_NAME
from wganalyze.monitoring.memory import state_of
from wganalyze.processes import draft_of
from wganalyze.report.store import write_atomically
from wganalyze.running.opened import Opened
from wganalyze.running.template import to_toml
from wganalyze.settings.facts import Said

if TYPE_CHECKING:
    from torch.nn import Module


def save_state(network: Module, path: Path) -> None:
    """The state dict of a network, on the CPU, by ``torch.save``; the file appears under its name when it is whole."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    draft = draft_of(path)
    try:
        with draft.open("wb") as file:
            torch.save(state_of(network), file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def write_facts(opened: Opened, folder: Path) -> None:
    """A ``wganalyze.toml`` beside the checkpoints, with what was said; one that is there is left."""
    target = folder / CONFIG_NAME
    if not target.exists():
        told = {name: value for name, value in opened.said.items() if name != "out" and _can_be_written(name, value)}
        said = Opened(opened.files, opened.assembled, Said(**told), opened.host)  # type: ignore[typeddict-item]
        write_atomically(target, to_toml(said).encode("utf-8", "backslashreplace"))


def _can_be_written(name: str, value: object) -> bool:
    """Data in memory have no name under which they are found again."""
    if name == "condition":
        return isinstance(value, Mapping) and all(isinstance(each, str) for each in value.values())
    return name not in ("data", "training_data", "input") or isinstance(value, str)
