"""All twelve items of Geo-PIFu's data at 1024 x 1536, in seconds of one core and bytes for each picture.

The person is a built-in one, its textured mesh refined to 110,000 triangles, over backgrounds of LSUN's size. Counted are
planning, drawing, voxels, codes, joints, encoding and writing the shard; the mesh is in memory, as reading it depends on the
source. The sixteen pictures of a person share what can be shared. As by default, the mesh and the body are stored instead of
the four pictures that are drawn from them when they are read; the task ``..._stored`` stores those too. ``read_s`` is what
decoding (or drawing) all items takes.

The peer is a published figure, not a run: Geo-PIFu's README gives 30 processes for 37 hours and 1.4 TB for its 108,720
pictures, which is 36.8 s and 12.9 MB each, on another machine. So the ratio says how far apart two pipelines are.
"""

from __future__ import annotations

import dataclasses
import statistics
import tempfile
from pathlib import Path
from typing import Any

import harness
import numpy as np
from PIL import Image

from vitruvian.datagen.backgrounds.kinds import list_pictures
from vitruvian.datagen.backgrounds.scenes import draw_scene, random_scene
from vitruvian.datagen.blocks import Member, Products, draws_of, make_group, make_view, subject_row
from vitruvian.datagen.items.context import SubjectContext
from vitruvian.datagen.protocols.geopifu import GeopifuProtocol
from vitruvian.datagen.sources.synthetic import SyntheticSource
from vitruvian.datagen.subject import Subject
from vitruvian.geometry.mesh import Mesh
from vitruvian.shards.reader import ShardReader
from vitruvian.shards.writer import write_shard

TWELVE = (
    "config", "rgb", "mask", "normal", "solid_voxels", "mask_from_voxels", "mesh_semantics", "joints_3d", "joints_2d",
    "smpl_semantics", "smpl_iuv", "smpl_semantic_voxels",
)  # fmt: skip
NUM_FACES = 110_000
PEER = "Geo-PIFu, published: 36.8 s and 12.9 MB a picture"
PEER_S, PEER_BYTES = 36.8, 12.9e6
NOISE_LEVELS = 6


def bisected(mesh: Mesh, num_faces: int) -> Mesh:
    """The mesh with its longest edges cut in half until it has ``num_faces`` triangles: the same surface and texture."""
    assert mesh.uvs is not None and mesh.uv_faces is not None
    vertices, faces, uvs, uv_faces = mesh.vertices, mesh.faces, mesh.uvs, mesh.uv_faces
    while len(faces) < num_faces:
        face = np.repeat(np.arange(len(faces)), 3)
        corner = np.tile(np.arange(3), len(faces))
        ends = np.sort(np.stack([faces[face, corner], faces[face, (corner + 1) % 3]], axis=1), axis=1)
        edges, which, count = np.unique(ends, axis=0, return_inverse=True, return_counts=True)
        sides = np.argsort(which, kind="stable")
        first = np.concatenate([[0], np.cumsum(count)[:-1]])
        length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
        taken, chosen = np.zeros(len(faces), bool), []
        for edge in np.argsort(-length):
            own = face[sides[first[edge] : first[edge] + count[edge]]]
            if count[edge] == 2 and not taken[own].any():
                taken[own] = True
                chosen.append(edge)
            if len(faces) + 2 * len(chosen) >= num_faces:
                break
        new_faces, new_uv_faces, new_uvs = [], [], []
        faces, uv_faces = faces.copy(), uv_faces.copy()
        middles = vertices[edges[chosen]].mean(axis=1)
        for k, edge in enumerate(chosen):
            for side in sides[first[edge] : first[edge] + 2]:
                f, a, b = int(face[side]), int(corner[side]), int((corner[side] + 1) % 3)
                second, second_uv = faces[f].copy(), uv_faces[f].copy()
                uv = len(uvs) + len(new_uvs)
                new_uvs.append((uvs[uv_faces[f, a]] + uvs[uv_faces[f, b]]) / 2)
                faces[f, b], uv_faces[f, b] = len(vertices) + k, uv
                second[a], second_uv[a] = len(vertices) + k, uv
                new_faces.append(second)
                new_uv_faces.append(second_uv)
        vertices = np.concatenate([vertices, middles]).astype(np.float32)
        uvs = np.concatenate([uvs, new_uvs]).astype(np.float32)
        faces, uv_faces = np.concatenate([faces, new_faces]), np.concatenate([uv_faces, new_uv_faces])
    labels = None
    return Mesh(vertices=vertices, faces=np.ascontiguousarray(faces, np.int32), uvs=uvs, face_labels=labels,
                uv_faces=np.ascontiguousarray(uv_faces, np.int32), texture=mesh.texture)  # fmt: skip


