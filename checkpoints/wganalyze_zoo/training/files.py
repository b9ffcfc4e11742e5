"""What a training writes: checkpoints, what came of it, the facts for an analysis, and where to go on."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

Config = Mapping[str, str | int | float]

RESUME = ".resume.pt"
"""Hidden, so that no loader is offered it."""
RECORD = "training.json"
FACTS = "wganalyze.toml"


def checkpoint_path(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"step_{step:06d}.pt"


def write_checkpoint(folder: Path, state: Mapping[str, Any], config: Config) -> Path:
    """One ordinary checkpoint: a dict of state dicts, the step, and the settings; whole, or not there."""
    nets = {role: state[role] for role in ("generator", "critic") if state[role]}
    on_cpu = {role: {key: value.detach().cpu() for key, value in net.items()} for role, net in nets.items()}
    path = checkpoint_path(folder, state["step"])
    _save(path, {**on_cpu, "step": state["step"], "config": dict(config)})
    return path


def read_config(path: Path) -> dict[str, Any] | None:
    """The settings in a checkpoint; None where it is missing or damaged."""
    try:
        config = torch.load(path, map_location="cpu", weights_only=True)["config"]
    except Exception:  # a damaged file makes torch raise nearly anything
        return None
    return dict(config)


def write_resume(folder: Path, state: Mapping[str, Any]) -> None:
    """Where to go on after an interruption."""
    _save(folder / RESUME, dict(state))


def read_resume(folder: Path) -> dict[str, Any] | None:
    """Where to go on; None: at the beginning."""
    try:
        state: dict[str, Any] = torch.load(folder / RESUME, map_location="cpu", weights_only=True)
    except Exception:
        return None
    return state


def write_record(folder: Path, outcome: str, step: int, settings: Config) -> None:
    """``training.json``: how far it came ("running", "complete", "nan") and with which settings."""
    text = json.dumps({"outcome": outcome, "step": step, "settings": settings}, indent=1)
    _replace(folder / RECORD, text.encode())


def read_record(folder: Path) -> dict[str, Any] | None:
    """What ``write_record`` wrote; None where there is nothing of the kind."""
    try:
        record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
        return record if {"outcome", "step", "settings"} <= record.keys() else None
    except (OSError, ValueError, AttributeError):
        return None


def write_facts(folder: Path, facts: Mapping[str, Mapping[str, object]]) -> None:
    """``wganalyze.toml``: sections of plain facts, which an analysis of the folder takes without ``--trust``."""
    lines = [f"# written by wganalyze zoo; facts for: wganalyze run {folder.name}"]
    for section, entries in facts.items():
        lines += ["", f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in entries.items())]
    _replace(folder / FACTS, ("\n".join(lines) + "\n").encode())


def clear(folder: Path) -> None:
    """Take away what an earlier training left."""
    for path in [*folder.glob("step_*.pt"), folder / RESUME, folder / RECORD, folder / FACTS]:
        path.unlink(missing_ok=True)


def _save(path: Path, content: dict[str, Any]) -> None:
    # In memory first: torch itself reports a full disk as a RuntimeError, which no caller would take for one.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    _replace(path, buffer.getvalue())


def _replace(path: Path, content: bytes) -> None:
    draft = path.with_name(f".{path.name.removeprefix('.')}.draft")
    draft.write_bytes(content)
    draft.replace(path)
