"""Running the networks: sigmoids cut only where proven, buffers left alone, gradients checked by differences."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from wganalyze.contracts.samples import Samples, Split
from wganalyze.contracts.snapshot import Latent, Snapshot
from wganalyze.contracts.terms import Output
from wganalyze.errors import CheckpointError
from wganalyze.study.calling import batches_of, rounded
from wganalyze.study.critic import ReadyCritic, prepare_critic
from wganalyze.study.generator import generate, latent_draw


def critic_of(module: nn.Module, latent: Latent | None = None, output: Output | None = None) -> Snapshot:
    """A snapshot with this critic."""
    return Snapshot("snap", 0, "step", (), make_critic=lambda: module.eval(), latent=latent or Latent(), output=output)


def generator_of(module: nn.Module, latent: Latent) -> Snapshot:
    """A snapshot with this generator."""
    return Snapshot("snap", 0, "step", (), make_generator=lambda: module.eval(), latent=latent)


def seeded(*layers: nn.Module, seed: int = 0) -> nn.Sequential:
    """The layers with seeded normal parameters and untypical BatchNorm buffers."""
    generator = torch.Generator().manual_seed(seed)
    net = nn.Sequential(*layers)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator))
        for name, buffer in net.named_buffers():
            if "running" in name:
                buffer.copy_(1 + torch.rand(buffer.shape, generator=generator))
    return net


def samples(n: int = 40, d: int = 3, labels: bool = False, seed: int = 0) -> Samples:
    """Normal points, with labels 0 to 3 if wanted."""
    rng = np.random.default_rng(seed)
    points = rng.standard_normal((n, d)).astype(np.float32)
    return Samples(points, (d,), rng.integers(0, 4, n) if labels else None)


def mlp(*last: nn.Module) -> nn.Sequential:
    """A smooth critic on three numbers."""
    return seeded(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1), *last)


def plain_scores(net: nn.Module, x: Samples) -> np.ndarray:
    """What the network gives in float64."""
    with torch.no_grad():
        out: Tensor = copy.deepcopy(net).double().eval()(torch.from_numpy(x.points).double())
    flat: np.ndarray = out.reshape(-1).numpy()
    return flat


# The final sigmoid


@pytest.mark.parametrize("output", [None, "score", "probability"])
def test_a_final_sigmoid_is_cut_and_noted(output: Output | None) -> None:
    net = mlp(nn.Sigmoid())
    head = prepare_critic(critic_of(net, output=output), [(3,)], "cpu")
    assert (head.output, head.invert) == ("logit", False)
    assert head.note == "final sigmoid cut: the logit is analysed"
    x = samples()
    np.testing.assert_allclose(head.scores(x, "eval", 16), plain_scores(net[:-1], x), rtol=1e-12)
    assert isinstance(net[-1], nn.Sigmoid), "the snapshot's own network is left as it is"


def test_a_nested_sigmoid_is_cut() -> None:
    logit = mlp()
    net = nn.Sequential(nn.Sequential(logit, nn.Sequential(nn.Sigmoid())), nn.Flatten(0))
    head = prepare_critic(critic_of(net), [(3,)], "cpu")
    assert head.note
    x = samples()
    np.testing.assert_allclose(head.scores(x, "eval", 16), plain_scores(logit, x), rtol=1e-12)


class Squared(nn.Module):
    """Does something more behind its sigmoid."""

    def __init__(self) -> None:
        super().__init__()
        self.net = mlp(nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        squared: Tensor = self.net(x) ** 2
        return squared


class Hidden(nn.Module):
    """A sigmoid in the middle, and a linear layer last."""

    def __init__(self) -> None:
        super().__init__()
        self.net = seeded(nn.Linear(3, 8), nn.Sigmoid(), nn.Linear(8, 1))

    def forward(self, x: Tensor) -> Tensor:
        score: Tensor = self.net(x)
        return score


class Reused(nn.Module):
    """One sigmoid module used twice: to cut it would change the layer below too."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last, self.act = mlp(), seeded(nn.Linear(1, 1)), nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        score: Tensor = self.act(self.last(self.act(self.first(x))))
        return score


