"""Reads "tinygan 1": lines of text (the step; role, key and shape of each tensor), an empty line, float32 values."""

from functools import partial

import numpy as np

from wganalyze import CheckpointError, Loader, Part, TensorSpec, hookimpl


class TinyGan(Loader):
    name = "tinygan"

    def sniff(self, path):
        with path.open("rb") as file:
            return float(file.read(10) == b"tinygan 1\n")

    def open(self, path):
        with path.open("rb") as file:
            _, (_, step), *tensors = iter(lambda: file.readline(1000).decode("ascii", "replace").split(), [])
            place, nets, places = file.tell(), *({"generator": {}, "critic": {}} for _ in range(2))
        for role, key, *shape in tensors:
            spec = nets[role][key] = TensorSpec(tuple(map(int, shape)), "float32")
            places[role][key] = place
            place += 4 * spec.size
        if place != path.stat().st_size:
            raise CheckpointError(f"{path}: its values end early; save it again")
        reads = {role: partial(read, path, keys, places[role]) for role, keys in nets.items()}
        return [Part(path, self.name, r, r, int(step), keys, {}, reads[r]) for r, keys in nets.items()]


def read(path, keys, at):
    from torch import from_numpy  # only here: to list files takes no torch

    return {k: from_numpy(np.fromfile(path, "<f4", s.size, offset=at[k])).reshape(s.shape) for k, s in keys.items()}


@hookimpl
def wganalyze_loaders():
    return [TinyGan]
