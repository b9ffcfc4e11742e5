"""Spaces in which samples are compared: principal components, a classifier's features, a fixed critic's features."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from wganalyze import DataError, Embedding, Need, NotMeasurable, Points, Samples, Study, hookimpl

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from torch import Tensor
    from torch.nn import Module

HIDDEN, FEATURES = 128, 32
EPOCHS, BATCH, LEARNING_RATE, DECAY = 60, 64, 2e-3, 1e-3
FEWEST = 5
"""Samples of a class that a classifier is trained on, at least."""
KEPT = 5
"""One sample in so many is kept from a classifier's training, to tell its accuracy."""
CHUNK = 256


class Pca(Embedding):
    """The first K principal components of real data, unscaled."""

    name: ClassVar[str] = "pca"
    help: ClassVar[str] = "pca:K: the first K principal components of real data (of the split fit)"

    def __init__(self, argument: str = "") -> None:
        if not argument.isdecimal() or int(argument) < 1:
            raise DataError(f"--space pca:{argument}: say how many components, as pca:8")
        self.components = int(argument)

    def fit(self, study: Study) -> None:
        """Eigenvectors of the covariance, from the split "fit"."""
        import numpy as np

        points = study.real(study.fit_size, split="fit").points.astype(np.float64)
        if self.components > min(points.shape[1], len(points) - 1):
            raise NotMeasurable(
                f"--space pca:{self.components}: {len(points)} samples of dimension {points.shape[1]} have no more "
                f"than {min(points.shape[1], len(points) - 1)} components"
            )
        self._mean = points.mean(0)
        _, values, axes = np.linalg.svd(points - self._mean, full_matrices=False)
        signs = np.sign(axes[np.arange(len(axes)), np.abs(axes).argmax(1)])
        self._axes: npt.NDArray[np.float64] = (axes * signs[:, None])[: self.components]
        share = float((values[: self.components] ** 2).sum() / (values**2).sum())
        self.note = f"{share:.1%} of the variance of {len(points)} real samples"

    def embed(self, samples: Samples) -> Points:
        """(n, K) float64."""
        import numpy as np

        points: Points = (samples.points.astype(np.float64) - self._mean) @ self._axes.T
        return points


