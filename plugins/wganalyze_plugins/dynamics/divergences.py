"""How far apart are the two laws in JS, KL and TV? Variational lower bounds, and exact values where they are known."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wganalyze import (
    Analyzer,
    Estimate,
    Finding,
    Measurement,
    Metric,
    Need,
    Rows,
    Samples,
    Scalar,
    Scope,
    Scores,
    Study,
    Table,
    Yielded,
    hookimpl,
)

if TYPE_CHECKING:
    from wganalyze_plugins.dynamics.probes import Probe

GOODFELLOW = "Goodfellow et al. 1406.2661, thm. 1"
F_GAN = "Nowozin et al. 1606.00709, eq. 4 and table 1"
BOUNDED = "Arjovsky et al. 1701.07875: |f| <= 1 in place of 1-Lipschitz gives twice the total variation"
LINES = "Arjovsky et al. 1701.07875, example 1"
MOST = 8192
"""Samples a side that a probe is trained on."""
DECADES = (0, 10, 100, 1000)
THETAS = tuple(k / 8 for k in range(9))
APART, LEVEL = 0.99, 0.01
"""Accuracy from which supports are called apart, and the level of its lower confidence limit."""


@dataclass(frozen=True)
class Held:
    """Log-ratios (n,) that a discriminator gives to held-out samples of one replicate, and what follows from them."""

    on_real: Scores
    on_fake: Scores

    @property
    def js(self) -> float:
        """log 2 + (E log D + E log(1 - D)) / 2 with D = sigmoid(T), in nats: at most JS in expectation."""
        import numpy as np

        won = (math.log(2) - np.logaddexp(0, sign * side) for sign, side in ((-1, self.on_real), (1, self.on_fake)))
        return float(sum(side.mean() for side in won) / 2)

    @property
    def accuracy(self) -> float:
        """Share that T > 0 puts on the right side, both sides alike, ties counted half."""
        import numpy as np

        return float((np.sign(self.on_real).mean() - np.sign(self.on_fake).mean()) / 4 + 0.5)

    def kl(self, limit: float) -> float:
        """E_p T - E_q exp(T - 1) with T = 1 + r in nats, the log-ratio r cut at +-``limit``: at most KL(p, q)."""
        import numpy as np

        real, fake = (np.clip(side, -limit, limit) for side in (self.on_real, self.on_fake))
        return float(1 + real.mean() - np.exp(fake).mean())


def _metric(name: str, help: str, source: str, unit: str = "nats") -> Metric:
    return Metric(name, help, unit=unit, source=source)


class Divergences(Analyzer):
    """Lower bounds of JS, KL and TV from the snapshot's discriminator and from a fresh probe, on held-out samples."""

    name = "divergences"
    needs = frozenset({Need.REAL, Need.FAKE})
    on_request = True
    in_spaces = True
    metrics = (
        _metric(
            "js_own", "Lower bound of JS by the snapshot's discriminator; negative: worse than D = 1/2.", GOODFELLOW
        ),
        _metric(
            "js_probe", "Lower bound of JS by a fresh probe; log 2 = .693 where supports do not overlap.", GOODFELLOW
        ),
        _metric("js_probe_floor", "The same of real against real samples.", GOODFELLOW),
        _metric(
            "kl_probe",
            "Lower bound of KL(real, fake) by the probe, its log-ratios cut at +-log of the training size: no sample "
            "shows more (McAllester and Stratos 1811.04251).",
            F_GAN,
        ),
        _metric("kl_probe_floor", "The same of real against real samples.", F_GAN),
        _metric("tv_probe", "2 accuracy - 1 of the probe: a lower bound of TV.", "TV = 2 sup accuracy - 1", ""),
        _metric("tv_probe_floor", "The same of real against real samples.", "TV = 2 sup accuracy - 1", ""),
        _metric("probe_accuracy", "Balanced accuracy of the probe; 1: the supports do not overlap.", "", ""),
        _metric("probe_accuracy_floor", "The same of real against real samples: about 1/2.", "", ""),
        _metric("bounded_dual", "sup of E f(real) - E f(fake) over |f| <= 1, by a probe: at most 2 TV.", BOUNDED, ""),
        _metric("bounded_dual_floor", "The same of real against real samples.", BOUNDED, ""),
        _metric("value_probe", "V(D) = E log D(real) + E log(1 - D(fake)) of the probe.", GOODFELLOW),
        _metric("value_known", "-log 4 + 2 JS, the largest V(D), where JS is known.", GOODFELLOW),
        _metric("js_known", "JS of the pair of laws, exact.", GOODFELLOW),
        _metric("kl_known", "KL(real, fake) of the pair of laws, exact.", ""),
        _metric("tv_known", "TV of the pair of laws, exact.", "", ""),
        _metric(
            "dstar_distance", "Mean |D - D*| of the probe, D* = p / (p + q), half the samples real.", GOODFELLOW, ""
        ),
        _metric("dstar_distance_own", "Mean |D - D*| of the snapshot's discriminator.", GOODFELLOW, ""),
    )
    tables = (
        Table(
            "probe",
            "The probe after so many steps of training (none where it stopped early), on held-out samples.",
            {"steps": "int64", "js": "float64", "value": "float64", "accuracy": "float64", "dstar_distance": "float64"},
        ),
        Table(
            "lines",
            "Exact divergences of the parallel lines (0, z) and (theta, z): all but W1 jump at theta = 0.",
            dict.fromkeys(("theta", "js", "kl", "tv", "w1"), "float64"),
        ),
    )

    @dataclass(frozen=True)
    class Options:
        probe_steps: int = field(
            default=1500, metadata={"help": "Steps of Adam that a probe is trained, at most (400 with convolutions)."}
        )

        def __post_init__(self) -> None:
            if self.probe_steps < 1:
                raise ValueError("probe_steps is at least 1")

    def measure(self, study: Study) -> Iterator[Yielded]:
        """Yield what the snapshot's discriminator says, what a probe says, its floors, and what is known."""
        from wganalyze_plugins.pairs import lines

        yield from _own(study)
        yield from _of_probe(study, self.options.probe_steps)
        yield from _floors(study, self.options.probe_steps)
        yield from _known(study)
        yield Rows("lines", [{"theta": t, **{k: v for k, v in lines(t).items() if k != "reverse_kl"}} for t in THETAS])


