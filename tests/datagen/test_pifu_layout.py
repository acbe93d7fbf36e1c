"""PIFu's and JIFF's folders: what is exported is what the published loaders expect, and importing it loses nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trimesh
from figures import figure, write_folder
from PIL import Image
from scipy.ndimage import binary_dilation, binary_erosion

from vitruvian.datagen.layouts.exr import read_exr
from vitruvian.datagen.layouts.npy_objects import read_npy_object, write_npy_object
from vitruvian.datagen.layouts.pifu_export import export_pifu
from vitruvian.datagen.layouts.pifu_import import MADE_OF, import_pifu
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.run import generate
from vitruvian.errors import InputError
from vitruvian.geometry.closest_point import closest_point
from vitruvian.geometry.mesh_files import save_mesh
from vitruvian.shards.dataset import ShardDataset

SIZE = 64
SAME = ("subject_id", "split", "source", "licence", "attributes", "view", "view_index", "units_per_metre", "center_m")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("data") / "people"
    scans = tmp_path_factory.mktemp("scans")
    for seed in range(3):
        save_mesh(scans / f"figure{seed}.ply", figure(seed))
    size: dict[str, Any] = {"views_per_subject": 3, "size_px": SIZE, "query_points": 3000, "voxel_resolution": 32}
    items = ("rgb", "mask", "mesh", "query_points", "depth")
    options = DatagenOptions(out=out, source="meshes", folder=scans, held_out=1, items=items, num_actors=0, **size)
    generate(options, progress=False)
    return out


@pytest.fixture(scope="module")
def exported(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("layout") / "pifu"
    report = export_pifu(data, out, pictures="exact")
    assert (report.num_subjects, report.num_views) == (3, 9)
    assert any("360" in line for line in report.missing)
    return out


def published_calibration(param: dict[str, Any], load_size: int) -> np.ndarray:
    """The 4x4 that PIFu's training code makes of PARAM (its TrainDataset.get_render)."""
    rotation, center = param["R"], param["center"]
    extrinsic = np.eye(4)
    extrinsic[:3, :3], extrinsic[:3, 3] = rotation, -rotation @ center
    k = param["scale"] / param["ortho_ratio"] / (load_size // 2)
    return np.diag([k, -k, k, 1.0]) @ extrinsic


def test_imported_points_scatter_as_their_system_has_it(exported: Path, tmp_path: Path) -> None:
    """Distances of the points near the surface, in the layout's units: 5 for PIFu, 3.5 for JIFF."""
    deviation = {}
    foreign = tmp_path / "foreign"
    shutil.copytree(exported, foreign)
    (foreign / "vitruvian.json").unlink()
    for layout in ("pifu", "jiff"):
        import_pifu(foreign, tmp_path / layout, layout=layout, query_points=6000)
        data = ShardDataset(tmp_path / layout, items=("mesh", "query_points"))
        assert data.card["protocol"] == layout
        sample = data[0]
        mesh = sample["mesh"]
        distance = closest_point(mesh.vertices, mesh.faces, sample["query_points"]).distance * sample["units_per_metre"]
        deviation[layout] = float(np.median(distance))  # uniform points of the box, 1 in 17, move it little
    assert deviation["pifu"] / deviation["jiff"] == pytest.approx(5.0 / 3.5, rel=0.08)


def test_the_published_calibration_finds_the_person(data: Path, exported: Path) -> None:
    """Vertices of the exported OBJ, through the published formulas, cover the exported mask."""
    for index, sample in enumerate(ShardDataset(data, items=("mask", "mesh"))):
        name = sample["subject_id"]
        stem = sorted(path.stem for path in (exported / "PARAM" / name).iterdir())
        note = json.loads((exported / "vitruvian.json").read_text())["subjects"][name]["views"][index % 3]["name"]
        assert note in stem
        param = np.load(exported / "PARAM" / name / f"{note}.npy", allow_pickle=True).item()
        mesh = trimesh.load(exported / "GEO" / "OBJ" / name / f"{name}_100k.obj", process=False)
        assert abs(np.ptp(mesh.vertices[:, 1]) - 180) < 1e-3
        assert abs(mesh.vertices[:, 1].min()) < 1e-3
        points = mesh.vertices @ published_calibration(param, SIZE)[:3, :3].T + published_calibration(param, SIZE)[:3, 3]
        pixels = np.floor((points[:, :2] + 1) / 2 * SIZE).astype(int)
        seen = np.zeros((SIZE, SIZE), bool)
        inside = ((pixels >= 0) & (pixels < SIZE)).all(axis=1)
        seen[pixels[inside, 1], pixels[inside, 0]] = True
        mask = np.asarray(Image.open(exported / "MASK" / name / f"{note}.png"))
        assert set(np.unique(mask)) == {0, 255}
        assert np.array_equal(mask > 0, sample["mask"])
        assert not (seen & ~binary_dilation(sample["mask"], np.ones((3, 3)))).any()
        assert not (binary_erosion(sample["mask"], np.ones((3, 3))) & ~binary_dilation(seen, np.ones((5, 5)))).any()


def test_files_and_lists_are_the_published_ones(exported: Path) -> None:
    assert {path.name for path in exported.iterdir()} == {
        "RENDER", "MASK", "PARAM", "GEO", "FILE_NUMBER", "val.txt", "vitruvian.json",
    }  # fmt: skip
    names = sorted(path.name for path in (exported / "RENDER").iterdir())
    assert len(names) == 3
    held_out = np.loadtxt(exported / "val.txt", dtype=str)
    assert sorted(set(names) - set(held_out)) == names[:2]
    assert len(held_out) == 2  # one name alone is what the published loader fails on
    yaws = [int(line) for line in (exported / "FILE_NUMBER" / names[0] / "number.txt").read_text().split()]
    for yaw in yaws:
        for folder, suffix in (("RENDER", "jpg"), ("MASK", "png"), ("PARAM", "npy")):
            assert (exported / folder / names[0] / f"{yaw}_0_00.{suffix}").is_file()


def test_a_round_trip_loses_nothing(data: Path, exported: Path, tmp_path: Path) -> None:
    report = import_pifu(exported, tmp_path / "back", query_points=3000, block_size=2)
    assert report.num_subjects == 3
    assert not report.quarantined
    before, after = ShardDataset(data), ShardDataset(tmp_path / "back")
    assert len(before) == len(after) == 9
    for old, new in zip(before, after, strict=True):
        for key in SAME:
            assert old[key] == new[key], key
        assert np.array_equal(old["rgb"], new["rgb"])
        assert np.array_equal(old["mask"], new["mask"])
        for one, other in zip(_numbers(old["camera"]), _numbers(new["camera"]), strict=True):
            assert np.allclose(one, other, rtol=1e-12, atol=1e-12)
        assert np.array_equal(old["mesh"].faces, new["mesh"].faces)
        assert np.abs(old["mesh"].vertices - new["mesh"].vertices).max() < 1e-6
        assert np.array_equal(old["mesh"].vertex_colors, new["mesh"].vertex_colors)
        assert new["query_points"].shape == (3000, 3)
        assert 0.1 < new["query_labels"].mean() < 0.7
    assert ShardDataset(tmp_path / "back", items=("rgb",), split="test").subjects[0].split == "test"


def _numbers(camera: Any) -> list[Any]:
    return [camera.focal_px, camera.center_px, camera.rotation, camera.translation_m, camera.width_px]


def test_a_foreign_folder_has_people_of_180_centimetres(exported: Path, tmp_path: Path) -> None:
    shutil.copytree(exported, tmp_path / "foreign")
    (tmp_path / "foreign" / "vitruvian.json").unlink()
    import_pifu(tmp_path / "foreign", tmp_path / "back", query_points=2000)
    for sample in ShardDataset(tmp_path / "back", items=("mask", "mesh", "query_points")):
        vertices = sample["mesh"].vertices
        assert abs(np.ptp(vertices[:, 1]) - 1.8) < 1e-4
        assert abs(vertices[:, 1].min()) < 1e-5
        assert abs(sample["units_per_metre"] - 100) < 1e-6
        pixels = np.floor(sample["camera"].project(vertices)[:, :2]).astype(int)
        inside = ((pixels >= 0) & (pixels < SIZE)).all(axis=1)
        assert sample["mask"][pixels[inside, 1], pixels[inside, 0]].mean() > 0.8
        light = sample["view"]["light"]
        assert light["kind"] == "harmonic"
        assert light["gamma"] == 2.2


def test_published_pictures_are_encoded_as_opencv_does(data: Path, tmp_path: Path) -> None:
    export_pifu(data, tmp_path / "out", layout="jiff", pictures="published")
    sample = ShardDataset(data, items=("rgb",))[0]
    name = json.loads((tmp_path / "out" / "vitruvian.json").read_text())["subjects"][sample["subject_id"]]["views"][0]["name"]
    with Image.open(tmp_path / "out" / "RENDER" / sample["subject_id"] / f"{name}.jpg") as picture:
        layers = [layer[1:3] for layer in picture.layer]  # type: ignore[attr-defined]
        assert layers == [(2, 2), (1, 1), (1, 1)]
        assert np.abs(np.asarray(picture, int) - sample["rgb"]).mean() < 6


def test_texture_space_and_transfer_come_back(tmp_path: Path) -> None:
    """Protocol jiff with a textured figure: UV_RENDER, UV_MASK, UV_NORMAL, UV_POS, bounce."""
    plain = figure(0)
    low, high = plain.vertices.min(axis=0), plain.vertices.max(axis=0)
    uvs = np.ascontiguousarray((plain.vertices - low)[:, :2] / (high - low)[:2], np.float32)
    texture = np.random.default_rng(0).integers(60, 255, (16, 16, 3), np.uint8)
    scan = replace(plain, uvs=uvs, uv_faces=plain.faces, texture=texture, vertex_colors=None)
    (tmp_path / "scans").mkdir()
    save_mesh(tmp_path / "scans" / "a.glb", scan)
    items = ("rgb", "mask", "mesh", "prt", *MADE_OF)
    size: dict[str, Any] = {"views_per_subject": 2, "size_px": SIZE, "num_subjects": 1, "held_out": 0, "num_actors": 0}
    options = DatagenOptions(
        out=tmp_path / "data", source="meshes", folder=tmp_path / "scans", protocol="jiff", items=items, **size
    )
    generate(options, progress=False)
    report = export_pifu(tmp_path / "data", tmp_path / "jiff", layout="jiff", pictures="exact")
    assert report.missing == ("FACE_REGION and FACE_3DMM: JIFF makes them from RENDER with its own face programs",)
    import_pifu(tmp_path / "jiff", tmp_path / "back", layout="jiff", query_points=500)
    assert {*items} <= {*ShardDataset(tmp_path / "back").items}
    for old, new in zip(ShardDataset(tmp_path / "data"), ShardDataset(tmp_path / "back"), strict=True):
        for key in ("uv_mask", "uv_normal", "uv_render", "rgb", "mask"):
            assert np.array_equal(old[key], new[key]), key
        assert 0.2 < old["uv_mask"].mean() < 1
        assert np.abs(old["uv_position"] - new["uv_position"]).max() < 1e-4
        assert np.abs(old["prt_coefficients"] - new["prt_coefficients"]).max() < 4e-5
        assert (old["prt_faces"] is None) == (new["prt_faces"] is None)
    name = next((tmp_path / "jiff" / "UV_POS").iterdir()).name
    position = read_exr(tmp_path / "jiff" / "UV_POS" / name / "00.exr")
    used = position[np.asarray(Image.open(tmp_path / "jiff" / "UV_MASK" / name / "00.png")) > 0]
    assert used[:, 1].min() < 5
    assert 170 < used[:, 1].max() < 181  # units of the layout: 180 a person, from the floor
    coefficients = np.loadtxt(tmp_path / "jiff" / "GEO" / "OBJ" / name / "bounce" / "bounce0.txt")
    faces = np.load(tmp_path / "jiff" / "GEO" / "OBJ" / name / "bounce" / "face.npy")
    assert coefficients.shape[1] == 9
    assert faces.max() < len(coefficients)


def test_what_cannot_be_read_goes_into_quarantine(exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "damaged"
    shutil.copytree(exported, folder)
    first, second, third = sorted(path.name for path in (folder / "RENDER").iterdir())
    picture = sorted((folder / "RENDER" / first).iterdir())[0]
    picture.write_bytes(picture.read_bytes()[:200])
    param = sorted((folder / "PARAM" / second).iterdir())[0]
    write_npy_object(param, {**read_npy_object(param), "R": np.ones((3, 3))})
    report = import_pifu(folder, tmp_path / "back", query_points=500)
    assert report.num_subjects == 1
    assert picture.name in report.quarantined[first]
    assert "R is not a rotation" in report.quarantined[second]
    assert [subject.subject_id for subject in ShardDataset(tmp_path / "back", items=("mask",)).subjects] == [third]
    again = import_pifu(folder, tmp_path / "back", query_points=500)
    assert again.fingerprint == report.fingerprint
    assert again.new_samples == 0
    with pytest.raises(InputError, match="--query-points was 500, is now 600"):
        import_pifu(folder, tmp_path / "back", query_points=600)


def test_wrong_folders_and_data_are_refused(data: Path, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="it has no RENDER, MASK"):
        import_pifu(tmp_path, tmp_path / "x")
    with pytest.raises(InputError, match="Say --layout pifu"):
        import_pifu(exported, tmp_path / "x", layout="jiff")
    with pytest.raises(InputError, match="does not hold depth"):
        import_pifu(exported, tmp_path / "x", items=("rgb", "depth"))
    with pytest.raises(InputError, match="is not empty and not an export"):
        export_pifu(data, data)
    few = tmp_path / "few"
    write_folder(tmp_path / "scans", 1)
    options = DatagenOptions(out=few, source="meshes", folder=tmp_path / "scans", size_px=32, items=("rgb",), num_actors=0)
    generate(options, progress=False)
    with pytest.raises(InputError, match="holds no mask, mesh"):
        export_pifu(few, tmp_path / "y")
