"""How a generator is called: with a latent or with data, in which batches, and where in its answer samples are."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn

from wganalyze.contracts.samples import Split
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.contracts.terms import Mode
from wganalyze.errors import CheckpointError
from wganalyze.networks.mapping import ADVICE
from wganalyze.scripts.blame import known_cause, place_of
from wganalyze.study.batching import FixedBatch, first_that_works, rows_of, sizes_to_try
from wganalyze.study.calling import SHAPES, encoded, same_draws
from wganalyze.study.conditions import Conditioned, bound_to, has_own_channel, may_be_squeezed
from wganalyze.study.feeding import Fed, Feeding, by_law
from wganalyze.study.forms import LabelsJoined, OneScore, Place, tensors_of
from wganalyze.study.meeting import met_by
from wganalyze.study.recurrent import STEPS_FIRST, mixes, observed_axes, recurrent_layer
from wganalyze.text import one_line

PROBE = 2
NAMES = ("image", "sample", "fake", "generated", "x", "out", "recon")
"""In the names of a mapping's values: what it generates, the likeliest first."""

Shape = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ReadyGenerator:
    """A generator made ready: on its device, in eval mode, its answer one tensor of samples.

    ``module``: takes what ``inputs`` gives. ``latent``: what is drawn for it. ``conditions``: those that it takes, by
    name, in order. ``takes_data``: is it given samples in place of a latent? ``assumptions``: what was guessed.
    """

    module: nn.Module
    latent: Latent
    conditions: tuple[str, ...] = ()
    takes_data: bool = False
    assumptions: tuple[str, ...] = ()
    device: str = "cpu"

    @property
    def is_conditional(self) -> bool:
        """Do its samples depend on labels or conditions?"""
        return bool(self.latent.classes or self.conditions)

    def inputs(self, fed: Fed, rows: slice) -> list[Tensor]:
        """The arguments of one call: z, labels where it takes them, conditions."""
        given = [torch.from_numpy(fed.z[rows]).to(self.device)]
        if fed.labels is not None:
            given.append(encoded(fed.labels[rows], self.latent, self.device))
        return [*given, *(torch.from_numpy(fed.conditions[name][rows]).to(self.device) for name in self.conditions)]

    def in_mode(self, mode: Mode) -> nn.Module:
        """The module in a mode; in train mode a copy, whose buffers may change."""
        return self.module if mode == "eval" else copy.deepcopy(self.module).train()


def prepare_generator(
    snapshot: Snapshot, device: str = "cpu", wanted: Shape | None = None, feeding: Feeding | None = None
) -> ReadyGenerator:
    """The generator of a snapshot, as it takes what it is given. ``wanted``: the shape of the data's samples.

    CheckpointError, in one line, where it does not take that, or gives nothing that could be samples.
    """
    assert snapshot.generator is not None
    feeding = feeding or by_law(0)
    fed = feeding(snapshot.latent, PROBE, Split("probe"))
    forms = [*_forms(snapshot.generator.to(device), snapshot.latent, fed, device)]
    failure: Exception | None = None
    for form in forms:
        try:
            ready, answer = _called(form, fed, wanted)
            return _sampling(ready, answer, wanted, snapshot.label)
        except Exception as error:
            if cause := known_cause(error, f"the code of {type(snapshot.generator).__name__}"):
                raise CheckpointError(f"{snapshot.label}: {cause}{place_of(error)}") from error
            if not isinstance(error, (*SHAPES, AssertionError)):
                raise
            failure = failure or error
    for form in forms if not isinstance(failure, StepsError) else ():
        fixed = first_that_works(sizes_to_try(str(failure)), lambda n, form=form: _in_batches(form, fed, n))  # type: ignore[misc]
        if fixed is not None:
            return _sampling(fixed, _answer(fixed, fed), wanted, snapshot.label)
    assert failure is not None
    if isinstance(failure, AssertionError):
        raise failure
    raise CheckpointError(f"{snapshot.label}: {_refusal(forms[0], fed, failure)}") from failure


