"""The analyzer: brackets that hold, reasons where there is none, findings with their evidence, and real checkpoints."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from wganalyze import run
from wganalyze.cells.measuring import Outcome
from wganalyze.contracts.measurement import Measurement
from wganalyze.contracts.snapshot import Latent
from wganalyze.contracts.study import Need
from wganalyze.study.study import SnapshotStudy
from wganalyze.testing import ask, check_analyzer, shifted_gaussians
from wganalyze_plugins.lipschitz import Lipschitz, analyzer, lower, wganalyze_analyzers
from wganalyze_plugins.lipschitz.bounds.ladder import Ladder, Rung
from wganalyze_plugins.lipschitz.bounds.products.product import UpperBound
from wganalyze_plugins.lipschitz.lower import Slope
from wganalyze_plugins.lipschitz.order import BracketError

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""

FACTORIES = Path(__file__).parents[2] / "field" / "factories.py"
ENDS = ("lipschitz_sampled", "lipschitz_lower", "lipschitz_upper")


def outcome_of(study: SnapshotStudy, **options: Any) -> tuple[Outcome, dict[str, Measurement]]:
    """What the analyzer says, checked as the host would, and its numbers by metric."""
    outcome = ask(study, Lipschitz, **options) if options else check_analyzer(Lipschitz, study)
    assert outcome.status == "ok", outcome.message
    return outcome, {row.metric: row for row in outcome.measurements}


def values_of(study: SnapshotStudy) -> list[float]:
    """Sampled, lower, upper."""
    rows = outcome_of(study)[1]
    values = [rows[end].value for end in ENDS]
    assert None not in values, [rows[end].message for end in ENDS]
    return [float(value) for value in values if value is not None]


class Body(nn.Module):
    """A critic from a function."""

    def __init__(self, body: Any) -> None:
        super().__init__()
        self.body = body

    def forward(self, *arguments: Tensor) -> Any:
        return self.body(*arguments)


def test_it_is_the_plugin() -> None:
    assert wganalyze_analyzers() == [Lipschitz]
    assert Lipschitz.name == "lipschitz"
    assert frozenset({Need.CRITIC}) == Lipschitz.needs  # without gradients there are slopes of pairs
    with pytest.raises(ValueError, match="samples is at least 2"):
        Lipschitz.Options(samples=1)
    with pytest.raises(ValueError, match="steps not negative"):
        Lipschitz.Options(steps=-1)


# Known answers


@pytest.mark.parametrize("slope", [0.25, 1.0, 5.0])
def test_a_linear_critic_is_bracketed_to_rounding(findings: Call, slope: float) -> None:
    outcome, rows = outcome_of(shifted_gaussians(slope=slope, dim=5))
    for place in ("real", "fake", "interpolate"):
        assert rows[f"gradient_norm_{place}"].value == pytest.approx(slope, rel=1e-6)
    for end in ENDS:
        assert rows[end].value == pytest.approx(slope, rel=1e-6)
        assert (rows[end].certificate, rows[end].mode) == ("checked", "eval")
    assert values_of(shifted_gaussians(slope=slope, dim=5)) == sorted(values_of(shifted_gaussians(slope=slope, dim=5)))
    assert ("not-1-lipschitz" in findings(outcome)) is (slope > 1)
    assert ("1-lipschitz" in findings(outcome)) is (slope <= 1)


def test_relu_of_both_signs(under: Call) -> None:
    critic = nn.Sequential(nn.Linear(1, 2, bias=False), nn.ReLU(), nn.Linear(2, 1, bias=False))
    critic[0].weight.data = torch.tensor([[1.0], [-1.0]])
    critic[2].weight.data = torch.tensor([[1.0, -1.0]])
    assert values_of(under(critic, dim=1)) == pytest.approx([1, 1, 2], rel=1e-6)


def test_what_is_zero_everywhere_has_the_lower_end_zero(under: Call) -> None:
    critic = Body(lambda x: x - (torch.relu(x) - torch.relu(-x)))
    sampled, lower, upper = values_of(under(critic, dim=1))
    assert (sampled, lower) == (0, 0)
    assert upper == pytest.approx(1, rel=1e-3)  # 1 - [0, 2]: the signs of its neurons are not seen; the product is 3


def test_the_oracle_is_bracketed_and_the_lower_end_is_exact(under: Call) -> None:
    torch.set_default_dtype(torch.float64)
    try:
        torch.manual_seed(0)
        layers = (nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1))
    finally:
        torch.set_default_dtype(torch.float32)
    sampled, lower, upper = values_of(under(nn.Sequential(*layers)))
    assert sampled <= lower < upper
    assert lower == pytest.approx(0.125823535, abs=1e-6)
    assert upper > 0.125823535


def test_a_quadratic_has_no_upper_end_and_a_growing_lower_one(under: Call) -> None:
    outcome, rows = outcome_of(under(Body(lambda x: (x * x).sum(1))))
    assert rows["lipschitz_upper"].value is None
    assert rows["lipschitz_upper"].status == "skipped"
    assert "no rule for mul" in rows["lipschitz_upper"].message
    assert "layers" not in outcome.rows
    value = rows["lipschitz_lower"].value
    assert value is not None
    assert value > 4


def test_the_same_study_gives_the_same_numbers(under: Call) -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 6), nn.LeakyReLU(0.2), nn.Linear(6, 1))
    assert values_of(under(critic)) == values_of(under(critic))


# Reasons


@pytest.mark.parametrize(
    ("critic", "reason"),
    [
        (Body(lambda x: x.sum(1) + x.std(0, unbiased=False).mean()), "mixes the samples of a batch"),
        (nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False), nn.Linear(2, 1)), "mixes the samples of a batch"),
    ],
)
def test_a_critic_that_mixes_samples_has_no_bracket_at_all(
    under: Call, findings: Call, critic: nn.Module, reason: str
) -> None:
    outcome, rows = outcome_of(under(critic))
    for end in ENDS:
        assert rows[end].value is None
        assert reason in rows[end].message
    assert "slopes" not in outcome.rows
    assert "not-1-lipschitz" not in findings(outcome)


@pytest.mark.parametrize(
    ("critic", "reason"),
    [
        (Body(lambda x: x.sum(1) if x.sum() > 0 else 2 * x.sum(1)), "control flow|mixes"),
        (nn.Sequential(nn.Linear(2, 2), nn.GLU(1), nn.Linear(1, 1)), "over a box"),
        (nn.Sequential(nn.Linear(2, 2), nn.Hardshrink(), nn.Linear(2, 1)), "it jumps"),
        (Body(lambda x: x.norm(dim=1)), "no rule for norm"),
    ],
)
def test_code_without_a_rule_leaves_the_upper_end_out(under: Call, critic: nn.Module, reason: str) -> None:
    import re

    _, rows = outcome_of(under(critic))
    assert rows["lipschitz_upper"].value is None
    assert re.search(reason, rows["lipschitz_upper"].message)


def test_torchscript_has_a_lower_end_only(change: Call) -> None:
    scripted = torch.jit.script(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)))
    _, rows = outcome_of(change(shifted_gaussians(), make_critic=lambda: scripted))
    assert "TorchScript" in rows["lipschitz_upper"].message
    assert rows["lipschitz_lower"].value is not None


def test_an_inverted_probability_is_bounded_as_its_logit(under: Call, findings: Call) -> None:
    critic = Body(lambda x: torch.sigmoid(3 * x[:, 0]))
    outcome, rows = outcome_of(under(critic, output="probability"))
    for end in ENDS:
        assert rows[end].value == pytest.approx(3, rel=1e-6)
        assert rows[end].message == "probabilities inverted: the logit is analysed"
    assert "not-1-lipschitz" not in findings(outcome)  # a discriminator claims nothing


def test_a_probability_without_a_sigmoid_to_cut_has_a_lower_end_only(under: Call) -> None:
    critic = Body(lambda x: torch.tanh(3 * x[:, 0]) / 2 + 0.5)
    _, rows = outcome_of(under(critic, output="probability"))
    assert "sigmoid" in rows["lipschitz_upper"].message
    assert rows["lipschitz_lower"].value is not None


def test_over_the_box_of_the_samples_both_ends_are_those_of_the_box(under: Call) -> None:
    gate = nn.Sequential(nn.Linear(2, 2), nn.GLU(1))
    _, rows = outcome_of(under(gate), domain="box")
    low, high = (rows[f"lipschitz_{end}"].value for end in ("lower", "upper"))
    assert low is not None
    assert high is not None
    assert 0 < low <= high < math.inf
    for end in ENDS:
        assert "in the box of the samples, [" in rows[end].method


def test_a_final_sigmoid_is_cut_and_the_row_says_so(under: Call) -> None:
    layer = nn.Linear(2, 1)
    layer.weight.data = torch.tensor([[3.0, 4.0]])
    _, rows = outcome_of(under(nn.Sequential(layer, nn.Sigmoid()), output="probability"))
    for end in ENDS:
        assert rows[end].value == pytest.approx(5, rel=1e-6)
        assert rows[end].message == "final sigmoid cut: the logit is analysed"


def test_a_conditional_critic_has_a_lower_end_at_its_labels() -> None:
    class Conditional(nn.Module):
        def forward(self, x: Tensor, labels: Tensor) -> Tensor:
            return (1 + labels) * x[:, 0]

    latent = Latent("normal", (2,), classes=3, encoding="index")
    generator = Body(lambda z, labels: z)
    study = shifted_gaussians(n=50)
    snapshot = replace(
        study.snapshot, make_critic=Conditional, make_generator=lambda: generator, latent=latent, output="score"
    )
    outcome, rows = outcome_of(SnapshotStudy(snapshot, None))
    assert rows["lipschitz_lower"].value == pytest.approx(3, rel=1e-6)
    assert "conditional" in rows["lipschitz_upper"].message
    assert rows["gradient_norm_real"].value is None
    assert "--data" in rows["gradient_norm_real"].message
    assert [row["place"] for row in outcome.rows["gradients"]] == ["fake"]


def test_a_critic_without_labels_beside_a_conditional_generator_is_bracketed() -> None:
    latent = Latent("normal", (2,), classes=3, encoding="index")
    study = shifted_gaussians(n=50, slope=2.0)
    snapshot = replace(study.snapshot, make_generator=lambda: Body(lambda z, labels: z), latent=latent)
    sampled, lower, upper = values_of(SnapshotStudy(snapshot, None))
    assert [sampled, lower, upper] == pytest.approx([2, 2, 2], rel=1e-6)


def test_a_gradient_that_is_no_number_is_told_and_the_rest_goes_on(under: Call) -> None:
    # The square root of zero has the slope infinity, and infinity times zero is no number.
    outcome, rows = outcome_of(under(Body(lambda x: 2 * x[:, 1] + 0 * (x[:, 0].abs() - x[:, 0]).sqrt())))
    assert rows["gradient_norm_real"].value is None
    assert "NaN or infinite at" in rows["gradient_norm_real"].message
    assert rows["lipschitz_lower"].value == pytest.approx(2, rel=1e-6)
    assert outcome.rows["gradients"] == []


def ladder_of(value: float) -> Ladder:
    """One rung."""
    return Ladder(UpperBound(value, 0.0, ()), (Rung("a rung", value, "checked", 0.0),))


def test_a_slope_above_the_upper_end_is_an_error_and_no_number() -> None:
    study = shifted_gaussians()
    slopes = [Slope(2.0, "a method")]
    with pytest.raises(BracketError, match=r"2 \(a method\) is steeper than the upper bound 1 \(a rung\)"):
        list(analyzer._bracket(study, slopes, ladder_of(1.0)))
    assert list(analyzer._bracket(study, slopes, ladder_of(2.0)))


def test_no_critic_is_no_failure(change: Call, ask: Call) -> None:
    bare = change(shifted_gaussians(), make_critic=None, missing={"critic": "none was given"})
    assert ask(bare, Lipschitz, status="skipped").message == "no critic: none was given"


class Program(nn.Module):
    """A critic that has no gradients, and may compute in float32 whatever it is given."""

    no_gradient = "a program of a kind without gradients; convert it"

    def __init__(self, net: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.hidden = [net.to(dtype).eval()]  # out of the reach of double()

    def forward(self, x: Tensor) -> Tensor:
        (net,) = self.hidden
        with torch.no_grad():
            scores: Tensor = net(x.detach().to(next(net.parameters()).dtype))
        return scores.to(x.dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_critic_without_gradients_has_a_lower_end_from_pairs(under: Call, dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(5, 1)
    outcome, rows = outcome_of(under(Program(layer, dtype), dim=5))
    steepness = float(layer.weight.detach().double().norm())
    assert [row["method"] for row in outcome.rows["slopes"]] == [
        "pairs of samples",
        "Gaussian climb of pairs",
        "differences at samples",
    ]
    for end in ("lipschitz_sampled", "lipschitz_lower"):
        assert rows[end].certificate == "none"  # what it computes inside is not seen
    lower, sampled = rows["lipschitz_lower"].value, rows["lipschitz_sampled"].value
    assert lower is not None
    assert sampled is not None
    assert sampled <= lower <= steepness
    assert lower == pytest.approx(steepness, rel=1e-2 if dtype is torch.float32 else 1e-6)
    for metric in ("lipschitz_upper", *(f"gradient_norm_{place}" for place in ("real", "fake", "interpolate"))):
        assert (rows[metric].value, rows[metric].message) == (None, Program.no_gradient)
    assert rows["auc_eval"].value is None
    assert outcome.rows["gradients"] == []


def test_a_search_without_time_keeps_what_samples_show(under: Call) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 1))
    (hurried, short), (_, long) = (
        outcome_of(under(copy.deepcopy(net)), product_only=True, **said) for said in ({"seconds": 1e-9}, {})
    )
    assert [row["method"] for row in hurried.rows["slopes"]] == ["gradients at samples", "pairs of samples"]
    low, found, high = short["lipschitz_lower"].value, long["lipschitz_lower"].value, short["lipschitz_upper"].value
    assert low is not None
    assert found is not None
    assert high is not None
    assert 0 < low <= found * (1 + 1e-9) <= high * (1 + 1e-6)
    enough, rows = outcome_of(under(copy.deepcopy(net)), seconds=1e9)
    assert len(enough.rows["slopes"]) > 2
    assert rows["lipschitz_lower"].value == found


@pytest.mark.parametrize("steps", [1, 5])
def test_a_deadline_ends_every_climb(steps: int) -> None:
    def score(x: Tensor) -> Tensor:
        return (x**2).sum(dim=1)

    x = torch.ones(3, 2, dtype=torch.float64)
    over = lower.Deadline(1e-12)
    assert not lower.OPEN.is_over
    assert over.is_over
    assert torch.equal(lower.hill_climb(score, x, steps, until=over)[:3], x)
    assert torch.equal(lower.climb_pairs(score, x, 2 * x, steps, until=over)[0][:3], x)
    assert torch.equal(lower.ascend(score, [score], x, steps, until=over), x)
    assert torch.equal(lower.ascend_pairs(score, x, steps, 0.1, over)[1][0], x)


def test_without_gradients_the_search_goes_on_beyond_the_samples(under: Call) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 1))
    outcome, known = outcome_of(under(copy.deepcopy(net)))
    _, rows = outcome_of(under(Program(net, torch.float64)))
    with_gradients = ("ascent on pairs", "the steepest linear region")
    best = max(row["slope"] for row in outcome.rows["slopes"] if row["method"] not in with_gradients)
    found, upper = rows["lipschitz_lower"].value, known["lipschitz_upper"].value
    assert found is not None
    assert upper is not None
    assert 0.9 * best <= found <= upper


def test_a_conditional_critic_without_gradients() -> None:
    class Labelled(nn.Module):
        no_gradient = "none"

        def forward(self, x: Tensor, labels: Tensor) -> Tensor:
            return ((1 + labels) * x[:, 0] + 100.0 * labels).detach()

    study = shifted_gaussians(n=50)
    snapshot = replace(
        study.snapshot,
        make_critic=Labelled,
        make_generator=lambda: Body(lambda z, labels: z),
        latent=Latent("normal", (2,), classes=3, encoding="index"),
        output="score",
    )
    _, rows = outcome_of(SnapshotStudy(snapshot, None))
    assert rows["lipschitz_lower"].value == pytest.approx(3, rel=1e-4)


class Fixed(nn.Module):
    """Computes in float32 and nothing else, with gradients."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def double(self) -> Fixed:
        return self

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.net(x.float())
        return scores.to(x.dtype)


