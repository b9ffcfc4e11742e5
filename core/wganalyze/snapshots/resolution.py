"""A moment becomes snapshots: which weights, which architecture, what the generator eats, what was assumed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from wganalyze.contracts.loader import Part
from wganalyze.contracts.snapshot import Latent
from wganalyze.contracts.terms import Role
from wganalyze.files.unchanged import Seen
from wganalyze.networks.building import build
from wganalyze.networks.design import Unknown, find_design
from wganalyze.networks.draft import Draft
from wganalyze.networks.factories import Net
from wganalyze.networks.mapping import ADVICE, image_layer, takes_images
from wganalyze.networks.piece import Piece
from wganalyze.networks.recognition import Recognition
from wganalyze.networks.trust import Permission
from wganalyze.settings.config import net_of
from wganalyze.settings.facts import Said
from wganalyze.snapshots.averages import completed
from wganalyze.snapshots.ema import choose_generator
from wganalyze.snapshots.findings import contradictions
from wganalyze.snapshots.latent import guess_latent, number_among
from wganalyze.snapshots.moment import Member, Moment
from wganalyze.snapshots.partners import may_pair, mismatch

if TYPE_CHECKING:
    from torch.nn import Module

_PENALTIES = (
    "gradient_penalty", "lambda_gp", "lambdaGP", "gp_lambda", "gp_weight", "lambda_gradient_penalty", "lambda",
)  # fmt: skip


@dataclass(frozen=True)
class _Partners:
    """The networks of one snapshot.

    ``weights``: the copy of the generator. ``notes``: what was assumed. ``missing``: why one has no partner.
    """

    generator: Member | None
    critic: Member | None
    weights: str = "raw"
    notes: tuple[str, ...] = ()
    missing: dict[Role, str] = field(default_factory=dict)


def resolve(moment: Moment, root: str, said: Said, recognition: Recognition, permission: Permission) -> list[Draft]:
    """The snapshots of one moment: one for each of its critics, and one for a generator that fits none."""
    several, label = _partners_of(moment, said), moment.label(root)
    drafts = []
    for partners in several:
        lone = partners.critic or partners.generator
        apart = f" ({lone.piece.place})" if lone is not None and len(several) > 1 else ""
        drafts.append(_snapshot(moment, label + apart, partners, said, recognition, permission))
    return drafts


def _snapshot(
    moment: Moment, label: str, partners: _Partners, said: Said, recognition: Recognition, permission: Permission
) -> Draft:
    generator, critic, copy = partners.generator, partners.critic, None
    if generator is not None:
        copy = completed(generator, moment.members, said)
        generator = copy.member
    chosen: dict[Role, Member | None] = {"generator": generator, "critic": critic}
    assumptions = [*partners.notes, *(copy.notes if copy else ())]
    missing: dict[Role, str] = {}
    makers: dict[Role, Callable[[], Module]] = {}
    designs: dict[Role, str] = {}
    unbuilt: dict[Role, Piece] = {}
    nets: dict[Role, Net] = {}
    files = _files(moment)
    seen = Seen.of(files)
    for role, member in chosen.items():
        if member is None:
            missing[role] = partners.missing.get(role) or _why_missing(role, moment)
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
        if role == "generator" and (reason := _maps_samples(member.piece, said)):
            missing[role] = reason
            continue
        designs[role] = f"{member.piece.place}: {design.text()}"
        if design.net is not None and design.net.factory is not None:
            nets[role] = design.net
        makers[role] = seen.held(partial(build, member.piece, design, role))
    facts = {**moment.facts, **{k: v for member in moment.members for k, v in member.piece.part.facts.items()}}
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
        files=files,
        make_generator=makers.get("generator"),
        make_critic=makers.get("critic"),
        make_samples=seen.held(samples.read_samples) if samples is not None and samples.read_samples else None,
        samples_range=samples.value_range if samples is not None else None,
        samples_stored=_stored_number(samples) if samples is not None else None,
        weights="ema" if partners.weights == "ema" else "raw",
        generator_mode=said.get("generator_mode", "eval"),
        latent=latent,
        output=said.get("output"),
        reduce=said.get("reduce"),
        orientation=said.get("orientation"),
        penalty=said.get("gradient_penalty", number_among(facts, _PENALTIES)),
        assumptions=tuple(assumptions),
        missing=missing,
        designs=designs,
        unbuilt=unbuilt,
        nets=nets,
        findings=(*(copy.findings if copy else ()), *contradictions(critic)),
        facts=facts,
    )


def _partners_of(moment: Moment, said: Said) -> list[_Partners]:
    """One for each critic, with the generator that fits it; and generators that fit none."""
    generators = moment.of("generator")
    critics = [member for member in moment.of("critic") if not member.averaged] or moment.of("critic")
    if not critics:
        chosen, weights, notes = choose_generator(generators, said)
        return [_Partners(chosen, None, weights, tuple(notes))]
    matched = [[g for g in generators if may_pair(g, critic, said)] for critic in critics]
    alone = [g for g in generators if not any(g in fitting for fitting in matched)]
    made = []
    for critic, fitting in zip(critics, matched, strict=True):
        namesakes = [g for g in fitting if g.words == critic.words] if critic.words else []
        chosen, weights, notes = choose_generator(namesakes or fitting, said)
        missing: dict[Role, str] = {}
        if chosen is None and generators:
            missing["generator"] = _apart(generators[0], critic)
        if chosen is not None and chosen.piece.part.kind != critic.piece.part.kind:
            kinds = f"{chosen.called} ({chosen.piece.part.kind}) and {critic.called} ({critic.piece.part.kind})"
            notes.append(f"{kinds} taken as a pair, of two formats")
        made.append(_Partners(chosen, critic, weights, tuple(notes), missing))
    if alone:
        chosen, weights, notes = choose_generator(alone, said)
        assert chosen is not None
        made.append(_Partners(chosen, None, weights, tuple(notes), {"critic": _apart(chosen, critics[0])}))
    return made


def _apart(generator: Member, critic: Member) -> str:
    """Why two networks are no pair, and the options that make them one."""
    options = f"{generator.option('generator')} {critic.option('critic')}"
    return f"{mismatch(generator, critic)}, so they are no pair; if they are, say {options}"


def _maps_samples(piece: Piece, said: Said) -> str:
    """Why a generator cannot be drawn from, where it takes images and nobody said which; "" where it may."""
    part = piece.part
    if "input" in said or "latent" in said:
        return ""
    if part.inputs:
        entry = part.inputs[0]
        stated = ", ".join("any" if k is None else str(k) for k in (entry.shape or ())[1:])
        return f"{piece.place}: its input {entry.name} takes images ({stated}): {ADVICE}" if takes_images(entry) else ""
    first = None if part.fill is not None else image_layer(piece.plain_keys)
    if first is None:
        return ""
    key, channels = first
    images = f"images of {channels} channel{'s' * (channels > 1)}"
    return f"{piece.place}: its first layer, {key}, is a Conv2d that takes {images}: {ADVICE}"


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
    unknown = moment.unknown
    if role in moment.broken:
        return moment.broken[role]
    if len(unknown) == 2:
        first, second = unknown
        both = f"{first.option('generator')} {second.option('critic')}"
        return f"the roles of {first.called} and {second.called} are unknown; say {both}, or the other way round"
    if unknown:
        first = unknown[0]
        options = [first.option(r) for r in ("generator", "critic")]
        if moment.roles:
            return f"the role of {first.called} is unknown; say {options[role == 'critic']}"
        return f"the role of {first.called} is unknown; say {' or '.join(options)}"
    return f"no file of this snapshot is a {role} by its name or keys; if one is, say --role 'FILE={role}'"