def _own(study: Study) -> Iterator[Measurement]:
    """The discriminator of the snapshot, where it is one."""
    if reason := study.lacks(Need.SCORES):
        yield Measurement.absent("js_own", reason)
        return
    if study.head.output != "logit":
        known = study.snapshot.output is not None
        reason = "the critic gives a score, no logit" if known else "the critic's output is taken for a score"
        yield Measurement.absent("js_own", f"{reason}: say --output logit if sigmoid(output) is its D(x)")
        return
    held = _held(study, lambda samples: study.orientation * study.scores(samples, single=True))
    note = "; ".join(filter(None, (study.critic_note, "no lower bound where it was trained on these samples")))
    yield _row(study, "js_own", [h.js for h in held], message=note if study.held_out is not True else study.critic_note)
    distances = [_dstar_distance(study, r, h) for r, h in enumerate(held)]
    if None not in distances:
        yield _row(study, "dstar_distance_own", [d for d in distances if d is not None])


def _of_probe(study: Study, steps: int) -> Iterator[Yielded]:
    from wganalyze_plugins.dynamics.pools import fake_pool, real_pool
    from wganalyze_plugins.dynamics.probes import trained, training

    scope: Scope = "data" if study.fake().shared else "snapshot"
    real, fake = real_pool(study, MOST), fake_pool(study, MOST)
    size = min(len(real), len(fake))

    def make() -> tuple[list[Probe], Probe]:
        sides, seed, device = (real, fake, study.real().shape), study.seed, study.device
        probes = list(training(*sides, seed=seed, device=device, steps=steps, at=DECADES))
        return probes, trained(*sides, "bounded", seed=seed, device=device, steps=steps)

    probes, bounded = study.cached(("divergences", "probes", size, steps), make, scope=scope)
    *early, best = probes
    yield Rows("probe", [_training_row(study, probe) for probe in early])
    held = _held(study, best)
    limit = math.log(size)
    method = f"probe of {best.steps} steps on {size} samples a side, measured on others"
    distances = [_dstar_distance(study, r, h) for r, h in enumerate(held)]
    for metric, values in (
        *_bounds(held, limit).items(),
        ("value_probe", [2 * h.js - math.log(4) for h in held]),
        ("bounded_dual", [float(h.on_real.mean() - h.on_fake.mean()) for h in _held(study, bounded)]),
        *([("dstar_distance", [d for d in distances if d is not None])] if None not in distances else []),
    ):
        yield _row(study, metric, values, method=method, scope=scope, fitted=True)
    yield from _apart(held)


def _training_row(study: Study, probe: Probe) -> dict[str, Scalar]:
    held = _held(study, probe)
    distances = [_dstar_distance(study, r, h) for r, h in enumerate(held)]
    js = _mean([h.js for h in held])
    return {
        "steps": probe.steps,
        "js": js,
        "value": 2 * js - math.log(4),
        "accuracy": _mean([h.accuracy for h in held]),
        "dstar_distance": None if None in distances else _mean([d for d in distances if d is not None]),
    }