@pytest.mark.parametrize("seed", range(3))
def test_single_precision_makes_no_slope_steeper(under: Call, findings: Call, seed: int) -> None:
    """The last digits of float32 look like steep slopes between near points."""
    torch.manual_seed(seed)
    layer = nn.Linear(5, 1)
    layer.weight.data /= layer.weight.data.norm() * (1 + 1e-6)
    layer.bias.data.fill_(100.0)
    outcome, rows = outcome_of(under(Fixed(layer), dim=5))
    value = rows["lipschitz_lower"].value
    assert value is not None
    assert 0.7 < value <= 1
    assert "not-1-lipschitz" not in findings(outcome)
    assert "float32" in rows["lipschitz_upper"].message


def test_a_critic_that_changes_itself_has_no_bracket(under: Call) -> None:
    class Restless(nn.Module):
        calls = 0

        def forward(self, x: Tensor) -> Any:
            self.calls += 1
            return x.sum(1) * self.calls

    _, rows = outcome_of(under(Restless(), output="score"))
    for end in ENDS:
        assert rows[end].value is None
        assert "changes itself in eval mode" in rows[end].message


# Findings and tables


def test_a_penalty_that_was_missed(change: Call, findings: Call) -> None:
    for slope, missed in ((4.0, True), (1.2, False)):
        found = findings(outcome_of(change(shifted_gaussians(slope=slope), penalty=10.0))[0])
        assert ("penalty-missed" in found) is missed
        if missed:
            assert "mean gradient norm is 4" in found["penalty-missed"].message
            assert found["penalty-missed"].evidence == ("gradient_norm_interpolate",)
    assert "penalty-missed" not in findings(outcome_of(shifted_gaussians(slope=4.0))[0])


