"""Tracing: parts of a critic applied by themselves give what the critic gives; what hides its work is refused."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wganalyze.errors import NotMeasurable
from wganalyze_plugins.lipschitz.bounds.reading.tracing import TracedCritic, is_per_sample, trace


class Code(nn.Module):
    """A critic that does what a function of (itself, x) says; three linear layers for it to use."""

    def __init__(self, body: Callable[[Any, Tensor], Any]) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.body = body
        self.a, self.b, self.last = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 1)
        self.register_buffer("running", torch.zeros(4))
        self.calls = 0

    def forward(self, x: Tensor) -> Any:
        return self.body(self, x)


def ready(critic: nn.Module) -> nn.Module:
    """Float64, eval mode, no parameters that learn."""
    return critic.double().eval().requires_grad_(False)


def traced(body: Callable[[Any, Tensor], Any]) -> TracedCritic:
    """The graph of such a critic, for inputs of four numbers."""
    return trace(ready(Code(body)), (4,))


def points(n: int, *shape: int) -> Tensor:
    """Standard normal points."""
    return torch.randn(n, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))


def counted(self: Any, x: Tensor) -> Tensor:
    self.calls += 1
    return self.last(x) * self.calls  # type: ignore[no-any-return]


def branching(self: Any, x: Tensor) -> Tensor:
    return self.last(x) if x.sum() > 0 else -self.last(x)


def hiding_its_branch(self: Any, x: Tensor) -> Tensor:
    return self.last(x) if isinstance(x, Tensor) else -self.last(x)


def hiding_its_branch_far_out(self: Any, x: Tensor) -> Tensor:
    far = bool((x.abs() > 20).any()) if isinstance(x, Tensor) else False
    return self.last(x) * (5 if far else 1)  # type: ignore[no-any-return]


def with_spread(self: Any, x: Tensor) -> Tensor:
    """Minibatch-stddev."""
    return self.last(x) + x.std(0, unbiased=False).mean()  # type: ignore[no-any-return]


REFUSED: dict[str, tuple[Callable[[Any, Tensor], Any], str]] = {
    "control flow": (branching, "control flow"),
    "hidden control flow": (hiding_its_branch, "branches on its input"),
    "control flow far out": (hiding_its_branch_far_out, "branches on its input"),
    "hidden state": (counted, "random in eval mode"),
    "noise": (lambda m, x: m.last(x + torch.randn_like(x)), "random in eval mode"),
    "dropout that stays on": (lambda m, x: m.last(F.dropout(x)), "random in eval mode"),
    "minibatch stddev": (with_spread, "mixes the samples of a batch"),
    "mean of the batch": (lambda m, x: m.last(x - x.mean(0, keepdim=True)), "mixes the samples of a batch"),
    "size of the batch": (lambda m, x: m.last(x) / x.shape[0], "mixes the samples of a batch"),
    "a number read out": (lambda m, x: m.last(x) + 0 * x.abs().sum().item(), "item gives float"),
    "the index of a maximum": (lambda m, x: m.last(x) + x.max(1, keepdim=True)[1], "computes in torch.int64"),
    "single precision": (lambda m, x: m.last(x.float().double()), "computes in torch.float32"),
    "numbers of another type": (lambda m, x: m.last(x * (x > 0)), "computes in torch.bool"),
    "complex numbers": (lambda m, x: m.last(torch.view_as_real(x.view(torch.complex128)).flatten(1)), "complex128"),
    "numpy": (lambda m, x: m.last(torch.as_tensor(x.numpy())), "tracer cannot see through"),
    "an index from the data": (lambda m, x: m.last(x[:, x.sort(1).indices[0]]), "computes in torch.int64"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_graph_cannot_tell_is_refused_with_a_reason(name: str) -> None:
    body, reason = REFUSED[name]
    with pytest.raises(NotMeasurable, match=reason):
        traced(body)


def test_torchscript_is_refused_also_inside_of_a_critic() -> None:
    scripted = torch.jit.trace(ready(nn.Linear(4, 1)), points(2, 4))
    for critic in (scripted, nn.Sequential(scripted)):
        with pytest.raises(NotMeasurable, match="TorchScript"):
            trace(critic, (4,))


def test_the_reason_is_one_short_line() -> None:
    def failing(self: Any, x: Tensor) -> Tensor:
        raise RuntimeError("first\nsecond " + "x" * 1000)

    with pytest.raises(NotMeasurable) as caught:
        traced(failing)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


ACCEPTED: dict[str, Callable[[Any, Tensor], Any]] = {
    "functional": lambda m, x: m.last(F.relu(m.a(x)).view(x.size(0), -1)),
    "shape": lambda m, x: m.last(m.a(x).tanh().reshape(x.shape[0], -1)),
    "squeezed": lambda m, x: m.last(m.a(x)).squeeze(),
    "flat scores": lambda m, x: m.last(m.a(x)).view(-1),
    "tuple": lambda m, x: (m.last(m.a(x)), m.b(x)),
    "list in a tuple": lambda m, x: ([m.last(x)], x),
    "chunks": lambda m, x: m.last(m.a(x)) + x.chunk(2, 1)[0].sum(1, keepdim=True),
    "parts in another order": lambda m, x: m.last(torch.cat(m.a(x).split([1, 3], 1)[::-1], 1)),
    "largest": lambda m, x: m.last(x) + x.max(1, keepdim=True)[0],
    "sorted": lambda m, x: m.last(m.a(x).sort(1).values),
    "a buffer that grows with the batch": lambda m, x: m.last(
        torch.cat([x[:, :2], m.running[:2].expand(x.size(0), -1)], 1)
    ),
    "overwritten and used": lambda m, x: m.last(x.mul_(2)) + m.last(x),
    "shared": lambda m, x: m.last(m.a(F.relu(m.a(x)))),
    "residual": lambda m, x: m.last(x + F.leaky_relu(m.a(x), 0.1)),
    "residual in place": lambda m, x: m.last(m.a(x).add(x)),
    "cat": lambda m, x: m.last(torch.cat([m.a(x)[:, :2], m.b(x)[:, 1:3]], dim=1)),
    "constants": lambda m, x: m.last(x * m.running + m.running.sum()),
    "dropout off": lambda m, x: m.last(F.dropout(x, training=m.training)),
    "dtype": lambda m, x: m.last(x.to(m.a.weight.dtype) + torch.zeros(x.shape[1], dtype=x.dtype)),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_graph_gives_what_the_critic_gives(name: str) -> None:
    critic = ready(Code(ACCEPTED[name]))
    found = trace(critic, (4,))
    for n in (1, 2, 5):
        x = points(n, 4)
        expected = critic(x.clone())
        while isinstance(expected, tuple | list):
            expected = expected[0]
        source = next(node for node in found.dependent if not found.sources(node))
        chain = [node for node in found.dependent if node is not source]
        chain = chain[: chain.index(found.result) + 1]
        torch.testing.assert_close(found.apply(chain, source, x), expected)


def test_a_part_of_a_chain_is_applied_by_itself_in_batches_of_any_size() -> None:
    found = traced(lambda m, x: m.last(m.b(F.relu(m.a(x))).view(x.size(0), -1)))
    nodes = {found.name_of(node): node for node in found.dependent}
    critic = ready(Code(lambda m, x: x))
    x = points(7, 4)
    assert isinstance(critic, Code)
    chain = [nodes["b"], nodes["view"]]
    torch.testing.assert_close(found.apply(chain, nodes["relu"], x), critic.b(x))


def test_names_and_shapes_are_those_of_the_users_code() -> None:
    critic = ready(nn.Sequential(nn.Sequential(nn.Conv2d(1, 3, 3)), nn.Flatten(), nn.Linear(12, 1)))
    found = trace(critic, (1, 4, 4))
    layers = [(found.name_of(node), found.shape_of(node)) for node in found.dependent if node.op == "call_module"]
    assert layers == [("0.0", (3, 2, 2)), ("1", (12,)), ("2", (1,))]
    single = trace(ready(nn.Linear(4, 1)), (4,))
    assert [found.name_of(node) for node in single.dependent if node.op == "call_module"] == ["0"]


def test_optional_arguments_keep_their_defaults() -> None:
    class Optional(Code):
        def forward(self, x: Tensor, features: bool = False, gain: float | None = None) -> Any:
            if features:
                return self.a(x)
            return self.last(x) * (1 if gain is None else gain)

    critic = ready(Optional(lambda m, x: x))
    found = trace(critic, (4,))
    assert found.shape_of(found.result) == (1,)


def test_hooks_of_a_critic_are_part_of_it() -> None:
    critic = ready(Code(lambda m, x: m.last(x)))
    critic.register_forward_hook(lambda module, given, result: 3 * result)
    found = trace(critic, (4,))
    assert "mul" in [found.name_of(node) for node in found.dependent]


def test_a_replaced_forward_of_the_critic_is_seen() -> None:
    critic: Any = ready(Code(lambda m, x: m.last(x)))
    critic.forward = lambda x: critic.last(torch.exp(x))
    found = trace(critic, (4,))
    assert "exp" in [found.name_of(node) for node in found.dependent]


def test_a_strangers_subclass_is_seen_through_also_under_a_parametrization() -> None:
    class Doubled(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    for layer in (Doubled(4, 1), nn.utils.parametrizations.spectral_norm(Doubled(4, 1))):
        found = trace(ready(nn.Sequential(layer)), (4,))
        assert "mul" in [found.name_of(node) for node in found.dependent]


def test_tracing_leaves_the_critic_and_its_input_as_they_were() -> None:
    critic = ready(nn.Sequential(nn.LeakyReLU(0.1, inplace=True), nn.BatchNorm1d(4), nn.Linear(4, 1)))
    before = io.BytesIO()
    torch.save(critic.state_dict(), before)
    found = trace(critic, (4,))
    source = next(iter(found.dependent))
    x = points(3, 4)
    kept = x.clone()
    found.apply([node for node in found.dependent if node is not source], source, x)
    assert torch.equal(x, kept)
    after = io.BytesIO()
    torch.save(critic.state_dict(), after)
    assert before.getvalue() == after.getvalue()
    assert not critic.training


def test_a_layer_in_train_mode_stays_in_it() -> None:
    critic = ready(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 1)))
    critic.get_submodule("1").train()
    with pytest.raises(NotMeasurable, match=r"mixes the samples of a batch|more than 1 value"):
        trace(critic, (4,))
    assert critic.get_submodule("1").training
    assert not critic.training


def test_an_output_that_does_not_depend_on_the_input() -> None:
    found = traced(lambda m, x: torch.zeros(x.shape[0], dtype=torch.float64))
    with pytest.raises(NotMeasurable, match="does not depend on its input"):
        _ = found.result


def test_per_sample() -> None:
    x = points(4, 3)
    assert is_per_sample(lambda x: x.sum(1), x)
    assert not is_per_sample(lambda x: x.sum(1) * len(x), x)
    assert not is_per_sample(lambda x: x.sum(1) + x[0, 0], x)
    assert is_per_sample(lambda x: x.sum(1) * math.nan, x)
