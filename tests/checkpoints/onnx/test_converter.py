"""Exported networks as torch modules: outputs, gradients and bounds are those of the networks that were exported."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wganalyze_checkpoints.onnx.loader import Onnx
from wganalyze_plugins.lipschitz.bounds.products.product import product_bound
from wganalyze_plugins.lipschitz.bounds.reading.tracing import trace

pytestmark = [
    pytest.mark.formats,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning"),
]

EXPORTS = pytest.mark.parametrize(
    ("dynamo", "free"), [(True, True), (False, True), (False, False)], ids=["new", "old", "old, one batch"]
)


class Reshaped(nn.Module):
    """A network, and its result in a shape that its code computes from the batch."""

    def __init__(self, before: nn.Module, shape: tuple[int, ...], after: nn.Module) -> None:
        super().__init__()
        self.before, self.shape, self.after = before, shape, after

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.before(x)
        result: Tensor = self.after(y.view(y.size(0), *self.shape))
        return result


class Projection(nn.Module):
    """A conditional critic: a score of features, and their product with an embedding of the label."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(64, 8))
        self.score = nn.Linear(8, 1)
        self.table = nn.Embedding(3, 8)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        features = self.features(x)
        result: Tensor = self.score(features) + (self.table(y) * features).sum(1, keepdim=True)
        return result


class Residual(nn.Module):
    """Upsampling, a skip, normalisation, a residual sum."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(6, 32)
        self.up = nn.Upsample(scale_factor=2)
        self.norm = nn.GroupNorm(2, 8)
        self.conv, self.skip = nn.Conv2d(8, 4, 3, padding=1), nn.Conv2d(8, 4, 1)
        self.last = nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.up(self.first(x).view(-1, 8, 2, 2))
        h = self.conv(torch.relu(self.norm(h))) + self.skip(h)
        return torch.tanh(self.last(nn.functional.silu(h)))


def settled(net: nn.Module) -> nn.Module:
    """In eval mode, with statistics and weights that are nobody's defaults."""
    generator = torch.Generator().manual_seed(0)
    for module in net.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            nn.init.uniform_(module.weight, 0.5, 2)
            nn.init.normal_(module.bias)
    return net.eval()


def networks() -> dict[str, tuple[nn.Module, tuple[int, ...]]]:
    """Networks as they are in papers, small, with the shape of their input."""
    torch.manual_seed(0)
    image = nn.Sequential(
        nn.ConvTranspose2d(5, 8, 4, 1, 0, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(True),
        nn.ConvTranspose2d(8, 4, 4, 2, 1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(True),
        nn.ConvTranspose2d(4, 1, 3, 2, 1, output_padding=1),
        nn.Tanh(),
    )
    body = nn.Sequential(
        nn.Conv2d(1, 4, 4, 2, 1), nn.LeakyReLU(0.2), nn.Conv2d(4, 8, 4, 2, 1, bias=False), nn.BatchNorm2d(8)
    )
    table: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
        "dcgan generator": (image, (5, 1, 1)),
        "dcgan critic": (Reshaped(body, (128,), nn.Sequential(nn.LeakyReLU(0.2), nn.Linear(128, 1))), (1, 16, 16)),
        "mlp critic": (
            nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 16), nn.SELU(), nn.Linear(16, 1)),
            (4,),
        ),
        "mlp generator": (
            Reshaped(nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ELU()), (1, 4, 4), nn.Tanh()),
            (4,),
        ),
        "pooled critic": (
            nn.Sequential(
                nn.Conv2d(2, 4, 3, padding=1, padding_mode="reflect"),
                nn.InstanceNorm2d(4, affine=True),
                nn.GELU(),
                nn.MaxPool2d(2),
                nn.PReLU(4),
                nn.AvgPool2d(2),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.LayerNorm(4),
                nn.Dropout(0.3),
                nn.Linear(4, 1),
            ),
            (2, 8, 8),
        ),
        "shuffled generator": (
            nn.Sequential(nn.Linear(3, 32), nn.Unflatten(1, (8, 2, 2)), nn.PixelShuffle(2), nn.Hardtanh()),
            (3,),
        ),
        "residual generator": (Residual(), (6,)),
    }
    return {name: (settled(net), shape) for name, (net, shape) in table.items()}


