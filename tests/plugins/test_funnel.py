"""Funnels: moved points against a plain reference, closed forms, and the published numbers.

The reference is written from the definition (Korotin, Kolesov, Burnaev 2022), one point at a time.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from wganalyze.contracts.samples import Split
from wganalyze.errors import DataError
from wganalyze.transport import cost_matrix, wasserstein
from wganalyze_plugins.funnel import HALF_SIDE, KNOWN_FROM, Funnel

Call = Callable[..., Any]
"""What a fixture of the conftest is: called in the test."""

Point = list[float]
DRAWN = ["1,1,0", "1,3,0", "2,4,0", "2,64,1", "5,8,2", "32,4,3"]
drawn = pytest.mark.parametrize("argument", DRAWN)


def stored(folder: Path, centres: list[Point], bias: list[float]) -> Funnel:
    """A funnel from a file, as its authors store it."""
    path = folder / "funnel.pt"
    torch.save({"net.centers": torch.tensor(centres, dtype=torch.float64), "net.bias": torch.tensor(bias)}, path)
    return Funnel(str(path))


def paired(funnel: Funnel, n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, y and their distances."""
    x, y = funnel.paired(n, np.random.default_rng([seed, 77]))
    return x, y, np.linalg.norm(x - y, axis=1)


# The reference


def height(point: Point, centre: Point, bias: float) -> float:
    """One funnel at a point."""
    return math.dist(point, centre) + bias


def reference(y: Point, centres: list[Point], biases: list[float]) -> tuple[Point, float]:
    """The moved point of y, and the length of its ray from the centre."""
    heights = [height(y, centre, bias) for centre, bias in zip(centres, biases, strict=True)]
    u = min(heights)
    active = heights.index(u)
    low = centres[active]
    before = math.dist(y, low)
    v = [(a - b) / before for a, b in zip(y, low, strict=True)]
    beyond = min((math.copysign(2.5, b) - a) / b for a, b in zip(y, v, strict=True) if b != 0)
    for n, (centre, bias) in enumerate(zip(centres, biases, strict=True)):
        if n == active:
            continue
        drop = u - bias
        along = sum((a - c) * b for a, b, c in zip(y, v, centre, strict=True))
        if drop == along:
            continue
        r = (math.dist(y, centre) ** 2 - drop**2) / (2 * (drop - along))
        if r > 0 and r > -drop:
            beyond = min(beyond, r)
    length = before + beyond
    t = before / length
    return [c + t**8 * length * b for c, b in zip(low, v, strict=True)], length


@drawn
def test_moved_points_agree_with_the_reference(argument: str) -> None:
    funnel = Funnel(argument)
    x, y, _ = paired(funnel, 300)
    centres, biases = funnel.centres.tolist(), funnel.bias.tolist()
    expected = np.array([reference(point, centres, biases)[0] for point in y.tolist()])
    np.testing.assert_allclose(x, expected, rtol=1e-9, atol=1e-11)
    lowest = [min(height(p, c, b) for c, b in zip(centres, biases, strict=True)) for p in y.tolist()]
    np.testing.assert_allclose(funnel.potential(y), lowest, rtol=1e-12, atol=1e-13)


@settings(max_examples=60)
@given(dim=st.integers(1, 6), width=st.integers(1, 12), seed=st.integers(0, 10_000))
def test_any_funnel_agrees_with_the_reference(dim: int, width: int, seed: int) -> None:
    funnel = Funnel(f"{dim},{width},{seed}")
    x, y, _ = paired(funnel, 10, seed)
    centres, biases = funnel.centres.tolist(), funnel.bias.tolist()
    expected = np.array([reference(point, centres, biases)[0] for point in y.tolist()])
    np.testing.assert_allclose(x, expected, rtol=1e-8, atol=1e-10)


# What the construction promises


@drawn
def test_moved_points_lie_between_the_centre_and_their_origin_inside_the_cube(argument: str) -> None:
    funnel = Funnel(argument)
    x, y, distance = paired(funnel, 2000)
    rises = np.linalg.norm(y[:, None] - funnel.centres, axis=2) + funnel.bias
    low = funnel.centres[rises.argmin(axis=1)]
    # On the segment from the centre to y the two parts make up the whole.
    whole = np.linalg.norm(y - low, axis=1)
    np.testing.assert_allclose(np.linalg.norm(x - low, axis=1) + distance, whole, rtol=1e-12, atol=1e-12)
    assert np.abs(x).max() <= HALF_SIDE
    assert np.abs(y).max() <= HALF_SIDE
    assert (distance > 0).mean() > 0.999


