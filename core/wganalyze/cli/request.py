"""From the options of a verb to a Request."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from wganalyze.networks.factories import Net
from wganalyze.running.request import Request
from wganalyze.settings import texts
from wganalyze.settings.config import Config
from wganalyze.settings.texts import seconds_of


def make_request(path: Path, said: dict[str, Any]) -> Request:
    """The request that a verb's options describe; ``said`` maps parameter names to what click parsed."""
    config = Config(
        generator=Net(said["generator"]) if said["generator"] else None,
        critic=Net(said["critic"]) if said["critic"] else None,
        weights=said["weights"],
        generator_mode=said["generator_mode"],
        output=said["output"],
        orientation=None if said["orientation"] is None else (1 if said["orientation"] == "1" else -1),
        law=said["latent_law"],
        latent_shape=texts.shape(said["latent"]),
        classes=said["classes"],
        encoding=said["label_encoding"],
        penalty=said["gradient_penalty"],
        data=said.get("data"),
        range=texts.low_high(said.get("range_")),
        normalize=texts.mean_std(said.get("normalize")),
        held_out=said.get("held_out"),
        n=texts.size(said.get("n")),
        budget=seconds_of(said["budget"]) if said.get("budget") else None,
        replicates=said.get("replicates"),
        seed=said.get("seed"),
        roles=texts.pairs(said["roles"], "--role"),
    )
    return Request(
        path=path,
        out=said.get("out"),
        config=config,
        config_file=said["config_file"],
        only=_names(said.get("only")),
        skip=_names(said.get("skip")),
        options=said.get("options", ()),
        device=said.get("device", "cpu"),
        trust=said["trust"],
        allow=said["allow"],
        infer=said["infer"],
        loader=said["loader"],
        no_plugins=said["no_plugins"],
        command=said.get("command", ()),
    )


def _names(texts: tuple[str, ...] | None) -> tuple[str, ...]:
    return tuple(name.strip() for text in texts or () for name in text.split(",") if name.strip())
