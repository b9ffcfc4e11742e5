"""What MANIFEST.md says was measured on critics of the W1 benchmark in the plane, by width and method."""

from __future__ import annotations

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
"""E f(real) - E f(fake) over 20,000 samples of either side, to three digits."""
EXACT = {4: 0.822, 64: 0.242}
"""W1 of 2,000 samples on 2,000."""
STEEPEST = {"wgan": 0.27, "wgan_gp": 1.15, "wgan_lp": 1.13, "sn_gan": 0.61, "3p_wgan": 6.57}
"""The largest gradients that were seen, at width 4, to two digits."""
