"""The methods by name: our own, and those of installed packages (entry points of the group ``wganalyze.methods``)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points

from wganalyze import UsageError, one_line
from wganalyze_zoo.losses.adversarial import GAN, HINGE, SATURATING
from wganalyze_zoo.losses.autoencoder import BEGAN, EBGAN
from wganalyze_zoo.losses.fgan import fgan
from wganalyze_zoo.losses.primal import PRIMAL
from wganalyze_zoo.losses.transform import C_TRANSFORM, COWGAN, SOFT_TRANSFORM
from wganalyze_zoo.losses.wasserstein import WGAN
from wganalyze_zoo.methods.clusters import kmeans, kmedians
from wganalyze_zoo.methods.constraints import CONSTRAINTS
from wganalyze_zoo.methods.method import Method
from wganalyze_zoo.methods.presets import Preset, adam, rmsprop

GROUP = "wganalyze.methods"

# Presets. "In the plane" means ring8; weights of constraints stand in presets.py.
_DCGAN = Preset(
    adam(2e-4, 0.5, 0.999),
    adam(2e-4, 0.5, 0.999),
    batch=128,
    steps=20_000,
    latent_dim=100,
    channels=64,
    source="1511.06434, section 4",
)
_GAN = Preset(adam(2e-4, 0.5, 0.999), adam(2e-4, 0.5, 0.999), batch_norm=True, steps=4000)
_GAN_PLANE = Preset(adam(1e-3, 0.5, 0.999), adam(1e-3, 0.5, 0.999), batch=256, latent_dim=16, width=128, steps=4000)
_NORMED_PLANE = replace(_GAN_PLANE, batch_norm=True)
"""Without BatchNorm in G, -log D falls onto few modes at a time."""
_SLOW_CRITIC = replace(_NORMED_PLANE, critic=adam(1e-4, 0.5, 0.999), generator=adam(5e-4, 0.5, 0.999), steps=3000)
"""Conjugates that grow exponentially overflow under a critic that is faster."""
_FGAN = replace(_DCGAN, batch=4096, source="1606.00709, on MNIST")
_ALGORITHM_1 = Preset(
    adam(1e-4, 0.0, 0.9),
    adam(1e-4, 0.0, 0.9),
    5,
    steps=20_000,
    latent_dim=128,
    channels=64,
    source="1704.00028, algorithm 1",
)
_WGAN = Preset(adam(3e-4), adam(3e-4), 5)
_WGAN_PLANE = Preset(adam(1e-3), adam(5e-4), 5, batch=128, latent_dim=16, width=128)
_PRIMAL = Preset(adam(1e-3), adam(1e-3), steps=4000)
_PRIMAL_PLANE = Preset(adam(5e-4), adam(5e-4), batch=128, latent_dim=16, width=128, steps=4000)
_ATOMS = Preset(adam(1e-3), adam(1e-3), steps=1, latent_dim=1)


_BUILT_IN = (
    Method(
        "gan",
        "classifier; the generator descends -log D; on ring8 within 3 sigma of 6 to 8 of 8 modes, by the seed",
        GAN,
        _GAN,
        _DCGAN,
        _NORMED_PLANE,
        "1406.2661, section 3",
    ),
    Method(
        "gan-saturating",
        "classifier; the generator descends log(1 - D)",
        SATURATING,
        _GAN,
        _DCGAN,
        _GAN_PLANE,
        "1406.2661, algorithm 1",
    ),
    *(
        Method(name, f"f-GAN: {words}", fgan(name), _GAN, _FGAN, plane, "1606.00709, table 2")
        for name, words, plane in (
            ("fgan-kl", "Kullback-Leibler", replace(_NORMED_PLANE, critic=adam(2e-4, 0.5, 0.999), steps=3000)),
            ("fgan-rkl", "reverse Kullback-Leibler; on ring8 within 3 sigma of 5 to 7 of 8 modes", _SLOW_CRITIC),
            ("fgan-pearson", "Pearson chi^2", _GAN_PLANE),
            ("fgan-hellinger", "squared Hellinger", _SLOW_CRITIC),
            ("fgan-js", "Jensen-Shannon; the trajectory of gan", _NORMED_PLANE),
        )
    ),
    Method(
        "gan-noise",
        "gan with instance noise on both sides, annealed to 0",
        GAN,
        _GAN,
        _DCGAN,
        _GAN_PLANE,
        "1701.04862, section 3; 1610.04490",
        noise=1.0,
    ),
    Method(
        "ebgan",
        "autoencoder critic with a margin; on ring8 all 8 modes or 3 within 3 sigma, by the seed",
        EBGAN,
        replace(_GAN, numbers={"margin": 0.1}),
        replace(_DCGAN, numbers={"margin": 10.0}, source="margin 10 of 1609.03126, on MNIST; rates of 1511.06434"),
        replace(_NORMED_PLANE, numbers={"margin": 1.0}),
        "1609.03126, equations 1 and 2",
    ),
    Method(
        "began",
        "autoencoder critic in equilibrium by k; on ring8 near 4 of 8 modes at best, as k falls to 0",
        BEGAN,
        Preset(adam(5e-4), adam(5e-4), batch_norm=True, steps=4000, numbers={"gamma": 0.7, "lambda_k": 0.1}),
        Preset(
            adam(1e-4, 0.9, 0.999),
            adam(1e-4, 0.9, 0.999),
            batch=16,
            steps=20_000,
            latent_dim=64,
            channels=64,
            numbers={"gamma": 0.5, "lambda_k": 0.001},
            source="1703.10717, section 4.1",
        ),
        replace(_NORMED_PLANE, numbers={"gamma": 0.7, "lambda_k": 0.1}),
        "1703.10717, section 3.4",
    ),
    Method(
        "sngan",
        "spectral norm, hinge loss",
        HINGE,
        Preset(adam(1e-3), adam(2e-4), batch_norm=True),
        Preset(
            adam(2e-4, 0.5, 0.999),
            adam(2e-4, 0.5, 0.999),
            1,
            steps=20_000,
            latent_dim=128,
            channels=64,
            source="1802.05957, table 1, setting C",
        ),
        replace(_WGAN_PLANE, generator=adam(1e-3), steps=2500),
        "1802.05957, algorithm 1, equations 16 and 17",
        (CONSTRAINTS["sn"],),
    ),
    Method(
        "wgan",
        "W1 dual, weights clipped; on ring8 it is near 7 of 8 modes (.3) and within 3 sigma of one: too flat a critic",
        WGAN,
        Preset(rmsprop(5e-4), rmsprop(5e-4), 5),
        Preset(
            rmsprop(5e-5), rmsprop(5e-5), 5, steps=20_000, latent_dim=100, channels=64, source="1701.07875, algorithm 1"
        ),
        Preset(rmsprop(5e-4), rmsprop(5e-4), 5, batch=128, latent_dim=16, width=128),
        "1701.07875, algorithm 1",
        (CONSTRAINTS["clip"],),
    ),
    Method(
        "wgan-gp",
        "W1 dual, one-centred gradient penalty",
        WGAN,
        _WGAN,
        _ALGORITHM_1,
        _WGAN_PLANE,
        "1704.00028, algorithm 1",
        (CONSTRAINTS["gp"],),
    ),
    Method(
        "wgan-lp",
        "W1 dual, one-sided penalty of slopes above 1",
        WGAN,
        _WGAN,
        replace(_ALGORITHM_1, source="as WGAN-GP, beside which 1709.08894 puts it"),
        _WGAN_PLANE,
        "1709.08894",
        (CONSTRAINTS["lp"],),
    ),
    Method(
        "wgan-div",
        "W-divergence, k 2, p 6",
        WGAN,
        _WGAN,
        replace(
            _ALGORITHM_1,
            critic=adam(2e-4, 0.5, 0.999),
            generator=adam(2e-4, 0.5, 0.999),
            source="k 2 and p 6 of 1712.01026, rates of 1511.06434",
        ),
        _WGAN_PLANE,
        "1712.01026",
        (CONSTRAINTS["div"],),
    ),
    Method(
        "wgan-c",
        "second potential by c-transform",
        C_TRANSFORM,
        _WGAN,
        replace(_ALGORITHM_1, source="as WGAN-GP, beside which 1910.03875 puts it"),
        _WGAN_PLANE,
        "1910.03875",
    ),
    Method(
        "wgan-ceps",
        "second potential by (c,eps)-transform",
        SOFT_TRANSFORM,
        replace(_WGAN, numbers={"eps": 0.1}),
        replace(_ALGORITHM_1, numbers={"eps": 1.0}, source="as WGAN-GP, beside which 1910.03875 puts it; eps 1"),
        replace(_WGAN_PLANE, numbers={"eps": 0.1}),
        "1910.03875",
    ),
    Method(
        "cowgan",
        "the dual that f violates, of three",
        COWGAN,
        replace(_WGAN, batch_norm=True),
        replace(_ALGORITHM_1, source="as WGAN-GP, beside which 2110.14150 puts it"),
        _WGAN_PLANE,
        "2110.14150",
    ),
    Method(
        "primal",
        "optimal coupling of batches, no critic",
        PRIMAL,
        _PRIMAL,
        None,
        _PRIMAL_PLANE,
        "mini-batch optimal transport, 1910.04091",
    ),
    Method(
        "primal-stratified",
        "primal, batches in the shares of K-Means clusters",
        PRIMAL,
        _PRIMAL,
        None,
        _PRIMAL_PLANE,
        "mini-batch optimal transport, 1910.04091",
        stratified=True,
    ),
    Method(
        "kmeans",
        "K-Means centroids as a generator, fitted",
        replace(PRIMAL, name="kmeans"),
        _ATOMS,
        source="Lloyd 1982",
        fit=kmeans,
    ),
    Method(
        "kmedians",
        "k-medians centroids as a generator, fitted",
        replace(PRIMAL, name="kmedians"),
        _ATOMS,
        source="Weiszfeld 1937",
        fit=kmedians,
    ),
)

METHODS = {method.name: method for method in _BUILT_IN}
"""Our own, by name."""


@dataclass(frozen=True)
class Listed:
    """A method as it is listed: one that cannot be imported has a reason in place of a method."""

    name: str
    distribution: str
    method: Method | None
    reason: str = ""


def listed() -> list[Listed]:
    """Every method, our own first; a stranger's that cannot be imported is listed with its reason."""
    own = [Listed(name, "wganalyze", method) for name, method in METHODS.items()]
    return own + [_loaded(entry) for entry in _strangers()]