@drawn
def test_the_potential_rises_with_slope_one_from_x_to_y(argument: str) -> None:
    funnel = Funnel(argument)
    x, y, distance = paired(funnel, 2000)
    np.testing.assert_allclose(funnel.potential(y) - funnel.potential(x), distance, rtol=1e-9, atol=1e-13)
    for share in (0.25, 0.5, 0.75):
        between = x + share * (y - x)
        rise = funnel.potential(between) - funnel.potential(x)
        np.testing.assert_allclose(rise, share * distance, rtol=1e-9, atol=1e-13)


@drawn
def test_a_ray_ends_where_the_cube_or_the_slope_does(argument: str) -> None:
    """The length L of a ray follows from |x - low| = |y - low|^8 / L^7; up to L all is linear, beyond it nothing is."""
    funnel = Funnel(argument)
    x, y, _ = paired(funnel, 1000)
    rises = np.linalg.norm(y[:, None] - funnel.centres, axis=2) + funnel.bias
    active = rises.argmin(axis=1)
    low, whole = funnel.centres[active], np.linalg.norm(y - funnel.centres[active], axis=1)
    v = (y - low) / whole[:, None]
    moved = np.linalg.norm(x - low, axis=1)
    clear = moved > 1e-6  # a shorter way has lost the digits that L is read from
    length = (whole[clear] ** 8 / moved[clear]) ** (1 / 7)
    assert clear.sum() > 100
    for stretch, linear in ((1 - 1e-6, True), (1 + 1e-6, False)):
        end = low[clear] + (stretch * length)[:, None] * v[clear]
        rise = funnel.potential(end) - funnel.bias[active[clear]]
        reached = (np.abs(end).max(axis=1) <= HALF_SIDE) & (np.abs(rise - stretch * length) < 1e-9)
        assert reached.all() if linear else not reached.any()


@drawn
@settings(max_examples=20)
@given(seed=st.integers(0, 1000))
def test_the_potential_is_one_lipschitz(argument: str, seed: int) -> None:
    funnel = Funnel(argument)
    a, b = (funnel.uniform(200, np.random.default_rng([seed, side])) for side in (0, 1))
    assert (np.abs(funnel.potential(a) - funnel.potential(b)) <= np.linalg.norm(a - b, axis=1) + 1e-12).all()


@drawn
def test_its_gradient_has_norm_one(argument: str) -> None:
    funnel, step = Funnel(argument), 1e-5
    points = funnel.uniform(500, np.random.default_rng(8))
    rises = np.linalg.norm(points[:, None] - funnel.centres, axis=2) + funnel.bias
    lowest = np.partition(np.column_stack([rises, np.full(len(rises), np.inf)]), 1, axis=1)
    points = points[(lowest[:, 1] - lowest[:, 0] > 1e-3) & (lowest[:, 0] > 0.1)]
    assert len(points) > 300
    slopes = [
        (funnel.potential(points + step * axis) - funnel.potential(points - step * axis)) / (2 * step)
        for axis in np.eye(points.shape[1])
    ]
    np.testing.assert_allclose(np.linalg.norm(slopes, axis=0), 1, atol=1e-5)


# The value


@drawn
def test_the_exact_solver_returns_the_paired_cost(argument: str) -> None:
    """Pairs are optimally coupled, and u proves it: the strongest test of an exact solver."""
    funnel = Funnel(argument)
    x, y, distance = paired(funnel, 300)
    found = wasserstein(x, y)
    assert found.exact
    assert math.isclose(found.value, distance.mean(), rel_tol=1e-9)
    assert math.isclose(found.lower, distance.mean(), rel_tol=1e-9)
    costs = cost_matrix(x, y)
    assert math.isclose(costs[linear_sum_assignment(costs)].mean(), distance.mean(), rel_tol=1e-9)
    shuffled = wasserstein(x, y[np.random.default_rng(0).permutation(len(y))])
    assert math.isclose(shuffled.value, found.value, rel_tol=1e-9)


