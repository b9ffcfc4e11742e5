"""What the built networks do, in a text that is equal for equal networks, whatever the user's code raises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from torch import Tensor, nn

from wganalyze.contracts.snapshot import Snapshot
from wganalyze.errors import CheckpointError
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import shifted_gaussians

KNOWN = shifted_gaussians()


def of(make_critic: Callable[[], nn.Module] | None = KNOWN.snapshot.make_critic) -> str:
    """The fingerprint of a snapshot with this critic."""
    return SnapshotStudy(replace(KNOWN.snapshot, make_critic=make_critic), KNOWN.deal).fingerprint


def raising(error: BaseException) -> Callable[[], nn.Module]:
    """A critic that cannot be built."""

    def make() -> nn.Module:
        raise error

    return make


class Picky(nn.Module):
    """Takes tens of samples."""

    def forward(self, x: Tensor) -> Tensor:
        if len(x) % 10:
            raise AssertionError("tens of samples")
        return x.sum(1)


def test_it_is_repeatable() -> None:
    assert of() == shifted_gaussians().fingerprint
    assert of() != shifted_gaussians(slope=2).fingerprint


def test_a_network_that_is_not_there() -> None:
    bare = Snapshot("snap", 0, "step", ())
    assert SnapshotStudy(bare, None).fingerprint == "no generator\nno critic"
    assert of(None).splitlines()[-1] == "no critic"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (CheckpointError("critic.pt does not fit the critic"), "CheckpointError: critic.pt does not fit the critic"),
        (ValueError("two\nlines"), "ValueError: two lines"),
        (AssertionError(), "AssertionError:"),
        (SystemExit(2), "SystemExit: 2"),
        (RuntimeError("<object at 0x7f00ab>"), "RuntimeError: <object at 0x>"),
    ],
)
def test_a_network_that_cannot_be_built_leaves_its_error(error: BaseException, line: str) -> None:
    """So that analyzers which do without it still run; an address would be another in each run."""
    assert of(raising(error)).splitlines()[-1].strip() == line
    assert of(raising(error)).splitlines()[0] == of().splitlines()[0]


def test_so_does_one_that_cannot_be_called() -> None:
    assert of(lambda: Picky().eval()).splitlines()[-1] == "AssertionError: tens of samples"


def test_an_interruption_goes_through() -> None:
    with pytest.raises(KeyboardInterrupt):
        of(raising(KeyboardInterrupt()))