def test_a_vacuous_bound_is_called_so(under: Call, findings: Call) -> None:
    outcome, rows = outcome_of(under(nn.Sequential(nn.Linear(2, 4), nn.LayerNorm(4), nn.Linear(4, 1))))
    assert "1 can stretch" in findings(outcome)["vacuous-bound"].message
    upper = rows["lipschitz_upper"].value
    assert upper is not None
    assert upper > 10


def test_a_kernel_normalised_as_a_matrix_is_pointed_out(under: Call, findings: Call) -> None:
    torch.manual_seed(0)
    layer = nn.utils.parametrizations.spectral_norm(nn.Conv2d(1, 8, 3, padding=1), n_power_iterations=50)
    layer(torch.zeros(1, 1, 6, 6))
    critic = nn.Sequential(nn.Unflatten(1, (1, 6, 6)), layer, nn.ReLU(), nn.Flatten(), nn.Linear(288, 1))
    outcome, _ = outcome_of(under(critic, dim=36, n=40))
    assert "operators of larger norm: 1 (2." in findings(outcome)["kernel-is-no-operator"].message
    plain = nn.utils.parametrizations.spectral_norm(nn.Linear(2, 4))
    outcome, _ = outcome_of(under(nn.Sequential(plain, nn.ReLU(), nn.Linear(4, 1))))
    assert "kernel-is-no-operator" not in findings(outcome)


