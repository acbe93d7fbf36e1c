"""Geo-PIFu's items are what they say; replaying the configs of a run makes the same bytes."""

from __future__ import annotations

import dataclasses
import io
import json
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from figures import ellipsoid, figure, write_folder, write_obj
from lsun_files import keys, make_database, picture_bytes
from PIL import Image

from vitruvian.bodies.builtin_charts import builtin_charts
from vitruvian.bodies.charts import SurfaceCharts
from vitruvian.bodies.files import load_builtin
from vitruvian.bodies.iuv_table import face_table
from vitruvian.cli.main import main
from vitruvian.datagen.backgrounds.kinds import stretched
from vitruvian.datagen.blocks import Member, Products, draws_of, make_subject, subject_row
from vitruvian.datagen.items import semantics
from vitruvian.datagen.items.surfaces import surfaces
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.protocols.geopifu import GeopifuProtocol
from vitruvian.datagen.protocols.registry import with_protocol_defaults
from vitruvian.datagen.replays.geopifu_config import BLACK_LIST, read_config, read_configs
from vitruvian.datagen.run import generate
from vitruvian.datagen.subject import BodySurface, Subject
from vitruvian.errors import InputError
from vitruvian.shards import ShardDataset
from vitruvian.shards.cache import CachedDataset
from vitruvian.shards.cache_build import build_cache
from vitruvian.shards.items import ITEMS
from vitruvian.shards.manifest import read_manifest
from vitruvian.shards.reader import ShardReader
from vitruvian.shards.writer import write_shard

NAMES = (
    "config", "rgb", "mask", "normal", "solid_voxels", "mask_from_voxels", "mesh_semantics", "joints_3d", "joints_2d",
    "smpl_semantics", "smpl_iuv", "smpl_semantic_voxels",
)  # fmt: skip
PROTOCOL = GeopifuProtocol(draws_per_subject=2, width_px=128, query_points=100)
PRODUCTS = Products(items=NAMES, seed=7, supersample=1)
MEMBER = Member(subject_id="person", index=3, split="train")


def person() -> Subject:
    """The built-in body's rest shape, in a coat of a centimetre."""
    model = load_builtin()
    rest = np.asarray(model.v_template, np.float32)
    posed = rest - np.array([0, rest[:, 1].min(), 0], np.float32)
    body = BodySurface(model="builtin", vertices=posed, faces=model.faces, rest_vertices=rest)
    joints = np.asarray(model.joint_regressor @ posed, np.float32)[:24]
    coat = dataclasses.replace(figure(0), vertices=posed, faces=body.faces, vertex_colors=None)
    coat = dataclasses.replace(coat, vertices=(posed + 0.01 * coat.vertex_normals()).astype(np.float32))
    return Subject(subject_id="person", mesh=coat, source="test", licence="CC0", body=body, joints_m=joints)


class OnePerson:
    name = "test"

    def subject_ids(self) -> list[str]:
        return ["person"]

    def load(self, subject_id: str) -> Subject:
        return person()


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> ShardReader:
    path = tmp_path_factory.mktemp("geopifu") / "one.arrow"
    write_shard(path, [make_subject(OnePerson(), PROTOCOL, MEMBER, PRODUCTS)], PRODUCTS.items)
    return ShardReader(path)


def sample(reader: ShardReader, view: int) -> dict:
    seen = reader.view(0, view, NAMES)
    return {**reader.subject(0, NAMES, group=seen["group"]), **seen}


def test_all_twelve_items_of_all_draws_and_views(reader: ShardReader) -> None:
    assert (reader.num_groups(0), reader.num_views(0)) == (2, 8)
    assert [reader.view(0, k)["group"] for k in range(8)] == [0, 0, 0, 0, 1, 1, 1, 1]
    first, other = sample(reader, 1), sample(reader, 5)
    assert first["rgb"].shape == (192, 128, 3) and first["mask"].shape == (192, 128)
    assert first["config"]["dataPrefix"] == 24 and other["config"]["dataPrefix"] == 28
    assert first["units_per_metre"] != other["units_per_metre"]
    assert (first["solid_voxels"] != other["solid_voxels"]).any()


