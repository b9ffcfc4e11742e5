"""Values as bytes that hold no code: arrays, numbers, texts, and dataclasses of them; nothing is run to read them."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields, is_dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

TREE = "tree"


class NotEncodable(TypeError):
    """A value that is made of more than that."""


def encode(value: Any) -> bytes:
    """A value as an archive of arrays; NotEncodable where it holds anything that would need code to be read."""
    import numpy as np

    arrays: dict[str, np.ndarray[Any, Any]] = {}
    tree = _written(value, arrays)
    file = io.BytesIO()
    np.savez(file, **arrays, **{TREE: np.array(json.dumps(tree))})  # type: ignore[arg-type]
    return file.getvalue()


def decode(content: bytes, packages: Collection[str]) -> Any:
    """What ``encode`` was given. ValueError: it is damaged, or of a class that none of these packages has."""
    import numpy as np

    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        tree = json.loads(str(arrays.pop(TREE)[()]))
        return _Reader(arrays, packages).read(tree)
    except Exception as error:  # a damaged file makes zipfile and numpy raise nearly anything
        raise ValueError(f"a stored value cannot be read ({error})") from None


def _written(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    import numpy as np
    from scipy.sparse import csr_array

    def held(array: np.ndarray[Any, Any]) -> str:
        if array.dtype.hasobject:
            raise NotEncodable("an array of objects")
        name = f"a{len(arrays)}"
        arrays[name] = array
        return name

    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return {"float": value.hex()}
    if type(value) is tuple:
        return {"tuple": [_written(each, arrays) for each in value]}
    if type(value) is list:
        return [_written(each, arrays) for each in value]
    if type(value) is dict:
        return {"dict": [[_written(key, arrays), _written(each, arrays)] for key, each in value.items()]}
    if type(value) is np.ndarray:
        return {"array": held(value)}
    if isinstance(value, np.generic):
        return {"scalar": held(np.asarray(value))}
    if type(value) is csr_array:
        parts = [held(each) for each in (value.data, value.indices, value.indptr)]
        return {"csr": [*parts, [int(side) for side in value.shape]]}
    if is_dataclass(value) and not isinstance(value, type):
        content = {field.name: _written(getattr(value, field.name), arrays) for field in fields(value)}
        return {"class": [type(value).__module__, type(value).__qualname__], "fields": content}
    raise NotEncodable(f"a {type(value).__name__}")


@dataclass(frozen=True)
class _Reader:
    arrays: Mapping[str, np.ndarray[Any, Any]]
    packages: Collection[str]

    def read(self, tree: Any) -> Any:
        if isinstance(tree, list):
            return [self.read(each) for each in tree]
        if not isinstance(tree, dict):
            return tree
        if "class" in tree:
            module, name = tree["class"]
            return self._instance(module, name, {each: self.read(value) for each, value in tree["fields"].items()})
        ((kind, content),) = tree.items()
        readers: Mapping[str, Callable[[Any], Any]] = {
            "float": float.fromhex,
            "tuple": lambda content: tuple(self.read(each) for each in content),
            "dict": lambda content: {self.read(key): self.read(each) for key, each in content},
            "array": lambda content: self.arrays[content],
            "scalar": lambda content: self.arrays[content][()],
            "csr": self._csr,
        }
        return readers[kind](content)

    def _csr(self, content: list[Any]) -> Any:
        from scipy.sparse import csr_array

        data, indices, indptr, shape = content
        return csr_array((self.arrays[data], self.arrays[indices], self.arrays[indptr]), shape=tuple(shape))

    def _instance(self, module: str, name: str, content: Mapping[str, Any]) -> Any:
        """An instance of a dataclass; none of its methods runs."""
        if module.partition(".")[0] not in self.packages:
            raise ValueError(f"a stored value is of {module}, which is none of {', '.join(sorted(self.packages))}")
        kind: Any = import_module(module)
        for part in name.split("."):
            kind = getattr(kind, part)
        if not (isinstance(kind, type) and is_dataclass(kind) and {each.name for each in fields(kind)} == {*content}):
            raise ValueError(f"{module}.{name} is not what was stored")
        made = object.__new__(kind)
        for each, value in content.items():
            object.__setattr__(made, each, value)
        return made