@drawn
def test_the_potential_attains_the_dual(argument: str) -> None:
    """f = -u, real side x: E f(x) - E f(y) = E|x - y|, on pairs to rounding, on independent samples in the mean."""
    funnel = Funnel(argument)
    x, y, distance = paired(funnel, 5000)
    dual = (-funnel.potential(x)).mean() - (-funnel.potential(y)).mean()
    assert math.isclose(dual, distance.mean(), rel_tol=1e-9)
    n = 20_000
    real = -funnel.potential(funnel.draw(n, Split("x"), offset=0, seed=0).values)
    fake = -funnel.potential(funnel.draw_pair(n, Split("x"), seed=0).values)
    error = math.sqrt((real.var() + fake.var()) / n + distance.var() / KNOWN_FROM)
    assert abs(real.mean() - fake.mean() - funnel.known_w1) < 4 * error


@drawn
def test_the_known_value_is_the_mean_distance_of_pairs(argument: str) -> None:
    funnel = Funnel(argument)
    _, _, distance = paired(funnel, 20_000, seed=5)
    error = distance.std() * math.sqrt(1 / 20_000 + 1 / KNOWN_FROM)
    assert abs(funnel.known_w1 - distance.mean()) < 4 * error
    assert Funnel(argument).known_w1 == funnel.known_w1


@pytest.mark.parametrize(
    ("centres", "bias", "lengths"),
    [
        ([0.0], [0.3], [2.5, 2.5]),
        ([1.5], [0.0], [4.0, 1.0]),
        ([-1.25, 1.25], [0.0, 0.0], [1.25, 1.25, 1.25, 1.25]),
        ([-1.25, 1.25], [0.0, 0.5], [1.25, 1.5, 1.0, 1.25]),
        ([1.25, -1.25, 0.0], [0.5, 0.0, 2.0], [1.25, 1.5, 1.0, 1.25]),
    ],
    ids=["in the middle", "off the middle", "two", "a lower one takes more", "a third that is nowhere lowest"],
)
def test_on_a_line_the_value_has_a_closed_form(
    tmp_path: Path, centres: list[float], bias: list[float], lengths: list[float]
) -> None:
    """On a ray of length L, E(s - t^8 L) = L (1/2 - 1/9), and the ray has the share L / 5 of the cube."""
    expected = sum(length**2 for length in lengths) / 5 * 7 / 18
    funnel = stored(tmp_path, [[centre] for centre in centres], bias)
    error = paired(funnel, 10_000)[2].std() / math.sqrt(KNOWN_FROM)
    assert abs(funnel.known_w1 - expected) < 4 * error


# As a source


def test_the_moved_side_is_real_and_the_uniform_side_stands_in_for_the_fake(study_of: Call) -> None:
    funnel = Funnel("2,4,0")
    study = study_of(funnel, n=1000, replicates=2)
    assert study.known_w1 == funnel.known_w1
    uniform = HALF_SIDE**2 / 3
    assert np.abs(np.square(study.fake().points).mean(axis=0) - uniform).max() < 5 * uniform / math.sqrt(1000)
    moved = funnel.draw(1000, Split("x"), offset=0, seed=0).values
    np.testing.assert_allclose(study.real().points, moved, rtol=1e-6)
    dual = funnel.potential(study.fake().points).mean() - funnel.potential(study.real().points).mean()
    assert abs(dual - funnel.known_w1) < 0.15


def test_the_sides_are_independent_and_their_splits_disjoint() -> None:
    funnel, n = Funnel("3,5,0"), 50
    splits = [Split(name, replicate) for name in ("x", "x2", "fit") for replicate in range(3)]
    real = [funnel.draw(n, split, offset=0, seed=0).values for split in splits]
    fake = [funnel.draw_pair(n, split, seed=0).values for split in splits]
    assert len(np.unique(np.concatenate(real), axis=0)) == len(np.unique(np.concatenate(fake), axis=0)) == 9 * n
    for x, y in zip(real, fake, strict=True):
        assert np.linalg.norm(funnel.moved(y) - x, axis=1).min() > 1e-6
    again = Funnel("3,5,0")
    np.testing.assert_array_equal(again.draw(n, splits[4], offset=0, seed=0).values, real[4])
    np.testing.assert_array_equal(again.draw_pair(n, splits[4], seed=0).values, fake[4])
    assert not np.isin(again.draw(n, splits[4], offset=0, seed=1).values, real[4]).any()