def test_voxels_and_pictures_lie_on_each_other(reader: ShardReader) -> None:
    """A voxel is 8 pixels of 1024, so one of 128: the mask from voxels is the mask, to a pixel."""
    for view in range(8):
        made = sample(reader, view)
        inside, wide = made["mask"], made["mask_from_voxels"]
        assert wide.shape == inside.shape
        grown = np.pad(wide, 1)
        near = np.logical_or.reduce([grown[i : i + 192, j : j + 128] for i in range(3) for j in range(3)])
        assert not (inside & ~near).any() and (wide & ~inside).sum() < 0.35 * inside.sum()


def test_the_stored_frame_of_the_voxels_is_where_they_are(reader: ShardReader) -> None:
    made = sample(reader, 4)
    cells = np.argwhere(made["solid_voxels"]) + 0.5
    centres = made["voxel_origin_m"] + made["voxel_size_m"] * cells @ made["voxel_axes"]
    vertices = person().mesh.vertices
    assert np.abs(centres.min(0) - vertices.min(0)).max() < 1.5 * made["voxel_size_m"]
    assert np.abs(centres.max(0) - vertices.max(0)).max() < 1.5 * made["voxel_size_m"]


def test_codes_say_where_on_the_rest_shape_a_pixel_is(reader: ShardReader) -> None:
    """The test person stands as the rest shape does, so the code follows from the place."""
    model = load_builtin()
    rest = np.asarray(model.v_template, np.float64)
    for view in (0, 6):
        made = sample(reader, view)
        for name in ("smpl_semantics", "mesh_semantics"):
            seen = (made[name] != 255).any(axis=2)
            assert seen.sum() > 0.8 * made["mask"].sum()
            ratio = np.ptp(rest, axis=0) / np.ptp(rest, axis=0).max()
            assert np.abs(made[f"{name}_keep_ratio"][seen] / 255.0 - made[name][seen] * ratio / 255.0).max() < 0.003
            assert (made[f"{name}_keep_ratio"][~seen] == 255).all()
        rows, columns = np.nonzero((made["smpl_semantics"] != 255).any(axis=2))
        place = (made["smpl_semantics"][rows, columns] / 255.0) * np.ptp(rest, axis=0) + rest.min(0)
        place[:, 1] -= rest[:, 1].min()
        pixels = made["camera"].project(place)[:, :2]
        assert np.abs(pixels - np.stack([columns, rows], axis=1) - 0.5).max() < 2.0


def test_codes_are_transferred_by_the_published_kernel() -> None:
    rng = np.random.default_rng(0)
    body, codes, points = rng.normal(size=(50, 3)), rng.random((50, 3)).astype(np.float32), rng.normal(size=(20, 3))
    made = semantics.transferred(body, codes, points)
    for point, code in zip(points, made, strict=True):
        squared = ((body - point) ** 2).sum(axis=1)
        near = np.argsort(squared)[:4]
        weights = np.exp(-squared[near] / 0.0025)
        if weights.sum() > 1e-200:
            assert np.allclose(code, weights @ codes[near] / weights.sum(), atol=1e-5)
    far = semantics.transferred(body, codes, np.full((1, 3), 100.0))
    assert np.isfinite(far).all()  # all four weights underflow


def test_semantic_voxels_are_codes_of_the_bodys_solid(reader: ShardReader) -> None:
    made = sample(reader, 0)
    voxels, solid = made["smpl_semantic_voxels"], made["smpl_semantic_voxels"].any(axis=-1)
    assert voxels.shape == (128, 192, 128, 3)
    assert solid.sum() < made["solid_voxels"].sum() and (solid & ~made["solid_voxels"]).sum() < 0.01 * solid.sum()
    rest = np.asarray(load_builtin().v_template, np.float64)
    cells = np.argwhere(solid)
    centres = made["voxel_origin_m"] + made["voxel_size_m"] * (cells + 0.5) @ made["voxel_axes"]
    expected = (centres[:, 1]) / np.ptp(rest[:, 1])  # y code is the height in this pose
    assert np.abs(voxels[solid][:, 1] / 255.0 - expected).mean() < 0.02


