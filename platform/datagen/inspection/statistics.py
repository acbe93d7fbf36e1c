"""What a data set holds, in numbers: counted over all of it where that is cheap, else over people spread evenly over it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.pipeline.progress import readable_bytes
from vitruvian.shards.dataset import ShardDataset
from vitruvian.shards.summary import DatasetSummary, summarise
from vitruvian.storage.url import Url

Series = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetStatistics:
    """Distributions. An empty array where the data set does not hold what it would be taken from."""

    summary: DatasetSummary
    num_subjects_looked_at: int
    num_views_looked_at: int
    yaw_deg: Series
    mask_share: Series
    """Of each view's pixels."""
    cut_off_share: float
    """Of views whose mask touches the border."""
    depth_near_m: Series
    depth_far_m: Series
    inside_share: Series
    """Of each pool's query points."""
    solid_share: Series
    """Of each grid's cells."""
    height_m: Series
    visible_joints: Series
    """Share of each view's joints that are seen."""
    attributes: dict[str, Counter[str]] = field(default_factory=dict)
    """Attribute to how often it has which value; only those with few values."""

    def __str__(self) -> str:
        lines = [f"looked at {self.num_views_looked_at} views of {self.num_subjects_looked_at} subjects"]
        for name, values, unit, scale in (
            ("height", self.height_m, "m", 1.0),
            ("mask", self.mask_share, "% of the picture", 100.0),
            ("depth, near", self.depth_near_m, "m", 1.0),
            ("depth, far", self.depth_far_m, "m", 1.0),
            ("points inside", self.inside_share, "%", 100.0),
            ("cells solid", self.solid_share, "%", 100.0),
            ("joints seen", self.visible_joints, "%", 100.0),
        ):
            if len(values):
                low, middle, high = (scale * float(np.quantile(values, q)) for q in (0, 0.5, 1))
                lines.append(f"  {name:<14} {low:.2f} .. {middle:.2f} .. {high:.2f} {unit} (least, median, most)")
        if len(self.mask_share):
            lines.append(f"  {'cut off':<14} {100 * self.cut_off_share:.0f} % of the views touch the border")
        for name, counts in self.attributes.items():
            common = ", ".join(f"{value} {count}" for value, count in counts.most_common(6))
            lines.append(f"  {name:<14} {common}")
        per_view = self.summary.num_bytes / max(1, self.summary.num_views)
        lines.append(f"  {'size':<14} {readable_bytes(self.summary.num_bytes)}, {readable_bytes(per_view)} a view")
        return "\n".join(lines)


def gather(root: Path | Url, *, max_subjects: int = 200, max_views: int = 400) -> DatasetStatistics:
    """Statistics of a data set folder (an unfinished one too); at most so many people and views are decoded."""
    data = ShardDataset(root, verify="size", allow_partial=True)
    held = set(data.items)
    positions = np.unique(np.linspace(0, len(data.subjects) - 1, min(max_subjects, len(data.subjects))).round().astype(int))
    found: dict[str, list[float]] = {name: [] for name in ("inside", "solid", "height")}
    attributes: dict[str, Counter[str]] = {}
    of_subject = tuple(name for name in ("mesh", "solid_voxels", "query_points") if name in held)
    for position in positions.tolist():
        values = data.subject(position, of_subject)
        if "query_labels" in values:
            found["inside"].append(float(values["query_labels"].mean()))
        if "solid_voxels" in values:
            found["solid"].append(float(values["solid_voxels"].mean()))
        if "mesh" in values:
            found["height"].append(float(np.ptp(values["mesh"].vertices[:, 1])))
        _count_attributes(attributes, values["attributes"])
    views = _gather_views(root, [i for position in positions.tolist() for i in data.sample_indices(position)], held, max_views)
    return DatasetStatistics(
        summary=summarise(root),
        num_subjects_looked_at=len(positions),
        inside_share=np.array(found["inside"]),
        solid_share=np.array(found["solid"]),
        height_m=np.array(found["height"]),
        attributes={name: counts for name, counts in sorted(attributes.items()) if _tells(counts, len(positions))},
        **views,
    )


def _gather_views(root: Path | Url, indices: list[int], held: set[str], max_views: int) -> dict[str, Any]:
    wanted = tuple(name for name in ("mask", "depth", "joints_2d") if name in held)
    data = ShardDataset(root, items=wanted, verify="size", allow_partial=True)
    # At random: people have their views in order, so every so manyeth one would be the same side of everybody.
    chosen = [indices[k] for k in np.sort(np.random.default_rng(0).permutation(len(indices))[:max_views])]
    found: dict[str, list[float]] = {name: [] for name in ("yaw", "mask", "cut", "near", "far", "joints")}
    for index in chosen:
        sample = data[index]
        if "yaw_rad" in sample["view"]:
            found["yaw"].append(float(np.degrees(sample["view"]["yaw_rad"]) % 360))
        if "mask" in sample:
            mask = sample["mask"]
            found["mask"].append(float(mask.mean()))
            found["cut"].append(float(mask[[0, -1]].any() or mask[:, [0, -1]].any()))
        if "depth" in sample and (seen := np.isfinite(sample["depth"])).any():
            found["near"].append(float(sample["depth"][seen].min()))
            found["far"].append(float(sample["depth"][seen].max()))
        if "joints_visibility" in sample:
            found["joints"].append(float((sample["joints_visibility"] == 2).mean()))
    return {
        "num_views_looked_at": len(chosen),
        "yaw_deg": np.array(found["yaw"]),
        "mask_share": np.array(found["mask"]),
        "cut_off_share": float(np.mean(found["cut"])) if found["cut"] else 0.0,
        "depth_near_m": np.array(found["near"]),
        "depth_far_m": np.array(found["far"]),
        "visible_joints": np.array(found["joints"]),
    }


def _count_attributes(counters: dict[str, Counter[str]], attributes: dict[str, Any]) -> None:
    """Words and lists of words; numbers vary too much to be counted."""
    for name, value in attributes.items():
        for word in value if isinstance(value, list) else [value]:
            if isinstance(word, str | bool):
                counters.setdefault(name, Counter())[str(word)] += 1


def _tells(counts: Counter[str], num_subjects: int) -> bool:
    """What is different for everybody, like a name, says nothing about the whole; nor does a list that all have alike."""
    alike = len(counts) > 1 and min(counts.values()) >= num_subjects
    return len(counts) <= max(12, num_subjects // 2) and not alike
