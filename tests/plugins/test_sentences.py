"""The verdict on a training run says what its numbers and findings say, and accuses nobody without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
import pytest

from wganalyze import Evidence, NotMeasurable, Sentence, TrainingRun
from wganalyze_plugins import sentences

Say = Callable[[TrainingRun, Evidence], Iterator[Sentence]]
RUN = TrainingRun("gp")


def evidence(numbers: Mapping[str, Any], found: Mapping[str, str] = {}, *, step: float = 200.0) -> Evidence:
    """Of a run with these numbers ("analyzer.metric": one, or one for each step) and findings ("analyzer.code")."""
    rows = []
    for name, values in numbers.items():
        analyzer, metric = name.split(".")
        series = values if isinstance(values, tuple) else (values,)
        place = {"run": "gp", "analyzer": analyzer, "metric": metric, "embedding": None, "step_unit": "step", "n": 512}
        rows += [
            {**place, "value": value, "step": step + k - len(series) + 1, "snapshot": f"gp/{k - len(series) + 1}",
             "ci_low": float("nan"), "ci_high": float("nan")}
            for k, value in enumerate(series)
        ]  # fmt: skip
    told = [
        {"run": "gp", "snapshot": "gp/0", "analyzer": code.split(".")[0], "embedding": None,
         "code": code.split(".")[1], "message": message}
        for code, message in found.items()
    ]  # fmt: skip
    columns = ["run", "snapshot", "analyzer", "embedding", "code", "message"]
    return Evidence("digits", (RUN,), pd.DataFrame(rows), {}.__getitem__, pd.DataFrame(told, columns=columns))


FAR = {"exact-w.w1": 3.3, "exact-w.w1_floor": 3.0}
LOSS = {"critic-gap.dual_raw": 2.7, "critic-gap.dual_ratio": 0.9, "critic-gap.w1_floors": 1.0}
STEEP = {"critic-gap.gradient_norm_transport": 5.0}
KNOWN = {
    "critic-gap.dual_raw": 0.1,
    "critic-gap.dual_ratio": 0.01,
    "critic-gap.dual_ratio_known": 0.5,
    "critic-gap.best_scale": 3.0,
    "critic-gap.dual_c_best_scale": 0.19,
}
SLOPE = {"lipschitz.lipschitz_lower": 0.75, "lipschitz.lipschitz_upper": 3.0}
COPIES = {"exact-w.copies_of_training": 0.25, "exact-w.copies_of_training_floor": 0.01}
MODES = {"coverage.modes_testable": 8.0}


@pytest.mark.parametrize(
    ("say", "numbers", "found", "text"),
    [
        (
            sentences.distance, FAR, {"exact-w.told-apart": ""},
            "Told apart from the data at step 200: W1 3.3 against 3 between two real samples (n = 512), +10%.",
        ),
        (
            sentences.distance, FAR, {"exact-w.not-told-apart": ""},
            "Not told apart from the data at step 200, by n = 512 samples a side: W1 3.3 against 3 between two real "
            "samples.",
        ),
        (
            sentences.distance, FAR, {"exact-w.below-floor": ""},
            "Nearer to real samples at step 200 than other real samples are, as copies and averages are: W1 3.3 "
            "against 3 between two real samples.",
        ),
        (
            sentences.memorisation, COPIES, {"exact-w.memorised": ""},
            "It has memorised: 25.0% of its samples are copies of a training sample, 1.0% by chance.",
        ),
        (sentences.memorisation, COPIES, {}, "It copies no training samples."),
        (
            sentences.memorisation, COPIES, {"exact-w.training-overlaps": ""},
            "Memorisation is untested: it is measured on what it was trained on.",
        ),
        (sentences.memorisation, FAR, {}, "Memorisation is untested (--training-data)."),
        (
            sentences.loss, LOSS, {"critic-gap.dual-above-w1": ""},
            "The critic's loss, 2.7, is no lower bound of the distance: of one sample it is above W1.",
        ),
        (
            sentences.loss, LOSS, {"critic-gap.dual-below-w1": ""},
            "The critic's loss is no distance: 2.7, where the W1 of the samples is 3, and 2 at least without what "
            "sampling adds.",
        ),
        (sentences.loss, LOSS, {}, "The critic's loss, 2.7, agrees with a W1 between 2 and 3."),
        (
            sentences.loss, LOSS | {"critic-gap.w1_floors": 5.0}, {},
            "The critic's loss is 2.7; whether W1 itself is that small, 512 samples cannot tell.",
        ),
        (
            sentences.loss, LOSS | {"critic-gap.dual_raw": 0.3, "critic-gap.dual_ratio": 0.1}, {},
            "The critic's loss is 0.3, below what W1 is at least (2), which may be chance.",
        ),
        (
            sentences.loss, {name: LOSS[name] for name in ("critic-gap.dual_raw", "critic-gap.dual_ratio")},
            {"critic-gap.dual-above-w1": ""},
            "The critic's loss, 2.7, is no lower bound of the distance: of one sample it is above W1.",
        ),
        (
            sentences.loss, LOSS | STEEP, {},
            "The critic's loss, 2.7, is not to scale: its mean gradient norm between matched samples is 5, and 1 in a "
            "critic that computes W1; at slope 1 it would be 0.54.",
        ),
        (
            sentences.loss, LOSS | STEEP | {"critic-gap.gradient_norm_train": 1.25, "critic-gap.w1_floors": 4.0},
            {"critic-gap.penalty-hidden-by-batch-norm": ""},
            "The critic's loss, 2.7, is not to scale: its mean gradient norm between matched samples is 5, and 1 in a "
            "critic that computes W1 (its gradient penalty saw 1.25: that was in train mode, where its BatchNorm makes "
            "another function of it); at slope 1 it would be 0.54.",
        ),
        (
            sentences.loss, LOSS | STEEP | {"critic-gap.gradient_norm_transport": 1.4}, {},
            "The critic's loss, 2.7, agrees with a W1 between 2 and 3.",
        ),
        (
            sentences.loss, KNOWN, {"critic-gap.dual-against-known": "", "critic-gap.under-scaled": ""},
            "The critic's loss is no distance: 0.1, 50% of the true W1 0.2; its scale is too small: 3 times the critic "
            "certifies 0.19.",
        ),
        (
            sentences.loss, KNOWN, {"critic-gap.right-for-the-laws": ""},
            "The critic's loss, 0.1, is the W1 of the laws (0.2); that of 512 samples is 10, nearly all of it "
            "sampling.",
        ),
        (
            sentences.loss, KNOWN | {"critic-gap.dual_ratio_known": 1.02}, {},
            "The critic's loss, 0.1, is within a tenth of the true W1 0.09804, or within chance.",
        ),
        (
            sentences.slope, SLOPE, {"lipschitz.not-1-lipschitz": ""},
            "The critic is not 1-Lipschitz: it has a slope of 0.75.",
        ),
        (sentences.slope, SLOPE, {"lipschitz.1-lipschitz": ""}, "The critic is 1-Lipschitz: no slope is above 3."),
        (
            sentences.slope, SLOPE, {},
            "Whether the critic is 1-Lipschitz is open: its constant is at least 0.75 and at most 3.",
        ),
        (
            sentences.slope, {"lipschitz.lipschitz_lower": 0.75}, {},
            "Whether the critic is 1-Lipschitz is open: its constant is at least 0.75.",
        ),
        (sentences.modes, MODES, {"coverage.modes-lost": "3 of 8 modes are lost"}, "3 of 8 modes are lost."),
        (
            sentences.modes, MODES, {},
            "No part of the data is seen to be lost at step 200, of the 8 that are large enough to tell.",
        ),
        (
            sentences.modes, {"coverage.modes_testable": 0.0}, {},
            "Whether parts of the data are lost, so few samples cannot tell.",
        ),
    ],
)  # fmt: skip
def test_each_says_what_was_measured(say: Say, numbers: dict[str, Any], found: dict[str, str], text: str) -> None:
    (sentence,) = say(RUN, evidence(numbers, found))
    assert sentence.text == text
    assert not sentence.text[0].islower()


def test_a_share_of_the_floor_is_said_where_its_sign_is_known() -> None:
    known = evidence(FAR, {"exact-w.told-apart": ""})
    for name, low, high in (("w1", 3.1, 3.5), ("w1_floor", 2.9, 3.2)):
        known.measurements.loc[known.measurements["metric"] == name, ["ci_low", "ci_high"]] = low, high
    (sentence,) = sentences.distance(RUN, known)
    assert sentence.text.endswith("(n = 512).")


def test_a_snapshot_without_a_step_is_at_none() -> None:
    (sentence,) = sentences.distance(RUN, evidence(FAR, {"exact-w.told-apart": ""}, step=float("nan")))
    assert sentence.text.startswith("Told apart from the data: W1")


@pytest.mark.parametrize("say", [sentences.loss, sentences.slope])
def test_of_a_discriminator_neither_its_loss_nor_its_slope_is_judged(say: Say) -> None:
    known = evidence(LOSS | SLOPE, {"critic-gap.discriminator": ""})
    assert [*say(RUN, known)] == []


def test_a_steep_discriminator_without_a_finding_is_not_called_open() -> None:
    assert [*sentences.slope(RUN, evidence({"lipschitz.lipschitz_lower": 9.0}))] == []


@pytest.mark.parametrize(
    ("dual", "said"),
    [
        ((5.0, 4.0, 3.0, 2.0, 1.0), "follows W1."),
        ((1.0, 2.0, 3.0, 4.0, 5.0), "moves against W1."),
        ((1.0, 5.0, 2.0, 4.0, 3.0), ""),
        ((1.0, 1.0, 1.0, 1.0, 1.0), ""),
        ((5.0, 4.0, 3.0, 2.0), ""),
    ],
)
def test_a_loss_follows_w1_only_beyond_chance(dual: tuple[float, ...], said: str) -> None:
    w1 = tuple(float(k) for k in range(len(dual), 0, -1))
    (sentence,) = sentences.loss(RUN, evidence(LOSS | {"critic-gap.dual_raw": dual, "exact-w.w1": w1}))
    assert ("over 5 steps it" in sentence.text) == bool(said)
    assert sentence.text.endswith(said)


@pytest.mark.parametrize(
    "say", [sentences.distance, sentences.memorisation, sentences.loss, sentences.slope, sentences.modes]
)
def test_nothing_is_said_of_what_was_not_measured(say: Say) -> None:
    with pytest.raises(NotMeasurable):
        [*say(RUN, evidence({"other.metric": 1.0}))]
