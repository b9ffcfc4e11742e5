"""A group of pieces becomes Snapshots: which weights, which architecture, what the generator eats, what was assumed."""

from __future__ import annotations

import glob
import math
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wganalyze.config import Config
from wganalyze.host import Host
from wganalyze.measurement import Finding
from wganalyze.naming import NetRole, Step
from wganalyze.networks import Permission, Piece, Unknown, build, find_design
from wganalyze.snapshot import Latent, Part, Snapshot
from wganalyze.spectral import encodings

if TYPE_CHECKING:
    from torch.nn import Module

Facts = Mapping[str, float | int | str | bool]

_PENALTIES = (
    "gradient_penalty", "lambda_gp", "lambdaGP", "gp_lambda", "gp_weight", "lambda_gradient_penalty", "lambda",
)  # fmt: skip
_LATENT_WIDTHS = (
    "latent_dim", "z_dim", "latent_size", "nz", "dim_z", "latent_width", "noiseVectorDim", "latentVectorDim", "latent",
)  # fmt: skip
_SPECTRAL_NAMES = re.compile(r"(?<![a-z])(sn[-_ ]?(gan|dcgan|resnet)|spectral)", re.IGNORECASE)
_PENALTY_NAMES = re.compile(r"(?<![a-z])w?gan[-_ ]?(gp|lp|div)(?![a-z])", re.IGNORECASE)


@dataclass(frozen=True)
class Role:
    """What a piece is, and what had to be assumed to say so; ``role`` None: unknown, or stored samples."""

    piece: Piece
    role: NetRole | None
    averaged: bool = False
    assumption: str = ""


@dataclass
class Group:
    """The pieces of one saved moment."""

    folder: tuple[str, ...]
    words: tuple[str, ...]
    step: Step | None
    members: list[Role] = field(default_factory=list)
    facts: dict[str, float | int | str | bool] = field(default_factory=dict)
    """What files beside the networks state (BigGAN keeps its step so)."""
    records: list[Path] = field(default_factory=list)
    """Those files."""

    def of(self, role: NetRole) -> list[Role]:
        """The members of one role."""
        return [member for member in self.members if member.role == role]

    @property
    def samples(self) -> list[Role]:
        """The members that are stored samples."""
        return [member for member in self.members if member.piece.part.read_samples is not None]

    @property
    def unknown(self) -> list[Role]:
        """The networks whose role nothing shows."""
        return [m for m in self.members if m.role is None and m.piece.part.read_samples is None]

    @property
    def roles(self) -> set[NetRole]:
        """The roles that it has members of."""
        return {member.role for member in self.members if member.role is not None}

    def label(self, root: str) -> str:
        """A name for the moment, unique under ``root``."""
        return "/".join([*self.folder, *(["_".join(self.words)] if self.words else [])]) or root


def resolve(group: Group, root: str, config: Config, host: Host, permission: Permission) -> list[Snapshot]:
    """The snapshots of one moment: one for each of its critics."""
    generator, weights, notes = _choose_generator(group, config)
    critics = [member for member in group.of("critic") if not member.averaged] or group.of("critic")
    label = group.label(root)
    chosen: list[Role | None] = [*critics] or [None]
    return [
        _snapshot(
            group,
            label + (f" ({critic.piece.place})" if critic is not None and len(critics) > 1 else ""),
            {"generator": generator, "critic": critic},
            weights,
            notes,
            config,
            host,
            permission,
        )
        for critic in chosen
    ]


def _choose_generator(group: Group, config: Config) -> tuple[Role | None, str, list[str]]:
    """The EMA copy where there is one, unless the user prefers the raw weights."""
    members = group.of("generator")
    averaged = [member for member in members if member.averaged]
    raw = [member for member in members if not member.averaged]
    wanted = config.weights or ("ema" if averaged else "raw")
    chosen = (averaged if wanted == "ema" else raw) or members
    if not chosen:
        return None, "raw", []
    notes = []
    if averaged and raw and config.weights is None:
        notes.append(f"EMA weights preferred for sampling: {chosen[0].piece.place}")
    if chosen[0].averaged != (wanted == "ema"):
        notes.append(f"there are no {wanted} weights; {chosen[0].piece.place} taken")
    if len(chosen) > 1:
        others = ", ".join(member.piece.place for member in chosen[1:])
        notes.append(f"generator {chosen[0].piece.place} taken, left out: {others} (choose with --role 'FILE=ignore')")
    return chosen[0], "ema" if chosen[0].averaged else "raw", notes