def test_joints_are_inside_the_body(reader: ShardReader) -> None:
    made = sample(reader, 2)
    columns, rows = np.floor(made["joints_2d"]).astype(int).T
    assert (made["smpl_semantics"][rows, columns] != 255).any(axis=1).mean() > 0.9
    back = made["camera"].to_world(made["joints_3d"])
    assert np.abs(back - person().joints_m).max() < 1e-5


def test_iuv_agrees_with_the_charts(reader: ShardReader) -> None:
    made = sample(reader, 0)
    iuv = made["smpl_iuv"]
    seen = (made["smpl_semantics"] != 255).any(axis=2)
    assert np.array_equal(iuv[..., 0] > 0, seen) and set(np.unique(iuv[..., 0])) <= set(range(25))
    assert not iuv[~seen].any() and len(np.unique(iuv[..., 0])) > 10


def test_the_face_table_takes_shared_parts_and_the_last_entries() -> None:
    # Vertices 0..3, faces (0, 1, 2) and (1, 3, 2). Part 2 is listed twice for vertex 1; part 1 holds the first face only.
    charts = SurfaceCharts(
        model="test",
        body_vertices=np.array([0, 1, 2, 0, 1, 2, 1, 3]),
        uvs=(np.arange(16).reshape(8, 2) / 16).astype(np.float32),
        faces=np.array([[0, 1, 2], [3, 4, 5], [6, 7, 5]], np.int32),
        face_parts=np.array([1, 2, 2], np.uint8),
    )
    table = face_table(charts, np.array([[0, 1, 2], [1, 3, 2]], np.int32))
    assert table.parts.tolist() == [2, 2]
    assert (table.uvs[0] * 16).tolist() == [[6, 7], [12, 13], [10, 11]]  # entries 3, 6 (the later one of vertex 1), 5
    assert table.rows().shape == (2, 7)
    own = load_builtin()
    whole = face_table(builtin_charts(), own.faces)
    assert (whole.parts > 0).all() and len(np.unique(whole.parts)) == 24


def test_body_items_without_a_body_say_so() -> None:
    bare = Subject(subject_id="ball", mesh=ellipsoid((0, 0.9, 0), (0.3, 0.9, 0.2)), source="test", licence="CC0")
    plan = PROTOCOL.plan(bare, index=0, split="train", seed=0)
    for name in ("smpl_semantic_voxels", "mesh_semantics", "smpl_iuv", "joints_2d"):
        products = dataclasses.replace(PRODUCTS, items=(name,))
        with pytest.raises(InputError, match=r"ball: source 'test' knows no"):
            subject_row(draws_of(bare, plan, index=0, seed=0), MEMBER, products)


def test_pictures_drawn_from_stored_surfaces_are_the_stored_ones(reader: ShardReader, tmp_path: Path) -> None:
    products = dataclasses.replace(PRODUCTS, items=(*NAMES, "surfaces"))
    write_shard(tmp_path / "drawn.arrow", [make_subject(OnePerson(), PROTOCOL, MEMBER, products)], products.items)
    drawn = ShardReader(tmp_path / "drawn.arrow")
    assert drawn.drawn == ("normal", "mesh_semantics", "smpl_semantics", "smpl_iuv")
    assert (tmp_path / "drawn.arrow").stat().st_size > 0 and drawn.item_bytes(0)["normal"] == 0
    for view in range(8):
        before, after = sample(reader, view), {**drawn.subject(0, NAMES), **drawn.view(0, view, NAMES)}
        assert np.array_equal(after["normal"].any(axis=2), before["mask"])
        cosine = np.einsum("hwc,hwc->hw", before["normal"], after["normal"])[before["mask"]]
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.5
        for name in ("mesh_semantics", "smpl_semantics", "smpl_iuv"):
            difference = np.abs(before[name].astype(int) - after[name])
            assert difference.max() <= 1 and (difference > 0).mean() < 0.002
        assert np.array_equal(before["smpl_iuv"][..., 0], after["smpl_iuv"][..., 0])
        assert np.array_equal(before["rgb"], after["rgb"])


