"""What was asked for, and what it opens: plugins, configuration, files, snapshots; nothing is analysed yet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wganalyze.analyzer import Analyzer
from wganalyze.assembly import Assembled, assemble
from wganalyze.config import CONFIG_NAME, Config, read_config
from wganalyze.errors import UsageError, WganalyzeError
from wganalyze.factories import forget_modules
from wganalyze.host import Host, load_host
from wganalyze.networks import Permission
from wganalyze.opening import OpenedFile, open_path
from wganalyze.options import make_options, split_options
from wganalyze.snapshot import Snapshot


@dataclass(frozen=True)
class Request:
    """What was asked for; ``config`` holds what the command line says, which goes before any file."""

    path: Path
    out: Path | None = None
    config: Config = field(default_factory=Config)
    config_file: Path | None = None
    only: Sequence[str] = ()
    skip: Sequence[str] = ()
    options: Sequence[str] = ()
    device: str = "auto"
    trust: bool = False
    allow: Sequence[str] = ()
    infer: bool = False
    loader: str | None = None
    no_plugins: Sequence[str] = ()
    command: Sequence[str] = ()

    @property
    def report_path(self) -> Path:
        """Where the report goes: ``out``, or PATH-report beside the path."""
        if self.out is not None:
            return self.out
        plain = self.path if self.path.name not in ("", "..") else self.path.resolve()
        return plain.with_name(f"{plain.name}-report")


@dataclass(frozen=True)
class Opened:
    """A path, read from headers: its files and snapshots, under the configuration in force."""

    files: Sequence[OpenedFile]
    assembled: Assembled
    config: Config
    host: Host

    @property
    def snapshots(self) -> tuple[Snapshot, ...]:
        """In order."""
        return self.assembled.snapshots


def open_request(request: Request) -> Opened:
    """Load plugins, read the configuration, open the path; no analysis, and no tensors."""
    forget_modules()
    host = load_host(request.no_plugins)
    for name in request.no_plugins:
        if all(name != plugin.name for plugin in host.plugins):
            there = ", ".join(plugin.name for plugin in host.plugins)
            raise UsageError(f"--no-plugin {name}: no plugin is called so; there are: {there}")
    config = configuration(request)
    files = open_path(request.path, host, request.loader)
    permission = Permission(request.trust, tuple(request.allow), request.infer)
    assembled = assemble(files, request.path, config, host, permission)
    return Opened(files, assembled, config, host)


def configuration(request: Request) -> Config:
    """The command line, over ``--config FILE``, over a ``wganalyze.toml`` beside the checkpoints."""
    config = request.config
    if request.config_file is not None:
        config = config.over(read_config(request.config_file, trusted=True))
    folder = request.path if request.path.is_dir() else request.path.parent
    beside = folder / CONFIG_NAME
    if beside.is_file() and beside != request.config_file:
        config = config.over(read_config(beside, trusted=request.trust))
    return config


def choose_analyzers(request: Request, host: Host) -> tuple[list[Analyzer], list[str]]:
    """Instances of the analyzers asked for, with their options; and why others, whose plugins failed, are left out.

    UsageError names what is unknown; WganalyzeError says why none is left.
    """
    texts = split_options(request.options)
    lost: dict[str, str] = {}
    for name in [*request.only, *request.skip, *texts]:
        fault = None if name in host.analyzers else host.fault(name)
        if fault is None:
            host.analyzer(name)
        elif name not in request.skip:
            lost[name] = fault
    names = list(dict.fromkeys(request.only)) or sorted(host.analyzers)
    chosen = [host.analyzers[name] for name in names if name not in request.skip and name not in lost]
    if not chosen and lost:
        raise WganalyzeError("; ".join(lost.values()))
    if not chosen:
        raise UsageError("--only and --skip leave no analyzer to run")
    options = {name: make_options(host.analyzers[name], given) for name, given in texts.items() if name not in lost}
    found = [analyzer(options.get(analyzer.name) or make_options(analyzer, {})) for analyzer in chosen]
    return found, [*lost.values()]


def choose_device(text: str) -> str:
    """ "auto" is the first GPU that torch sees, else the CPU; UsageError where a GPU is asked for and there is none."""
    import torch

    if text == "auto":
        return "cuda:0" if torch.cuda.is_available() else "cpu"
    match = re.fullmatch(r"cpu|cuda(?::(\d+))?", text)
    if match is None:
        raise UsageError(f"--device {text}: choose auto, cpu, cuda or cuda:N")
    if text != "cpu" and int(match[1] or 0) >= torch.cuda.device_count():
        raise UsageError(f"--device {text}: torch sees {torch.cuda.device_count()} GPUs; use --device cpu")
    return text


def nothing_found(path: Path, opened: Opened) -> str:
    """Why there is no snapshot under ``path``, in one line."""
    files, notes = opened.files, opened.assembled.notes
    problems = [problem for file in files for problem in file.problems if file.kind != "unknown"]
    problems += [f"{file}: {line}" for file, lines in notes.items() for line in lines]
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        return f"{path}: nothing could be opened: {problems[0]}{more}"
    if not files:
        return f"{path}: the folder holds no checkpoint; give the folder or file that your trainer saved"
    reason = files[0].problems[0] if len(files) == 1 and files[0].problems else "no loader knows any of its files"
    return f"{path}: nothing could be opened: {reason}; give the files that your trainer saved"