def _forms(generator: nn.Module, latent: Latent, fed: Fed, device: str) -> Iterator[ReadyGenerator]:
    """The generator with what it may take: input and conditions as they are, then without a channel of their own."""
    joins = bool(latent.classes) and latent.encoding == "concat"
    conditions = bound_to(generator, [*fed.conditions], labels=int(bool(latent.classes) and not joins))
    left = [name or "the condition" for name in fed.conditions if name not in dict(conditions)]
    shape = tuple(fed.z.shape[1:])
    flat = any(may_be_squeezed(tuple(fed.conditions[name].shape[1:])) for name, _ in conditions)
    for bare, squeezed in product((False, True), repeat=2):
        if (bare and not (fed.of_data and has_own_channel(shape))) or (squeezed and not flat):
            continue
        net = Conditioned(generator, conditions, squeezed=squeezed) if conditions else generator
        net = LabelsJoined(net) if joins else net
        notes = [
            f"the generator takes no condition {', '.join(left)}" if left else "",
            f"generator input reshaped to {shape[1:]}" if bare else "",
        ]
        yield ReadyGenerator(
            Bare(net) if bare else net,
            latent,
            tuple(name for name, _ in conditions),
            fed.of_data,
            tuple(filter(None, notes)),
            device,
        )


class StepsError(ValueError):
    """A recurrent generator takes samples for steps."""


class Bare(nn.Module):
    """A network that takes its input, (n, t, d), without the channel that files of arrays get."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor, *others: Tensor) -> Any:
        """What ``net`` gives."""
        return self.net(x.squeeze(1), *others)


def _called(form: ReadyGenerator, fed: Fed, wanted: Shape | None) -> tuple[ReadyGenerator, Any]:
    """The generator as it takes what it is given, and its answer."""
    ready = _in_steps(form, fed, wanted)
    if ready.latent is not form.latent:
        fed = replace(by_law(0)(ready.latent, PROBE, Split("probe")), conditions=fed.conditions)
    return ready, _answer(ready, fed)


def _noted(ready: ReadyGenerator, note: str, **changes: Any) -> ReadyGenerator:
    return replace(ready, assumptions=(*ready.assumptions, note), **changes)


def _answer(ready: ReadyGenerator, fed: Fed) -> Any:
    with torch.no_grad(), same_draws(ready.device):
        return ready.module(*ready.inputs(fed, slice(None)))


def _in_batches(ready: ReadyGenerator, fed: Fed, n: int) -> ReadyGenerator | None:
    """The generator with batches of ``n`` alone, where it takes these."""
    try:
        if n not in rows_of(_answer(ready, fed.repeated(n))):
            return None
    except (*SHAPES, AssertionError):
        return None
    note = f"the generator takes batches of {n} alone: the last one is filled up"
    return _noted(ready, note, module=FixedBatch(ready.module, n))


def _in_steps(ready: ReadyGenerator, fed: Fed, wanted: Shape | None) -> ReadyGenerator:
    """A recurrent generator with a latent of as many steps as the data, where it took samples for steps.

    StepsError where it mixes the samples of a batch.
    """
    layer = recurrent_layer(ready.module)
    if layer is None:
        return ready
    kind, latent = type(layer).__name__, ready.latent
    with observed_axes(layer) as axes:
        answer = _answer(ready, fed)
    if 2 in axes and len(latent.shape) == 1 and not fed.of_data:
        if wanted is None or len(wanted) < 2:
            raise StepsError(f"its {kind} takes sequences: say --latent STEPS,{latent.shape[0]}")
        latent = replace(latent, shape=(wanted[-2], *latent.shape))
        note = f"latent shape {latent.shape}: the {kind} takes sequences, of as many steps as the data have"
        ready = _noted(ready, note, latent=latent)
        fed = replace(by_law(0)(latent, PROBE, Split("probe")), conditions=fed.conditions)
        answer = _answer(ready, fed)
    rest = ready.inputs(fed, slice(None))[1:]
    place = next((place for place, each in tensors_of(answer) if each.dim()), None)

    def call(z: Tensor) -> Tensor:
        with torch.no_grad(), same_draws(ready.device):
            return dict(tensors_of(ready.module(z, *rest)))[place or ()]

    if place is not None and mixes(call, torch.from_numpy(fed.z).to(ready.device)):
        raise StepsError(f"its {kind} {STEPS_FIRST}")
    return ready


# Where the samples are


def _sampling(ready: ReadyGenerator, answer: Any, wanted: Shape | None, label: str) -> ReadyGenerator:
    """With the place of the samples in its answer; CheckpointError, with all shapes, where none could be samples."""
    outputs = {place: each for place, each in tensors_of(answer) if each.dim() and len(each) == PROBE}
    place = () if isinstance(answer, Tensor) and outputs else _place(outputs, wanted)
    if place is None:
        tensors = [*tensors_of(answer)]
        given = ", ".join(" ".join(filter(None, (_name(p), str(tuple(t.shape))))) for p, t in tensors[:6])
        why = f"the data are {wanted}" if wanted is not None and outputs else "a batch has as many rows as its input"
        raise CheckpointError(
            f"{label}: the generator gives {given or f'a {type(answer).__name__}'} for {PROBE} samples, none of which "
            f"can be the samples ({why}); let its forward return these alone"
        )
    if not place:
        return ready
    note = f"generator output {_name(place)} {tuple(outputs[place].shape[1:])} taken as the sample"
    others = [f"{_name(p)} {tuple(each.shape[1:])}" for p, each in outputs.items() if p != place]
    if others:
        note += f", set aside: {', '.join(others[:3])}" + (f" and {len(others) - 3} more" if len(others) > 3 else "")
    return _noted(ready, note, module=OneScore(ready.module, place))


def _place(outputs: Mapping[Place, Tensor], wanted: Shape | None) -> Place | None:
    """What has the data's shape, or their size; where there are no data, what is called so, or the first."""
    if wanted is not None:
        shapes = {place: tuple(each.shape[1:]) for place, each in outputs.items()}
        fitting = [place for place, shape in shapes.items() if shape == wanted]
        fitting = fitting or [place for place, shape in shapes.items() if math.prod(shape) == math.prod(wanted)]
        return _named_first(fitting) if fitting else None
    return _named_first([*outputs]) if outputs else None


