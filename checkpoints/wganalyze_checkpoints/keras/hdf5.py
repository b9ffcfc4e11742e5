"""The headers of an HDF5 file of the form that h5py writes by default, read without the HDF5 library.

That library may crash on a damaged file, and a crash is no message. Layout: "HDF5 File Format Specification 3.0", of
it superblock 0 and 1, object headers 1, groups by symbol tables, and arrays stored in one piece: all that Keras
writes. Every address and size is checked against the file; links and storage in other files are refused.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Literal

MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_TEXT = 32 * 2**20
"""Bytes of one text; the configuration of a network with a thousand layers takes one million."""
_MAX_READ, _LEAST_READ = 256 * 2**20, 512
"""What all headers together may take; small readings count as ``_LEAST_READ``, so that their number is bounded."""
_MESSAGE = 256
"""What a message counts beyond its bytes: many headers may go on in the same place."""
_LONGEST_PATH = 2000
_MAX_OBJECTS = 100_000
_MAX_DEPTH = 64
_MAX_AXES = 32
_UNDEFINED = 2**64 - 1
_DATASPACE, _LINK_INFO, _DATATYPE, _LINK, _EXTERNAL, _LAYOUT = 0x1, 0x2, 0x3, 0x6, 0x7, 0x8
_ATTRIBUTE, _CONTINUATION, _SYMBOLS, _ATTRIBUTE_INFO = 0xC, 0x10, 0x11, 0x15


class DamagedHdf5(ValueError):
    """What is wrong with the file, on one line."""


@dataclass(frozen=True, slots=True)
class Array:
    """A stored array: its numbers are ``nbytes`` at ``offset`` of the file, in the order ``byteorder``, "<" or ">"."""

    shape: tuple[int, ...]
    dtype: str
    byteorder: Literal["<", ">"]
    offset: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class _Type:
    """``name``: a number's dtype, "text" (of ``size`` bytes each), "texts" (in the global heap), "opaque", or ""."""

    name: str
    size: int
    byteorder: Literal["<", ">"] = "<"


