"""State dicts, however they are nested and whatever lies beside them, as torch.load gives them."""

from __future__ import annotations

from argparse import Namespace
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.checkpoints.conftest import Stranger, assert_holds, forms
from torch import nn

from wganalyze.contracts.loader import Part
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.torch.module_pickle import TorchModulePickle
from wganalyze_checkpoints.torch.script import TorchScript
from wganalyze_checkpoints.torch.state_dict import TorchStateDict, children, find_facts

FIELD = Path(__file__).parents[3].parent / "shared" / "field"
LOADER = TorchStateDict()


def generator() -> nn.Module:
    """A small network with buffers."""
    return nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 3))


def critic() -> nn.Module:
    """A small network of one score."""
    return nn.Sequential(nn.Linear(3, 4), nn.LeakyReLU(0.2), nn.Linear(4, 1))


def opened(path: Path) -> dict[str, Part]:
    """The parts by name."""
    assert LOADER.sniff(path) == 0.9
    parts = LOADER.open(path)
    assert all((part.path, part.kind, part.role, part.step) == (path, LOADER.name, None, None) for part in parts)
    assert all(part.read_module is None for part in parts)
    named = {part.name: part for part in parts}
    assert len(named) == len(parts)
    return named


# Where state dicts lie


@forms
def test_a_state_dict_is_the_file(save: Callable[..., Path], form: str) -> None:
    weights = generator().state_dict()
    (name, part), *rest = opened(save(weights, form)).items()
    assert (name, rest, part.problems, part.facts) == ("", [], (), {})
    assert part.parameters == sum(t.numel() for t in weights.values())
    assert_holds(part, weights)


@pytest.mark.parametrize("name", ["netG.pth", "G", "weights.txt", "checkpoint.tar", "a b.bin"])
def test_the_name_of_the_file_does_not_matter(save: Callable[..., Path], name: str) -> None:
    assert_holds(opened(save({"w": torch.ones(2)}, name=name))[""], {"w": torch.ones(2)})


@forms
def test_both_networks_their_optimizers_and_numbers(save: Callable[..., Path], form: str) -> None:
    g, d = generator(), critic()
    g_steps, d_steps = torch.optim.Adam(g.parameters()), torch.optim.RMSprop(d.parameters())
    for net, optimizer, width in ((g, g_steps, 2), (d, d_steps, 3)):
        net(torch.randn(5, width)).sum().backward()
        optimizer.step()
    content = {
        "epoch": 7,
        "netG": g.state_dict(),
        "netD": d.state_dict(),
        "optG": g_steps.state_dict(),
        "optD": d_steps.state_dict(),
        "scheduler": torch.optim.lr_scheduler.StepLR(g_steps, 10).state_dict(),
        "fixed_noise": torch.randn(16, 2),
    }
    parts = opened(save(content, form))
    assert list(parts) == ["netG", "netD"]
    for name, net in {"netG": g, "netD": d}.items():
        assert_holds(parts[name], net.state_dict())
        assert parts[name].facts == {"epoch": 7}


@pytest.mark.parametrize(
    ("content", "places"),
    [
        ({"model": {"netG": 0, "netD": 1}}, {"model.netG": 0, "model.netD": 1}),
        ({"g": 0, "g_ema": 1}, {"g": 0, "g_ema": 1}),
        ([0, 1], {"0": 0, "1": 1}),
        ((0, {"d": 1}), {"0": 0, "1.d": 1}),
        ({"nets": [0, 1]}, {"nets.0": 0, "nets.1": 1}),
        ({"steps": {100: 0, 200: 1}}, {"steps.100": 0, "steps.200": 1}),
        ({"state_dict": 0, "epoch": 1.0}, {"state_dict": 0}),
        ({"a": {"b": {"too deep": 0}}, "g": 1}, {"g": 1}),
        ({"history": [{"g": 0, "d": 1}]}, {"history.0.g": 0, "history.0.d": 1}),
        (OrderedDict(g=0), {"g": 0}),
        (defaultdict(int, g=0), {"g": 0}),
        (Namespace(g=0, d=1), {"g": 0, "d": 1}),
    ],
)
@forms
def test_nests(save: Callable[..., Path], form: str, content: object, places: Mapping[str, int]) -> None:
    weights = [generator().state_dict(), critic().state_dict()]

    def filled(value: Any) -> Any:
        if isinstance(value, int):
            return weights[value]
        if isinstance(value, dict):
            pairs = ((k, filled(v)) for k, v in value.items())
            return defaultdict(list, pairs) if isinstance(value, defaultdict) else type(value)(pairs)
        if isinstance(value, list | tuple):
            return type(value)(map(filled, value))
        return Namespace(**filled(vars(value))) if isinstance(value, Namespace) else value

    parts = opened(save(filled(content), form))
    assert list(parts) == list(places)
    for name, index in places.items():
        assert_holds(parts[name], weights[index])


