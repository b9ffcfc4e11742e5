"""Averages of parameters alone, and averages whose statistics are those of a fresh network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from wganalyze.networks.factories import Net
from wganalyze.settings.facts import Said

Make = Callable[..., Any]
FACTORY = """
from torch import nn


def gen():
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 5))
"""


def network() -> nn.Module:
    """A generator that has seen twenty batches."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 5))
    for _ in range(20):
        net(3 + 2 * torch.randn(16, 3))
    return net.eval()


def averaged(net: nn.Module) -> dict[str, Tensor]:
    """Other parameters, the same statistics."""
    own = {name for name, _ in net.named_parameters()}
    return {key: tensor + 1 if key in own else tensor.clone() for key, tensor in net.state_dict().items()}


def fresh(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same with the statistics of a network that has seen nothing."""
    values = {"running_mean": 0, "running_var": 1, "num_batches_tracked": 0}
    of = {key: values[key.rpartition(".")[2]] for key in state if key.rpartition(".")[2] in values}
    return {key: torch.full_like(tensor, of[key]) if key in of else tensor for key, tensor in state.items()}


def parameters(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Those alone."""
    return {key: tensor for key, tensor in state.items() if "running" not in key and "num_batches" not in key}


@pytest.fixture
def both(tmp_path: Path) -> Said:
    """Factories for the networks above."""
    (tmp_path / "nets.py").write_text(FACTORY)
    return Said(generator=Net(f"{tmp_path}/nets.py:gen"), critic=Net("torch.nn:Linear(5, 1)"))


RAW = network()
AVERAGE = averaged(RAW)
WANTED = {**RAW.state_dict(), **parameters(AVERAGE)}


def assert_samples_as(snapshot: Any, state: Mapping[str, Tensor]) -> None:
    """The generator of a snapshot is the network with these weights."""
    expected = network()
    expected.load_state_dict(dict(state))
    z = torch.randn(8, 3)
    torch.testing.assert_close(snapshot.generator(z), expected.eval()(z))


@pytest.mark.parametrize(
    "content",
    [
        {"g": RAW.state_dict(), "g_ema": fresh(AVERAGE), "d": "D1"},
        {"g": RAW.state_dict(), "g_ema": {f"module.{k}": v for k, v in fresh(AVERAGE).items()}, "d": "D1"},
        {"g": {f"module.{k}": v for k, v in RAW.state_dict().items()}, "g_ema": fresh(AVERAGE), "d": "D1"},
        {"g": RAW.state_dict(), "ema": fresh(AVERAGE), "d": "D1"},
    ],
)
def test_statistics_that_were_never_averaged_are_those_of_the_raw_copy(opened: Make, both: Said, content: Any) -> None:
    snapshot = opened(both, **{"c.pt": content}).only
    (finding,) = snapshot.findings
    assert (finding.level, finding.code) == ("warning", "stale-statistics")
    assert "--generator-mode train" in finding.message
    assert "--weights raw" in finding.message
    assert any("taken from c.pt[g]: its own were never averaged" in text for text in snapshot.assumptions)
    assert snapshot.weights == "ema"
    assert_samples_as(snapshot, WANTED)


def test_it_holds_across_files(opened: Make, both: Said) -> None:
    files = {"G_10.pt": RAW.state_dict(), "G_ema_10.pt": fresh(AVERAGE), "D_10.pt": "D1"}
    snapshot = opened(both, **files).only
    assert [f.code for f in snapshot.findings] == ["stale-statistics"]
    assert {path.name for path in snapshot.files} == {*files}
    assert_samples_as(snapshot, WANTED)


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"g": RAW.state_dict(), "g_ema": parameters(AVERAGE), "d": "D1"}, "g_ema"),
        ({"g": RAW.state_dict(), "ema": {"shadow": parameters(AVERAGE), "decay": 0.9}, "d": "D1"}, "ema.shadow"),
        ({"g": RAW.state_dict(), "g_shadow": parameters(AVERAGE), "d": "D1"}, "g_shadow"),
        ({"g": RAW.state_dict(), "g_ema": [*parameters(AVERAGE).values()], "d": "D1"}, "g_ema"),
        (
            {
                "g": RAW.state_dict(),
                "ema": {"decay": 0.9, "num_updates": 7, "shadow_params": [*parameters(AVERAGE).values()]},
                "d": "D1",
            },
            "ema.shadow_params",
        ),
    ],
)
def test_an_average_of_parameters_alone_is_filled(opened: Make, both: Said, content: Any, place: str) -> None:
    snapshot = opened(both, **{"c.pt": content}).only
    note = "is an average of parameters alone: 1.running_mean, 1.running_var taken from c.pt[g]"
    assert f"c.pt[{place}] {note}" in snapshot.assumptions
    assert snapshot.findings == ()
    assert_samples_as(snapshot, WANTED)


@pytest.mark.parametrize(
    ("raw", "average"),
    [
        (RAW.state_dict(), AVERAGE),  # its statistics were averaged or copied
        (RAW.state_dict(), {**AVERAGE, "1.num_batches_tracked": torch.tensor(0)}),  # which an average of floats leaves
        (RAW.state_dict(), {k: v for k, v in AVERAGE.items() if "num_batches" not in k}),
        (fresh(RAW.state_dict()), fresh(AVERAGE)),  # before the first batch this is the truth
    ],
)
def test_honest_averages_stay_as_they_are(opened: Make, both: Said, raw: Any, average: Any) -> None:
    snapshot = opened(both, **{"c.pt": {"g": raw, "g_ema": average, "d": "D1"}}).only
    assert snapshot.findings == ()
    assert not any("averag" in text for text in snapshot.assumptions)
    assert_samples_as(snapshot, {"1.num_batches_tracked": torch.tensor(0), **average})


def test_alone_it_is_warned_of_with_the_option_that_helps(opened: Make, both: Said) -> None:
    files = {"G_ema.pt": fresh(AVERAGE), "D.pt": "D1"}
    (finding,) = opened(both, **files).only.findings
    assert finding.code == "stale-statistics"
    assert "--generator-mode train" in finding.message
    assert opened(Said(**both, generator_mode="train")).only.findings == ()


def test_parameters_alone_without_a_raw_copy_are_refused_with_the_way_out(opened: Make, both: Said) -> None:
    snapshot = opened(both, **{"G_ema.pt": parameters(AVERAGE), "D.pt": "D1"}).only
    with pytest.raises(Exception, match="it holds parameters alone, as some averages do: put the raw copy beside it"):
        _ = snapshot.generator


def test_raw_weights_are_nobodys_average(opened: Make, both: Said) -> None:
    content = {"g": fresh(RAW.state_dict()), "d": "D1"}
    assert opened(both, **{"c.pt": content}).only.findings == ()
    told = Said(**both, weights="raw")
    snapshot = opened(told, **{"c.pt": {"g": RAW.state_dict(), "g_ema": fresh(AVERAGE), "d": "D1"}}).only
    assert snapshot.findings == ()
    assert_samples_as(snapshot, RAW.state_dict())
