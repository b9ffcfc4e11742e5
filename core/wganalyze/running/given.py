"""Real data that are there already: arrays, tensors, data sets, loaders and tables, in memory or by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from wganalyze.contracts.data import DataSource, FiniteSource
from wganalyze.contracts.samples import Labels, Values
from wganalyze.errors import DataError, UsageError, WganalyzeError
from wganalyze.host.registry import Host
from wganalyze.networks.factories import Named, Net, import_named
from wganalyze.study.undisturbed import undisturbed
from wganalyze.text import one_line, reason_of

MOST = 100_000
"""Items of a data set that are read; of more, so many that lie evenly among them."""
CHANNELS = (1, 3, 4)
_LABELS = ("label", "labels", "target", "y")


class GivenData(FiniteSource):
    """Samples in memory, used as the critic sees them; bytes span (0, 255), and images of bytes are channels first.

    ``text``: what was given, in words.
    """

    name = "memory"
    help = "samples in memory"

    def __init__(self, array: npt.NDArray[Any], labels: Labels | None, text: str, option: str = "--data"):
        if array.dtype.kind not in "uif" or array.ndim < 2 or not array.size:
            hint = "; reshape it to (n, 1)" if array.ndim == 1 and array.dtype.kind in "uif" else ""
            raise DataError(f"{option} {text}: samples are numbers of shape (n, ...), not {array.dtype}{hint}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise DataError(f"{option} {text}: NaN or infinity among the values")
        if array.dtype == np.uint8:
            array = _channels_first(array)
        self.text = text
        self.shape = tuple(array.shape[1:])
        self.value_range = (0.0, 255.0) if array.dtype == np.uint8 else None
        self.classes = None if labels is None else int(labels.max()) + 1
        self._values = Values(array.reshape(len(array), -1).copy(), labels)

    def load(self) -> Values:
        """The samples, (n, d), as they were when they were given."""
        return self._values


def name_of(source: DataSource, said: object) -> str:
    """A source as messages and records call it: the text that named it, or what was given in its place."""
    return said if isinstance(said, str) else getattr(source, "text", source.name)


def in_words(value: object) -> str:
    """An argument for the record of a call: a text or a number as it is, an object by its kind and size."""
    if isinstance(value, str | int | float | list | tuple | dict) or value is None:
        return repr(value)
    shape = getattr(value, "shape", None)
    size = "" if shape is None else f" {tuple(shape)}"
    return f"<{type(value).__name__}{size}>"


def find_source(said: object, host: Host, option: str = "--data") -> DataSource:
    """The source that was said: of a plugin or of the user's own code, by name, or given as an object.

    DataError, or UsageError, in one line that begins with ``option``, where there is none. TrustError where a file
    beside the checkpoints names code.
    """
    if not isinstance(said, str):
        return source_of(said, type(said).__name__, option)
    name = said.partition(":")[0]
    if name in host.data or ":" not in said or host.fault(name) is not None:
        return host.data_source(said)
    net = Net(said, trusted=said.trusted, folder=said.folder) if isinstance(said, Named) else Net(said)
    try:
        target, arguments, keywords, called = import_named(net, option)
    except UsageError as error:
        missing = error.__cause__
        if isinstance(missing, ModuleNotFoundError) and (missing.name or "") == name.partition(".")[0]:
            there = ", ".join(sorted(host.data))
            raise DataError(
                f"{option} {said}: no data source is called {name!r}, and no module; there are: {there}, MODULE:NAME, "
                "FILE.py:NAME"
            ) from None
        raise
    if called or isinstance(target, type) or (callable(target) and not _is_data(target)):
        try:
            target = target(*arguments, **keywords)
        except (Exception, SystemExit) as error:
            raise UsageError(f"{option} {said}: calling it failed ({reason_of(error)})") from error
    return source_of(target, said, option)


def source_of(given: Any, text: str, option: str = "--data") -> DataSource:
    """An array, tensor, data set (items x or (x, label)), loader (batches of these) or DataFrame (numeric columns).

    A data set is read in its order, with seeded draws, without its loader's workers: the same data, the same digest.
    DataError where it holds no samples of one shape.
    """
    if isinstance(given, DataSource):
        return given
    try:
        with undisturbed(seed=0):
            array, labels = _read(given)
    except WganalyzeError as error:
        raise DataError(f"{option} {text}: {error}") from None
    except (Exception, SystemExit) as error:  # it is anybody's code
        raise DataError(f"{option} {text}: cannot be read ({reason_of(error)})") from error
    return GivenData(array, labels, text, option)


def _is_data(value: object) -> bool:
    return isinstance(value, DataSource) or any(hasattr(value, name) for name in ("__array__", "__getitem__"))


def _read(given: Any) -> tuple[npt.NDArray[Any], Labels | None]:
    from torch.utils.data import DataLoader, IterableDataset

    if hasattr(given, "select_dtypes"):
        return _of_table(given), None
    if isinstance(given, DataLoader):
        return _joined(_split(batch) for batch in _batches(given))
    if isinstance(given, IterableDataset):
        return _joined(_single(_split(item)) for item, _ in zip(given, range(MOST), strict=False))
    if hasattr(given, "__array__"):  # of torch, NumPy, JAX, TensorFlow
        return _array(given), None
    if hasattr(given, "__getitem__") and hasattr(given, "__len__") and not isinstance(given, Mapping | list | tuple):
        return _joined(_single(_split(given[int(i)])) for i in _evenly(len(given)))
    raise DataError(
        f"a {type(given).__name__} is no data; give an array, a tensor, a Dataset, a DataLoader, a DataFrame, or the "
        "name of a source"
    )


def _of_table(frame: Any) -> npt.NDArray[Any]:
    numbers = frame.select_dtypes("number")
    if not len(numbers.columns):
        raise DataError("no column holds numbers")
    gaps = [str(name) for name in numbers.columns if numbers[name].isna().any()]
    if gaps:
        raise DataError(f"values are missing in {', '.join(gaps[:4])}; fill them or leave those rows out")
    return cast("npt.NDArray[Any]", numbers.to_numpy())


def _batches(loader: Any) -> Iterator[Any]:
    """Batches as the loader makes them, in the order of its data set where it shuffles; its workers stay untouched."""
    from torch.utils.data import (
        DataLoader,
        DistributedSampler,
        IterableDataset,
        RandomSampler,
        SequentialSampler,
        Subset,
        SubsetRandomSampler,
    )

    dataset, sampler, size = loader.dataset, loader.sampler, loader.batch_size
    plain: dict[str, Any] = {"batch_size": size, "collate_fn": loader.collate_fn}
    all_of_it = isinstance(sampler, SequentialSampler | DistributedSampler) or (
        isinstance(sampler, RandomSampler) and not sampler.replacement and sampler.num_samples == len(dataset)
    )
    if isinstance(dataset, IterableDataset):
        yield from _up_to(MOST, DataLoader(dataset, **plain))
        return
    own_batches = size is None and loader.batch_sampler is not None
    if all_of_it and not own_batches:
        yield from DataLoader(Subset(dataset, [int(i) for i in _evenly(len(dataset))]), **plain)
        return
    if isinstance(sampler, SubsetRandomSampler) and not own_batches:
        yield from DataLoader(Subset(dataset, sorted(sampler.indices)), **plain)
        return
    drawing = loader.batch_sampler if own_batches else sampler
    drawn = getattr(drawing, "generator", None)
    state = None if drawn is None else drawn.get_state()
    try:
        order: dict[str, Any] = {"batch_sampler": drawing} if own_batches else {"sampler": sampler, "batch_size": size}
        yield from _up_to(MOST, DataLoader(dataset, collate_fn=loader.collate_fn, **order))
    finally:
        if drawn is not None:
            drawn.set_state(state)


def _up_to(most: int, batches: Iterable[Any]) -> Iterator[Any]:
    read = 0
    for batch in batches:
        yield batch
        read += len(_split(batch)[0])
        if read >= most:
            return


def _evenly(size: int) -> npt.NDArray[np.int64]:
    """Places in a data set: all of them, or MOST that lie evenly among them."""
    return np.unique(np.linspace(0, size - 1, min(size, MOST)).round().astype(np.int64))


def _split(entry: Any) -> tuple[npt.NDArray[Any], npt.NDArray[Any] | None]:
    """What an item or a batch holds: x, (x, label ...), or a mapping with them; a target that is no label is left."""
    if isinstance(entry, Mapping):
        names = [name for name in entry if name not in _LABELS]
        if not names:
            raise DataError("its items hold no samples")
        label = next((entry[name] for name in _LABELS if name in entry), None)
        entry = (entry[names[0]], label)
    if not isinstance(entry, tuple | list):
        return _array(entry), None
    first, label = entry[0], entry[1] if len(entry) > 1 else None
    if label is None or isinstance(label, str | Mapping):
        return _array(first), None
    target = np.asarray(_array(label))
    return _array(first), target.astype(np.int64) if target.dtype.kind in "iu" and target.ndim <= 1 else None


def _single(item: tuple[npt.NDArray[Any], npt.NDArray[Any] | None]) -> tuple[npt.NDArray[Any], Any]:
    """An item as a batch of one."""
    sample, label = item
    return sample[None], None if label is None else label.reshape(-1)[:1]


def _joined(
    parts: Iterable[tuple[npt.NDArray[Any], npt.NDArray[Any] | None]],
) -> tuple[npt.NDArray[Any], Labels | None]:
    samples, labels = [], []
    for sample, label in parts:
        samples.append(sample)
        labels.append(label)
    if not samples:
        raise DataError("it holds no samples")
    shapes = {sample.shape[1:] for sample in samples}
    if len(shapes) > 1:
        raise DataError(f"its samples have different shapes: {one_line(sorted(shapes), 80)}; bring them to one")
    array = np.concatenate(samples)
    known = [label for label in labels if label is not None]
    whole = len(known) == len(labels) and sum(map(len, known)) == len(array)
    return array, np.concatenate(known) if whole else None


def _array(value: Any) -> npt.NDArray[Any]:
    """A tensor, image or array as NumPy has it; images of PIL channels first."""
    import torch

    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return np.asarray(value.float() if value.dtype == torch.bfloat16 else value)
    array = np.asarray(value)
    if hasattr(value, "getbands"):
        return array[None] if array.ndim == 2 else array.transpose(2, 0, 1)
    return array


def _channels_first(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """(n, H, W) grey images get a channel; (n, H, W, C) with C of 1, 3, 4 becomes (n, C, H, W)."""
    if array.ndim == 3:
        return array[:, None]
    if array.ndim == 4 and array.shape[-1] in CHANNELS and array.shape[1] not in CHANNELS:
        return array.transpose(0, 3, 1, 2)
    return array
