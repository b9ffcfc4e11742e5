"""Files in which DeepSpeed's ZeRO keeps a part of the training each: no network by itself, which is said.

Layout: DeepSpeed's ``deepspeed/runtime/zero`` (``stage_1_and_2.py``, ``stage3.py``) and ``engine.py``.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from wganalyze import CheckpointError, Loader, Part, hookimpl
from wganalyze_checkpoints.pickles.tensors import StoredTensor
from wganalyze_checkpoints.torch import file as torch_file
from wganalyze_checkpoints.torch.modules import entries_of

_GROUPS = ("single_partition_of_fp32_groups", "fp32_flat_groups", "zero_stage", "partition_count")
_MERGE = "merge the parts by DeepSpeed's own script: python zero_to_fp32.py FOLDER OUTPUT"


class DeepSpeedZero(Loader):
    """The loader of kind "deepspeed-zero"."""

    name = "deepspeed-zero"

    def sniff(self, path: Path) -> float:
        """High for a partition of an optimizer, and for a network whose weights lie in such partitions."""
        try:
            return 0.95 if _what_it_is(path) else 0.0
        except CheckpointError:
            return 0.0

    def open(self, path: Path) -> list[Part]:
        """CheckpointError, which says what the file is."""
        what = _what_it_is(path) or "no part that DeepSpeed's ZeRO writes; inspect it with another loader"
        raise CheckpointError(f"{path}: {what}")


def _what_it_is(path: Path) -> str:
    """In words; "" for another file."""
    file = torch_file.read(path)
    root = entries_of(file.root) if file is not None else {}
    optimizer = entries_of(root.get("optimizer_state_dict"))
    if any(name in optimizer for name in _GROUPS):
        return f"a partition of the optimizer of DeepSpeed's ZeRO, which is no network; {_MERGE}"
    weights = [value for value in entries_of(root.get("module")).values() if isinstance(value, StoredTensor)]
    if "ds_version" in root and weights and not any(tensor.spec.size for tensor in weights):
        return f"a network of DeepSpeed's ZeRO stage 3, whose weights lie in the partitions beside it; {_MERGE}"
    return ""


@hookimpl
def wganalyze_loaders() -> Iterable[type[Loader]]:
    """The loader that names the parts of ZeRO."""
    return [DeepSpeedZero]
