"""Whole pickled networks: recognised and described without running anything, run when core has the user's trust."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.checkpoints.conftest import forms, run
from torch import nn

from wganalyze.contracts.loader import Part
from wganalyze.errors import CheckpointError, TrustError
from wganalyze_checkpoints.torch.module_pickle import TorchModulePickle
from wganalyze_checkpoints.torch.script import TorchScript
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADER = TorchModulePickle()


def network() -> nn.Module:
    """A small network with buffers."""
    return nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 1)).eval()


def opened(path: Path) -> dict[str, Part]:
    """The parts by name; no other loader claims the file."""
    assert (LOADER.sniff(path), TorchStateDict().sniff(path), TorchScript().sniff(path)) == (0.9, 0, 0)
    parts = LOADER.open(path)
    assert all((part.path, part.kind, part.read_tensors) == (path, LOADER.name, None) for part in parts)
    return {part.name: part for part in parts}


def assert_same(found: nn.Module, expected: nn.Module) -> None:
    """Both answer alike."""
    x = torch.randn(5, 2)
    torch.testing.assert_close(found(x), expected(x), rtol=0, atol=0)


@forms
def test_a_network_is_described_and_run_on_request(save: Callable[..., Path], form: str) -> None:
    net = network()
    (part,) = opened(save(net, form)).values()
    assert {k: s.shape for k, s in part.keys.items()} == {k: tuple(t.shape) for k, t in net.state_dict().items()}
    assert (part.name, part.facts) == ("", {})
    (problem,) = part.problems
    assert "torch.nn.modules.linear.Linear" in problem
    assert "--trust" in problem
    assert "--allow" not in problem
    assert_same(run(part), net)


@forms
def test_two_networks_in_a_dict(save: Callable[..., Path], form: str) -> None:
    g, d = network(), network()
    parts = opened(save({"epoch": 4, "G": g, "D": d, "config": {"lam": 10}}, form))
    assert list(parts) == ["G", "D"]
    for part, net in zip(parts.values(), (g, d), strict=True):
        assert part.facts == {"epoch": 4, "config.lam": 10}
        assert_same(run(part), net)


@forms
def test_its_weights_are_read_without_any_class(save: Callable[..., Path], form: str) -> None:
    """Bit for bit those of its state dict, buffers included."""
    g, d = network(), network()
    for part, net in zip(opened(save({"G": g, "D": d}, form)).values(), (g, d), strict=True):
        assert part.read_weights is not None
        stored, expected = part.read_weights(), net.state_dict()
        assert stored.keys() == expected.keys()
        assert all(torch.equal(stored[key], expected[key]) for key in expected)


@forms
def test_what_reading_in_full_would_import_is_listed(save: Callable[..., Path], form: str) -> None:
    (part,) = opened(save(network(), form)).values()
    layers = ["activation.ReLU", "batchnorm.BatchNorm1d", "container.Sequential", "linear.Linear"]
    assert part.asks_for == tuple(f"torch.nn.modules.{layer}" for layer in layers)
    assert part.runs_code


@forms
def test_a_network_of_torch_is_read_with_no_class_allowed(save: Callable[..., Path], form: str) -> None:
    net = network()
    parts = opened(save({"G": net, "opt": torch.optim.Adam(net.parameters())}, form))
    part = parts["G"]
    assert part.read_allowed is not None
    assert_same(part.read_allowed([]).eval(), net)


def allow(part: Part, *names: str) -> nn.Module:
    """The network, from classes of these names."""
    assert part.read_allowed is not None
    return part.read_allowed(names).eval()


@forms
def test_a_network_of_another_class_is_read_when_the_class_is_allowed(
    save: Callable[..., Path], their_code: Callable[[Path], nn.Module], tmp_path: Path, form: str
) -> None:
    marker = tmp_path / "imported"
    net = their_code(marker)
    (part,) = opened(save(net, form)).values()
    del sys.modules["nets_of_a_stranger"]
    marker.unlink()
    assert part.asks_for == ("nets_of_a_stranger.Critic",)
    assert "--allow nets_of_a_stranger:Critic if you know this code" in part.problems[0]
    with pytest.raises(TrustError, match=r"add --allow nets_of_a_stranger:Critic$"):
        allow(part)
    assert not marker.exists()
    assert_same(allow(part, "nets_of_a_stranger:Critic"), net)
    del sys.modules["nets_of_a_stranger"]


def test_what_spreads_a_network_over_devices_is_taken_off(save: Callable[..., Path]) -> None:
    net = network()
    (part,) = opened(save(nn.DataParallel(nn.DataParallel(net)))).values()
    for found in (run(part), allow(part)):
        assert isinstance(found, nn.Sequential)
        assert_same(found, net)


def test_a_class_of_a_script(save: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    kind = type("Critic", (nn.Linear,), {"__module__": "__main__"})
    monkeypatch.setattr(sys.modules["__main__"], "Critic", kind, raising=False)
    (part,) = opened(save(kind(2, 1))).values()
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"defined in a script: say --allow MODULE:CLASS"):
        run(part)
    with pytest.raises(TrustError, match=r"add --allow MODULE:Critic \(MODULE: the script that defined it\)"):
        allow(part)


def test_a_file_that_changes_before_it_is_read(save: Callable[..., Path]) -> None:
    path = save({"G": network()})
    part = opened(path)["G"]
    path.write_bytes(save({"H": network(), "more": 1}).read_bytes())
    with pytest.raises(CheckpointError, match="changed while it was read"):
        allow(part)


def test_an_object_that_is_no_network_is_said(save: Callable[..., Path]) -> None:
    part = opened(save(Namespace(a=1)))[""]
    with pytest.raises(CheckpointError, match="holds a Namespace, not a network"):
        allow(part)


def test_networks_beside_state_dicts_are_left_to_the_other_loader(save: Callable[..., Path]) -> None:
    path = save({"G": network(), "sd": network().state_dict()})
    assert LOADER.sniff(path) == 0
    with pytest.raises(CheckpointError, match="torch-state-dict"):
        LOADER.open(path)


SOURCE = """
import pathlib
from torch import nn
pathlib.Path({marker!r}).touch()
class Critic(nn.Linear):
    pass