def test_a_sigmoid_in_the_middle_stays_and_a_score_is_assumed() -> None:
    net, x = Hidden(), samples()
    head = prepare_critic(critic_of(net), [(3,)], "cpu")
    assert (head.note, head.output, head.invert) == ("", "score", False)
    assert head.assumptions == ("critic output: a score, as of a WGAN (set [critic] output or --output)",)
    np.testing.assert_allclose(head.scores(x, "eval", 16), plain_scores(net, x), rtol=1e-12)
    assert prepare_critic(critic_of(net, output="score"), [(3,)], "cpu").assumptions == ()


def test_a_critic_that_refuses_large_inputs_is_no_probability_by_that() -> None:
    class Careful(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = Squared()

        def forward(self, x: Tensor) -> Tensor:
            assert bool(x.abs().max() < 50), "inputs are images"
            return torch.as_tensor(self.net(x))

    head = prepare_critic(critic_of(Careful()), [(3,)], "cpu")
    assert (head.output, head.invert) == ("score", False)


def test_a_sigmoid_that_is_used_twice_is_cut_where_it_is_last() -> None:
    net, x = Reused(), samples()
    head = prepare_critic(critic_of(net), [(3,)], "cpu")
    assert (head.note, head.output, head.invert) == ("final sigmoid cut: the logit is analysed", "logit", False)
    expected = plain_scores(net, x)
    np.testing.assert_allclose(1 / (1 + np.exp(-head.scores(x, "eval", 16))), expected, rtol=1e-12)


def test_what_stays_in_the_unit_interval_is_taken_for_a_probability_and_said() -> None:
    net, x = Squared(), samples()
    head = prepare_critic(critic_of(net), [(3,)], "cpu")
    assert (head.output, head.invert) == ("logit", True)
    assert head.assumptions[0].startswith("critic output: a probability, since it stays in [0, 1]")
    odds = plain_scores(net, x)
    np.testing.assert_allclose(head.scores(x, "eval", 16), np.log(odds / (1 - odds)), rtol=1e-9)
    said = prepare_critic(critic_of(net, output="score"), [(3,)], "cpu")
    np.testing.assert_allclose(said.scores(x, "eval", 16), odds, rtol=1e-12)


@pytest.mark.parametrize("make", [lambda: seeded(nn.Linear(3, 8), nn.ReLU()), lambda: mlp(nn.Tanh())])
def test_small_scores_are_no_probabilities(make: Callable[[], nn.Module]) -> None:
    """Of one sign at moderate inputs, or bounded, but not in [0, 1]."""

    class Critic(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = make()

        def forward(self, x: Tensor) -> Tensor:
            return 0.01 * self.net(x).sum(1, keepdim=True)

    assert prepare_critic(critic_of(Critic()), [(3,)], "cpu").output == "score"


class Functional(nn.Module):
    """A probability that no module makes."""

    def __init__(self, gain: float = 1.0) -> None:
        super().__init__()
        self.net, self.gain = mlp(), gain

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.gain * self.net(x))


def test_a_probability_is_inverted_where_the_user_says_so() -> None:
    net, x = Squared(), samples()
    odds = plain_scores(net, x)
    head = prepare_critic(critic_of(net, output="probability"), [(3,)], "cpu")
    assert (head.output, head.invert, head.assumptions) == ("logit", True, ())
    assert head.note == "probabilities inverted: the logit is analysed"
    np.testing.assert_allclose(head.scores(x, "eval", 16), np.log(odds / (1 - odds)), rtol=1e-9)
    logit = np.log(odds / (1 - odds))
    moved = x.with_points(x.points + 1e-6 * head.gradient(x, "eval"))
    assert (head.scores(moved, "eval", 16) > logit).all(), "the gradient is that of the logit"


@pytest.mark.parametrize("output", [None, "score", "probability"])
def test_a_functional_sigmoid_is_cut(output: Output | None) -> None:
    net, x = Functional(), samples()
    head = prepare_critic(critic_of(net, output=output), [(3,)], "cpu")
    assert (head.output, head.invert, head.assumptions) == ("logit", False, ())
    assert head.note == "final sigmoid cut: the logit is analysed"
    np.testing.assert_allclose(head.scores(x, "eval", 16), plain_scores(net.net, x), rtol=1e-12)
    logit = prepare_critic(critic_of(net.net), [(3,)], "cpu")
    np.testing.assert_allclose(head.gradient(x, "eval"), logit.gradient(x, "eval"), rtol=1e-12)


def test_saturated_probabilities_are_no_logits() -> None:
    net = nn.Sequential(Functional(1e4), nn.Threshold(-1, 0)).eval()  # behind which no sigmoid can be cut
    net[1].forward = lambda p: p**2  # type: ignore[method-assign]
    head = prepare_critic(critic_of(net, output="probability"), [(3,)], "cpu")
    with pytest.raises(CheckpointError, match="saturate"):
        head.scores(samples(), "eval", 16)


# Modes, batches, gradients


def test_scores_do_not_depend_on_the_batch_in_eval_mode() -> None:
    net = seeded(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(), nn.Linear(8, 1))
    head, x = prepare_critic(critic_of(net), [(3,)], "cpu"), samples(33)
    reference = head.scores(x, "eval", 33)
    for batch in (1, 2, 16, 32, 1000):
        np.testing.assert_allclose(head.scores(x, "eval", batch), reference, rtol=1e-12)
    assert reference.dtype == np.float64


def test_train_mode_uses_batch_statistics_and_leaves_the_buffers() -> None:
    net = seeded(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
    snapshot = critic_of(net)
    head, x = prepare_critic(snapshot, [(3,)], "cpu"), samples(32)
    before = {key: value.clone() for key, value in head.module.state_dict().items()}
    in_training = head.scores(x, "train", 32)
    head.gradient(x, "train", 32)
    assert not np.allclose(in_training, head.scores(x, "eval", 32))
    for key, value in head.module.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert not head.module.training
    assert not net.training

    trained = copy.deepcopy(net).double().train()
    with torch.no_grad():
        expected = trained(torch.from_numpy(x.points).double()).reshape(-1).numpy()
    np.testing.assert_allclose(in_training, expected, rtol=1e-10)


def test_train_mode_repeats_its_dropout_and_leaves_the_global_generator() -> None:
    head = prepare_critic(critic_of(mlp(nn.Dropout(0.5))), [(3,)], "cpu")
    x = samples(32)
    state = torch.random.get_rng_state()
    np.testing.assert_array_equal(head.scores(x, "train", 16), head.scores(x, "train", 16))
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_a_remainder_of_one_joins_the_batch_before(mode: str) -> None:
    net = seeded(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1))
    head, x = prepare_critic(critic_of(net), [(3,)], "cpu"), samples(33)
    scores = head.scores(x, "train" if mode == "train" else "eval", 16)
    assert scores.shape == (33,)
    if mode == "train":
        last = head.scores(x.take(slice(16, 33)), "train", 17)
        np.testing.assert_allclose(scores[16:], last, rtol=1e-10)


@given(n=st.integers(1, 200), batch=st.integers(2, 70))
def test_batches_cover_everything_in_order_and_are_never_alone(n: int, batch: int) -> None:
    sizes = [len(range(n)[rows]) for rows in batches_of(n, batch)]
    assert [i for rows in batches_of(n, batch) for i in range(n)[rows]] == list(range(n))
    assert min(sizes) > 1 or n == 1
    assert max(sizes) <= batch + 1


@pytest.mark.parametrize("last", [(), (nn.Sigmoid(),)])
def test_gradients_agree_with_finite_differences(last: tuple[nn.Module, ...]) -> None:
    head, x, h = prepare_critic(critic_of(mlp(*last)), [(3,)], "cpu"), samples(20), 1e-5
    slopes = head.gradient(x, "eval", batch=7)
    assert slopes.shape == (20, 3)
    base = x.with_points(x.points.astype(np.float64))
    for k in range(3):
        step = h * np.eye(3)[k]
        up, down = (head.scores(base.with_points(base.points + s), "eval", 64) for s in (step, -step))
        np.testing.assert_allclose(slopes[:, k], (up - down) / (2 * h), rtol=1e-6, atol=1e-9)


def test_a_gradient_in_train_mode_is_that_of_the_whole_batch() -> None:
    """With BatchNorm the scores of a batch depend on each other: the gradient is that of their sum."""
    net = seeded(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 1))
    head, x, h = prepare_critic(critic_of(net), [(3,)], "cpu"), samples(10), 1e-5
    slopes = head.gradient(x, "train")
    base = x.points.astype(np.float64)
    for i, k in [(0, 0), (4, 2), (9, 1)]:
        up, down = base.copy(), base.copy()
        up[i, k] += h
        down[i, k] -= h
        total = [head.scores(x.with_points(p), "train", 64).sum() for p in (up, down)]
        np.testing.assert_allclose(slopes[i, k], (total[0] - total[1]) / (2 * h), rtol=1e-5, atol=1e-8)