class Hdf5:
    """A file, or the stretch of ``size`` bytes at ``start`` in one; objects are known by their addresses."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._start, self.size = file, start, size
        self._left = _MAX_READ
        self._headers: dict[int, list[tuple[int, bytes]]] = {}
        self._attributes: dict[int, dict[bytes, bytes]] = {}
        head = self.read(0, 96)
        if not head.startswith(MAGIC):
            raise DamagedHdf5("not HDF5")
        version = head[8]
        if version > 1 or head[13:15] != b"\x08\x08":
            raise DamagedHdf5("HDF5 of a form that Keras does not write")
        base, _, end, _, _, self.root = struct.unpack_from("<6Q", head, 24 + 4 * version)
        if base != 0 or end > size:
            raise DamagedHdf5("it was cut off" if end > size else "HDF5 behind a user block")

    def read(self, address: int, count: int) -> bytes:
        """``count`` bytes, all of which must be there."""
        if address + count > self.size:
            raise DamagedHdf5("an address beyond the end of the file")
        self._spend(max(count, _LEAST_READ))
        self._file.seek(self._start + address)
        data = self._file.read(count)
        if len(data) < count:
            raise DamagedHdf5("it was cut off")
        return data

    def _spend(self, amount: int) -> None:
        self._left -= amount
        if self._left < 0:
            raise DamagedHdf5("headers larger than those of a network")

    def children(self, address: int) -> dict[str, int]:
        """Names and addresses of what a group holds; nothing for an array."""
        messages = dict(self._messages(address))
        if _LINK in messages or _LINK_INFO in messages:
            raise DamagedHdf5("links of a kind that Keras does not write, which are not followed")
        if _SYMBOLS not in messages:
            return {}
        tree, heap = struct.unpack_from("<2Q", messages[_SYMBOLS])
        return dict(self._symbols(tree, self._heap(heap)))

    def walk(self) -> Iterator[tuple[str, int]]:
        """Path and address of everything below the root, by address: about in the order of writing."""
        places: list[tuple[int, str]] = []
        waiting = [("", self.root, 0)]
        while waiting:
            front, group, depth = waiting.pop()
            for name, address in self.children(group).items():
                places.append((address, f"{front}{name}"))
                if len(places) > _MAX_OBJECTS or depth > _MAX_DEPTH or len(front) + len(name) > _LONGEST_PATH:
                    raise DamagedHdf5("more objects, or deeper ones, than a network has")
                waiting.append((f"{front}{name}/", address, depth + 1))
        yield from ((path, address) for address, path in sorted(places))

    def array(self, address: int) -> Array | None:
        """The array at an address; None where there is a group, or something that is not of numbers."""
        messages = dict(self._messages(address))
        if not {_DATASPACE, _DATATYPE, _LAYOUT} <= messages.keys():
            return None
        item, shape = _type(messages[_DATATYPE]), _shape(messages[_DATASPACE])
        if item.name == "opaque" and item.size == 2 and self.texts(address, "dtype") == ["bfloat16"]:
            item = _Type("bfloat16", 2)  # which HDF5 does not know, as Keras writes it
        if item.name in ("", "text", "texts", "opaque") or shape is None:
            return None
        if _EXTERNAL in messages:
            raise DamagedHdf5("an array that is stored in other files, which are not read")
        layout, nbytes = messages[_LAYOUT], math.prod(shape) * item.size
        if layout[0] not in (3, 4) or layout[1] > 1:
            raise DamagedHdf5("an array in chunks, which Keras does not write")
        if layout[1] == 0:
            raise DamagedHdf5("an array inside of its header, which Keras does not write")
        offset, stored = struct.unpack_from("<2Q", layout, 2)
        if nbytes == 0:
            return Array(shape, item.name, item.byteorder, 0, 0)
        if stored < nbytes or offset + nbytes > self.size:
            raise DamagedHdf5(f"an array of shape {shape} in {min(stored, self.size):,} bytes")
        return Array(shape, item.name, item.byteorder, offset, nbytes)

    def texts(self, address: int, name: str) -> list[str] | None:
        """The texts of an attribute; None where there is none of that name."""
        if address not in self._attributes:
            self._attributes[address] = self._attributes_of(address)
        body = self._attributes[address].get(name.encode())
        return None if body is None else self._texts(name, body)

    def _attributes_of(self, address: int) -> dict[bytes, bytes]:
        """The bodies of all attributes of an object, by name."""
        bodies: dict[bytes, bytes] = {}
        for kind, body in self._messages(address):
            if kind == _ATTRIBUTE_INFO and struct.unpack_from("<Q", body, len(body) - 16)[0] != _UNDEFINED:
                raise DamagedHdf5("attributes of a form that Keras does not write")
            if kind == _ATTRIBUTE:
                version, _, size = struct.unpack_from("<2BH", body)
                start = 8 + (version == 3)
                bodies.setdefault(body[start : start + size].rstrip(b"\0"), body)
        return bodies

    def _texts(self, wanted: str, body: bytes) -> list[str]:
        version, flags, *sizes = struct.unpack_from("<2B3H", body)
        if version not in (1, 2, 3) or (version > 1 and flags):
            raise DamagedHdf5(f"the attribute {wanted} has a form that Keras does not write")
        at, pieces = 8 + (version == 3), []
        for size in sizes:
            pieces.append(body[at : at + size])
            at += -(-size // 8) * 8 if version == 1 else size
        item, shape, data = _type(pieces[1]), _shape(pieces[2]), body[at:]
        count = 0 if shape is None else math.prod(shape)
        if count * max(item.size, 1) > len(data):
            raise DamagedHdf5(f"the attribute {wanted} is larger than its place")
        parts = [data[i * item.size : (i + 1) * item.size] for i in range(count)]
        if item.name == "texts":
            parts = [self._from_heap(part) for part in parts]
        elif item.name != "text":
            return []
        return [part.rstrip(b"\0").decode() for part in parts]

    def _from_heap(self, reference: bytes) -> bytes:
        """An object of the global heap: length, address of the collection, index in it."""
        length, address, index = struct.unpack("<IQI", reference)
        if length == 0:
            return b""
        head = self.read(address, 16)
        size = struct.unpack_from("<Q", head, 8)[0]
        at, end = address + 16, address + size
        while head.startswith(b"GCOL") and at + 16 <= end:
            number, _, _, held = struct.unpack("<2HIQ", self.read(at, 16))
            if number == index and index:
                if length > min(held, MAX_TEXT):
                    break
                return self.read(at + 16, length)
            if number == 0:
                break
            at += 16 + -(-held // 8) * 8
        raise DamagedHdf5("a text that is not there")

    def _messages(self, address: int) -> list[tuple[int, bytes]]:
        """Kind and body of every message in the header of an object."""
        if address in self._headers:
            return self._headers[address]
        version, _, count, _, size = struct.unpack_from("<2BHII", self.read(address, 16))
        if version != 1:
            raise DamagedHdf5("an object of a form that Keras does not write")
        messages: list[tuple[int, bytes]] = []
        blocks = [(address + 16, size)]
        for start, length in blocks:
            block, at = self.read(start, min(length, MAX_TEXT)), 0
            while at + 8 <= len(block) and len(messages) < count:
                kind, size, flags = struct.unpack_from("<2HB", block, at)
                body = block[at + 8 : at + 8 + size]
                at += 8 + size
                if len(body) < size or flags & 2:
                    raise DamagedHdf5("a header that does not hold what it says")
                messages.append((kind, body))
                self._spend(_MESSAGE)
                if kind == _CONTINUATION:
                    blocks.append(struct.unpack_from("<2Q", body))
        self._headers[address] = messages
        return messages

    def _heap(self, address: int) -> tuple[int, int]:
        head = self.read(address, 32)
        if not head.startswith(b"HEAP"):
            raise DamagedHdf5("a group without names")
        size, _, start = struct.unpack_from("<3Q", head, 8)
        return start, size

    def _symbols(self, tree: int, heap: tuple[int, int]) -> Iterator[tuple[str, int]]:
        """The entries of a group's B-tree, each node once."""
        start, size = heap
        names = self.read(start, min(size, MAX_TEXT))
        waiting, seen = [tree], set[int]()
        while waiting:
            node = waiting.pop()
            if node in seen:
                raise DamagedHdf5("a group without end")
            seen.add(node)
            head = self.read(node, 8)
            if head.startswith(b"TREE") and head[4] == 0:
                count = struct.unpack_from("<H", head, 6)[0]
                keys = struct.unpack(f"<{2 * count}Q", self.read(node + 24, 16 * count))
                waiting += keys[1::2][::-1]
            elif head.startswith(b"SNOD"):
                count = struct.unpack_from("<H", head, 6)[0]
                table = self.read(node + 8, 40 * count)
                for name, address, cached in struct.iter_unpack("<QQI20x", table):
                    text = names[name : names.find(b"\0", name)].decode()
                    if not text.isprintable():
                        raise DamagedHdf5("a name with characters that cannot be shown")
                    if cached == 2 or not text or "/" in text:
                        raise DamagedHdf5("a link to elsewhere, which is not followed")
                    yield text, address
            else:
                raise DamagedHdf5("a group without entries")


def _type(body: bytes) -> _Type:
    kind, bits, size = body[0] & 15, body[1], struct.unpack_from("<I", body, 4)[0]
    if kind == 8:  # an enumeration, by which h5py stores booleans
        return _Type("bool" if size == 1 else "", size)
    order: Literal["<", ">"] = ">" if bits & 1 else "<"
    if kind == 0:
        return _Type(f"{'' if bits & 8 else 'u'}int{8 * size}" if size in (1, 2, 4, 8) else "", size, order)
    if kind == 1:
        names = {(2, 5): "float16", (4, 8): "float32", (8, 11): "float64"}
        return _Type(names.get((size, body[13]), ""), size, order)
    if kind == 9 and (bits & 15, size) == (1, 16):
        return _Type("texts", size)
    return _Type({3: "text", 5: "opaque"}.get(kind, ""), size)


def _shape(body: bytes) -> tuple[int, ...] | None:
    """Sizes of the axes; None for nothing at all."""
    version, axes = body[0], body[1]
    if version not in (1, 2) or axes > _MAX_AXES:
        raise DamagedHdf5("a shape that cannot be")
    if version == 2 and body[3] == 2:
        return None
    return struct.unpack_from(f"<{axes}Q", body, 8 if version == 1 else 4)
