"""The key of a cell: a digest of everything that its numbers depend on."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from wganalyze.cells.embedded import Space, embedded
from wganalyze.contracts.analyzer import Analyzer
from wganalyze.study.study import SnapshotStudy

DTYPE = "critic float64, generator float32"


def cell_key(study: SnapshotStudy, analyzer: type[Analyzer], options: Any, space: Space | None = None) -> str:
    """The key of (snapshot, analyzer, space): equal keys mean that the cell may be reused.

    It runs the user's networks, the data source and the files' readers, and may raise what those raise.
    """
    snapshot, deal = study.snapshot, study.deal
    resolved = {
        "label": snapshot.label,
        "step": snapshot.step,
        "step_unit": snapshot.step_unit,
        "designs": dict(snapshot.designs),
        "missing": dict(snapshot.missing),
        "latent": asdict(snapshot.latent),
        "weights": snapshot.weights,
        "generator_mode": snapshot.generator_mode,
        "output": snapshot.output,
        "reduce": snapshot.reduce,
        "orientation": snapshot.orientation,
        "penalty": snapshot.penalty,
        "assumptions": snapshot.assumptions,
    }
    sizes = (
        None if deal is None else [deal.n, deal.replicates, deal.seed, deal.held_out, deal.fit_size, deal.training_id]
    )
    return _key(
        [
            snapshot.digest,
            resolved,
            study.fingerprint,
            study.data_id,
            sizes,
            [analyzer.name, analyzer.version, source_digest(analyzer), asdict(options)],
            None if space is None else _embedded(study, space),
            DTYPE,
            study.device.partition(":")[0],
        ]
    )


def _embedded(study: SnapshotStudy, space: Space) -> list[Any]:
    of = "" if space.snapshot is None else space.snapshot.digest
    return [space.text, source_digest(type(space.embedding)), of, embedded(study, space).fingerprint_of_space]


def unkeyed(study: SnapshotStudy, question: str) -> str:
    """A key for a cell whose own cannot be computed; such a cell fails, and failed ones are never reused."""
    return _key([study.snapshot.label, study.snapshot.step, question])


def loading_key(label: str, content: Mapping[str, Any]) -> str:
    """The key of what loading a snapshot showed."""
    return _key([label, dict(content)])


def _key(content: list[Any]) -> str:
    versioned = [*content, version("wganalyze"), core_digest()]
    return hashlib.sha256(json.dumps(versioned, sort_keys=True, default=repr).encode()).hexdigest()[:32]


@cache
def core_digest() -> str:
    """Digest of the core's own source: in an editable install it changes and the version does not."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@cache
def source_digest(plugin: type[Any]) -> str:
    """Digest of the source of the package (or lone module) that a plugin's class comes from."""
    module = sys.modules[plugin.__module__]
    top = sys.modules.get(plugin.__module__.partition(".")[0], module)
    file = getattr(top, "__file__", None)
    if file is None:
        return hashlib.sha256(inspect.getsource(plugin).encode()).hexdigest()
    path = Path(file)
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    digest = hashlib.sha256()
    for source in files:
        digest.update(source.read_bytes())
    return digest.hexdigest()
