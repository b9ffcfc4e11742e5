"""Everything that critic-gap may yield: its metrics and its tables."""

from __future__ import annotations

from wganalyze import Headline, Metric, Table
from wganalyze_plugins.critic_gap.estimates import with_ends

DUALITY = "Kantorovich-Rubinstein; Villani 2009, thm. 5.10"
C_TRANSFORM = "Mallasto et al. 1910.03875, eq. 6"
POPULATION = "SCIENCE: (|D| - its confidence half-width) / K_upper"
ALONG = f"{DUALITY}: f(x) - f(y) = c(x, y) on matched pairs, and grad f along them"
GULRAJANI = "Gulrajani et al. 1704.00028, prop. 1 and eq. 3"

BOUNDS = (
    Metric(
        "dual_raw",
        "E f(real) - E f(fake), sign fixed: the critic's loss. No bound of W1. Scores may be float32, where 32 of "
        "them were right to a thousandth of their spread.",
        source=DUALITY,
        headline=Headline("dual", "dual: E f(real) - E f(fake), the critic's loss, sign fixed", rank=40),
    ),
    Metric(
        "dual_pair",
        "dual_raw / K_pair: a certified lower bound of the sample W1.",
        direction="higher",
        source="SCIENCE: K_pair = max (f(x_i) - f(y_j))+ / c(x_i, y_j)",
    ),
    Metric(
        "dual_c",
        "The better of the two c-transform duals: a certified lower bound of the sample W1.",
        source=C_TRANSFORM,
    ),
    Metric("dual_c_from_real", "mean f(real) + mean f^c(fake): a lower bound for any f.", source=C_TRANSFORM),
    Metric("dual_c_from_fake", "The c-transform dual from the other side.", source=C_TRANSFORM),
    Metric(
        "dual_c_best_scale",
        "The largest c-transform dual of s f over s >= 0, a certified lower bound of the sample W1: how good is "
        "this critic up to scale?",
        direction="higher",
        source=C_TRANSFORM,
    ),
    Metric("dual_zero", "The c-transform dual of f = 0: what a critic that knows nothing certifies."),
    # No headlines: at high dimension f = 0 certifies nearly all of W1, and a perfect critic hardly more.
    Metric(
        "dual_information",
        "(dual_c_best_scale - dual_zero) / (W1 - dual_zero): 0 no better than f = 0, 1 an optimal potential of "
        "these samples; one of the laws is far below 1 at high dimension.",
        direction="higher",
    ),
    Metric("best_scale", "The scale s of dual_c_best_scale."),
)
AGAINST_EXACT = (
    Metric(
        "dual_ratio",
        "dual_raw / W1 on the same samples; above 1 proves that f is not 1-Lipschitz.",
        headline=Headline("dual/W1", rank=50),
    ),
    Metric("dual_ratio_known", "dual_raw / the true W1 of the pair of laws, where that is known."),
    Metric("gap", "W1 - dual_raw: what the critic's loss misses; negative where it overstates."),
    Metric("lipschitz_implied", "The largest dual_raw / W1 of a replicate: a certified lower bound of K."),
    Metric("lipschitz_pair", "The largest K_pair of a replicate: a certified lower bound of K."),
    Metric(
        "dual_predicted",
        "W + W^2 / (2 lambda): the dual that a gradient penalty inflates to between two Diracs. A heuristic.",
        source="Gulrajani et al. 1704.00028, eq. 3; SCIENCE: the inflation law",
    ),
    Metric("gap_after_penalty", "dual_predicted - dual_raw: the gap that the penalty does not explain."),
    Metric("w1_floors", "W1 of two real samples, plus W1 of two generated ones: what sampling explains at most."),
    Metric("orientation", "+1: the critic scores real high; -1: it scores real low."),
    Metric("auc", "P(score of a real > score of a fake), before the sign is fixed; .5: no separation."),
)
OF_THE_LAWS = (
    Metric(
        "dual_lipschitz",
        "dual_raw / K_upper, for an upper end of K that is proved: its expectation is at most W1 of the laws.",
        source=POPULATION,
    ),
    Metric(
        "w1_population_lower",
        "(|dual_raw| - its confidence half-width) / K_upper: at most W1 of the laws themselves, not of samples, at the "
        "level of that interval.",
        direction="higher",
        source=POPULATION,
    ),
)
POTENTIALS = (
    Metric(
        "potential_rank",
        "Rank correlation of f with the exact potentials of the same samples, mean of both sides.",
        direction="higher",
        source=ALONG,
    ),
    Metric(
        "matched_slope",
        "Median of (f(x) - f(y)) / c(x, y) over optimally matched pairs; 1 for a potential.",
        source=ALONG,
    ),
    Metric(
        "gradient_cosine",
        "Mean cosine of grad f with the transport direction, at random points between matched samples, weighted by "
        "their distance; times the gradient norm, it is dual_ratio.",
        direction="higher",
        source=ALONG,
    ),
    Metric(
        "potential_rank_reference",
        "potential_rank of the exact potentials of other samples of that size: is there an order to be found? No "
        "perfect critic.",
    ),
    Metric(
        "gradient_cosine_perfect",
        "W1 of the laws / W1 of the samples: gradient_cosine of a critic that is optimal for the laws (in expectation, "
        "since its slope is 1), which is small at many dimensions.",
    ),
)
SLOPES = (
    Metric(
        "gradient_norm_transport",
        "Mean gradient norm at random points between optimally matched samples, where an optimal critic has 1.",
        source=GULRAJANI,
    ),
    Metric(
        "gradient_norm_train",
        "Mean gradient norm at interpolates in train mode, in batches: what a penalty saw of a critic with BatchNorm.",
        source=GULRAJANI,
    ),
    Metric("dual_train_separate", "dual_raw in train mode, real and fake in batches of their own. Buffers unchanged."),
    Metric("dual_train_mixed", "dual_raw in train mode, in batches that mix real and fake. Buffers unchanged."),
)
METRICS = (*BOUNDS, *AGAINST_EXACT, *OF_THE_LAWS, *POTENTIALS, *SLOPES)

