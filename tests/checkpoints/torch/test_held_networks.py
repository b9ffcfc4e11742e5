"""Networks in lists, in containers and in attributes of objects are parts of their file; nothing is run to see them."""

from __future__ import annotations

import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import joblib
import pytest
import torch
from tests.checkpoints.conftest import FORMS, run
from torch import nn

from wganalyze.contracts.loader import Part
from wganalyze.errors import CheckpointError, TrustError
from wganalyze_checkpoints.torch import reading
from wganalyze_checkpoints.torch.module_pickle import TorchModulePickle
from wganalyze_checkpoints.torch.modules import modules_of, networks_of
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADER = TorchModulePickle()
ALL_FORMS = [*FORMS, "pickle", "joblib"]


def net(seed: int = 0, width: int = 4) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(width, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)).eval()


@pytest.fixture
def store(save: Callable[..., Path], write: Callable[..., Path], tmp_path: Path) -> Callable[[object, str], Path]:
    """A value in one of the forms."""

    def store(value: object, form: str) -> Path:
        if form == "joblib":
            joblib.dump(value, tmp_path / "dumped")
            return write((tmp_path / "dumped").read_bytes())
        return write(pickle.dumps(value)) if form == "pickle" else save(value, form)

    return store


@pytest.fixture
def stranger() -> Iterator[Any]:
    """A class of a module that can be imported until the test forgets it."""
    module = ModuleType("their_synthesizer")
    exec("class Synth:\n    pass\n", module.__dict__)
    sys.modules["their_synthesizer"] = module
    yield module.Synth  # type: ignore[attr-defined]
    sys.modules.pop("their_synthesizer", None)


def opened(path: Path) -> dict[str, Part]:
    assert (LOADER.sniff(path), TorchStateDict().sniff(path)) == (0.9, 0)
    return {part.name: part for part in LOADER.open(path)}


def assert_same(part: Part, expected: nn.Module) -> None:
    x = torch.randn(5, 4)
    assert part.read_allowed is not None
    for found in (run(part), part.read_allowed([])):
        torch.testing.assert_close(found.eval()(x), expected(x), rtol=0, atol=0)
    assert {k: s.shape for k, s in part.keys.items()} == {k: tuple(t.shape) for k, t in expected.state_dict().items()}


@pytest.mark.parametrize("form", ALL_FORMS)
def test_one_network(store: Callable[[object, str], Path], form: str) -> None:
    (part,) = opened(store(net(), form)).values()
    assert part.name == ""
    assert part.asks_for[0] == "torch.nn.modules.activation.ReLU"
    assert_same(part, net())


@pytest.mark.parametrize("form", ALL_FORMS)
@pytest.mark.parametrize("listed", [list, tuple])
def test_a_list_of_networks(store: Callable[[object, str], Path], form: str, listed: Callable[..., Any]) -> None:
    g, d = net(1), net(2)
    parts = opened(store(listed([g, d]), form))
    assert list(parts) == ["0", "1"]
    assert_same(parts["0"], g)
    assert_same(parts["1"], d)


@pytest.mark.parametrize("form", ALL_FORMS)
def test_containers_within_containers(store: Callable[[object, str], Path], form: str) -> None:
    g, d, shared = net(1), net(2), net(3)
    value = {"epoch": 4, "nets": {"G": g, "D": [d]}, "e": shared, "again": shared, "activation": {"x": nn.ReLU()}}
    parts = opened(store(value, form))
    assert list(parts) == ["e", "nets.G", "nets.D.0"]
    assert all(part.facts["epoch"] == 4 for part in parts.values())
    assert_same(parts["nets.D.0"], d)


@pytest.mark.parametrize("form", ALL_FORMS)
def test_an_object_that_holds_a_network(store: Callable[[object, str], Path], stranger: Any, form: str) -> None:
    synth, model = stranger(), stranger()
    synth._model, synth.loss, synth._embedding_dim = model, [1.0], 4
    model._generator, model.optimizer = net(1), torch.optim.Adam(net(1).parameters())
    path = store(synth, form)
    (part,) = opened(path).values()
    assert part.name == "_model._generator"
    assert part.facts["_embedding_dim"] == 4
    (problem,) = part.problems
    assert problem.startswith(
        "an object of their_synthesizer.Synth that holds the network _model._generator (91 parameters): reading it "
    )
    assert "--allow" not in problem  # the network is of torch's own layers
    assert_same(part, net(1))


def test_only_the_classes_of_the_network_need_to_be_allowed(save: Callable[..., Path], stranger: Any) -> None:
    inner = type("Net", (nn.Sequential,), {"__module__": "their_synthesizer"})
    sys.modules["their_synthesizer"].Net = inner  # type: ignore[attr-defined]
    synth = stranger()
    synth.data, synth.generator = stranger(), inner(nn.Linear(4, 2))
    (part,) = opened(save(synth)).values()
    assert "--allow their_synthesizer:Net if you know" in part.problems[0]
    assert "their_synthesizer:Synth" not in part.problems[0]
    assert part.read_allowed is not None
    del sys.modules["their_synthesizer"].Synth  # type: ignore[attr-defined]
    found = part.read_allowed(["their_synthesizer:Net"])
    torch.testing.assert_close(found.state_dict(), synth.generator.state_dict())
    with pytest.raises(TrustError, match=r"asks for their_synthesizer\.Net; if you know"):
        part.read_allowed([])
    with pytest.raises(CheckpointError, match="Synth"):
        run(part)


