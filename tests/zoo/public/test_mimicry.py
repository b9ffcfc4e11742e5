"""kwotsin/mimicry at 32 and 64 pixels: its published keys and shapes, for narrow nets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from tests.zoo.public.conftest import batch_norm, layer
from torch import Tensor, nn

from wganalyze.host.loading import load_host
from wganalyze.networks.building import load_strict
from wganalyze.networks.norms import fold, folded_keys
from wganalyze_zoo.public.mimicry import SpectralDiscriminator32, SpectralDiscriminator64

Check = Callable[..., nn.Module]
Shapes = dict[str, tuple[int, ...]]


def up(name: str, wide: int, narrow: int) -> Shapes:
    return {
        **layer(f"{name}.c1", narrow, wide, 3, 3),
        **layer(f"{name}.c2", narrow, narrow, 3, 3),
        **batch_norm(f"{name}.b1", wide),
        **batch_norm(f"{name}.b2", narrow),
        **layer(f"{name}.c_sc", narrow, wide, 1, 1),
    }


GENERATORS: dict[int, tuple[Shapes, dict[str, int]]] = {
    32: (
        {
            **layer("l1", 96, 5),
            **up("block2", 6, 6),
            **up("block3", 6, 6),
            **up("block4", 6, 6),
            **batch_norm("b5", 6),
            **layer("c5", 3, 6, 3, 3),
        },
        {"nz": 5, "ngf": 6},
    ),
    64: (
        {
            **layer("l1", 512, 5),
            **up("block2", 32, 16),
            **up("block3", 16, 8),
            **up("block4", 8, 4),
            **up("block5", 4, 2),
            **batch_norm("b6", 2),
            **layer("c6", 3, 2, 3, 3),
        },
        {"nz": 5, "ngf": 32},
    ),
}


def down(name: str, wide: int, hidden: int, narrow: int, *, shortcut: bool = True) -> Shapes:
    convolutions = {**layer(f"{name}.c1", hidden, wide, 3, 3), **layer(f"{name}.c2", narrow, hidden, 3, 3)}
    return {**convolutions, **layer(f"{name}.c_sc", narrow, wide, 1, 1)} if shortcut else convolutions


DISCRIMINATORS: dict[int, tuple[Shapes, dict[str, int]]] = {
    32: (
        {
            **down("block1", 3, 6, 6),
            **down("block2", 6, 6, 6),
            **down("block3", 6, 6, 6, shortcut=False),
            **down("block4", 6, 6, 6, shortcut=False),
            **layer("l5", 1, 6),
        },
        {"ndf": 6},
    ),
    64: (
        {
            **down("block1", 3, 2, 2),
            **down("block2", 2, 2, 4),
            **down("block3", 4, 4, 8),
            **down("block4", 8, 8, 16),
            **down("block5", 16, 16, 32),
            **layer("l6", 1, 32),
        },
        {"ndf": 32},
    ),
}


def hooked(plain: Shapes) -> Shapes:
    """As torch's spectral_norm stores it: weight_orig, weight_u, weight_v."""
    found: Shapes = {}
    for key, shape in plain.items():
        if key.endswith(".weight"):
            rest = torch.Size(shape[1:]).numel()
            found |= {f"{key}_orig": shape, f"{key}_u": shape[:1], f"{key}_v": (rest,)}
        else:
            found[key] = shape
    return found


def own(plain: Shapes) -> Shapes:
    """As mimicry's own layers store it: weight, sn_u, sn_sigma."""
    found = dict(plain)
    for key, shape in plain.items():
        if key.endswith(".weight"):
            name = key.removesuffix("weight")
            found |= {f"{name}sn_u": (1, shape[0]), f"{name}sn_sigma": (1,)}
    return found


SPECTRAL = {32: SpectralDiscriminator32, 64: SpectralDiscriminator64}
ENCODINGS = {"hooks": hooked, "own layers": own}


def conv(x: Tensor, state: Mapping[str, Tensor], name: str) -> Tensor:
    weight = state[f"{name}.weight"]
    return F.conv2d(x, weight, state[f"{name}.bias"], padding=weight.shape[-1] // 2)


def norm(x: Tensor, state: Mapping[str, Tensor], name: str) -> Tensor:
    mean, var, gamma, beta = (state[f"{name}.{v}"] for v in ("running_mean", "running_var", "weight", "bias"))
    return F.batch_norm(x, mean, var, gamma, beta, eps=1e-5)


def twice(x: Tensor) -> Tensor:
    return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)


