"""``wganalyze demo``: train two small WGANs on digits, analyse their checkpoints, show the report."""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path

import click

from wganalyze import UsageError

TRAINING_DATA = "digits:train"
DATA = "digits:held-out"
REPLICATES = 3
REPLICATES_OF_SEEDS = 5
"""Among as many checkpoints three replicates tell hardly any from the best."""
SAVE_AT: Mapping[str, Sequence[int]] = {"wgan-gp": (50, 300, 700, 1200), "wgan": (50, 300, 700, 1200)}
GROUP = "*/seed=*"


@click.command(short_help="Train two small WGANs on digits, analyse them, show the report (a minute).")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=Path("demo"), show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of training and of all draws.")
@click.option(
    "--seeds", type=click.IntRange(1), default=1, show_default=True,
    help="Train both with as many seeds, from --seed on, and name the commands that answer the usual questions.",
)  # fmt: skip
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
@click.pass_context
def demo(context: click.Context, out: Path, seed: int, seeds: int, debug: bool) -> int:
    """Train a WGAN-GP and a clipped WGAN on half of scikit-learn's digits, and analyse them on the other half.

    Writes OUT/checkpoints, as any trainer would, and OUT/report. Nothing is downloaded; it takes a minute on two
    cores, with --seeds 3 a minute and a half. Run again, it goes on where it was interrupted.
    """
    checkpoints, report = out / "checkpoints", out / "report"
    try:
        refuse_others(out, checkpoints, seeds)
        train_all(checkpoints, seed, SAVE_AT, seeds=seeds)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written ({error.strerror or error}); name another folder") from None
    replicates = REPLICATES if seeds == 1 else REPLICATES_OF_SEEDS
    options = {"--data": DATA, "--range": "-1,1", "--replicates": replicates, "--seed": seed, "--out": report}
    arguments = ["run", str(checkpoints), *map(str, chain.from_iterable(options.items()))]
    click.echo(shlex.join(["wganalyze", *arguments]))
    wganalyze = context.find_root().command
    code: int = wganalyze.main(arguments + (["--debug"] if debug else []), standalone_mode=False, parent=context)
    if seeds > 1:
        for line in questions(out):
            click.echo(line)
    return code


def train_all(folder: Path, seed: int, save_at: Mapping[str, Sequence[int]] = SAVE_AT, *, seeds: int = 1) -> None:
    """Both methods; one whose checkpoints are all there, of these settings, is left as it is.

    With several ``seeds``, from ``seed`` on, each has a folder METHOD/seed=SEED, and as many are trained at once as
    there are cores. WganalyzeError where a process was killed.
    """
    if seeds == 1:
        for method, steps in save_at.items():
            train_one(method, folder / method, seed, steps)
        return
    from wganalyze_zoo.workers import cores, workers

    with workers(min(cores(), seeds * len(save_at)), folder.parent) as pool:
        jobs = [
            pool.submit(train_one, method, folder / method / f"seed={each}", each, steps)
            for each in range(seed, seed + seeds)
            for method, steps in save_at.items()
        ]
        for job in jobs:
            job.result()


def train_one(method: str, place: Path, seed: int, steps: Sequence[int]) -> None:
    """A method into a folder, told in the demo's words."""
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


def refuse_others(out: Path, checkpoints: Path, seeds: int) -> None:
    """UsageError where the checkpoints of a demo with one seed lie in the way of one with several, or vice versa."""
    for method in SAVE_AT:
        there = next((checkpoints / method).glob("*.pt" if seeds > 1 else "seed=*/*.pt"), None)
        if there is not None:
            kind = "one seed" if seeds > 1 else "several seeds"
            raise UsageError(f"--out {out}: {there} is of a demo with {kind}; name another folder")


def questions(out: Path) -> Iterator[str]:
    """What one asks of runs, each question with the command that answers it on this demo."""
    report = str(out / "report")
    trusted = ["check", report, "lipschitz_lower <= 1", "dual_ratio <= 1"]
    asked: Mapping[str, Sequence[str]] = {
        "Is my run any good?": ["show", report],
        "Which checkpoint is best?": ["best", report],
        "Is A better than B?": ["compare", report, "--group", GROUP],
        "Can I trust my critic's loss?": trusted,
        "What do the samples look like?": ["page", report, "--out", str(out / "page.html")],
    }
    yield ""
    yield "Five questions, and the commands that answer them here:"
    for question, arguments in asked.items():
        yield f"  {question:31} {shlex.join(['wganalyze', *arguments])}"
