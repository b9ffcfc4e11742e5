"""One whole run in a process of its own, in which everything is paid for; prints its CPU and wall seconds as JSON."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

FIELD = Path(__file__).parents[3] / "shared" / "field"
FACTORIES = Path(__file__).parents[1] / "field" / "factories.py"
COPIES = 20
"""Copies of a snapshot, with weights of their own."""
NOISE = 1e-2
"""Of a tensor's deviation, that its last copy differs by."""


@dataclass
class Clock:
    """A progress that notes the CPU and the wall seconds of every cell."""

    cells: list[dict[str, Any]] = field(default_factory=list)

    def note(self, line: str) -> None:
        """Nothing."""

    def begin(self, cells: int) -> None:
        """Nothing."""

    def cell(self, snapshot: str, analyzer: str) -> None:
        """It begins."""
        self.cells.append({"snapshot": snapshot, "analyzer": analyzer, **_now()})

    def done(self, outcome: Any) -> None:
        """It ends."""
        cell, now = self.cells[-1], _now()
        self.cells[-1] |= {"cpu": now["cpu"] - cell["cpu"], "wall": now["wall"] - cell["wall"], "at": now["wall"]}
        self.cells[-1] |= {"status": outcome.status, "shown": outcome.shown}


def _now() -> dict[str, float]:
    """Seconds since this process began."""
    return {"cpu": time.process_time(), "wall": time.time() - psutil.Process().create_time()}


def perturbed(folder: Path) -> None:
    """A trajectory of akanametov's WGAN-GP, its weights moved a little more in each step."""
    import torch

    for role in ("generator", "critic"):
        weights = torch.load(FIELD / f"wgan-gp-akanametov/{role}.pt", map_location="cpu", weights_only=True)
        for k in range(COPIES + 1):
            draws = torch.Generator().manual_seed(k)
            moved = {
                key: value + NOISE * k / COPIES * value.std() * torch.randn(value.shape, generator=draws)
                if value.is_floating_point() and value.numel() > 1 and "running" not in key
                else value
                for key, value in weights.items()
            }
            torch.save(moved, folder / f"{role}_{k:03d}.pt")


def run(case: str, folder: Path) -> list[dict[str, Any]]:
    """The cells of a case; ``folder`` is empty."""
    import wganalyze

    clock, out = Clock(), folder / "report"
    if case == "conv":
        checkpoints = folder / "ckpt"
        checkpoints.mkdir()
        perturbed(checkpoints)
        data = f"idx:{FIELD / 'mnist-t10k/t10k-images-idx3-ubyte.gz'}"
        networks = {role: f"{FACTORIES}:Akanametov{role.title()}" for role in ("generator", "critic")}
        wganalyze.run(checkpoints, data=data, out=out, progress=clock, **networks)  # type: ignore[arg-type]
    else:
        checkpoints = FIELD / f"w1-benchmark/critics/width_{case}"
        funnel = FIELD / f"w1-benchmark/funnels/dim_2/width_{case}/deg_8_seed_987.pt"
        wganalyze.run(checkpoints, data=f"funnel:{funnel}", out=out, progress=clock)
    return clock.cells


if __name__ == "__main__":
    cells = run(sys.argv[1], Path(sys.argv[2]))
    print(json.dumps({"cells": cells, **_now()}))
