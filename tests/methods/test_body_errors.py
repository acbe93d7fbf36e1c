"""Errors of bodies against the published evaluation's values, and what alignment must and must not forgive."""

from __future__ import annotations

import numpy as np
import torch
from fill import load
from scipy.spatial.transform import Rotation

from vitruvian.methods.body_errors import aligned_distance, mean_distance, similarity_aligned


def test_published_values() -> None:
    golden = {name: torch.from_numpy(value) for name, value in load("pymaf", "ops.npz").items() if name.startswith("pa.")}
    pair = golden["pa.pred"], golden["pa.gt"]
    np.testing.assert_allclose(similarity_aligned(*pair), golden["pa.aligned"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(mean_distance(*pair), golden["pa.mpjpe"], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(aligned_distance(*pair), golden["pa.pa_mpjpe"], rtol=1e-5, atol=1e-5)


def test_similarities_are_forgiven_and_mirror_images_are_not() -> None:
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(rng.normal(size=(6, 14, 3)))
    turn = torch.from_numpy(Rotation.random(6, random_state=1).as_matrix())
    moved = 1.7 * truth @ turn.mT + torch.from_numpy(rng.normal(size=(6, 1, 3)))
    assert float(aligned_distance(moved, truth).max()) < 1e-9 < float(mean_distance(moved, truth).min())
    assert float(aligned_distance(truth * torch.tensor([-1.0, 1, 1]), truth).min()) > 0.1
