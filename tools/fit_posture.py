"""Fits the two scores of ``datagen/checks/posture.py`` to the built-in people; prints weights and how sure they are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from vitruvian.bodies import load_builtin, pose_body, sample_betas, sample_pose
from vitruvian.datagen.checks.posture import facing_features, upright_features
from vitruvian.datagen.sources.synthetic import SyntheticSource
from vitruvian.geometry.mesh import Mesh

Doubles = NDArray[np.float64]
NAKED, DRESSED, PENALTY = 500, 160, 1e-2


def people() -> list[Mesh]:
    """Bodies in all poses, and dressed people."""
    model, rng = load_builtin(), np.random.default_rng(3)
    found = []
    for _ in range(NAKED):
        pose = sample_pose(rng)
        posed = pose_body(model, betas=sample_betas(rng), body_pose=pose.body_pose, global_orient=pose.global_orient)
        found.append(model.mesh(posed.vertices))
    source = SyntheticSource(num_subjects=DRESSED, seed=77, texture_size_px=256)
    return found + [source.load(subject_id).mesh for subject_id in source.subject_ids()]


def fit(features: Doubles) -> Doubles:
    """Logistic regression without a constant: all are examples of +1, their negatives those of -1."""
    scale = features.std(axis=0) + 1e-9

    def loss(weights: Doubles) -> float:
        return float(np.logaddexp(0, -(features / scale) @ weights).mean() + PENALTY * (weights @ weights))

    return np.asarray(minimize(loss, np.zeros(features.shape[1])).x / scale)


def main() -> None:
    meshes = people()
    for name, function, size in (("upright", upright_features, 2.0), ("facing", facing_features, 1.0)):
        features = np.array([function(mesh) for mesh in meshes])
        half = np.random.default_rng(0).permutation(len(features)) % 2 == 0
        scores = features[~half] @ fit(features[half]) / size
        print(f"{name}: held out, right {np.mean(scores > 0):.3f}, lowest {np.sort(scores)[:4].round(2)}")
        print(
            f"  below 1: {np.mean(features @ fit(features) / size < 1):.3f}; weights {(fit(features) / size).round(2).tolist()}"
        )


if __name__ == "__main__":
    main()
