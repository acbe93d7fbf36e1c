"""``vitruvian datagen inspect``: every item on the sheet, the numbers of the data set in the plots."""

from __future__ import annotations

from pathlib import Path

import figures
import numpy as np
import pytest
from PIL import Image

from vitruvian.cli.main import main
from vitruvian.datagen.inspection.sheet import HEAD_PX, choose_samples, contact_sheet, samples_of
from vitruvian.datagen.inspection.statistics import gather
from vitruvian.datagen.inspection.tiles import (
    INSIDE,
    OUTSIDE,
    described,
    fitted,
    of_colored_volume,
    of_points,
    of_values,
    of_volume,
    tile,
    upright,
)
from vitruvian.datagen.pictures import DARK
from vitruvian.datagen.run import DatagenOptions, generate
from vitruvian.errors import InputError
from vitruvian.geometry.camera import level_camera
from vitruvian.shards import ShardDataset

NUM_SUBJECTS, NUM_VIEWS = 5, 6
CAMERA = level_camera(np.zeros(3), height_m=2.0, yaw_rad=0.0, width_px=64, height_px=64)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = figures.write_folder(tmp_path_factory.mktemp("scans"), NUM_SUBJECTS)
    figures.write_obj(folder / "z_giant.obj", figures.figure(9), scale=100)
    options = DatagenOptions(
        out=tmp_path_factory.mktemp("runs") / "people",
        source="meshes",
        folder=folder,
        views_per_subject=NUM_VIEWS,
        size_px=64,
        query_points=2000,
        voxel_resolution=32,
        items=("rgb", "mask", "normal", "depth", "mesh", "body", "solid_voxels", "query_points"),
        num_actors=0,
        held_out=2,
    )
    return generate(options, progress=False).root


def test_the_sheet_shows_every_item_of_every_sample(root: Path) -> None:
    data = ShardDataset(root)
    sheet = contact_sheet(data, [0, 7, 20], tile_px=64)
    cell = 64 + 3
    assert sheet.shape == (HEAD_PX + 3 * cell, (1 + len(data.items)) * cell, 3) and sheet.dtype == np.uint8
    for row in range(3):
        for column, name in enumerate(data.items, start=1):
            picture = sheet[HEAD_PX + row * cell :][:64, column * cell :][:, :64]
            assert picture.astype(int).std() > 8, f"{name} of row {row} is empty"
    rgb = sheet[HEAD_PX:, cell * (1 + data.items.index("rgb")) :][:64, :64]
    assert np.array_equal(rgb, data[0]["rgb"]), "a picture of the tile's size is shown as it is"


def test_samples_are_spread_or_named(root: Path) -> None:
    data = ShardDataset(root)
    chosen = choose_samples(data, 5)
    assert len({data[index]["subject_id"] for index in chosen}) == NUM_SUBJECTS
    assert len(set(choose_samples(data, 12))) == 12
    assert sorted(choose_samples(data, 10_000)) == list(range(len(data)))
    names = ["figure03.obj", "figure01.obj:4", "17"]
    assert samples_of(data, names) == [3 * NUM_VIEWS, NUM_VIEWS + 4, 17]
    for wrong in ("nobody", "figure01.obj:6", "999"):
        with pytest.raises(InputError, match=rf"--ids {wrong}: is not in .*figure00.obj"):
            samples_of(data, [wrong])
    with pytest.raises(InputError, match="--samples is 0"):
        choose_samples(data, 0)