def test_surfaces_are_stored_exactly() -> None:
    one_draw = dataclasses.replace(PROTOCOL, draws_per_subject=1)
    (context,) = draws_of(person(), one_draw.plan(person(), index=0, split="train", seed=0), index=0, seed=0)
    made = surfaces(context)
    item = ITEMS["surfaces"]
    back = item.decode(pa.scalar(item.encode(made), type=item.arrow_type))["surfaces"]
    for name, array in made["surfaces"].items():
        if isinstance(array, np.ndarray) and array.ndim:
            assert np.array_equal(back[name], array) and (name == "ratio" or back[name].dtype == array.dtype), name
    assert back["unit_normals"] is True and back["mesh_normals"] is None


def test_surfaces_know_what_they_lack(tmp_path: Path) -> None:
    bare = Subject(subject_id="ball", mesh=ellipsoid((0, 0.9, 0), (0.3, 0.9, 0.2)), source="test", licence="CC0")
    plan = PROTOCOL.plan(bare, index=0, split="train", seed=0)
    products = dataclasses.replace(PRODUCTS, items=("normal", "surfaces"))
    write_shard(tmp_path / "ball.arrow", [subject_row(draws_of(bare, plan, index=0, seed=0), MEMBER, products)], products.items)
    assert ShardReader(tmp_path / "ball.arrow").view(0, 0, ("normal",))["normal"].any()
    for name in ("smpl_semantics", "smpl_iuv"):
        wanted = dataclasses.replace(PRODUCTS, items=(name, "surfaces"))
        with pytest.raises(InputError, match="ball: source 'test' knows no body"):
            subject_row(draws_of(bare, plan, index=0, seed=0), MEMBER, wanted)
    published = dataclasses.replace(PROTOCOL, published=True).plan(bare, index=0, split="train", seed=0)
    with pytest.raises(InputError, match="Leave surfaces out"):
        subject_row(draws_of(bare, published, index=0, seed=0), MEMBER, products)


SMALL = {"protocol": "geopifu", "size_px": 64, "views_per_subject": 8, "query_points": 200, "num_actors": 0, "block_size": 2}
PLAIN = ("config", "rgb", "mask", "normal", "solid_voxels", "mask_from_voxels", "query_points")


def write_configs(data: Path, folder: Path) -> list[dict]:
    """The config files of a data set, as the published layout has them."""
    folder.mkdir()
    documents = []
    for made in ShardDataset(data, items=("config",)):
        number = made["config"]["dataPrefix"] + made["view_index"] % 4
        (folder / f"{number:06d}.json").write_text(json.dumps(made["config"]))
        documents.append(made["config"])
    return documents


def test_a_data_set_with_surfaces_is_read_cached_and_pickled_as_any(tmp_path: Path) -> None:
    meshes = write_folder(tmp_path / "meshes", 2)
    options = DatagenOptions(
        out=tmp_path / "data", source="meshes", folder=meshes, items=("rgb", "normal", "surfaces"), **SMALL
    )
    generate(options, progress=False)
    data = ShardDataset(tmp_path / "data", items=("normal",))
    assert len(data) == 16 and data[9]["normal"].shape == (96, 64, 3) and "surfaces" not in data[9]
    build_cache(tmp_path / "data", threads=2)
    cached = CachedDataset(tmp_path / "data")
    again = pickle.loads(pickle.dumps(data))
    for k in (0, 9, 15):
        assert np.array_equal(data[k]["normal"], cached[k]["normal"]) and np.array_equal(again[k]["normal"], data[k]["normal"])
    surfaces_of = cached[3]["surfaces"]
    assert surfaces_of["mesh_vertices"].shape[1] == 3 and surfaces_of["body_vertices"] is None


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """Meshes, the data set of a run of ours, and its config files."""
    root = tmp_path_factory.mktemp("run")
    meshes = write_folder(root / "meshes", 3)
    generate(DatagenOptions(out=root / "data", source="meshes", folder=meshes, items=PLAIN, **SMALL), progress=False)
    write_configs(root / "data", root / "configs")
    return meshes, root / "data", root / "configs"


