"""Every claim is supported, refuted and left open on constructed evidence: none can only pass."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from wganalyze import Claim, Evidence
from wganalyze.host.loading import load_host
from wganalyze.running.judging import judge
from wganalyze_plugins import claims
from wganalyze_plugins.claims.constraints import Effect
from wganalyze_plugins.claims.deciding import every

SEEDS = (0, 1, 2)
WOBBLE = (0.0, 0.01, -0.01)
CLAIMS: dict[str, Claim] = {cls.name: cls() for cls in claims.wganalyze_claims()}
FEATURES = "quality.frechet@classifier"
W1_FEATURES = "exact-w.w1@classifier"
Case = Callable[[Any], object]


def each(b: Any, method: str, numbers: dict[str, Any], **facts: Any) -> None:
    """The same numbers but for a little, three seeds."""
    for seed, wobble in zip(SEEDS, WOBBLE, strict=True):
        moved = {
            metric: tuple(v * (1 + wobble) for v in value) if isinstance(value, tuple) else value * (1 + wobble)
            for metric, value in numbers.items()
        }
        b.run(method, seed, moved, **facts)


def _transform(c: float, gp: float, static: tuple[float, float] | None = None) -> Case:
    def build(b: Any) -> None:
        more = {} if static is None else {
            "gradients.transform_error": static[0], "gradients.penalised_error": static[1], "gradients.zero_error": 0.2,
        }  # fmt: skip
        each(b, "wgan-c", {"exact-w.w1": 4.0, "critic-gap.dual_c": 4 - c, "critic-gap.dual_zero": 3.0})
        each(b, "wgan-gp", {"exact-w.w1": 4.0, "critic-gap.dual_raw": 4 - gp, **more})

    return build


def _nearness(worse: tuple[float, ...]) -> Case:
    """Errors fall over four steps from .4 to .1; the Frechet distance is ``worse``, of two methods."""

    def build(b: Any) -> None:
        for method, factor in (("wgan-gp", 1.0), ("wgan-lp", 1.1)):
            duals = tuple(1 - factor * k / 10 for k in (4, 3, 2, 1))
            b.run(method, 0, {"exact-w.w1": 1.0, "critic-gap.dual_raw": duals, FEATURES: worse})
            b.run(method, 1, {"exact-w.w1": 1.0, "critic-gap.dual_raw": duals, FEATURES: worse})

    return build


def _ratio(metric: str, ratio: float, spread: float = 0.01) -> Case:
    return lambda b: b.row(metric, 9.0, n=256).row(metric, ratio, n=64, spread=spread).row(metric, 0.2, n=16)


def _bias(*rows: tuple[float, float]) -> Case:
    def build(b: Any) -> None:
        for k, (bias, bound) in enumerate(rows):
            b.row("minibatch.mbwd_bias", bias, step=k).row("minibatch.mbwd_bias_bound", bound, step=k)

    return build


FLOORS = {"kmeans.nearest_centroid_floor": 2.5, "kmeans.nearest_real_floor": 2.0}


def _centroids(c: float, gp: float, noise: float = 1.0) -> Case:
    """The second method may be ``noise`` times farther from everything, which says nothing."""

    def build(b: Any) -> None:
        each(b, "wgan-c", {"kmeans.nearest_centroid": c, "kmeans.nearest_real": 2.0, **FLOORS})
        for seed, wobble in zip(SEEDS, WOBBLE, strict=True):
            near = {"kmeans.nearest_centroid": noise * gp * (1 + wobble), "kmeans.nearest_real": noise * 2.0}
            b.run("wgan-gp", seed, near)

    return build


def _quality(**distances: float | tuple[float, ...]) -> Case:
    """Frechet distances of methods, of the last step or step by step."""

    def build(b: Any) -> None:
        for method, distance in distances.items():
            each(b, method.replace("__", "+").replace("_", "-"), {FEATURES: distance})

    return build


def _rises(method: str, metric: str, rise: float) -> Case:
    return lambda b: each(b, method, {f"gradients.{metric}": rise})


def _gradients(**numbers: float) -> Case:
    return lambda b: each(b, "gan", {f"gradients.{name}": value for name, value in numbers.items()})


def _two_classifiers(gan: float, saturating: float) -> Case:
    def build(b: Any) -> None:
        for method, late in (("gan", gan), ("gan-saturating", saturating)):
            each(b, method, {"gradients.saturating_share": 0.5, "gradients.saturating_share_late": late})

    return build


def _tracks(wgan: tuple[float, ...], gan: tuple[float, ...]) -> Case:
    def build(b: Any) -> None:
        for method, said in (("wgan-gp", wgan), ("gan", gan)):
            each(b, method, {FEATURES: (4.0, 3.0, 2.0, 1.0)}, estimate=said)

    return build


def _js(*values: float, accuracy: float = 1.0) -> Case:
    def build(b: Any) -> None:
        for step, value in enumerate(values):
            b.row("divergences.js_probe", value, step=step, spread=0.01).row("exact-w.w1", 1.0 + step, step=step)
            b.row("divergences.probe_accuracy", accuracy, step=step)

    return build


def _optimum(distance: float, missed: float, known: float = -0.5) -> Case:
    """Of a value that lies between -log 4 (D = 1/2) and ``known``, which it misses by ``missed``."""
    return lambda b: (
        b.row("divergences.dstar_distance", distance, spread=0.01)
        .row("divergences.value_probe", known - missed, spread=0.01)
        .row("divergences.value_known", known)
    )


def _bounded(dual: float, tv: float, spread: float = 0.02) -> Case:
    return lambda b: b.row("divergences.bounded_dual", dual, spread=spread).row("divergences.tv_known", tv)


def _modes(reached: float) -> Case:
    def build(b: Any) -> None:
        for method, count in (("primal", reached), ("gan", 8)):
            for seed in SEEDS:
                b.run(method, seed, {"coverage.modes_known": 8, "coverage.modes_reached_loose": count})

    return build


def _missing(count: float, testable: float = 40) -> Case:
    said = {"coverage.modes_missing": count, "coverage.modes_testable": testable, "kmeans.clusters": 64}
    return lambda b: [b.run("primal", seed, said) for seed in SEEDS]


def _neighbours(primal: float, gp: float) -> Case:
    def build(b: Any) -> None:
        each(b, "primal", {"coverage.nearer_training": primal})
        each(b, "wgan-gp", {"coverage.nearer_training": gp})

    return build


def _scattered(with_: tuple[float, ...], without: tuple[float, ...]) -> Case:
    """Seeds whose last steps have these Frechet distances and are their best ones."""

    def build(b: Any) -> None:
        for method, last in (("gan+sn", with_), ("gan", without)):
            for seed, distance in enumerate(last):
                b.run(method, seed, {FEATURES: (2 * distance, distance)})

    return build


def _survives(
    gp: float, gan: float, mlp: tuple[float, float] = (6.0, 90.0), *, without: str = "dcgan-nobn", steps: int = 9
) -> Case:
    """Frechet distances of wgan-gp and gan without BatchNorm and on an MLP; with it, both have 5.

    ``steps``: of the MLPs; DCGANs are trained for 9.
    """

    def build(b: Any) -> None:
        for method, worse, flat in (("wgan-gp", gp, mlp[0]), ("gan", gan, mlp[1])):
            each(b, method, {FEATURES: 5.0}, arch="dcgan", steps=9)
            each(b, method, {FEATURES: worse}, arch=without, steps=9)
            each(b, method, {FEATURES: flat}, arch="mlp-nobn", steps=steps)
            each(b, method, {FEATURES: 1e3}, arch="mlp", steps=9)

    return build


def _forgets(share: float) -> Case:
    return lambda b: each(b, "primal", {"forgetting.forgotten": share})


def _strata(fall: float, plain: tuple[float, ...], steady: tuple[float, ...]) -> Case:
    def build(b: Any) -> None:
        for method, series in (("primal", plain), ("primal-stratified", steady)):
            bias = {"minibatch.mbwd_bias": 1.0, "minibatch.mbwd_bias_stratified": 1 - fall}
            each(b, method, {"exact-w.w1": series, **bias})

    return build


def _ranking(pixels: dict[str, float], features: dict[str, float]) -> Case:
    def build(b: Any) -> None:
        for method in pixels:
            each(b, method, {"exact-w.w1@pixels": pixels[method], W1_FEATURES: features[method]})

    return build


ORDER = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0}
TURNED = {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}
MOVING, STILL = (3.0, 3.0, 4.0, 3.0, 4.0), (3.0, 3.0, 3.0, 3.01, 3.0)
LOG2 = math.log(2)

CASES: list[tuple[str, str, Case]] = [
    ("c-transform-nearer-to-w", "supported", _transform(0.1, 2.0)),
    ("c-transform-nearer-to-w", "supported", _transform(0.1, 2.0, (0.1, 0.5))),
    ("c-transform-nearer-to-w", "refuted", _transform(2.0, 0.1)),
    ("c-transform-nearer-to-w", "refuted", _transform(0.1, 2.0, (0.5, 0.1))),
    ("nearer-is-not-better", "supported", _nearness((1.0, 2.0, 3.0, 4.0))),
    ("nearer-is-not-better", "refuted", _nearness((4.0, 3.0, 2.0, 1.0))),
    ("batches-farther-than-mean", "supported", _ratio("minibatch.blur_ratio_mean", 1.2)),
    ("batches-farther-than-mean", "refuted", _ratio("minibatch.blur_ratio_mean", 0.9)),
    ("batches-farther-than-mean", "not testable", _ratio("minibatch.blur_ratio_mean", 1.01, 0.1)),
    ("batches-farther-than-centroids", "supported", _ratio("minibatch.blur_ratio_centroids", 1.2)),
    ("batches-farther-than-centroids", "refuted", _ratio("minibatch.blur_ratio_centroids", 0.9)),
    ("c-transform-is-k-means", "supported", _centroids(2.1, 3.2)),
    ("c-transform-is-k-means", "refuted", _centroids(3.2, 2.1)),
    ("c-transform-is-k-means", "not testable", _centroids(2.1, 2.1)),
    ("c-transform-is-k-means", "not testable", _centroids(2.1, 2.1, noise=3.0)),
    ("sn-or-gp-helps-any-gan", "supported", _quality(gan=(6.0, 9.0), gan__sn=(6.0, 5.0), gan__zero=(4.0, 3.0))),
    ("sn-or-gp-helps-any-gan", "supported", _scattered((3.0, 3.01, 3.02, 3.03, 3.04), (4.0, 9.0, 20.0, 40.0, 80.0))),
    (
        "sn-or-gp-helps-any-gan",
        "refuted",
        _scattered((1.0, 3.0, 9.0, 22.0, 50.0, 160.0, 480.0), (21.0, 21.1, 21.2, 22.0, 22.2, 22.3, 22.4)),
    ),
    ("sn-or-gp-helps-any-gan", "refuted", _quality(gan=9.0, gan__sn=5.0, gan__gp=15.0)),
    ("sn-or-gp-helps-any-gan", "refuted", _quality(gan=(10.0, 9.0), gan__sn=(3.0, 5.0))),
    ("sn-or-gp-helps-any-gan", "not testable", _quality(gan=9.0, gan__sn=9.0)),
    ("sn-or-gp-helps-any-gan", "not testable", _quality(gan=9.0, gan__sn=5.0)),
    ("sn-or-gp-helps-any-gan", "not testable", _quality(gan=(10.0, 9.0), gan__sn=(6.0, 5.0))),
    ("zero-centred-at-least-as-good", "supported", _quality(gan__zero=3.0, gan__gp=9.0, wgan_div=5.0, wgan_gp=5.0)),
    ("zero-centred-at-least-as-good", "refuted", _quality(gan__zero=3.0, gan__gp=9.0, wgan_div=9.0, wgan_gp=5.0)),
    ("critic-short-of-maximum", "supported", _rises("wgan-gp", "dual_rise", 0.4)),
    ("critic-short-of-maximum", "refuted", _rises("wgan-gp", "dual_rise", 0.01)),
    ("critic-short-of-maximum", "not testable", _rises("wgan-gp", "dual_rise", 0.05)),
    ("js-saturates", "supported", _js(LOG2, 0.99 * LOG2)),
    ("js-saturates", "refuted", _js(LOG2, 0.3)),
    ("js-saturates", "not testable", _js(LOG2, 0.945 * LOG2)),
    ("js-saturates", "not testable", _js(0.3, 0.2, accuracy=0.8)),
    ("saturating-gradient-vanishes", "supported", _gradients(saturating_share=0.5, saturating_share_late=0.001)),
    ("saturating-gradient-vanishes", "supported", _gradients(saturating_share=0.0001, saturating_share_late=0.00005)),
    ("saturating-gradient-vanishes", "supported", _two_classifiers(0.0, 0.001)),
    ("saturating-gradient-vanishes", "refuted", _gradients(saturating_share=0.5, saturating_share_late=0.4)),
    ("saturating-gradient-vanishes", "refuted", _two_classifiers(0.4, 0.001)),
    (
        "log-d-gradient-unstable",
        "supported",
        _gradients(
            sd_nonsaturating=1.0, sd_nonsaturating_late=9.0, norm_nonsaturating=1.0, norm_nonsaturating_late=9.0
        ),
    ),
    (
        "log-d-gradient-unstable",
        "refuted",
        _gradients(
            sd_nonsaturating=1.0, sd_nonsaturating_late=0.5, norm_nonsaturating=1.0, norm_nonsaturating_late=9.0
        ),
    ),
    ("noise-restores-gradient", "supported", _gradients(saturating_share_noise=0.3, saturating_share_late=0.001)),
    ("noise-restores-gradient", "refuted", _gradients(saturating_share_noise=0.0001, saturating_share_late=0.001)),
    ("noise-restores-gradient", "not testable", _gradients(saturating_share_noise=0.0012, saturating_share_late=0.001)),
    ("noise-restores-gradient", "not testable", _gradients(saturating_share_noise=0.9, saturating_share_late=0.4)),
    ("discriminator-reaches-optimum", "supported", _optimum(0.03, 0.01)),
    ("discriminator-reaches-optimum", "refuted", _optimum(0.3, 0.01)),
    ("discriminator-reaches-optimum", "refuted", _optimum(0.03, 0.5)),
    ("discriminator-reaches-optimum", "not testable", _optimum(0.03, 0.03, known=-1.35)),
    ("discriminator-reaches-optimum", "not testable", _optimum(0.03, -0.2)),
    ("minibatches-overestimate", "supported", _bias((0.5, 2.0), (0.0, 0.0))),
    ("minibatches-overestimate", "refuted", _bias((0.5, 2.0), (-0.1, 1.0))),
    ("minibatches-overestimate", "refuted", _bias((0.5, 2.0), (2.0, 1.0))),
    ("primal-loses-no-modes", "supported", _modes(8)),
    ("primal-loses-no-modes", "refuted", _modes(6)),
    ("primal-loses-no-modes", "supported", _missing(0)),
    ("primal-loses-no-modes", "refuted", _missing(3)),
    ("primal-loses-no-modes", "not testable", _missing(0, testable=20)),
    ("primal-generalises-no-better", "supported", _neighbours(0.6, 0.52)),
    ("primal-generalises-no-better", "supported", _neighbours(0.5, 0.5)),
    ("primal-generalises-no-better", "refuted", _neighbours(0.5, 0.7)),
    ("wgan-survives-architectures", "supported", _survives(7.0, 130.0)),
    ("wgan-survives-architectures", "refuted", _survives(130.0, 7.0)),
    ("wgan-survives-architectures", "refuted", _survives(130.0, 7.0, without="dcgan-other", mlp=(90.0, 90.0))),
    ("wgan-survives-architectures", "refuted", _survives(7.0, 130.0, mlp=(6.0, 6.0))),
    ("wgan-survives-architectures", "refuted", _survives(130.0, 190.0)),
    ("wgan-survives-architectures", "not testable", _survives(10.0, 130.0)),
    ("wgan-survives-architectures", "not testable", _survives(7.0, 130.0, without="dcgan-other")),
    ("wgan-survives-architectures", "not testable", _survives(7.0, 130.0, steps=5)),
    ("bounded-critic-is-total-variation", "supported", _bounded(1.95, 1.0)),
    ("bounded-critic-is-total-variation", "refuted", _bounded(0.98, 1.0)),
    ("bounded-critic-is-total-variation", "refuted", _bounded(2.5, 1.0)),
    ("bounded-critic-is-total-variation", "not testable", _bounded(0.0, 0.0)),
    ("bounded-critic-is-total-variation", "not testable", _bounded(0.3, 0.383, spread=0.5)),
    ("wgan-estimate-tracks-quality", "supported", _tracks((4.0, 3.0, 2.0, 1.0), (1.0, 3.0, 2.0, 1.5))),
    ("wgan-estimate-tracks-quality", "refuted", _tracks((1.0, 2.0, 3.0, 4.0), (1.0, 3.0, 2.0, 1.5))),
    ("wgan-estimate-tracks-quality", "refuted", _tracks((4.0, 3.0, 2.0, 1.0), (4.0, 3.0, 2.0, 1.0))),
    ("mini-batches-forget", "supported", _forgets(0.9)),
    ("mini-batches-forget", "refuted", _forgets(0.1)),
    ("mini-batches-forget", "not testable", _forgets(0.5)),
    ("stratified-batches-steady", "supported", _strata(0.3, MOVING, STILL)),
    ("stratified-batches-steady", "refuted", _strata(0.3, STILL, MOVING)),
    ("stratified-batches-steady", "refuted", _strata(-0.3, MOVING, STILL)),
    ("ground-metric-decides-ranking", "supported", _ranking(ORDER, TURNED)),
    ("ground-metric-decides-ranking", "refuted", _ranking(ORDER, {m: 3 * w for m, w in ORDER.items()})),
]


@pytest.mark.parametrize(("name", "answer", "case"), CASES, ids=[f"{c[0]}-{c[1]}-{k}" for k, c in enumerate(CASES)])
def test_the_answer_follows_the_numbers(builder: Any, name: str, answer: str, case: Case) -> None:
    case(builder)
    verdict = judge(CLAIMS[name], builder.evidence())
    assert (verdict.answer, verdict.reason) == (answer, verdict.reason)
    assert "the claim failed" not in verdict.reason
    if answer == "not testable" and verdict.numbers:
        assert verdict.reason.startswith("undecided: ")
    elif answer != "not testable":
        assert verdict.numbers  # what it rests on
        assert "needs" not in verdict.reason


@pytest.mark.parametrize("name", CLAIMS)
def test_no_claim_can_only_pass(name: str) -> None:
    assert {"supported", "refuted"} <= {answer for claim, answer, _ in CASES if claim == name}


@pytest.mark.parametrize("name", CLAIMS)
def test_without_numbers_it_says_what_it_needs(name: str) -> None:
    """On nothing, and on runs of which nothing was measured, which is the report of a stranger."""
    verdict = judge(CLAIMS[name], Evidence("d", (), pd.DataFrame(columns=["analyzer", "metric"]), pd.DataFrame))
    assert verdict.answer == "not testable"
    assert verdict.reason.startswith("needs ")


@pytest.mark.parametrize("name", CLAIMS)
def test_each_tells_its_statement_its_source_and_its_needs(name: str) -> None:
    claim = CLAIMS[name]
    assert claim.statement[0].isupper() or claim.statement.startswith(("c-", "|f|"))
    assert claim.source
    assert claim.needs
    assert not claim.statement.endswith(".")


def test_all_of_the_literatures_are_there_in_order() -> None:
    assert [claim.rank for claim in CLAIMS.values()] == [*range(1, 23)]
    assert {*CLAIMS} <= {*load_host().claims}


@pytest.mark.parametrize(("seeds", "told"), [(1, ""), (2, " (2 seeds: by sign alone)"), (3, "")])
def test_few_seeds_are_told(builder: Any, seeds: int, told: str) -> None:
    for seed in range(seeds):
        for method, near in (("wgan-c", 2.0), ("wgan-gp", 3.0)):
            builder.run(
                method, seed, {"kmeans.nearest_centroid": near + seed / 9, "kmeans.nearest_real": 2.0, **FLOORS}
            )
    verdict = judge(CLAIMS["c-transform-is-k-means"], builder.evidence())
    assert (verdict.answer, verdict.seeds) == ("supported", seeds)
    assert verdict.reason.endswith("real 1.25" + told)


def test_two_seeds_that_disagree_decide_nothing(builder: Any) -> None:
    for seed, (c, gp) in enumerate(((2.0, 3.0), (3.0, 2.0))):
        for method, near in (("wgan-c", c), ("wgan-gp", gp)):
            builder.run(method, seed, {"kmeans.nearest_centroid": near, "kmeans.nearest_real": 2.0, **FLOORS})
    assert judge(CLAIMS["c-transform-is-k-means"], builder.evidence()).answer == "not testable"


def test_runs_that_end_early_are_counted(builder: Any) -> None:
    """Those that left no snapshot, too."""
    for seed in SEEDS:
        builder.run("gan", seed, {FEATURES: 9.0 + seed / 99})
        if seed:
            builder.run("gan+sn", seed, {FEATURES: 3.0 + seed / 99}, steps=seed)
    reason = judge(CLAIMS["sn-or-gp-helps-any-gan"], builder.evidence()).reason
    assert reason.endswith("ended by NaN: gan+sn 2 of 3")


def test_a_run_that_ends_by_nan_has_fallen_back_to_its_worst(builder: Any) -> None:
    for seed in SEEDS:
        builder.run("gan", seed, {FEATURES: (20.0, 11.0 + seed / 99, 10.0)}, steps=3)
        builder.run("gan+sn", seed, {FEATURES: (30.0, 5.0 + seed / 99)}, steps=3)
    verdict = judge(CLAIMS["sn-or-gp-helps-any-gan"], builder.evidence())
    assert verdict.answer == "refuted"
    assert verdict.numbers[1].value == pytest.approx(30 / 5, rel=0.02)


def test_methods_are_compared_in_one_setting(builder: Any) -> None:
    """A DCGAN of the same method and seed stands in for no MLP."""
    for seed in SEEDS:
        for method, distance in (("gan", 9.0), ("gan+sn", 12.0)):
            builder.run(method, seed, {FEATURES: distance + seed / 99}, arch="mlp")
        builder.run("gan", seed, {FEATURES: 900.0 + seed}, arch="dcgan")
    verdict = judge(CLAIMS["sn-or-gp-helps-any-gan"], builder.evidence())
    assert verdict.answer == "refuted"
    assert verdict.numbers[0].value == pytest.approx(12 / 9, rel=0.01)


@pytest.mark.parametrize("seeds", [1, 2, 3, 5])
def test_equal_methods_are_seldom_told_apart(seeds: int) -> None:
    """Six combinations that change nothing: "any" is refuted by chance in few of 200 trials, and never supported."""
    rng, wrong, right = np.random.default_rng(seeds), 0, 0
    for _ in range(200):
        parts = 0.05 * rng.standard_normal((6, seeds))
        decided = every([*map(list, parts)], margin=math.log(1.1))
        wrong, right = wrong + (decided < 0), right + (decided > 0)
    assert wrong <= 200 * (0.16 if seeds == 1 else 0.09)
    assert right == 0


@pytest.mark.parametrize("seeds", [3, 5, 8])
def test_constraints_that_change_nothing_seldom_hurt(seeds: int) -> None:
    """In quality, in the fall from the best step, in the scatter over seeds: 18 tests of six combinations."""
    rng, wrong = np.random.default_rng(seeds), 0
    for _ in range(200):
        last = 0.2 * rng.standard_normal((7, seeds))
        falls = np.maximum(0, 0.2 * rng.standard_normal((7, seeds)))
        quality, more = (last[1:] - last[0]).tolist(), (falls[1:] - falls[0]).tolist()
        spread = [(each, last[0].tolist()) for each in last[1:].tolist()]
        effects = [Effect(*numbers, "") for numbers in zip(quality, more, spread, strict=True)]
        wrong += any(effect.worse(18) for effect in effects)
    assert wrong <= 200 * 0.09


def test_more_parts_support_a_statement_no_less_readily_and_refute_it_less() -> None:
    clear, faint = [1.0, 1.01, 0.99], [1.0, 0.7, 1.3]
    assert every([clear]) == every([clear] * 9) == every([faint]) == every([clear, faint]) == 1
    assert every([[-v for v in faint]]) == -1
    assert every([clear] * 8 + [[-v for v in faint]]) == 0
    assert every([clear, [-1.0, 1.0, 0.1]]) == 0
