"""PARAM files make their pictures again, wherever and in whatever unit the meshes lie."""

import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from figures import write_folder

from vitruvian.cli.datagen_replay import main
from vitruvian.cli.main import main as cli
from vitruvian.datagen.layouts.npy_objects import write_npy_object
from vitruvian.datagen.layouts.pifu_frame import LayoutFrame, param_of
from vitruvian.datagen.lights.shading import draw
from vitruvian.datagen.lights.transfer import baked
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.replays.pifu_param import center_rule, param_files, param_members, read_param, size_px, view_of
from vitruvian.datagen.run import generate
from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.shards import ShardDataset

CASE = np.load(Path(__file__).parents[1] / "golden" / "prt" / "case.npz")
PICTURES = [index for index, yaw in enumerate(CASE["out_yaws"]) if f"out_render_rgba_{yaw}" in CASE]


def param(index: int) -> dict:
    return {
        "sh": CASE["out_param_sh"][index],
        "ortho_ratio": float(CASE["out_param_ortho_ratio"]),
        "scale": float(CASE["out_param_scale"]),
        "center": CASE["out_param_center"],
        "R": CASE["out_param_R"][index],
    }


def golden_subject(scale: float = 1.0, shift: tuple[float, float, float] = (0, 0, 0), metres: float = 0.01) -> Subject:
    """The golden figure as a source gives it, from a file in which it is ``scale`` times as large and moved by ``shift``."""
    in_file = CASE["out_vertices_rescaled"] * scale + shift
    matrix = np.diag([metres, metres, metres, 1.0])
    matrix[:3, 3] = [0.2, -in_file[:, 1].min() * metres, -0.1]
    mesh = Mesh(
        vertices=(in_file * metres + matrix[:3, 3]).astype(np.float32),
        faces=CASE["in_faces"],
        uvs=CASE["in_uv"].astype(np.float32),
        uv_faces=CASE["in_face_uv"],
        texture=CASE["in_texture_rgb"],
    )
    attributes = {"world_from_file": matrix.tolist()}
    return Subject(subject_id="0042", mesh=mesh, source="test", licence="CC0", attributes=attributes)


class Draws:
    """Hands out the draws that the case was made with."""

    def __init__(self) -> None:
        self.arrays = [CASE["in_rand_theta"], CASE["in_rand_phi"]]

    def random(self, shape: tuple[int, int]) -> np.ndarray:
        return self.arrays.pop(0)


@pytest.fixture()
def params(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "PARAM" / "0042"
    folder.mkdir(parents=True)
    for index, yaw in enumerate(CASE["out_yaws"]):
        write_npy_object(folder / f"{yaw}_0_00.npy", param(index))
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("scale", "shift", "metres"), [(1.0, (0, 0, 0), 0.01), (0.01, (0, 0, 0), 1.0), (9.5, (40, -900, 7), 0.001)]
)
def test_pictures_are_made_again(scale: float, shift: tuple, metres: float) -> None:
    subject = golden_subject(scale, shift, metres)
    shaded = baked(subject.mesh, Draws())  # type: ignore[arg-type]
    for index in PICTURES:
        view = view_of(subject, param(index))
        assert np.degrees(view.yaw_rad) == pytest.approx(CASE["out_yaws"][index], abs=1e-6)
        expected = CASE[f"out_render_rgba_{CASE['out_yaws'][index]}"].astype(np.float64)
        found = draw(subject.mesh, view, fields=("mask", "color"), transfer=lambda: shaded)
        mask = expected[..., 3] > 0.5
        assert (found.mask != mask).mean() <= 0.001
        off = np.abs(found.color - expected[..., :3])[found.mask & mask]
        assert off.mean() < 0.004 and np.percentile(off, 99) < 0.02


def test_the_view_is_exact_where_the_file_is_the_rescaled_one(params: Path) -> None:
    subject = golden_subject()
    matrix = np.array(subject.attributes["world_from_file"])
    world = CASE["out_vertices_rescaled"] @ matrix[:3, :3].T + matrix[:3, 3]
    for path in param_files(params / "PARAM" / "0042"):
        stored = read_param(path)
        view = view_of(subject, stored)
        assert size_px(stored) == view.camera.width_px == 128 and view.light.shadows  # type: ignore[union-attr]
        pixels = view.camera.project(world)
        units = (CASE["out_vertices_rescaled"] - stored["center"]) @ stored["R"].T
        assert np.abs(pixels[:, 0] - (units[:, 0] / 102.4 + 1) * 64).max() < 1e-6
        assert np.abs(pixels[:, 1] - (1 - units[:, 1] / 102.4) * 64).max() < 1e-6


