"""The work of a reproduction, in processes of its own: trainings, and the analysis of a seed's checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import wganalyze
from wganalyze import WganalyzeError
from wganalyze_zoo.reproduction.recipes import CONTINUED, EVERYWHERE, FURTHER, Recipe, Subject, scaled

SPACES = ("pixels", "classifier")


def train_one(recipe: Recipe, subject: Subject, folder: Path, seed: int, scale: float) -> str:
    """Train, or go on, or do nothing where all is there; what came of it, in words."""
    from wganalyze_zoo.training import train

    run = train(
        recipe.method,
        subject.training,
        folder / recipe.folder,
        steps=scaled(recipe.steps, scale),
        seed=seed,
        arch=recipe.arch,
        constraints=recipe.constraints or None,
        device="cpu",
    )
    return run.outcome


def analyse(subject: Subject, checkpoints: Path, report: Path, seed: int) -> Path:
    """Measure every snapshot of a training seed, in pixels and, where the data have labels, a classifier's features.

    ``seed``: of the measurements, the same for all trainings, so that their samples and their features are the same.
    """
    labelled = wganalyze.data_source(subject.data).classes is not None
    return _run(subject, checkpoints, report, seed, only=EVERYWHERE, space=SPACES if labelled else SPACES[:1])


def continue_last(subject: Subject, checkpoints: Path, report: Path, seed: int) -> Path:
    """Train on from the last snapshots of CONTINUED, and measure what that does."""
    chosen = report.with_name("last")
    shutil.rmtree(chosen, ignore_errors=True)  # what a process that was killed left half copied
    for name in CONTINUED:
        saved = sorted((checkpoints / name).glob("step_*.pt"))
        if saved:
            (chosen / name).mkdir(parents=True)
            for file in (saved[-1], checkpoints / name / "wganalyze.toml"):
                shutil.copy2(file, chosen / name)
    return _run(subject, chosen, report, seed, only=FURTHER)


def measure_pair(pair: str, folder: Path, seed: int) -> Path:
    """The divergences of a pair of laws, which a probe measures; beside a critic that no number rests on."""
    import torch

    from wganalyze_zoo.networks.mlp import MlpCritic

    path = folder / "ckpt" / "critic.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    dim = wganalyze.data_source(pair).shape[0]
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        torch.save(MlpCritic(dim, 8).state_dict(), path)
    said: dict[str, Any] = {"n": 1000, "replicates": 3, "only": ("divergences", "exact-w"), "out": folder / "report"}
    return _measured(wganalyze.run(path.parent, data=pair, seed=seed, device="cpu", roles={"*": "critic"}, **said))


def _run(subject: Subject, path: Path, report: Path, seed: int, **asked: Sequence[str]) -> Path:
    said: Mapping[str, Any] = {**subject.said, **asked, "seed": seed, "out": report, "device": "cpu"}
    return _measured(wganalyze.run(path, data=subject.data, **said))


def _measured(report: wganalyze.Report) -> Path:
    """The folder of a report; WganalyzeError where cells of it failed."""
    rows = report.measurements
    failed = rows[rows["status"] == "failed"]
    if len(failed):
        first = failed.iloc[0]
        raise WganalyzeError(f"{report.path}: {first['analyzer']} failed on {first['snapshot']}: {first['message']}")
    return report.path
