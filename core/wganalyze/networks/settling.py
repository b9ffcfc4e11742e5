"""In networks that are built already: wrappers of spectral norm become the plain layers that they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wganalyze.networks.norms import BAR, stored_weights, weigh

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module

AGREEMENT = 1e-4
"""Of a wrapper with its plain layer, relative, in single precision."""


def settled(network: Module) -> Module:
    """A copy of a network, for eval mode, in which the wrappers of old are the plain layers that they stand for.

    Such a wrapper iterates at every forward, so that no two scores are of the same function; one that does not do
    what the plain layer does is left. Weights that hooks left behind with their history, which hinders copying, lose
    it: hooks compute them anew.
    """
    import copy

    from torch import Tensor

    for module in network.modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, Tensor) and value.grad_fn is not None:
                vars(module)[name] = value.detach()
    copied = copy.deepcopy(network)
    for name, module in list(copied.named_modules()):
        plain = _layer_of(module)
        if plain is not None and not name:
            return plain
        if plain is not None:
            parent, _, child = name.rpartition(".")
            setattr(copied.get_submodule(parent), child, plain)
    return copied


def _layer_of(wrapper: Module) -> Module | None:
    """The plain layer that a wrapper stands for, proved on an input; None where it is no wrapper, or does more."""
    import copy

    from torch.nn import Parameter

    layer: Any = dict(wrapper.named_children()).get("module")
    probe = _probe(layer)
    if probe is None:
        return None
    stored = layer.state_dict()
    weights = stored_weights({key: tuple(tensor.shape) for key, tensor in stored.items()})
    if [(weight.kind, weight.name) for weight in weights] != [(BAR, "weight")]:
        return None
    plain = copy.deepcopy(layer)
    for part in weights[0].parts:
        delattr(plain, part)
    vars(plain).pop("weight", None)
    plain.register_parameter("weight", Parameter(weigh(weights[0], stored), requires_grad=False))
    return plain.train(wrapper.training) if _agree(copy.deepcopy(wrapper), plain, probe) else None


def _probe(layer: Any) -> Tensor | None:
    """An input for a linear or convolutional layer; None for others."""
    import torch
    from torch import nn

    if isinstance(layer, nn.Linear):
        shape: tuple[int, ...] = (layer.in_features,)
    elif isinstance(
        layer, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d
    ):
        reach = [d * (k - 1) + 3 for d, k in zip(layer.dilation, layer.kernel_size, strict=True)]
        shape = (layer.in_channels, *reach)
    else:
        return None
    stored = next(layer.parameters())
    noise = torch.randn(2, *shape, generator=torch.Generator().manual_seed(0))
    return noise.to(stored.device, stored.dtype)


def _agree(wrapper: Module, plain: Module, probe: Tensor) -> bool:
    import torch

    try:
        with torch.no_grad():
            expected, given = wrapper.eval()(probe.clone()), plain.eval()(probe.clone())
        return bool((expected - given).norm() <= AGREEMENT * expected.norm())
    except Exception:  # it is anybody's code
        return False
