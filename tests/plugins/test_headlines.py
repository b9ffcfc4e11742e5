"""What the built-in analyzers show in the summary: the columns, their order, and the line under the table."""

from __future__ import annotations

from itertools import groupby

import pytest

from wganalyze import Analyzer, Headline
from wganalyze_plugins.critic_gap import CriticGap
from wganalyze_plugins.exact_w import ExactW
from wganalyze_plugins.kmeans import KMeans
from wganalyze_plugins.lipschitz import Lipschitz
from wganalyze_plugins.minibatch import MiniBatch
from wganalyze_plugins.snapshot import SnapshotAnalyzer

SHOWN = (ExactW, CriticGap, Lipschitz)


def headlines(*analyzers: type[Analyzer]) -> list[tuple[str, Headline]]:
    """Metrics with their headlines, from the left."""
    found = [(m.name, m.headline) for analyzer in analyzers for m in analyzer.metrics if m.headline is not None]
    return sorted(found, key=lambda pair: pair[1].rank)


def test_the_columns() -> None:
    columns = [
        (title, [name for name, _ in group])
        for title, group in groupby(headlines(*SHOWN), key=lambda pair: pair[1].title)
    ]
    assert columns == [
        ("W1 [95% CI]", ["w1"]),
        ("floor", ["w1_floor"]),
        ("p (Holm)", ["w1_pvalue"]),
        ("dual", ["dual_raw"]),
        ("dual/W1", ["dual_ratio"]),
        ("Lipschitz K", ["lipschitz_lower", "lipschitz_upper"]),
    ]


def test_how_they_are_shown() -> None:
    shown = dict(headlines(*SHOWN))
    assert [name for name, headline in shown.items() if headline.interval] == ["w1"]
    assert {name: headline.end for name, headline in shown.items() if headline.end} == {
        "lipschitz_lower": "low",
        "lipschitz_upper": "high",
    }
    # What f certifies beside what f = 0 does is no headline: 96% (96%) at high dimension, for any critic.
    assert {name: headline.share_of for name, headline in shown.items() if headline.share_of} == {}


def test_the_line_under_the_table() -> None:
    assert [headline.legend for _, headline in headlines(*SHOWN) if headline.legend] == [
        "W1: between samples of size n, interval for its expectation at this n",
        "floor: W1 between two real samples",
        "p: are real and fake told apart at all?",
        "dual: E f(real) - E f(fake), the critic's loss, sign fixed",
        "K: bracket of the critic's Lipschitz constant",
    ]


@pytest.mark.parametrize("analyzer", [KMeans, MiniBatch, SnapshotAnalyzer])
def test_the_others_are_shown_by_name_where_they_stand_alone(analyzer: type[Analyzer]) -> None:
    assert headlines(analyzer) == []


def test_the_test_alone_is_corrected() -> None:
    everything = (*SHOWN, KMeans, MiniBatch, SnapshotAnalyzer)
    corrected = [metric.name for analyzer in everything for metric in analyzer.metrics if metric.correction == "holm"]
    assert corrected == ["w1_pvalue"]
