"""A critic of packs: asked about packs, whose W1 and slopes are those of the product space."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.cells.measuring import Question, measure, tables_of
from wganalyze.cells.packed import PackedStudy, as_the_critic_sees
from wganalyze.contracts.analyzer import Analyzer
from wganalyze.contracts.study import Need
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import ask, numbers, shifted_gaussians
from wganalyze.transport import wasserstein
from wganalyze_plugins.critic_gap import CriticGap
from wganalyze_plugins.exact_w import ExactW
from wganalyze_plugins.lipschitz.analyzer import Lipschitz

SIZE = 4


class Packing(nn.Module):
    """The mean of the scores of a pack of ``SIZE``: of slope 1 / sqrt(SIZE) in the product space."""

    def __init__(self, single: nn.Module) -> None:
        super().__init__()
        self.single = single

    def forward(self, x: Tensor) -> Tensor:
        return self.single(x.view(-1, SIZE, 2)).mean(1)  # type: ignore[no-any-return]


def study(n: int = 200) -> SnapshotStudy:
    """Two Gaussians one apart, and a critic of packs."""
    known = shifted_gaussians(n=n)
    assert known.snapshot.make_critic is not None
    make = known.snapshot.make_critic
    snapshot = replace(known.snapshot, make_critic=lambda: Packing(make()).eval())
    return SnapshotStudy(snapshot, known.deal)


class Asks(Analyzer):
    """Asks for what is given."""

    name = "asks"


def seen(base: SnapshotStudy, *needs: Need) -> SnapshotStudy:
    return as_the_critic_sees(base, type("Of", (Asks,), {"needs": frozenset(needs)}))


def test_only_what_asks_the_critic_sees_packs() -> None:
    base = study()
    assert seen(base, Need.REAL, Need.FAKE) is base
    packed = seen(base, Need.SCORES)
    assert isinstance(packed, PackedStudy)
    assert seen(base, Need.GRADIENT) is packed
    plain = shifted_gaussians()
    assert seen(plain, Need.CRITIC) is plain


def test_a_pack_is_consecutive_samples() -> None:
    base = study()
    packed = seen(base, Need.CRITIC)
    assert (packed.n, packed.dim, packed.space) == (50, 2 * SIZE, f"{base.space}, packs of {SIZE}")
    np.testing.assert_array_equal(packed.real().points, base.real().points.reshape(50, 8))
    np.testing.assert_array_equal(packed.fake(7, 1, "x2").points, base.fake(28, 1, "x2").points.reshape(7, 8))
    single = shifted_gaussians(n=200).scores(base.real()).reshape(50, SIZE).mean(1)
    np.testing.assert_allclose(packed.scores(packed.real()), single, rtol=1e-6)


def test_the_critic_is_held_against_transport_of_packs() -> None:
    """The mean of SIZE scores of slope 1 has slope 1/2 here; the dual of packs is that of samples."""
    base = study()
    told = numbers(ask(base, CriticGap))
    packed, plain = seen(base, Need.CRITIC), numbers(ask(shifted_gaussians(n=200), CriticGap))
    assert told["dual_raw"] == pytest.approx(plain["dual_raw"], rel=1e-6)
    w1 = np.mean([wasserstein(packed.real(None, r).points, packed.fake(None, r).points).value for r in range(3)])
    assert told["gap"] == pytest.approx(w1 - told["dual_raw"], rel=1e-6)
    assert told["dual_pair"] <= w1
    bracket = numbers(ask(base, Lipschitz))
    assert bracket["lipschitz_lower"] == pytest.approx(SIZE**-0.5, rel=1e-6)


def test_what_needs_no_critic_is_measured_on_samples() -> None:
    base = study()
    assert numbers(ask(base, ExactW))["w1"] == numbers(ask(shifted_gaussians(n=200), ExactW))["w1"]


def test_the_sign_is_found_from_packs_and_recorded() -> None:
    base = study()
    base = SnapshotStudy(replace(base.snapshot, orientation=None), base.deal)
    assert seen(base, Need.CRITIC).orientation == 1
    assert any("critic scores real high" in text for text in base.assumptions)
    assert any(f"looks at {SIZE} samples together" in text for text in base.assumptions)


def test_too_few_packs_are_refused_with_the_number_that_is_needed() -> None:
    outcome = ask(study(n=20), CriticGap, status="skipped")
    assert outcome.message.endswith("20 samples make 5 packs: say --n 32 or more")


def test_the_row_that_says_so_is_written() -> None:
    base, question = study(n=20), Question(CriticGap, CriticGap.Options(), "wganalyze", "1")
    (row,) = tables_of(measure(base, question), base, question, "RUN", "cell").measurements.to_pylist()
    assert (row["status"], row["n_split"]) == ("skipped", None)
    assert row["message"].endswith("say --n 32 or more")


def test_a_critic_that_cannot_be_called_says_so_itself() -> None:
    base = study()
    broken = SnapshotStudy(replace(base.snapshot, make_critic=lambda: torch.nn.Linear(9, 1).eval()), base.deal)
    assert seen(broken, Need.CRITIC) is broken
