"""The protobuf wire format, walked by seeking: fields as numbers and spans of the file.

Numbers in tensors are passed over, never loaded. No length is believed before it is checked against the message that
it lies in, and that against the file; the number of fields that are looked at is bounded.
Format: https://protobuf.dev/programming-guides/encoding
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from wganalyze import one_line
from wganalyze_checkpoints.wording import LONGEST

MAX_FIELDS = 1_000_000
"""Fields that a file may have; that of a network with ten thousand layers has half of them."""
LONGEST_NAME = 1000
_FIRST_WINDOW, _WINDOW = 2**9, 2**16


class DamagedModel(ValueError):
    """A file that begins as ONNX does and cannot be what it says."""


@dataclass(frozen=True, slots=True)
class Span:
    """Bytes of the file, from ``start`` to before ``end``."""

    start: int
    end: int

    @property
    def length(self) -> int:
        return self.end - self.start


Field = tuple[int, int, int | Span]
"""Its number, its wire type (0 varint, 1 eight bytes, 2 a span, 5 four bytes), its value (0 for numbers by bytes)."""


class Wire:
    """Reads at most ``most`` protobuf fields from a file by a window that moves over it."""

    def __init__(self, file: BinaryIO, size: int, most: int = MAX_FIELDS) -> None:
        self._file = file
        self._window = b""
        self._most = _FIRST_WINDOW  # the first fields tell most files from a model
        self._start = 0
        self.size = size
        self.most = self.left = most

    def fields(self, span: Span) -> Iterator[Field]:
        """The fields of a message; DamagedModel where one does not fit into it."""
        place = span.start
        while place < span.end:
            self.left -= 1
            if self.left < 0:
                raise DamagedModel(f"more than {self.most:,} fields")
            tag, place = self._varint(place, span.end)
            number, kind = tag >> 3, tag & 7
            value: int | Span = 0
            if kind == 0:
                value, place = self._varint(place, span.end)
            elif kind == 2:
                length, place = self._varint(place, span.end)
                value = Span(place, place + length)
                place += length
            elif kind in (1, 5):
                place += 8 if kind == 1 else 4
            else:
                raise DamagedModel("a field of no known type")
            if not 0 < number < 2**29 or (isinstance(value, Span) and value.length < 0):
                raise DamagedModel("a field that cannot be")
            if place > span.end:
                raise DamagedModel(f"a field that ends {place - span.end:,} bytes behind what holds it: it was cut off")
            yield number, kind, value

    def text(self, span: int | Span) -> str:
        """A short text on one line: a name, a key."""
        if not isinstance(span, Span) or span.length > LONGEST_NAME:
            raise DamagedModel("a name that is no name")
        try:
            name = self._bytes(span.start, span.length).decode()
        except UnicodeDecodeError:
            raise DamagedModel("a name that is no text") from None
        if not name.isprintable():
            raise DamagedModel("a name with characters that cannot be shown")
        return name

    def shown(self, span: int | Span) -> str:
        """Any text, cut short, for people."""
        if not isinstance(span, Span):
            raise DamagedModel("a number in the place of a text")
        return one_line(self._bytes(span.start, min(span.length, LONGEST_NAME)).decode(errors="replace"), LONGEST)

    def numbers(self, value: int | Span) -> Iterator[int]:
        """A repeated integer field: one number, or several packed."""
        if isinstance(value, int):
            yield value
            return
        place = value.start
        while place < value.end:
            self.left -= 1
            if self.left < 0:
                raise DamagedModel(f"more than {self.most:,} fields")
            number, place = self._varint(place, value.end)
            yield number

    def _varint(self, place: int, end: int) -> tuple[int, int]:
        """A number and the place behind it; negative ones are stored as 64 bits."""
        number = shift = 0
        for byte in self._bytes(place, min(10, end - place)):
            number |= (byte & 127) << shift
            shift += 7
            place += 1
            if byte < 128:
                number &= 2**64 - 1
                return number - 2**64 if number >= 2**63 and shift == 70 else number, place
        raise DamagedModel("a number without end")

    def _bytes(self, place: int, length: int) -> bytes:
        first = place - self._start
        if not 0 <= first <= len(self._window) - length:
            self._file.seek(place)
            self._window = self._file.read(max(self._most, length))
            self._start, first = place, 0
            self._most = min(2 * self._most, _WINDOW)
        return self._window[first : first + length]