@pytest.fixture
def converted(write: Callable[..., Path]) -> Callable[..., nn.Module]:
    """``converted(net, *arguments, dynamo, free)``: the network as it comes back from its ONNX file."""

    def converted(net: nn.Module, *arguments: Tensor, dynamo: bool, free: bool) -> nn.Module:
        path = write(b"", "net.onnx")
        names = ["x", "labels"][: len(arguments)]
        options: dict[str, Any] = {}
        if free and dynamo:
            options["dynamic_shapes"] = tuple({0: torch.export.Dim("b")} for _ in arguments)
        elif free:
            options["dynamic_axes"] = {name: {0: "b"} for name in names}
        torch.onnx.export(net, arguments, path, input_names=names, dynamo=dynamo, verbose=False, **options)
        (part,) = Onnx().open(path)
        assert part.read_module is not None
        return part.read_module()

    return converted


def same_function(found: nn.Module, net: nn.Module, *arguments: Tensor) -> None:
    """Equal in float32, equal with equal gradients in float64, for the copy that core makes."""
    assert not hasattr(found, "no_gradient"), getattr(found, "no_gradient", "")
    torch.testing.assert_close(found(*arguments), net(*arguments), rtol=1e-4, atol=1e-5)
    first, second = copy.deepcopy(found).double().eval(), copy.deepcopy(net).double()
    x = arguments[0].double().requires_grad_(True)
    outputs = [each(x.clone(), *arguments[1:]) for each in (first, second)]
    torch.testing.assert_close(*outputs, rtol=1e-6, atol=1e-6)
    weight = torch.randn_like(outputs[0])
    gradients = [torch.autograd.grad((output * weight).sum(), x)[0] for output in outputs]
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-6)
    assert gradients[0].abs().max() > 1e-4


@EXPORTS
@pytest.mark.parametrize("name", networks())
def test_a_network_comes_back(converted: Callable[..., nn.Module], name: str, dynamo: bool, free: bool) -> None:
    net, shape = networks()[name]
    found = converted(net, torch.randn(2 if free else 1, *shape), dynamo=dynamo, free=free)
    same_function(found, net, torch.randn(5, *shape))


@EXPORTS
def test_a_conditional_critic_comes_back(converted: Callable[..., nn.Module], dynamo: bool, free: bool) -> None:
    torch.manual_seed(0)
    net = Projection().eval()
    found = converted(net, torch.randn(2, 1, 8, 8), torch.tensor([1, 2]), dynamo=dynamo, free=free)
    same_function(found, net, torch.randn(4, 1, 8, 8), torch.tensor([0, 1, 2, 0]))


def test_a_batch_that_the_new_exporter_fixes_is_set_free(converted: Callable[..., nn.Module]) -> None:
    net, shape = networks()["dcgan critic"]
    for batch in (1, 4):
        found = converted(net, torch.randn(batch, *shape), dynamo=True, free=False)
        same_function(found, net, torch.randn(5, *shape))


@pytest.mark.parametrize("name", ["dcgan critic", "mlp critic"])
def test_the_bound_of_a_critic_is_that_of_its_network(converted: Callable[..., nn.Module], name: str) -> None:
    net, shape = networks()[name]
    expected = product_bound(trace(copy.deepcopy(net).double(), shape))
    for dynamo in (True, False):
        found = converted(net, torch.randn(2, *shape), dynamo=dynamo, free=True)
        bound = product_bound(trace(found.double(), shape))
        assert bound.value == pytest.approx(expected.value, rel=1e-5)
        assert len(bound.stages) == len(expected.stages)
        assert bound.certificate == expected.certificate


def test_a_final_sigmoid_is_a_layer_that_can_be_cut(converted: Callable[..., nn.Module]) -> None:
    net = nn.Sequential(nn.Linear(3, 1), nn.Sigmoid()).eval()
    found = converted(net, torch.randn(2, 3), dynamo=True, free=True)
    names = [name for name, module in found.named_modules() if isinstance(module, nn.Sigmoid)]
    assert len(names) == 1
    setattr(found, names[0], nn.Identity())
    x = torch.randn(4, 3)
    torch.testing.assert_close(torch.sigmoid(found(x)), net(x))


