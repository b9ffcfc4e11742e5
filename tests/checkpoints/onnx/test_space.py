"""A network in an ONNX file as a space: ``--space features.onnx``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from wganalyze.host.loading import load_host
from wganalyze.networks.trust import Permission
from wganalyze.running.spaces import find_spaces
from wganalyze.testing import shifted_gaussians

pytestmark = pytest.mark.formats


def test_its_features_are_those_of_the_network(tmp_path: Path) -> None:
    """It is no program that runs code, so that it needs no trust; samples come in any number."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 5), nn.ReLU()).eval()
    path = tmp_path / "features.onnx"
    free = {"dynamic_axes": {"x": {0: "b"}}}
    torch.onnx.export(net, (torch.randn(2, 2),), path, input_names=["x"], dynamo=False, verbose=False, **free)
    study = shifted_gaussians(n=300)
    (space,) = find_spaces([str(path)], load_host(), [], Permission())
    assert space is not None
    space.embedding.fit(study)
    points = study.real().points
    expected = net(torch.from_numpy(points).float()).detach().numpy()
    np.testing.assert_allclose(space.embedding.embed(study.real()), expected, atol=1e-6)
    assert space.embedding.note == "5 features"