def test_the_digest_is_that_of_centres_and_biases(tmp_path: Path) -> None:
    funnel = Funnel("2,4,0")
    same = stored(tmp_path, funnel.centres.tolist(), [0.0] * 4)
    assert same.digest != funnel.digest
    assert len({Funnel(text).digest for text in ("2,4,0", "2,4,1", "2,5,0", "4,2,0")}) == 4
    assert Funnel("2,4,0").digest == funnel.digest
    again = stored(tmp_path, funnel.centres.tolist(), [0.0] * 4)
    assert again.digest == same.digest
    assert (funnel.shape, funnel.size, funnel.value_range, funnel.held_out) == ((2,), None, None, True)


def test_parameters_that_were_saved_as_they_are(tmp_path: Path) -> None:
    centres = torch.nn.Parameter(torch.rand(3, 2))
    torch.save({"net.centers": centres, "net.bias": torch.nn.Parameter(torch.zeros(3))}, tmp_path / "f.pt")
    np.testing.assert_array_equal(Funnel(str(tmp_path / "f.pt")).centres, centres.detach().double().numpy())


@pytest.mark.parametrize("argument", ["2,4", "2,4,0,1", "0,4,0", "2,0,0", "2,4,-1", "a,b,c", "2.5,4,0", ",,"])
def test_numbers_that_make_no_funnel(argument: str) -> None:
    with pytest.raises(DataError, match=f"--data funnel:{argument}: write funnel:D,WIDTH,SEED with whole numbers"):
        Funnel(argument)


@pytest.mark.parametrize("argument", ["", "/nowhere/f.pt", "."])
def test_no_such_file(argument: str) -> None:
    with pytest.raises(DataError, match=f"--data funnel:{argument}: there is no such file; or write"):
        Funnel(argument)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"weight": torch.zeros(2)}, r"holds no net\.centers and net\.bias"),
        ({"net.centers": torch.zeros(3, 2)}, r"holds no net\.centers and net\.bias"),
        ({"net.centers": [[0.0]], "net.bias": [0.0]}, r"holds no net\.centers and net\.bias"),
        ([1, 2], r"holds no net\.centers and net\.bias"),
        (
            {"net.centers": torch.zeros(3, 2), "net.bias": torch.zeros(4)},
            r"centres \(3, 2\) and bias \(4,\) do not fit",
        ),
        ({"net.centers": torch.zeros(3), "net.bias": torch.zeros(3)}, r"centres \(3,\) and bias \(3,\) do not fit"),
        ({"net.centers": torch.zeros(0, 2), "net.bias": torch.zeros(0)}, r"do not fit"),
        ({"net.centers": torch.full((3, 2), math.nan), "net.bias": torch.zeros(3)}, r"NaN or infinity"),
        ({"net.centers": torch.zeros(3, 2), "net.bias": torch.full((3,), math.inf)}, r"NaN or infinity"),
    ],
)
def test_a_file_of_something_else(tmp_path: Path, content: object, reason: str) -> None:
    torch.save(content, tmp_path / "f.pt")
    with pytest.raises(DataError, match=rf"--data funnel:.*f\.pt: .*{reason}"):
        Funnel(str(tmp_path / "f.pt"))