"""


@pytest.fixture
def their_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], nn.Module]:
    """A network of a class whose module writes the marker when it is imported."""

    def make(marker: Path) -> nn.Module:
        (tmp_path / "nets_of_a_stranger.py").write_text(SOURCE.format(marker=str(marker)))
        monkeypatch.syspath_prepend(str(tmp_path))
        module = __import__("nets_of_a_stranger")
        net: nn.Module = module.Critic(2, 1)
        return net

    return make


@forms
def test_nothing_is_imported_before_it_is_run(
    save: Callable[..., Path], their_code: Callable[[Path], nn.Module], tmp_path: Path, form: str
) -> None:
    marker = tmp_path / "imported"
    net = their_code(marker)
    path = save(net, form)
    del sys.modules["nets_of_a_stranger"]
    marker.unlink()
    (part,) = opened(path).values()
    assert list(part.keys) == ["weight", "bias"]
    assert "nets_of_a_stranger.Critic" in part.problems[0]
    assert not marker.exists()
    assert "nets_of_a_stranger" not in sys.modules
    assert_same(run(part), net)
    assert marker.exists()
    del sys.modules["nets_of_a_stranger"]


def test_code_that_is_not_there_is_asked_for(
    save: Callable[..., Path],
    their_code: Callable[[Path], nn.Module],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = save(their_code(tmp_path / "imported"))
    (part,) = opened(path).values()
    monkeypatch.delattr(sys.modules["nets_of_a_stranger"], "Critic")
    with pytest.raises(CheckpointError, match="put the code that defined the network on PYTHONPATH") as caught:
        run(part)
    assert str(caught.value).startswith(f"{path}: ")
    del sys.modules["nets_of_a_stranger"]
    (tmp_path / "nets_of_a_stranger.py").unlink()
    with pytest.raises(CheckpointError, match=r"nets_of_a_stranger.*PYTHONPATH"):
        run(part)


class Refuses:
    """Its state is never right."""

    def __setstate__(self, state: object) -> None:
        raise KeyError(state)


def test_code_that_fails_gives_one_line(forge: Any) -> None:
    path = forge.archive(forge.call(Refuses, state="of\nthe art"))
    with pytest.raises(CheckpointError, match="the art") as caught:
        run(opened(path)[""])
    assert str(caught.value).isprintable()


def test_one_object_that_is_no_network(forge: Any) -> None:
    part = opened(forge.archive(forge.call(complex, 1, 2)))[""]
    assert part.keys == {}
    with pytest.raises(CheckpointError, match="holds a complex, not a network"):
        run(part)


def others(part: Part) -> list[str]:
    """What the file asks for, without the class that does harm of its own: allowed, it would."""
    return [name for name in part.asks_for if not name.endswith("SetsState")]


def test_harm_is_described_and_not_done(forge: Any, marker: Path) -> None:
    for name, value in forge.harm(marker).items():
        for content in (value, {"net": value}, OrderedDict(a=value)):
            path = forge.archive(content)
            if LOADER.sniff(path):
                (part,) = LOADER.open(path)
                assert "reading it runs code" in part.problems[0], name
                for allowed in ([], [*others(part), "os:system", "posix:system"]):
                    with pytest.raises(TrustError):
                        allow(part, *allowed)
        assert not marker.exists()
    assert "posix.system" in opened(forge.archive(forge.harm(marker)["os.system"]))[""].problems[0]


def test_harm_in_a_network_is_not_done(forge: Any, marker: Path) -> None:
    for value in forge.harm(marker).values():
        weights = {"weight": forge.tensor(forge.storage()), "x": value}
        state = {"_parameters": weights, "_buffers": {}, "_modules": {"m": value}, "hook": value}
        (part,) = opened(forge.archive(forge.call(nn.Identity, state=state), {"0": bytes(16)})).values()
        assert list(part.keys) == ["weight"]
        with pytest.raises(TrustError):
            allow(part, *others(part), "strange:Name")
        assert not marker.exists()


def test_a_network_without_end_is_damaged(forge: Any) -> None:
    tables: dict[str, dict[str, object]] = {"_parameters": {}, "_buffers": {}, "_modules": {}}
    net = forge.call(nn.Identity, state=tables)
    tables["_modules"]["again"] = net
    path = forge.archive(net)
    assert LOADER.sniff(path) == 0.9
    with pytest.raises(CheckpointError, match="without end"):
        LOADER.open(path)


@pytest.mark.parametrize("content", [{"w": torch.ones(2)}, {}, [nn.ReLU()], torch.ones(2)])
def test_other_files_are_not_claimed(save: Callable[..., Path], content: object) -> None:
    path = save(content)
    assert LOADER.sniff(path) == 0
    with pytest.raises(CheckpointError, match="holds no pickled network"):
        LOADER.open(path)


@forms
def test_a_file_cut_at_any_byte_is_not_claimed(
    save: Callable[..., Path], write: Callable[..., Path], form: str
) -> None:
    content = save(nn.Identity(), form, "n.pt").read_bytes()
    for end in range(len(content)):
        path = write(content[:end])
        assert LOADER.sniff(path) == 0
        with pytest.raises(CheckpointError) as caught:
            LOADER.open(path)
        assert str(caught.value).isprintable()
    assert LOADER.sniff(write(content)) == 0.9


def test_a_file_that_is_damaged_before_it_is_run(save: Callable[..., Path]) -> None:
    path = save(network())
    (part,) = opened(path).values()
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="damaged torch file"):
        run(part)