# Shapes and labels


def test_the_first_shape_that_gives_one_score_is_taken() -> None:
    net = nn.Sequential(nn.Flatten(), seeded(nn.Linear(12, 1)))
    head = prepare_critic(critic_of(net), [(3, 2, 2), (12,)], "cpu")
    assert head.shape == (3, 2, 2)
    assert not any("reshaped" in text for text in head.assumptions)
    flat = prepare_critic(critic_of(seeded(nn.Linear(12, 1))), [(3, 2, 2), (12,)], "cpu")
    assert flat.shape == (12,)
    assert flat.assumptions[0] == "critic input reshaped to (12,)"


def test_a_critic_that_takes_no_shape_says_what_it_met() -> None:
    with pytest.raises(
        CheckpointError, match=r"snap: the critic does not take the samples \(\(3,\): mat1 .*\(4,\): 2 sc"
    ):
        prepare_critic(critic_of(seeded(nn.Linear(4, 2))), [(3,), (4,)], "cpu")


def test_samples_of_another_size_than_the_critic_was_made_ready_for() -> None:
    head = prepare_critic(critic_of(mlp()), [(3,)], "cpu")
    with pytest.raises(CheckpointError, match=r"takes samples of shape \(3,\), not \(2,\); use data of the size"):
        head.scores(samples(d=2), "eval", 16)


