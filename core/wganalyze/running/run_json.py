"""run.json: the record of a run."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

RECORDED = (
    "torch", "numpy", "scipy", "pandas", "pyarrow", "pot", "faiss-gpu", "faiss-cpu", "scikit-learn", "pluggy", "click",
    "rich", "pillow", "packaging", "numba", "safetensors", "onnxruntime", "keras",
)  # fmt: skip


def _is_gone(record: Mapping[str, Any]) -> bool:
    return not all(Path(file).exists() for file in record.get("files", ()))


def _gpu(device: str) -> str | None:
    """Name of the GPU that the networks run on."""
    import torch

    return torch.cuda.get_device_name(device) if device.startswith("cuda") else None


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
