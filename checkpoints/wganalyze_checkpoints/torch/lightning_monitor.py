"""Lightning's training, analysed while it goes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter
from pathlib import Path
from typing import Any

from wganalyze import Monitor

try:
    from lightning.pytorch import Callback
except ImportError:
    try:
        from pytorch_lightning import Callback  # type: ignore[assignment]
    except ImportError:
        raise ImportError("LightningMonitor needs Lightning: pip install 'wganalyze[lightning]'") from None

Where = str | Callable[[Any], Any] | None
GENERATORS = ("generator", "netG", "G", "gen")
CRITICS = ("critic", "discriminator", "netD", "D", "disc")


def network_in(module: Any, where: Where, usual: Sequence[str]) -> Any:
    """The network that a module holds: by the name of an attribute ("model.netD"), by a function, or a usual name.

    None where there is none under a usual name.
    """
    if callable(where):
        return where(module)
    if where is not None:
        return attrgetter(where)(module)
    return next((getattr(module, name) for name in usual if hasattr(module, name)), None)


class LightningMonitor(Callback):  # pyright: ignore[reportGeneralTypeIssues]
    """``wganalyze.Monitor`` as a callback: ``Trainer(callbacks=[LightningMonitor("out", data=..., every=500)])``.

    ``generator``, ``critic``: attributes of the LightningModule, or functions of it; found under their usual names
    without. A step is a batch of training, whatever number of optimizers there is. All else is ``Monitor``'s.
    """

    def __init__(self, out: str | Path, *, generator: Where = None, critic: Where = None, **said: Any):
        super().__init__()
        self.monitor = Monitor(out, **said)
        self.batches = 0
        self._where = (generator, GENERATORS), (critic, CRITICS)

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """What training begins with, unless it goes on from a checkpoint."""
        if not self.batches:
            self._look(pl_module)

    def on_train_batch_end(self, trainer: Any, pl_module: Any, *_: Any) -> None:
        """One batch more."""
        self.batches += 1
        self._look(pl_module)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """The report's files as they are at the end."""
        self.monitor.close()

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """The same where training was stopped."""
        self.monitor.close()

    def state_dict(self) -> dict[str, Any]:
        """How many batches there were, for a training that goes on."""
        return {"batches": self.batches}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Count on from there."""
        self.batches = int(state_dict["batches"])

    def _look(self, module: Any) -> None:
        if self.monitor.due(self.batches):
            self.monitor(self.batches, *(network_in(module, where, usual) for where, usual in self._where))
