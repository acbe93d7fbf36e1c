"""The published preparation, step by step, against what it made of a small textured figure."""

from pathlib import Path

import numpy as np
import pytest

from vitruvian.datagen.items.context import SubjectContext, ViewContext
from vitruvian.datagen.items.texture_space import uv_mask, uv_normal, uv_position, uv_render
from vitruvian.datagen.lights.harmonic import HarmonicLight, load_light_bank, rotated, rotation_y
from vitruvian.datagen.lights.shading import draw
from vitruvian.datagen.lights.transfer import Transfer, baked
from vitruvian.datagen.plan import Similarity, SubjectPlan
from vitruvian.datagen.protocols import pifu, pifu_published
from vitruvian.datagen.subject import Subject
from vitruvian.datagen.view import View
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import GBuffer

CASE = np.load(Path(__file__).parents[1] / "golden" / "prt" / "case.npz")
PICTURES = [index for index, yaw in enumerate(CASE["out_yaws"]) if f"out_render_rgba_{yaw}" in CASE]
BLACK = {"kind": "plain", "color": [0, 0, 0]}


@pytest.fixture(scope="module")
def mesh() -> Mesh:
    """The scan in its rescaled file coordinates."""
    return Mesh(
        vertices=CASE["out_vertices_rescaled"].astype(np.float32),
        faces=CASE["in_faces"],
        uvs=CASE["in_uv"].astype(np.float32),
        uv_faces=CASE["in_face_uv"],
        texture=CASE["in_texture_rgb"],
    )


class Draws:
    """Hands out the draws that the case was made with."""

    def __init__(self) -> None:
        self.arrays = [CASE["in_rand_theta"], CASE["in_rand_phi"]]

    def random(self, shape: tuple[int, int]) -> np.ndarray:
        assert shape == (40, 40)
        return self.arrays.pop(0)


@pytest.fixture(scope="module")
def shaded(mesh: Mesh) -> Transfer:
    return baked(mesh, Draws())  # type: ignore[arg-type]


def view_of(mesh: Mesh, index: int) -> View:
    frame = Similarity(units_per_metre=1.0, center_m=tuple(CASE["out_param_center"].tolist()))
    yaw = float(np.radians(CASE["out_yaws"][index]))
    light = HarmonicLight.of(CASE["out_param_sh"][index], 2.2, shadows=True)
    return View(camera=pifu.camera(frame, yaw, 128), yaw_rad=yaw, light=light, background=BLACK)


def test_rescaling() -> None:
    found = pifu_published.rescaled(np.round(CASE["in_vertices_raw"], 6))
    assert np.abs(found - CASE["out_vertices_rescaled"]).max() < 1e-6
    z_up = pifu_published.rescaled(found[:, [0, 2, 1]] / 7)
    assert np.ptp(z_up[:, 2]) == pytest.approx(180) and z_up[:, 1].min() == 0
    assert pifu_published.up_axis(found[:, [1, 0, 2]]) == 2  # also when it is longest along x


def test_transfer_at_split_seams(mesh: Mesh, shaded: Transfer) -> None:
    normals = pifu_published.angle_weighted_normals(shaded.mesh)[shaded.mesh.faces]
    assert np.abs(normals - CASE["out_prt_normal_corner"]).max() < 1e-5
    assert np.array_equal(shaded.mesh.vertices[shaded.mesh.faces], mesh.vertices[mesh.faces])
    off = np.abs(shaded.coefficients[shaded.mesh.faces] - CASE["out_prt_corner"]).reshape(-1, 9).max(axis=1)
    assert (off < 1e-4).mean() >= 0.99 and off.max() < 0.03


def test_lights_turn_as_published_and_as_they_should() -> None:
    for row, angle, published, clean in zip(
        CASE["in_sh_bank_rows"],
        CASE["out_rotate_sh_angles"],
        CASE["out_rotate_sh"],
        CASE["out_rotate_sh_clean"],
        strict=True,
    ):
        assert np.abs(pifu_published.turned_light(row, angle) - published).max() < 1e-9
        assert np.abs(rotated(row, rotation_y(angle)) - clean).max() < 1e-9
    assert np.abs(CASE["out_rotate_sh"] - CASE["out_rotate_sh_clean"]).max() > 1e-3