def find_method(name: str) -> Method:
    """The method of that name; only its own package is imported. UsageError says what there is, or what failed."""
    if name in METHODS:
        return METHODS[name]
    entries = {entry.name: entry for entry in _strangers()}
    if name not in entries:
        raise UsageError(f"no method is called {name!r}; there are: {', '.join([*METHODS, *entries])}")
    found = _loaded(entries[name])
    if found.method is None:
        raise UsageError(f"the method {name} of {found.distribution} cannot be used: {found.reason}")
    return found.method


def owner_of(loss: str) -> Method:
    """The method whose loss is meant: that of this name, or the first whose loss has it. UsageError: there is none."""
    owners = {method.loss.name: method for method in reversed(METHODS.values()) if method.fit is None}
    owners |= {name: method for name, method in METHODS.items() if method.fit is None}
    if loss not in owners:
        raise UsageError(f"--loss {loss}: there is no such loss; choose {', '.join(sorted(owners))}")
    return owners[loss]


def _strangers() -> list[EntryPoint]:
    return sorted((e for e in entry_points(group=GROUP) if e.name not in METHODS), key=lambda entry: entry.name)


def _loaded(entry: EntryPoint) -> Listed:
    distribution = entry.dist.name if entry.dist is not None else "unknown"
    try:
        method = entry.load()
    except (Exception, SystemExit) as error:
        return Listed(entry.name, distribution, None, one_line(f"{type(error).__name__}: {error}"))
    if not isinstance(method, Method):
        return Listed(entry.name, distribution, None, f"{entry.value} is no wganalyze_zoo.Method")
    return Listed(entry.name, distribution, replace(method, name=entry.name))
