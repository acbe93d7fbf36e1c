"""What every measure means, so that a table, a plot and a reader agree on name, unit and direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One measure of one reconstruction."""

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    digits: int
    description: str
    of_nothing: float | None = None
    """The value that a failed reconstruction counts as in averages; None: no such value exists, so it is left out of the
    average and only counted."""
    published: bool = False
    """Whether it is measured exactly as Geo-PIFu's evaluation does."""
    headline: bool = False
    """Whether it belongs among the figures that are read first."""


_ALL = (
    Metric(
        name="iou", title="Volume IoU", unit="", better="higher", digits=3, of_nothing=0.0, headline=True,
        description="Volume inside both bodies over volume inside either, counted on cubic cells whose centre is inside.",
    ),
    Metric(
        name="chamfer_cm", title="Chamfer", unit="cm", better="lower", digits=2, headline=True,
        description="Mean of the two point-to-surface distances.",
    ),
    Metric(
        name="p2s_reconstruction_to_truth_cm", title="P2S to truth", unit="cm", better="lower", digits=2, headline=True,
        description="Mean distance from points of the reconstruction to the surface of the truth: what was made up.",
    ),
    Metric(
        name="p2s_truth_to_reconstruction_cm", title="P2S from truth", unit="cm", better="lower", digits=2, headline=True,
        description="Mean distance from points of the truth to the surface of the reconstruction: what was missed.",
    ),
    Metric(
        name="p2s_visible_cm", title="P2S, seen side", unit="cm", better="lower", digits=2,
        description="Mean distance from those points of the truth that the picture shows to the surface of the reconstruction.",
    ),
    Metric(
        name="p2s_hidden_cm", title="P2S, hidden side", unit="cm", better="lower", digits=2,
        description="Mean distance from those points of the truth that the picture does not show to the reconstruction.",
    ),
    Metric(
        name="hausdorff_95_cm", title="95 % Hausdorff", unit="cm", better="lower", digits=2,
        description="The distance within which 95 % of either surface lie from the other; the larger of the two directions.",
    ),
    Metric(
        name="hausdorff_cm", title="Hausdorff", unit="cm", better="lower", digits=2,
        description="The largest distance of any sample point, either way: one stray speck decides it.",
    ),
    Metric(
        name="fscore_1cm", title="F-score 1 cm", unit="", better="higher", digits=3, of_nothing=0.0,
        description="Harmonic mean of the shares of each surface that lie within 1 cm of the other.",
    ),
    Metric(
        name="fscore_2cm", title="F-score 2 cm", unit="", better="higher", digits=3, of_nothing=0.0,
        description="Harmonic mean of the shares of each surface that lie within 2 cm of the other.",
    ),
    Metric(
        name="normal_surface_deg", title="Surface normals", unit="°", better="lower", digits=1,
        description="Mean angle between the normals of a point and of the nearest point of the other surface, both ways.",
    ),
    Metric(
        name="normal_consistency", title="Normal consistency", unit="", better="higher", digits=3,
        description="Mean cosine between the normals of a point and of the nearest point of the other surface, both ways.",
    ),
    Metric(
        name="normal_front_deg", title="View normals", unit="°", better="lower", digits=1, headline=True,
        description="Mean angle between the normal maps rendered with the camera of the picture, where both show the person.",
    ),
    Metric(
        name="silhouette_iou", title="Silhouette IoU", unit="", better="higher", digits=3, of_nothing=0.0,
        description="Pixels that show the person in both renderings over those that show it in either, camera of the picture.",
    ),
    Metric(
        name="vertex_chamfer_e4", title="Vertex CD", unit="×10⁻⁴", better="lower", digits=2, published=True,
        description="Published (Geo-PIFu): mean of both mean squared distances to the nearest vertex, truth fitted to a box "
        "of height 1; depends on how finely the meshes are cut.",
    ),
    Metric(
        name="vertex_psd_e4", title="Vertex PSD", unit="×10⁻⁴", better="lower", digits=2, published=True,
        description="Published (Geo-PIFu): mean squared distance from the reconstruction's vertices to the truth's nearest.",
    ),
    Metric(
        name="normal_front_cosine", title="Normal cosine", unit="", better="lower", digits=4, of_nothing=1.0, published=True,
        description="Published (Geo-PIFu): mean of 1 - cosine over the truth's mask at 256 x 384; a pixel not covered costs 1.",
    ),
    Metric(
        name="normal_front_l2", title="Normal L2", unit="", better="lower", digits=4, of_nothing=1.0, published=True,
        description="Published (Geo-PIFu): mean length of the difference over the same mask; a pixel not covered costs 1.",
    ),
)  # fmt: skip

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}