def _named_first(places: Sequence[Place]) -> Place:
    for name in NAMES:
        for place in places:
            words = [key.lower() for key in place if isinstance(key, str)]
            if any(word == name or (len(name) > 1 and name in word) for word in words):
                return place
    return places[0]


def _name(place: Place) -> str:
    return ".".join(map(str, place))


# Why it cannot be called


def _refusal(ready: ReadyGenerator, fed: Fed, error: Exception) -> str:
    met = met_by(ready.module, ready.inputs(fed, slice(None)))
    line, latent = f"{one_line(error, 160)}{met}{place_of(error)}", ready.latent
    beside = f" and labels of {latent.classes} classes" if fed.labels is not None else ""
    beside += f" and the condition {', '.join(ready.conditions)}".rstrip() if ready.conditions else ""
    if fed.of_data:
        return (
            f"the generator does not take inputs of shape {tuple(fed.z.shape[1:])}{beside} ({line}); name what it was "
            "trained on by --input SOURCE"
        )
    first = first_layer(ready.module)
    if isinstance(first, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return (
            f"the generator begins with a {type(first).__name__} of {first.in_channels} channels, which does not take "
            f"a latent of shape {latent.shape} ({line}): {ADVICE}"
        )
    if isinstance(error, TypeError) and re.search(r"missing \d+ required positional", str(error)):
        return (
            f"the generator takes more than {'z and labels' if fed.labels is not None else 'z'} ({line}): say "
            "--classes N with --label-encoding if it takes labels, --condition NAME=SOURCE (NAME: the parameter that "
            "takes it), or name a factory of a network that gives the rest itself"
        )
    return (
        f"the generator does not take a latent of shape {latent.shape}{beside} ({line}); say --latent SHAPE (or "
        "[latent] shape), and --classes N with --label-encoding if it is conditional"
    )


def first_layer(network: nn.Module) -> nn.Module | None:
    """The first layer with weights, in the order in which they were made."""
    kinds = (nn.Linear, nn.Embedding, nn.RNNBase, nn.modules.conv._ConvNd)
    return next((module for module in network.modules() if isinstance(module, kinds)), None)
