"""Offline runs for Weights & Biases, which ``wandb sync`` uploads; nothing is sent from here."""

from __future__ import annotations

from pathlib import Path

from wganalyze.report.exporting.series import Exported, by_step


def write(exported: Exported, folder: Path) -> str:
    """Write one offline run for each trajectory, FOLDER/wandb/offline-run-*."""
    import wandb

    quiet = wandb.Settings(
        silent=True,
        console="off",
        disable_git=True,
        disable_code=True,
        x_disable_stats=True,
        x_disable_meta=True,
        x_disable_machine_info=True,
    )
    for name, series in exported.by_run().items():
        run = wandb.init(
            mode="offline",
            dir=str(folder),
            project=exported.name,
            name=name,
            config=dict(exported.facts),
            settings=quiet,
            reinit="create_new",
        )
        for step, numbers in by_step(series).items():
            run.log(numbers, step=step)
        run.finish()
    if wandb.run is None:  # no run of the caller's own is left that this would end
        wandb.teardown()  # finish does not wait until the service has written its files
    return f"wandb sync {folder}/wandb/offline-run-*"