def test_one_state_dict_under_two_prefixes_is_one_part(save: Callable[..., Path]) -> None:
    both = nn.ModuleDict({"generator": generator(), "generator_ema": generator(), "discriminator": critic()})
    assert_holds(opened(save(both.state_dict()))[""], both.state_dict())


def test_an_average_that_shares_its_tensors(save: Callable[..., Path]) -> None:
    weights = generator().state_dict()
    parts = opened(save({"g": weights, "g_ema": dict(weights), "args": Namespace()}))
    assert_holds(parts["g"], weights)
    assert_holds(parts["g_ema"], weights)


def test_a_small_dict_in_a_state_dict_does_not_hide_it(save: Callable[..., Path]) -> None:
    weights = {**generator().state_dict(), "_extra_state": {"scale": torch.ones(1)}}
    assert list(opened(save(weights))[""].keys) == [k for k in weights if k != "_extra_state"]


def test_parameters_and_scalars_among_the_weights(save: Callable[..., Path]) -> None:
    content = {"w": nn.Parameter(torch.randn(2, 3)), "s": torch.tensor(4), "note": "x", "lr": 0.5}
    part = opened(save(content))[""]
    assert_holds(part, {"w": content["w"], "s": content["s"]})  # type: ignore[dict-item]
    assert part.facts == {"note": "x", "lr": 0.5}


def test_numbers_that_are_no_numbers_are_read_as_they_are(save: Callable[..., Path]) -> None:
    weights = {"w": torch.tensor([float("nan"), float("inf"), -0.0])}
    assert_holds(opened(save(weights))[""], weights)


@pytest.mark.parametrize(
    "content",
    [
        {},
        [],
        {"losses": [1.0, 2.0]},
        [{"epoch": 3, "loss": 1.0}],
        {"epoch": "three"},
        {"epoch": True},
        {"config": {"epoch": 3}},
        {"iter": 3, "loss": torch.tensor(1.0)},
        {"iter": 3, "net": nn.Linear(2, 1)},
        {"step": 0, "torch_manual_seed": torch.get_rng_state(), "random_state": (3, (1, 2))},
        torch.optim.lr_scheduler.StepLR(torch.optim.SGD([nn.Parameter(torch.ones(2))]), 10).state_dict(),
        torch.ones(3),
        [torch.ones(3)],
        {"loss": torch.tensor(1.0)},
        {1: torch.ones(3)},
        torch.optim.Adam([nn.Parameter(torch.ones(2))]).state_dict(),
        "text",
        None,
    ],
)
def test_a_file_without_state_dict(save: Callable[..., Path], content: object) -> None:
    path = save(content)
    assert LOADER.sniff(path) == 0
    with pytest.raises(CheckpointError) as caught:
        LOADER.open(path)
    assert str(caught.value) == (f"{path}: holds no state dict; save one with torch.save(net.state_dict(), 'file.pt')")


def test_a_long_history_beside_the_weights_does_no_harm(save: Callable[..., Path]) -> None:
    history = [0.5] * 600_000
    parts = opened(save({"g": {"w": torch.ones(2)}, "g_losses": history, "d_losses": history[:]}))
    assert list(parts) == ["g"]


# Facts


