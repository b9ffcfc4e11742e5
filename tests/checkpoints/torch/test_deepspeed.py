"""The parts of DeepSpeed's ZeRO are named, and its whole networks are state dicts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.checkpoints.conftest import forms

from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.torch.deepspeed import DeepSpeedZero
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADER = DeepSpeedZero()
BASE = {"state": {0: {"exp_avg": torch.ones(10)}}, "param_groups": [{"lr": 1}]}
OPTIMIZERS = [
    {"base_optimizer_state": BASE, "single_partition_of_fp32_groups": [torch.ones(100)], "zero_stage": 2},
    {"fp32_flat_groups": [torch.ones(100)], "zero_stage": 3, "partition_count": 2},
]


@forms
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_partition_is_named(save: Callable[..., Path], form: str, optimizer: object) -> None:
    path = save({"optimizer_state_dict": optimizer, "ds_config": {}, "ds_version": "0.9"}, form)
    assert LOADER.sniff(path) > TorchStateDict().sniff(path)
    with pytest.raises(CheckpointError, match=r"a partition of the optimizer .* python zero_to_fp32\.py"):
        LOADER.open(path)


def test_a_network_whose_weights_lie_elsewhere_is_named(save: Callable[..., Path]) -> None:
    empty = {"0.weight": torch.empty(0), "0.bias": torch.empty(0)}
    path = save({"module": empty, "param_shapes": [{"0.weight": torch.Size([4, 2])}], "ds_version": "0.9"})
    assert LOADER.sniff(path) > TorchStateDict().sniff(path)
    with pytest.raises(CheckpointError, match="stage 3, whose weights lie in the partitions"):
        LOADER.open(path)


def test_a_whole_network_is_read_as_a_state_dict(save: Callable[..., Path]) -> None:
    path = save({"module": {"0.weight": torch.ones(4, 2)}, "ds_version": "0.9", "global_steps": 7})
    assert LOADER.sniff(path) == 0
    (part,) = TorchStateDict().open(path)
    assert (part.name, list(part.keys)) == ("module", ["0.weight"])


@pytest.mark.parametrize("value", [{}, [1], {"module": {}}, {"optimizer_state_dict": BASE}, torch.ones(2)])
def test_other_files_are_not_claimed(save: Callable[..., Path], value: object) -> None:
    path = save(value)
    assert LOADER.sniff(path) == 0
    with pytest.raises(CheckpointError, match="another loader"):
        LOADER.open(path)
