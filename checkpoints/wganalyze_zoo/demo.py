"""``wganalyze demo``: train two small WGANs on digits, analyse their checkpoints, show the report."""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from wganalyze import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from wganalyze_zoo.training import Settings
    from wganalyze_zoo.wgan import WassersteinTrainer

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
    """Both trainers; one whose checkpoints are all there, of these settings, is left as it is."""
    import torch

    from wganalyze_zoo.training import Settings, train
    from wganalyze_zoo.wgan import ClippedWgan, WganGp

    digits = training_digits()
    trainers: list[WassersteinTrainer] = [WganGp(), ClippedWgan()]
    threads = torch.get_num_threads()
    # Networks this small gain nothing from more threads, and the result is to depend on no number of cores.
    torch.set_num_threads(1)
    try:
        for trainer in trainers:
            steps, place = save_at[trainer.name], folder / trainer.name
            settings = Settings(save_at=steps, seed=seed)
            if is_trained(trainer, settings, place):
                click.echo(f"{place}: trained already", err=True)
                continue
            click.echo(f"{place}: training for {steps[-1]} steps", err=True)
            train(trainer, digits, settings, place, partial(_saved, place, time.perf_counter()))
    finally:
        torch.set_num_threads(threads)


def is_trained(trainer: WassersteinTrainer, settings: Settings, folder: Path) -> bool:
    """Does the folder hold all checkpoints that this trainer writes with these settings?"""
    import torch

    from wganalyze_zoo.training import checkpoint_path, config_of

    wanted = config_of(trainer, settings)
    try:
        paths = [checkpoint_path(folder, step) for step in settings.save_at]
        return all(torch.load(path, map_location="cpu", weights_only=True)["config"] == wanted for path in paths)
    except Exception:  # missing, or damaged, which makes torch raise nearly anything
        return False


def training_digits() -> Tensor:
    """The half of the digits that the demo trains on, (n, 64) in [-1, 1]."""
    import torch

    from wganalyze import Preprocessing, Split, data_source

    source = data_source(TRAINING_DATA)
    assert source.size is not None
    assert source.value_range is not None
    values = source.draw(source.size, Split("train"), offset=0, seed=0).values
    return torch.from_numpy(Preprocessing.to_range(source.value_range, -1, 1).apply(values, source.shape))


def _saved(place: Path, start: float, step: int, dual: float) -> None:
    seconds = time.perf_counter() - start
    click.echo(f"{place}: step {step} written, the critic says {dual:.3f} ({seconds:.0f} s)", err=True)
