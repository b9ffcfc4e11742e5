"""Event files for TensorBoard: scalars, and charts with intervals as margins."""

from __future__ import annotations

from pathlib import Path

from wganalyze.report.exporting.series import Exported, Series, by_step, safe

OWN = ".wganalyze"
"""End of the names of our event files, by which an earlier export is found and replaced."""


def write(exported: Exported, folder: Path) -> str:
    """Write one event file for each trajectory, FOLDER/RUN/; the trainer's own beside it stay."""
    from torch.utils.tensorboard import SummaryWriter

    for run, series in exported.by_run().items():
        place = folder / run
        for earlier in place.glob(f"events.out.tfevents.*{OWN}"):
            earlier.unlink()
        with SummaryWriter(str(place), filename_suffix=OWN) as writer:
            for step, numbers in by_step(series).items():
                for name, value in numbers.items():
                    writer.add_scalar(safe(name), value, step)
            margins = {safe(each.name): ["Margin", _ends(each)] for each in series if each.has_interval}
            if margins:
                writer.add_custom_scalars({"with intervals": margins})
    return f"tensorboard --logdir {folder}"


def _ends(each: Series) -> list[str]:
    """The tags of a value and of the ends of its interval."""
    return [safe(name) for name in (each.name, f"{each.name}/ci_low", f"{each.name}/ci_high")]