@forms
def test_facts_are_the_scalars_beside_and_in_the_configuration(save: Callable[..., Path], form: str) -> None:
    content = {
        "epoch": 3,
        "best": 1.5,
        "name": "wgan-gp",
        "amp": True,
        "none": None,
        "long": "x" * 2000,
        "two lines": "a\nb",
        "bell\a": 1,
        "huge": 2**100,
        2: 4,
        1.5: 6,
        "log": {"x": 1},
        "model": {"netG": {"w": torch.ones(2)}, "step": 900},
        "args": Namespace(lam=10.0, hidden=[1, 2], lr=1e-4),
        "Config": {"n_critic": 5, "deep": {"x": 1, "er": {"y": 2, "est": {"z": 3}}}},
    }
    facts = opened(save(content, form))["model.netG"].facts
    assert facts == {
        "epoch": 3,
        "best": 1.5,
        "name": "wgan-gp",
        "amp": True,
        "2": 4,
        "args.lam": 10.0,
        "args.lr": 1e-4,
        "Config.n_critic": 5,
        "Config.deep.x": 1,
        "Config.deep.er.y": 2,
        "model.step": 900,
    }
    assert isinstance(facts["amp"], bool)


def test_facts_of_omegaconf(save: Callable[..., Path]) -> None:
    """OmegaConf's nodes keep what they hold in ``_content`` and ``_val``, and point back to their parents."""
    top = Stranger(_metadata=Stranger(optional=True), _parent=None)
    section = Stranger(_content={"z_dim": Stranger(_val=64, _parent=top)}, _parent=top)
    vars(top)["_content"] = {"model": section, "lr": Stranger(_val=1e-4, _parent=top), "unset": Stranger(_val="???")}
    facts = opened(save({"g": {"w": torch.ones(2)}, "cfg": top}))["g"].facts
    assert facts == {"cfg.model.z_dim": 64, "cfg.lr": 1e-4, "cfg.unset": "???"}


def test_a_configuration_that_holds_itself(save: Callable[..., Path]) -> None:
    config: dict[str, object] = {"lr": 0.5}
    config["config"] = config
    facts = opened(save({"g": {"w": torch.ones(2)}, "config": config}))["g"].facts
    assert facts == {"config.lr": 0.5, "config.config.lr": 0.5, "config.config.config.lr": 0.5}


@forms
@pytest.mark.parametrize("step", ["itr", "epoch", "step", "global_step", "iter"])
def test_a_record_of_other_files(save: Callable[..., Path], form: str, step: str) -> None:
    """BigGAN-PyTorch's ``state_dict.pth``: the activation in its configuration is a module."""
    content = {step: 400, "best_FID": 31.5, "config": {"dim_z": 128, "G_activation": nn.ReLU(inplace=True)}}
    part = opened(save(content, form))[""]
    assert part.facts == {step: 400, "best_FID": 31.5, "config.dim_z": 128}
    assert (part.keys, part.read_tensors, part.read_module, part.parameters) == ({}, None, None, 0)
    assert part.asks_for == ("torch.nn.modules.activation.ReLU",)
    assert "torch.nn.modules.activation.ReLU" in part.problems[0]


def test_a_step_beside_weights_is_no_record(save: Callable[..., Path]) -> None:
    part = opened(save({"epoch": 7, "net": {"w": torch.ones(2)}}))["net"]
    assert (part.facts, list(part.keys)) == ({"epoch": 7}, ["w"])


# What the number of a file means


def test_lightweight_gan_counts_files_and_not_steps(save: Callable[..., Path]) -> None:
    nets = {"G.w": torch.ones(2), "D.w": torch.ones(3), "GE.w": torch.ones(2)}
    numbered = {
        name: opened(save(content, name="model_12.pt"))[name].numbered
        for name, content in {
            "GAN": {"GAN": nets, "version": "1.1.1"},
            "gan": {"gan": nets, "version": "1.1.1"},
            "": {**nets, "version": "1.1.1"},
        }.items()
    }
    assert numbered == {"GAN": False, "gan": True, "": True}
    assert opened(save({"GAN": nets}))["GAN"].numbered
    assert opened(save({"GAN": {"G.w": torch.ones(2)}, "version": "1.1.1"}))["GAN"].numbered


@pytest.mark.parametrize(
    ("name", "beside", "numbered"),
    [
        ("pytorch_model.bin", "random_states_0.pkl", False),
        ("pytorch_model_1.bin", "random_states_0.pkl", False),
        ("pytorch_model_1.bin", "optimizer.bin", False),
        ("pytorch_model_1.bin", "optimizer.pt", True),
        ("pytorch_model_1.pt", "optimizer.bin", True),
        ("G_1.bin", "optimizer.bin", True),
    ],
)
def test_accelerate_numbers_networks_and_not_steps(
    save: Callable[..., Path], name: str, beside: str, numbered: bool
) -> None:
    path = save({"w": torch.ones(2)}, name=name)
    assert opened(path)[""].numbered
    path.with_name(beside).touch()
    assert opened(path)[""].numbered is numbered


