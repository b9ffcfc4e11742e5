"""A folder of WAV files: PCM of 8, 16, 24 and 32 bits, and floats.

Layout: http://soundfile.sapp.org/doc/WaveFormat; the extensible form names the same codes in its last sixteen bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from wganalyze import DataError, DataSource, FiniteSource, Values, hookimpl

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SUFFIXES = {".wav", ".wave"}
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_KNOWN = {(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64)}
_MOST_CHUNKS = 1000


@dataclass(frozen=True)
class Sound:
    """What the header of a file says; ``length``: samples of each channel, which begin at ``offset``."""

    kind: tuple[int, int]
    channels: int
    rate: int
    offset: int
    length: int

    @property
    def width(self) -> int:
        """Bytes of a sample of one channel."""
        return self.kind[1] // 8


def read_header(path: Path) -> Sound:
    """The header of a WAV file; ValueError says why there is none."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(12)
        if start[:4] != b"RIFF" or start[8:] != b"WAVE":
            raise ValueError("is no WAV file")
        form: tuple[int, ...] = ()
        for _ in range(_MOST_CHUNKS):
            head = file.read(8)
            if len(head) < 8:
                break
            name, length = head[:4], struct.unpack("<I", head[4:])[0]
            here = file.tell()
            if name == b"fmt ":
                content = file.read(min(length, 40))
                if len(content) < 16:
                    break
                form = struct.unpack("<HHIIHH", content[:16])
                if form[0] == _EXTENSIBLE and len(content) >= 26:
                    form = (struct.unpack("<H", content[24:26])[0], *form[1:])
            elif name == b"data" and form:
                code, channels, rate, _, _, bits = form
                if (code, bits) not in _KNOWN or not 1 <= channels <= 64:
                    raise ValueError(f"is of code {code} with {bits} bits; PCM of 8 to 32 bits and floats are read")
                # A length of 0 or beyond the end is that of a recording that was not closed: all that is there counts.
                there = size - here
                count = min(length or there, there) // (channels * (bits // 8))
                return Sound((code, bits), channels, rate, here, count)
            file.seek(here + length + length % 2)
    raise ValueError("is a WAV file without its samples")


def read_samples(path: Path, sound: Sound, length: int) -> npt.NDArray[np.float32]:
    """(channels, length) in [-1, 1] for PCM; floats as stored."""
    import numpy as np

    size = length * sound.channels * sound.width
    with path.open("rb") as file:
        file.seek(sound.offset)
        content = file.read(size)
    if len(content) < size:
        raise ValueError("is cut off")
    code, bits = sound.kind
    values: npt.NDArray[Any]
    if code == _FLOAT:
        values = np.frombuffer(content, f"<f{bits // 8}")
    elif bits == 8:
        values = np.frombuffer(content, np.uint8) / 128.0 - 1.0
    elif bits == 24:
        wide = np.zeros((len(content) // 3, 4), np.uint8)
        wide[:, 1:] = np.frombuffer(content, np.uint8).reshape(-1, 3)
        values = wide.view("<i4")[:, 0] / 2.0**31
    else:
        values = np.frombuffer(content, f"<i{bits // 8}") / 2.0 ** (bits - 1)
    if not np.isfinite(values).all():
        raise ValueError("holds NaN or infinity")
    return values.reshape(length, sound.channels).T.astype(np.float32)


class Sounds(FiniteSource):
    """All WAV files below a folder, of one length, rate and number of channels; ``wav:DIR#N`` takes N samples of each.

    Where every file lies in a folder below it, the folders directly below it are classes.
    """

    name: ClassVar[str] = "wav"
    help: ClassVar[str] = "wav:DIR of WAV files of one length; wav:DIR#16384 takes the first 16384 samples of each"

    def __init__(self, argument: str = "") -> None:
        path, mark, length = argument.partition("#")
        self.argument, self.root = argument, Path(path).expanduser()
        if mark and not (length.isdecimal() and 0 < int(length) < 2**40):
            raise self._fault("the length behind # is a number of samples, as wav:DIR#16384")
        if not path or not self.root.is_dir():
            raise self._fault(f"there is no folder {path or '(none named)'}")
        self.files = sorted(f for f in self.root.rglob("*") if f.suffix.lower() in SUFFIXES and f.is_file())
        if not self.files:
            raise self._fault("holds no WAV file")
        first = self._sounds[self.files[0]]
        self.length = int(length) if mark else first.length
        self._check(first, cut=bool(mark))
        self.shape = (first.channels, self.length)
        floats = any(sound.kind[0] == _FLOAT for sound in self._sounds.values())
        self.value_range = None if floats else (-1.0, 1.0)
        loose = any(f.parent == self.root for f in self.files)
        self.names = [] if loose else sorted({f.relative_to(self.root).parts[0] for f in self.files})
        self.classes = len(self.names) or None
        part = f"the first {self.length:,} samples" if mark else f"all {self.length:,} samples"
        how = "floats as stored" if floats else "PCM scaled to [-1, 1]"
        self.notes = (f"{self.root.name}: {part} of each of {len(self.files):,} files, {first.rate:,} a second, {how}",)

    def _fault(self, text: str) -> DataError:
        return DataError(f"--data wav:{self.argument}: {text}")

    @cached_property
    def _sounds(self) -> Mapping[Path, Sound]:
        sounds: dict[Path, Sound] = {}
        for file in self.files:
            try:
                sounds[file] = read_header(file)
            except (OSError, ValueError, struct.error) as error:
                raise self._fault(f"{file.name} {error}; remove or repair it") from None
        return sounds

    def _check(self, first: Sound, *, cut: bool) -> None:
        """All alike, and long enough."""
        name = self.files[0].name
        for file, sound in self._sounds.items():
            if (sound.channels, sound.rate) != (first.channels, first.rate):
                raise self._fault(
                    f"{file.name} has {sound.channels} channels of {sound.rate:,} samples a second, {name} has "
                    f"{first.channels} of {first.rate:,}: bring all to one rate"
                )
        lengths = [sound.length for sound in self._sounds.values()]
        if not cut and len({*lengths}) > 1:
            raise self._fault(
                f"the files have {min(lengths):,} to {max(lengths):,} samples; say wav:{self.root}#{min(lengths)} "
                "to take as many of each"
            )
        short = [file.name for file, sound in self._sounds.items() if sound.length < max(1, self.length)]
        if short:
            raise self._fault(
                f"{len(short)} of {len(lengths)} files have fewer than {max(1, self.length):,} samples, as {short[0]}; "
                f"the shortest has {min(lengths):,}"
            )

    def load(self) -> Values:
        """(n, channels * length), channel after channel."""
        import numpy as np

        values = np.empty((len(self.files), self.shape[0] * self.length), np.float32)
        for row, (file, sound) in zip(values, self._sounds.items(), strict=True):
            try:
                row[:] = read_samples(file, sound, self.length).ravel()
            except (OSError, ValueError) as error:
                raise self._fault(f"{file.name} {error}; remove or repair it") from None
        if not self.names:
            return Values(values)
        classes = [self.names.index(file.relative_to(self.root).parts[0]) for file in self.files]
        return Values(values, np.array(classes, np.int64))


@hookimpl
def wganalyze_data() -> list[type[DataSource]]:
    return [Sounds]
