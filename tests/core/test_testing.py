"""For plugin authors: the study with known answers has them, and the conformance check finds what breaks a contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wganalyze.contracts.analyzer import Analyzer, Yielded
from wganalyze.contracts.measurement import Finding, Measurement, Metric
from wganalyze.contracts.samples import Split
from wganalyze.contracts.study import Need
from wganalyze.errors import NotMeasurable
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import Gaussian, check_analyzer, shifted_gaussians

# The study


@settings(max_examples=15)
@given(
    shift=st.floats(-3, 3), dim=st.integers(1, 5), slope=st.floats(0.1, 4), seed=st.integers(0, 100)
)  # fmt: skip
def test_the_dual_is_slope_times_shift(shift: float, dim: int, slope: float, seed: int) -> None:
    study = shifted_gaussians(shift, dim, n=400, replicates=1, seed=seed, slope=slope)
    dual = study.scores(study.real()).mean() - study.scores(study.fake()).mean()
    # The scores have the standard deviation ``slope``, so the difference of two means of 400 has slope / sqrt(200).
    assert abs(dual - slope * shift) < 6 * slope / np.sqrt(200)


@settings(max_examples=15)
@given(dim=st.integers(1, 6), slope=st.floats(0.1, 4))
def test_the_gradient_is_the_slope_everywhere(dim: int, slope: float) -> None:
    study = shifted_gaussians(dim=dim, n=10, slope=slope)
    for samples in (study.real(), study.fake()):
        assert np.allclose(np.linalg.norm(study.gradient(samples), axis=1), slope, rtol=1e-6)


def test_the_fakes_are_moved_along_the_diagonal() -> None:
    study = shifted_gaussians(shift=2, dim=4, n=5000, replicates=1)
    moved = study.fake().points.mean(axis=0) - study.real().points.mean(axis=0)
    assert np.allclose(moved, 2 / np.sqrt(4), atol=6 * np.sqrt(2 / 5000))


def test_w1_approaches_the_shift() -> None:
    study = shifted_gaussians(shift=3, dim=1, n=400, replicates=1)
    transport = study.transport(study.real(), study.fake(), p=1)
    # On the line, W1 of samples differs from the shift by no more than W1 of each sample to its own law.
    assert transport.value == pytest.approx(3, abs=0.3)
    assert study.has(Need.CRITIC)
    assert study.orientation == 1


def test_the_source_is_seeded_by_seed_and_split() -> None:
    source = Gaussian(3)
    first = source.draw(50, Split("x"), offset=0, seed=1).values
    assert np.array_equal(first, source.draw(50, Split("x"), offset=9, seed=1).values)
    for other in (source.draw(50, Split("x2"), offset=0, seed=1), source.draw(50, Split("x"), offset=0, seed=2)):
        assert not np.array_equal(first, other.values)
    assert Gaussian(3).digest != Gaussian(2).digest


# The check


class Sound(Analyzer):
    """The mean of the real samples."""

    name = "sound"
    needs = frozenset({Need.REAL})
    metrics = (Metric("mean", "Mean of all values."),)

    @dataclass(frozen=True)
    class Options:
        factor: float = field(default=1.0, metadata={"help": "Multiplies the mean."})

    def measure(self, study: SnapshotStudy) -> Iterator[Yielded]:
        yield Measurement("mean", self.options.factor * float(study.real().points.mean()))
        yield Finding("info", "seen", "was seen", ("mean",))


def variant(**attributes: Any) -> type[Analyzer]:
    """``Sound`` with something else in it."""
    return type("Variant", (Sound,), attributes)


def yielding(*things: object, error: Exception | None = None) -> type[Analyzer]:
    """``Sound`` with another answer."""

    def measure(self: Analyzer, study: SnapshotStudy) -> Iterator[object]:
        yield from things
        if error is not None:
            raise error

    return variant(measure=measure)


def test_a_sound_analyzer_passes() -> None:
    outcome = check_analyzer(Sound)
    assert (outcome.status, len(outcome.measurements), len(outcome.findings)) == ("ok", 1, 1)


def test_the_study_can_be_the_authors_own() -> None:
    own = shifted_gaussians(n=17)
    assert check_analyzer(Sound, own).measurements[0].value == float(own.real().points.mean())


def test_declining_to_answer_keeps_the_contract() -> None:
    assert check_analyzer(yielding(error=NotMeasurable("not here"))).status == "skipped"


@dataclass
class Thawed:
    """Options that could change."""


@dataclass(frozen=True)
class Silent:
    """An option without help."""

    factor: float = 1.0


@pytest.mark.parametrize(
    ("analyzer", "reason"),
    [
        (variant(Options=int), "Options is not a dataclass"),
        (variant(Options=Thawed), "Options is not frozen"),
        (variant(Options=Silent), "the option factor has no help"),
        (variant(metrics=(Metric("mean", ""),)), "the metric mean has no help"),
        (yielding(Measurement("median", 1.0)), "which it does not declare"),
        (yielding(error=RuntimeError("broke")), "RuntimeError: broke"),
        (yielding(), "yielded nothing"),
        (yielding(Finding("info", "code", "text", ("median",))), r"rests on \['median'\]"),
    ],
)
def test_a_broken_contract_is_named(analyzer: type[Analyzer], reason: str) -> None:
    with pytest.raises(AssertionError, match=f"sound.*{reason}"):
        check_analyzer(analyzer)
