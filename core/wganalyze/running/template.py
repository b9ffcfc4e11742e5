"""The ``wganalyze.toml`` that ``init`` writes."""

from __future__ import annotations

import glob
import json
from collections.abc import Mapping, Sequence
from typing import Any

from wganalyze.contracts.snapshot import Latent
from wganalyze.contracts.terms import Role
from wganalyze.running.opened import Opened


def to_toml(opened: Opened) -> str:
    """A ``wganalyze.toml`` that says what was found or said; what is unknown or assumed stands there as a comment."""
    config = opened.config
    first = opened.snapshots[0] if opened.snapshots else None
    latent = first.latent if first is not None else Latent()
    assumed = sorted({text for snapshot in opened.snapshots for text in snapshot.assumptions})
    mean, std = config.normalize or ((0.5,), (0.5,))
    lines = [
        "# Facts about these checkpoints, for `wganalyze run`. Lines with # are unknown, assumed or defaults.",
        *(_comment(f"assumed: {text}") for text in assumed),
        "",
        "[generator]",
        *_net(opened, "generator"),
        _line("weights", config.weights, first.weights if first else "raw", "raw or ema"),
        _line("mode", config.generator_mode, "eval", "eval or train: the mode in which it samples"),
        "",
        "[critic]",
        *_net(opened, "critic"),
        _line("output", config.output, "score", "score, logit, or probability"),
        _line("orientation", config.orientation, 1, "1: scores real high, -1: scores real low; left out: from data"),
        "",
        "[latent]",
        _line("law", config.law, latent.law, "normal, or uniform on [-1, 1]"),
        _line("shape", config.latent_shape, latent.shape or (64,), "without the batch axis"),
        _line("classes", config.classes, 10, "of a conditional model"),
        _line("encoding", config.encoding, "index", "index, onehot, or concat"),
        "",
        "[data]",
        _line("source", config.data, "digits", "see: wganalyze plugins"),
        _line("range", config.range, (-1.0, 1.0), "the critic's range; or normalize"),
        ("" if config.normalize else "# ") + f"normalize = {{ mean = {_value(mean)}, std = {_value(std)} }}",
        _line("held_out", config.held_out, True, "true: the generator was not trained on these samples"),
        "",
        "[training]",
        _line(
            "gradient_penalty", first.penalty if first else config.penalty, 10.0, "lambda, where there was a penalty"
        ),
        "",
        "[run]",
        _line("n", config.n, 2000, 'samples a split, or "max"'),
        _line("budget", config.budget, 20.0, "with n = max: seconds that one exact distance may take"),
        _line("replicates", config.replicates, 5, "3 or more give intervals"),
        _line("seed", config.seed, 0, ""),
        "",
        "[files]",
        *(f"{_value(pattern)} = {_value(role)}" for pattern, role in config.roles.items()),
        *_unknown_files(opened),
    ]
    return "\n".join(lines) + "\n"


def _line(key: str, said: object, otherwise: object, remark: str) -> str:
    """``key = value`` where it was said, else a commented default."""
    line = f"{key} = {_value(said)}" if said is not None else f"# {key} = {_value(otherwise)}"
    return f"{line:26} # {remark}" if remark else line


def _net(opened: Opened, role: Role) -> list[str]:
    net = opened.config.generator if role == "generator" else opened.config.critic
    if net is not None:
        said = {"factory": net.factory, "architecture": net.architecture, "arguments": dict(net.arguments) or None}
        return [f"{key} = {_value(value)}" for key, value in said.items() if value is not None]
    for snapshot in opened.snapshots:
        if role in snapshot.designs:
            return [_comment(f"recognised: {snapshot.designs[role]}")]
    return [f'# factory = "train:{role.capitalize()}(64)"  # MODULE:NAME or FILE.py:NAME, with literal arguments']


def _unknown_files(opened: Opened) -> Sequence[str]:
    unknown = [path for path, role in opened.assembled.roles.items() if role == "unknown"]
    if not unknown:
        return ['# "method_*.pt" = "critic"  # generator, critic or ignore, where names do not say it']
    return [f'# {_value(glob.escape(path.name))} = "critic"  # generator, critic or ignore' for path in unknown]


def _value(value: Any) -> str:
    """A value as TOML writes it."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_value(str(key))} = {_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_value, value))}]"
    if isinstance(value, bool | str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)


def _comment(text: str) -> str:
    """One line, whatever a file's name or key holds: what comes with a checkpoint must not become a fact."""
    return "# " + "".join(c if c.isprintable() else "?" for c in text)
