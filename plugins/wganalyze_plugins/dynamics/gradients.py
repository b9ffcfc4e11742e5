"""Does the generator's gradient vanish as the critic nears its optimum, and how far was the critic from it?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wganalyze import (
    Analyzer,
    Estimate,
    Measurement,
    Metric,
    Need,
    Rows,
    Scalar,
    Study,
    Table,
    Yielded,
    hookimpl,
)
from wganalyze_plugins.dynamics.moments import decades

if TYPE_CHECKING:
    from wganalyze.transport import Array
    from wganalyze_plugins.dynamics.branches import Branch
    from wganalyze_plugins.dynamics.objectives import LossName

VANISHING = "Arjovsky and Bottou 1701.04862, thm. 2.4"
UNSTABLE = "Arjovsky and Bottou 1701.04862, thm. 2.6"
WASSERSTEIN = "Arjovsky et al. 1701.07875, alg. 1"
NOISE = "Arjovsky and Bottou 1701.04862, sec. 3; Sonderby et al. 1610.04490"
MALLASTO = "Mallasto et al. 1910.03875, eq. 6"
LOSSES = {
    "saturating": ("E log(1 - D(G(z)))", VANISHING),
    "nonsaturating": ("-E log D(G(z))", UNSTABLE),
    "wasserstein": ("-E f(G(z)), trained on under its own constraint", WASSERSTEIN),
}


def _of_losses() -> Iterator[Metric]:
    """Norm and deviation, at the snapshot and after the last critic step."""
    for loss, (formula, source) in LOSSES.items():
        for suffix, when in (("", "at the snapshot"), ("_late", "after the last of the further critic steps")):
            size = f"Norm of the gradient of {formula} with respect to the generator's parameters, {when}."
            yield Metric(f"norm_{loss}{suffix}", size, source=source)
            spread = f"Root of the total variance over batches of the gradient of {formula}, {when}."
            yield Metric(f"sd_{loss}{suffix}", spread, source=source)


class Gradients(Analyzer):
    """The generator's gradient for log(1-D), -log D and -f, now and after more critic steps, and how far those lead."""

    name = "gradients"
    needs = frozenset({Need.REAL, Need.FAKE, Need.GENERATOR, Need.CRITIC, Need.GRADIENT})
    on_request = True
    metrics = (
        *_of_losses(),
        Metric("norm_saturating_noise", "norm_saturating_late with instance noise on both sides.", source=NOISE),
        Metric("norm_nonsaturating_noise", "norm_nonsaturating_late with instance noise on both sides.", source=NOISE),
        *(
            Metric(
                f"saturating_share{suffix}",
                "Norm of the gradient of E log(1 - D) as a share of that of -E T, D = sigmoid(T), of the same "
                f"discriminator {when}: 0, it has vanished, whatever the scale of T.",
                source=VANISHING,
            )
            for suffix, when in (
                ("", "at the snapshot"),
                ("_late", "after the last of the further critic steps"),
                ("_noise", "after them, with instance noise on both sides"),
            )
        ),
        Metric("saturation", "Share of generated samples with D below .01, at the snapshot.", source=VANISHING),
        Metric("saturation_late", "The same after the last of the further critic steps.", source=VANISHING),
        Metric(
            "value_rise",
            "What V(D) gains at best when the discriminator is trained on: how far it was from its maximum.",
            unit="nats",
            source="Goodfellow et al. 1406.2661, eq. 1",
        ),
        Metric(
            "dual_rise",
            "What the dual less its penalty gains at best when the critic is trained on under its own constraint (one-"
            "centred penalty 10, where none is known), as a share of W1.",
            source="Gulrajani et al. 1704.00028, eq. 3",
        ),
        Metric(
            "transform_rise",
            "What the c-transform dual gains at best when the critic is trained on by it, as a share of W1.",
            source=MALLASTO,
        ),
        Metric(
            "penalised_error",
            "Mean |raw dual - W1| / W1 of batches, after all further steps under that constraint.",
            direction="lower",
            source="Stanczuk et al. 2103.01678, sec. 4",
        ),
        Metric(
            "transform_error",
            "Mean |c-transform dual - W1| / W1 of batches, after all further steps by the c-transform.",
            direction="lower",
            source=MALLASTO,
        ),
        Metric("zero_error", "transform_error of f = 0: what a critic that knows nothing leaves.", source=MALLASTO),
    )
    tables = (
        Table(
            "steps",
            "The generator's gradient of one loss after so many further critic steps of one objective: its norm, its "
            "deviation over batches, their ratio, and its cosine to that at the snapshot; and the critic on held-out "
            "batches: V(D), or the raw dual where it is penalised. noise: deviation of Gaussian noise on both sides.",
            {
                "objective": "string",
                "loss": "string",
                "critic_steps": "int64",
                **dict.fromkeys(
                    ("noise", "norm", "sd", "relative_sd", "value", "accuracy", "cosine"),
                    "float64",
                ),
            },
        ),
        Table(
            "critic",
            "A critic after so many further steps of one objective, on held-out batches: V(D), raw dual, what the "
            "objective claims W1 to be, what it would claim with f = 0, and exact W1.",
            {
                "objective": "string",
                "critic_steps": "int64",
                "batch": "int64",
                **dict.fromkeys(("value", "raw_dual", "estimate", "zero_estimate", "w1"), "float64"),
            },
        ),
    )

    @dataclass(frozen=True)
    class Options:
        critic_steps: int = field(
            default=1000, metadata={"help": "Further critic steps, at most; decades below are read."}
        )
        batch: int = field(default=64, metadata={"help": "Samples a side of a step, and of a held-out batch."})
        rate: float = field(default=5e-4, metadata={"help": "Learning rate of Adam for the further steps."})
        penalty: float | None = field(
            default=None, metadata={"help": "Weight of a gradient penalty; none: the snapshot's own constraint, or 10."}
        )
        noise: float = field(default=0.3, metadata={"help": "Instance noise, in deviations of the data."})

        def __post_init__(self) -> None:
            if self.critic_steps < 1 or self.batch < 2:
                raise ValueError("critic_steps is at least 1, batch at least 2")
            if self.rate <= 0 or self.noise < 0 or (self.penalty is not None and self.penalty < 0):
                raise ValueError("rate is positive, noise and penalty are not negative")

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield gradients and critics along four continuations: logistic, with noise, penalised, by c-transform."""
        from wganalyze_plugins.dynamics.branches import continue_all
        from wganalyze_plugins.dynamics.constraints import Constraint

        said = self.options
        constraint = Constraint.of(study, said.penalty).in_force(study)
        done = continue_all(
            study,
            steps=decades(said.critic_steps),
            batch=said.batch,
            rate=said.rate,
            constraint=constraint,
            noise=said.noise,
        )
        plain, noise, penalised, transformed = done
        for branch in done:
            yield Rows("steps", list(_gradient_rows(branch)))
            if branch is not noise:
                yield Rows("critic", list(_critic_rows(branch)))
        yield from self._norms(study, plain, noise, penalised)
        note = f"{constraint}; Adam {said.rate:g}"
        for suffix, branch, trained in (
            ("", plain, plain.first),
            ("_late", plain, plain.last),
            ("_noise", noise, noise.last),
        ):
            yield _row(study, f"saturating_share{suffix}", branch, _over_replicates(study, branch.share(trained)))
        for metric, trained in (("saturation", plain.first), ("saturation_late", plain.last)):
            yield _row(study, metric, plain, _over_batches(trained.held.saturated), note=_made(study))
        yield _row(study, "value_rise", plain, _over_batches(plain.rise), note=_made(study))
        for metric, branch in (("dual_rise", penalised), ("transform_rise", transformed)):
            yield _row(study, metric, branch, branch.relative_rise, note=note if branch is penalised else "")
        zero = transformed.zero
        for metric, branch, estimates in (
            ("penalised_error", penalised, penalised.last.held.raw_dual),
            ("transform_error", transformed, transformed.last.held.transformed),
            ("zero_error", transformed, zero.transformed),
        ):
            yield _row(study, metric, branch, branch.error(estimates), note=note if branch is penalised else "")

    def _norms(self, study: Study, plain: Branch, noise: Branch, penalised: Branch) -> Iterator[Measurement]:
        losses: tuple[tuple[LossName, Branch], ...] = (
            ("saturating", plain),
            ("non-saturating", plain),
            ("wasserstein", penalised),
        )
        for loss, branch in losses:
            for suffix, trained in (("", branch.first), ("_late", branch.last)):
                name, gradient = loss.replace("-", ""), trained.gradients[loss]
                yield _row(study, f"norm_{name}{suffix}", branch, _over_replicates(study, gradient.norms))
                yield _row(study, f"sd_{name}{suffix}", branch, _over_replicates(study, gradient.deviations))
        for loss, _ in losses[:2]:
            norms = noise.last.gradients[loss].norms
            message = f"noise of deviation {noise.noise:.4g} on both sides, and in the discriminator's training"
            name = f"norm_{loss.replace('-', '')}_noise"
            yield _row(study, name, noise, _over_replicates(study, norms), note=message)


def _gradient_rows(branch: Branch) -> Iterator[dict[str, Scalar]]:
    for trained in branch.all:
        for loss, gradient in trained.gradients.items():
            dual = branch.objective == "penalised"
            yield {
                "objective": branch.objective,
                "loss": loss,
                "critic_steps": trained.steps,
                "noise": branch.noise,
                "norm": _finite(gradient.norm),
                "sd": _finite(gradient.deviation),
                "relative_sd": _finite(gradient.deviation / gradient.norm) if gradient.norm > 0 else None,
                "value": _finite(float((trained.held.raw_dual if dual else trained.held.value).mean())),
                "accuracy": None if dual else float(trained.held.accuracy.mean()),
                "cosine": gradient.cosine(branch.first.gradients[loss]),
            }


def _critic_rows(branch: Branch) -> Iterator[dict[str, Scalar]]:
    for trained in branch.all:
        held, zero = trained.held, branch.zero
        estimate: dict[str, Array | None] = {
            "value": held.value if branch.objective == "logistic" else None,
            "raw_dual": held.raw_dual,
            "estimate": branch.estimate(held),
            "zero_estimate": branch.estimate(zero),
            "w1": held.batches.w1,
        }
        means = {name: None if values is None else _finite(float(values.mean())) for name, values in estimate.items()}
        batch = int(held.on_x.shape[1])
        yield {"objective": branch.objective, "critic_steps": trained.steps, "batch": batch, **means}


def _made(study: Study) -> str:
    """Of a critic that is no discriminator."""
    made = "the critic gives scores: D is made of them, sigmoid(f - c) with c half way between its means"
    return made if study.head.output == "score" else ""


def _over_replicates(study: Study, values: Array) -> Estimate:
    from wganalyze_plugins.batches import conditional

    return conditional(study.estimate(values.tolist().__getitem__), "this critic")


def _over_batches(values: Array) -> Estimate:
    from wganalyze_plugins.batches import conditional, student

    return conditional(student(values), "this critic")


def _row(study: Study, metric: str, branch: Branch, estimate: Estimate | None, *, note: str = "") -> Measurement:
    if estimate is None:
        return Measurement.absent(metric, "W1 of the held-out batches is 0: real and generated samples are equal")
    if not math.isfinite(estimate.value):
        reason = f"the critic's {branch.objective} training diverged: choose a smaller gradients.rate"
        return Measurement.absent(metric, reason if branch.diverged else "the gradients are 0")
    batch = int(branch.first.held.on_x.shape[1])
    return Measurement.of(
        metric,
        estimate,
        study,
        n=batch,
        replicates=study.replicates,
        mode="eval",
        method=f"{branch.objective} training on, {branch.last.steps} steps; batches of {batch}",
        message="; ".join(filter(None, (note, study.critic_note))),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [Gradients]