def _snapshot(
    group: Group,
    label: str,
    chosen: Mapping[NetRole, Role | None],
    weights: str,
    notes: list[str],
    config: Config,
    host: Host,
    permission: Permission,
) -> Snapshot:
    assumptions = [*notes]
    missing: dict[str, str] = {}
    makers: dict[str, Callable[[], Module]] = {}
    designs: dict[str, str] = {}
    unbuilt: dict[str, Piece] = {}
    for role, member in chosen.items():
        if member is None:
            missing[role] = _why_missing(role, group)
            continue
        if member.assumption:
            assumptions.append(member.assumption)
        net = config.generator if role == "generator" else config.critic
        design = find_design(member.piece, net, role, host, permission)
        if isinstance(design, Unknown):
            missing[role] = design.reason
            if design.may_be_inferred:
                unbuilt[role] = member.piece
            continue
        assumptions += design.assumptions
        designs[role] = f"{member.piece.place}: {design.text()}"
        makers[role] = partial(build, member.piece, design, role, host)
    facts = {**group.facts, **{k: v for member in group.members for k, v in member.piece.part.facts.items()}}
    generator = chosen["generator"]
    known = "generator" in makers or "generator" in unbuilt
    latent = _latent(generator, config, facts, assumptions) if generator is not None and known else Latent()
    if group.step is not None and group.step.unit == "":
        assumptions.append(f"step {group.step.number} read from {group.step.source}")
    samples = group.samples[0].piece.part if group.samples and generator is None else None
    if samples is not None:
        missing["generator"] = f"{samples.path.name} holds stored samples, which stand in for one"
    return Snapshot(
        label=label,
        step=group.step.number if group.step else None,
        step_unit=group.step.unit if group.step else "",
        files=_files(group),
        make_generator=makers.get("generator"),
        make_critic=makers.get("critic"),
        make_samples=samples.read_samples if samples is not None else None,
        samples_range=_value_range(samples.facts) if samples is not None else None,
        samples_stored=_stored_number(samples) if samples is not None else None,
        weights="ema" if weights == "ema" else "raw",
        generator_mode=config.generator_mode or "eval",
        latent=latent,
        output=config.output,
        orientation=config.orientation,
        penalty=config.penalty if config.penalty is not None else _fact(facts, _PENALTIES),
        assumptions=tuple(assumptions),
        missing=missing,
        designs=designs,
        unbuilt=unbuilt,
        findings=tuple(_contradictions(chosen["critic"])),
    )


def _files(group: Group) -> tuple[Path, ...]:
    """Every file that the moment was read from; a folder of samples by the files in it."""
    found: list[Path] = []
    for member in group.members:
        part = member.piece.part
        found += [*([] if part.path.is_dir() else [part.path]), *part.others]
    return tuple(dict.fromkeys([*found, *group.records]))


def _stored_number(part: Part) -> int | None:
    first = next(iter(part.keys.values()), None)
    return first.shape[0] if first is not None and first.shape else None


def _value_range(facts: Facts) -> tuple[float, float] | None:
    """ "0,255" of stored bytes."""
    low, _, high = str(facts.get("value_range", "")).partition(",")
    return (float(low), float(high)) if low and high else None


def _contradictions(critic: Role | None) -> Iterable[Finding]:
    """A critic whose name says one constraint and whose keys show another."""
    if critic is None or not critic.piece.keys:
        return
    path = critic.piece.part.path
    name = "/".join(path.parts[-3:])
    stored = encodings({key: spec.shape for key, spec in critic.piece.keys.items()})
    spectral = [text for text in stored if "spectral" in text]
    penalised, normed = _PENALTY_NAMES.search(name), _SPECTRAL_NAMES.search(name)
    if penalised and not normed and spectral:
        yield Finding(
            "warning",
            "name-contradicts-keys",
            f"{path.name} calls itself {penalised[0]}, and its keys are those of spectral normalisation "
            f"({', '.join(spectral)}): the name may be wrong, or both were used",
        )
    if normed and not penalised and not spectral:
        yield Finding(
            "info",
            "name-contradicts-keys",
            f"{path.name} calls itself {normed[0]}, and no key of its critic shows spectral normalisation: "
            "the name may be wrong, or the norm was folded into the weights",
        )


