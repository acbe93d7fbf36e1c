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
            "hausdorff_95_cm": max(float(np.percentile(way.distance_cm, 95)) for way in (forth, back)),
            "hausdorff_cm": max(float(way.distance_cm.max()) for way in (forth, back)),
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


@dataclass(frozen=True, kw_only=True, slots=True)
class SampledSurface:
    """An outer surface with points on it: all that a comparison needs of one body."""

    outer: Mesh
    face_normals: NDArray[np.float64]
    """(F, 3) unit, of ``outer``."""
    points: NDArray[np.float32]
    """(N, 3) area-uniform, none inside the solid."""
    normals: NDArray[np.float64]
    """(N, 3) unit, of the points' faces."""


def sampled_surface(mesh: Mesh, *, num_samples: int, seed: int, threads: int = 1) -> SampledSurface:
    """``num_samples`` area-uniform points of the outer surface; those inside the body's own solid are dropped, so slightly
    fewer remain. Raises ``ValueError`` when none does."""
    outer = outer_surface(mesh, threads=threads)
    face_normals = _unit_face_normals(outer)
    sample = sample_surface(outer.vertices, outer.faces, num_samples, seed)
    normals = face_normals[sample.face_id]
    probes = np.ascontiguousarray(sample.points + PROBE_M * normals, np.float32)
    seen = ~occupancy(mesh.vertices, mesh.faces, probes, threads=threads)
    if not seen.any():
        raise ValueError(f"sampled_surface: all of {num_samples} surface samples lie inside the solid.")
    return SampledSurface(
        outer=outer, face_normals=face_normals, points=np.ascontiguousarray(sample.points[seen]), normals=normals[seen]
    )


def compare_sampled(reconstruction: SampledSurface, truth: SampledSurface, *, threads: int = 1) -> SurfaceComparison:
    """Both directions between two sampled surfaces in metres and one frame."""
    return SurfaceComparison(
        reconstruction_to_truth=_difference(reconstruction, truth, threads),
        truth_to_reconstruction=_difference(truth, reconstruction, threads),
    )


def compare_surfaces(
    reconstruction: Mesh,
    truth: Mesh,
    *,
    num_samples: int = DEFAULT_NUM_SAMPLES,
    seed: int = 0,
    threads: int = 1,
) -> SurfaceComparison:
    """Compare two closed bodies in metres and one frame, from about ``num_samples`` area-uniform points of each.

    A pure function of its arguments.
    """
    sampled = [
        sampled_surface(mesh, num_samples=num_samples, seed=seed + k, threads=threads)
        for k, mesh in enumerate((reconstruction, truth))
    ]
    return compare_sampled(*sampled, threads=threads)


def _difference(sampled: SampledSurface, other: SampledSurface, threads: int) -> SurfaceDifference:
    nearest = closest_point(other.outer.vertices, other.outer.faces, sampled.points, threads=threads)
    cosine = (sampled.normals * other.face_normals[nearest.face_id]).sum(axis=1)
    return SurfaceDifference(
        points=sampled.points, distance_cm=100.0 * nearest.distance.astype(np.float64), cosine=cosine
    )  # fmt: skip


def _unit_face_normals(mesh: Mesh) -> NDArray[np.float64]:
    normals = mesh.face_normals().astype(np.float64)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.divide(normals, length, out=np.zeros_like(normals), where=length > 0)
