"""What a path holds, in words and as JSON: the answer of ``wganalyze inspect``, and the toml that ``init`` writes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from wganalyze.contracts.loader import Input, Part, TensorSpec
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.contracts.terms import Role
from wganalyze.files import unread
from wganalyze.remote.path import location
from wganalyze.running.opened import Opened, was_followed

_KEYS_SHOWN = 4
UNKNOWN = "unknown"
"""In the place of a kind or a role that nothing shows."""


def describe(opened: Opened) -> dict[str, Any]:
    """``{"files": [...], "snapshots": [...]}``, with paths as given."""
    assembled = opened.assembled
    files = [
        {
            "path": str(file.path),
            "kind": file.kind or UNKNOWN,
            "role": _role(assembled.roles.get(file.path, frozenset())),
            "step": assembled.steps.get(file.path),
            "parameters": sum(part.parameters for part in file.parts if part.read_samples is None),
            "keys": [line for part in file.parts for line in layout(part)],
            "facts": {key: _json(value) for part in file.parts[:1] for key, value in part.facts.items()},
            "inputs": [_input(entry) for part in file.parts for entry in part.inputs],
            "asks_for": list(dict.fromkeys(name for part in file.parts for name in part.asks_for)),
            "problems": [
                *(p for p in file.problems if not was_followed(p, opened.said)),
                *assembled.notes.get(file.path, ()),
            ],
        }
        for file in opened.files
    ]
    return {"files": files, "snapshots": [_snapshot(snapshot) for snapshot in opened.snapshots]}


def _role(roles: frozenset[Role | None]) -> str:
    """Of the networks in a file."""
    if len(roles) > 1:
        return "both"
    return next(iter(roles), None) or UNKNOWN


def _json(value: object) -> object:
    """JSON has no NaN and no infinity."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _input(entry: Input) -> str:
    """ "noise (b, 96) float32"."""
    if entry.shape is None:
        return f"{entry.name} {entry.dtype}".strip()
    axes = ", ".join("b" if i == 0 and k is None else "?" if k is None else str(k) for i, k in enumerate(entry.shape))
    return f"{entry.name} ({axes}) {entry.dtype}".strip()


def _snapshot(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "label": snapshot.label,
        "step": snapshot.step,
        "step_unit": snapshot.step_unit,
        "files": [str(path) for path in snapshot.files],
        "generator": snapshot.designs.get("generator"),
        "critic": snapshot.designs.get("critic"),
        "weights": snapshot.weights,
        "samples": snapshot.make_samples is not None,
        "latent": {
            "law": snapshot.latent.law,
            "shape": list(snapshot.latent.shape),
            "classes": snapshot.latent.classes,
            "encoding": snapshot.latent.encoding,
        },
        "penalty": snapshot.penalty,
        "assumptions": list(snapshot.assumptions),
        "missing": dict(snapshot.missing),
        "findings": [finding.message for finding in snapshot.findings],
    }


def layout(part: Part) -> list[str]:
    """First and last keys of a part with their shapes, under its name."""
    title = f"{part.name}: " if part.name else ""
    items = list(part.keys.items())
    if len(items) <= 2 * _KEYS_SHOWN:
        shown = [_key(item) for item in items]
    else:
        left_out = f"... {len(items) - 2 * _KEYS_SHOWN} more ..."
        shown = [*map(_key, items[:_KEYS_SHOWN]), left_out, *map(_key, items[-_KEYS_SHOWN:])]
    return [f"{title}{line}" for line in shown]


def _key(item: tuple[str, TensorSpec]) -> str:
    key, spec = item
    return f"{key} {tuple(spec.shape)}"


def missing_by_reason(opened: Opened) -> Mapping[str, list[str]]:
    """What is missing, each reason with the snapshots it holds for."""
    lines: list[tuple[Snapshot, str]] = []
    for snapshot in opened.snapshots:
        by_reason: dict[str, list[str]] = {}
        for role, reason in snapshot.lacking.items():
            by_reason.setdefault(reason, []).append(role)
        lines += [(snapshot, f"{' and '.join(roles)}: {reason}") for reason, roles in by_reason.items()]
    return gathered(lines)


def gathered(lines: Iterable[tuple[Snapshot, str]]) -> dict[str, list[str]]:
    """Each text with the labels of its snapshots; texts that differ in the names of the files alone are one."""
    first: dict[str, str] = {}
    labels: dict[str, list[str]] = {}
    for snapshot, text in lines:
        kind = text
        for path in sorted(snapshot.files, key=lambda path: -len(path.name)):
            kind = kind.replace(path.name, "FILE")
        labels.setdefault(first.setdefault(kind, text), []).append(snapshot.label)
    return labels


def not_read(opened: Opened, root: Path) -> list[str]:
    """What is said of the files that no loader reads, a line for each thing."""
    return unread.lines(opened.files, root)


def relative(path: str, root: Path) -> str:
    """``path`` under ``root``, for a table."""
    base = root if root.is_dir() else root.parent
    return str(location(path).relative_to(base))
