"""The published evaluation on the published folders, and that our own evaluation gives the same four figures."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from known_shapes import figure
from PIL import Image

from vitruvian.cli.main import main
from vitruvian.datagen.layouts.common import encode_jpeg
from vitruvian.datagen.layouts.geopifu_codec import FLIP, normal_picture
from vitruvian.datagen.layouts.obj_text import obj_text
from vitruvian.errors import InputError
from vitruvian.evaluate.judge import Judge, Measuring, Truth
from vitruvian.evaluate.metrics.published import canonical_fit, normal_map_distances
from vitruvian.evaluate.metrics.published_view import (
    PICTURE_HEIGHT_PX,
    PICTURE_WIDTH_PX,
    drawn_normals,
    truth_from_items,
    truth_from_pictures,
    view_camera,
)
from vitruvian.evaluate.published_results import PublishedOptions, canonical_truth, evaluate_published, view_rotation
from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh

GOLDEN = np.load(Path(__file__).parent.parent / "golden" / "published_metrics.npz")
RENDERED = np.load(Path(__file__).parent.parent / "golden" / "geopifu" / "render_case.npz")
TILT = np.array([[1.0, 0.0, 0.0], [0.0, math.cos(0.1), -math.sin(0.1)], [0.0, math.sin(0.1), math.cos(0.1)]])


@pytest.fixture(scope="module")
def case(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth, Mesh, np.ndarray]:
    """An export of one person's pictures 0 to 3, and a wrong estimate of picture 1 (from the right) in its frame."""
    root = tmp_path_factory.mktemp("layout")
    person = figure()
    raw = person.vertices.astype(np.float64) * FLIP
    place = root / "DeepHumanDataset" / "dataset" / "results_made_up_F" / "0000" / "mesh.obj"
    place.parent.mkdir(parents=True)
    place.write_bytes(obj_text(raw, person.faces))
    turned = raw @ TILT.astype(np.float32).astype(np.float64).T
    center, scale = canonical_fit(turned)
    for folder in ("config", "normalRGB", "maskImage"):
        (root / "humanRender" / folder).mkdir(parents=True)
    camera = view_camera(PICTURE_WIDTH_PX, PICTURE_HEIGHT_PX)
    for view in (1,):
        units = (turned - center) * scale @ view_rotation(view)
        normal, mask = drawn_normals(units * FLIP, person.faces, camera)
        config = {"meshPath": f"/elsewhere/{'/'.join(place.parts[-4:])}", "randomRot": TILT.tolist()}
        (root / "humanRender" / "config" / f"{view:06d}.json").write_text(json.dumps(config))
        for name, picture in (("normalRGB", normal_picture(normal)), ("maskImage", mask.astype(np.uint8) * np.uint8(255))):
            path = root / "humanRender" / name / f"{view:06d}.jpg"
            path.write_bytes(encode_jpeg(Image.fromarray(picture), "published"))
    # The same truth as a sample of ours: the camera turns world metres to the view, the similarity is the draw's.
    flip = np.diag(FLIP)
    rotation = flip @ view_rotation(1).T @ TILT.astype(np.float32).astype(np.float64) @ flip
    ours = Camera(
        projection="orthographic",
        width_px=256,
        height_px=384,
        focal_px=(384 * scale, 384 * scale),
        center_px=(128.5, 192.5),
        rotation=tuple(rotation.ravel().tolist()),
        translation_m=tuple((-rotation @ ((center @ TILT) * FLIP)).tolist()),
    )
    world_center = (center @ TILT.astype(np.float32).astype(np.float64)) * FLIP
    truth = Truth(
        subject_id="made-up",
        view_index=1,
        picture=np.zeros((384, 256, 3), np.uint8),
        mask=mask,
        camera=ours,
        mesh=person,
        similarity=((float(world_center[0]), float(world_center[1]), float(world_center[2])), float(scale)),
        normal=normal,
    )
    fat = Mesh(vertices=person.vertices + np.float32(0.03) * person.vertex_normals(), faces=person.faces)
    estimate = ((fat.vertices * FLIP) @ TILT.astype(np.float32).astype(np.float64).T - center) * scale @ view_rotation(1)
    return root, truth, fat, estimate


