"""Every tensor in a file is read as it is, or refused by its name with what to do; none is altered, none is lost."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.checkpoints.conftest import assert_holds, forms, weights_of
from torch import Tensor, nn

from wganalyze.contracts.loader import TensorSpec
from wganalyze.errors import CheckpointError
from wganalyze_checkpoints.pickles.inert import Inert
from wganalyze_checkpoints.pickles.stored import of_array, unread
from wganalyze_checkpoints.torch.state_dict import TorchStateDict

LOADER = TorchStateDict()
FORMS = ["zip", "legacy", "pickle"]
WEIGHTS = {"0.weight": torch.arange(12.0).reshape(4, 3), "0.bias": torch.ones(4)}


class Stranger:
    """Something that ``torch.load(weights_only=True)`` refuses, so that tensors are read from their bytes."""


@pytest.fixture
def saved(save: Callable[..., Path], write: Callable[..., Path]) -> Callable[[object, str], Path]:
    """A value in one of the forms."""

    def saved(value: object, form: str) -> Path:
        return write(pickle.dumps(value)) if form == "pickle" else save(value, form)

    return saved


VIEWS: dict[str, Tensor] = {
    "turned": torch.arange(6.0).reshape(2, 3).T,
    "part": torch.arange(20.0)[3:9].reshape(2, 3),
    "every second": torch.arange(20.0)[::2],
    "expanded": torch.ones(1, 3).expand(4, 3),
    "conjugate": torch.randn(2, 3, dtype=torch.complex64).conj(),
    "negative": torch.randn(2, 3, dtype=torch.complex64).conj().imag,
    "both": torch.randn(2, 3, dtype=torch.complex64).T.conj(),
    "complex": torch.randn(3, dtype=torch.complex128),
    "bfloat16": torch.randn(3, 2).to(torch.bfloat16),
    "float8": torch.randn(3, 2).to(torch.float8_e4m3fn),
    "uint16": torch.arange(4).to(torch.uint16),
    "empty": torch.empty(0, 3),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("name", VIEWS)
def test_views_and_all_types(saved: Callable[[object, str], Path], form: str, beside: bool, name: str) -> None:
    state = {**WEIGHTS, name: VIEWS[name]}
    value = {"net": state, "stranger": Stranger()} if beside and form != "legacy" else {"net": state}
    (part,) = LOADER.open(saved(value, form))
    found = weights_of(part)
    stored, wanted = found[name], VIEWS[name]
    assert (stored.dtype, stored.shape) == (wanted.dtype, wanted.shape)
    bits = [t.resolve_conj().resolve_neg().contiguous().reshape(-1).view(torch.uint8) for t in (stored, wanted)]
    assert bits[0].equal(bits[1])


@pytest.mark.parametrize("beside", [False, True])
def test_what_is_shared_stays_shared(save: Callable[..., Path], beside: bool) -> None:
    whole = torch.arange(10.0)
    state = {"a": whole[:6].reshape(2, 3), "b": whole[4:]}
    found = weights_of(LOADER.open(save({"net": state, "x": Stranger() if beside else 0}))[0])
    found["a"][1, 1] = -1.0  # whole[4]
    assert found["b"][0] == -1.0


class Tagged(torch.Tensor):
    """A subclass that means nothing more."""


class Boxed(torch.Tensor):
    """A subclass whose numbers lie elsewhere."""

    @staticmethod
    def __new__(cls, inner: Tensor) -> Any:
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)  # type: ignore[attr-defined]

    def __init__(self, inner: Tensor) -> None:
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return func(*(a.inner if isinstance(a, Boxed) else a for a in args), **(kwargs or {}))


UNREAD: dict[str, tuple[Callable[[], Tensor], str, TensorSpec]] = {
    "quantized": (
        lambda: torch.quantize_per_tensor(torch.ones(4, 3), 0.1, 0, torch.qint8),
        r"g\.weight is a quantized tensor \(qint8\): dequantize before saving",
        TensorSpec((4, 3), "qint8"),
    ),
    "per channel": (
        lambda: torch.quantize_per_channel(torch.ones(2, 3), torch.ones(2), torch.zeros(2), 0, torch.quint8),
        r"a quantized tensor \(quint8\)",
        TensorSpec((2, 3), "quint8"),
    ),
    "coo": (
        lambda: torch.eye(3).to_sparse(),
        r"g\.weight is a sparse tensor \(sparse_coo\): save it with to_dense\(\)",
        TensorSpec((3, 3), "float32"),
    ),
    "csr": (lambda: torch.eye(3).to_sparse_csr(), r"\(sparse_csr\)", TensorSpec((3, 3), "float32")),
    "meta": (
        lambda: torch.empty(2, 3, device="meta"),
        r"g\.weight is a meta tensor, which has a shape and no numbers",
        TensorSpec((2, 3), "float32"),
    ),
    "nested": (
        lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]),
        "a nested tensor",
        TensorSpec((), "nested"),
    ),
}


@forms
@pytest.mark.parametrize("kind", UNREAD)
@pytest.mark.filterwarnings("ignore")
def test_what_is_not_read_is_named(save: Callable[..., Path], form: str, kind: str) -> None:
    make, message, spec = UNREAD[kind]
    (part,) = LOADER.open(save({"g.weight": make(), **WEIGHTS}, form))
    assert part.keys["g.weight"] == spec
    assert part.keys.keys() == {"g.weight", *WEIGHTS}
    assert "g.weight is a" in part.problems[-1]
    assert part.read_tensors is not None
    with pytest.raises(CheckpointError, match=message):
        part.read_tensors()


@pytest.mark.filterwarnings("ignore")
def test_a_network_of_which_nothing_is_read(save: Callable[..., Path]) -> None:
    quantized = torch.quantize_per_tensor(torch.ones(4, 3), 0.1, 0, torch.qint8)
    (part,) = LOADER.open(save({"0.weight": quantized, "1.weight": quantized}))
    assert [*part.keys] == ["0.weight", "1.weight"]
    assert part.problems[-1].count("a quantized tensor") == 2


@pytest.mark.filterwarnings("ignore")
def test_many_are_counted(save: Callable[..., Path]) -> None:
    meta = torch.empty(2, 3, device="meta")
    (part,) = LOADER.open(save({f"{i}.weight": meta for i in range(10)}))
    assert part.problems[-1].endswith("; and 7 more")


def test_a_wrapper_subclass_is_named(save: Callable[..., Path]) -> None:
    (part,) = LOADER.open(save({"g.weight": Boxed(torch.ones(2, 3)), **WEIGHTS}))
    assert part.read_tensors is not None
    with pytest.raises(CheckpointError, match=r"g\.weight is a tensor of the class .*Boxed: save a plain tensor"):
        part.read_tensors()


def test_a_subclass_without_a_meaning_is_its_numbers(save: Callable[..., Path]) -> None:
    (part,) = LOADER.open(save({**WEIGHTS, "tagged": torch.ones(2, 2).as_subclass(Tagged)}))
    assert_holds(part, {**WEIGHTS, "tagged": torch.ones(2, 2)})


def test_parameters_are_their_tensors(save: Callable[..., Path]) -> None:
    (part,) = LOADER.open(save({key: nn.Parameter(t) for key, t in WEIGHTS.items()}))
    assert_holds(part, WEIGHTS)


def test_other_values_are_no_tensors() -> None:
    for value in (None, 1, "x", {}, Inert("collections.Counter"), Inert("torch._utils.other"), np.ones(2)):
        assert unread(value) is None
        assert of_array(value) is None


@pytest.mark.parametrize(
    "last", ["_rebuild_qtensor", "_rebuild_sparse_tensor", "_rebuild_wrapper_subclass", "_rebuild_x"]
)
@pytest.mark.parametrize("arguments", [(), (1,), (None, "x", (-1, "x")), ((), (), ((),)), "text", None, (2**70,) * 8])
def test_what_lies_about_itself_is_named_all_the_same(last: str, arguments: object) -> None:
    found = unread(Inert(f"torch._utils.{last}", arguments))
    assert found is not None
    assert found.reason.isprintable()
    assert all(0 <= k < 2**48 for k in found.spec.shape)


def test_a_shard_of_a_tensor_is_named() -> None:
    found = unread(Inert("torch.distributed.tensor.DTensor"))
    assert found is not None
    assert "full_tensor()" in found.reason


def test_float8_is_looked_through_for_nan(save: Callable[..., Path]) -> None:
    """Core looks for NaN in all that is read."""
    from wganalyze.networks.piece import Piece

    (part,) = LOADER.open(save({"weight": torch.ones(2, 2).to(torch.float8_e4m3fn)}))
    assert Piece(part).tensors()["weight"].dtype == torch.float8_e4m3fn
