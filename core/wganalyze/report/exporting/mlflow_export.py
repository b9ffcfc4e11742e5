"""A database of MLflow, which its server and ``MlflowClient`` read."""

from __future__ import annotations

import time
from pathlib import Path

from wganalyze.report.exporting.series import Exported, by_step, safe

AT_ONCE = 1000
"""Numbers that MLflow takes in one call."""


def write(exported: Exported, folder: Path) -> str:
    """Write one run for each trajectory into FOLDER/mlflow.db; an earlier export stays beside it, as runs do."""
    from mlflow import MlflowClient  # pyright: ignore[reportMissingImports]
    from mlflow.entities import Metric, Param  # pyright: ignore[reportMissingImports]

    address = f"sqlite:///{(folder / 'mlflow.db').resolve()}"
    client = MlflowClient(tracking_uri=address)
    known = client.get_experiment_by_name(exported.name)
    experiment = known.experiment_id if known else client.create_experiment(exported.name)
    now = int(time.time() * 1000)
    for name, series in exported.by_run().items():
        run = client.create_run(experiment, run_name=name).info.run_id
        client.log_batch(run, params=[Param(safe(key), value) for key, value in exported.facts.items()])
        numbers = [
            Metric(safe(key), value, now, step) for step, own in by_step(series).items() for key, value in own.items()
        ]
        for start in range(0, len(numbers), AT_ONCE):
            client.log_batch(run, metrics=numbers[start : start + AT_ONCE])
        client.set_terminated(run)
    return f"mlflow ui --backend-store-uri {address}"