def write_backgrounds(folder: Path, number: int) -> None:
    """Pictures as LSUN has them: 256 pixels high, with the grain and the compression of photographs."""
    rng = np.random.default_rng(0)
    for k in range(number):
        picture = draw_scene(random_scene(rng), 341, 256).astype(np.float64) + rng.normal(0, NOISE_LEVELS, (256, 341, 1))
        path = folder / f"category{k}" / f"{k}.jpg"
        path.parent.mkdir(parents=True)
        Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).save(path, quality=75)


def fresh(context: SubjectContext) -> SubjectContext:
    """A context that remembers nothing."""
    return dataclasses.replace(context, shared={})


def item_seconds(subject: Subject, protocol: GeopifuProtocol, repeats: int) -> dict[str, float]:
    """Seconds a picture that each item takes made alone (with its drawing), and the drawing of all."""
    plan = protocol.plan(subject, index=0, split="train", seed=0)
    context = draws_of(subject, plan, index=0, seed=0)[0]
    seconds: dict[str, float] = {}
    for name in TWELVE:
        products = Products(items=(name,), seed=0, supersample=1)

        def work(products: Products = products) -> Any:
            once = fresh(context)
            return make_group(once, products), [make_view(once, view, products) for view in once.plan.views]

        work()
        seconds[name] = statistics.median(harness.cpu_seconds(work) for _ in range(repeats)) / len(plan.views)
    return seconds


def measure(
    task: str, items: tuple[str, ...], subject: Subject, protocol: GeopifuProtocol, path: Path, repeats: int
) -> harness.Row:
    """Plan, draw, encode and write a person's pictures again and again; then read them."""
    products = Products(items=items, seed=0, supersample=1)
    member = Member(subject_id=subject.subject_id, index=0, split="train")

    def whole() -> int:
        plan = protocol.plan(subject, index=0, split="train", seed=0)
        row = subject_row(draws_of(subject, plan, index=0, seed=0), member, products)
        return write_shard(path, [row], items).num_bytes

    def read() -> None:
        reader = ShardReader(path)
        for view in range(reader.num_views(0)):
            reader.subject(0, TWELVE, group=reader.view(0, view, TWELVE)["group"])

    num_bytes = whole()
    read()
    times = [harness.cpu_seconds(whole) for _ in range(repeats)]
    reads = [harness.cpu_seconds(read) for _ in range(repeats)]
    reader = ShardReader(path)
    pictures = reader.num_views(0)
    each = statistics.median(times) / pictures
    row = {
        "task": task,
        "ours_s": each,
        "peer": PEER,
        "peer_s": PEER_S,
        "ratio": PEER_S / each,
        "repeats": repeats,
        "ours_min_s": min(times) / pictures,
        "read_s": statistics.median(reads) / pictures,
        "ours_bytes": num_bytes / pictures,
        "peer_bytes": PEER_BYTES,
        "bytes_ratio": PEER_BYTES / (num_bytes / pictures),
        "triangles": subject.mesh.num_faces,
        "body_triangles": len(subject.body.faces) if subject.body else 0,
        "pictures": pictures,
        "item_bytes": {name: count / pictures for name, count in reader.item_bytes(0).items()},
    }
    print(f"{task}: {each:.4f} s (reading {row['read_s']:.4f} s) and {row['ours_bytes'] / 1e3:.1f} kB a picture")
    for name, count in row["item_bytes"].items():
        print(f"    {name:22s} {count / 1e3:8.1f} kB")
    return row


def main() -> None:
    parser = harness.arguments(__doc__, repeats=5)
    args = parser.parse_args()
    harness.pin(args.core)
    source = SyntheticSource(num_subjects=1, seed=0)
    person = source.load(source.subject_ids()[0])
    subject = dataclasses.replace(person, mesh=bisected(person.mesh, NUM_FACES))
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        write_backgrounds(root / "pictures", 8)
        protocol = GeopifuProtocol(
            background="pictures",
            background_folder=root / "pictures",
            background_pictures=list_pictures(root / "pictures"),
        )
        rows = [
            measure(task, items, subject, protocol, root / "one.arrow", args.repeats)
            for task, items in (
                ("datagen_geopifu_image", (*TWELVE, "surfaces")),
                ("datagen_geopifu_image_stored", TWELVE),
            )
        ]
        alone = item_seconds(subject, protocol, max(1, args.repeats // 2))
    rows[1]["item_alone_s"] = alone
    for name in TWELVE:
        print(f"    {name:22s} alone {alone[name] * 1e3:7.1f} ms")
    notes = "The peer's figure is published, of another machine: see the program's first lines."
    harness.write_results("geopifu", rows, packages=("pyarrow", "pillow", "scipy"), folder=args.results, notes=notes)


if __name__ == "__main__":
    main()
