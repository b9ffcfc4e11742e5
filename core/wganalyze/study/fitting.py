"""How a critic takes samples: in which shape, with which labels and conditions, how many at a time; and its answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.errors import CheckpointError
from wganalyze.scripts.blame import known_cause, place_of
from wganalyze.study.answers import NoScore, Reading, read_answer
from wganalyze.study.batching import FixedBatch, first_that_works, sizes_to_try
from wganalyze.study.calling import REFUSALS, SHAPES, encoded
from wganalyze.study.conditions import Bound, Conditioned, bound_to, may_be_squeezed, probes
from wganalyze.study.forms import LabelsJoined, at, tensors_of
from wganalyze.study.meeting import met_by
from wganalyze.study.recurrent import STEPS_FIRST, mixes, recurrent_layer
from wganalyze.text import one_line

PROBE = 2
MOST_PACKED = 32
"""Samples that a critic looks at together, at most."""
BATCH_MEAN = "one number for the whole batch"

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


@dataclass(frozen=True)
class Fit:
    """A way of calling a critic, and how its answer is read.

    ``net``: takes (n, *shape), labels where ``latent`` has classes, and ``conditions``. ``arguments``: of a call that
    worked. ``packed``: samples that it looks at together, which then are one point. ``assumptions``: what was found.
    """

    net: nn.Module
    shape: Shape
    latent: Latent
    conditions: Bound
    reading: Reading
    arguments: list[Any]
    packed: int = 1
    assumptions: tuple[str, ...] = ()


@dataclass
class _Failures:
    """Why no attempt worked: a line for each shape, messages in full, what to do about the answers that came."""

    lines: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    gives_one_number: bool = False
    other: Exception | None = None
    """The first that is no word of torch on shapes: it says by itself what is wrong."""

    def add(self, form: _Form, error: Exception) -> None:
        met = "" if isinstance(error, NoScore) else met_by(form.net, form.arguments(PROBE))
        self.lines.append(f"{form.shape}: {one_line(error, 160)}{met}{place_of(error)}")
        self.messages.append(str(error))
        if self.other is None and not isinstance(error, (*SHAPES, NoScore)):
            self.other = error
        if isinstance(error, TypeError) and "required positional argument" in str(error):
            self.advice.append(
                "it takes more than a sample: say --condition NAME=SOURCE (NAME: the parameter that takes it), or "
                "--classes N for labels"
            )
        if isinstance(error, NoScore):
            self.advice += [error.advice] if error.advice else []
            self.gives_one_number |= str(error) == BATCH_MEAN


@dataclass(frozen=True)
class _Form:
    """A critic with labels and conditions as it may take them, for samples of one shape."""

    net: nn.Module
    shape: Shape
    latent: Latent
    conditions: Bound
    shapes: Shapes
    device: str

    def arguments(self, n: int) -> list[Any]:
        points = torch.randn(n, *self.shape, generator=torch.Generator().manual_seed(0)).double().to(self.device)
        arguments: list[Any] = [points]
        if self.latent.classes:
            arguments.append(encoded(np.zeros(n, np.int64), self.latent, self.device, double=True))
        return [*arguments, *(each.double().to(self.device) for each in probes(self.shapes, self.conditions, n))]

    def answer(self, n: int) -> Any:
        """REFUSALS where it does not take ``n`` of these."""
        with torch.no_grad():
            return self.net(*self.arguments(n))


def fit_critic(
    critic: nn.Module, snapshot: Snapshot, candidates: Sequence[Shape], device: str, conditions: Shapes | None = None
) -> Fit:
    """The first way of calling ``critic`` (float64, eval) that gives a score a sample of one of these shapes.

    CheckpointError, with what was met, where there is none; what it raises itself, where that is not about shapes.
    """
    forms = [*_forms(critic, snapshot, candidates, device, conditions or {})]
    failures = _Failures()
    for form in forms:
        try:
            reading = read_answer(form.answer(PROBE), PROBE, snapshot.reduce)
            _check_steps(form, reading)
        except Exception as error:
            if cause := known_cause(error, f"the code of {type(critic).__name__}"):
                raise CheckpointError(f"{snapshot.label}: {cause}{place_of(error)}") from error
            if not isinstance(error, (*REFUSALS, NoScore)):
                raise
            failures.add(form, error)
            continue
        return _fit(form, reading, PROBE)
    message = " ".join(failures.messages)
    for form in forms:
        fit = first_that_works(sizes_to_try(message), lambda n, form=form: _in_batches(form, n, snapshot))  # type: ignore[misc]
        fit = fit or _packed_outside(form, snapshot) or _of_both_sides(form, snapshot)
        if fit is not None:
            return fit
    if failures.gives_one_number:
        raise CheckpointError(f"{snapshot.label}: {_batch_mean(critic)}")
    if failures.other is not None and not failures.advice:
        raise failures.other
    shape = f"they have the shape {candidates[0]}: say other --data, or another --critic"
    advice = "; ".join(dict.fromkeys(failures.advice)) or shape
    raise CheckpointError(
        f"{snapshot.label}: the critic does not take the samples ({'; '.join(dict.fromkeys(failures.lines))}); {advice}"
    )


def _forms(
    critic: nn.Module, snapshot: Snapshot, candidates: Sequence[Shape], device: str, shapes: Shapes
) -> Iterator[_Form]:
    latents = [snapshot.latent, Latent()] if snapshot.latent.classes else [snapshot.latent]
    for latent in latents:
        joins = bool(latent.classes) and latent.encoding == "concat"
        conditions = bound_to(critic, [*shapes], labels=int(bool(latent.classes) and not joins))
        flat = any(may_be_squeezed(shapes[name]) for name, _ in conditions)
        for shape, squeezed in product(candidates, (False, True) if flat else (False,)):
            net = Conditioned(critic, conditions, squeezed=squeezed) if conditions else critic
            net = LabelsJoined(net) if joins else net
            yield _Form(net, shape, latent, conditions, shapes, device)


def _fit(form: _Form, reading: Reading, n: int, *assumptions: str, packed: int = 1) -> Fit:
    return Fit(form.net, form.shape, form.latent, form.conditions, reading, form.arguments(n), packed, (*assumptions,))


def _in_batches(form: _Form, n: int, snapshot: Snapshot) -> Fit | None:
    """Of a critic that takes batches of ``n`` alone, or of multiples of what it looks at together."""
    try:
        answer = form.answer(n)
        twice = _answer_or_none(form, 2 * n)
        if twice is not None:
            return _packed_inside(form, n, answer, twice, snapshot)
        reading = read_answer(answer, n, snapshot.reduce)
    except (*REFUSALS, NoScore):
        return None
    fixed = replace(form, net=FixedBatch(form.net, n))
    return _fit(fixed, reading, PROBE, f"the critic takes batches of {n} alone: the last one is filled up")


def _answer_or_none(form: _Form, n: int) -> Any:
    try:
        return form.answer(n)
    except REFUSALS:
        return None


class Packs(nn.Module):
    """A critic that looks at ``size`` samples of a batch together, as one of packs, (n, size, ...)."""

    def __init__(self, net: nn.Module, size: int):
        super().__init__()
        self.net = net
        self.size = size

    def forward(self, x: Tensor) -> Any:
        """What ``net`` gives for all samples of the packs."""
        return self.net(x.flatten(0, 1))


class FirstSide(nn.Module):
    """A critic that takes reals and generated samples together, as one of the former."""

    def __init__(self, net: nn.Module):
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Any:
        """What ``net`` says of its first side."""
        return self.net(x, x)[0]


def _of_both_sides(form: _Form, snapshot: Snapshot) -> Fit | None:
    """Of a critic called as (real, generated), which answers for each: its first answer knows nothing of the second."""
    if form.latent.classes or form.conditions:
        return None
    (x,) = form.arguments(PROBE)
    side = replace(form, net=FirstSide(form.net))
    try:
        with torch.no_grad():
            answer, other = form.net(x, x.clone()), form.net(x, x.flip(0) + 1)
        if not isinstance(answer, list | tuple) or len(answer) < 2:
            return None
        pairs = [*zip(tensors_of(answer[0]), tensors_of(other[0]), strict=True)]
        if not all(torch.equal(one, same) for (_, one), (_, same) in pairs):
            return None
        reading = read_answer(side.answer(PROBE), PROBE, snapshot.reduce)
    except (*REFUSALS, NoScore):
        return None
    note = (
        "the critic takes reals and generated samples together: each is scored as the first, for which it answers first"
    )
    return _fit(side, reading, PROBE, note)


def _check_steps(form: _Form, reading: Reading) -> None:
    """NoScore where a recurrent critic takes samples for steps."""
    layer = recurrent_layer(form.net)
    if layer is None:
        return
    x, *others = form.arguments(PROBE)

    def call(points: Tensor) -> Tensor:
        with torch.no_grad():
            return at(form.net(points, *others), reading.places[0])

    if mixes(call, x):
        raise NoScore(f"its {type(layer).__name__} mixes the samples", f"its {type(layer).__name__} {STEPS_FIRST}")


def _packed_inside(form: _Form, n: int, answer: Any, twice: Any, snapshot: Snapshot) -> Fit | None:
    """Of a critic that reshapes its batch: ``n`` samples give ``n / size`` scores, and twice as many twice that."""
    for size in range(2, min(n, MOST_PACKED) + 1):
        if n % size or form.latent.classes or form.conditions:
            continue
        try:
            reading = read_answer(answer, n // size, snapshot.reduce)
            read_answer(twice, 2 * n // size, snapshot.reduce)
        except NoScore:
            continue
        packs = replace(form, net=Packs(form.net, size), shape=(size, *form.shape))
        return _fit(packs, reading, PROBE, _pack_assumption(size), packed=size)
    return None


def _packed_outside(form: _Form, snapshot: Snapshot) -> Fit | None:
    """Of a critic whose first layer takes several samples as one: features behind each other, or channels."""
    if form.latent.classes or form.conditions or len(form.shape) not in (1, 3):
        return None
    wanted = _taken(form.net, image=len(form.shape) == 3)
    size, rest = divmod(wanted, form.shape[0])
    if rest or not 2 <= size <= MOST_PACKED:
        return None
    packs = replace(form, shape=(wanted, *form.shape[1:]))
    try:
        reading = read_answer(packs.answer(PROBE), PROBE, snapshot.reduce)
    except (*REFUSALS, NoScore):
        return None
    return _fit(packs, reading, PROBE, _pack_assumption(size), packed=size)


def _pack_assumption(size: int) -> str:
    return f"the critic looks at {size} samples together (PacGAN): what asks it is measured on packs of {size}"


def _taken(net: nn.Module, *, image: bool) -> int:
    """Features, or channels, that the first layer takes; 0 where that is not to be seen."""
    for module in net.modules():
        if isinstance(module, nn.Linear):
            return 0 if image else module.in_features
        if isinstance(module, nn.Conv2d):
            return module.in_channels if image else 0
    return 0


def _batch_mean(critic: nn.Module) -> str:
    """What is wrong with a critic that gives one number for a batch, and the line that mends it."""
    line = (
        f"the critic returns {BATCH_MEAN}, its mean, as the code of the first WGAN does, and no score a sample; "
        "let its forward return the scores before it takes their mean"
    )
    name = type(critic).__name__
    if type(critic).__module__.startswith(("torch.", "wganalyze")):
        return line
    return (
        f"{line}, or add to its file, which imports torch: class PerSample({name}): forward = lambda self, x: "
        f"torch.cat([{name}.forward(self, one).reshape(1) for one in x.split(1)]); and say --critic FILE.py:PerSample"
    )