def test_a_class_that_is_not_there_is_asked_for(write: Callable[..., Path], stranger: Any) -> None:
    synth = stranger()
    synth.net = net()
    (part,) = opened(write(pickle.dumps(synth))).values()
    del sys.modules["their_synthesizer"]
    with pytest.raises(CheckpointError, match=r"their_synthesizer.*on PYTHONPATH"):
        run(part)


def test_networks_within_are_found_once_and_within_bounds(save: Callable[..., Path]) -> None:
    deep: Any = net()
    for _ in range(10):
        deep = {"x": deep}
    assert modules_of(reading.read(save(deep)).root) == {}  # type: ignore[union-attr]
    endless: dict[str, Any] = {"net": net()}
    endless["self"] = endless
    assert list(modules_of(reading.read(save(endless)).root)) == ["net"]  # type: ignore[union-attr]
    wide = {f"k{i}": {"x": i} for i in range(5000)} | {"net": net()}
    networks_of(reading.read(save(wide)).root)  # type: ignore[union-attr]


def test_harm_beside_networks_is_not_done(forge: Any, write: Callable[..., Path], marker: Path) -> None:
    for value in forge.harm(marker).values():
        path = write(pickle.dumps([net(), Holder(value)], 4))
        for part in opened(path).values():
            assert part.read_allowed is not None
            part.read_allowed([])
        assert not marker.exists()


class Holder:
    """Has something in an attribute."""

    def __init__(self, value: object) -> None:
        self.value = value


# Parameters of torch up to 0.3


def old(parameter: nn.Parameter, version: str) -> tuple[Any, ...]:
    """How a parameter was pickled then."""
    hooks: OrderedDict[int, Any] = OrderedDict()
    if version == "0.3":
        return nn.Parameter, (parameter.data,), (True, False, hooks)
    return nn.Parameter, (parameter.data, True)


@pytest.mark.parametrize("form", [*FORMS, "pickle"])
@pytest.mark.parametrize("version", ["0.2", "0.3"])
def test_old_parameters_are_listed_and_allowed(
    store: Callable[[object, str], Path], monkeypatch: pytest.MonkeyPatch, form: str, version: str
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(nn.Parameter, "__reduce_ex__", lambda self, protocol: old(self, version))
        path = store(net(1), form)
    (part,) = opened(path).values()
    assert {k: s.shape for k, s in part.keys.items()} == {k: tuple(t.shape) for k, t in net().state_dict().items()}
    assert part.read_allowed is not None
    found = part.read_allowed([]).eval()
    x = torch.randn(5, 4)
    torch.testing.assert_close(found(x), net(1)(x), rtol=0, atol=0)
    assert all(isinstance(p, nn.Parameter) for p in found[0]._parameters.values())
    if version == "0.2":
        torch.testing.assert_close(run(part).eval()(x), net(1)(x), rtol=0, atol=0)


# Objects that bring their class along


def by_value(library: str) -> Any:
    """A class of a script, as cloudpickle and dill write one: with its code."""
    body = {"__module__": "__main__", "forward": lambda self, x: self[0](x)}
    return type("Theirs", (nn.Sequential,), body)


@pytest.mark.parametrize("library", ["cloudpickle", "dill"])
def test_a_class_that_is_brought_along_has_its_name(write: Callable[..., Path], library: str) -> None:
    pickler = pytest.importorskip(library)
    net = by_value(library)(nn.Linear(3, 2))
    path = write(pickler.dumps({"G": net, "weights": 3}))
    (part,) = opened(path).values()
    assert part.keys.keys() == net.state_dict().keys()
    assert "--allow MODULE:Theirs (MODULE: the script" in part.problems[0]
    assert f"--allow {library}" not in part.problems[0]
    module = ModuleType("their_script")
    module.Theirs = type("Theirs", (nn.Sequential,), {"__module__": "their_script"})  # type: ignore[attr-defined]
    sys.modules["their_script"] = module
    assert part.read_allowed is not None
    found = part.read_allowed(["their_script:Theirs"])
    x = torch.randn(2, 3)
    torch.testing.assert_close(found(x), net(x))
    torch.testing.assert_close(run(part)(x), net(x))
    del sys.modules["their_script"]


def test_functions_of_picklers_are_never_admitted(forge: Any, marker: Path) -> None:
    import cloudpickle

    harm = forge.call(cloudpickle.cloudpickle.subimport, "os")
    path = forge.archive({"G": forge.call(nn.Identity, state=tables(harm))})
    (part,) = opened(path).values()
    assert part.read_allowed is not None
    with pytest.raises(TrustError, match=r"subimport, which no --allow admits"):
        part.read_allowed(["cloudpickle.cloudpickle:subimport"])
    assert not marker.exists()


def tables(value: object) -> dict[str, object]:
    """What a module's ``__dict__`` has at least, and something more."""
    return {"_parameters": {}, "_buffers": {}, "_modules": {}, "more": value}
