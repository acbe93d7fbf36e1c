"""Geo-PIFu's offline query points: for each picture and epoch, 5000 labelled points in two files, half of them inside.

    humanRender/occu_sigma3.5_pts5k/NUMBER_ep003_inPts.npy   ..._outPts.npy      float64 (N, 3), units of the draw's FRONT view

The published rules: 20,000 surface points with noise of 3.5 voxels along each axis and 1250 points that are uniform in the
box, shuffled; of these the first 2500 inside and the first 2500 outside, or, when there are fewer inside, all of them and
outside points up to 5000. The original tests all 21,250; here points are tested in their order until both quotas are full,
which keeps the same ones. Inside means a winding number above one half (where shells overlap, the original's ray parity says
outside).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.layouts.common import StoredSubject, stored_subjects
from vitruvian.datagen.layouts.geopifu_codec import VIEWS, npy_bytes
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.occupancy import occupancy
from vitruvian.geometry.sampling import sample_surface
from vitruvian.shards.dataset import ShardDataset

SET_DOMAIN = 0x7175
"""Opens the entropy of these draws."""
BOX = np.array([1 / 3, 1 / 2, 1 / 3])
VOXELS_PER_UNIT = 192


@dataclass(frozen=True, kw_only=True, slots=True)
class QuerySetOptions:
    """What the published sampler can be told."""

    epochs: tuple[int, int] = (0, 15)
    """From the first to before the last."""
    sigma: float = 3.5
    """Noise on surface points along each axis, in voxels (1/192 of the height of the volume)."""
    num_points: int = 5000
    """In a set, inside and outside together."""
    seed: int = 0
    """Decides every draw (the original has none)."""
    name: str = "occu_sigma3.5_pts5k"
    """Of the folder; the original's --sampleType."""

    def __post_init__(self) -> None:
        if not 0 <= self.epochs[0] < self.epochs[1]:
            raise InputError(f"--query-epochs is {self.epochs}; it must be two rising numbers, such as 0 15.")
        if self.num_points < 4 or self.num_points % 4:
            raise InputError(f"--query-points is {self.num_points}; it must be a positive multiple of 4.")
        if self.sigma <= 0:
            raise InputError(f"--query-sigma is {self.sigma}; it must be positive.")