def _bounds(held: Sequence[Held], limit: float) -> dict[str, list[float]]:
    return {
        "js_probe": [h.js for h in held],
        "kl_probe": [h.kl(limit) for h in held],
        "tv_probe": [2 * h.accuracy - 1 for h in held],
        "probe_accuracy": [h.accuracy for h in held],
    }


def _floors(study: Study, steps: int) -> Iterator[Measurement]:
    """Probes of real against real samples: one half of what is trained on against the other, and so held out."""
    from wganalyze_plugins.dynamics.pools import real_pool
    from wganalyze_plugins.dynamics.probes import trained

    pool = real_pool(study, MOST)
    half = len(pool) // 2

    def make() -> dict[str, list[float]]:
        sides, seed, device = (pool[:half], pool[half:], study.real().shape), study.seed, study.device
        probe = trained(*sides, seed=seed, device=device, steps=steps)
        bounded = trained(*sides, "bounded", seed=seed, device=device, steps=steps)
        found = _bounds(_held(study, probe, real=True), math.log(half))
        duals = [float(h.on_real.mean() - h.on_fake.mean()) for h in _held(study, bounded, real=True)]
        return {**found, "bounded_dual": duals}

    found = study.cached(("divergences", "floors", half, steps), make, scope="data")
    method = f"real against real: probe on {half} samples a side, measured on others"
    for metric, values in found.items():
        yield _row(study, f"{metric}_floor", values, method=method, scope="data", fitted=True)


def _known(study: Study) -> Iterator[Measurement]:
    """Exact values of a pair of laws."""
    known = study.known
    values = {f"{name}_known": known[name] for name in ("js", "kl", "tv") if name in known}
    if "js" in known:
        values["value_known"] = 2 * known["js"] - math.log(4)
    for metric, value in values.items():
        if math.isinf(value):
            yield Measurement.absent(metric, "infinite: one law is not absolutely continuous with respect to the other")
        else:
            yield Measurement.of(metric, value, study, method="closed form", certificate="exact", scope="data")


def _held(study: Study, critic: Callable[[Samples], Scores] | Probe, *, real: bool = False) -> list[Held]:
    """What ``critic`` says of the held-out samples of every replicate.

    ``real``: of one half of the real ones against the other.
    """
    from wganalyze_plugins.dynamics.probes import Probe

    def of(samples: Samples) -> Scores:
        return critic(samples.points) if isinstance(critic, Probe) else critic(samples)

    every = range(study.replicates)
    on_real = [of(study.real(replicate=r)) for r in every]
    if real:
        return [Held(scores[: len(scores) // 2], scores[len(scores) // 2 :]) for scores in on_real]
    return [Held(scores, of(study.fake(replicate=r))) for r, scores in zip(every, on_real, strict=True)]


def _dstar_distance(study: Study, replicate: int, held: Held) -> float | None:
    """Mean |D - D*| over both sides; None where the densities are not known."""
    import numpy as np
    from scipy.special import expit

    ratios = [study.log_ratio(side(replicate=replicate)) for side in (study.real, study.fake)]
    known = [ratio for ratio in ratios if ratio is not None]
    if len(known) < 2:
        return None
    return float(np.abs(expit(np.concatenate([held.on_real, held.on_fake])) - expit(np.concatenate(known))).mean())


def _apart(held: Sequence[Held]) -> Iterator[Finding]:
    """Do the supports overlap? By the binomial limit of Clopper and Pearson (1934)."""
    from scipy.stats import beta

    right = sum(int((h.on_real > 0).sum() + (h.on_fake < 0).sum()) for h in held)
    count = sum(len(h.on_real) + len(h.on_fake) for h in held)
    low = float(beta.ppf(LEVEL, right, count - right + 1)) if right else 0.0
    if low >= APART:
        message = (
            f"a probe puts {right / count:.2%} of {count} held-out samples on the right side (at least {low:.2%}): the "
            "supports hardly overlap, JS and TV are saturated and say nothing of the distance, and the gradient of "
            "log(1 - D) vanishes as D nears its optimum"
        )
        yield Finding("info", "supports-apart", message, ("probe_accuracy",))


def _row(
    study: Study,
    metric: str,
    values: Sequence[float],
    *,
    method: str = "held-out samples",
    message: str = "",
    scope: Scope = "snapshot",
    fitted: bool = False,
) -> Measurement:
    from wganalyze_plugins.batches import conditional

    estimate: Estimate = study.estimate(values.__getitem__)
    if fitted:
        estimate = conditional(estimate, "this probe")
    return Measurement.of(metric, estimate, study, mode="eval", method=method, message=message, scope=scope)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [Divergences]