def hashes(data: Path) -> list[str | None]:
    return [entry.sha256 for entry in read_manifest(data).values()]


def test_replaying_our_own_configs_makes_the_same_bytes(run: tuple[Path, Path, Path], tmp_path: Path) -> None:
    meshes, data, configs = run
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for path in meshes.iterdir():
        (moved / path.name).symlink_to(path)
    for path in configs.iterdir():  # one sibling of four is enough
        if int(path.stem) % 4 != 2:
            (tmp_path / "some").mkdir(exist_ok=True)
        else:
            (tmp_path / "some" / path.name).write_text(path.read_text())
    arguments = ["datagen", "replay", str(tmp_path / "some"), "--meshes", str(moved), "--source", "meshes"]
    arguments += ["--out", str(tmp_path / "again"), "--query-points", "200", "--num-actors", "0", "--items", *PLAIN]
    assert main(arguments) == 0
    assert hashes(tmp_path / "again") == hashes(data)


def test_published_files_are_read_as_they_are(run: tuple[Path, Path, Path], tmp_path: Path) -> None:
    configs = run[2]
    document = json.loads((configs / "000004.json").read_text())
    del document["vitruvian"]
    document["meshPath"] = "/cluster/data/DeepHumanDataset/dataset/figure00.obj"
    document["bgImgPath"] = "/cluster/data/LSUN/train_jpg/tower/b'12ab'.jpg"
    for base in (4, *BLACK_LIST):
        (tmp_path / f"{base + 1:06d}.json").write_text(json.dumps({**document, "dataPrefix": base}))
    config = read_config(tmp_path / "000005.json")
    assert (config.base, config.width_px, config.split, config.number) == (4, 64, "train", 1)
    assert config.draw.background == {"kind": "picture", "file": "tower/b'12ab'.jpg"}
    document["args"]["eachMeshWithBgNum"] = 4
    assert [one.base for one in read_configs(tmp_path)] == [4]
    assert [one.base for one in read_configs(tmp_path, black_listed=True)] == [4, *BLACK_LIST]


def test_meshes_are_found_by_the_last_parts_of_their_path(run: tuple[Path, Path, Path], tmp_path: Path) -> None:
    document = json.loads((run[2] / "000008.json").read_text())
    prefix = "/trainman-mount/trainman-storage-d5c0a121-bb5d-4afb-8020-c53f096d2a5c/data/DeepHumanDataset/dataset"
    document |= {"meshPath": f"{prefix}/results_gyx_b_M/1252/mesh.obj", "bgImgPath": "/x/LSUN/train_jpg/tower/1.jpg"}
    del document["vitruvian"]
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "000011.json").write_text(json.dumps(document))
    place = tmp_path / "here" / "dataset" / "results_gyx_b_M" / "1252"
    place.mkdir(parents=True)
    shape = figure(0)
    turned = (shape.vertices * np.array([1, -1, -1])).astype(np.float32)  # as THuman 1.0 has them: y down, facing -z
    write_obj(place / "mesh.obj", dataclasses.replace(shape, vertices=turned))
    arguments = ["datagen", "replay", str(tmp_path / "configs"), "--meshes", str(tmp_path / "here"), "--num-actors", "0"]
    assert main([*arguments, "--items", "mask", "config", "solid_voxels", "--out", str(tmp_path / "data")]) == 0
    data = ShardDataset(tmp_path / "data")
    assert [subject.subject_id for subject in data.subjects] == ["results_gyx_b_M/1252"] and len(data) == 4
    assert data[0]["config"] == document and data[0]["split"] == "train" and data[0]["mask"].any()


