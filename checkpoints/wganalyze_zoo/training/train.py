"""``train``: from a method and data to a folder of checkpoints."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from wganalyze import DataSource, UsageError
from wganalyze_zoo.methods.constraints import Constraint
from wganalyze_zoo.methods.method import Method, combined
from wganalyze_zoo.methods.presets import Preset
from wganalyze_zoo.methods.table import find_method, owner_of
from wganalyze_zoo.training import files
from wganalyze_zoo.training.loop import Training
from wganalyze_zoo.training.nets import Nets, check_architecture, convolutional, make_nets
from wganalyze_zoo.training.outcome import Ending, Run
from wganalyze_zoo.training.plan import Settings, constraints_of, facts_of, moments_of, place_of, settings_of, sized
from wganalyze_zoo.training.progress import Progress
from wganalyze_zoo.training.reals import Reals, reals_of

SECONDS, SHARE = 3.0, 0.05
"""Between two writings of where to go on, at least, and the share of the time that writing may take."""
FLAGS = {"method": "NAME", "loss": "--loss", "constraint": "--constraint", "data_digest": "--data"} | dict.fromkeys(
    ("rates", "constants", "n_critic"), "--preset"
)


def train(
    method: str | Method,
    data: str | Tensor | DataSource,
    out: str | Path,
    *,
    steps: int | None = None,
    save_at: Sequence[int] | None = None,
    seed: int = 0,
    arch: str = "mlp",
    preset: str = "toy",
    loss: str | None = None,
    constraints: Sequence[str | Constraint] | None = None,
    feature_matching: bool = False,
    minibatch_discrimination: bool = False,
    label_smoothing: float | None = None,
    batch: int | None = None,
    width: int | None = None,
    latent_dim: int | None = None,
    device: str = "auto",
    restart: bool = False,
    progress: Progress | None = None,
) -> Run:
    """Train, and write ``step_000300.pt`` and the like, ``wganalyze.toml`` and ``training.json`` into ``out``.

    ``method``: a name that ``wganalyze zoo list`` shows, or a Method. ``data``: as ``--data`` names it, a source, or
    samples (n, ...). ``steps``: of the generator, by default the preset's; ``save_at``: steps whose checkpoints are
    kept, by default five; the last one ends the training. ``loss``, ``constraints``: in place of the method's own.
    ``restart``: begin anew, whatever lies in ``out``.

    The same settings give the same checkpoints to the bit, also after an interruption at any moment: called again, it
    goes on; where all is done it does nothing. torch's global random state and threads are left as they were.

    UsageError, in one line: an unknown name, settings that do not go together, or a folder that holds a training with
    other settings. DataError: data that cannot be read. OSError: a folder that cannot be written.
    """
    owner = None if loss is None else owner_of(loss)
    chosen = combined(
        find_method(method) if isinstance(method, str) else method,
        loss=None if owner is None else owner.loss,
        constraints=None if constraints is None else constraints_of(constraints),
        features=feature_matching,
        minibatch=minibatch_discrimination,
        label_smoothing=label_smoothing,
    )
    reals = reals_of(data, seed)
    check_architecture(arch, reals)
    sizes = sized(chosen.preset(preset, reals.dim), arch, batch=batch, width=width, latent_dim=latent_dim)
    if owner is not None:  # its constants come with a loss
        sizes = replace(sizes, numbers=owner.preset(preset, reals.dim).numbers)
    chosen = replace(
        chosen,
        constraints=tuple(replace(c, weight=sizes.weights.get(c.name, c.weight)) for c in chosen.constraints),
    )
    moments = moments_of(chosen, sizes, steps, save_at)
    place = place_of(device)
    settings = settings_of(chosen, sizes, reals, moments, arch=arch, preset=preset, seed=seed, device=place.type)
    folder, told = Path(out), progress or Progress()
    if restart:
        files.clear(folder)
    ended = _ended(folder, settings, moments)
    if ended is not None:
        return ended
    folder.mkdir(parents=True, exist_ok=True)
    with _quietly(threads=1 if not convolutional(arch) and place.type == "cpu" else None):
        torch.default_generator.manual_seed(seed)
        shaped = reals.points if convolutional(arch) else reals.points.flatten(1)
        nets = _nets(chosen, reals, sizes, arch, seed)
        nets.generator.to(place)
        if nets.critic is not None:
            nets.critic.to(place)
        training = Training(chosen, sizes, nets, shaped.to(place), moments[-1], seed)
        return _run(training, moments, folder, settings, reals, told)


def _run(
    training: Training, moments: Sequence[int], folder: Path, settings: Settings, reals: Reals, told: Progress
) -> Run:
    # Without the record, nobody knows what the state is of.
    state = None if files.read_record(folder) is None else files.read_resume(folder)
    if state is not None:
        training.restore(state)
    else:
        files.write_record(folder, "running", 0, settings)
        files.write_facts(folder, facts_of(training.method, reals, settings))
    told.begin(training.method.name, folder, training.step, moments[-1])
    outcome: Ending = "complete"
    kept, pause = time.monotonic(), SECONDS
    while training.step < moments[-1]:
        finite = training.advance()
        due = training.step in moments
        if not finite or (due and not training.is_finite()):
            outcome = "nan"
            break
        told.stepped(training.step)
        if due:
            estimate = training.estimate()
            config = {**settings, **training.numbers, "estimate": estimate}
            told.saved(files.write_checkpoint(folder, training.state(), config), training.step, estimate)
        if due or time.monotonic() - kept > pause:
            before = time.monotonic()
            files.write_resume(folder, training.state())
            kept = time.monotonic()
            pause = max(SECONDS, (kept - before) / SHARE)
    files.write_record(folder, outcome, training.step, settings)
    (folder / files.RESUME).unlink(missing_ok=True)
    told.ended(outcome, training.step)
    return Run(folder, outcome, training.step, _written(folder, moments), settings)


def _ended(folder: Path, settings: Settings, moments: Sequence[int]) -> Run | None:
    """The training in the folder, where it has ended; UsageError where its settings are others."""
    record = files.read_record(folder)
    if record is None:
        return None
    stored = record["settings"]
    for key in {**settings, **stored}:
        if stored.get(key) != settings.get(key):
            shown = key if key != "data_digest" else "data"
            flag = FLAGS.get(key, f"--{key.replace('_', '-')}")
            raise UsageError(
                f"{flag}: {folder} holds a training with {shown} {stored.get(key)}, not {settings.get(key)}; "
                "name another folder, or say --restart"
            )
    if record["outcome"] not in ("complete", "nan"):
        return None
    written = _written(folder, moments)
    due = [files.checkpoint_path(folder, step) for step in moments if step <= record["step"]]
    if record["outcome"] == "complete" and not all(files.read_config(path) is not None for path in due):
        files.clear(folder)  # something was taken away or damaged: it is made again, the same
        return None
    return Run(folder, cast(Ending, record["outcome"]), record["step"], written, settings, trained=False)


def _written(folder: Path, moments: Sequence[int]) -> tuple[Path, ...]:
    return tuple(path for step in moments if (path := files.checkpoint_path(folder, step)).exists())


@contextmanager
def _quietly(threads: int | None) -> Iterator[None]:
    """torch's random state and threads are afterwards what they were.

    Networks of the MLP's size gain nothing from more threads, and the result is to depend on no number of cores.
    """
    before = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        try:
            torch.set_num_threads(threads or before)
            yield
        finally:
            torch.set_num_threads(before)


def _nets(method: Method, reals: Reals, preset: Preset, arch: str, seed: int) -> Nets:
    if method.fit is not None:
        return Nets(method.fit(reals.points.flatten(1), preset.batch, seed), None)
    return make_nets(method, reals, arch, preset)