def test_a_critic_that_overwrites_its_input_does_so_to_a_copy() -> None:
    plain = seeded(nn.LeakyReLU(0.2), nn.Linear(3, 1))
    greedy = nn.Sequential(nn.LeakyReLU(0.2, inplace=True), plain[1]).eval()
    x = samples()
    x = x.with_points(x.points.astype(np.float64))
    before = x.points.copy()
    expected, found = (prepare_critic(critic_of(net), [(3,)], "cpu") for net in (plain, greedy))
    np.testing.assert_array_equal(found.scores(x, "eval", 16), expected.scores(x, "eval", 16))
    np.testing.assert_array_equal(found.gradient(x, "eval"), expected.gradient(x, "eval"))
    np.testing.assert_array_equal(x.points, before)


def test_a_conditional_critic_without_labels_says_so() -> None:
    critic = Conditional(onehot=False)
    head = prepare_critic(critic_of(critic, Latent(classes=4)), [(3,)], "cpu")
    with pytest.raises(CheckpointError, match="conditional critic needs labels, and the data have none"):
        head.scores(samples(), "eval", 16)


def test_scores_that_are_no_numbers_are_refused() -> None:
    net = seeded(nn.Linear(3, 1))
    next(net.parameters()).data[:] = math.inf
    with pytest.raises(CheckpointError, match="the critic yields NaN or infinity"):
        prepare_critic(critic_of(net), [(3,)], "cpu").scores(samples(), "eval", 16)


class Conditional(nn.Module):
    """Adds a learnt number for each class; ``onehot`` by a linear layer, else by an embedding."""

    def __init__(self, onehot: bool) -> None:
        super().__init__()
        self.net = mlp()
        self.of_class: nn.Module = seeded(nn.Linear(4, 1, bias=False) if onehot else nn.Embedding(4, 1))[0]

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return torch.as_tensor(self.net(x) + self.of_class(labels))