def _why_missing(role: NetRole, group: Group) -> str:
    names = [member.piece.part.path.name for member in group.unknown]
    if len(names) == 2:
        roles = zip(names, ("generator", "critic"), strict=True)
        both = " ".join(f"--role {shlex.quote(f'{glob.escape(name)}={r}')}" for name, r in roles)
        return f"the roles of {names[0]} and {names[1]} are unknown; say {both}, or the other way round"
    if names:
        options = [f"--role {shlex.quote(f'{glob.escape(names[0])}={r}')}" for r in ("generator", "critic")]
        if group.roles:
            return f"the role of {names[0]} is unknown; say {options[role == 'critic']}"
        return f"the role of {names[0]} is unknown; say {' or '.join(options)}"
    return f"no file of this snapshot is a {role} by its name or keys; if one is, say --role 'FILE={role}'"


def _fact(facts: Facts, names: Iterable[str]) -> float | None:
    """A finite number among the file's scalars, by the last component of its name."""
    for name in names:
        for key, value in facts.items():
            number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
            if number and key.rsplit(".", 1)[-1] == name:
                return float(value)
    return None


def _latent(generator: Role, config: Config, facts: Facts, assumptions: list[str]) -> Latent:
    """What the generator eats: said, or in the file, or read from the shape of the first layer and recorded."""
    law, shape = config.law, config.latent_shape
    classes, encoding = config.classes, config.encoding
    if law is None:
        stored = next((v for k, v in facts.items() if k.rsplit(".", 1)[-1] == "latent_law"), None)
        law = "uniform" if stored == "uniform" else "normal"
        if stored is None:
            assumptions.append("latent law: standard normal (set [latent] law or --latent-law)")
    stated = _stated(generator.piece)
    if classes is None and stated.classes:
        classes, encoding = stated.classes, encoding or stated.encoding
    if shape is None and stated.shape:
        shape = stated.shape
    if shape is None:
        width = _fact(facts, _LATENT_WIDTHS)
        extra = (classes or 0) if encoding == "concat" else 0
        shape, where = _first_layer(generator.piece, None if width is None else int(width), extra)
        assumptions.append(f"latent shape {shape}: {where}")
    return Latent(law, shape or (), classes or 0, encoding or "index")


def _stated(piece: Piece) -> Latent:
    """What the inputs of a program say: the latent's shape, and one-hot labels by their width."""
    if not piece.part.inputs:
        return Latent()
    first, *rest = piece.part.inputs
    axes = first.shape[1:] if first.shape else ()
    shape = tuple(k for k in axes if k is not None)
    if len(shape) < len(axes):
        shape = ()
    for other in rest[:1]:
        width = other.shape[1] if other.shape is not None and len(other.shape) == 2 else None
        if width is not None and width > 1:
            return Latent(shape=shape, classes=width, encoding="onehot")
        classes = piece.part.facts.get("classes")
        if "int" in other.dtype and isinstance(classes, int):
            return Latent(shape=shape, classes=classes)
    return Latent(shape=shape)


def _first_layer(piece: Piece, width: int | None, labels: int = 0) -> tuple[tuple[int, ...], str]:
    """Latent shape from the first weight: (in,) for a Linear, (in, 1, 1) for a transposed convolution.

    ``labels``: how many of its inputs are a one-hot label and no latent.
    """
    # What fills a factory's model has its axes the other way round, as Keras has them: (in, out), (h, w, out, in).
    of_linear, of_convolution = (0, 3) if piece.part.fill is not None else (1, 0)
    for key, spec in piece.plain_keys.items():
        if len(spec.shape) == 2:
            return (width or spec.shape[of_linear] - labels,), f"the first layer of the generator, {key} {spec.shape}"
        if len(spec.shape) == 4:
            shape = (width or spec.shape[of_convolution] - labels, 1, 1)
            return shape, f"the first layer of the generator, {key} {spec.shape}"
    return ((width,) if width else ()), "no layer shows it; set [latent] shape"