TABLES = (
    Table(
        "smoothed",
        "One row per epsilon: mean f(real) + mean f^{c,eps}(fake) bounds the entropic cost and is NO lower bound of W1 "
        "(1910.03875, eq. 12); it lies in [bound_low, bound_high] = [dual_c_from_real, the same + eps log n].",
        {
            "epsilon": "float64",
            "epsilon_over_w1": "float64",
            **with_ends("value"),
            "bound_low": "float64",
            "bound_high": "float64",
            "w1": "float64",
            "bounds": "string",
        },
    ),
    Table(
        "batches",
        "One row per sample size: the critic's loss on batches of it, their W1, and the better c-transform dual, which "
        "bounds that W1 from below (means over independent batches).",
        {"size": "int64", "batches": "int64", **with_ends("dual_raw", "w1", "dual_c"), "mode": "string"},
    ),
    Table(
        "penalties",
        "One row per place and law of a gradient penalty, before its weight (1-centred: (|g| - 1)^2, one-sided: "
        "max(0, |g| - 1)^2, zero-centred: |g|^2); one alpha a sample between real and fake, at random or as matched.",
        {
            "place": "string",
            "law": "string",
            "mode": "string",
            "samples": "int64",
            **with_ends("value"),
            "weighted": "float64",
            "mean_norm": "float64",
        },
    ),
    Table(
        "potentials",
        "One row per quantity: the critic, or the exact potentials of other samples of that size, against the exact "
        "potentials of these (the mean over replicates; quantiles: over all samples).",
        {
            "of": "string",
            "quantity": "string",
            "place": "string",
            **with_ends("value"),
            **dict.fromkeys(("q05", "q25", "median", "q75", "q95"), "float64"),
        },
    ),
)
