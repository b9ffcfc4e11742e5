"""``wganalyze.run``: the command as a function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any, Literal

from wganalyze.errors import UsageError
from wganalyze.networks.factories import Net
from wganalyze.report.reading import Report
from wganalyze.running.execute import execute
from wganalyze.running.progress import Progress
from wganalyze.running.request import Request
from wganalyze.settings.config import Config


def run(
    path: str | Path,
    *,
    data: str | None = None,
    generator: str | None = None,
    critic: str | None = None,
    only: str | Sequence[str] = (),
    skip: str | Sequence[str] = (),
    out: str | Path | None = None,
    n: int | Literal["max"] | None = None,
    budget: float | None = None,
    replicates: int | None = None,
    seed: int | None = None,
    device: str = "auto",
    options: Mapping[str, Any] | None = None,
    range: tuple[float, float] | None = None,
    normalize: tuple[Sequence[float], Sequence[float]] | None = None,
    latent: Sequence[int] | None = None,
    latent_law: Literal["normal", "uniform"] | None = None,
    classes: int | None = None,
    label_encoding: Literal["index", "onehot", "concat"] | None = None,
    weights: Literal["raw", "ema"] | None = None,
    generator_mode: Literal["eval", "train"] | None = None,
    output: Literal["score", "logit", "probability"] | None = None,
    orientation: Literal[1, -1] | None = None,
    gradient_penalty: float | None = None,
    held_out: bool | None = None,
    roles: Mapping[str, str] | None = None,
    config: str | Path | None = None,
    trust: bool = False,
    allow: str | Sequence[str] = (),
    infer: bool = False,
    loader: str | None = None,
    no_plugins: str | Sequence[str] = (),
    progress: Progress | None = None,
) -> Report:
    """Analyse the checkpoints under ``path`` and return the report, as ``wganalyze run`` does.

    ``options`` maps "ANALYZER.KEY" to values; every other name means what the option of that name does. A run in
    which cells failed still returns its report: ``report.exit_code`` is then 1. WganalyzeError is raised where nothing
    could be run.
    """
    command = _command(dict(locals()))
    for role, factory in (("generator", generator), ("critic", critic)):
        if factory is not None and not isinstance(factory, str):
            raise UsageError(f"{role}={factory!r}: name the factory as a text, 'MODULE:NAME' or 'FILE.py:NAME'")
    said = Config(
        generator=Net(generator) if generator else None,
        critic=Net(critic) if critic else None,
        weights=weights,
        generator_mode=generator_mode,
        output=output,
        orientation=orientation,
        law=latent_law,
        latent_shape=tuple(latent) if latent is not None else None,
        classes=classes,
        encoding=label_encoding,
        penalty=gradient_penalty,
        data=data,
        range=range,
        normalize=(tuple(normalize[0]), tuple(normalize[1])) if normalize is not None else None,
        held_out=held_out,
        n=n,
        budget=budget,
        replicates=replicates,
        seed=seed,
        roles=roles or {},
    )
    request = Request(
        path=Path(path),
        out=None if out is None else Path(out),
        config=said,
        config_file=None if config is None else Path(config),
        only=_names(only),
        skip=_names(skip),
        options=[f"{key}={_text(value)}" for key, value in (options or {}).items()],
        device=device,
        trust=trust,
        allow=_names(allow),
        infer=infer,
        loader=loader,
        no_plugins=_names(no_plugins),
        command=command,
    )
    return execute(request, progress)


def _command(arguments: Mapping[str, Any]) -> list[str]:
    """The call as run.json records it: what was said, without what was left as it is."""
    unsaid = {name: parameter.default for name, parameter in signature(run).parameters.items()}
    said = {k: v for k, v in arguments.items() if k not in ("path", "progress") and v != unsaid[k]}
    return ["wganalyze.run", str(arguments["path"]), *(f"{name}={value!r}" for name, value in said.items())]


def _names(names: str | Sequence[str]) -> Sequence[str]:
    """One name may be given by itself."""
    return [names] if isinstance(names, str) else names


def _text(value: Any) -> str:
    """An option's value as the command line writes it."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
