"""Options that several verbs share, and how their text is read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console


F = TypeVar("F", bound=Callable[..., Any])

TRUST_HELP = (
    "Run code that comes with the checkpoints: TorchScript and pickled modules, and factories named by a "
    "wganalyze.toml that lies beside them. Only for files whose author you trust."
)


def opening_options(function: F) -> F:
    """What decides how a path is read: factories, roles, latent, configuration, trust."""
    options = [
        click.option("--generator", metavar="FACTORY", help="MODULE:NAME or FILE.py:NAME that builds the generator; "
                     "literal arguments may follow: 'train:Generator(64, channels=1)'."),
        click.option("--critic", metavar="FACTORY", help="As --generator, for the critic (or discriminator)."),
        click.option("--role", "roles", metavar="PATTERN=ROLE", multiple=True,
                     help="Files matching PATTERN are a generator, a critic, or ignored: 'method_*.pt=critic'."),
        click.option("--latent", metavar="SHAPE", help="Shape of the latent without its batch axis: 64 or 64,1,1."),
        click.option("--latent-law", type=click.Choice(["normal", "uniform"]), help="Law of the latent."),
        click.option("--classes", type=click.IntRange(1), help="Number of labels of a conditional model."),
        click.option("--label-encoding", type=click.Choice(["index", "onehot", "concat"]),
                     help="How labels are passed: as a second argument, index or one-hot, or joined to the input."),
        click.option("--generator-mode", type=click.Choice(["eval", "train"]),
                     help="Mode in which the generator samples (default: eval)."),
        click.option("--weights", type=click.Choice(["raw", "ema"]), help="Which copy of the generator samples."),
        click.option("--output", type=click.Choice(["score", "logit", "probability"]),
                     help="What the critic's output means."),
        click.option("--orientation", type=click.Choice(["1", "-1"]), help="1: the critic scores real high."),
        click.option("--gradient-penalty", metavar="LAMBDA", type=float, help="Weight of the trainer's penalty."),
        click.option("--config", "config_file", type=click.Path(path_type=Path, exists=True, dir_okay=False),
                     help="A wganalyze.toml that you trust."),
        click.option("--trust", is_flag=True, help=TRUST_HELP),
        click.option("--allow", metavar="MODULE:CLASS", multiple=True,
                     help="Let pickled networks be made of this class (and torch's layers), and of nothing else."),
        click.option("--infer", is_flag=True, help="Guess architectures that nobody named from keys and shapes; each "
                     "guess is tried on the data, reported, and refused where two fit equally well."),
        click.option("--loader", metavar="NAME", help="Read every file with this loader."),
        click.option("--no-plugin", "no_plugins", metavar="NAME", multiple=True, help="Do not import this plugin."),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


def make_console() -> Console:
    """A console on stdout that shows names as they are, and obeys none; as wide as the terminal, or as a log."""
    from rich.console import Console
    from rich.text import Text

    from wganalyze.report.terminal import LOG_WIDTH

    class Shown(Console):
        def render_str(self, text: str, **more: Any) -> Text:
            return super().render_str("".join(c if c.isprintable() or c == "\n" else "?" for c in text), **more)

    console = Shown(highlight=False, markup=False, emoji=False)
    return console if console.is_terminal else Shown(highlight=False, markup=False, emoji=False, width=LOG_WIDTH)