def test_the_tables_hold_what_the_ends_rest_on(under: Call) -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(nn.Linear(2, 6), nn.BatchNorm1d(6), nn.LeakyReLU(0.2), nn.Linear(6, 1))
    outcome, rows = outcome_of(under(critic))
    layers = outcome.rows["layers"]
    assert [(row["position"], row["layer"], row["kind"]) for row in layers] == [
        (0, "0 + 1", "Linear + BatchNorm1d"),
        (1, "2", "LeakyReLU"),
        (2, "3", "Linear"),
    ]
    assert [row["shape_out"] for row in layers] == ["6", "6", "1"]
    segments = [
        (row["segment"], row["shape_out"], row["followed_by"], row["slope"]) for row in outcome.rows["segments"]
    ]
    assert segments == [("0 + 1", "6", "LeakyReLU", 1), ("3", "1", "", 1)]
    rungs = outcome.rows["rungs"]
    assert math.prod(row["norm_upper"] * row["slope"] for row in outcome.rows["segments"]) == pytest.approx(
        rungs[0]["upper"], rel=1e-9
    )
    assert math.prod(row["norm_upper"] for row in layers) == pytest.approx(rungs[0]["upper"], rel=1e-9)
    assert min(row["upper"] for row in rungs) == rows["lipschitz_upper"].value
    ends = [np.array([row[end] for row in outcome.rows["witness"]]) for end in ("first", "second")]
    assert np.linalg.norm(ends[0] - ends[1]) > 0
    assert all(row["norm_lower"] <= row["norm_upper"] for row in layers)
    slopes = outcome.rows["slopes"]
    assert max(row["slope"] for row in slopes) == rows["lipschitz_lower"].value
    assert slopes[0]["slope"] == rows["lipschitz_sampled"].value


