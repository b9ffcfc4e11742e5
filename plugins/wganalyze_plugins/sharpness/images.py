"""How sharp images are: squared differences of neighbouring pixels, and power over frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wganalyze import Points
from wganalyze.transport import Array

BLOCK = 256
"""Images that are transformed at once."""
HIGH = 0.25
"""Cycles a pixel, half the Nyquist frequency, above which a frequency is high."""


@dataclass(frozen=True, eq=False)
class Sharp:
    """What a set of images has on average.

    ``energy``: mean squared difference of pixels side by side, plus that of pixels one above the other.
    ``spectrum``: (bins,) mean power at the frequencies of ``rings``; white noise has its variance everywhere.
    ``high``: share of the power, without the mean of each image, above half the Nyquist frequency.
    """

    energy: float
    spectrum: Array
    high: float

    @classmethod
    def of(cls, points: Points, shape: tuple[int, ...], weights: Array | None = None) -> Sharp:
        """Of images (n, c*h*w) with a ``shape`` (c, h, w) or (h, w); ``weights`` (n,) of each, that sum to 1."""
        height, width = shape[-2:]
        images = np.asarray(points).reshape(len(points), -1, height, width)
        shares = np.full(len(images), 1 / len(images)) if weights is None else weights
        energy, power = 0.0, np.zeros((height, width))
        for start in range(0, len(images), BLOCK):
            block, share = images[start : start + BLOCK].astype(np.float64), shares[start : start + BLOCK]
            energy += float(share @ gradient_energy(block))
            power += np.tensordot(share, power_of(block), 1)
        ring, count = _rings(height, width)
        spectrum = np.bincount(ring.ravel(), power.ravel(), len(count)) / count
        frequency = _frequency(height, width)
        varying = float(power.sum() - power[0, 0])
        return cls(energy, spectrum[1:], float(power[frequency > HIGH].sum() / varying) if varying > 0 else 0.0)


def gradient_energy(images: Array) -> Array:
    """(n,), of images (n, c, h, w): mean squared horizontal plus mean squared vertical difference."""
    across, down = (np.diff(images, axis=axis) ** 2 for axis in (3, 2))
    return np.asarray(across.mean(axis=(1, 2, 3)) + down.mean(axis=(1, 2, 3)))


def power_of(images: Array) -> Array:
    """(n, h, w) of images (n, c, h, w): squared Fourier coefficients over h w, averaged over the channels."""
    height, width = images.shape[-2:]
    return np.asarray((np.abs(np.fft.fft2(images)) ** 2).mean(axis=1) / (height * width))


def _frequency(height: int, width: int) -> Array:
    """(h, w): of each Fourier coefficient, in cycles a pixel."""
    return np.asarray(np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]))


def _rings(height: int, width: int) -> tuple[npt.NDArray[np.intp], Array]:
    """The ring (h, w) of each coefficient, and how many each has; ring 0 holds that of the mean alone."""
    ring = np.rint(_frequency(height, width) * min(height, width)).astype(np.intp)
    # On the longer axis of an image that is not square, frequencies below half a ring are of the first one.
    ring.flat[1:] = np.maximum(ring.flat[1:], 1)
    return ring, np.bincount(ring.ravel()).astype(np.float64)


def rings(height: int, width: int) -> Array:
    """(bins,): the frequencies of a spectrum, in cycles a pixel (Durall et al. 2003.01826: azimuthal averages)."""
    return np.arange(1, len(_rings(height, width)[1])) / min(height, width)
