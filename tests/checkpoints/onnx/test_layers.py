"""Operators that are layers: each converted, equal to onnxruntime alone in a graph, and torch's own layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.checkpoints.onnx.conftest import node
from torch import Tensor, nn

pytestmark = pytest.mark.formats


@pytest.fixture
def check(converted: Callable[..., tuple[nn.Module, nn.Module]]) -> Callable[..., nn.Module]:
    """``check(nodes, *shape, constants, version)``: a graph of these nodes from x to y is converted and agrees."""

    def check(
        nodes: list[Any], *shape: int, constants: dict[str, Tensor] | None = None, version: int = 20
    ) -> nn.Module:
        module, network = converted(nodes, shape, constants, version)
        samples = torch.randn(6, *shape, generator=torch.Generator().manual_seed(9))
        torch.testing.assert_close(module(samples), network(samples), rtol=1e-4, atol=1e-5)
        points = samples.double().requires_grad_(True)
        (gradient,) = torch.autograd.grad(module.double()(points).sum(), points)
        assert gradient.isfinite().all()
        return module

    return check


def only(module: nn.Module) -> Any:
    """The one layer that it has."""
    (found,) = (each for each in module.modules() if not list(each.children()) and each is not module)
    return found


@pytest.mark.parametrize(
    ("operator", "attributes", "layer"),
    [
        ("Relu", {}, nn.ReLU()),
        ("LeakyRelu", {}, nn.LeakyReLU(0.01)),
        ("LeakyRelu", {"alpha": 0.2}, nn.LeakyReLU(0.2)),
        ("Elu", {"alpha": 1.5}, nn.ELU(1.5)),
        ("Celu", {"alpha": 0.5}, nn.CELU(0.5)),
        ("Selu", {}, nn.SELU()),
        ("Gelu", {}, nn.GELU()),
        ("Gelu", {"approximate": "tanh"}, nn.GELU("tanh")),
        ("Sigmoid", {}, nn.Sigmoid()),
        ("Tanh", {}, nn.Tanh()),
        ("Softplus", {}, nn.Softplus()),
        ("Softsign", {}, nn.Softsign()),
        ("HardSwish", {}, nn.Hardswish()),
        ("Mish", {}, nn.Mish()),
        ("ThresholdedRelu", {"alpha": 0.5}, nn.Threshold(0.5, 0.0)),
        ("Softmax", {"axis": 1}, nn.Softmax(1)),
        ("LogSoftmax", {}, nn.LogSoftmax(-1)),
    ],
)
def test_activations_are_torchs_own(
    check: Callable[..., nn.Module], operator: str, attributes: dict[str, Any], layer: nn.Module
) -> None:
    found = only(check([node(operator, "x", **attributes)], 3, 4))
    assert repr(found) == repr(layer), "with the decimals that the trainer wrote"


def test_activations_with_arguments(check: Callable[..., nn.Module]) -> None:
    slopes = {"s": torch.tensor([0.1, 0.2, 0.3])[:, None, None]}
    found = only(check([node("PRelu", "x", "s")], 3, 4, 4, constants=slopes))
    assert isinstance(found, nn.PReLU)
    assert isinstance(only(check([node("PRelu", "x", "s")], 3, constants={"s": torch.tensor([0.5])})), nn.PReLU)
    check([node("HardSigmoid", "x", alpha=0.25, beta=0.4)], 3)


def test_ends_that_values_are_clipped_at(check: Callable[..., nn.Module]) -> None:
    ends = {"low": torch.tensor(-0.5), "zero": torch.tensor(0.0), "high": torch.tensor(0.7)}
    ends["max"] = torch.tensor(torch.finfo(torch.float32).max)
    ends["min"] = -ends["max"]
    assert repr(only(check([node("Clip", "x", "low", "high")], 3, constants=ends))).startswith("Hardtanh(min_val=-0.5")
    assert isinstance(only(check([node("Clip", "x", "zero", "max")], 3, constants=ends)), nn.ReLU)
    assert isinstance(only(check([node("Clip", "x", "zero")], 3, constants=ends)), nn.ReLU)
    check([node("Clip", "x", "low")], 3, constants=ends)
    check([node("Clip", "x", "", "high")], 3, constants=ends)
    check([node("Clip", "x", "min", "high")], 3, constants=ends)
    check([node("Clip", "x", min=-0.5, max=0.5)], 3, version=6)


def test_dropout_is_nothing(check: Callable[..., nn.Module]) -> None:
    check([node("Dropout", "x", gives="d"), node("Neg", "d")], 3)
    check([node("Dropout", "x", gives="d", ratio=0.5), node("Neg", "d")], 3, version=11)


# Linear maps


@pytest.mark.parametrize("turned", [0, 1])
@pytest.mark.parametrize("bias", [None, (4,), (1, 4), (1,), ()])
def test_matrices_with_bias(check: Callable[..., nn.Module], turned: int, bias: tuple[int, ...] | None) -> None:
    constants = {"w": torch.randn((4, 3) if turned else (3, 4))}
    if bias is not None:
        constants["c"] = torch.randn(bias)
    gemm = node("Gemm", "x", *constants, transB=turned, alpha=0.5, beta=2.0)
    assert isinstance(only(check([gemm], 3, constants=constants)), nn.Linear)


def test_products(check: Callable[..., nn.Module]) -> None:
    assert isinstance(only(check([node("MatMul", "x", "w")], 2, 3, constants={"w": torch.randn(3, 4)})), nn.Linear)
    check([node("MatMul", "x", "w")], 2, 3, constants={"w": torch.randn(5, 3, 4)[:1]})
    turn = node("Transpose", "x", gives="t", perm=[0, 2, 1])
    check([turn, node("MatMul", "x", "t")], 3, 4)
    square = [node("Reshape", "x", "s", gives="m"), node("Gemm", "w", "m", "c", gives="g", transB=1)]
    constants = {"s": torch.tensor([-1, 3]), "w": torch.randn(2, 3), "c": torch.randn(2, 1)}
    check([*square, node("Transpose", "g")], 3, constants=constants)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("operator", ["Conv", "ConvTranspose"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"strides": 2, "pads": (1, 1)},
        {"pads": (1, 0)},
        {"strides": 2, "pads": (0, 2)},
        {"dilations": 2, "pads": (2, 2)},
        {"group": 2},
    ],
)
def test_convolutions(check: Callable[..., nn.Module], axes: int, operator: str, options: dict[str, Any]) -> None:
    attributes: dict[str, Any] = {
        key: [value] * axes for key, value in options.items() if key in ("strides", "dilations")
    }
    if "pads" in options:
        attributes["pads"] = [options["pads"][0]] * axes + [options["pads"][1]] * axes
    groups = options.get("group", 1)
    turned = operator == "ConvTranspose"
    weight = torch.randn(*((4, 2) if turned else (2 * groups, 4 // groups)), *[3] * axes)
    width = 2 * groups
    constants = {"net.w.weight": weight, "bias": torch.randn(width)}
    conv = node(operator, "x", *constants, group=groups, **attributes)
    module = check([conv], 4, *[6] * axes, constants=constants)
    plain, transposed = (nn.Conv1d, nn.Conv2d, nn.Conv3d), (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
    assert type(module.get_submodule("net.w")) is (transposed if turned else plain)[axes - 1]


def test_output_padding(check: Callable[..., nn.Module]) -> None:
    conv = node("ConvTranspose", "x", "w", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])
    check([conv], 2, 4, 4, constants={"w": torch.randn(2, 3, 3, 3)})


@pytest.mark.parametrize("how", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("size", [6, 7])
def test_padding_by_name(check: Callable[..., nn.Module], how: str, size: int) -> None:
    constants = {"w": torch.randn(2, 1, 4, 4)}
    check([node("Conv", "x", "w", auto_pad=how, strides=[2, 2])], 1, size, size, constants=constants)
    check([node("MaxPool", "x", auto_pad=how, kernel_shape=[3, 3], strides=[2, 2])], 1, size, size)


def test_a_kernel_that_is_computed_from_constants_is_a_kernel(check: Callable[..., nn.Module]) -> None:
    """As a spectral norm that was exported with the network."""
    constants = {"w": torch.randn(2, 1, 3, 3), "sigma": torch.tensor(2.5)}
    conv = only(check([node("Div", "w", "sigma", gives="k"), node("Conv", "x", "k")], 1, 4, 4, constants=constants))
    torch.testing.assert_close(conv.weight, constants["w"].double() / 2.5, rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("pads", [(0, 0), (1, 1), (1, 0)])
@pytest.mark.parametrize("ceil", [0, 1])
def test_pooling(check: Callable[..., nn.Module], pads: tuple[int, int], ceil: int) -> None:
    options: dict[str, Any] = {
        "kernel_shape": [2, 2],
        "strides": [2, 2],
        "pads": [pads[0]] * 2 + [pads[1]] * 2,
        "ceil_mode": ceil,
    }
    check([node("MaxPool", "x", **options)], 2, 6, 6)
    if not ceil or pads == (0, 0):
        check([node("AveragePool", "x", count_include_pad=1, **options)], 2, 6, 6)
    if pads != (1, 0) and not ceil:
        check([node("AveragePool", "x", **options)], 2, 6, 6)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_pooling_of_everything(check: Callable[..., nn.Module], axes: int) -> None:
    check([node("GlobalAveragePool", "x")], 2, *[4] * axes)
    check([node("GlobalMaxPool", "x")], 2, *[4] * axes)
    check([node("MaxPool", "x", kernel_shape=[2] * axes)], 2, *[4] * axes)
    check([node("AveragePool", "x", kernel_shape=[2] * axes)], 2, *[4] * axes)


# Normalisation


@pytest.mark.parametrize("shape", [(3,), (3, 5), (3, 4, 4)])
def test_batch_normalisation_is_an_affine_map(check: Callable[..., nn.Module], shape: tuple[int, ...]) -> None:
    names = {"scale": torch.rand(3) + 0.5, "b": torch.randn(3), "mean": torch.randn(3), "var": torch.rand(3) + 0.5}
    module = check([node("BatchNormalization", "x", *names, epsilon=1e-3)], *shape, constants=names)
    norm = nn.functional.batch_norm
    x = torch.randn(4, *shape, dtype=torch.float64)
    expected = norm(
        x, names["mean"].double(), names["var"].double(), names["scale"].double(), names["b"].double(), eps=1e-3
    )
    torch.testing.assert_close(module(x), expected, rtol=1e-6, atol=1e-6)
    assert torch.equal(module.train()(x), module.eval()(x)), "the file knows no train mode"


def test_other_normalisations(check: Callable[..., nn.Module]) -> None:
    channels = {"w": torch.randn(4), "b": torch.randn(4)}
    found = only(check([node("InstanceNormalization", "x", "w", "b", epsilon=1e-3)], 4, 5, 5, constants=channels))
    assert isinstance(found, nn.InstanceNorm2d)
    found = only(check([node("LayerNormalization", "x", "w", "b", axis=-1)], 3, 4, constants=channels))
    assert isinstance(found, nn.LayerNorm)
    whole = {"w": torch.randn(3, 4)}
    check([node("LayerNormalization", "x", "w", axis=1)], 3, 4, constants=whole)
    found = only(check([node("GroupNormalization", "x", "w", "b", num_groups=2)], 4, 5, version=21, constants=channels))
    assert isinstance(found, nn.GroupNorm)


# Images


@pytest.mark.parametrize("scale", [2.0, 3.0])
@pytest.mark.parametrize("where", ["asymmetric", "half_pixel"])
def test_pixels_are_repeated(check: Callable[..., nn.Module], scale: float, where: str) -> None:
    options = {"mode": "nearest", "coordinate_transformation_mode": where}
    options["nearest_mode"] = "floor" if where == "asymmetric" else "round_prefer_floor"
    constants = {"scales": torch.tensor([1, 1, scale, scale]), "sizes": torch.tensor([2, 2, 8, 8])}
    module = check([node("Resize", "x", "", "scales", **options)], 2, 4, 4, constants=constants)
    assert isinstance(only(module), nn.Upsample)


@pytest.mark.parametrize("where", ["half_pixel", "align_corners", "pytorch_half_pixel"])
@pytest.mark.parametrize("scale", [2.0, 0.5])
def test_pixels_are_interpolated(check: Callable[..., nn.Module], where: str, scale: float) -> None:
    constants = {"scales": torch.tensor([1, 1, scale, scale])}
    options = {"mode": "linear", "coordinate_transformation_mode": where}
    check([node("Resize", "x", "", "scales", **options)], 2, 4, 4, constants=constants)


def test_pixels_are_interpolated_by_cubes(check: Callable[..., nn.Module]) -> None:
    constants = {"scales": torch.tensor([1.0, 1, 2, 2])}
    options: dict[str, Any] = {"mode": "cubic", "coordinate_transformation_mode": "half_pixel", "cubic_coeff_a": -0.75}
    check([node("Resize", "x", "", "scales", **options)], 2, 4, 4, constants=constants)


def test_a_size_that_is_computed(check: Callable[..., nn.Module]) -> None:
    nodes = [
        node("Shape", "x", gives="front", start=0, end=2),
        node("Concat", "front", "hw", gives="sizes", axis=0),
        node(
            "Resize",
            "x",
            "",
            "",
            "sizes",
            mode="nearest",
            coordinate_transformation_mode="asymmetric",
            nearest_mode="floor",
        ),
    ]
    check(nodes, 2, 4, 4, constants={"hw": torch.tensor([8, 8])})


def test_old_upsampling(check: Callable[..., nn.Module]) -> None:
    constants = {"scales": torch.tensor([1.0, 1, 2, 2])}
    check([node("Upsample", "x", "scales", mode="nearest")], 2, 4, 4, constants=constants, version=9)
    check([node("Resize", "x", "scales", mode="nearest")], 2, 4, 4, constants=constants, version=10)


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
def test_borders(check: Callable[..., nn.Module], mode: str) -> None:
    constants = {"pads": torch.tensor([0, 0, 1, 2, 0, 0, 2, 1])}
    check([node("Pad", "x", "pads", mode=mode)], 2, 4, 4, constants=constants)


def test_borders_of_a_value(check: Callable[..., nn.Module]) -> None:
    constants = {"pads": torch.tensor([0, 1, 0, 0, 0, 1]), "v": torch.tensor(3.0)}
    check([node("Pad", "x", "pads", "v")], 2, 4, constants=constants)
    check([node("Pad", "x", pads=[0, 0, 1, 0, 0, 1], value=2.0)], 2, 4, version=10)


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
def test_depth_becomes_space(check: Callable[..., nn.Module], mode: str) -> None:
    check([node("DepthToSpace", "x", blocksize=2, mode=mode)], 8, 3, 3)
    check([node("SpaceToDepth", "x", blocksize=2)], 2, 6, 6)


@pytest.mark.parametrize(
    ("operator", "attributes", "constant", "version", "reason"),
    [
        ("Softmax", {"axis": 1}, None, 11, "several axes"),
        ("AveragePool", {"kernel_shape": [2, 2], "pads": [1, 0, 0, 0]}, None, 20, "uneven padding"),
        ("Upsample", {}, [1.0, 2.0, 1.0, 1.0], 9, "other axes"),
        ("Pad", {"mode": "edge"}, [0, 1, 0, 0, 0, 0, 0, 0], 20, "other axes"),
        ("PRelu", {}, [0.1, 0.2, 0.3, 0.4], 20, "PRelu with a slope"),
        ("Hardmax", {}, None, 20, "the operator Hardmax has no conversion to torch"),
    ],
)
def test_what_is_not_covered_is_named(
    check: Callable[..., nn.Module],
    operator: str,
    attributes: dict[str, Any],
    constant: list[float] | None,
    version: int,
    reason: str,
) -> None:
    from wganalyze_checkpoints.onnx.graph import NoConversion

    constants = {} if constant is None else {"c": torch.tensor(constant)}
    with pytest.raises(NoConversion, match=reason):
        check([node(operator, "x", *constants, **attributes)], 2, 4, 4, constants=constants, version=version)