def candidates(mesh: Mesh, options: QuerySetOptions, rng: np.random.Generator) -> NDArray[np.float64]:
    """(N, 3) points to test in their order, ``mesh`` in units of the draw: N is 4.25 times the points of a set."""
    seed = rng.integers(2**63, size=2).tolist()
    surface = sample_surface(mesh.vertices, mesh.faces, 4 * options.num_points, (seed[0], seed[1])).points.astype(np.float64)
    surface += rng.normal(0.0, options.sigma / VOXELS_PER_UNIT, surface.shape)
    uniform = rng.uniform(-BOX, BOX, (options.num_points // 4, 3))
    return rng.permutation(np.concatenate([surface, uniform]))


def draw_sets(
    mesh: Mesh, options: QuerySetOptions, rngs: Sequence[np.random.Generator]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """A set for each generator: (N_in, 3) and (N_out, 3), together ``num_points``.

    The sets are labelled together, since most of a small call's time goes into preparing the mesh. InputError for a mesh of
    which too little is outside.
    """
    half = options.num_points // 2
    points = [candidates(mesh, options, rng) for rng in rngs]
    labels = _labels(mesh, points, half)
    sets = []
    for some, known in zip(points, labels, strict=True):
        inside, outside = some[: len(known)][known], some[: len(known)][~known]
        num_in = min(half, len(inside))
        num_out = options.num_points - num_in
        if len(outside) < num_out:
            raise InputError(
                f"only {len(outside)} of {len(known)} points are outside the mesh; {num_out} are needed. Check it."
            )
        sets.append((inside[:num_in], outside[:num_out]))
    return sets


def _labels(mesh: Mesh, points: Sequence[NDArray[np.float64]], half: int) -> list[NDArray[np.bool_]]:
    """For each set the labels of its first points: of as many as hold ``half`` inside and ``half`` outside, or of all."""
    labels = [np.zeros(0, np.bool_) for _ in points]
    while True:
        wanted = [_more(known, half, len(some)) for known, some in zip(labels, points, strict=True)]
        if not any(wanted):
            return labels
        chunks = [some[len(known) : len(known) + more] for some, known, more in zip(points, labels, wanted, strict=True)]
        found = occupancy(mesh.vertices, mesh.faces, np.concatenate(chunks))
        parts = np.split(found, np.cumsum([len(chunk) for chunk in chunks])[:-1])
        labels = [np.concatenate([known, part]) for known, part in zip(labels, parts, strict=True)]


def _more(labels: NDArray[np.bool_], half: int, whole: int) -> int:
    """How many more points of a set to label, by the share of inside points so far; 0 when both quotas are full."""
    tested, inside = len(labels), int(labels.sum())
    lacking = max((half - inside) / max(inside / tested, 0.05) if tested else half / 0.3, half - (tested - inside), 0)
    return min(int(1.05 * lacking) + 16, whole - tested) if lacking > 0 else 0


def write_query_sets(
    data: ShardDataset,
    render_folder: Path,
    bases: dict[str, int],
    options: QuerySetOptions,
    *,
    threads: int = 1,
    tell: Callable[[int, int], None] | None = None,
) -> int:
    """Write the sets of all training pictures; returns how many. ``bases``: the first picture's number of each subject.

    Every picture has its own sets, as published, though the four of a draw share the geometry. A set is a function of (seed,
    number, epoch) and the mesh.
    """
    folder = render_folder / options.name
    folder.mkdir(parents=True, exist_ok=True)
    jobs = list(_jobs(data, bases))
    per_job = VIEWS * (options.epochs[1] - options.epochs[0])

    def write(job: _Draw) -> None:
        keys = [(number, epoch) for number in range(job.base, job.base + VIEWS) for epoch in range(*options.epochs)]
        rngs = [np.random.default_rng((SET_DOMAIN, options.seed, *key)) for key in keys]
        try:
            sets = draw_sets(job.mesh(), options, rngs)
        except InputError as error:
            raise InputError(f"{job.name}: {error}") from None
        for (number, epoch), (inside, outside) in zip(keys, sets, strict=True):
            stem = f"{number:06d}_ep{epoch:03d}"
            (folder / f"{stem}_inPts.npy").write_bytes(npy_bytes(inside))
            (folder / f"{stem}_outPts.npy").write_bytes(npy_bytes(outside))

    with ThreadPoolExecutor(max(1, threads)) as pool:
        for done, _ in enumerate(pool.map(write, jobs), start=1):
            if tell is not None:
                tell(done * per_job, len(jobs) * per_job)
    return len(jobs) * per_job


@dataclass(frozen=True, kw_only=True, slots=True)
class _Draw:
    name: str
    base: int
    subject: StoredSubject
    group: int

    def mesh(self) -> Mesh:
        """The mesh in units of the draw: axes and scale of its FRONT view."""
        values: dict[str, Any] = self.subject.values("mesh", group=self.group)
        rotation = np.array(values["rotation"]).reshape(3, 3)
        mesh = values["mesh"]
        moved = (mesh.vertices.astype(np.float64) - np.array(values["center_m"])) @ rotation.T * values["units_per_metre"]
        return Mesh(vertices=np.ascontiguousarray(moved, np.float32), faces=mesh.faces)


def _jobs(data: ShardDataset, bases: dict[str, int]) -> Iterator[_Draw]:
    for subject in stored_subjects(data):
        if subject.split != "train":
            continue
        name = subject.values()["subject_id"]
        groups: Sequence[int] = range(subject.shard.num_groups(subject.row))
        for group in groups:
            yield _Draw(name=name, base=bases[name] + VIEWS * group, subject=subject, group=group)