def test_the_number_of_facts_is_bounded(save: Callable[..., Path]) -> None:
    facts = opened(save({"g": {"w": torch.ones(2)}, **{f"k{i}": i for i in range(3000)}}))["g"].facts
    assert len(facts) == 1000
    assert find_facts({"args": dict.fromkeys(range(100)), "epoch": 1}, [()], most=10) == {}


def test_what_is_looked_into() -> None:
    assert children({"a": 1}) == {"a": 1}
    assert children((5, 6)) == {0: 5, 1: 6}
    assert children([0] * 1001) == {}
    assert children("text") == children(None) == children(torch.ones(2)) == {}


# What needs code


@forms
def test_objects_of_classes_are_left_and_named(save: Callable[..., Path], form: str) -> None:
    content = {
        "g": generator().state_dict(),
        "args": Namespace(lr=0.1),
        "fid": np.float64(3.5),
        "array": np.arange(3),
        "path": Path("run"),
        "tracker": Stranger(best=1),
    }
    part = opened(save(content, form))["g"]
    assert_holds(part, content["g"])  # type: ignore[arg-type]
    (problem,) = part.problems
    assert {"argparse.Namespace", f"{Stranger.__module__}.Stranger"} <= {*part.asks_for}
    assert problem.startswith("objects that would need code to read are left unread: ")
    assert "argparse.Namespace" in problem
    assert "Stranger" in problem
    assert part.facts["args.lr"] == 0.1


def test_many_classes_are_named_in_one_short_line(save: Callable[..., Path], forge: Any) -> None:
    program = b"\x80\x02]" + b"".join(b"cmodule%d\nC\na" % i for i in range(100)) + b"."
    root = forge.pickle({"g": {"w": forge.tensor(forge.storage())}})
    path = forge.archive(root[:-1] + b"X\x01\x00\x00\x00x" + program[2:-1] + b"s.", {"0": bytes(16)})
    (problem,) = opened(path)["g"].problems
    assert problem.endswith(", ...")
    assert len(problem) < 300


def test_weights_kept_by_an_object_of_a_class(save: Callable[..., Path]) -> None:
    shadow = generator().state_dict()
    parts = opened(save({"g": generator().state_dict(), "ema": Stranger(decay=0.999, shadow=shadow)}))
    assert_holds(parts["ema.shadow"], shadow)
    assert parts["g"].facts == {"ema.decay": 0.999}


@forms
def test_whole_networks_beside_a_state_dict_are_named_and_left(save: Callable[..., Path], form: str) -> None:
    path = save({"g": generator().state_dict(), "critic": critic()}, form)
    parts = opened(path)
    assert list(parts) == ["g"]
    assert "critic (torch.nn.modules.container.Sequential)" in parts["g"].problems[0]
    assert TorchModulePickle().sniff(path) == 0


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_every_pickle_protocol(save: Callable[..., Path], protocol: int) -> None:
    weights = generator().state_dict()
    for form in ("zip", "legacy"):
        assert_holds(opened(save({"g": weights}, form, protocol=protocol))["g"], weights)


def test_harm_beside_the_weights_is_not_done(forge: Any, marker: Path) -> None:
    for name, value in forge.harm(marker).items():
        path = forge.archive({"g": {"w": forge.tensor(forge.storage())}, "x": value}, {"0": bytes(16)})
        part = opened(path)["g"]
        assert part.problems, name
        assert_holds(part, {"w": torch.zeros(2, 2)})
        assert not marker.exists()


def test_harm_among_the_weights_is_not_done(forge: Any, marker: Path) -> None:
    for value in forge.harm(marker).values():
        weights = {"w": forge.tensor(forge.storage()), "x": value}
        assert_holds(opened(forge.archive(weights, {"0": bytes(16)}))[""], {"w": torch.zeros(2, 2)})
        for loader in (LOADER, TorchModulePickle(), TorchScript()):
            loader.sniff(forge.archive(value))
        assert not marker.exists()


# Agreement with torch

