"""Shared by the tests of the core: real distributions in a temporary folder, and a source of distinct rows."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from tests.core.stores import _moto, bucket, proxy  # noqa: F401

from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.samples import Values

WritePlugin = Callable[..., Path]


@pytest.fixture
def write_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WritePlugin]:
    """Writes a distribution as pip would leave it: a module, and a ``.dist-info`` folder beside it, on ``sys.path``."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    before = set(sys.modules)

    def write(
        module: str,
        source: str,
        *,
        entry: str = "",
        distribution: str = "",
        release: str = "1.2.3",
        requires: Sequence[str] = (),
    ) -> Path:
        name = distribution or module.replace("_", "-")
        info = site / f"{name.replace('-', '_')}-{release}.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {release}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n\n")
        (info / "entry_points.txt").write_text(f"[wganalyze]\n{entry or name} = {module}\n")
        (info / "RECORD").write_text(f"{module}.py,,\n{info.name}/METADATA,,\n{info.name}/entry_points.txt,,\n")
        file = site / f"{module}.py"
        file.write_text(source)
        importlib.invalidate_caches()
        return file

    yield write
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "") or "").startswith(str(site)):
            del sys.modules[name]


@pytest.fixture
def own_plugins() -> tuple[str, ...]:
    """The names of the plugins that come with wganalyze."""
    entries = entry_points(group="wganalyze")
    return tuple(entry.name for entry in entries if entry.dist is not None and entry.dist.name == "wganalyze")


class Rows(FiniteSource):
    """``size`` distinct rows: row i is (i, i + 0.5), with the label i modulo 10."""

    name = "rows"
    help = "distinct rows, for tests"

    def __init__(self, argument: str = "100"):
        self.rows = int(argument)
        self.shape = (2,)
        self.value_range = None

    def load(self) -> Values:
        column = np.arange(self.rows, dtype=np.float32)
        return Values(np.stack([column, column + 0.5], axis=1), np.arange(self.rows, dtype=np.int64) % 10)


@pytest.fixture(scope="session")
def distinct_rows() -> Callable[[int], FiniteSource]:
    """Makes a finite source of that many distinct rows; the first column is the row's number."""
    return lambda size: Rows(str(size))
