"""Tables in files: CSV and Parquet, rows as samples."""

from __future__ import annotations

import gzip
from abc import abstractmethod
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from wganalyze import DataError, DataSource, FiniteSource, Values, hookimpl, one_line
from wganalyze_plugins.tables.coding import Coded, code
from wganalyze_plugins.tables.options import parse

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = (",", ";", "\t", "|")
_MOST_LINE = 2**20


class Table(FiniteSource):
    """Rows of a table as samples: columns of numbers scaled as said, categories one-hot; what was done is noted."""

    value_range = None

    def __init__(self, argument: str = "") -> None:
        self.argument = argument
        try:
            path, self.options = parse(argument)
            if not path:
                raise ValueError(f"name a file: {self.help}")
            self.path = Path(path).expanduser()
        except ValueError as error:
            raise DataError(f"--data {self.name}:{argument}: {error}") from None
        self.shape = self._coded.values.shape[1:]
        self.classes = self._coded.classes
        self.notes = tuple(f"{self.path.name}: {one_line(note, 300)}" for note in self._coded.notes)

    @abstractmethod
    def read(self) -> pd.DataFrame:
        """The table as stored; raises, with the reason, where the file is not what it should be."""

    @cached_property
    def _coded(self) -> Coded:
        try:
            return code(self.read(), self.options)
        except OSError as error:
            raise DataError(f"--data {self.name}:{self.argument}: {error.strerror or one_line(error, 200)}") from None
        except Exception as error:  # a damaged file makes the parsers raise nearly anything
            raise DataError(f"--data {self.name}:{self.argument}: {one_line(error, 300)}") from None

    def load(self) -> Values:
        """(n, d) numbers, with the codes of the labels where a column of them was named."""
        return Values(self._coded.values, self._coded.labels)


class Csv(Table):
    """A table of text, plain or gzipped; the separator, and whether it has names, are found from its first line."""

    name: ClassVar[str] = "csv"
    help: ClassVar[str] = "csv:FILE, rows of a table as samples; csv:FILE?scale=standard&missing=drop&label=NAME"

    def read(self) -> pd.DataFrame:
        import pandas as pd

        with self.path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(self.path) if packed else self.path.open("rb") as file:
            line = file.readline(_MOST_LINE).removeprefix(b"\xef\xbb\xbf").decode(errors="replace")
        if "\0" in line or not line.strip():
            raise ValueError("is no table of text")
        separator = max(_SEPARATORS, key=line.count)
        nameless = all(map(_is_number, line.split(separator)))
        return pd.read_csv(
            self.path,
            sep=separator,
            header=None if nameless else 0,
            compression="gzip" if packed else None,
            skipinitialspace=True,
            low_memory=False,
        )


def _is_number(text: str) -> bool:
    try:
        float(text.strip().strip('"'))
    except ValueError:
        return False
    return True


class Parquet(Table):
    """A table in Apache's Parquet format, a file or a folder of them."""

    name: ClassVar[str] = "parquet"
    help: ClassVar[str] = "parquet:FILE, rows of a table as samples; parquet:FILE?scale=minmax&without=ID"

    def read(self) -> pd.DataFrame:
        import pandas as pd

        if not self.path.exists():
            raise ValueError("there is no such file")
        return pd.read_parquet(self.path)


@hookimpl
def wganalyze_data() -> list[type[DataSource]]:
    return [Csv, Parquet]
