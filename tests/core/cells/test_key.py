"""The key of a cell changes with everything that its numbers depend on, and with nothing else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze.cells.key import cell_key, loading_key, source_digest, unkeyed
from wganalyze.contracts.analyzer import Analyzer, Yielded
from wganalyze.contracts.data import FiniteSource
from wganalyze.contracts.samples import Values
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.contracts.study import Study
from wganalyze.running.sizes import make_deal
from wganalyze.settings.facts import Said
from wganalyze.study.dealing import Deal
from wganalyze.study.study import SnapshotStudy


class Asked(Analyzer):
    """Has an option."""

    name = "asked"

    @dataclass(frozen=True)
    class Options:
        power: int = field(default=1, metadata={"help": "A power."})

    def measure(self, study: Study) -> Iterator[Yielded]:
        yield from ()


class Newer(Asked):
    """The same in its next version."""

    version = "2"


class Renamed(Asked):
    """The same under another name."""

    name = "renamed"


class Held(FiniteSource):
    """Two hundred rows of two numbers."""

    name = "held"
    help = "given rows, for tests"

    def __init__(self, change: float = 0.0):
        self.shape, self.value_range, self.change = (2,), None, change

    def load(self) -> Values:
        rows = np.random.default_rng(0).standard_normal((200, 2))
        rows[7, 1] += self.change
        return Values(rows)


class Leaky(nn.Module):
    """A critic whose slope does not show in its text."""

    def __init__(self, slope: float, bias: float = 0.0):
        super().__init__()
        self.layer, self.slope = nn.Linear(2, 1), slope
        self.layer.load_state_dict({"weight": torch.tensor([[1.0, -2.0]]), "bias": torch.tensor([bias])})

    def forward(self, x: Tensor) -> Tensor:
        return torch.nn.functional.leaky_relu(self.layer(x), self.slope)


def generator() -> nn.Module:
    """The identity."""
    layer = nn.Linear(2, 2)
    layer.load_state_dict({"weight": torch.eye(2), "bias": torch.zeros(2)})
    return layer


SNAPSHOT = Snapshot(
    "snap", 3, "epoch", (), make_generator=generator, make_critic=lambda: Leaky(0.2), latent=Latent(shape=(2,))
)


def deal(change: float = 0.0, **said: Any) -> Deal:
    """A deal for the two hundred rows."""
    return make_deal(Held(change), Said(**{"n": 20, "replicates": 2, **said}), None)


def key(
    snapshot: Snapshot = SNAPSHOT,
    data: Deal | None = None,
    analyzer: type[Analyzer] = Asked,
    power: int = 1,
    device: str = "cpu",
) -> str:
    """The key of a cell that differs from the reference in what is given."""
    study = SnapshotStudy(snapshot, data or deal(), device=device)
    return cell_key(study, analyzer, analyzer.Options(power=power))


REFERENCE = key()


def test_the_key_is_repeatable_and_fit_for_a_folder_name() -> None:
    assert key() == REFERENCE
    assert len(REFERENCE) == 32
    assert set(REFERENCE) <= set("0123456789abcdef")


def test_the_key_is_the_same_for_any_number_of_threads() -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        assert key() == REFERENCE
    finally:
        torch.set_num_threads(threads)


CHANGES: dict[str, Callable[[], str]] = {
    "an option": lambda: key(power=2),
    "the analyzer's version": lambda: key(analyzer=Newer),
    "the analyzer": lambda: key(analyzer=Renamed),
    "the seed": lambda: key(data=deal(seed=1)),
    "n": lambda: key(data=deal(n=21)),
    "the replicates": lambda: key(data=deal(replicates=3)),
    "held out": lambda: key(data=deal(held_out=True)),
    "a value of the data": lambda: key(data=deal(1e-9)),
    "the preprocessing": lambda: key(data=deal(normalize=((0.5,), (0.5,)))),
    "no data": lambda: cell_key(SnapshotStudy(SNAPSHOT, None), Asked, Asked.Options()),
    "the network's text": lambda: key(replace(SNAPSHOT, make_critic=lambda: nn.Sequential(Leaky(0.2)))),
    "the network's outputs": lambda: key(replace(SNAPSHOT, make_critic=lambda: Leaky(0.1))),
    "a weight": lambda: key(replace(SNAPSHOT, make_critic=lambda: Leaky(0.2, 1e-3))),
    "no critic": lambda: key(replace(SNAPSHOT, make_critic=None)),
    "the generator": lambda: key(replace(SNAPSHOT, make_generator=lambda: nn.Sequential(generator(), nn.Tanh()))),
    "the label": lambda: key(replace(SNAPSHOT, label="other")),
    "the step": lambda: key(replace(SNAPSHOT, step=4)),
    "the unit of the step": lambda: key(replace(SNAPSHOT, step_unit="step")),
    "the law of z": lambda: key(replace(SNAPSHOT, latent=Latent("uniform", (2,)))),
    "the orientation": lambda: key(replace(SNAPSHOT, orientation=-1)),
    "the output": lambda: key(replace(SNAPSHOT, output="logit")),
    "the weights": lambda: key(replace(SNAPSHOT, weights="ema")),
    "the penalty": lambda: key(replace(SNAPSHOT, penalty=10.0)),
    "an assumption": lambda: key(replace(SNAPSHOT, assumptions=("latent law: standard normal",))),
    "the design": lambda: key(replace(SNAPSHOT, designs={"critic": "factory a:B"})),
    "what is missing": lambda: key(replace(SNAPSHOT, missing={"critic": "why"})),
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_key_changes_with(what: str) -> None:
    assert CHANGES[what]() != REFERENCE


def test_no_two_changes_share_a_key() -> None:
    assert len({REFERENCE, *(change() for change in CHANGES.values())}) == len(CHANGES) + 1


def test_a_leak_of_another_slope_is_another_network() -> None:
    """nn.LeakyReLU has no weights: the file is the same, and only the built network tells."""
    sharp, soft = (nn.Sequential(Leaky(1.0), nn.LeakyReLU(slope)).eval() for slope in (0.1, 0.2))
    keys = [key(replace(SNAPSHOT, make_critic=lambda: sharp)), key(replace(SNAPSHOT, make_critic=lambda: soft))]
    assert keys[0] != keys[1]


def test_the_content_of_the_files_counts_and_not_their_names(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in "abc")
    first.write_bytes(b"weights")
    second.write_bytes(b"weights")
    third.write_bytes(b"other weights")
    keys = [key(replace(SNAPSHOT, files=(path,))) for path in (first, second, third)]
    assert keys[0] == keys[1] != keys[2]


def test_the_kind_of_device_counts_and_not_its_index() -> None:
    bare = replace(SNAPSHOT, make_generator=None, make_critic=None)
    cpu, first, second, plain = (key(bare, device=device) for device in ("cpu", "cuda:0", "cuda:1", "cuda"))
    assert first == second == plain
    assert cpu != first


def test_a_network_that_breaks_has_a_key_and_a_file_or_source_that_does_not_has_none(tmp_path: Path) -> None:
    """What an analyzer may do without is in the key as its error; what every cell rests on is the fault of the cell."""

    def broken() -> nn.Module:
        raise RuntimeError("it broke")

    assert key(replace(SNAPSHOT, make_critic=broken)) != REFERENCE
    with pytest.raises(FileNotFoundError):
        key(replace(SNAPSHOT, files=(tmp_path / "gone.pt",)))


def test_a_cell_without_a_key_has_a_name_of_its_own() -> None:
    study = SnapshotStudy(SNAPSHOT, None)
    names = {
        unkeyed(study, Asked),
        unkeyed(study, Renamed),
        unkeyed(SnapshotStudy(replace(SNAPSHOT, label="other"), None), Asked),
        unkeyed(SnapshotStudy(replace(SNAPSHOT, step=4), None), Asked),
    }
    assert len(names) == 4
    assert unkeyed(study, Asked) in names


def test_what_loading_showed_is_keyed_by_what_it_says() -> None:
    told = {"assumptions": ["latent law: standard normal"]}
    assert loading_key("s", told) == loading_key("s", dict(told))
    assert len({loading_key("s", told), loading_key("t", told), loading_key("s", {"assumptions": []})}) == 3


def test_the_source_of_an_analyzer_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An edited analyzer computes its cells anew: of a package every file counts, of a lone module that file."""
    monkeypatch.syspath_prepend(str(tmp_path))
    source = Path(__file__).read_text(encoding="utf-8")
    lone = tmp_path / "lone_analyzer.py"
    package = tmp_path / "packaged_analyzer"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "helper.py").write_text("FACTOR = 1\n")
    for path, name in ((lone, "lone_analyzer"), (package / "work.py", "packaged_analyzer.work")):
        path.write_text(source)
        edited = path if path is lone else package / "helper.py"
        digests = []
        for _ in range(2):
            importlib.invalidate_caches()
            digests.append(source_digest(importlib.import_module(name).Asked))
            edited.write_text(edited.read_text() + "# edited\n")
            for loaded in [m for m in sys.modules if m.split(".")[0] == name.split(".")[0]]:
                del sys.modules[loaded]
        assert digests[0] != digests[1], name