def test_published_lights_drift_and_ours_do_not(tmp_path: Path) -> None:
    bank = CASE["in_sh_bank_rows"].copy()
    drawn = [pifu_published.drifting_light(bank, np.random.default_rng(k)) for k in range(20)]
    assert not np.allclose(bank, CASE["in_sh_bank_rows"]) and np.abs(bank - drawn[-1]).min() == 0
    np.save(tmp_path / "bank.npy", CASE["in_sh_bank_rows"])
    kept = load_light_bank(tmp_path / "bank.npy")
    figure = Subject(subject_id="a", mesh=Mesh(vertices=np.array([[-0.3, 0, 0], [0.3, 0, 0], [0, 1.8, 0.1]], np.float32),
                     faces=np.array([[0, 1, 2]], np.int32)), source="test", licence="CC0")  # fmt: skip
    for published in (False, True):
        protocol = pifu.PifuProtocol(views_per_subject=40, light_bank=kept, published=published)
        plans = [protocol.plan(figure, index=0, split="train", seed=1) for _ in range(2)]
        assert plans[0] == plans[1] and np.array_equal(kept, CASE["in_sh_bank_rows"])


def test_what_param_files_hold(mesh: Mesh) -> None:
    figure = Subject(subject_id="a", mesh=mesh, source="test", licence="CC0")
    frame = pifu.similarity(figure, "vertices")
    assert np.abs(np.array(frame.center_m) - CASE["out_param_center"]).max() < 1e-5
    assert frame.units_per_metre == pytest.approx(float(CASE["out_param_scale"]), abs=1e-6)
    for yaw, rotation in zip(CASE["out_yaws"], CASE["out_param_R"], strict=True):
        found = pifu.camera(frame, float(np.radians(yaw)), 128).rotation_33
        assert np.abs(found - rotation).max() < 1e-9


@pytest.mark.parametrize("index", PICTURES)
def test_pictures(mesh: Mesh, shaded: Transfer, index: int) -> None:
    expected = CASE[f"out_render_rgba_{CASE['out_yaws'][index]}"].astype(np.float64)
    found = draw(mesh, view_of(mesh, index), fields=("mask", "color"), transfer=lambda: shaded)
    assert (found.mask != (expected[..., 3] > 0.5)).mean() <= 0.001
    both = found.mask & (expected[..., 3] > 0.5)
    off = np.abs(found.color - expected[..., :3])[both]
    assert off.mean() < 0.004 and np.percentile(off, 99) < 0.02


@pytest.mark.parametrize("index", PICTURES)
def test_texture_space(mesh: Mesh, shaded: Transfer, index: int) -> None:
    view = view_of(mesh, index)
    figure = Subject(subject_id="a", mesh=mesh, source="test", licence="CC0")
    plan = pifu.PifuProtocol(published=True, size_px=128).plan(figure, index=0, split="test", seed=0)
    assert isinstance(plan, SubjectPlan)
    context = SubjectContext(subject=figure, plan=plan, index=0, seed=0, shared={"transfer": shaded})
    mask = uv_mask(context)["uv_mask"]
    assert (mask != CASE["out_uv_mask"]).mean() <= 0.001
    both = mask & CASE["out_uv_mask"]
    assert np.abs(uv_position(context)["uv_position"] - CASE["out_uv_pos"])[both].max() < 1e-3
    normals = uv_normal(context)["uv_normal"] / 255.0
    assert np.abs(normals - CASE["out_uv_normal"].astype(np.float64))[both].max() < 0.5 / 255 + 1e-3
    seen = ViewContext(view=view, gbuffer=GBuffer.__new__(GBuffer), subject=context)
    lit = uv_render(seen)["uv_render"] / 255.0
    off = np.abs(lit - CASE[f"out_uv_render_rgb_{CASE['out_yaws'][index]}"].astype(np.float64))[both]
    assert off.mean() < 0.004 and np.percentile(off, 99) < 0.02
