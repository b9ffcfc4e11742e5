"""Everything that a user can say, each fact declared once.

The command line, ``wganalyze.run``, ``wganalyze.toml`` and the file that ``init`` writes are made from this.
"""

from __future__ import annotations

import typing
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, TypedDict

from wganalyze.contracts.terms import Encoding, Law, Mode, Output, Reduce, Weights
from wganalyze.errors import UsageError
from wganalyze.networks.factories import Net
from wganalyze.remote.path import location
from wganalyze.settings import defaults, values
from wganalyze.settings.fact import Fact


class Said(TypedDict, total=False):
    """What was said; a fact that was left unsaid is not in it."""

    data: Annotated[
        Any,
        Fact(
            "Real data, NAME or NAME:ARGUMENT (wganalyze plugins lists the sources), or a Dataset or array of your own "
            "code, MODULE:NAME or FILE.py:NAME.",
            values.data,
            toml=("data", "source"),
            metavar="DATA",
            opening=True,
            example="NAME:ARGUMENT",
            remark="see: wganalyze plugins",
        ),
    ]
    range: Annotated[
        Sequence[float],
        Fact(
            "Bring the data to this range, the critic's (often -1,1).",
            values.low_high,
            toml=("data", "range"),
            metavar="LOW,HIGH",
            example=(-1.0, 1.0),
            remark="the critic's range; or normalize",
        ),
    ]
    normalize: Annotated[
        Sequence[Sequence[float]],
        Fact(
            "Bring the data to [0,1], subtract MEAN, divide by STD.",
            values.mean_std,
            toml=("data", "normalize"),
            metavar="MEAN,STD",
            example={"mean": [0.5], "std": [0.5]},
        ),
    ]
    held_out: Annotated[
        bool,
        Fact(
            "Was the generator trained on other samples than these?",
            toml=("data", "held_out"),
            flag="--held-out/--not-held-out",
            example=True,
            remark="true: the generator was not trained on these samples",
        ),
    ]
    training_data: Annotated[
        Any,
        Fact(
            "What the generator was trained on, beside --data: shows whether it memorised.",
            values.data,
            toml=("data", "training"),
            metavar="DATA",
            example="NAME:ARGUMENT",
            remark="the samples that were trained on, where source holds others",
        ),
    ]
    space: Annotated[
        str | Sequence[str],
        Fact(
            "Compare samples in this space: pixels (the default), an embedding (wganalyze plugins lists them), "
            "MODULE:NAME or FILE.py:NAME, or a program's file; several, each for itself.",
            values.spaces,
            metavar="SPACE",
            repeated=True,
        ),
    ]
    only: Annotated[
        str | Sequence[str],
        Fact(
            "Run only these analyzers.",
            values.names,
            toml=("run", "analyzers"),
            metavar="A,B",
            repeated=True,
            example=["NAME"],
            remark="those to run, where not all",
        ),
    ]
    skip: Annotated[
        str | Sequence[str],
        Fact(
            "Leave these analyzers out.",
            values.names,
            toml=("run", "skip"),
            metavar="A,B",
            repeated=True,
            example=["NAME"],
            remark="those to leave out",
        ),
    ]
    out: Annotated[
        str | Path, Fact("Report folder, or its address in a store [default: PATH-report].", location, metavar="DIR")
    ]
    n: Annotated[
        int | Literal["max"],
        Fact(
            f"Samples a split [default: {defaults.N}, or what the data allow].",
            values.size,
            toml=("run", "n"),
            metavar="N|max",
            example=defaults.N,
            remark='samples a split, or "max"',
        ),
    ]
    budget: Annotated[
        float | str,
        Fact(
            "Choose samples and replicates so that the whole run ends in this time.",
            values.seconds,
            toml=("run", "budget"),
            metavar="5m",
            example="5m",
            remark="the time of the whole run, which n and replicates are chosen for",
        ),
    ]
    replicates: Annotated[
        int,
        Fact(
            f"Fresh samples, R times [default: {defaults.REPLICATES}].",
            values.at_least(1),
            toml=("run", "replicates"),
            metavar="R",
            example=defaults.REPLICATES,
            remark="3 or more give intervals",
        ),
    ]
    seed: Annotated[
        int,
        Fact(
            f"Seed of all draws [default: {defaults.SEED}].",
            values.at_least(0),
            toml=("run", "seed"),
            metavar="N",
            example=defaults.SEED,
        ),
    ]
    device: Annotated[str, Fact("Where networks run [default: auto].", metavar="auto|cpu|cuda[:I]")]
    jobs: Annotated[
        int,
        Fact(
            "Compute cells in N processes of one thread each, or as many as there are cores (auto); the numbers are "
            "the same for any N [default: this process, with all threads].",
            values.jobs,
            metavar="N|auto",
        ),
    ]
    memory: Annotated[
        int | str,
        Fact(
            "Memory that the run may take, shared by its --jobs; what would not fit is refused before it starts, and "
            "where --n is not said, fewer samples are drawn [default: 12G for a transport problem].",
            values.byte_size,
            toml=("run", "memory"),
            metavar="4G",
            example="4G",
            remark="memory of the whole run",
        ),
    ]
    dask: Annotated[
        Any,
        Fact(
            "Compute cells on a dask cluster: local (--jobs says how many workers), slurm (as dask-jobqueue's "
            "configuration says), or the address of a scheduler.",
            values.cluster,
            metavar="ADDRESS|local|slurm",
        ),
    ]
    options: Annotated[
        Mapping[str, Any],
        Fact(
            "An analyzer's option.",
            values.options,
            toml=("run", "options"),
            flag="--option",
            metavar="ANALYZER.KEY=VALUE",
            repeated=True,
            example={"ANALYZER.KEY": "VALUE"},
            remark="wganalyze plugins ANALYZER lists them",
        ),
    ]
    generator: Annotated[
        str | Net,
        Fact(
            "MODULE:NAME or FILE.py:NAME that builds the generator; literal arguments may follow: "
            "'train:Generator(64, channels=1)'.",
            values.net,
            toml=("generator", "factory"),
            metavar="FACTORY",
            opening=True,
        ),
    ]
    critic: Annotated[
        str | Net,
        Fact(
            "As --generator, for the critic (or discriminator).",
            values.net,
            toml=("critic", "factory"),
            metavar="FACTORY",
            opening=True,
        ),
    ]
    roles: Annotated[
        Mapping[str, str],
        Fact(
            "Files matching PATTERN are a generator, a critic, or ignored: 'method_*.pt=critic'.",
            values.assignments,
            toml=("files", ""),
            flag="--role",
            metavar="PATTERN=ROLE",
            repeated=True,
            opening=True,
        ),
    ]
    input: Annotated[
        Any,
        Fact(
            "Given to the generator in place of a latent: data (the samples of --data), or another source, row by row "
            "theirs where it has as many rows.",
            values.data,
            toml=("generator", "input"),
            metavar="DATA",
            opening=True,
            example="data",
        ),
    ]
    condition: Annotated[
        Mapping[str, Any],
        Fact(
            "Given to networks beside each sample, row by row that of the data: SOURCE, or PARAMETER=SOURCE.",
            values.conditions,
            toml=("data", "condition"),
            metavar="[NAME=]DATA",
            repeated=True,
            opening=True,
            example={"PARAMETER": "NAME:ARGUMENT"},
        ),
    ]
    latent: Annotated[
        Sequence[int],
        Fact(
            "Shape of the latent without its batch axis: 64 or 64,1,1.",
            values.shape,
            toml=("latent", "shape"),
            metavar="SHAPE",
            opening=True,
            example=(64,),
            remark="without the batch axis",
        ),
    ]
    latent_law: Annotated[
        Law,
        Fact(
            "Law of the latent: normal, uniform (on [-1, 1]), or uniform:LOW,HIGH.",
            values.law,
            toml=("latent", "law"),
            metavar="LAW",
            opening=True,
            example="normal",
        ),
    ]
    classes: Annotated[
        int,
        Fact(
            "Number of labels of a conditional model.",
            values.at_least(1),
            toml=("latent", "classes"),
            metavar="N",
            opening=True,
            example=10,
        ),
    ]
    label_encoding: Annotated[
        Encoding,
        Fact(
            "How labels are passed: as a second argument, index or one-hot, or joined to the input.",
            toml=("latent", "encoding"),
            opening=True,
            example="index",
            remark="index, onehot, or concat",
        ),
    ]
    generator_mode: Annotated[
        Mode,
        Fact(
            "Mode in which the generator samples (default: eval).",
            toml=("generator", "mode"),
            opening=True,
            example="eval",
            remark="eval or train: the mode in which it samples",
        ),
    ]
    weights: Annotated[
        Weights,
        Fact(
            "Which copy of the generator samples.",
            toml=("generator", "weights"),
            opening=True,
            example="raw",
            remark="raw or ema",
        ),
    ]
    output: Annotated[
        Output,
        Fact(
            "What the critic's output means.",
            toml=("critic", "output"),
            opening=True,
            example="score",
            remark="score, logit, or probability",
        ),
    ]
    reduce: Annotated[
        Reduce,
        Fact(
            "How several scores of a sample become one, of a map or of two logits (default: the mean of a map).",
            toml=("critic", "reduce"),
            opening=True,
            example="mean",
        ),
    ]
    orientation: Annotated[
        Literal[1, -1],
        Fact(
            "1: the critic scores real high.",
            toml=("critic", "orientation"),
            opening=True,
            example=1,
            remark="1: scores real high, -1: scores real low; left out: from data",
        ),
    ]
    gradient_penalty: Annotated[
        float,
        Fact(
            "Weight of the trainer's penalty.",
            values.weight,
            toml=("training", "gradient_penalty"),
            metavar="LAMBDA",
            opening=True,
            example=10.0,
            remark="lambda, where there was a penalty",
        ),
    ]
    config: Annotated[str | Path, Fact("A wganalyze.toml that you trust.", Path, metavar="FILE", opening=True)]
    trust: Annotated[
        bool,
        Fact(
            "Run code that comes with the checkpoints: TorchScript and pickled modules, and factories named by a "
            "wganalyze.toml that lies beside them. Only for files whose author you trust.",
            opening=True,
        ),
    ]
    allow: Annotated[
        str | Sequence[str],
        Fact(
            "Let pickled networks be made of this class (and torch's layers), and of nothing else.",
            values.whole_texts,
            metavar="MODULE:CLASS",
            repeated=True,
            opening=True,
        ),
    ]
    infer: Annotated[
        bool,
        Fact(
            "Guess architectures that nobody named from keys and shapes; each guess is tried on the data, reported, "
            "and refused where two fit equally well.",
            opening=True,
        ),
    ]
    loader: Annotated[str, Fact("Read every file with this loader.", metavar="NAME", opening=True)]
    no_plugins: Annotated[
        str | Sequence[str],
        Fact(
            "Do not import this plugin.",
            values.names,
            flag="--no-plugin",
            metavar="NAME",
            repeated=True,
            opening=True,
        ),
    ]


@cache
def facts() -> Mapping[str, Fact]:
    """Every fact by its name, in the order in which they are told."""
    return {name: hint.__metadata__[0] for name, hint in _hints().items()}


def kind_of(name: str) -> Any:
    """The type of a fact's value."""
    return typing.get_args(_hints()[name])[0]


def flag_of(name: str) -> str:
    """A fact as the command line writes it."""
    return facts()[name].flag or f"--{name.replace('_', '-')}"


def read(name: str, value: Any, place: str) -> Any:
    """The value that is meant; UsageError names the ``place`` where it was said."""
    reader = facts()[name].read or values.reader_of(kind_of(name))
    try:
        return reader(value)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{place}: {error}") from None


@cache
def _hints() -> Mapping[str, Any]:
    return typing.get_type_hints(Said, include_extras=True)
