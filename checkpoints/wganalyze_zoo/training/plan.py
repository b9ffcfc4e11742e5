"""A request for a training, checked and spelt out: what it depends on, and what an analysis is told of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from wganalyze import UsageError
from wganalyze_zoo.methods.constraints import CONSTRAINTS, Constraint
from wganalyze_zoo.methods.method import Method
from wganalyze_zoo.methods.presets import Preset
from wganalyze_zoo.training.nets import batch_norm_of, convolutional
from wganalyze_zoo.training.reals import Reals

SAVED = (0.05, 0.25, 0.5, 0.75, 1.0)
"""The parts of a training after which a checkpoint is written, where no steps were named."""
Settings = dict[str, str | int | float]


def constraints_of(names: Sequence[str | Constraint]) -> list[Constraint]:
    """The constraints of these names, each once; UsageError for an unknown one."""
    known = ", ".join(CONSTRAINTS)
    for name in names:
        if isinstance(name, str) and name not in CONSTRAINTS:
            raise UsageError(f"--constraint {name}: choose {known}")
    return [CONSTRAINTS[name] if isinstance(name, str) else name for name in dict.fromkeys(names)]


def place_of(device: str) -> torch.device:
    """Where networks run; "auto": on a GPU where there is one. UsageError for another word, or no GPU."""
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {device}: choose auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch finds no GPU here; say cpu")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def sized(preset: Preset, arch: str, **sizes: int | None) -> Preset:
    """With what was said in place of its own; ``width`` is from here on that of the networks of ``arch``.

    UsageError names a size that is too small.
    """
    if convolutional(arch):
        preset = replace(preset, width=preset.channels)
    said = {name: size for name, size in sizes.items() if size is not None}
    for name, size in said.items():
        if size < (2 if name == "batch" else 1):
            raise UsageError(f"--{name.replace('_', '-')} {size}: is too small")
    return replace(preset, **said)  # type: ignore[arg-type]


def moments_of(method: Method, preset: Preset, steps: int | None, save_at: Sequence[int] | None) -> list[int]:
    """The steps whose checkpoints are written, in order; the last one ends the training. UsageError if they clash."""
    if method.fit is not None:
        if steps not in (None, 1) or (save_at is not None and list(save_at) != [1]):
            raise UsageError(
                f"--steps: {method.name} is fitted in one step, not trained; leave --steps and --save-at out"
            )
        return [1]
    last = steps or (max(save_at) if save_at else preset.steps)
    moments = sorted({*save_at, last}) if save_at else sorted({max(1, round(part * last)) for part in SAVED})
    if (steps is not None and steps < 1) or moments[0] < 1:
        raise UsageError(f"--steps, --save-at {', '.join(map(str, moments))}: steps are counted from 1")
    if moments[-1] > last:
        raise UsageError(f"--save-at {moments[-1]}: the training ends at step {last}; give it more --steps")
    return moments


def settings_of(method: Method, sizes: Preset, reals: Reals, moments: Sequence[int], **more: str | int) -> Settings:
    """What a training depends on, in plain numbers and texts; ``gradient_penalty`` 0: no penalty of that kind."""
    constants = {**method.loss.numbers, **sizes.numbers}
    weights = {f"weight_{c.name}": c.weight for c in method.constraints if c.penalty or c.after}
    return {
        "method": method.name,
        "loss": method.loss.name,
        "constraint": "+".join(c.name for c in method.constraints) or "none",
        **more,
        "data": reals.text or "a tensor",
        "data_digest": reals.digest,
        "steps": moments[-1],
        "save_at": ",".join(map(str, moments)),
        "batch": sizes.batch,
        "n_critic": sizes.n_critic if method.loss.critic is not None else 0,
        "latent_dim": 1 if method.fit is not None else sizes.latent_dim,
        "latent_law": "normal",
        "width": sizes.width,
        "batch_norm": int(batch_norm_of(str(more["arch"]), sizes)),
        "rates": f"{sizes.generator}; {sizes.critic}",
        "constants": ", ".join(f"{name} {value:g}" for name, value in constants.items()),
        "estimates": method.loss.estimates,
        "gradient_penalty": sum(c.weight for c in method.constraints if c.inflates),
        **weights,
    }


def facts_of(method: Method, reals: Reals, settings: Settings) -> Mapping[str, Mapping[str, object]]:
    """What the ``wganalyze.toml`` beside the checkpoints says, by section."""
    data: dict[str, object] = {"range": [-1.0, 1.0]} if reals.bounded else {}
    if reals.text:
        data["source" if reals.endless else "training"] = reals.text
    facts: dict[str, Mapping[str, object]] = {"data": data} if data else {}
    if method.loss.critic is not None:
        facts["critic"] = {"output": "logit" if method.loss.logits else "score", "orientation": 1}
    return {**facts, "training": {"gradient_penalty": float(settings["gradient_penalty"])}}
