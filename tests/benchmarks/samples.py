"""Samples to measure on: synthetic, of images, and of generators; fresh for every seed, and none used for tuning."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float32]
FIELD = Path(__file__).parents[3] / "shared" / "field"


def mixture(n: int, d: int, seed: int) -> tuple[Points, Points]:
    """Ten Gaussian modes in 8 dimensions, bent into d by random tanh features; the second side moved a little."""
    rng = np.random.default_rng([seed, n, d])
    inner, outer = rng.standard_normal((8, 128)), rng.standard_normal((128, d)) / 12
    modes = 1.2 * rng.standard_normal((10, 8))

    def side(shift: float, weights: npt.NDArray[Any]) -> Points:
        z = modes[rng.choice(10, n, p=weights)] + 0.5 * rng.standard_normal((n, 8)) + shift
        bent = np.tanh(z @ inner / 3) @ outer + 0.02 * rng.standard_normal((n, d))
        return bent.astype(np.float32)

    return side(0.0, np.full(10, 0.1)), side(0.15, np.r_[np.full(9, 0.105), 0.055])


def noise(n: int, d: int, seed: int) -> tuple[Points, Points]:
    """Two samples of N(0, I)."""
    rng = np.random.default_rng([seed, n, d, 1])
    return rng.standard_normal((n, d), np.float32), rng.standard_normal((n, d), np.float32)


def duplicates(n: int, d: int, seed: int) -> tuple[Points, Points]:
    """A few hundred places, each taken many times, exactly or but for 1e-5."""
    rng = np.random.default_rng([seed, n, d, 2])
    places = rng.standard_normal((n // 20, d))
    sides = []
    for _ in range(2):
        points = places[rng.integers(0, len(places), n)]
        points[: n // 2] += 1e-5 * rng.standard_normal((n // 2, d))
        sides.append(points.astype(np.float32))
    return sides[0], sides[1]


def patches(n: int, d: int, seed: int) -> tuple[Points, Points]:
    """Patches of scikit-learn's two photographs, one a side: 8x8 grey, 28x28 grey, or 32x32 in colour."""
    size = {64: 8, 784: 28, 3072: 32}[d]
    rng = np.random.default_rng([seed, n, d, 3])
    sides = []
    for image in _photographs():
        picture = image if d == 3072 else image.mean(axis=2, keepdims=True)
        rows = rng.integers(0, picture.shape[0] - size, n)
        columns = rng.integers(0, picture.shape[1] - size, n)
        cut = [picture[r : r + size, c : c + size].ravel() for r, c in zip(rows, columns, strict=True)]
        sides.append((np.stack(cut) / 127.5 - 1).astype(np.float32))
    return sides[0], sides[1]


@cache
def _photographs() -> tuple[npt.NDArray[np.uint8], ...]:
    from sklearn.datasets import load_sample_images

    return tuple(load_sample_images().images)


def mnist(n: int, d: int, seed: int) -> tuple[Points, Points]:
    """Two disjoint samples of MNIST's test images."""
    from wganalyze_plugins.arrays import Idx

    images = Idx(str(FIELD / "mnist-t10k/t10k-images-idx3-ubyte.gz")).everything.values
    order = np.random.default_rng([seed, n, d, 4]).permutation(len(images))
    scaled = (images[order[: 2 * n]] / 127.5 - 1).astype(np.float32)
    return scaled[:n], scaled[n:]


def digits(n: int, d: int, seed: int) -> tuple[Points, Points]:
    """Two disjoint samples of scikit-learn's 1,797 digits."""
    from sklearn.datasets import load_digits

    images = load_digits().data[np.random.default_rng([seed, n, d, 5]).permutation(1797)[: 2 * n]]
    return (images[:n] / 8 - 1).astype(np.float32), (images[n:] / 8 - 1).astype(np.float32)


def generators(n: int, d: int, seed: int) -> tuple[Points, Points]:
    """Samples of a WGAN-GP on digits, after 300 and after 600 steps."""
    import torch

    early, late = _trained()
    z = torch.randn(2, n, 32, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return early(z[0]).flatten(1).numpy(), late(z[1]).flatten(1).numpy()


@cache
def _trained() -> tuple[Any, ...]:
    import tempfile

    import torch
    from sklearn.datasets import load_digits

    from wganalyze_zoo import train
    from wganalyze_zoo.networks import MlpGenerator

    data = torch.from_numpy(load_digits().data).float() / 8 - 1
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for path in train("wgan-gp", data, folder, save_at=(300, 600), seed=77).checkpoints:
            generator = MlpGenerator(32, 64, 256)
            generator.load_state_dict(torch.load(path)["generator"])
            found.append(generator.eval())
    return tuple(found)


SAMPLES: Mapping[str, Callable[[int, int, int], tuple[Points, Points]]] = {
    f.__name__: f for f in (mixture, noise, duplicates, patches, mnist, digits, generators)
}
