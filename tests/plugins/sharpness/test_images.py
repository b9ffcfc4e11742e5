"""Gradient energy and spectra by closed forms: waves, checkerboards, white noise, a Gaussian blur."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter

from wganalyze_plugins.sharpness.images import HIGH, Sharp, gradient_energy, power_of, rings


def sharp(images: np.ndarray) -> Sharp:
    return Sharp.of(images.reshape(len(images), -1), images.shape[1:])


def test_energy_of_a_checkerboard_of_stripes_and_of_a_slope() -> None:
    board = (np.indices((6, 8)).sum(axis=0) % 2 * 2.0 - 1)[None, None]
    assert gradient_energy(board) == pytest.approx([8])  # every difference is 2, across and down
    stripes = np.tile(np.array([1.0, -1.0] * 4), (1, 1, 6, 1))
    assert gradient_energy(stripes) == pytest.approx([4])
    slope = np.add.outer(2 * np.arange(6.0), 3 * np.arange(8.0))[None, None]
    assert gradient_energy(slope) == pytest.approx([4 + 9])


def test_white_noise_has_its_variance_at_every_frequency_and_four_times_it_as_energy() -> None:
    """E (a - b)^2 = 2 sigma^2, across and down."""
    noise = 0.5 * np.random.default_rng(0).standard_normal((4000, 1, 8, 8))
    found = sharp(noise)
    assert found.energy == pytest.approx(4 * 0.25, rel=0.02)
    assert found.spectrum == pytest.approx(0.25, rel=0.04)
    frequency = np.hypot(np.fft.fftfreq(8)[:, None], np.fft.fftfreq(8)[None])
    assert found.high == pytest.approx((frequency > HIGH).sum() / 63, rel=0.01)


@pytest.mark.parametrize("sigma", [1.0, 1.5])
def test_a_blur_has_its_transfer_function(sigma: float) -> None:
    """exp(-4 pi^2 sigma^2 f^2) of the power, on a torus."""
    noise = np.random.default_rng(0).standard_normal((600, 16, 16))
    blurred = np.stack([gaussian_filter(image, sigma, mode="wrap", truncate=8) for image in noise])
    frequency = np.hypot(np.fft.fftfreq(16)[:, None], np.fft.fftfreq(16)[None])
    ratio = power_of(blurred[:, None]).sum(axis=0) / power_of(noise[:, None]).sum(axis=0)
    low = frequency < 0.35  # above, what is sampled at whole pixels folds
    expected = np.exp(-4 * (np.pi * sigma * frequency) ** 2)
    assert ratio[low] == pytest.approx(expected[low], rel=0.05, abs=2e-3)
    assert sharp(blurred).energy < sharp(noise).energy
    assert sharp(blurred).high < sharp(noise).high


@pytest.mark.parametrize(
    ("height", "width", "waves", "axis"), [(16, 16, 3, 0), (16, 16, 3, 1), (8, 12, 3, 1), (9, 7, 2, 0)]
)
def test_a_wave_is_where_its_frequency_is(height: int, width: int, waves: int, axis: int) -> None:
    size = (height, width)[axis]
    wave = np.cos(2 * np.pi * waves * np.indices((height, width))[axis] / size)
    found, frequency = sharp(wave[None]), rings(height, width)
    assert len(found.spectrum) == len(frequency)
    peak = int(found.spectrum.argmax())
    assert abs(frequency[peak] - waves / size) <= 0.5 / min(height, width) + 1e-12
    assert np.delete(found.spectrum, peak) == pytest.approx(0, abs=1e-12)
    assert found.high == pytest.approx(float(waves / size > HIGH), abs=1e-9)


@given(height=st.integers(4, 9), width=st.integers(4, 9), channels=st.integers(1, 3), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_parseval_contrast_and_brightness(height: int, width: int, channels: int, seed: int) -> None:
    images = np.random.default_rng(seed).standard_normal((5, channels, height, width))
    power = power_of(images)
    assert power.sum(axis=(1, 2)) == pytest.approx((images**2).sum(axis=(2, 3)).mean(axis=1))
    found, other = sharp(images), sharp(7 + 3 * images)
    assert other.energy == pytest.approx(9 * found.energy)
    assert other.spectrum == pytest.approx(9 * found.spectrum)
    assert other.high == pytest.approx(found.high)
    assert 0 <= found.high <= 1
    turned = sharp(images.swapaxes(2, 3))
    assert turned.energy == pytest.approx(found.energy)
    assert turned.spectrum == pytest.approx(found.spectrum)


def test_many_images_are_taken_in_blocks_and_weighted() -> None:
    images = np.random.default_rng(0).standard_normal((600, 5, 5)) * np.linspace(0, 2, 600)[:, None, None]
    parts = [sharp(images[:300]), sharp(images[300:])]
    whole = sharp(images)
    assert whole.energy == pytest.approx(sum(p.energy for p in parts) / 2)
    assert whole.spectrum == pytest.approx(sum(p.spectrum for p in parts) / 2)
    weights = np.zeros(600)
    weights[[3, 500]] = 0.25, 0.75
    weighted = Sharp.of(images.reshape(600, 25), (5, 5), weights)
    assert weighted.energy == pytest.approx(gradient_energy(images[[3, 500]][:, None]) @ [0.25, 0.75])


def test_flat_images_have_nothing() -> None:
    flat = sharp(np.full((3, 1, 4, 4), 2.0))
    assert (flat.energy, flat.high) == (0, 0)
    assert flat.spectrum == pytest.approx(0, abs=1e-12)