def test_backgrounds_are_found_however_they_are_spelled(run: tuple[Path, Path, Path], tmp_path: Path) -> None:
    meshes, _, configs = run
    document = json.loads((configs / "000008.json").read_text())
    document["meshPath"] = "/cluster/data/figure01.obj"
    del document["vitruvian"]
    (tmp_path / "configs").mkdir()
    for base, key in ((8, "b'12ab'"), (12, "34cd")):
        path = tmp_path / "configs" / f"{base:06d}.json"
        path.write_text(json.dumps({**document, "dataPrefix": base, "bgImgPath": f"/x/LSUN/train_jpg/tower/{key}.jpg"}))
    (tmp_path / "train_jpg" / "tower").mkdir(parents=True)
    for name, level in (("12ab", 200), ("b'34cd'", 90)):
        Image.new("RGB", (30, 20), (level, 0, 0)).save(tmp_path / "train_jpg" / "tower" / f"{name}.jpg")
    arguments = ["datagen", "replay", str(tmp_path / "configs"), "--meshes", str(meshes), "--source", "meshes"]
    arguments += ["--items", "rgb", "--backgrounds", str(tmp_path / "train_jpg"), "--num-actors", "0", "--out"]
    for more in ([str(tmp_path / "data")], [str(tmp_path / "published"), "--published"]):
        assert main([*arguments, *more]) == 0
        data = ShardDataset(more[0])
        assert len(data) == 8
        for view, level in ((0, 200), (7, 90)):
            assert abs(int(data[view]["rgb"][0, 0, 0]) - level) < 4
    (tmp_path / "train_jpg" / "tower" / "12ab.jpg").unlink()
    assert main([*arguments, str(tmp_path / "none")]) == 2


