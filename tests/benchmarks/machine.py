"""The machine that was measured on."""

from __future__ import annotations

import os
import platform
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

LIPSCHITZ = ("eclipse-nn", "orthogonium", "deel-torchlip")


def machine() -> str:
    """What it ran on."""
    names = ("numpy", "scipy", "torch", "numba", "pot", "lapx", "lapjv", "ortools", *LIPSCHITZ)
    versions = []
    for name in names:
        with suppress(PackageNotFoundError):
            versions.append(f"{name} {version(name)}")
    memory = psutil.virtual_memory().total / 2**30
    cpu = Path("/proc/cpuinfo").read_text().splitlines()
    models = [line.split(":")[1].strip() for line in cpu if "model name" in line]
    where = f"{models[0] if models else platform.processor()}, {os.cpu_count()} cores, {memory:.0f} GiB"
    return f"{where}; Python {platform.python_version()}; {', '.join(versions)}."
