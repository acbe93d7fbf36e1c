"""How well estimated bodies fit: the measures of Human3.6M, 3DPW and MPI-INF-3DHP on published lists, and on held-out people.

Source: PyMAF's evaluation (Zhang et al., ICCV 2021), which is that of SPIN. Joints are Human3.6M's, taken from the
estimated surface by ``J_regressor_h36m``, from the pelvis; errors are means over joints, then over samples, in millimetres.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vitruvian.bodies.body_layer import BodyLayer, weighted
from vitruvian.bodies.joint_sets import H36M17_TO_J14, H36M17_TO_J17, J24_TO_J14, J24_TO_J17
from vitruvian.bodies.point_rows import PointRows
from vitruvian.bodies.regression_body import RegressionBody
from vitruvian.datagen.spin.crop import PIXEL_SCALE
from vitruvian.datagen.spin.list_masks import ListMasks
from vitruvian.datagen.spin.photographs import PhotographList
from vitruvian.datagen.spin.sample import annotation
from vitruvian.errors import InputError
from vitruvian.evaluate.predictions import Predictions, predicted
from vitruvian.methods.body_errors import aligned_distance, mean_distance
from vitruvian.methods.pymaf.full_camera import Crop
from vitruvian.methods.pymaf.network import Estimate
from vitruvian.methods.pymaf.reconstruct import Person, PymafReconstructor
from vitruvian.methods.pymaf.rotations import axis_angle_to_matrix
from vitruvian.shards import ShardDataset

NAMES = ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm")
GENDERS: Mapping[int, Literal["male", "female", "neutral"]] = {0: "male", 1: "female", -1: "neutral"}
Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Benchmark:
    """Where a list's true joints and bodies come from."""

    joints: Literal["body", "list"]
    """Of the labelled ``body``, or column ``S`` of the ``list``, which is from the pelvis already."""
    num_joints: Literal[14, 17] = 14
    vertices: bool = True
    """Whether the list's pose and shape are true, so that vertices can be compared."""
    gendered: bool = False
    """Whether the true body is the model of the person's gender."""