@pytest.mark.parametrize("size", [32, 64])
def test_the_generator(check: Check, size: int) -> None:
    table, arguments = GENERATORS[size]
    net = check(f"mimicry-generator-{size}", table, arguments)
    state = net.state_dict()
    z = torch.randn(2, 5, dtype=torch.float64)
    h = F.linear(z, state["l1.weight"], state["l1.bias"]).reshape(2, -1, 4, 4)
    last = {32: 5, 64: 6}[size]
    for name in (f"block{i}" for i in range(2, last)):
        inner = conv(twice(norm(h, state, f"{name}.b1").relu()), state, f"{name}.c1")
        h = conv(norm(inner, state, f"{name}.b2").relu(), state, f"{name}.c2") + conv(twice(h), state, f"{name}.c_sc")
    expected = conv(norm(h, state, f"b{last}").relu(), state, f"c{last}").tanh()
    assert expected.shape == (2, 3, size, size)
    torch.testing.assert_close(net(z), expected)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [32, 64])
def test_the_spectral_discriminator(size: int, encoding: str) -> None:
    plain, arguments = DISCRIMINATORS[size]
    table = ENCODINGS[encoding](plain)
    architecture = SPECTRAL[size]()
    assert architecture.recognise(table) == arguments
    generator = torch.Generator().manual_seed(0)
    stored = {key: torch.randn(shape, generator=generator, dtype=torch.float64) for key, shape in table.items()}
    net = architecture.build(**arguments).double().eval()
    load_strict(net, stored, "a file", "critic")
    state = fold(stored)
    assert {key: tuple(t.shape) for key, t in state.items()} == plain
    x = torch.randn(2, 3, size, size, dtype=torch.float64)
    h = conv(conv(x, state, "block1.c1").relu(), state, "block1.c2")
    h = F.avg_pool2d(h, 2) + conv(F.avg_pool2d(x, 2), state, "block1.c_sc")
    last = {32: 5, 64: 6}[size]
    for i in range(2, last):
        h = h.relu()  # in place there: the shortcut sees it, too
        inner = conv(conv(h, state, f"block{i}.c1").relu(), state, f"block{i}.c2")
        halves = f"block{i}.c_sc.weight" in plain
        h = F.avg_pool2d(inner + conv(h, state, f"block{i}.c_sc"), 2) if halves else inner + h
    expected = F.linear(h.relu().sum((2, 3)), state[f"l{last}.weight"], state[f"l{last}.bias"])
    torch.testing.assert_close(net(x), expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("size", [32, 64])
def test_plain_keys_are_those_of_several_nets_and_not_known(size: int) -> None:
    plain, _ = DISCRIMINATORS[size]
    architectures: Any = load_host().architectures.values()
    assert [a.name for a in architectures if a.recognise(plain) is not None] == []
    assert folded_keys(hooked(plain)) == plain
    for table in (hooked(plain), own(plain)):
        names = [a.name for a in architectures if a.recognise(table) is not None]
        assert names == [f"mimicry-sngan-discriminator-{size}"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [32, 64])
def test_near_misses_of_the_discriminator(size: int, encoding: str) -> None:
    plain, _ = DISCRIMINATORS[size]
    encode, architecture = ENCODINGS[encoding], SPECTRAL[size]()
    last = {32: "l5", 64: "l6"}[size]
    without_norm = {k: s for k, s in encode(plain).items() if not k.startswith(last)} | layer(
        last, *plain[f"{last}.weight"]
    )
    assert architecture.recognise(without_norm) is None
    for key, shape in encode(plain).items():
        assert architecture.recognise({k: s for k, s in encode(plain).items() if k != key}) is None
        for i in range(len(shape)):
            longer = (*shape[:i], shape[i] + 1, *shape[i + 1 :])
            assert architecture.recognise({**encode(plain), key: longer}) is None
    assert architecture.recognise({**encode(plain), "l_y.weight": (10, 6)}) is None
    other = DISCRIMINATORS[96 - size][0]
    assert architecture.recognise(encode(other)) is None
