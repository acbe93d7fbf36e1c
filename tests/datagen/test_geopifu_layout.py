"""Geo-PIFu's folders: what is exported is what the published code expects, and importing it loses what JPEG loses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from geopifu_data import make_geopifu_data
from PIL import Image

from vitruvian.datagen.layouts.geopifu_codec import front_grid, normal_picture, normals_of, turned_grid
from vitruvian.datagen.layouts.geopifu_export import FOLDERS, export_geopifu, mesh_place, training_ratio
from vitruvian.datagen.layouts.geopifu_import import import_geopifu
from vitruvian.errors import InputError
from vitruvian.shards.dataset import ShardDataset

SIZE = (128, 192)
CORNER = np.array([1 / 3, 1 / 2, 1 / 3])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_geopifu_data(tmp_path_factory.mktemp("data") / "people")


@pytest.fixture(scope="module")
def exported(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("layout") / "data"
    report = export_geopifu(data, out, pictures="exact")
    assert (report.num_subjects, report.num_views) == (3, 12)
    assert report.missing == ()
    assert report.advice == "--totalNumFrame 12 --trainingDataRatio 0.625"
    return out


@pytest.mark.parametrize(("num_train", "number"), [(8, 12), (86_976, 108_720), (16, 24), (12, 12), (4, 36), (99_996, 99_999)])
def test_the_ratio_splits_where_it_should(num_train: int, number: int) -> None:
    """The published loader: a picture is a test one when its index >= ratio * number."""
    product = float(training_ratio(num_train, number)) * number
    assert [index for index in range(number) if not index >= product] == list(range(num_train))


def test_meshes_lie_where_the_original_has_them() -> None:
    assert mesh_place("results_gyx_F/0042") == "DeepHumanDataset/dataset/results_gyx_F/0042/mesh.obj"
    assert mesh_place("scans/a.obj") == "DeepHumanDataset/dataset/results_scans__a.obj_F/0000/mesh.obj"


def test_grids_turn_as_published() -> None:
    front = np.random.default_rng(0).random((4, 6, 4, 2))
    a, b, c = np.meshgrid(*map(np.arange, front.shape[:3]), indexing="ij")
    last = front.shape[0] - 1
    expected = (front, front[last - c, b, a], front[last - a, b, last - c], front[c, b, last - a])
    for view in range(4):
        assert np.array_equal(turned_grid(front, view), expected[view])
        assert np.array_equal(front_grid(expected[view], view), front)


def test_normals_are_cut_to_bytes_and_white_where_they_point_away() -> None:
    normal = np.zeros((1, 4, 3), np.float32)
    normal[0, 1:] = [(0, 0, 1), (0.6, 0.8, 0), (0, 0.6, -0.8)]
    picture = normal_picture(normal)
    assert picture[0].tolist() == [[255, 255, 255], [127, 127, 255], [204, 229, 127], [255, 255, 255]]
    back = normals_of(picture, np.array([[False, True, True, True]]))
    assert np.abs(back[0, 1:3] - normal[0, 1:3]).max() < 0.01
    assert (back[0, [0, 3]] == 0).all()


def test_every_picture_has_its_twelve_items(exported: Path) -> None:
    root = exported / "humanRender"
    assert {path.name for path in root.iterdir()} == set(FOLDERS.values())
    for folder in root.iterdir():
        names = {path.name for path in folder.iterdir()}
        endings = {"maskFromVoxels": ("", "_Resized"), "meshSem": ("", "_KeepRatio"), "smplSem": ("", "_KeepRatio")}
        suffix = {"config": "json", "skeleton3D": "obj"}.get(folder.name, "npy" if "Voxels" in folder.name else "jpg")
        suffix = {"maskFromVoxels": "jpg", "skeleton2D": "npy"}.get(folder.name, suffix)
        assert names == {f"{k:06d}{end}.{suffix}" for k in range(12) for end in endings.get(folder.name, ("",))}
    voxels = np.load(root / "meshVoxels" / "000003.npy")
    assert (voxels.dtype, voxels.shape) == (np.bool_, (128, 192, 128))
    codes = np.load(root / "smplSemVoxels" / "000003.npy")
    assert (codes.dtype, codes.shape) == (np.uint8, (128, 192, 128, 3))
    joints = np.load(root / "skeleton2D" / "000003.npy")
    assert (joints.dtype, joints.shape) == (np.float64, (24, 2))
    with Image.open(root / "maskFromVoxels" / "000000.jpg") as small, Image.open(root / "maskImage" / "000000.jpg") as mask:
        assert small.size == (128, 192)
        assert (mask.mode, mask.size) == ("L", SIZE)


def test_items_agree_with_each_other_in_the_published_frame(exported: Path) -> None:
    """The mesh through the config's rotation, the published normalisation and camera meets mask, voxels and joints."""
    root, scale = exported / "humanRender", SIZE[1]
    for number in (0, 5, 7, 10):
        config = json.loads((root / "config" / f"{number:06d}.json").read_text())
        assert config["dataPrefix"] == number // 4 * 4
        lines = [line.split() for line in Path(config["meshPath"]).read_text().splitlines()]
        points = np.array([line[1:4] for line in lines if line[0] == "v"], float)
        points = (points - points.mean(axis=0)) @ np.array(config["randomRot"]).T
        limits = np.array([0.283333333, 0.425, 0.283333333])
        points *= min((limits / np.abs(points.min(axis=0))).min(), (limits / points.max(axis=0)).min())
        for _ in range(number % 4):  # RIGHT, BACK, LEFT: (x, y, z) to (z, y, -x)
            points = points[:, [2, 1, 0]] * [1, 1, -1]
        pixels = np.rint(points[:, :2] * scale + [SIZE[0] / 2, SIZE[1] / 2]).astype(int)
        mask = np.asarray(Image.open(root / "maskImage" / f"{number:06d}.jpg")) > 127
        padded = np.pad(mask, 1)
        near = np.any(
            [padded[1 + j : 1 + j + SIZE[1], 1 + i : 1 + i + SIZE[0]] for i in (-1, 0, 1) for j in (-1, 0, 1)], axis=0
        )
        assert near[pixels[:, 1], pixels[:, 0]].mean() > 0.999
        voxels = np.load(root / "meshVoxels" / f"{number:06d}.npy")
        cells = np.floor((points + CORNER) * 192).astype(int)
        assert voxels[tuple(cells.T)].mean() > 0.999
        rows = (root / "skeleton3D" / f"{number:06d}.obj").read_text().splitlines()
        skeleton = np.array([row.split()[1:] for row in rows], float)
        flat = np.load(root / "skeleton2D" / f"{number:06d}.npy")
        assert np.abs(skeleton[:, :2] * scale + [SIZE[0] / 2, SIZE[1] / 2] - flat).max() < 1e-3
        inside = np.floor((skeleton + CORNER) * 192).astype(int)
        assert voxels[tuple(inside.T)].mean() > 0.9


