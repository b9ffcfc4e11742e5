"""The effective weight: a plain layer with the folded tensors gives what the encoded layer gives in eval mode."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze.networks.norms import encodings, fold, folded_keys

Encode = Callable[[nn.Module, str], nn.Module]
Close = Callable[..., bool]

LAYERS: dict[str, Callable[[], nn.Module]] = {
    "linear": lambda: nn.Linear(5, 3),
    "square linear": lambda: nn.Linear(4, 4, bias=False),
    "one score": lambda: nn.Linear(5, 1),
    "convolution": lambda: nn.Conv2d(5, 4, 3, padding=1),
    "square convolution": lambda: nn.Conv2d(5, 5, 3),
    "groups": lambda: nn.Conv1d(6, 4, 3, groups=2),
    "transposed": lambda: nn.ConvTranspose2d(5, 3, 4, 2, 1),
    "square transposed": lambda: nn.ConvTranspose2d(5, 5, 4, 2, bias=False),
    "transposed volume": lambda: nn.ConvTranspose3d(2, 3, 2),
}
INPUTS: dict[str, tuple[int, ...]] = {"Conv1d": (6, 7), "ConvTranspose3d": (2, 3, 3, 3)}


WORDS = {
    "hooks": "spectral norm (weight_orig, weight_u, weight_v)",
    "parametrization": "spectral norm (parametrizations.weight.original, 0._u, 0._v)",
    "wrapper": "spectral norm (weight_bar, weight_u, weight_v)",
    "BigGAN": "spectral norm (weight, u0, sv0)",
    "BigGAN, two values": "spectral norm (weight, u0, sv0)",
    "mimicry": "spectral norm (weight, sn_u, sn_sigma)",
    "weight norm": "weight norm (weight_g, weight_v)",
    "weight norm by columns": "weight norm (weight_g, weight_v)",
    "weight norm of all": "weight norm (weight_g, weight_v)",
    "weight norm parametrization": "weight norm (parametrizations.weight.original0, original1)",
}
"""What each way to store a weight is called."""


def input_of(layer: nn.Module) -> Tensor:
    """A batch for a layer of LAYERS."""
    shape = (layer.in_features,) if isinstance(layer, nn.Linear) else INPUTS.get(type(layer).__name__, (5, 6, 6))
    return torch.randn(3, *shape, dtype=torch.float64)


def trained(net: nn.Module, x: Tensor) -> nn.Module:
    """After a few forwards in train mode and a step of an optimiser, so that u and v are a little stale."""
    net = net.double().train()
    for _ in range(3):
        net(x)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if not name.endswith(("_u", "_v")):
                parameter.add_(1e-3 * torch.randn_like(parameter))
            if name.endswith(("_g", "original0")):
                parameter.mul_(1.5)
    return net.eval()


@pytest.mark.parametrize("encoding", WORDS)
@pytest.mark.parametrize("kind", LAYERS)
def test_the_plain_layer_gives_what_the_encoded_one_gives(
    kind: str, encoding: str, encoded: Encode, close: Close
) -> None:
    torch.manual_seed(0)
    plain = LAYERS[kind]()
    x = input_of(plain)
    net = trained(encoded(LAYERS[kind](), encoding), x)
    stored = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    plain = plain.double().eval()
    folded = fold(stored)
    assert {key: tuple(t.shape) for key, t in folded.items()} == {
        k: tuple(t.shape) for k, t in plain.state_dict().items()
    }
    assert list(folded) == list(plain.state_dict())
    plain.load_state_dict(folded, strict=True)
    expected = net(x)
    assert close(plain(x), expected, 1e-10)
    assert encodings(shapes(stored)) == (f"{WORDS[encoding]} of 1 layer",)
    # And it is another weight than the one that is stored.
    raw = next(tensor for tensor in stored.values() if tensor.shape == folded["weight"].shape)
    assert not close(folded["weight"], raw, 1e-3)
    stored_again = net.state_dict()
    assert encoding == "wrapper" or all(torch.equal(stored[key], stored_again[key]) for key in stored)


def shapes(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(tensor.shape) for key, tensor in tensors.items()}


@pytest.mark.parametrize("encoding", WORDS)
def test_single_precision_stays_and_half_precision_does_not(encoding: str, encoded: Encode, close: Close) -> None:
    torch.manual_seed(0)
    net = encoded(nn.Conv2d(5, 4, 3), encoding)
    x = torch.randn(3, 5, 6, 6)
    net.train()(x)
    net.eval()
    stored = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    single = fold(stored)
    assert {t.dtype for t in single.values()} == {torch.float32}
    plain = nn.Conv2d(5, 4, 3)
    plain.load_state_dict(single)
    assert close(plain.double()(x.double()), net.double()(x.double()))
    half = fold({key: tensor.half() for key, tensor in stored.items()})
    assert half["weight"].dtype is torch.float64
    assert half["bias"].dtype is torch.float16


def test_the_weight_that_old_torch_kept_beside_the_original_is_the_effective_one(close: Close) -> None:
    torch.manual_seed(0)
    net = nn.utils.spectral_norm(nn.Linear(5, 3)).double()
    state = {key: tensor.clone() for key, tensor in net.state_dict().items() if key != "weight_v"}
    state["weight"] = state["weight_orig"] / 1.7
    x = torch.randn(4, 5, dtype=torch.float64)
    plain = nn.Linear(5, 3).double()
    plain.load_state_dict(fold(state), strict=True)
    net.load_state_dict(state)  # torch's own reading of such a file
    assert close(plain(x), net.eval()(x), 1e-9)
    assert encodings(shapes(state)) == ("spectral norm (weight_orig, weight_u, weight) of 1 layer",)


def test_a_network_keeps_its_order_and_its_names(bar: type[nn.Module], encoded: Encode, close: Close) -> None:
    torch.manual_seed(0)
    body: list[nn.Module] = [
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        bar(nn.Conv2d(4, 4, 3)),
        nn.utils.spectral_norm(nn.Conv2d(4, 4, 1)),
        nn.Flatten(),
        nn.Sequential(encoded(nn.Linear(4, 2), "weight norm parametrization")),
        nn.utils.spectral_norm(nn.Linear(2, 1)),
    ]
    plain = nn.Sequential(
        nn.Conv2d(3, 4, 3),
        nn.BatchNorm2d(4),
        nn.Conv2d(4, 4, 3),
        nn.Conv2d(4, 4, 1),
        nn.Flatten(),
        nn.Sequential(nn.Linear(4, 2)),
        nn.Linear(2, 1),
    ).double()
    net = nn.Sequential(*body).double().eval()
    stored = {key: tensor.clone() for key, tensor in net.state_dict().items()}
    assert list(folded_keys(shapes(stored))) == list(plain.state_dict())
    plain.load_state_dict(fold(stored), strict=True)
    x = torch.randn(2, 3, 5, 5, dtype=torch.float64)
    assert close(plain.eval()(x), net(x), 1e-10)
    assert encodings(shapes(stored)) == (
        "spectral norm (weight_bar, weight_u, weight_v) of 1 layer",
        "spectral norm (weight_orig, weight_u, weight_v) of 2 layers",
        "weight norm (parametrizations.weight.original0, original1) of 1 layer",
    )


def test_wrappers_around_the_whole_stay_as_they_are() -> None:
    keys = {"module.net.0.module.bias": (3,), "module.net.0.module.weight_bar": (3, 2)}
    keys |= {
        "module.net.0.module.weight_u": (3,),
        "module.net.0.module.weight_v": (2,),
        "module.last.module.bias": (1,),
    }
    expected = {"module.net.0.weight": (3, 2), "module.net.0.bias": (3,), "module.last.module.bias": (1,)}
    assert folded_keys(keys) == expected


def test_several_weights_of_one_module(close: Close) -> None:
    torch.manual_seed(0)
    net = nn.utils.spectral_norm(nn.GRU(3, 4, batch_first=True).double(), name="weight_hh_l0")
    net(torch.randn(2, 5, 3, dtype=torch.float64))
    plain = nn.GRU(3, 4, batch_first=True).double()
    folded = fold(net.state_dict())
    plain.load_state_dict(folded, strict=True)
    x = torch.randn(2, 5, 3, dtype=torch.float64)
    assert close(plain(x)[0], net.eval()(x)[0], 1e-12)


NOT_ENCODED: dict[str, dict[str, tuple[int, ...]]] = {
    "plain": {"weight": (3, 2), "bias": (3,)},
    "u of another length": {"weight_orig": (3, 2), "weight_u": (4,), "weight_v": (2,)},
    "v of another length": {"weight_orig": (3, 2), "weight_u": (3,), "weight_v": (3,)},
    "without u": {"weight_orig": (3, 2), "weight_v": (2,)},
    "pruned": {"weight_orig": (3, 2), "weight_mask": (3, 2)},
    "another parametrization": {
        "parametrizations.weight.original": (3, 3),
        "parametrizations.weight.0.base": (3, 3),
    },
    "one more parametrization": {
        "parametrizations.weight.original": (3, 2),
        "parametrizations.weight.0._u": (3,),
        "parametrizations.weight.0._v": (2,),
        "parametrizations.weight.1.base": (3, 3),
    },
    "no parametrization": {"a.original": (3, 2), "a.0._u": (3,), "a.0._v": (2,)},
    "magnitudes along two axes": {"weight_v": (3, 2, 2), "weight_g": (3, 2, 1)},
    "magnitudes of another layer": {"weight_v": (3, 2), "weight_g": (4, 1)},
    "biases of such names": {"head_v": (3,), "head_g": (1,)},
    "embeddings called u0": {"weight": (3, 2), "u0": (3, 2), "sv0": (1,)},
    "a name that ends in weight": {"a.myweight": (3, 2), "a.myu0": (1, 3), "a.mysv0": (1,)},
    "two of one name": {
        "net.module.weight_bar": (3, 2),
        "net.module.weight_u": (3,),
        "net.module.weight_v": (2,),
        "net.module.bias": (3,),
        "net.bias": (3,),
    },
    "nothing": {},
}


@pytest.mark.parametrize("name", NOT_ENCODED)
def test_what_is_not_encoded_stays(name: str) -> None:
    keys = NOT_ENCODED[name]
    assert folded_keys(keys) == keys
    assert encodings(keys) == ()
    tensors = {key: torch.ones(shape) for key, shape in keys.items()}
    assert fold(tensors) == tensors


KEY = st.lists(st.sampled_from(["module", "parametrizations", "weight", "0", "a", "weight_bar", ""]), max_size=4)
SPECTRAL = ("weight_orig", "weight_u", "weight_v", "weight_bar", "u0", "sv0", "u1", "sn_u", "sn_sigma")
PARAMETRIZED = ("original", "original0", "original1", "0._u", "0._v", "weight.original", "weight.0._u", "weight.0._v")
ENDING = st.sampled_from(["weight", "bias", "weight_g", *SPECTRAL, *PARAMETRIZED])
SHAPE = st.sampled_from([(), (1,), (2,), (1, 2), (2, 1), (2, 2), (2, 1, 2), (2, 2, 2)])


@given(st.dictionaries(st.tuples(KEY, ENDING).map(lambda k: ".".join([*k[0], k[1]])), SHAPE, max_size=12))
def test_keys_and_tensors_are_folded_alike_and_once(keys: dict[str, tuple[int, ...]]) -> None:
    tensors = {key: torch.ones(shape) for key, shape in keys.items()}
    folded = fold(tensors)
    assert shapes(folded) == folded_keys(keys)
    assert list(folded) == list(folded_keys(keys))
    assert (folded_keys(keys) == keys) or encodings(keys)
    assert len(folded) <= len(keys)


def test_ten_thousand_layers_take_no_time() -> None:
    keys: dict[str, tuple[int, ...]] = {}
    for i in range(10_000):
        keys |= {f"net.{i}.parametrizations.weight.original": (3, 2), f"net.{i}.bias": (3,)}
        keys |= {f"net.{i}.parametrizations.weight.0._u": (3,), f"net.{i}.parametrizations.weight.0._v": (2,)}
    start = time.process_time()
    assert len(folded_keys(keys)) == 20_000
    tenth = dict(list(keys.items())[:4000])
    long = time.process_time() - start
    start = time.process_time()
    folded_keys(tenth)
    assert long < 100 * (time.process_time() - start)  # 10 where it is linear, 100 where it is quadratic


def test_the_square_kernel_of_a_convolution_that_never_ran_is_one_of_a_convolution(close: Close) -> None:
    torch.manual_seed(0)
    net, plain = nn.utils.spectral_norm(nn.Conv2d(5, 5, 3)).double().eval(), nn.Conv2d(5, 5, 3).double()
    plain.load_state_dict(fold(net.state_dict()), strict=True)
    x = torch.randn(2, 5, 6, 6, dtype=torch.float64)
    assert close(plain(x), net(x), 1e-10)
