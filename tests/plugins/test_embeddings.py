"""The built-in spaces: components, a classifier's features, a critic's; each fitted once, and deterministic."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from wganalyze import DataError, Embedding, NotMeasurable, Preprocessing, Samples, data_source
from wganalyze.study.dealing import Deal
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import shifted_gaussians
from wganalyze_plugins.embeddings import Classifier, CriticFeatures, Pca


def _digits(n: int = 100, seed: int = 0) -> SnapshotStudy:
    source = data_source("digits")
    deal = Deal(source, "digits", Preprocessing.to_range((0, 16), -1, 1), n, 3, seed)
    return SnapshotStudy(deal.marked(shifted_gaussians().snapshot), deal)


def _fitted(embedding: Embedding, study: SnapshotStudy) -> Embedding:
    embedding.fit(study)
    return embedding


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 5), st.integers(0, 100))
def test_components_are_a_projection(components: int, seed: int) -> None:
    """No distance grows; all components keep every distance; the first hold the most variance that so many can."""
    study = shifted_gaussians(dim=5, n=40, seed=seed)
    pca, whole = _fitted(Pca(str(components)), study), _fitted(Pca("5"), study)
    x = study.real()
    y, z = np.asarray(pca.embed(x)), np.asarray(whole.embed(x))
    between = np.linalg.norm(x.points[:, None] - x.points, axis=-1)
    assert (np.linalg.norm(y[:, None] - y, axis=-1) <= between + 1e-5).all()
    assert np.linalg.norm(z[:, None] - z, axis=-1) == pytest.approx(between, abs=1e-5)
    fit = study.real(study.fit_size, split="fit")
    values = np.linalg.eigvalsh(np.cov(fit.points.T, bias=True))[::-1]
    assert np.asarray(pca.embed(fit)).var(0) == pytest.approx(values[:components], rel=1e-4)


def test_components_say_what_they_keep() -> None:
    study = shifted_gaussians(dim=2, n=50)
    assert _fitted(Pca("2"), study).note == "100.0% of the variance of 500 real samples"
    with pytest.raises(NotMeasurable, match="have no more than 2 components"):
        Pca("3").fit(study)


@pytest.mark.parametrize("argument", ["", "x", "0", "-1", "2.5"])
def test_components_are_a_number(argument: str) -> None:
    with pytest.raises(DataError, match="say how many components"):
        Pca(argument)


def test_the_classifier_knows_digits_and_is_the_same_every_time() -> None:
    study = _digits()
    first, again, other = (_fitted(Classifier(), each) for each in (study, study, _digits(seed=1)))
    assert isinstance(first, Classifier)
    assert first.accuracy > 0.93
    assert f"accuracy {first.accuracy:.3f} on " in first.note
    x = study.real()
    points = np.asarray(first.embed(x))
    assert points.shape == (100, 32)
    assert (points == again.embed(x)).all()
    assert not np.allclose(points, other.embed(x))
    assert points[7:8] == pytest.approx(np.asarray(first.embed(x.take([7]))), abs=1e-5)


def test_its_features_tell_classes_apart_better_than_pixels() -> None:
    """Between-class over total scatter: what the space is for."""
    study = _digits()
    x = study.real()
    features = np.asarray(_fitted(Classifier(), study).embed(x))

    def share(points: np.ndarray) -> float:
        assert x.labels is not None
        centres = np.stack([points[x.labels == k].mean(0) for k in range(10)])[x.labels]
        return float(((centres - points.mean(0)) ** 2).sum() / ((points - points.mean(0)) ** 2).sum())

    assert share(features) > share(x.points) + 0.15


def test_images_of_a_size_get_convolutions() -> None:
    from wganalyze_plugins.embeddings import _body

    body = _body((3, 32, 32))
    assert any(isinstance(layer, torch.nn.Conv2d) for layer in body.modules())
    assert body(torch.zeros(2, 3 * 32 * 32)).shape == (2, 32)


def test_a_classifier_needs_labels() -> None:
    with pytest.raises(NotMeasurable, match="the data have no labels"):
        Classifier().fit(shifted_gaussians())
    with pytest.raises(NotMeasurable, match="are too few"):
        Classifier().fit(_digits(n=2))
    with pytest.raises(DataError, match="takes no argument"):
        Classifier("3")


class _Net(torch.nn.Module):
    """A critic whose features are known."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(2, 3, bias=False)
        self.last = torch.nn.Linear(3, 1)
        torch.nn.init.constant_(self.first.weight, 1 / math.sqrt(2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(x).relu())  # type: ignore[no-any-return]


def test_a_critic_gives_what_its_last_layer_reads() -> None:
    base = shifted_gaussians(n=300)
    study = SnapshotStudy(replace(base.snapshot, make_critic=lambda: _Net().eval()), base.deal)
    features = _fitted(CriticFeatures("any"), study)
    x = study.real()
    relu = np.maximum(x.points.sum(1, keepdims=True) / math.sqrt(2), 0)
    assert np.asarray(features.embed(x)) == pytest.approx(np.repeat(relu, 3, 1), abs=1e-5)
    assert features.of_snapshot == "any"
    assert isinstance(features.embed(Samples(x.points[:1], x.shape)), np.ndarray)


def test_the_last_layer_is_the_one_that_runs_last() -> None:
    """Whatever order the layers were made in; one that does not run, as a head for labels, is none."""

    class Net(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = torch.nn.Linear(5, 1)
            self.first = torch.nn.Linear(2, 5)
            self.labels = torch.nn.Linear(5, 10)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.first(x).relu())  # type: ignore[no-any-return]

    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.same = torch.nn.Linear(2, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.same(self.same(x)).sum(1, keepdim=True)  # type: ignore[no-any-return]

    base = shifted_gaussians(n=300)
    study = SnapshotStudy(replace(base.snapshot, make_critic=lambda: Net().eval()), base.deal)
    assert np.asarray(_fitted(CriticFeatures("any"), study).embed(study.real())).shape == (300, 5)
    with pytest.raises(NotMeasurable, match="runs several times"):
        CriticFeatures("a").fit(SnapshotStudy(replace(base.snapshot, make_critic=lambda: Twice().eval()), base.deal))


def test_a_critic_that_is_not_there_or_has_no_layer() -> None:
    base = shifted_gaussians()
    with pytest.raises(NotMeasurable, match="no critic"):
        CriticFeatures("a").fit(SnapshotStudy(replace(base.snapshot, make_critic=None), base.deal))
    pooled = replace(base.snapshot, make_critic=lambda: torch.nn.Sequential(torch.nn.AvgPool1d(2)).eval())
    with pytest.raises(NotMeasurable, match="no linear or convolutional layer"):
        CriticFeatures("a").fit(SnapshotStudy(pooled, base.deal))
    with pytest.raises(DataError, match="say whose"):
        CriticFeatures("")
