"""The spaces that --space names: embeddings of plugins, the user's own code, programs in files."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wganalyze.cells.embedded import Space
from wganalyze.cells.measuring import Question
from wganalyze.contracts.embedding import Embedding
from wganalyze.contracts.samples import Points, Samples
from wganalyze.contracts.snapshot import Snapshot
from wganalyze.contracts.study import Study
from wganalyze.contracts.terms import PIXELS
from wganalyze.errors import DataError, TrustError, UsageError, WganalyzeError
from wganalyze.files.opening import open_path
from wganalyze.host.registry import Host
from wganalyze.networks.building import build
from wganalyze.networks.design import Design
from wganalyze.networks.factories import Net, import_factory
from wganalyze.networks.piece import Piece
from wganalyze.networks.trust import Permission, forbidden_program, may_be_rebuilt
from wganalyze.study.calling import BATCH, batches_of, first_tensor, same_draws
from wganalyze.text import one_line, reason_of

if TYPE_CHECKING:
    from torch.nn import Module


class NetworkEmbedding(Embedding):
    """A network that takes samples (b, *shape) in the critic's input space and gives features (b, ...)."""

    name = "network"
    help = "the user's own network"

    def __init__(self, text: str, make: Callable[[], Any]):
        super().__init__(text)
        self._text, self._make = text, make

    @cached_property
    def _network(self) -> Any:
        from torch.nn import Module

        made = self._make()
        if not callable(made):
            raise UsageError(f"--space {self._text}: gave {type(made).__name__}, which cannot be called")
        if isinstance(made, Module):
            made.eval()
        return made

    def fit(self, study: Study) -> None:
        """To the device of the run."""
        self._device = study.device
        if hasattr(self._network, "to"):
            self._network.to(study.device)

    def embed(self, samples: Samples) -> Points:
        """(n, k) float32, in eval mode."""
        import torch

        parts = []
        try:
            with torch.no_grad(), same_draws(self._device):
                for rows in batches_of(len(samples), BATCH):
                    points = torch.from_numpy(samples.points[rows]).to(self._device, torch.float32)
                    features = first_tensor(self._network(points.reshape(-1, *samples.shape)))
                    parts.append(features.flatten(1).float().cpu())
        except (Exception, SystemExit) as error:
            raise DataError(
                f"--space {self._text}: the network does not take samples of shape {samples.shape} "
                f"({one_line(error, 160)})"
            ) from error
        made = torch.cat(parts)
        self.note = f"{made.shape[1]} features"
        return np.asarray(made)


def find_spaces(
    texts: Sequence[str], host: Host, snapshots: Sequence[Snapshot], permission: Permission
) -> list[Space | None]:
    """What --space names, in its order; None stands for pixels. UsageError names what is unknown."""
    return [None if text == PIXELS else _space(text, host, snapshots, permission) for text in texts]


def _space(text: str, host: Host, snapshots: Sequence[Snapshot], permission: Permission) -> Space:
    name = text.partition(":")[0]
    if name in host.embeddings:
        embedding = host.embedding(text)
        return Space(text, embedding, _named(embedding.of_snapshot, text, snapshots))
    fault = host.fault(name)
    if fault is not None:
        raise WganalyzeError(f"--space {text}: {fault}")
    if Path(text).is_file():
        return Space(text, NetworkEmbedding(text, partial(_program, Path(text), host, permission)))
    if ":" in text:
        return Space(text, _factory(text))
    there = ", ".join([PIXELS, *sorted(host.embeddings)])
    raise UsageError(f"--space {text}: no space is called so; there are: {there}, MODULE:NAME, FILE.py:NAME, or a file")


def _named(label: str, text: str, snapshots: Sequence[Snapshot]) -> Snapshot | None:
    """The one snapshot whose networks an embedding takes; its label, or a pattern that fits it alone."""
    if not label:
        return None
    fitting = [s for s in snapshots if s.label == label] or [s for s in snapshots if fnmatch.fnmatch(s.label, label)]
    if len(fitting) != 1:
        there = ", ".join(snapshot.label for snapshot in snapshots[:6])
        many = f"{len(fitting)} snapshots are" if fitting else "no snapshot is"
        raise UsageError(f"--space {text}: {many} called {label}; there are: {there}{' ...' * (len(snapshots) > 6)}")
    return fitting[0]


def _factory(text: str) -> NetworkEmbedding:
    """What the user's own factory makes: a network, or any callable."""
    target, arguments, keywords = import_factory(Net(text), "--space")

    def make() -> Any:
        try:
            return target(*arguments, **keywords)
        except (Exception, SystemExit) as error:
            raise UsageError(f"--space {text}: calling it failed ({reason_of(error)})") from error

    return NetworkEmbedding(text, make)


def _program(path: Path, host: Host, permission: Permission) -> Module:
    """The network in a file that brings its architecture along; code of the file runs by the user's leave alone."""
    opened = open_path(path, host.loaders)
    parts = [part for file in opened for part in file.parts if part.is_program]
    if len(parts) != 1:
        problem = next((problem for file in opened for problem in file.problems), "it holds no program")
        raise UsageError(f"--space {path}: {problem}; give TorchScript, ONNX, or name a factory")
    forbidden = forbidden_program(parts[0], permission)
    if forbidden:
        raise TrustError(f"--space {path}: {forbidden}")
    allow = permission.allow if may_be_rebuilt(parts[0], permission) else None
    return build(Piece(parts[0]), Design(allow=allow), "space")


def asked_in(questions: Sequence[Question], spaces: Sequence[Space | None]) -> Iterator[Question]:
    """Each question in each space; one that knows of none is asked once, about networks or pixels."""
    for question in questions:
        for space in spaces if question.analyzer.in_spaces else [None]:
            yield replace(question, space=space)