class Harm:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_damaged_or_harmful_file(tmp_path: Path, zipped: bool) -> None:
    path, mark = tmp_path / "f.pt", tmp_path / "mark"
    torch.save(
        {"net.centers": torch.rand(4, 2), "net.bias": torch.rand(4)}, path, _use_new_zipfile_serialization=zipped
    )
    whole = path.read_bytes()
    Funnel(str(path))
    damaged = [whole[:cut] for cut in range(0, len(whole) - 70, 37)]
    damaged += [bytes(255 if i == k else byte for i, byte in enumerate(whole)) for k in range(0, 160, 7)]
    reasons = []
    for content in damaged:
        path.write_bytes(content)
        try:
            Funnel(str(path))
        except DataError as error:
            reasons.append(str(error))
    assert len(reasons) > len(damaged) // 2
    assert not any("\n" in reason for reason in reasons)
    torch.save({"net.centers": Harm(mark), "net.bias": Harm(mark)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(DataError, match=r"holds no net\.centers"):
        Funnel(str(path))
    assert not mark.exists()


# Published: dimensions 2 to 128, widths 4 and 64

SIZES = [(dim, width) for dim in (2, 4, 8, 16, 32, 64, 128) for width in (4, 64)]
PUBLISHED_FROM = 4096
"""Samples behind a published value, as their spread around ours says; no number is stated."""


def benchmark(field: Path, dim: int, width: int) -> Funnel:
    """A funnel of the benchmark."""
    return Funnel(str(field / f"w1-benchmark/funnels/dim_{dim}/width_{width}/deg_8_seed_987.pt"))


@pytest.mark.field
def test_every_funnel_of_the_benchmark_loads(field: Path) -> None:
    files = sorted((field / "w1-benchmark/funnels").rglob("*.pt"))
    assert len(files) == 28
    for file in files:
        funnel = Funnel(str(file))
        dim, width = (int(part.partition("_")[2]) for part in file.parts[-3:-1])
        assert funnel.centres.shape == (width, dim)
        x, y, distance = paired(funnel, 20)
        np.testing.assert_allclose(funnel.potential(y) - funnel.potential(x), distance, rtol=1e-9, atol=1e-12)


@pytest.mark.field
@pytest.mark.parametrize(("width", "measured"), [(4, 0.8175), (64, 0.2285)])
def test_the_value_measured_on_20000_samples(field: Path, width: int, measured: float) -> None:
    funnel = benchmark(field, 2, width)
    error = paired(funnel, 20_000)[2].std() / math.sqrt(20_000)
    assert abs(funnel.known_w1 - measured) < 3 * error


@pytest.mark.field
@pytest.mark.parametrize(("width", "mean"), [(4, 0.821347), (64, 0.228017)])
def test_the_known_value_agrees_with_quadrature(field: Path, width: int, mean: float) -> None:
    """``mean``: by the midpoint rule on 2000 x 2000 points; here on 300 x 300."""
    funnel = benchmark(field, 2, width)
    middle = (np.arange(300) + 0.5) / 60 - HALF_SIDE
    y = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
    distance = np.linalg.norm(funnel.moved(y) - y, axis=1)
    assert abs(distance.mean() - mean) < 3e-4
    assert abs(funnel.known_w1 - mean) < 4 * distance.std() / math.sqrt(KNOWN_FROM)


@pytest.mark.field
def test_published_values(field: Path) -> None:
    scores = []
    for dim, width in SIZES:
        with (field / f"w1-benchmark/published/dim_{dim}/width_{width}.csv").open() as file:
            published = next(float(row["cost"]) for row in csv.DictReader(file) if row[""] == "true")
        _, _, distance = paired(benchmark(field, dim, width), 2**14)
        error = distance.std() * math.sqrt(1 / PUBLISHED_FROM + 1 / len(distance))
        scores.append((published - distance.mean()) / error)
        assert abs(published / distance.mean() - 1) < 0.04, (dim, width)
    assert max(map(abs, scores)) < 3
    assert sum(score**2 for score in scores) < 29.1, "the 99% quantile of chi-square with 14 degrees of freedom"


@pytest.mark.field
def test_in_high_dimension_the_potential_is_right_and_the_samples_are_not(field: Path) -> None:
    funnel, n = benchmark(field, 128, 4), 500
    real, fake = funnel.draw(n, Split("x"), offset=0, seed=0).values, funnel.draw_pair(n, Split("x"), seed=0).values
    above, below = -funnel.potential(real), -funnel.potential(fake)
    assert abs(above.mean() - below.mean() - 1.12) < 4 * math.sqrt((above.var() + below.var()) / n)
    assert wasserstein(real, fake).value > 15


def test_a_point_on_a_centre_stays_there() -> None:
    funnel = Funnel("3,4,0")
    assert np.array_equal(funnel.moved(funnel.centres[:1]), funnel.centres[:1])
