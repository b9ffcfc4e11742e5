"""``wganalyze new-plugin NAME``: a small package of one analyzer, to start from."""

from __future__ import annotations

import re
from pathlib import Path

import click

from wganalyze.cli import debug_option

PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.27"]
build-backend = "hatchling.build"

[project]
name = "wganalyze-{name}"
version = "0.1.0"
description = "An analyzer for wganalyze"
requires-python = ">=3.11"
dependencies = ["wganalyze>={version}", "numpy"]

[project.optional-dependencies]
test = ["pytest"]

[project.entry-points."wganalyze"]
{name} = "{module}"

[tool.hatch.build.targets.wheel]
packages = ["src/{module}"]
"""

MODULE = '''\
"""The analyzer {name}: how far apart are the means of real and generated samples?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from wganalyze import Analyzer, Finding, Measurement, Metric, Need, Study, hookimpl


class {cls}(Analyzer):
    """Distance between the mean real and the mean generated sample, beside its same-distribution floor."""

    name = "{name}"
    needs = frozenset({{Need.REAL, Need.FAKE}})
    metrics = (
        Metric("{metric}", "Euclidean distance of the means, real against generated.", direction="lower"),
        Metric("{metric}_floor", "The same between two samples of real data: what a perfect generator scores."),
    )

    @dataclass(frozen=True)
    class Options:
        tolerance: float = field(default=2.0, metadata={{"help": "Report a shift beyond this multiple of the floor."}})

    def measure(self, study: Study) -> Iterator[Measurement | Finding]:
        def distance(replicate: int) -> float:
            return _between(study.real(replicate=replicate).points, study.fake(replicate=replicate).points)

        def floor(replicate: int) -> float:
            return _between(study.real(replicate=replicate).points, study.real(replicate=replicate, split="x2").points)

        shift, least = study.estimate(distance), study.estimate(floor)
        yield Measurement.of("{metric}", shift, study, method="sample means")
        # No network takes part in the floor: it is the same number at every snapshot.
        yield Measurement.of("{metric}_floor", least, study, method="sample means", scope="data")
        if shift.value > self.options.tolerance * least.value:
            message = f"the means differ by {{shift.value:.3g}}, {{shift.value / least.value:.1f}} times the floor"
            yield Finding("warning", "mean-shift", message, ("{metric}", "{metric}_floor"))


def _between(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.linalg.norm(x.mean(0, dtype=np.float64) - y.mean(0, dtype=np.float64)))


@hookimpl
def wganalyze_analyzers() -> list[type[Analyzer]]:
    return [{cls}]
'''

TEST = '''\
"""Known answers, on a snapshot whose generator and critic are known."""

from {module} import {cls}
from wganalyze.testing import check_analyzer, shifted_gaussians


def test_the_analyzer_keeps_the_contract() -> None:
    check_analyzer({cls})


def test_a_shift_is_measured() -> None:
    study = shifted_gaussians(shift=3.0, dim=4, n=400)
    values = {{row.metric: row.value for row in check_analyzer({cls}, study).measurements}}
    assert abs(values["{metric}"] - 3.0) < 0.5
    assert values["{metric}_floor"] < 0.5


def test_no_shift_is_no_finding() -> None:
    study = shifted_gaussians(shift=0.0, dim=4, n=400)
    assert check_analyzer({cls}, study).findings == []
'''

IMPORTED = frozenset(["Analyzer", "Finding", "Iterator", "Measurement", "Metric", "Need", "Study"])
"""Names that the module imports: a class of that name would hide them from it."""

README = """\
# wganalyze-{name}

An analyzer for [wganalyze](https://pypi.org/project/wganalyze/).

    pip install -e '.[test]'
    pytest
    wganalyze plugins {name}
    wganalyze run ckpt/ --only {name}
"""


@click.command(name="new-plugin", short_help="Write a small installable plugin package to start from.")
@click.argument("name")
@click.option("--in", "folder", type=click.Path(path_type=Path, file_okay=False), default=Path(), help="Where [.].")
@debug_option
def new_plugin(name: str, folder: Path) -> None:
    """Write wganalyze-NAME/: one analyzer, its tests with wganalyze.testing, and a pyproject.toml that installs it."""
    from importlib.metadata import version

    from wganalyze.errors import UsageError

    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise UsageError(f"new-plugin {name}: use lower-case letters, digits and single hyphens, as in mean-shift")
    root = folder / f"wganalyze-{name}"
    if root.exists():
        raise UsageError(f"{root}: exists; choose another name or remove it")
    module = f"wganalyze_{name.replace('-', '_')}"
    cls = "".join(word.capitalize() for word in name.split("-"))
    words = {
        "name": name,
        "module": module,
        "cls": f"{cls}Analyzer" if cls in IMPORTED else cls,
        "metric": f"{name.replace('-', '_')}_distance",
        "version": version("wganalyze"),
    }
    files = {
        "pyproject.toml": PYPROJECT,
        "README.md": README,
        f"src/{module}/__init__.py": MODULE,
        "tests/test_analyzer.py": TEST,
    }
    try:
        for place, text in files.items():
            path = root / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.format(**words), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{root}: cannot be written ({error.strerror})") from None
    click.echo(f"{root} written; next: pip install -e '{root}[test]' && pytest {root}")
