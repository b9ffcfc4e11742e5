"""A moment becomes snapshots: which weights, which architecture, what the generator eats, what was assumed."""

from __future__ import annotations

import glob
import shlex
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wganalyze.contracts.loader import Part
from wganalyze.contracts.snapshot import Latent
from wganalyze.contracts.terms import Role
from wganalyze.networks.building import build
from wganalyze.networks.design import Unknown, find_design
from wganalyze.networks.draft import Draft
from wganalyze.networks.piece import Piece
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.trust import Permission
from wganalyze.settings.config import net_of
from wganalyze.settings.facts import Said
from wganalyze.snapshots.ema import choose_generator
from wganalyze.snapshots.findings import contradictions
from wganalyze.snapshots.latent import guess_latent, number_among
from wganalyze.snapshots.moment import Member, Moment

if TYPE_CHECKING:
    from torch.nn import Module

_PENALTIES = (
    "gradient_penalty", "lambda_gp", "lambdaGP", "gp_lambda", "gp_weight", "lambda_gradient_penalty", "lambda",
)  # fmt: skip


def resolve(moment: Moment, root: str, said: Said, recognition: Recognition, permission: Permission) -> list[Draft]:
    """The snapshots of one moment: one for each of its critics."""
    generator, weights, notes = choose_generator(moment, said)
    critics = [member for member in moment.of("critic") if not member.averaged] or moment.of("critic")
    label = moment.label(root)
    chosen: list[Member | None] = [*critics] or [None]
    return [
        _snapshot(
            moment,
            label + (f" ({critic.piece.place})" if critic is not None and len(critics) > 1 else ""),
            {"generator": generator, "critic": critic},
            weights,
            notes,
            said,
            recognition,
            permission,
        )
        for critic in chosen
    ]


def _snapshot(
    moment: Moment,
    label: str,
    chosen: Mapping[Role, Member | None],
    weights: str,
    notes: list[str],
    said: Said,
    recognition: Recognition,
    permission: Permission,
) -> Draft:
    assumptions = [*notes]
    missing: dict[Role, str] = {}
    makers: dict[Role, Callable[[], Module]] = {}
    designs: dict[Role, str] = {}
    unbuilt: dict[Role, Piece] = {}
    for role, member in chosen.items():
        if member is None:
            missing[role] = _why_missing(role, moment)
            continue
        if member.assumption:
            assumptions.append(member.assumption)
        net = net_of(said, role)
        design = find_design(member.piece, net, role, recognition, permission)
        if isinstance(design, Unknown):
            missing[role] = design.reason
            if design.may_be_inferred:
                unbuilt[role] = member.piece
            continue
        assumptions += design.assumptions
        designs[role] = f"{member.piece.place}: {design.text()}"
        makers[role] = partial(build, member.piece, design, role)
    facts = {**moment.facts, **{k: v for member in moment.members for k, v in member.piece.part.facts.items()}}
    generator = chosen["generator"]
    known = "generator" in makers or "generator" in unbuilt
    latent = guess_latent(generator, said, facts, assumptions) if generator is not None and known else Latent()
    if moment.step is not None and moment.step.unit == "":
        assumptions.append(f"step {moment.step.number} read from {moment.step.source}")
    samples = moment.samples[0].piece.part if moment.samples and generator is None else None
    if samples is not None:
        missing["generator"] = f"{samples.path.name} holds stored samples, which stand in for one"
    return Draft(
        label=label,
        step=moment.step.number if moment.step else None,
        step_unit=moment.step.unit if moment.step else "",
        files=_files(moment),
        make_generator=makers.get("generator"),
        make_critic=makers.get("critic"),
        make_samples=samples.read_samples if samples is not None else None,
        samples_range=samples.value_range if samples is not None else None,
        samples_stored=_stored_number(samples) if samples is not None else None,
        weights="ema" if weights == "ema" else "raw",
        generator_mode=said.get("generator_mode", "eval"),
        latent=latent,
        output=said.get("output"),
        orientation=said.get("orientation"),
        penalty=said.get("gradient_penalty", number_among(facts, _PENALTIES)),
        assumptions=tuple(assumptions),
        missing=missing,
        designs=designs,
        unbuilt=unbuilt,
        findings=tuple(contradictions(chosen["critic"])),
        facts=facts,
    )


def _files(moment: Moment) -> tuple[Path, ...]:
    """Every file that the moment was read from; a folder of samples by the files in it."""
    read: list[Path] = []
    for member in moment.members:
        part = member.piece.part
        read += [*([] if part.path.is_dir() else [part.path]), *part.others]
    return tuple(dict.fromkeys([*read, *moment.records]))


def _stored_number(part: Part) -> int | None:
    first = next(iter(part.keys.values()), None)
    return first.shape[0] if first is not None and first.shape else None


def _why_missing(role: Role, moment: Moment) -> str:
    names = [member.piece.part.path.name for member in moment.unknown]
    if len(names) == 2:
        roles = zip(names, ("generator", "critic"), strict=True)
        both = " ".join(f"--role {shlex.quote(f'{glob.escape(name)}={r}')}" for name, r in roles)
        return f"the roles of {names[0]} and {names[1]} are unknown; say {both}, or the other way round"
    if names:
        options = [f"--role {shlex.quote(f'{glob.escape(names[0])}={r}')}" for r in ("generator", "critic")]
        if moment.roles:
            return f"the role of {names[0]} is unknown; say {options[role == 'critic']}"
        return f"the role of {names[0]} is unknown; say {' or '.join(options)}"
    return f"no file of this snapshot is a {role} by its name or keys; if one is, say --role 'FILE={role}'"