def test_the_gradients_of_all_replicates_are_in_the_table() -> None:
    study = shifted_gaussians(slope=3.0, n=50, replicates=4)
    outcome, rows = outcome_of(study)
    assert [row["place"] for row in outcome.rows["gradients"]] == ["real", "fake", "interpolate"]
    for row in outcome.rows["gradients"]:
        assert row["count"] == 200
        assert row["largest"] == pytest.approx(3, rel=1e-6)
    assert rows["gradient_norm_real"].replicates == 4
    assert rows["gradient_norm_real"].interval is not None


def test_an_image_critic_from_end_to_end(under: Call) -> None:
    torch.manual_seed(0)
    critic = nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 6, 4, 2, 1),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Conv2d(6, 8, 4, 2, 1),
        nn.BatchNorm2d(8),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Flatten(),
        nn.Linear(32, 1),
    )
    study = under(critic, dim=64, n=100)
    sampled, lower, upper = values_of(study)
    assert 0 < sampled <= lower <= upper <= 20 * lower
    assert {row.metric for row in outcome_of(study)[0].measurements if row.value is not None} >= {"auc_train_mixed"}


# Real checkpoints


def lower_ends(field: Path, tmp_path: Path, width: int) -> dict[str, tuple[float, float | None]]:
    """Both ends of the benchmark's critics, by method."""
    funnel = next((field / "w1-benchmark" / "funnels" / "dim_2" / f"width_{width}").glob("*.pt"))
    report = run(
        field / "w1-benchmark" / "critics" / f"width_{width}",
        data=f"funnel:{funnel}",
        critic=f"{FACTORIES}:BenchmarkCritic",
        roles={"*sort-out*": "ignore", "*": "critic"},
        only=["lipschitz"],
        out=tmp_path / "report",
        n=1000,
        replicates=3,
    )
    table = report.measurements.pivot_table(index="snapshot", columns="metric", values="value", aggfunc="first")
    return {str(name): (float(row["lipschitz_lower"]), float(row["lipschitz_upper"])) for name, row in table.iterrows()}