def test_backgrounds_come_straight_from_lsun_databases(run: tuple[Path, Path, Path], tmp_path: Path) -> None:
    meshes, _, configs = run
    document = json.loads((configs / "000008.json").read_text())
    names = keys(3)
    make_database(tmp_path / "LSUN" / "tower_train_lmdb", names)
    document |= {"meshPath": "/cluster/figure01.obj", "bgImgPath": f"/x/LSUN/train_jpg/tower/b'{names[1]}'.jpg"}
    del document["vitruvian"]
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "000008.json").write_text(json.dumps(document))
    arguments = ["datagen", "replay", str(tmp_path / "configs"), "--meshes", str(meshes), "--source", "meshes"]
    arguments += ["--items", "rgb", "--backgrounds", str(tmp_path / "LSUN"), "--num-actors", "0"]
    assert main([*arguments, "--out", str(tmp_path / "data")]) == 0
    made = ShardDataset(tmp_path / "data")[0]
    assert made["view"]["background"] == {"kind": "lsun", "file": f"tower/{names[1]}"}
    picture = np.array(Image.open(io.BytesIO(picture_bytes(1))).convert("RGB"))
    corner = stretched(picture, 64, 96)[:9, :9] * 255
    assert np.abs(made["rgb"][:9, :9] - corner).mean() < 6


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"hair": 3, "args.gamma": 2}, "unknown keys: args.gamma, hair"),
        ({"randomRot": [[1, 0, 0], [0, 1, 0], [0, 0, 2]]}, "randomRot is not a 3x3 rotation"),
        ({"dataPrefix": 5}, "dataPrefix is 5; it must be a multiple of 4"),
        ({"skyLightRotDegrees": [1, 2]}, "skyLightRotDegrees is"),
        ({"args.h": 300}, "pictures? (is|are) w x 1.5 w"),
        ({"bgImgPath": "picture.jpg"}, "bgImgPath is 'picture.jpg'"),
        ({"randomRot": None}, "lacks randomRot"),
    ],
)
def test_bad_configs_say_what_is_wrong(run: tuple[Path, Path, Path], tmp_path: Path, change: dict, words: str) -> None:
    document = json.loads((run[2] / "000004.json").read_text())
    del document["vitruvian"]
    document["bgImgPath"] = "LSUN/train_jpg/tower/1.jpg"
    for key, value in change.items():
        place = document["args"] if key.startswith("args.") else document
        place[key.removeprefix("args.")] = value
        if value is None:
            del place[key]
    (tmp_path / "000004.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"000004\.json: .*" + words):
        read_configs(tmp_path)


def test_configs_that_do_not_belong_together_are_refused(run: tuple[Path, Path, Path], tmp_path: Path) -> None:
    document = json.loads((run[2] / "000004.json").read_text())
    with pytest.raises(InputError, match="holds no Geo-PIFu configs"):
        read_configs(tmp_path)
    (tmp_path / "000004.json").write_text(json.dumps(document))
    (tmp_path / "000005.json").write_text(json.dumps({**document, "skyLightRotDegrees": [-80, None, 180]}))
    with pytest.raises(InputError, match=r"000005\.json: differs"):
        read_configs(tmp_path)
    (tmp_path / "000005.json").rename(tmp_path / "000009.json")
    with pytest.raises(InputError, match=r"000009\.json: says dataPrefix 4"):
        read_configs(tmp_path)


def test_missing_meshes_are_quarantined_by_name(run: tuple[Path, Path, Path], tmp_path: Path) -> None:
    meshes, _, configs = run
    only = tmp_path / "meshes"
    only.mkdir()
    (only / "figure01.obj").symlink_to(meshes / "figure01.obj")
    options = {"source": "meshes", "protocol": "geopifu", "items": PLAIN, "query_points": 200, "num_actors": 0}
    report = generate(DatagenOptions(out=tmp_path / "data", folder=only, replay=configs, **options), progress=False)
    assert report.num_subjects == 1 and set(report.quarantined) == {"figure00.obj", "figure02.obj"}
    (only / "figure01.obj").unlink()
    (only / "other.obj").symlink_to(meshes / "figure01.obj")
    with pytest.raises(InputError, match="none of its 3 meshes is there"):
        generate(DatagenOptions(out=tmp_path / "none", folder=only, replay=configs, **options), progress=False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"arc_deg": 120}, "--arc-deg means nothing to protocol 'geopifu'"),
        ({"views_per_subject": 6}, "--views-per-subject is 6"),
        ({"size_px": 65}, "--size-px is 65"),
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path: Path, options: dict, words: str) -> None:
    wanted = DatagenOptions(**{"out": tmp_path / "data", "source": "meshes", "folder": write_folder(tmp_path / "m", 1),
                               "protocol": "geopifu", "num_actors": 0, **options})  # fmt: skip
    with pytest.raises(InputError, match=words):
        generate(wanted, progress=False)


def test_the_help_page_of_replay_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["datagen", "replay", "--help"])
    text = capsys.readouterr().out
    assert (
        ended.value.code == 0 and "000012.json" in text and "PARAM/NAME" in text and "--meshes" in text and "black list" in text
    )


def test_protocol_defaults_are_filled_in(tmp_path: Path) -> None:
    options = with_protocol_defaults(DatagenOptions(out=tmp_path, protocol="geopifu"))
    assert (options.size_px, options.views_per_subject, options.supersample, options.arc_deg) == (1024, 16, 1, None)
    assert set(NAMES) <= set(options.items or ())
    assert "surfaces" in (options.items or ())


def test_only_the_native_renderers_pictures_are_drawn_later(tmp_path: Path) -> None:
    other = DatagenOptions(out=tmp_path, protocol="geopifu", renderer="pyrender")
    for options in (other, DatagenOptions(out=tmp_path, protocol="geopifu", published=True)):
        stored = with_protocol_defaults(options).items or ()
        assert set(NAMES) <= set(stored) and "surfaces" not in stored
    with pytest.raises(InputError, match="--renderer pyrender leave it out"):
        with_protocol_defaults(dataclasses.replace(other, items=("normal", "surfaces")))
