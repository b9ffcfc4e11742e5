"""What the built-in analyzers share is computed once: per snapshot, or per run where no network takes part."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

import wganalyze
from wganalyze import transport
from wganalyze.study import critic, dealing, study
from wganalyze_plugins import clustering
from wganalyze_zoo import train

REPLICATES = 3
STEPS = (1, 2, 4)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts calls of the real functions, which still do their work; by name and, for transport, by its sizes."""
    counted: Counter[str] = Counter()

    def count(owner: Any, name: str, label: Callable[..., str]) -> None:
        real = getattr(owner, name)

        def counting(*arguments: Any, **keywords: Any) -> Any:
            counted[label(*arguments, **keywords)] += 1
            return real(*arguments, **keywords)

        monkeypatch.setattr(owner, name, counting)

    count(study, "generate", lambda snapshot, n, split, mode="", **_: f"generate {snapshot.label} {n} {split} {mode}")
    count(
        critic.ReadyCritic,
        "scores",
        lambda head, samples, mode, _, *, single=False: (
            f"scores {id(head)} {samples.key} {mode} {single}" if samples.key else "unkeyed"
        ),
    )
    count(dealing.Deal, "real", lambda deal, n, split: f"real {n} {split}")
    count(transport, "wasserstein", lambda x, y, p=1, **_: f"transport {len(x)} {len(y)} {p}")
    count(clustering, "cluster", lambda points, k, **_: "cluster")
    return counted


def test_the_analyzers_share_samples_scores_transports_and_clusters(calls: Counter[str], tmp_path: Path) -> None:
    data = torch.randn(256, 2, generator=torch.Generator().manual_seed(0))
    train("wgan-gp", data, tmp_path / "ckpt", save_at=STEPS, width=8)
    report = wganalyze.run(
        tmp_path / "ckpt",
        data="ring8",
        n=40,
        replicates=REPLICATES,
        options={"exact-w.permutations": 19, "lipschitz.steps": 2},
        out=tmp_path / "report",
    )
    assert report.exit_code == 0
    assert len(set(report.measurements["analyzer"])) == 9
    for kind in ("generate", "scores", "real"):
        each = {label: count for label, count in calls.items() if label.startswith(f"{kind} ") and "probe" not in label}
        assert each, kind
        assert set(each.values()) == {1}, each
    # Per snapshot: W1 and W2 to the fakes, and W1 between fakes. Per run: the floors of W1 and W2.
    assert calls["transport 40 40 1"] == REPLICATES * (2 * len(STEPS) + 1)
    assert calls["transport 40 40 2"] == REPLICATES * (len(STEPS) + 1)
    # Real data under two seeds, once; the fakes of each snapshot.
    assert calls["cluster"] == 3 + len(STEPS)