def test_several_outputs_come_as_a_tuple(converted: Callable[..., nn.Module]) -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            return x.sum(1, keepdim=True), 2 * x

    score, other = converted(Two(), torch.randn(2, 3), dynamo=False, free=True)(torch.ones(4, 3))
    assert score.tolist() == [[3]] * 4
    assert other.shape == (4, 3)


def test_functions_of_the_file_are_seen_through(converted: Callable[..., nn.Module], tmp_path: Path) -> None:
    from onnx import TensorProto, helper, save_model

    twice = helper.make_function(
        "mine", "Twice", ["a"], ["b"], [helper.make_node("Add", ["a", "a"], ["b"])], [helper.make_opsetid("", 20)]
    )
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["b", 2]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Twice", ["x"], ["y"], domain="mine")], "g", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("mine", 1)]
    path = tmp_path / "net.onnx"
    save_model(helper.make_model(graph, functions=[twice], opset_imports=opsets, ir_version=8), path)
    (part,) = Onnx().open(path)
    assert part.problems == ()
    assert part.read_module is not None
    found = part.read_module()
    assert not hasattr(found, "no_gradient")
    assert found(torch.tensor([[1.0, 2.0]])).tolist() == [[2, 4]]


# Where there is no conversion


class Sampled(nn.Module):
    """Uses an operator that is not in the table."""

    def forward(self, x: Tensor) -> Tensor:
        grid = torch.zeros(x.size(0), 2, 2, 2)
        return nn.functional.grid_sample(x, grid, align_corners=False).flatten(1)


def test_a_missing_operator_is_named_and_the_program_runs(converted: Callable[..., nn.Module]) -> None:
    found = converted(Sampled(), torch.randn(2, 1, 4, 4), dynamo=True, free=False)
    reason = str(found.no_gradient)
    assert reason.startswith("net.onnx has no gradients: the operator GridSample has no conversion to torch; ")
    assert "state_dict()" in reason
    x = torch.randn(3, 1, 4, 4)
    torch.testing.assert_close(found(x), Sampled()(x))
    assert not found(x.requires_grad_()).requires_grad


def test_a_conversion_that_disagrees_is_not_used(
    converted: Callable[..., nn.Module], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison is what makes a conversion; a table with an error in it costs gradients and no numbers."""
    from wganalyze_checkpoints.onnx import converter as onnx_torch

    net = nn.Sequential(nn.Linear(3, 2), nn.LeakyReLU(0.2)).eval()
    monkeypatch.setitem(onnx_torch.TABLE, "LeakyRelu", lambda c: c.apply(nn.LeakyReLU(0.201), c[0]))
    found = converted(net, torch.randn(2, 3), dynamo=False, free=True)
    assert "torch and onnxruntime disagree by" in str(found.no_gradient)
    x = torch.randn(4, 3)
    torch.testing.assert_close(found(x), net(x))


def test_axes_of_any_size_are_not_converted(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    axes = {"x": {0: "b", 2: "h", 3: "w"}}
    torch.onnx.export(net, (torch.randn(2, 1, 8, 8),), path, input_names=["x"], dynamic_axes=axes, dynamo=False)
    (part,) = Onnx().open(path)
    assert part.read_module is not None
    found = part.read_module()
    assert "axes of any size" in str(found.no_gradient)
    x = torch.randn(3, 1, 6, 9)
    torch.testing.assert_close(found(x), net(x))


def test_decimals_are_those_that_were_written() -> None:
    import numpy as np

    from wganalyze_checkpoints.onnx.converter import decimal

    for written in (0.2, 0.01, 1e-5, 0.1, 1.0, 1 / 3, 1e-30):
        assert np.float32(decimal(float(np.float32(written)))) == np.float32(written)
    assert [decimal(float(np.float32(value))) for value in (0.2, 0.01, 1e-5)] == [0.2, 0.01, 1e-5]