class Classifier(Embedding):
    """The last hidden layer of a small classifier that is trained on the labels of real data."""

    name: ClassVar[str] = "classifier"
    help: ClassVar[str] = f"{FEATURES} features of a small classifier, trained on the labels of real data (split fit)"

    def __init__(self, argument: str = "") -> None:
        if argument:
            raise DataError(f"--space classifier:{argument}: classifier takes no argument")

    def fit(self, study: Study) -> None:
        """Adam on cross-entropy, deterministic by the run's seed; on the CPU, whose result is the same everywhere."""
        import numpy as np
        import torch

        real = study.real(study.fit_size, split="fit")
        if real.labels is None:
            raise NotMeasurable("--space classifier: the data have no labels; use data with labels, or another space")
        points, labels = torch.from_numpy(real.points.astype(np.float32)), torch.from_numpy(real.labels)
        classes = int(labels.max()) + 1
        rng = torch.Generator().manual_seed(study.seed)
        order = torch.randperm(len(points), generator=rng)
        kept, trained = order[: len(order) // KEPT], order[len(order) // KEPT :]
        if classes < 2 or len(trained) < FEWEST * classes or not len(kept):
            raise NotMeasurable(f"--space classifier: {len(points)} samples of {classes} classes are too few")
        self._mean, self._scale = points[trained].mean(0), points[trained].std().clamp_min(1e-12)
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(study.seed)
            self._body = _body(real.shape)
            head = torch.nn.Linear(FEATURES, classes)
        network = torch.nn.Sequential(self._body, head)
        optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=DECAY)
        epochs = max(3, min(EPOCHS, EPOCHS * 1500 // len(trained)))
        for _ in range(epochs):
            for rows in torch.split(
                trained[torch.randperm(len(trained), generator=rng)], min(BATCH, len(trained) // 2)
            ):
                loss = torch.nn.functional.cross_entropy(network(self._scaled(points[rows])), labels[rows])
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
        network.eval()
        with torch.no_grad():
            right = network(self._scaled(points[kept])).argmax(1) == labels[kept]
        self.accuracy = float(right.double().mean())
        self.note = f"{FEATURES} features, accuracy {self.accuracy:.3f} on {len(kept)} samples kept from its training"

    def _scaled(self, points: Tensor) -> Tensor:
        return (points - self._mean) / self._scale

    def embed(self, samples: Samples) -> Points:
        """(n, FEATURES) float32."""
        import numpy as np
        import torch

        points = torch.from_numpy(samples.points.astype(np.float32))
        with torch.no_grad():
            return np.concatenate([self._body(self._scaled(rows)).numpy() for rows in torch.split(points, CHUNK)])


def _body(shape: tuple[int, ...]) -> Module:
    """(b, d) to (b, FEATURES): convolutions for images of 16 pixels a side or more, an MLP for all else."""
    from torch import nn

    if len(shape) == 3 and min(shape[1:]) >= 16:
        layers: list[Module] = [nn.Unflatten(1, shape)]
        for wide, narrow in ((shape[0], 16), (16, 32), (32, 64)):
            layers += [nn.Conv2d(wide, narrow, 3, stride=2, padding=1), nn.ReLU()]
        return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, FEATURES), nn.ReLU())
    size = 1
    for length in shape:
        size *= length
    return nn.Sequential(nn.Linear(size, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, FEATURES), nn.ReLU())


class CriticFeatures(Embedding):
    """What the last layer of a fixed critic reads: one space for all snapshots."""

    name: ClassVar[str] = "critic"
    help: ClassVar[str] = "critic:SNAPSHOT: the features before the last layer of that snapshot's critic"

    def __init__(self, argument: str = "") -> None:
        if not argument:
            raise DataError("--space critic: say whose, as critic:LABEL of a snapshot (wganalyze inspect lists them)")
        self.of_snapshot = argument

    def fit(self, study: Study) -> None:
        """The critic in eval mode, and the layer with weights that runs last."""
        from torch import nn

        if not study.has(Need.CRITIC):
            raise NotMeasurable(f"--space critic:{self.of_snapshot}: {study.lacks(Need.CRITIC)}")
        self._head = study.head
        kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
        layers = [module for module in self._head.module.modules() if isinstance(module, kinds)]
        run: list[Module] = []
        handles = [layer.register_forward_pre_hook(lambda layer, _: run.append(layer)) for layer in layers]
        try:
            self._call(study.real(2, split="fit"), slice(0, 2))
        finally:
            for handle in handles:
                handle.remove()
        if not run:
            raise NotMeasurable(f"--space critic:{self.of_snapshot}: its critic has no linear or convolutional layer")
        self._layer: Any = run[-1]
        if run.count(self._layer) > 1:
            raise NotMeasurable(f"--space critic:{self.of_snapshot}: its last layer runs several times for a sample")
        self.note = f"input of its last {type(self._layer).__name__}"

    def _call(self, samples: Samples, rows: slice) -> None:
        import torch

        with torch.no_grad():
            self._head.module(*self._head.inputs(samples, rows))

    def embed(self, samples: Samples) -> Points:
        """(n, k) float32."""
        import numpy as np
        import torch

        read: list[Tensor] = []
        handle = self._layer.register_forward_pre_hook(lambda _, given: read.append(given[0].flatten(1).float().cpu()))
        try:
            for start in range(0, len(samples), CHUNK):
                self._call(samples, slice(start, start + CHUNK))
        finally:
            handle.remove()
        return np.asarray(torch.cat(read))


@hookimpl
def wganalyze_embeddings() -> list[type[Embedding]]:
    return [Pca, Classifier, CriticFeatures]
