"""The pieces of one moment, by what they are."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from wganalyze.contracts.loader import Part
from wganalyze.contracts.samples import Samples
from wganalyze.networks.piece import Piece
from wganalyze.snapshots.moment import Member, Moment


def test_members_by_what_they_are(weights: Callable[..., Part]) -> None:
    stored = weights("fakes.npy", read_tensors=None, read_samples=lambda: Samples(np.zeros((4, 2)), (2,)))
    generator, average = (Member(Piece(weights(f"{name}.pt")), "generator", name == "ema") for name in ("G", "ema"))
    unknown, samples = Member(Piece(weights("x.pt")), None), Member(Piece(stored), None)
    moment = Moment((), (), None, [generator, unknown, samples, average])
    assert moment.of("generator") == [generator, average]
    assert moment.of("critic") == []
    assert moment.roles == {"generator"}
    assert (moment.unknown, moment.samples) == ([unknown], [samples])


@pytest.mark.parametrize(
    ("folder", "words", "label"),
    [
        ((), (), "root"),
        (("run",), (), "run"),
        ((), ("epoch", "3"), "epoch_3"),
        (("run", "7"), ("step", "9"), "run/7/step_9"),
    ],
)
def test_a_moment_is_called_by_its_folders_and_words(
    folder: tuple[str, ...], words: tuple[str, ...], label: str
) -> None:
    assert Moment(folder, words, None).label("root") == label
