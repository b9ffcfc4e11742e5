"""A file or folder of a store, as a path: what is opened is read in places, and what the system opens is fetched."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path, PosixPath
from typing import Any, TypeVar

from wganalyze.errors import StoreError, UsageError
from wganalyze.remote.fetching import fetched
from wganalyze.remote.ranges import Ranges, section
from wganalyze.text import one_line

T = TypeVar("T")

MARK = "://"
EXTRAS = {"s3": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "abfs": "azure", "hf": "hf"}
"""What has what fsspec needs beside itself, by scheme."""
VERSIONS = ("ETag", "etag", "md5Hash", "blob_id", "sha256")
"""Where stores say which version a file is of."""
LONGEST = 200
"""Of what a store says."""
LOOK_AHEAD = 2**10
"""Of whoever reads byte by byte."""


def location(text: str | os.PathLike[str]) -> Path:
    """The path that a text means: SCHEME://PLACE in a store, else one of this machine.

    UsageError where the scheme is unknown, or an address holds a password, which would end up in reports.
    """
    if isinstance(text, RemotePath) or MARK not in str(text):
        return text if isinstance(text, Path) else Path(text)
    scheme, _, place = str(text).partition(MARK)
    if scheme == "file":
        return Path(f"/{place.lstrip('/')}")
    if "@" in place.partition("/")[0] and scheme not in ("az", "abfs"):
        raise UsageError(
            f"{scheme}{MARK}...: an address goes into reports; give names and passwords in the environment"
        )
    if not place.strip("/"):
        raise UsageError(f"{text}: names no place in the store, as {scheme}{MARK}BUCKET/FOLDER")
    _filesystem(scheme)
    return RemotePath(f"{scheme}:", *place.split("/"))


@cache
def _filesystem(scheme: str) -> Any:
    """That of a scheme, with what the environment says of names and passwords; UsageError where there is none."""
    try:
        import fsspec

        return fsspec.filesystem(scheme, use_listings_cache=False, skip_instance_cache=True)
    except ImportError as error:
        need = f": pip install 'wganalyze[{EXTRAS[scheme]}]'" if scheme in EXTRAS else ""
        raise UsageError(f"{scheme}{MARK}: cannot be read here ({one_line(error)}){need}") from None
    except ValueError:
        raise UsageError(f"{scheme}{MARK}: no such kind of store; fsspec has s3, gs, az, hf and others") from None


_folders: set[str] = set()
"""Addresses of which it is known that something lies below them."""


class RemotePath(PosixPath):
    """A path whose first part is the scheme ("s3:").

    ``open("rb")`` reads ranges. The system gets the path of a copy on this machine, which is fetched then: what takes
    no file object works, too. ``open("wb")`` puts the whole at the end, and nothing where an exception leaves it.
    A path that a listing gave knows what the listing said; ``anew`` forgets it.
    """

    listed: Mapping[str, Any] | None = None

    @property
    def _store(self) -> Any:
        return _filesystem(self.parts[0].rstrip(":"))

    @property
    def _key(self) -> str:
        return "/".join(self.parts[1:])

    def __str__(self) -> str:
        """The address; of what is relative to another, its names."""
        return f"{self.parts[0]}//{self._key}" if self.is_absolute() else "/".join(self.parts)

    def __fspath__(self) -> str:
        return str(self.here())

    def as_posix(self) -> str:
        """The address."""
        return str(self)

    def as_uri(self) -> str:
        """The address."""
        return str(self)

    def is_absolute(self) -> bool:
        """Does it begin with a scheme?"""
        return bool(self.parts) and self.parts[0].endswith(":")

    def resolve(self, strict: bool = False) -> RemotePath:
        """Itself: stores have no links."""
        return self

    def absolute(self) -> RemotePath:
        """Itself."""
        return self

    def expanduser(self) -> RemotePath:
        """Itself."""
        return self

    def anew(self) -> RemotePath:
        """The same place, of which nothing is known yet."""
        return type(self)(*self.parts)

    def described(self) -> Mapping[str, Any]:
        """What the store says of it."""
        if self.listed is not None:
            return self.listed
        if str(self) in _folders:
            return {"type": "directory"}
        found: Mapping[str, Any] = self._ask(lambda store: store.info(self._key))
        if found.get("type") == "directory":
            _folders.add(str(self))
        return found

    def _ask(self, question: Callable[[Any], T]) -> T:
        """An answer of the store; StoreError, with one line, where there is none."""
        try:
            return question(self._store)
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self)) from None
        except FileExistsError:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(self)) from None
        except Exception as error:  # of whatever library speaks with the store
            raise self._error(f"the store says: {one_line(str(error) or type(error).__name__, LONGEST)}") from None

    def _error(self, reason: str) -> StoreError:
        return StoreError(errno.EIO, reason, str(self))

    @property
    def identity(self) -> str:
        """Address and version: another one when the content is another."""
        return self._identity(self.described())

    @property
    def version(self) -> str:
        """What the store calls this version of the content; "" where it gives it no name."""
        return _version_of(self.described())

    def _identity(self, info: Mapping[str, Any]) -> str:
        return f"{self} {_version_of(info)} {info.get('size')} {_time_of(info)}"

    # pathlib's signatures

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        """Size and time; the inode stands for the version."""
        info = self.described()
        folder = info.get("type") == "directory"
        mode = stat.S_IFDIR | 0o755 if folder else stat.S_IFREG | 0o644
        size, seconds = int(info.get("size") or 0), _time_of(info)
        inode = int.from_bytes(hashlib.sha256(self._identity(info).encode()).digest()[:7], "big")
        whole = (mode, inode, 0, 1, 0, 0, size, int(seconds), int(seconds), int(seconds))
        nanoseconds = int(seconds * 1e9)
        more = {"st_mtime": seconds, "st_mtime_ns": nanoseconds, "st_ctime": seconds, "st_ctime_ns": nanoseconds}
        return os.stat_result(whole, more)

    def lstat(self) -> os.stat_result:
        """As ``stat``."""
        return self.stat()

    def exists(self, *, follow_symlinks: bool = True) -> bool:
        """Is there anything?"""
        return self._type() is not None

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Is it an object?"""
        return self._type() == "file"

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Does anything lie below it?"""
        return self._type() == "directory"

    def _type(self) -> str | None:
        try:
            return str(self.described().get("type"))
        except FileNotFoundError:
            return None

    def is_symlink(self) -> bool:
        """Stores have none."""
        return False

    def iterdir(self) -> Iterator[RemotePath]:  # type: ignore[override]
        """What lies in it, with what the listing says; FileNotFoundError where there is nothing."""
        _folders.discard(str(self))  # the listing says whether it still is one
        listing: list[dict[str, Any]] = self._ask(lambda store: [*store.ls(self._key, detail=True)])
        _folders.add(str(self))
        for info in listing:
            name = str(info["name"]).rstrip("/").rpartition("/")[2]
            if name and str(info["name"]).strip("/") != self._key.strip("/"):
                child = self / name
                child.listed = info
                yield child

    def glob(self, pattern: str, **_more: Any) -> Iterator[RemotePath]:  # type: ignore[override]
        """As pathlib's, without "**"."""
        first, _, rest = pattern.partition("/")
        try:
            for child in self.iterdir():
                if fnmatchcase(child.name, first):
                    if not rest:
                        yield child
                    elif child.is_dir():
                        yield from child.glob(rest)
        except FileNotFoundError:
            return

    def rglob(self, pattern: str, **_more: Any) -> Iterator[RemotePath]:  # type: ignore[override]
        """As pathlib's, for one name."""
        for child in [*self.glob("*")]:
            if fnmatchcase(child.name, pattern):
                yield child
            if child.is_dir():
                yield from child.rglob(pattern)

    def open(
        self,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """To read ranges, or to write the whole at once; "x" where nobody else may have written."""
        plain = mode.replace("b", "").replace("t", "")
        if plain == "r":
            found = self.described()
            if found.get("type") == "directory":
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self))
            key, size = self._key, int(found.get("size") or 0)

            def fetch(begin: int, end: int) -> bytes:
                content = self._ask(lambda store: section(store, key, begin, end))
                if len(content) != end - begin:
                    raise self._error(f"the store gave {len(content):,} of {end - begin:,} bytes")
                return content

            ranges = Ranges(self._identity(found), size, fetch)
            file: Any = io.BufferedReader(ranges, LOOK_AHEAD) if buffering else ranges
        elif plain in ("w", "x"):
            file = _Whole(lambda content: self.put(content, new=plain == "x"))
            if "b" not in mode:
                return _WholeText(file, encoding or "utf-8", errors, newline)
        else:
            raise io.UnsupportedOperation(f"{self}: stores take whole files; mode {mode}")
        return file if "b" in mode else io.TextIOWrapper(file, encoding or "utf-8", errors, newline)

    def read_bytes(self) -> bytes:
        """All of it, by one request."""
        return self._ask(lambda store: bytes(store.cat_file(self._key)))

    def read_text(self, encoding: str | None = None, errors: str | None = None) -> str:
        """The same, as text: by one request, since between two of them it may be replaced."""
        text = self.read_bytes().decode(encoding or "utf-8", errors or "strict")
        return text.replace("\r\n", "\n").replace("\r", "\n")

    def put(self, content: bytes, *, new: bool = False) -> None:
        """Make this its content, at once; ``new``: FileExistsError where it has one."""
        more = {"mode": "create"} if new else {}
        self._ask(lambda store: store.pipe_file(self._key, content, **more))

    def write_bytes(self, data: Any) -> int:
        """As ``put``."""
        self.put(bytes(data))
        return len(data)

    def touch(self, mode: int = 0o666, exist_ok: bool = True) -> None:
        """Put an empty one."""
        self.put(b"", new=not exist_ok)

    def mkdir(self, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        """Folders are there as soon as something lies in them."""

    def unlink(self, missing_ok: bool = False) -> None:
        """Remove it."""
        try:
            self._ask(lambda store: store.rm_file(self._key))
        except FileNotFoundError:
            if not missing_ok:
                raise

    def here(self) -> Path:
        """A copy on this machine, of a file or of all that lies below a folder."""
        if not self.is_dir():
            return fetched(self.identity, self.name, self._fetch_into)
        files = [path for path in self.rglob("*") if path.is_file()]

        def fetch(draft: Path) -> None:
            for path in files:
                copy = draft / path.relative_to(self)
                copy.parent.mkdir(parents=True, exist_ok=True)
                path._fetch_into(copy)

        return fetched("\n".join([str(self), *(path.identity for path in files)]), self.name, fetch)

    def _fetch_into(self, place: Path) -> None:
        size = self.described().get("size")
        self._ask(lambda store: store.get_file(self._key, str(place)))
        if self.version and self.anew().version not in (self.version, ""):
            raise self._error("was replaced while it was read; run again when it is whole")
        if size is not None and place.stat().st_size != int(size):
            raise self._error(f"the store gave {place.stat().st_size:,} of {int(size):,} bytes")


class _Whole(io.BytesIO):
    """What is written, put when it is closed; not where an exception left the block."""

    def __init__(self, put: Callable[[bytes], None]):
        super().__init__()
        self._put: Callable[[bytes], None] | None = put

    def __exit__(self, kind: Any, *rest: Any) -> None:
        if kind is not None:
            self.forget()
        super().__exit__(kind, *rest)

    def forget(self) -> None:
        """Put nothing."""
        self._put = None

    def close(self) -> None:
        """Put it."""
        put, self._put = self._put, None
        content = b"" if self.closed else self.getvalue()
        super().close()
        if put is not None:
            put(content)


class _WholeText(io.TextIOWrapper):
    """The same, of text."""

    def __exit__(self, kind: Any, *rest: Any) -> None:
        if kind is not None and isinstance(self.buffer, _Whole):
            self.buffer.forget()
        super().__exit__(kind, *rest)


def _version_of(info: Mapping[str, Any]) -> str:
    return next((str(info[name]) for name in VERSIONS if info.get(name)), "")


def _time_of(info: Mapping[str, Any]) -> float:
    """When it was last changed, in seconds; 0 where the store does not say."""
    for name in ("LastModified", "last_modified", "mtime", "updated", "created"):
        value = info.get(name)
        if isinstance(value, datetime):
            return value.timestamp()
        if isinstance(value, (int, float)):
            return float(value)
        if isinstance(value, str):
            try:
                return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
            except ValueError:
                continue
    return 0.0


def fresh(path: Path) -> Path:
    """The path, without what a listing said of it."""
    return path.anew() if isinstance(path, RemotePath) else path


@contextmanager
def scan(folder: Path) -> Iterator[Iterator[os.DirEntry[str] | Path]]:
    """What lies in a folder, as ``os.scandir`` gives it: each has ``name``, ``is_file()`` and ``is_dir()``."""
    if isinstance(folder, RemotePath):
        yield folder.iterdir()
    else:
        with os.scandir(folder) as entries:
            yield entries