def test_a_data_set_is_made_again_from_its_param_files(tmp_path: Path) -> None:
    scans = write_folder(tmp_path / "scans", 2)
    given = ["rgb", "mask", "prt", "query_points"]
    options = DatagenOptions(
        out=tmp_path / "first", source="meshes", folder=scans, items=tuple(given), views_per_subject=3, held_out=1,
        size_px=64, supersample=1, background="black", center="vertices", query_points=500, num_actors=0,
    )  # fmt: skip
    generate(options)
    first = ShardDataset(tmp_path / "first")
    for k in range(len(first)):
        sample = first[k]
        name, yaw = Path(sample["subject_id"]).stem, round(np.degrees(sample["view"]["yaw_rad"]))
        frame = LayoutFrame.of(sample["units_per_metre"], sample["center_m"])
        folder = tmp_path / "data" / "PARAM" / name
        folder.mkdir(parents=True, exist_ok=True)
        stored = param_of(sample["camera"], frame, np.array(sample["view"]["light"]["coefficients"]))
        write_npy_object(folder / f"{yaw}_0_00.npy", stored)
    (tmp_path / "data" / "val.txt").write_text("figure01\n")
    arguments = [str(tmp_path / "data"), "--meshes", str(scans), "--out", str(tmp_path / "again"), "--num-actors", "0"]
    assert main([*arguments, "--supersample", "1", "--query-points", "500", "--items", *given], "replay") == 0
    again = ShardDataset(tmp_path / "again")
    assert len(again) == len(first) == 6
    views = {(one["subject_id"], round(np.degrees(one["view"]["yaw_rad"]))): one for one in map(first.__getitem__, range(6))}
    for k in range(6):
        sample = again[k]
        before = views[sample["subject_id"], round(np.degrees(sample["view"]["yaw_rad"]))]
        assert sample["split"] == before["split"] and np.array_equal(sample["query_labels"], before["query_labels"])
        assert (sample["mask"] != before["mask"]).mean() < 0.001
        assert np.abs(sample["rgb"].astype(int) - before["rgb"]).mean() < 0.1


def test_scans_with_z_up_are_turned_with_their_views() -> None:
    """PARAM's R then holds the quarter turn that the source has made already."""
    upright = golden_subject()
    to_y_up = np.eye(4)
    to_y_up[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    matrix = np.array(upright.attributes["world_from_file"]) @ to_y_up
    lying = dataclasses.replace(upright, attributes={"world_from_file": matrix.tolist()})
    for index in range(3):
        stored = param(index)
        turned = {**stored, "R": stored["R"] @ to_y_up[:3, :3], "center": to_y_up[:3, :3].T @ stored["center"]}
        found, expected = (
            view_of(*pair).camera.project(upright.mesh.vertices) for pair in ((lying, turned), (upright, stored))
        )
        assert np.abs(found - expected).max() < 1e-6


def test_subjects_are_matched_by_parts_of_their_ids(params: Path) -> None:
    members = param_members(params, ["0007/0007.obj", "scans/0042/mesh.obj"])
    assert [(member.subject_id, member.index, member.split) for member in members] == [("scans/0042/mesh.obj", 1, "train")]
    (params / "val.txt").write_text("0042\n")
    (params / "PARAM" / "0099").mkdir()
    write_npy_object(params / "PARAM" / "0099" / "0_0_00.npy", param(0))
    members = param_members(params / "PARAM", ["0042.obj"])
    assert members[0].split == "test" and "no such subject" in members[1].missing
    with pytest.raises(InputError, match="none of its 2 subjects is there"):
        param_members(params, ["a.obj"])
    assert "2 of the source" in param_members(params, ["a/0042.obj", "b/0042.obj", "0099"])[1].missing
    with pytest.raises(InputError, match="PARAM folder"):
        param_members(params / "PARAM" / "0042", ["a"])


def test_files_that_are_no_param_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "0_0_00.npy"
    for value, says in (
        ([1, 2], "PARAM is a dictionary"),
        ({"sh": 1}, "lacks"),
        ({**param(0), "R": np.ones((3, 3))}, "rotation"),
    ):
        write_npy_object(path, value)
        with pytest.raises(InputError, match=says):
            read_param(path)

    class Evil:
        def __reduce__(self) -> tuple:
            return print, ("gotcha",)

    stream = io.BytesIO()
    content = np.empty((), object)
    content[()] = Evil()
    np.save(stream, content, allow_pickle=True)
    path.write_bytes(stream.getvalue())
    with pytest.raises(InputError, match="not safe to read"):
        read_param(path)


def test_an_export_of_ours_is_made_again_where_its_camera_looked(tmp_path: Path) -> None:
    """By default ours looks at the median of the surface; the export's note says so, and replay aims there."""
    options = DatagenOptions(
        out=tmp_path / "first", num_subjects=1, held_out=0, items=("rgb", "mask", "mesh"), views_per_subject=2, size_px=64,
        supersample=1, background="black", num_actors=0,
    )  # fmt: skip
    generate(options, progress=False)
    assert cli(["datagen", "export", str(options.out), "--layout", "pifu", "--out", str(tmp_path / "export")]) == 0
    replay = dataclasses.replace(options, out=tmp_path / "again", views_per_subject=None, replay=tmp_path / "export")
    generate(replay, progress=False)
    first, again = ShardDataset(tmp_path / "first"), ShardDataset(tmp_path / "again")
    by_yaw = {round(np.degrees(one["view"]["yaw_rad"])): one for one in map(first.__getitem__, range(2))}
    for k in range(2):
        sample = again[k]
        before = by_yaw[round(np.degrees(sample["view"]["yaw_rad"])) % 360]
        assert np.allclose(sample["center_m"], before["center_m"], atol=1e-6)
        assert (sample["mask"] != before["mask"]).sum() <= 2
    (tmp_path / "export" / "vitruvian.json").write_text("[]")
    with pytest.raises(InputError, match=r"vitruvian\.json: is not the note of an export"):
        center_rule(tmp_path / "export" / "PARAM")
