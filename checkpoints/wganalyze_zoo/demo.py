"""``wganalyze demo``: train two small WGANs on digits, analyse their checkpoints, show the report."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import click

from wganalyze import UsageError

TRAINING_DATA = "digits:train"
DATA = "digits:held-out"
REPLICATES = 3
SAVE_AT: Mapping[str, Sequence[int]] = {"wgan-gp": (50, 300, 700, 1200), "wgan": (50, 300, 700, 1200)}


@click.command(short_help="Train two small WGANs on digits, analyse them, show the report (a minute).")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("demo"), show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of training and of all draws.")
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
@click.pass_context
def demo(context: click.Context, out: Path, seed: int, debug: bool) -> int:
    """Train a WGAN-GP and a clipped WGAN on half of scikit-learn's digits, and analyse them on the other half.

    Writes OUT/checkpoints, as any trainer would, and OUT/report. Nothing is downloaded; it takes a minute on two
    cores. Run again, it goes on where it was interrupted.
    """
    checkpoints = out / "checkpoints"
    try:
        train_all(checkpoints, seed)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written ({error.strerror or error}); name another folder") from None
    options = {"--data": DATA, "--range": "-1,1", "--replicates": REPLICATES, "--seed": seed, "--out": out / "report"}
    arguments = ["run", str(checkpoints), *map(str, chain.from_iterable(options.items()))]
    click.echo(shlex.join(["wganalyze", *arguments]))
    wganalyze = context.find_root().command
    code: int = wganalyze.main(arguments + (["--debug"] if debug else []), standalone_mode=False, parent=context)
    return code


def train_all(folder: Path, seed: int, save_at: Mapping[str, Sequence[int]] = SAVE_AT) -> None:
    """Both methods; one whose checkpoints are all there, of these settings, is left as it is."""
    from wganalyze_zoo import training
    from wganalyze_zoo.display import Lines

    class Told(Lines):
        """In the demo's words."""

        def begin(self, name: str, folder: Path, done: int, steps: int) -> None:
            self.start = time.monotonic()
            click.echo(f"{folder}: training for {steps} steps", err=True)

        def stepped(self, step: int) -> None:
            """A checkpoint is written every few seconds: nothing to say between."""

        def saved(self, path: Path, step: int, estimate: float) -> None:
            seconds = time.monotonic() - self.start
            told = f"step {step} written, the critic says {estimate:.3f} ({seconds:.0f} s)"
            click.echo(f"{path.parent}: {told}", err=True)

    for method, steps in save_at.items():
        place = folder / method
        restart = not is_of(place, seed, steps)
        run = training.train(method, TRAINING_DATA, place, save_at=steps, seed=seed, restart=restart, progress=Told())
        if not run.trained:
            click.echo(f"{place}: trained already", err=True)


def is_of(folder: Path, seed: int, steps: Sequence[int]) -> bool:
    """Does the folder hold a training with this seed and these checkpoints, finished or not?"""
    from wganalyze_zoo.training.files import read_record

    record = read_record(folder) or {"settings": {}}
    settings = record["settings"]
    return bool(settings.get("seed") == seed and settings.get("save_at") == ",".join(map(str, steps)))