def _results(folder: Path, vertices: np.ndarray, faces: np.ndarray) -> Path:
    folder.mkdir()
    lines = [f"v {x:.4f} {y:.4f} {z:.4f} 0.5000 0.5000 0.5000" for x, y, z in vertices.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (faces + 1).tolist()]
    (folder / "000001_meshRefined.obj").write_text("\n".join(lines) + "\n")
    return folder


def test_our_evaluation_gives_the_four_figures_of_the_published_folders(
    case: tuple[Path, Truth, Mesh, np.ndarray], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, truth, fat, estimate = case
    results = _results(tmp_path / "results", estimate, fat.faces)
    assert main(["evaluate", "published", "--results", str(results), "--export", str(root)]) == 0
    average = json.loads((results / "avgEvalMetrics.json").read_text())
    names = ["avg_norm_cos_dis_front", "avg_norm_l2_dis_front", "avg_chamfer_dis", "avg_estV_2_gtM_dis"]
    assert list(average) == names and "1 pictures" in capsys.readouterr().out
    one = json.loads((results / "000001_evalMetrics.json").read_text())
    assert one == {"norm_cos_dis_ft": [average[names[0]]], "norm_l2_dis_ft": [average[names[1]]]}
    ours, _ = Judge(truth, Measuring(cell_m=0.02, num_samples=500)).measure(fat)
    assert ours["vertex_chamfer_e4"] == pytest.approx(average["avg_chamfer_dis"], rel=1e-3)
    assert ours["vertex_psd_e4"] == pytest.approx(average["avg_estV_2_gtM_dis"], rel=1e-3)
    assert ours["normal_front_cosine"] == pytest.approx(average["avg_norm_cos_dis_front"], abs=2e-4)
    assert ours["normal_front_l2"] == pytest.approx(average["avg_norm_l2_dis_front"], abs=4e-4)
    assert 0.001 < average["avg_norm_cos_dis_front"] < 0.2 and average["avg_chamfer_dis"] > 0.5


def test_figures_that_are_there_are_kept_unless_told_otherwise(
    case: tuple[Path, Truth, Mesh, np.ndarray], tmp_path: Path
) -> None:  # fmt: skip
    root, _, fat, estimate = case
    results = _results(tmp_path / "results", estimate, fat.faces)
    options = PublishedOptions(results=results, export=root / "humanRender", out=tmp_path / "figures")
    first = evaluate_published(options)
    path = tmp_path / "figures" / "000001_evalMetrics_additional.json"
    path.write_text('{"chamfer_dis": 5.0, "estV_2_gtM_dis": 7.0}')
    assert evaluate_published(options).psd_e4 == 7.0
    assert evaluate_published(PublishedOptions(results=results, export=root, out=tmp_path / "figures", resume=False)) == first


def test_what_is_missing_is_named(case: tuple[Path, Truth, Mesh, np.ndarray], tmp_path: Path) -> None:
    root, _, fat, estimate = case
    with pytest.raises(InputError, match="no NUMBER_meshRefined"):
        evaluate_published(PublishedOptions(results=tmp_path, export=root))
    results = _results(tmp_path / "results", estimate, fat.faces)
    (results / "000001_meshRefined.obj").rename(results / "000002_meshRefined.obj")
    with pytest.raises(InputError, match=r"000002\.json"):
        evaluate_published(PublishedOptions(results=results, export=root))
    with pytest.raises(InputError, match="humanRender"):
        evaluate_published(PublishedOptions(results=results, export=tmp_path))


def test_the_truth_is_fitted_and_turned_as_the_golden_values_say() -> None:
    vertices = GOLDEN["mesh_vertices"] * np.float32([60, 100, 40]) + np.float32([3, 90, -5])
    center, scale = canonical_fit(vertices)
    for view in range(4):
        turned = ((vertices - center) * scale @ view_rotation(view))[::10]
        np.testing.assert_allclose(turned, GOLDEN[f"view_rotated_{view}"], atol=2e-5)


def test_a_mesh_that_is_its_own_estimate(case: tuple[Path, Truth, Mesh, np.ndarray], tmp_path: Path) -> None:
    root, truth, _, _ = case
    vertices = canonical_truth(root / "humanRender", 1)
    results = _results(tmp_path / "results", vertices, truth.mesh.faces)
    averages = evaluate_published(PublishedOptions(results=results, export=root))
    assert averages.chamfer_e4 < 1e-4 and averages.psd_e4 < 1e-4
    assert 0 < averages.normal_cosine < 0.03  # 3/8 of a pixel, JPEG and the four decimals
    assert averages.num_pictures == 1


def _golden_truth(view: str) -> tuple[np.ndarray, np.ndarray]:
    """The original's own drawing at every third pixel, and whole masks."""
    mask = np.unpackbits(RENDERED[f"{view}_mask_bits"]).reshape(1536, 1024).astype(bool)
    return RENDERED[f"{view}_normal_rgb"], mask


def test_an_estimate_is_drawn_as_the_original_draws_with_and_without_its_lines() -> None:
    """The renderer of the evaluation is that of the data generation, at a quarter of its size: so at full size our drawing must
    cover what the original's covers."""
    vertices = (RENDERED["mesh_vertices_m"].astype(np.float64) - RENDERED["mean"]) @ RENDERED["rotation"].T * RENDERED["scale"]
    camera = view_camera(PICTURE_WIDTH_PX, PICTURE_HEIGHT_PX)
    picture, mask = _golden_truth("front")
    wrong = {}
    for lines in (True, False):
        normal, covered = drawn_normals(vertices * FLIP, RENDERED["faces"], camera, lines=lines)
        wrong[lines] = (covered != mask).sum() / mask.sum()
        both = (covered & mask)[::3, ::3]
        want = picture[both] / 127.5 - 1
        away = (picture[both] > 250).all(axis=1)
        cosine = (normal[::3, ::3][both] * want).sum(axis=1) / np.linalg.norm(want, axis=1)
        assert np.median(np.degrees(np.arccos(np.clip(cosine[~away], -1, 1)))) < 1.0
    assert wrong[True] < 0.002 < 0.005 < wrong[False] < 0.02


def test_pictures_shrink_by_opencvs_rules() -> None:
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 256, (1536, 1024, 3), np.uint8)
    mask = (rng.random((1536, 1024)) * 255).astype(np.uint8)
    truth = truth_from_pictures(picture, mask)
    block = picture.astype(np.float64)[1::4, 1::4]
    mean = (block + picture[1::4, 2::4] + picture[2::4, 1::4] + picture[2::4, 2::4]) / 4
    np.testing.assert_allclose(truth.normal, 2 * mean / 255 - 1, atol=1e-5)
    np.testing.assert_array_equal(truth.mask, mask[::4, ::4] > 127)
    same = truth_from_pictures(picture[:384, :256], mask[:384, :256])
    np.testing.assert_allclose(same.normal, picture[:384, :256] / 127.5 - 1, atol=1e-5)


def test_normals_that_point_away_are_white_in_the_truth() -> None:
    normal = np.zeros((1536, 1024, 3), np.float32)
    normal[..., 2] = -1
    truth = truth_from_items(normal, np.ones((1536, 1024), bool))
    assert truth.normal.min() > 0.98 and truth.mask.all()
    toward = np.broadcast_to(np.float32([0, 0, 1]), (384, 256, 3))
    ones = np.ones((384, 256), bool)
    cosine, _ = normal_map_distances(toward, truth.normal, ones, truth.mask)
    assert cosine == pytest.approx(1 - 1 / math.sqrt(3), abs=0.01)
