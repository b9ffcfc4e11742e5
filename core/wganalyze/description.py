"""What a path holds, in words and as JSON: the answer of ``wganalyze inspect``, and the toml that ``init`` writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from wganalyze.running import Opened
from wganalyze.snapshot import Part, Snapshot, TensorSpec

_KEYS_SHOWN = 4


def describe(opened: Opened) -> dict[str, Any]:
    """``{"files": [...], "snapshots": [...]}``, with paths as given."""
    assembled = opened.assembled
    files = [
        {
            "path": str(file.path),
            "kind": file.kind,
            "role": assembled.roles.get(file.path, "unknown"),
            "step": assembled.steps.get(file.path),
            "parameters": sum(part.parameters for part in file.parts),
            "keys": [line for part in file.parts for line in layout(part)],
            "facts": {key: value for part in file.parts[:1] for key, value in part.facts.items()},
            "problems": [*file.problems, *assembled.notes.get(file.path, ())],
        }
        for file in opened.files
    ]
    return {"files": files, "snapshots": [_snapshot(snapshot) for snapshot in opened.snapshots]}


def _snapshot(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "label": snapshot.label,
        "step": snapshot.step,
        "step_unit": snapshot.step_unit,
        "files": [str(path) for path in snapshot.files],
        "generator": snapshot.designs.get("generator"),
        "critic": snapshot.designs.get("critic"),
        "weights": snapshot.weights,
        "latent": {"law": snapshot.latent.law, "shape": list(snapshot.latent.shape)},
        "penalty": snapshot.penalty,
        "assumptions": list(snapshot.assumptions),
        "missing": dict(snapshot.missing),
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


def to_toml(opened: Opened, data: str | None) -> str:
    """A ``wganalyze.toml`` that says what was found; what is unknown stands there as a comment to fill in."""
    first = opened.snapshots[0] if opened.snapshots else None
    assumed = sorted({text for snapshot in opened.snapshots for text in snapshot.assumptions})
    latent = list(first.latent.shape) if first is not None else []
    lines = [
        "# Facts about these checkpoints, for `wganalyze run`. Lines that start with # are unknown or defaults.",
        *(f"# assumed: {text}" for text in assumed),
        "",
        "[generator]",
        _net_line(opened, "generator"),
        f"# weights = {_quoted(first.weights if first else 'raw')}    # or raw / ema",
        "",
        "[critic]",
        _net_line(opened, "critic"),
        '# output = "score"         # score, logit, or probability',
        "# orientation = 1          # 1: scores real high, -1: scores real low; left out: found from data",
        "",
        "[latent]",
        f"law = {_quoted(first.latent.law if first else 'normal')}             # normal or uniform on [-1, 1]",
        f"shape = {latent}" if latent else "# shape = [64]",
        "",
        "[data]",
        f"source = {_quoted(data)}" if data else '# source = "digits"        # see: wganalyze plugins',
        "# range = [-1, 1]          # the critic's range; or: normalize = { mean = [0.5], std = [0.5] }",
        "# held_out = true          # true: the generator was not trained on these samples",
        "",
        "[training]",
        f"gradient_penalty = {first.penalty}"
        if first is not None and first.penalty is not None
        else "# gradient_penalty = 10.0  # lambda, where a penalty was used",
        "",
        "[run]",
        "# n = 2000",
        "# replicates = 5",
        "# seed = 0",
        "",
        "[files]",
        *_unknown_files(opened),
    ]
    return "\n".join(lines) + "\n"


def _net_line(opened: Opened, role: str) -> str:
    config = opened.config.generator if role == "generator" else opened.config.critic
    if config is not None and config.factory is not None:
        return f"factory = {_quoted(config.factory)}"
    for snapshot in opened.snapshots:
        if role in snapshot.designs:
            return f"# recognised: {snapshot.designs[role]}"
    return f'# factory = "train:{role.capitalize()}(64)"   # MODULE:NAME or FILE.py:NAME; imported only with --trust'


def _unknown_files(opened: Opened) -> Sequence[str]:
    unknown = [path for path, role in opened.assembled.roles.items() if role == "unknown"]
    if not unknown:
        return ['# "method_*.pt" = "critic"  # generator, critic or ignore, where names do not say it']
    return [f'# {_quoted(path.name)} = "critic"  # generator, critic or ignore' for path in unknown]


def _quoted(text: str | None) -> str:
    return json.dumps(text or "")


def missing_by_reason(opened: Opened) -> Mapping[str, list[str]]:
    """What is missing, each reason with the snapshots it holds for."""
    found: dict[str, list[str]] = {}
    for snapshot in opened.snapshots:
        for role, reason in snapshot.missing.items():
            found.setdefault(f"{role}: {reason}", []).append(snapshot.label)
    return found


def relative(path: str, root: Path) -> str:
    """``path`` under ``root``, for a table."""
    base = root if root.is_dir() else root.parent
    return str(Path(path).relative_to(base))
