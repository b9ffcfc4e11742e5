"""``wganalyze zoo``: the reference trainers on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from wganalyze import UsageError


@click.group(short_help="Train the GANs of the literature, small: zoo list, zoo train NAME.")
def zoo() -> None:
    """Reference trainers: the GANs of the literature, small; their checkpoints are analysed as any others are.

    \b
    wganalyze zoo list
    wganalyze zoo train wgan-gp --data digits:train --out ckpt/
    wganalyze zoo train gan --constraint sn --data ring8 --out gan-sn/
    wganalyze run ckpt/ --data digits:held-out
    """


@zoo.command("list", short_help="List the methods, their presets, and the constraints.")
def list_methods() -> None:
    """List every method with its source and presets, and every constraint; also methods of other packages."""
    from wganalyze_zoo.methods.constraints import CONSTRAINTS
    from wganalyze_zoo.methods.table import listed

    for entry in listed():
        method = entry.method
        if method is None:
            click.echo(f"{entry.name}  ({entry.distribution}): cannot be used: {entry.reason}")
            continue
        whose = "" if entry.distribution == "wganalyze" else f", {entry.distribution}"
        click.echo(f"{entry.name}  {method.help} ({method.source or 'no source stated'}{whose})")
        presets = {"toy": method.toy, "in the plane": method.plane, "published": method.published}
        for name, preset in presets.items() if method.fit is None else ():
            if preset is not None:
                click.echo(f"    {name}: {preset.described(critic=method.loss.critic is not None)}")
    click.echo("\nconstraints (--constraint, with any method that has a critic)")
    for constraint in CONSTRAINTS.values():
        click.echo(f"{constraint.name}  {constraint.help}")


def _steps(context: click.Context, parameter: click.Parameter, text: str | None) -> tuple[int, ...] | None:
    try:
        return None if text is None else tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(f"{text!r}: steps are whole numbers, as in 100,500,2000") from None


@zoo.command(short_help="Train a method, and write its checkpoints.")
@click.argument("method", metavar="NAME")
@click.option("--data", required=True, metavar="DATA", help="What to train on; wganalyze plugins lists the sources.")
@click.option("--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Where checkpoints go.")
@click.option("--steps", type=click.IntRange(1), help="Of the generator [default: the preset's].")
@click.option("--save-at", callback=_steps, metavar="A,B,C", help="Steps whose checkpoints are kept [default: five].")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all draws.")
@click.option(
    "--arch",
    default="mlp",
    show_default=True,
    metavar="mlp|mlp-nobn|dcgan|dcgan-nobn",
    help="The networks; -nobn: without BatchNorm.",
)
@click.option("--preset", default="toy", show_default=True, metavar="toy|published", help="Sizes and rates.")
@click.option("--loss", metavar="NAME", help="The loss of another method.")
@click.option(
    "--constraint",
    "constraints",
    multiple=True,
    metavar="clip|gp|lp|div|zero|sn|none",
    help="In place of the method's own; may be repeated.",
)
@click.option("--feature-matching", is_flag=True, help="The generator matches mean features (1606.03498).")
@click.option(
    "--minibatch-discrimination", is_flag=True, help="The critic compares the samples of a batch (1606.03498)."
)
@click.option(
    "--label-smoothing", type=float, metavar="LABEL", help="One-sided: the label of reals, as .9 (1606.03498)."
)
@click.option("--batch", type=click.IntRange(2), help="Batch size [default: the preset's].")
@click.option("--width", type=click.IntRange(1), help="Of hidden layers; of a DCGAN next to the image.")
@click.option("--latent-dim", type=click.IntRange(1), help="Of z [default: the preset's].")
@click.option("--device", default="auto", show_default=True, metavar="auto|cpu|cuda", help="Where networks run.")
@click.option("--restart", is_flag=True, help="Begin anew, whatever --out holds.")
@click.option("--debug", is_flag=True, help="Show tracebacks of errors.")
def train(method: str, data: str, out: Path, constraints: tuple[str, ...], debug: bool, **said: Any) -> int:
    """Train NAME (zoo list shows them) on DATA, and write checkpoints into --out, with a wganalyze.toml beside them.

    Interrupted, the same command goes on where it was; what comes out is the same to the bit. A loss that is no finite
    number ends the training: training.json says so, and the exit code is 0.
    """
    from wganalyze_zoo.display import make_progress
    from wganalyze_zoo.training import train as train_method

    chosen = None if not constraints else [] if constraints == ("none",) else list(constraints)
    try:
        with make_progress() as progress:
            run = train_method(method, data, out, constraints=chosen, progress=progress, **said)
    except OSError as error:
        raise UsageError(f"--out {out}: cannot be written ({error.strerror or error}); name another folder") from None
    ending = "is complete" if run.outcome == "complete" else f"ended behind step {run.step} in {run.outcome}"
    click.echo(
        f"{out}: {run.settings['method']} {ending}, {len(run.checkpoints)} checkpoints"
        f"{'' if run.trained else '; nothing to do'}"
    )
    return 0