def test_volumes_are_seen_from_the_front_and_the_side() -> None:
    solid = np.zeros((8, 10, 6), bool)
    solid[0, 9, 5] = solid[7, 0, 0] = True  # left top front; right bottom back
    front, side = np.split(of_volume(solid)[..., 0], [8], axis=1)
    assert front.shape == (10, 8) and side.shape == (10, 6)
    assert front[0, 0] == 255 and DARK < front[9, 7] < 255 and (front > DARK).sum() == 2
    assert (side > DARK).sum() == 2 and side[9, 0] > side[0, 5], "from the right: the back is on the left of the side view"
    colors = np.zeros((8, 10, 6, 3), np.uint8)
    colors[0, 9, 5], colors[0, 9, 0] = (9, 8, 7), (1, 1, 1)
    assert of_colored_volume(colors)[0, 0].tolist() == [9, 8, 7], "the nearest is seen"


def test_volumes_are_turned_upright() -> None:
    solid = np.random.default_rng(0).random((3, 4, 5)) > 0.5
    assert np.array_equal(upright(solid, np.eye(3)), solid)
    axes = np.array([[0, 0, 1.0], [1, 0, 0], [0, -1, 0]])  # grid axes along z, x, -y
    turned = upright(solid, axes)
    assert turned.shape == (4, 5, 3)
    assert turned[1, 0, 2] == solid[2, 1, 4] and turned[3, 4, 0] == solid[0, 3, 0]


def test_points_lie_where_the_camera_sees_them() -> None:
    points = np.zeros((600, 3), np.float32)
    points[:300] = [0.5, 0.5, 0.0]
    points[300:] = [-0.5, -0.5, 0.0]
    picture = of_points(points, np.arange(600) < 300, CAMERA, 64)
    assert picture[16, 48].tolist() == list(INSIDE) and picture[48, 16].tolist() == list(OUTSIDE)
    few = of_points(points[::100], None, CAMERA, 64)
    assert (few[15:18, 47:50] == 255).all() and (few > DARK).any(axis=2).sum() == 18


def test_what_is_known_of_the_surface_is_shown_on_it() -> None:
    mesh = figures.figure(0)
    center = level_camera(mesh.vertices.mean(axis=0), height_m=2.4, yaw_rad=0.0, width_px=64, height_px=64)
    high = mesh.vertices[:, 1] > mesh.vertices[:, 1].mean()
    coefficients = np.zeros((len(high), 9), np.float32)
    coefficients[:, 0] = np.where(high, 0.8, 0.2)
    sample = {"mesh": mesh, "prt_coefficients": coefficients, "prt_faces": None, "camera": center}
    shown = tile("prt", sample, 64)
    light = shown[..., 0][(shown != DARK).any(axis=2)]
    assert light.max() == 255 and np.isclose(light.min(), 64, atol=2)
    assert shown[:28].max() == 255 and shown[40:].max() < 80, "the upper half is bright"
    colors = np.tile(np.array([200, 30, 60], np.uint8), (len(high), 1))
    points = tile("color_points", {"color_points": mesh.vertices, "color_albedo": colors, "camera": center}, 64)
    assert (points[(points != DARK).any(axis=2)] == (200, 30, 60)).all() and (points != DARK).any()
    position = np.zeros((20, 20, 3), np.float32)
    position[5:15, 5:15] = np.random.default_rng(2).uniform(-1, 1, (10, 10, 3))
    texels = of_values({"uv_position": position}, center, 20)
    assert (texels[:5] == DARK).all() and texels[5:15, 5:15].max() == 255


def test_values_of_any_kind_become_a_picture() -> None:
    rng = np.random.default_rng(1)
    for value in (
        rng.random((20, 30)) > 0.5,
        rng.integers(0, 9, (20, 30)).astype(np.uint8),
        rng.random((20, 30)).astype(np.float32),
        rng.random((20, 30, 3)).astype(np.float32),
        rng.random((9, 9, 9)) > 0.5,
        rng.integers(0, 200, (9, 9, 9, 3)).astype(np.uint8),
        rng.uniform(-0.9, 0.9, (40, 3)),
        rng.random(7),
        {"a": [1, 2], "b": "words"},
        None,
    ):
        picture = fitted(of_values({"value": value}, CAMERA, 48), 48)
        assert picture.shape == (48, 48, 3) and picture.dtype == np.uint8 and picture.std() > 3
    assert described({"joints": np.zeros((24, 3), np.float32), "scale": np.float64(2.0), "tree": {"leaf": True}}) == (
        "joints: float32[24, 3]\nscale: 2.0\ntree:\n  leaf: true"
    )