weight_keys = st.text("abc.", min_size=1, max_size=6)
state_dicts = st.dictionaries(
    weight_keys,
    st.tuples(st.lists(st.integers(1, 3), min_size=1, max_size=3), st.sampled_from([torch.float32, torch.int64])),
    min_size=1,
    max_size=5,
).map(lambda d: {k: torch.randint(9, shape).to(dtype) for k, (shape, dtype) in d.items()})
beside = st.integers(-(2**62), 2**62) | st.floats(allow_nan=False) | st.booleans() | st.lists(st.floats(), max_size=3)


@given(
    st.dictionaries(st.sampled_from(["netG", "netD", "g_ema", "ema"]), state_dicts, min_size=1),
    st.dictionaries(st.sampled_from(["epoch", "step", "loss"]), beside),
    st.sampled_from(["zip", "legacy"]),
    st.booleans(),
)
def test_agrees_with_torch_load(
    save: Callable[..., Path], nets: dict[str, Any], more: dict[str, Any], form: str, foreign: bool
) -> None:
    expected = torch.load(save({**nets, **more}, form), weights_only=True)
    parts = opened(save({**nets, **more, **({"args": Namespace()} if foreign else {})}, form))
    assert parts.keys() == nets.keys()
    for name, part in parts.items():
        assert_holds(part, expected[name])
        assert part.facts == {k: v for k, v in expected.items() if k in more and not isinstance(v, list)}
        assert bool(part.problems) is foreign


# The real world


def torch_files() -> list[Path]:
    """The torch files of the field data."""
    return sorted(path for path in FIELD.rglob("*") if path.suffix in (".pt", ".pth"))


@pytest.mark.field
@pytest.mark.skipif(not FIELD.is_dir(), reason="no ../shared/field")
def test_every_torch_file_of_the_field_is_read_as_torch_does() -> None:
    files = torch_files()
    assert len(files) > 50
    for path in files:
        expected = torch.load(path, weights_only=True, map_location="cpu")
        (part,) = opened(path).values()
        assert (part.name, part.problems) == ("", ())
        assert len(part.keys) == len(expected), path
        assert_holds(part, expected)
        assert TorchModulePickle().sniff(path) == TorchScript().sniff(path) == 0


@pytest.mark.field
@pytest.mark.skipif(not FIELD.is_dir(), reason="no ../shared/field")
def test_no_other_file_of_the_field_is_claimed() -> None:
    others = [path for path in FIELD.rglob("*") if path.is_file() and path not in torch_files()]
    assert others
    for path in others:
        assert [loader.sniff(path) for loader in (LOADER, TorchModulePickle(), TorchScript())] == [0, 0, 0], path


# Averages as lists


@forms
@pytest.mark.parametrize("place", ["g_ema", "ema.shadow_params", "avg"])
def test_a_list_of_tensors_under_the_name_of_an_average(save: Callable[..., Path], form: str, place: str) -> None:
    tensors = [torch.full((3, 2), 1.0), torch.full((3,), 2.0)]
    outer, _, inner = place.partition(".")
    content = {"g": nn.Linear(2, 3).state_dict(), outer: {inner: tensors, "decay": 0.9} if inner else tensors}
    part = opened(save(content, form))[place]
    assert [(key, spec.shape) for key, spec in part.keys.items()] == [("0", (3, 2)), ("1", (3,))]
    assert part.read_tensors is not None
    assert [float(tensor.mean()) for tensor in part.read_tensors().values()] == [1, 2]


@forms
def test_other_lists_of_tensors_are_no_networks(save: Callable[..., Path], form: str) -> None:
    content = {
        "g": nn.Linear(2, 3).state_dict(),
        "losses": [torch.ones(3)] * 2,
        "ema_collected_params": [torch.ones(3)],
    }
    assert [*opened(save(content, form))] == ["g"]


@forms
def test_some_weights_are_read_alone(save: Callable[..., Path], form: str) -> None:
    state = nn.BatchNorm1d(3).state_dict()
    part = opened(save({"g": state}, form))["g"]
    assert part.read_some is not None
    read = part.read_some({"running_var"})
    assert [*read] == ["running_var"]
    torch.testing.assert_close(read["running_var"], state["running_var"])


def test_deepspeed(save: Callable[..., Path]) -> None:
    content = {"module": nn.Linear(2, 3).state_dict(), "global_steps": 500, "dp_world_size": 8}
    assert opened(save(content, "zip"))["module"].facts == {"global_steps": 500, "dp_world_size": 8}
