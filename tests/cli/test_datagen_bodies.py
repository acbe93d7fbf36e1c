"""``vitruvian datagen --protocol humaniflow`` and ``pymaf``, as a user runs them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import trimesh

from tests.cli.conftest import Refuses
from vitruvian.cli.main import main
from vitruvian.datagen.proxy.sample import training_input
from vitruvian.datagen.spin.sample import annotation, training_sample
from vitruvian.shards import ShardDataset

SMALL = ["--num-actors", "0", "--num-subjects", "2", "--held-out", "1"]


@pytest.mark.slow
def test_both_protocols(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("first", "again"):
        assert main(["datagen", "--out", name, "--protocol", "humaniflow", *SMALL]) == 0
    first, again = ShardDataset("first"), ShardDataset("again")
    assert first.fingerprint == again.fingerprint and len(first) == 2
    sample = first[0]
    assert sample["rgb"].shape == (256, 256, 3) and sample["joints_2d"].shape == (17, 2)
    assert training_input(sample, np.random.default_rng(0)).proxy.shape == (18, 256, 256)

    assert main(["datagen", "--out", "pymaf", "--protocol", "pymaf", "--views-per-subject", "2", *SMALL]) == 0
    sample = ShardDataset("pymaf")[1]
    assert sample["rgb"].shape == (320, 320, 3) and sample["joints_2d"].shape == (49, 2) and sample["iuv"].shape == (80, 80, 3)
    assert training_sample(sample["rgb"], annotation(sample))["img"].shape == (3, 224, 224)


def test_people_without_a_known_body_are_refused(tmp_path: Path, refuses: Refuses) -> None:
    (tmp_path / "scans").mkdir()
    trimesh.creation.capsule(height=1.2, radius=0.25).apply_translation([0, 0, 0.25]).export(tmp_path / "scans" / "one.ply")
    meshes = ["--source", "meshes", "--folder", str(tmp_path / "scans"), "--mesh-up", "z", "--num-actors", "0"]
    for protocol in ("humaniflow", "pymaf"):
        refuses(["datagen", "--out", str(tmp_path / protocol), "--protocol", protocol, *meshes], "knows no body")
    refuses(["datagen", "--out", "x", "--protocol", "pymaf", "--light-bank", "b.npy"], "--light-bank", "pymaf")
    refuses(
        ["datagen", "--out", "x", "--protocol", "humaniflow", "--atlas-textures", "none.npz", "--num-actors", "0"], "none.npz"
    )