def test_a_tile_keeps_proportions(root: Path) -> None:
    wide = np.full((10, 40, 3), 200, np.uint8)
    square = fitted(wide, 80)
    assert (square[30:50] == 200).all() and (square[:30] == DARK).all() and (square[50:] == DARK).all()
    sample = ShardDataset(root)[3]
    assert tile("mesh", sample, 64).shape == (64, 64, 3)
    seen = (tile("mesh", sample, 64) != DARK).any(axis=2)
    assert (seen != sample["mask"]).mean() < 0.002, "the mesh is drawn in the view's own camera"


def test_statistics_are_those_of_the_data(root: Path) -> None:
    data = ShardDataset(root)
    found = gather(root)
    assert (found.num_subjects_looked_at, found.num_views_looked_at) == (NUM_SUBJECTS, NUM_SUBJECTS * NUM_VIEWS)
    samples = list(data)
    assert np.allclose(np.sort(found.mask_share), np.sort([sample["mask"].mean() for sample in samples]))
    assert np.allclose(found.depth_near_m.min(), min(sample["depth"].min() for sample in samples))
    assert np.allclose(np.sort(found.yaw_deg), np.sort([np.degrees(s["view"]["yaw_rad"]) % 360 for s in samples]))
    assert np.allclose(found.inside_share.max(), max(sample["query_labels"].mean() for sample in samples))
    assert len(found.solid_share) == NUM_SUBJECTS and 1.5 < found.height_m.min() < found.height_m.max() < 2.0
    assert found.summary.num_views == NUM_SUBJECTS * NUM_VIEWS and len(found.visible_joints) == 0
    assert sum(found.attributes["file"].values()) == NUM_SUBJECTS
    text = str(found)
    assert "height" in text and "points inside" in text and "joints" not in text
    few = gather(root, max_subjects=2, max_views=3)
    assert (few.num_subjects_looked_at, few.num_views_looked_at) == (2, 3)


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def test_the_command_writes_both_pictures(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "look" / "sheet.png"
    assert main(["datagen", "inspect", str(root), "--samples", "3", "--tile-px", "64", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "3 samples, 8 items each" in said and "5 subjects" in said and "centimetres" in said
    assert picture(out).shape == (HEAD_PX + 3 * 67, 9 * 67, 3)
    plots = picture(tmp_path / "look" / "sheet-statistics.png")
    assert plots.shape[1] == 1500 and (plots != 255).any(axis=2).mean() > 0.02
    one = tmp_path / "one.jpg"
    arguments = ["datagen", "inspect", str(root), "--ids", "figure02.obj:1", "--items", "rgb", "depth", "--out", str(one)]
    assert main([*arguments, "--statistics", str(tmp_path / "numbers.svg")]) == 0
    assert picture(one).shape == (HEAD_PX + 195, 3 * 195, 3)
    assert "query points inside" in (tmp_path / "numbers.svg").read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere", "--out", "a.png"], "nowhere"),
        (["DATA", "--out", "a.tiff"], "--out a.tiff"),
        (["DATA", "--out", "a.png", "--samples", "0"], "--samples is 0"),
        (["DATA", "--out", "a.png", "--tile-px", "3"], "--tile-px is 3"),
        (["DATA", "--out", "a.png", "--items", "smell"], "smell"),
        (["DATA", "--out", "a.png", "--ids", "nobody"], "nobody"),
    ],
)
def test_bad_arguments_say_what_is_wrong(
    root: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["datagen", "inspect", *(str(root) if word == "DATA" else word for word in arguments)]) == 2
    assert words in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
