"""With trust a plain pickle is unpickled in full, packed or not."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from wganalyze_checkpoints.pickles import trusted


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_network_is_what_it_was(write: Callable[..., Path], pack: Callable[[bytes], bytes]) -> None:
    net = torch.nn.Linear(3, 2)
    found = trusted.load(write(pack(pickle.dumps({"net": net}))))["net"]
    torch.testing.assert_close(found.state_dict(), net.state_dict())
