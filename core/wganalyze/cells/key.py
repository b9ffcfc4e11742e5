"""The key of a cell: a digest of everything that its numbers depend on."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from wganalyze.contracts.analyzer import Analyzer
from wganalyze.study.study import SnapshotStudy

DTYPE = "critic float64, generator float32"


def data_id(study: SnapshotStudy) -> str:
    """Digest of the data's content and preprocessing; "" without data."""
    deal = study.deal
    if deal is None:
        return ""
    return _digest([deal.source.name, deal.source.digest, asdict(deal.preprocessing)])[:16]


def cell_key(study: SnapshotStudy, analyzer: Analyzer) -> str:
    """The key of (snapshot, analyzer): equal keys mean that the cell may be reused."""
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
        "orientation": snapshot.orientation,
        "penalty": snapshot.penalty,
        "assumptions": snapshot.assumptions,
    }
    sizes = None if deal is None else [deal.n, deal.replicates, deal.seed, deal.held_out, deal.fit_size]
    return _digest(
        [
            snapshot.digest,
            resolved,
            study.fingerprint,
            data_id(study),
            sizes,
            [analyzer.name, analyzer.version, source_digest(type(analyzer)), asdict(analyzer.options)],
            version("wganalyze"),
            core_digest(),
            DTYPE,
            study.device.partition(":")[0],
        ]
    )[:32]


@cache
def core_digest() -> str:
    """Digest of the core's own source: in an editable install it changes and the version does not."""
    files = sorted(Path(__file__).parents[1].rglob("*.py"))
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


@cache
def source_digest(analyzer: type[Analyzer]) -> str:
    """Digest of the source of the package (or lone module) that an analyzer comes from."""
    module = sys.modules[analyzer.__module__]
    top = sys.modules.get(analyzer.__module__.partition(".")[0], module)
    file = getattr(top, "__file__", None)
    if file is None:
        return hashlib.sha256(inspect.getsource(analyzer).encode()).hexdigest()
    path = Path(file)
    files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
    digest = hashlib.sha256()
    for source in files:
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=repr).encode()).hexdigest()