def test_a_round_trip_keeps_what_the_layout_holds(data: Path, exported: Path, tmp_path: Path) -> None:
    report = import_geopifu(exported, tmp_path / "back", query_points=1000)
    assert not report.quarantined, report.quarantined
    before = {(sample["subject_id"], sample["view_index"]): sample for sample in ShardDataset(data)}
    after = ShardDataset(tmp_path / "back")
    assert len(after) == len(before) == 12
    assert set(after.items) == {*FOLDERS, "mesh", "query_points"} - {"joints_2d"}
    for new in after:
        old = before[new["subject_id"], new["view_index"]]
        for key in ("split", "source", "licence", "attributes", "view", "units_per_metre", "center_m", "rotation", "camera"):
            assert old[key] == new[key], key
        for key in ("rgb", "mask", "solid_voxels", "smpl_semantic_voxels", "mask_from_voxels"):
            assert np.array_equal(old[key], new[key]), key
        assert old["config"] == new["config"]
        assert np.array_equal(old["mesh"].vertices, new["mesh"].vertices)
        assert np.array_equal(old["mesh"].faces, new["mesh"].faces)
        assert np.allclose(old["voxel_origin_m"], new["voxel_origin_m"])
        assert np.allclose(old["joints_3d"], new["joints_3d"], atol=5e-6)
        inner = old["mask"] & (old["normal"][..., 2] > 0.2)
        cosine = (old["normal"] * new["normal"]).sum(axis=2)[inner]
        assert np.degrees(np.arccos(np.clip(np.median(cosine), -1, 1))) < 2
        for key in ("mesh_semantics", "smpl_semantics", "smpl_iuv"):
            assert np.median(np.abs(old[key].astype(int) - new[key])[old["mask"]]) <= 2, key


def test_published_jpegs_halve_the_chroma(data: Path, tmp_path: Path) -> None:
    export_geopifu(data, tmp_path / "out")
    with Image.open(tmp_path / "out" / "humanRender" / "smplIUV" / "000000.jpg") as picture:
        assert [layer[1:3] for layer in picture.layer] == [(2, 2), (1, 1), (1, 1)]  # type: ignore[attr-defined]


def test_a_foreign_folder_and_its_meshes(exported: Path, tmp_path: Path) -> None:
    """Without our note, meshes moved elsewhere, one mesh lost, one config lost."""
    folder = tmp_path / "moved"
    shutil.copytree(exported / "humanRender", folder / "humanRender")
    shutil.copytree(exported / "DeepHumanDataset" / "dataset", tmp_path / "scans")
    (folder / "humanRender" / "config" / "000001.json").unlink()
    for path in (folder / "humanRender" / "config").iterdir():
        document = json.loads(path.read_text())
        document["meshPath"] = document["meshPath"].replace(str(exported.resolve()), "/somewhere/else")
        path.write_text(json.dumps(document))
    shutil.rmtree(tmp_path / "scans" / "results_2_F")
    report = import_geopifu(folder, tmp_path / "back", meshes=tmp_path / "scans", query_points=500, items=("mask", "mesh"))
    assert report.num_subjects == 2
    assert "results_2_F/0000" in report.quarantined
    assert "--meshes" in report.quarantined["results_2_F/0000"]
    for sample in ShardDataset(tmp_path / "back"):
        vertices = sample["mesh"].vertices
        assert abs(vertices[:, 1].min()) < 1e-6
        pixels = np.floor(sample["camera"].project(vertices)[:, :2]).astype(int)
        assert sample["mask"][pixels[:, 1], pixels[:, 0]].mean() > 0.75


def test_damage_and_wrong_folders_are_named(data: Path, exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(exported, folder)
    voxels = folder / "humanRender" / "meshVoxels"
    for turn in range(4):
        np.save(voxels / f"{turn:06d}.npy", np.array([{"a": 1}], object), allow_pickle=True)
    (folder / "humanRender" / "rgbImage" / "000006.jpg").write_bytes(b"")
    report = import_geopifu(folder, tmp_path / "back", query_points=500)
    reasons = list(report.quarantined.values())
    assert report.num_subjects == 1
    assert "000000.npy: is not a readable .npy" in reasons[0]
    assert "000006.jpg: is not a readable picture" in reasons[1]
    with pytest.raises(InputError, match="has no config"):
        import_geopifu(tmp_path / "back", tmp_path / "x")
    with pytest.raises(InputError, match="does not hold depth"):
        import_geopifu(exported, tmp_path / "x", items=("rgb", "depth"))