@pytest.mark.parametrize("encoding", ["index", "onehot"])
def test_labels_reach_a_conditional_critic(encoding: str) -> None:
    latent = Latent(classes=4, encoding="onehot" if encoding == "onehot" else "index")
    net = Conditional(encoding == "onehot")
    head, x = prepare_critic(critic_of(net, latent), [(3,)], "cpu"), samples(labels=True)
    weight = net.of_class.weight
    assert isinstance(weight, Tensor)
    assert x.labels is not None
    expected = plain_scores(net.net, x) + weight.detach().double().reshape(-1).numpy()[x.labels]
    np.testing.assert_allclose(head.scores(x, "eval", 7), expected, rtol=1e-6)
    plain = prepare_critic(critic_of(net.net), [(3,)], "cpu")
    np.testing.assert_allclose(head.gradient(x, "eval"), plain.gradient(x, "eval"), rtol=1e-10)


class WithAuxiliary(nn.Module):
    """Returns its score and something else."""

    def __init__(self) -> None:
        super().__init__()
        self.net = mlp()

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.net(x), x


def test_the_first_output_is_the_score() -> None:
    net, x = WithAuxiliary(), samples()
    head = prepare_critic(critic_of(net), [(3,)], "cpu")
    np.testing.assert_allclose(head.scores(x, "eval", 16), plain_scores(net.net, x), rtol=1e-12)


# Generators


@pytest.mark.parametrize("law", ["normal", "uniform"])
def test_the_latent_follows_its_law(law: str) -> None:
    latent = Latent("normal" if law == "normal" else "uniform", (5, 1, 1), classes=3)
    z, labels = latent_draw(latent, 4000, Split("x"), 0)
    assert z.shape == (4000, 5, 1, 1)
    assert z.dtype == np.float32
    assert labels is not None
    assert set(labels.tolist()) == {0, 1, 2}
    spread = 1.0 if law == "normal" else 1 / math.sqrt(3)
    assert abs(z.mean()) < 0.03
    assert abs(z.std() - spread) < 0.03
    assert law == "normal" or np.abs(z).max() <= 1
    again = latent_draw(latent, 4000, Split("x"), 0)[0]
    np.testing.assert_array_equal(z, again)
    for split, seed in [(Split("x2"), 0), (Split("x", 1), 0), (Split("x"), 1)]:
        assert not np.array_equal(z, latent_draw(latent, 4000, split, seed)[0])


def test_generated_samples_are_flattened_with_their_shape() -> None:
    net = nn.Sequential(seeded(nn.Linear(2, 12)), nn.Unflatten(1, (3, 2, 2)))
    made, shape = generate(generator_of(net, Latent(shape=(2,))), 300, Split("x"), seed=0, device="cpu")
    assert (made.shape, shape, len(made), made.dim) == ((3, 2, 2), "(3, 2, 2)", 300, 12)
    assert not made.shared
    z, _ = latent_draw(Latent(shape=(2,)), 300, Split("x"), 0)
    with torch.no_grad():
        np.testing.assert_allclose(made.points, net(torch.from_numpy(z)).reshape(300, -1).numpy(), rtol=1e-5, atol=1e-6)


def test_a_latent_that_does_not_fit_is_explained() -> None:
    snapshot = generator_of(seeded(nn.Linear(2, 3)), Latent(shape=(5,)))
    with pytest.raises(
        CheckpointError,
        match=r"does not take a latent of shape \(5,\).*say --latent SHAPE \(or \[latent\] shape\), and --classes N",
    ):
        generate(snapshot, 4, Split("x"), seed=0, device="cpu")


def test_samples_that_are_no_numbers_are_refused() -> None:
    net = seeded(nn.Linear(2, 3))
    next(net.parameters()).data[1] = math.nan
    with pytest.raises(CheckpointError, match="snap: the generator yields NaN or infinity"):
        generate(generator_of(net, Latent(shape=(2,))), 4, Split("x"), seed=0, device="cpu")


def test_rounded_hides_the_last_digits_only() -> None:
    x = np.array([1.0, math.pi, -1e-30])
    assert rounded(x) == rounded(x * (1 + 1e-12)) == "1 3.14159 -1e-30"
    assert rounded(x) != rounded(x * (1 + 1e-4))


def test_a_head_is_independent_of_the_snapshots_network() -> None:
    net = mlp()
    head = prepare_critic(critic_of(net), [(3,)], "cpu")
    assert isinstance(head, ReadyCritic)
    assert next(head.module.parameters()).dtype == torch.float64
    assert next(net.parameters()).dtype == torch.float32
