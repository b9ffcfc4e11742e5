"""Whole runs on real checkpoints, held against what their folder says was measured on them (MANIFEST.md)."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

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
GAPS = {
    4: {
        "wgan": 0.045,
        "wgan_gp": 0.881,
        "wgan_lp": 0.877,
        "wgan_qp": 0.813,
        "sn_gan": 0.161,
        "cowgan": 0.829,
        "lsot_f": 0.436,
        "3p_wgan": 0.821,
        "sort_out": 0.760,  # as published
    },
    64: {
        "wgan": 0.011,
        "wgan_gp": 0.132,
        "wgan_lp": 0.218,
        "wgan_qp": 0.185,
        "sn_gan": 0.017,
        "cowgan": 0.216,
        "lsot_f": 0.003,
        "3p_wgan": 0.263,
        "sort_out": 0.085,
    },
}
EXACT = {4: 0.822, 64: 0.242}
STEEPEST = {"wgan": 0.27, "wgan_gp": 1.15, "wgan_lp": 1.13, "sn_gan": 0.61, "3p_wgan": 6.57}


def values(report: wganalyze.Report, metric: str) -> pd.DataFrame:
    """The rows of a metric by snapshot."""
    rows = report.measurements
    return rows[(rows["metric"] == metric) & (rows["status"] == "ok")].set_index("snapshot")


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
        slopes = values(report, "lipschitz_lower")["value"]
        assert all(slopes[f"method_{method}"] > 0.97 * steepest for method, steepest in STEEPEST.items())


def test_a_critic_that_batch_norm_contradicts(field: Path, tmp_path: Path) -> None:
    report = wganalyze.run(
        field / "wgan-gp-akanametov",
        data=f"idx:{field / MNIST}",
        generator=f"{FACTORIES}:AkanametovGenerator",
        critic=f"{FACTORIES}:AkanametovCritic",
        n=640,
        replicates=3,
        options={"exact-w.permutations": 19, "lipschitz.samples": 128, "lipschitz.steps": 10},
        out=tmp_path / "report",
    )
    check_complete(report)
    by_mode = {metric: values(report, metric)["value"].iloc[0] for metric in ("auc_eval", "auc_train_separate")}
    assert by_mode["auc_eval"] > 0.98
    assert 0.42 < by_mode["auc_train_separate"] < 0.63
    assert values(report, "auc_train_mixed")["value"].iloc[0] > 0.9
    assert values(report, "gradient_norm_interpolate")["value"].iloc[0] == pytest.approx(4.97, rel=0.05)
    assert {"modes-disagree", "not-1-lipschitz"} <= set(report.findings["code"])


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