@pytest.mark.field
def test_the_benchmark_critics_are_at_least_as_steep_as_was_seen(field: Path, tmp_path: Path) -> None:
    found = lower_ends(field, tmp_path, 4)
    seen = {"wgan": 0.27, "wgan_gp": 1.15, "wgan_lp": 1.13, "sn_gan": 0.61, "3p_wgan": 6.57}
    for method, slope in seen.items():
        low, high = found[f"method_{method}"]
        assert slope * 0.97 <= low <= high, method  # type: ignore[operator]
        assert high == pytest.approx(low, rel=1e-2), method  # two inputs: all linear regions are enumerated
    # Spectral norms of dense layers are operator norms: their product is 1, and K is not.
    assert found["method_sn_gan"][1] == pytest.approx(0.61, rel=2e-2)


def rows_of(report: Any, snapshot: str) -> dict[str, float]:
    """Values by metric."""
    rows = report.measurements[report.measurements["snapshot"] == snapshot]
    return {row.metric: float(row.value) for row in rows.itertuples() if np.isfinite(row.value)}


@pytest.mark.field
def test_the_akanametov_critic_is_far_from_its_penalty_and_contradicts_itself(field: Path, tmp_path: Path) -> None:
    report = run(
        field / "wgan-gp-akanametov",
        data=f"idx:{field / 'mnist-t10k' / 't10k-images-idx3-ubyte.gz'}",
        generator=f"{FACTORIES}:AkanametovGenerator",
        critic=f"{FACTORIES}:AkanametovCritic",
        gradient_penalty=10,
        only=["lipschitz"],
        out=tmp_path / "report",
        n=2560,
        replicates=1,
        options={"lipschitz.steps": 10},
    )
    found = rows_of(report, "wgan-gp-akanametov")
    assert found["gradient_norm_interpolate"] == pytest.approx(4.97, rel=0.05)
    assert found["lipschitz_sampled"] <= found["lipschitz_lower"] <= found["lipschitz_upper"]
    assert found["lipschitz_lower"] > 10
    assert found["auc_eval"] == pytest.approx(0.99, abs=0.01)
    assert 0.45 <= found["auc_train_separate"] <= 0.60
    assert found["auc_train_mixed"] > 0.92
    assert {"penalty-missed", "modes-disagree", "not-1-lipschitz"} <= set(report.findings["code"])