BENCHMARKS: Mapping[str, Benchmark] = {
    "3dpw": Benchmark(joints="body", gendered=True),
    "h36m-p1": Benchmark(joints="list", vertices=False),
    "h36m-p2": Benchmark(joints="list", vertices=False),
    "h36m-p2-mosh": Benchmark(joints="list"),
    "mpi-inf-3dhp": Benchmark(joints="list", num_joints=17, vertices=False),
    "3doh50k": Benchmark(joints="list"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class BodyErrors:
    """Of N samples; NaN where a measure has no truth."""

    samples: tuple[str, ...]
    mpjpe_mm: NDArray[np.float64]
    pa_mpjpe_mm: NDArray[np.float64]
    pve_mm: NDArray[np.float64]
    mean_body_pa_mpjpe_mm: NDArray[np.float64]
    """PA-MPJPE of the mean body that the network starts from: what knowing nothing of the picture gives."""
    predictions: Predictions

    def means(self) -> dict[str, float]:
        """Of every measure that has truth."""
        columns = {name: getattr(self, name) for name in (*NAMES, "mean_body_pa_mpjpe_mm")}
        return {name: float(values.mean()) for name, values in columns.items() if not np.isnan(values).any()}


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sample:
    name: str
    image: NDArray[np.float32]
    points: NDArray[np.float32] | None
    """Where the first correction reads its map, of a network that takes them from masks or a table."""
    pose: NDArray[np.float32]
    betas: NDArray[np.float32]
    joints: NDArray[np.float64] | None
    gender: int


def evaluate_list(
    reconstructor: PymafReconstructor,
    photographs: PhotographList,
    benchmark: Benchmark,
    *,
    bodies: Mapping[str, RegressionBody],
    masks: ListMasks | None = None,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> BodyErrors:
    """On a published list; ``bodies`` has ``neutral``, and for a gendered benchmark ``male`` and ``female``, with Human3.6M's
    regressor. ``masks``: for a network that reads points of them, which else makes its own. Raises ``InputError`` where the
    list lacks what is compared."""
    if benchmark.joints == "list" and "S" not in photographs.known:
        raise InputError("--list: has no 3D joints (S), which this benchmark compares. Take another --benchmark.")
    if (benchmark.joints == "body" or benchmark.vertices) and not photographs.has_smpl.all():
        raise InputError("--list: has samples without pose and shape, which this benchmark compares. Take another --benchmark.")
    places = J24_TO_J14 if benchmark.num_joints == 14 else J24_TO_J17

    def samples() -> Iterator[_Sample]:
        for index in range(len(photographs)):
            labels = photographs.labels(index)
            square = (float(labels["center"][0]), float(labels["center"][1]), PIXEL_SCALE * labels["scale"])
            picture = photographs.picture(index)
            mask = None if masks is None else masks.read(index, picture.shape[:2])
            image, points = seen(reconstructor, picture, square, mask)
            yield _Sample(
                name=photographs.names[index],
                image=image,
                points=points,
                pose=labels["pose"].astype(np.float32),
                betas=labels["shape"].astype(np.float32),
                joints=labels["S"][list(places), :3] if benchmark.joints == "list" else None,
                gender=int(photographs.gender[index]) if benchmark.gendered else -1,
            )

    layers = {name: BodyLayer(body) for name, body in bodies.items()}
    regressor = bodies["neutral"].h36m
    return _measure(reconstructor, samples(), len(photographs), layers, regressor, benchmark, batch_size, progress)


def evaluate_shards(
    reconstructor: PymafReconstructor,
    dataset: ShardDataset,
    *,
    body: RegressionBody,
    max_samples: int | None = None,
    batch_size: int = 32,
    progress: Progress | None = None,
) -> BodyErrors:
    """On the views of a data set of protocol ``pymaf``; people of another body than the network's raise ``InputError``."""
    chosen = chosen_samples(len(dataset), max_samples)

    def samples() -> Iterator[_Sample]:
        for index in chosen:
            stored = dataset[index]
            if stored["body_model"] != reconstructor.network.body.name:
                raise InputError(
                    f"data: its bodies are of the model {stored['body_model']!r}, the network's is "
                    f"{reconstructor.network.body.name!r}; vertices and joints of the two cannot be compared."
                )
            labels = annotation(stored)
            square = (float(labels["center"][0]), float(labels["center"][1]), PIXEL_SCALE * labels["scale"])
            image, points = seen(reconstructor, stored["rgb"], square, stored.get("mask"))
            yield _Sample(
                name=f"{stored['subject_id']}/{stored['view_index']}",
                image=image,
                points=points,
                pose=labels["pose"].astype(np.float32),
                betas=labels["shape"].astype(np.float32),
                joints=None,
                gender=-1,
            )

    layers = {"neutral": BodyLayer(body)}
    return _measure(
        reconstructor, samples(), len(chosen), layers, body.h36m, Benchmark(joints="body"), batch_size, progress
    )  # fmt: skip


def by_action(names: Sequence[str], values: NDArray[np.float64]) -> dict[str, float]:
    """Means of Human3.6M's actions, by name: the second word of a picture's file name (``S9_Walking_1.54138969_000001.jpg``);
    ``unknown`` for files that are called otherwise."""
    groups: dict[str, list[float]] = {}
    for name, value in zip(names, values.tolist(), strict=True):
        words = PurePosixPath(name).name.split(".")[0].split("_")
        groups.setdefault(words[1] if len(words) > 1 else "unknown", []).append(value)
    return {action: float(np.mean(groups[action])) for action in sorted(groups)}


def seen(
    reconstructor: PymafReconstructor,
    picture: NDArray[np.uint8],
    square: Crop,
    mask: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """What the network gets of a picture: (3, S, S), and (N, 2) first points unless it reads its grid: those of a mask (the
    given one, or its own), or of its table's first row."""
    points = reconstructor.first_points([Person(picture, None, mask)], [square])
    return reconstructor.network_image(picture, square), None if points is None else points[0]


def estimated_together(
    reconstructor: PymafReconstructor,
    views: Sequence[tuple[NDArray[np.float32], NDArray[np.float32] | None]],
    *,
    surfaces: str,
) -> list[Estimate]:
    """One pass of the network over several of ``seen``."""
    points = [chosen for _, chosen in views if chosen is not None]
    images = np.stack([image for image, _ in views])
    return reconstructor.estimates(images, np.stack(points) if points else None, surfaces=surfaces)


def chosen_samples(count: int, max_samples: int | None) -> list[int]:
    """At most so many of ``count`` samples, spread evenly; None: all."""
    if max_samples is None or max_samples >= count:
        return list(range(count))
    return [int(place) for place in np.linspace(0, count - 1, max_samples).round()]


def _measure(
    reconstructor: PymafReconstructor,
    samples: Iterator[_Sample],
    count: int,
    layers: Mapping[str, BodyLayer],
    regressor: PointRows,
    benchmark: Benchmark,
    batch_size: int,
    progress: Progress | None,
) -> BodyErrors:
    device = next(reconstructor.network.parameters()).device
    indices = torch.from_numpy(regressor.indices).to(device)
    weights = torch.from_numpy(regressor.weights.astype(np.float32)).to(device)
    places = list(H36M17_TO_J14 if benchmark.num_joints == 14 else H36M17_TO_J17)
    for layer in layers.values():
        layer.to(device)

    def joints_of(smpl: Tensor, vertices: Tensor | None) -> Tensor:
        assert vertices is not None
        found = weighted(torch.cat([smpl, vertices], 1), indices, weights)
        return (found - found[:, :1])[:, places]

    names: list[str] = []
    estimated: list[Predictions] = []
    columns: dict[str, list[NDArray[np.float64]]] = {name: [] for name in (*NAMES, "mean_body_pa_mpjpe_mm")}
    with torch.inference_mode():
        for batch in _batches(samples, batch_size):
            estimates = estimated_together(reconstructor, [(sample.image, sample.points) for sample in batch], surfaces="all")
            estimated.append(predicted(estimates[-1], indices, weights))
            truth_vertices, truth_smpl = _true_bodies(batch, layers, device)
            if benchmark.joints == "body":
                wanted = joints_of(truth_smpl, truth_vertices)
            else:
                given = [np.asarray(sample.joints, np.float32) for sample in batch]
                wanted = torch.from_numpy(np.stack(given)).to(device)
            first, last = (joints_of(one.smpl_joints, one.vertices) for one in (estimates[0], estimates[-1]))
            vertices, nothing = estimates[-1].vertices, torch.full((len(batch),), torch.nan)
            assert vertices is not None
            found = {
                "mpjpe_mm": mean_distance(last, wanted),
                "pa_mpjpe_mm": aligned_distance(last, wanted),
                "pve_mm": mean_distance(vertices, truth_vertices) if benchmark.vertices else nothing,
                "mean_body_pa_mpjpe_mm": aligned_distance(first, wanted),
            }
            for name, value in found.items():
                columns[name].append(1000 * value.double().cpu().numpy())
            names += [sample.name for sample in batch]
            if progress is not None:
                progress(len(names), count)
    found_all = {name: np.concatenate(parts) for name, parts in columns.items()}
    return BodyErrors(samples=tuple(names), predictions=Predictions.joined(estimated), **found_all)


def _true_bodies(batch: Sequence[_Sample], layers: Mapping[str, BodyLayer], device: torch.device) -> tuple[Tensor, Tensor]:
    """(B, V, 3) and (B, 24, 3) of the labels, each by the model of its gender."""
    pose = torch.from_numpy(np.stack([sample.pose for sample in batch])).to(device)
    betas = torch.from_numpy(np.stack([sample.betas for sample in batch])).to(device)
    rotations = axis_angle_to_matrix(pose.reshape(-1, 24, 3))
    kinds = [GENDERS[sample.gender] for sample in batch]
    vertices: list[Any] = [None] * len(batch)
    joints: list[Any] = [None] * len(batch)
    for kind in set(kinds):
        rows = [index for index, other in enumerate(kinds) if other == kind]
        found = layers[kind](betas[rows], rotations[rows], surface=True)
        for place, row in enumerate(rows):
            vertices[row], joints[row] = found.vertices[place], found.smpl_joints[place]
    return torch.stack(vertices), torch.stack(joints)


def _batches(samples: Iterator[_Sample], size: int) -> Iterator[list[_Sample]]:
    batch: list[_Sample] = []
    for sample in samples:
        batch.append(sample)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
