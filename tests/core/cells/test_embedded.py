"""Samples in another space: isometries change no distance, nothing is shared between spaces, networks are in none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from wganalyze.cells.embedded import EmbeddedStudy, Space, in_space
from wganalyze.cells.key import cell_key
from wganalyze.cells.measuring import Question, measure, tables_of
from wganalyze.contracts.analyzer import Analyzer, NoOptions
from wganalyze.contracts.embedding import Embedding
from wganalyze.contracts.measurement import Finding, Measurement, Metric
from wganalyze.contracts.samples import Points, Samples
from wganalyze.contracts.study import Need, Study
from wganalyze.errors import DataError, NotMeasurable
from wganalyze.testing import shifted_gaussians

TURN = np.array([[0.6, -0.8], [0.8, 0.6]])


class Linear(Embedding):
    """x -> x A."""

    name, help = "linear", "for tests"

    def __init__(self, matrix: np.ndarray, note: str = "") -> None:
        super().__init__()
        self.matrix, self.note, self.fits = matrix, note, 0

    def fit(self, study: Study) -> None:
        self.fits += 1

    def embed(self, samples: Samples) -> Points:
        points: Points = samples.points @ self.matrix
        return points


@dataclass(frozen=True, eq=False)
class Bent(Embedding):
    """Whatever ``give`` makes of the samples."""

    give: Callable[[Samples], Points]
    name, help = "bent", "for tests"

    def embed(self, samples: Samples) -> Points:
        return self.give(samples)


class Distance(Analyzer):
    """W1, and a finding."""

    name, in_spaces = "distance", True
    metrics = (Metric("w", "W1."), Metric("cached", "Made once for a run."))

    def measure(self, study):  # type: ignore[no-untyped-def]
        yield Measurement.of("w", study.transport(study.real(), study.fake()).value, study)
        yield Measurement.of("cached", study.cached("mine", lambda: study.real().points.sum(), scope="data"), study)
        yield Finding("info", "told", "so it is", ("w",))


class Norm(Analyzer):
    """Of the critic."""

    name, needs = "norm", frozenset({Need.CRITIC})
    metrics = (Metric("k", "K."),)

    def measure(self, study):  # type: ignore[no-untyped-def]
        yield Measurement.of("k", 1.0, study)


@pytest.mark.parametrize(("matrix", "factor"), [(TURN, 1.0), (2 * TURN, 2.0), (np.eye(2, 5), 1.0)])
def test_an_isometry_keeps_every_distance_and_a_scale_multiplies_it(matrix: np.ndarray, factor: float) -> None:
    base = shifted_gaussians(n=40)
    study = EmbeddedStudy(base, Space("linear", Linear(matrix)))
    for p in (1, 2):
        apart = base.transport(base.real(), base.fake(), p).value
        assert study.transport(study.real(), study.fake(), p).value == pytest.approx(factor * apart, rel=1e-6)
    assert study.real().shape == matrix.shape[1:]
    assert study.dim == matrix.shape[1]
    assert study.real(split="fit", n=10).points == pytest.approx(base.real(split="fit", n=10).points @ matrix)


def test_it_is_fitted_once_for_all_snapshots_of_a_run() -> None:
    base, space = shifted_gaussians(n=10), Space("linear", Linear(TURN, "a turn"))
    first = EmbeddedStudy(base, space)
    again = EmbeddedStudy(type(base)(base.snapshot, base.deal, base.shared), space)
    assert first.real() is again.real()  # real samples belong to the run
    assert (first.fake().points == again.fake().points).all()
    assert first.space == again.space == "linear (a turn)"
    assert isinstance(space.embedding, Linear)
    assert space.embedding.fits == 1


def test_what_analyzers_share_is_shared_within_a_space_alone() -> None:
    base = shifted_gaussians(n=30)
    turned, doubled = (Space(text, Linear(matrix)) for text, matrix in (("turn", TURN), ("double", 2 * np.eye(2))))
    answers = [measure(base, Question(Distance, NoOptions(), space=space)) for space in (None, turned, doubled)]
    values = [{m.metric: m.value for m in outcome.measurements} for outcome in answers]
    assert values[1]["w"] == pytest.approx(values[0]["w"], rel=1e-6)
    assert values[2]["w"] == pytest.approx(2 * values[0]["w"], rel=1e-6)
    assert values[2]["cached"] == pytest.approx(2 * values[0]["cached"], rel=1e-6)
    assert values[1]["cached"] != pytest.approx(values[0]["cached"], rel=1e-3)


def test_networks_are_in_no_space() -> None:
    study = in_space(shifted_gaussians(n=10), Space("linear", Linear(TURN)))
    assert study.has(Need.REAL)
    assert study.has(Need.FAKE)
    for need in (Need.CRITIC, Need.SCORES, Need.GRADIENT, Need.GENERATOR):
        assert study.lacks(need) == f"the space linear holds samples, and not {need.value}"
    with pytest.raises(NotMeasurable, match="holds samples"):
        study.scores(study.real())
    assert (study.known_w1, dict(study.known), study.modes, study.log_ratio(study.real())) == (None, {}, None, None)
    assert in_space(study, None) is study


@pytest.mark.parametrize(
    ("give", "wrong"),
    [
        (lambda s: s.points * np.nan, "NaN or infinity"),
        (lambda s: s.points[:-1], r"\(39, 2\)"),
        (lambda s: s.points[:, 0], r"\(40,\)"),
    ],
)
def test_what_is_no_point_is_refused(give: Callable[[Samples], Points], wrong: str) -> None:
    study = EmbeddedStudy(shifted_gaussians(n=40), Space("bent", Bent(give)))
    with pytest.raises(DataError, match=f"--space bent: gives {wrong}"):
        study.real()


def test_rows_and_findings_say_where_they_are() -> None:
    base, space = shifted_gaussians(n=20), Space("linear", Linear(np.eye(2, 3), "flat"))
    rows = {}
    for question in (Question(Distance, NoOptions(), space=space), Question(Distance, NoOptions())):
        tables = tables_of(measure(base, question), base, question, "RUN", "cell")
        row, finding = tables.measurements.to_pylist()[0], tables.findings.to_pylist()[0]
        rows[question.name] = (row["space"], row["embedding"], row["dim"], finding["embedding"], finding["message"])
    assert rows == {
        "distance@linear": ("linear (flat)", "linear", 3, "linear", "in the space linear: so it is"),
        "distance": ("critic input as stored", "pixels", 2, "pixels", "so it is"),
    }
    question = Question(Norm, NoOptions())
    row = tables_of(measure(base, question), base, question, "RUN", "cell").measurements.to_pylist()[0]
    assert row["embedding"] is None  # it is about a network, whatever the space of the samples


def test_the_key_of_a_cell_knows_the_space() -> None:
    """By its name, by what it makes of samples, and by the snapshot whose networks it takes."""

    def key(space: Space | None) -> str:
        return cell_key(shifted_gaussians(n=10), Distance, NoOptions(), space)

    spaces = [None, Space("a", Linear(TURN)), Space("b", Linear(TURN)), Space("a", Linear(2 * TURN))]
    spaces.append(Space("a", Linear(TURN), shifted_gaussians().snapshot))
    keys = [key(space) for space in spaces]
    assert len({*keys}) == len(spaces)
    assert keys[1] == key(Space("a", Linear(TURN, "a note")))


def test_a_map_of_whole_batches_is_no_space() -> None:
    """What a sample becomes must not depend on its neighbours: distances would depend on batches."""
    centred = Space("centred", Bent(lambda s: s.points - s.points.mean(0)))
    with pytest.raises(DataError, match="--space centred: what it makes of a sample depends on the samples beside it"):
        cell_key(shifted_gaussians(n=10), Distance, NoOptions(), centred)
