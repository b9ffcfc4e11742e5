"""From a chain and what is assumed about it to a module whose keys are those that were stored."""

from __future__ import annotations

import re
from collections.abc import Sequence

from torch import Tensor, nn

from wganalyze import Shapes
from wganalyze_zoo.chain.reading import Chain, Layer, read, side_of

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "hardswish": nn.Hardswish,
    "softsign": nn.Softsign,
    "hardtanh": nn.Hardtanh,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
EPS = 1e-5
Step = tuple[str, nn.Module, str]


class Series(nn.Module):
    """A latent, flat samples or those with an axis too many as series of so many channels, (n, channels, length)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """(n, ...) of channels times length numbers."""
        return x.reshape(len(x), self.channels, -1)


class ChainNetwork(nn.Module):
    """Modules one after the other, each under the name that its keys have; ``in_words``: all of them in one line.

    Those without keys have names with spaces, which no stored layer has.
    """

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__()
        self.in_words = " ".join(text for _, _, text in steps if text)
        self._names_in_order = [name for name, _, _ in steps]
        for name, module, _ in steps:
            *folders, leaf = name.split(".")
            place: nn.Module = self
            for folder in folders:
                if folder not in dict(place.named_children()):
                    place.add_module(folder, nn.Module())
                place = place.get_submodule(folder)
            place.add_module(leaf, module)

    def forward(self, x: Tensor) -> Tensor:
        """z or samples through all of them."""
        for name in self._names_in_order:
            x = self.get_submodule(name)(x)
        return x


def build(
    shapes: Shapes,
    *,
    activation: str = "relu",
    active: Sequence[int] | None = None,
    strides: Sequence[int] = (),
    paddings: Sequence[int] = (),
    output_paddings: Sequence[int] = (),
    scales: Sequence[int] = (),
    resize: str = "nearest",
    transposed: Sequence[bool] = (),
    dropout: float = 0.0,
    eps: float = EPS,
    output: str = "none",
) -> ChainNetwork:
    """The network that keys and shapes describe, under these assumptions; ValueError where they make no network."""
    chain = read(shapes)
    count = len(chain.convolutions)
    lists = {"strides": strides, "paddings": paddings, "output_paddings": output_paddings, "scales": scales}
    for name, given in {**lists, "transposed": transposed}.items():
        if given and len(given) != count:
            raise ValueError(f"{name}: {len(given)} given, there are {count} convolutions")
    marks = chain.with_marks(transposed) if transposed else next(chain.orientations())
    defaults = ([1] * count, [0] * count, [0] * count, [1] * count)
    settings = zip(*(given or default for given, default in zip(lists.values(), defaults, strict=True)), strict=True)
    behind = chain.placements()[0] if active is None else active
    steps: list[Step] = [("flatten first", nn.Flatten(), "")] if chain.is_flat(0) else []
    if chain.axes == 1 and not steps:
        steps.append(("series first", Series(chain.layers[0].channels(marks[0])[0]), ""))
    for i, layer in enumerate(chain.layers):
        if i and i - 1 in chain.reshapes:
            steps.append((f"reshape before {i}", *_reshape(chain, i, marks)))
        if layer.kind == "conv":
            stride, padding, extra, scale = next(settings)
            if scale > 1:
                steps.append((f"resize before {i}", _resize(scale, resize, chain.axes), f"{resize} x{scale}"))
            steps.append((layer.name, *_convolution(layer, marks[i], stride, padding, extra)))
        elif layer.kind == "linear":
            wide, narrow = layer.channels(False)
            steps.append((layer.name, nn.Linear(wide, narrow, layer.bias), f"Linear({wide}-{narrow})"))
        else:
            norm = nn.BatchNorm1d if chain.is_flat(i) or chain.axes == 1 else nn.BatchNorm2d
            steps.append((layer.name, norm(layer.shape[0], eps, affine=layer.bias), f"BN{_unless(eps, EPS, ' eps ')}"))
        if i in behind and activation != "none":
            steps.append((f"activation after {i}", activation_module(activation), activation))
        if dropout and i in chain.rooms:
            steps.append((f"dropout after {i}", nn.Dropout(dropout), f"dropout({dropout:g})"))
    if output != "none":
        steps.append(("activation at the end", activation_module(output), output))
    return ChainNetwork(steps)


def _convolution(layer: Layer, transposed: bool, stride: int, padding: int, extra: int) -> tuple[nn.Module, str]:
    wide, narrow = layer.channels(transposed)
    sizes = f"({wide}-{narrow} k{layer.kernel} s{stride} p{padding}{_unless(extra, 0, ' op')})"
    if not transposed:
        kind = nn.Conv1d if layer.axes == 1 else nn.Conv2d
        return kind(wide, narrow, layer.kernel, stride, padding, bias=layer.bias), f"Conv{sizes}"
    back = nn.ConvTranspose1d if layer.axes == 1 else nn.ConvTranspose2d
    return back(wide, narrow, layer.kernel, stride, padding, extra, bias=layer.bias), f"ConvTranspose{sizes}"


def _reshape(chain: Chain, i: int, marks: Sequence[bool]) -> tuple[nn.Module, str]:
    """Flat before layer ``i``, or a square image (or a series) with the channels that it takes."""
    if chain.is_flat(i):
        return nn.Flatten(), ""
    channels, numbers = chain.layers[i].channels(marks[i])[0], chain.layers[i - 1].shape[0]
    side = side_of(numbers, channels, chain.axes)
    if not side:
        raise ValueError(f"{numbers} numbers are no square image of {channels} channels")
    shape = (channels, *[side] * chain.axes)
    return nn.Unflatten(1, shape), f"to {'x'.join(map(str, shape))}"


def _resize(scale: int, how: str, axes: int) -> nn.Module:
    """``how``: "bilinear" means along both axes of an image, so along the one of a series."""
    if how not in ("nearest", "bilinear"):
        raise ValueError(f"resize: {how!r} is neither nearest nor bilinear")
    return nn.Upsample(scale_factor=scale, mode="linear" if how == "bilinear" and axes == 1 else how)


def activation_module(text: str) -> nn.Module:
    """What a text such as "leaky_relu(0.2)" names."""
    match = re.fullmatch(r"(\w+)(?:\((\d*\.?\d+)\))?", text)
    if match is None or match[1] not in ACTIVATIONS or (match[2] and match[1] not in ("leaky_relu", "elu")):
        raise ValueError(f"no activation is called {text!r}; there are: none, {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[match[1]](*([float(match[2])] if match[2] else []))


def _unless(value: float, usual: float, mark: str) -> str:
    return "" if value == usual else f"{mark}{value:g}"