@pytest.mark.field
def test_the_kwdahun_discriminator_is_turned_around_by_its_mode(field: Path, tmp_path: Path) -> None:
    report = run(
        field / "dcgan-kwdahun",
        data=f"idx:{field / 'mnist-t10k' / 't10k-images-idx3-ubyte.gz'}",
        generator=f"{FACTORIES}:KwdahunGenerator",
        critic=f"{FACTORIES}:KwdahunDiscriminator",
        normalize=((0.1307,), (0.3081,)),
        only=["lipschitz"],
        out=tmp_path / "report",
        n=2000,
        replicates=1,
        options={"lipschitz.steps": 0, "lipschitz.samples": 64},
    )
    found = rows_of(report, "checkpoint_epoch_50")
    assert found["auc_eval"] == pytest.approx(0.0, abs=0.02)
    assert found["auc_train_separate"] == pytest.approx(0.92, abs=0.04)
    assert found["auc_train_mixed"] == pytest.approx(0.14, abs=0.05)
    for epoch in (10, 50, 100):
        found = rows_of(report, f"checkpoint_epoch_{epoch}")
        assert found["lipschitz_lower"] <= found["lipschitz_upper"]  # the sigmoid is cut, so that there is one


def test_without_data_and_generator_there_is_no_point_to_look_at(ask: Call) -> None:
    bare = SnapshotStudy(replace(shifted_gaussians().snapshot, make_generator=None), None)
    assert "say --data" in ask(bare, Lipschitz, status="skipped").message
