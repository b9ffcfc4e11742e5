"""Work inside somebody's training run that leaves no trace in it: random states, threads, modes of torch."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager


@contextmanager
def undisturbed(seed: int | None = None) -> Iterator[None]:
    """Inside, torch computes as in a fresh process; outside, everything is as it was.

    Put back: the random states of Python, NumPy and torch (with those of all GPUs, where any is in use), the number of
    threads, the default dtype and device, autocast, and whether gradients are recorded. ``seed``: of all of these
    generators, inside; None: they go on from where they are.
    """
    import numpy as np
    import torch

    python, cpu = random.getstate(), torch.get_rng_state()
    legacy = np.random.get_state()  # noqa: NPY002
    # Asking for the states of GPUs that nobody uses would start them.
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None  # type: ignore[no-untyped-call]
    threads, dtype = torch.get_num_threads(), torch.get_default_dtype()
    try:
        with ExitStack() as inside:
            inside.enter_context(torch.inference_mode(False))
            inside.enter_context(torch.enable_grad())
            if torch.get_default_device().type != "cpu":
                inside.enter_context(torch.device("cpu"))
            for kind in ("cpu", "cuda"):
                if torch.is_autocast_enabled(kind):
                    inside.enter_context(torch.autocast(kind, enabled=False))
            torch.set_default_dtype(torch.float32)
            if seed is not None:
                random.seed(seed)
                np.random.seed(seed)  # noqa: NPY002
                torch.default_generator.manual_seed(seed)
            yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
        torch.set_default_dtype(dtype)
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
