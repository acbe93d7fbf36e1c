"""Distances and normal differences between two surfaces, from area-uniform samples to the nearest point of the other surface.

Only the outer surface counts: people are often modelled as overlapping closed parts (a body under clothes), and what lies
inside the solid can neither be seen nor reconstructed. So faces, and sample points, with solid matter right before them are
left out on both sides.

Source of the measures: Saito et al., *PIFu* (ICCV 2019), section 5.1 (chamfer and point-to-surface in centimetres); Knapitsch
et al., *Tanks and Temples* (2017), section 3 (F-score).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vitruvian.geometry.closest_point import closest_point
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.occupancy import occupancy
from vitruvian.geometry.sampling import sample_surface

DEFAULT_NUM_SAMPLES = 10_000
PROBE_M = 0.001
"""How far before a surface point one looks for solid matter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SurfaceDifference:
    """From samples of one surface to the other surface."""

    points: NDArray[np.float32]
    """(N, 3) area-uniform samples of the outer surface, metres."""
    distance_cm: NDArray[np.float64]
    """(N,) to the nearest point of the other outer surface."""
    cosine: NDArray[np.float64]
    """(N,) between the normals of the two faces, in [-1, 1]."""

    @property
    def angle_deg(self) -> NDArray[np.float64]:
        return np.degrees(np.arccos(np.clip(self.cosine, -1, 1)))

    def share_within(self, limit_cm: float) -> float:
        """The share of the samples that lie within ``limit_cm`` of the other surface."""
        return float(np.mean(self.distance_cm <= limit_cm))


@dataclass(frozen=True, kw_only=True, slots=True)
class SurfaceComparison:
    """Both directions."""

    reconstruction_to_truth: SurfaceDifference
    truth_to_reconstruction: SurfaceDifference

    def fscore(self, limit_cm: float) -> float:
        precision = self.reconstruction_to_truth.share_within(limit_cm)
        recall = self.truth_to_reconstruction.share_within(limit_cm)
        return 0.0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)

    def metrics(self) -> dict[str, float]:
        """The values named in ``catalogue``."""
        forth, back = self.reconstruction_to_truth, self.truth_to_reconstruction
        to_truth, from_truth = float(forth.distance_cm.mean()), float(back.distance_cm.mean())
        return {
            "chamfer_cm": (to_truth + from_truth) / 2,
            "p2s_reconstruction_to_truth_cm": to_truth,
            "p2s_truth_to_reconstruction_cm": from_truth,
            "fscore_1cm": self.fscore(1.0),
            "fscore_2cm": self.fscore(2.0),
            "normal_surface_deg": float(forth.angle_deg.mean() + back.angle_deg.mean()) / 2,
            "normal_consistency": float(forth.cosine.mean() + back.cosine.mean()) / 2,
        }


def outer_surface(mesh: Mesh, *, threads: int = 1) -> Mesh:
    """The mesh with only those faces of which the middle or a corner has no solid matter ``PROBE_M`` before it.

    Raises ``ValueError`` when no face remains.
    """
    normals = _unit_face_normals(mesh)
    corners = mesh.vertices[mesh.faces]  # (F, 3, 3)
    middle = corners.mean(axis=1, keepdims=True)
    probes = np.concatenate([middle, corners + 0.1 * (middle - corners)], axis=1) + PROBE_M * normals[:, None]
    solid = occupancy(mesh.vertices, mesh.faces, np.ascontiguousarray(probes.reshape(-1, 3), np.float32), threads=threads)
    keep = ~solid.reshape(-1, 4).all(axis=1) & normals.any(axis=1)
    if not keep.any():
        raise ValueError(
            f"outer_surface: none of the {mesh.num_faces} faces looks outwards; each has solid matter right before it."
        )
    return replace(
        mesh,
        faces=np.ascontiguousarray(mesh.faces[keep]),
        uv_faces=None if mesh.uv_faces is None else np.ascontiguousarray(mesh.uv_faces[keep]),
        face_labels=None if mesh.face_labels is None else np.ascontiguousarray(mesh.face_labels[keep]),
    )


def compare_surfaces(
    reconstruction: Mesh,
    truth: Mesh,
    *,
    num_samples: int = DEFAULT_NUM_SAMPLES,
    seed: int = 0,
    threads: int = 1,
) -> SurfaceComparison:
    """Compare two closed bodies in metres and one frame, from ``num_samples`` area-uniform points of each.

    Points inside the body's own solid are dropped, so slightly fewer are used. A pure function of its arguments.
    """
    outer = [outer_surface(mesh, threads=threads) for mesh in (reconstruction, truth)]
    forth = _difference(reconstruction, outer[0], outer[1], num_samples, seed, threads)
    back = _difference(truth, outer[1], outer[0], num_samples, seed + 1, threads)
    return SurfaceComparison(reconstruction_to_truth=forth, truth_to_reconstruction=back)


def _difference(solid: Mesh, outer: Mesh, other: Mesh, num_samples: int, seed: int, threads: int) -> SurfaceDifference:
    sample = sample_surface(outer.vertices, outer.faces, num_samples, seed)
    own_normals = _unit_face_normals(outer)[sample.face_id]
    probes = np.ascontiguousarray(sample.points + PROBE_M * own_normals, np.float32)
    seen = ~occupancy(solid.vertices, solid.faces, probes, threads=threads)
    if not seen.any():
        raise ValueError(f"compare_surfaces: all of {num_samples} surface samples lie inside the solid.")
    points = np.ascontiguousarray(sample.points[seen])
    nearest = closest_point(other.vertices, other.faces, points, threads=threads)
    cosine = (own_normals[seen] * _unit_face_normals(other)[nearest.face_id]).sum(axis=1)
    return SurfaceDifference(points=points, distance_cm=100.0 * nearest.distance.astype(np.float64), cosine=cosine)


def _unit_face_normals(mesh: Mesh) -> NDArray[np.float64]:
    normals = mesh.face_normals().astype(np.float64)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
