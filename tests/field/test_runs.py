"""Whole runs on real checkpoints, held against what their folder says was measured on them (MANIFEST.md)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.field.measured import EXACT, GAPS, STEEPEST

import wganalyze

pytestmark = pytest.mark.field

FACTORIES = Path(__file__).with_name("factories.py")
MNIST = "mnist-t10k/t10k-images-idx3-ubyte.gz"
ANALYZERS = {
    "coverage",
    "critic-gap",
    "exact-w",
    "kmeans",
    "lipschitz",
    "minibatch",
    "quality",
    "sharpness",
    "snapshot",
}
OF_IMAGES = {"sharpness"}


def values(report: wganalyze.Report, metric: str) -> pd.DataFrame:
    """The rows of a metric by snapshot."""
    rows = report.measurements
    return rows[(rows["metric"] == metric) & (rows["status"] == "ok")].set_index("snapshot")


def akanametov(field: Path, out: Path, **said: Any) -> wganalyze.Report:
    """A run on the WGAN-GP of akanametov, whose networks are named."""
    return wganalyze.run(
        field / "wgan-gp-akanametov",
        data=f"idx:{field / MNIST}",
        generator=f"{FACTORIES}:AkanametovGenerator",
        critic=f"{FACTORIES}:AkanametovCritic",
        out=out,
        **said,
    )


def check_complete(report: wganalyze.Report, asked: set[str] = ANALYZERS) -> None:
    """Every analyzer answered for every snapshot, and every bracket is in order."""
    rows = report.measurements
    assert report.exit_code == 0
    assert set(rows.loc[rows["status"] == "ok", "analyzer"]) == asked
    assert not (rows["status"] == "failed").any()
    assert set(rows.loc[(rows["status"] == "skipped") & (rows["metric"] == ""), "analyzer"]) == ANALYZERS - asked
    assert (values(report, "w1")["certificate"] == "exact").all()
    for low, high in (("w1_lower", "w1"), ("lipschitz_lower", "lipschitz_upper"), ("dual_c_best_scale", "w1")):
        upper = values(report, high)["value"]
        assert (values(report, low)["value"][upper.index] <= upper * (1 + 1e-9)).all(), (low, high)


@pytest.mark.parametrize("width", [4, 64])
def test_critics_of_the_w1_benchmark_without_a_factory(field: Path, width: int, tmp_path: Path) -> None:
    report = wganalyze.run(
        field / f"w1-benchmark/critics/width_{width}",
        data=f"funnel:{field}/w1-benchmark/funnels/dim_2/width_{width}/deg_8_seed_987.pt",
        options={"exact-w.permutations": 19, "lipschitz.steps": 20},
        out=tmp_path / "report",
    )
    check_complete(report, ANALYZERS - OF_IMAGES)
    w1, dual = values(report, "w1"), values(report, "dual_raw")
    # The interval is for samples of our own; theirs are others, of about the same size.
    for method, theirs in GAPS[width].items():
        row = dual.loc[f"method_{method}"]
        assert row["n"] == 2000
        assert abs(row["value"] - theirs) <= 2 * (row["ci_high"] - row["value"]) + 5e-4, method
    assert (abs(w1["value"] - EXACT[width]) <= 2 * (w1["ci_high"] - w1["value"])).all()
    known, floors = values(report, "w1_known")["value"], values(report, "w1_floor")["value"]
    assert (w1["ci_high"] > known).all()  # the bias of a sample value is upward
    assert (w1["value"] < known + floors + values(report, "w1_floor_fake")["value"]).all()
    if width == 4:
        low, high = (values(report, f"lipschitz_{end}")["value"] for end in ("lower", "upper"))
        for method, steepest in STEEPEST.items():
            assert low[f"method_{method}"] > 0.97 * steepest, method
            assert high[f"method_{method}"] == pytest.approx(low[f"method_{method}"], rel=1e-2), method
        # Spectral norms of dense layers are operator norms: their product is 1, and K is not.
        assert high["method_sn_gan"] == pytest.approx(STEEPEST["sn_gan"], rel=2e-2)


def test_a_critic_that_batch_norm_contradicts(field: Path, tmp_path: Path) -> None:
    report = akanametov(
        field,
        tmp_path / "report",
        n=640,
        replicates=3,
        options={"exact-w.permutations": 19, "lipschitz.samples": 128, "lipschitz.steps": 10},
    )
    check_complete(report)
    by_mode = {metric: values(report, metric)["value"].iloc[0] for metric in ("auc_eval", "auc_train_separate")}
    assert by_mode["auc_eval"] > 0.98
    assert 0.42 < by_mode["auc_train_separate"] < 0.63
    assert values(report, "auc_train_mixed")["value"].iloc[0] > 0.9
    assert values(report, "gradient_norm_interpolate")["value"].iloc[0] == pytest.approx(4.97, rel=0.05)
    assert {"modes-disagree", "not-1-lipschitz"} <= set(report.findings["code"])


def test_a_critic_of_batch_norm_that_its_penalty_never_reached(field: Path, tmp_path: Path) -> None:
    """In eval mode it breaks the penalty of 10 many times over, and what it certifies is no more than f = 0 does."""
    report = akanametov(
        field,
        tmp_path / "report",
        gradient_penalty=10.0,
        n=256,
        replicates=3,
        only=["critic-training"],
        options={"critic-training.steps": 20, "critic-training.seconds": None},
    )
    steps = report.table("critic-training.steps").set_index(["objective", "critic_steps"]).loc["penalised"]
    assert steps["penalty"][0] > 100 > steps["penalty"][20]
    assert (steps["dual_c_best_scale"] <= steps["w1"]).all()
    assert values(report, "rise_penalised")["value"].iloc[0] > 1
    assert abs(values(report, "rise_best_scale_penalised")["value"].iloc[0]) < 0.02
    assert "BatchNorm keeps the statistics of the snapshot" in values(report, "rise_penalised")["message"].iloc[0]
    assert "far-from-maximum" not in set(report.findings["code"])


def test_a_discriminator_whose_data_reach_beyond_its_generator(field: Path, tmp_path: Path) -> None:
    report = wganalyze.run(
        field / "dcgan-kwdahun",
        data=f"idx:{field / MNIST}",
        normalize=((0.1307,), (0.3081,)),
        generator=f"{FACTORIES}:KwdahunGenerator",
        critic=f"{FACTORIES}:KwdahunDiscriminator",
        n=320,
        replicates=3,
        options={"exact-w.permutations": 19, "lipschitz.samples": 64, "lipschitz.steps": 0},
        out=tmp_path / "report",
    )
    check_complete(report)
    assert list(report.summary["step"]) == [10, 50, 100]
    clashes = report.findings[report.findings["code"] == "range-clash"]
    assert len(clashes) == 3
    assert values(report, "real_max")["value"].max() == pytest.approx(2.82, abs=0.01)
    assert values(report, "fake_max")["value"].max() <= 1
    epoch_50 = {
        metric: values(report, metric)["value"]["checkpoint_epoch_50"]
        for metric in ("auc_eval", "auc_train_separate", "auc_train_mixed")
    }
    assert epoch_50["auc_eval"] < 0.02
    assert epoch_50["auc_train_separate"] > 0.85
    assert epoch_50["auc_train_mixed"] < 0.25
    assert "discriminator" in set(report.findings["code"])


def test_an_mlp_gan_whose_keys_carry_a_prefix(field: Path, tmp_path: Path) -> None:
    report = wganalyze.run(
        field / "gan-mlp-yunhdan",
        data=f"idx:{field / MNIST}",
        generator=f"{FACTORIES}:YunhdanGenerator",
        critic=f"{FACTORIES}:YunhdanDiscriminator",
        n=320,
        replicates=3,
        options={"exact-w.permutations": 19, "lipschitz.samples": 64, "lipschitz.steps": 20},
        out=tmp_path / "report",
    )
    check_complete(report)
    assert report.run["snapshots"][0]["missing"] == {}
