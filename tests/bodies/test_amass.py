"""Motion files: turned upright, sampled, refused with a reason."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from vitruvian.bodies import JOINT_INDEX, AmassFolder, load_builtin, pose_body, read_amass
from vitruvian.bodies.amass import without_heading
from vitruvian.errors import InputError


def _clip(path: Path, frames: int = 5, columns: int = 156, **changes: Any) -> None:
    rng = np.random.default_rng(6)
    poses = rng.normal(0, 0.1, (frames, columns))
    heading = Rotation.from_rotvec(rng.uniform(-3, 3, (frames, 1)) * [0, 0, 1])
    poses[:, :3] = (heading * Rotation.from_euler("x", np.pi / 2)).as_rotvec()  # standing in AMASS's frame: z up
    arrays = {"poses": poses, "trans": rng.normal(size=(frames, 3)), "betas": np.zeros(16), "mocap_framerate": 120.0}
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: value for name, value in (arrays | changes).items() if value is not None})


@pytest.mark.parametrize(("columns", "joints"), [(72, 23), (156, 21), (165, 21)])
def test_bodies_stand_upright_whatever_the_layout(tmp_path: Path, columns: int, joints: int) -> None:
    _clip(tmp_path / "a.npz", columns=columns)
    clip = read_amass(tmp_path / "a.npz")
    assert clip.body_pose.shape == (5, 69)
    assert (clip.body_pose[:, : 3 * joints] != 0).all() and (clip.body_pose[:, 3 * joints :] == 0).all()
    up = Rotation.from_rotvec(clip.global_orient).apply([0.0, 1.0, 0.0])
    assert np.allclose(up, [0, 1, 0], atol=1e-9)
    with np.load(tmp_path / "a.npz") as raw:
        assert np.allclose(clip.translation_m[:, 1], raw["trans"][:, 2])


def test_samples_face_the_viewer_and_repeat(tmp_path: Path) -> None:
    _clip(tmp_path / "walks" / "one.npz")
    _clip(tmp_path / "walks" / "two.npz", frames=2)
    np.savez(tmp_path / "walks" / "shape.npz", betas=np.zeros(16))
    folder = AmassFolder.open(tmp_path)
    assert [path.name for path in folder.files] == ["one.npz", "two.npz"]
    rng = np.random.default_rng(1)
    poses = [folder.sample_pose(rng) for _ in range(20)]
    for pose in poses:
        forwards = Rotation.from_rotvec(pose.global_orient).apply([0.0, 0.0, 1.0])
        assert forwards[2] > 0.99
        assert pose.name.startswith("walks/")
    assert len({pose.name for pose in poses}) > 5
    again = np.random.default_rng(1)
    assert all(np.array_equal(folder.sample_pose(again).body_pose, pose.body_pose) for pose in poses)
    body = pose_body(load_builtin(), body_pose=poses[0].body_pose, global_orient=poses[0].global_orient)
    assert body.joints[JOINT_INDEX["head"], 1] > 0.4


def test_taking_the_heading_out_leaves_the_lean() -> None:
    lean = Rotation.from_euler("x", 0.4)
    for heading in (-3.0, -1.0, 0.0, 2.0):
        turned = Rotation.from_euler("y", heading) * lean
        assert np.allclose(without_heading(turned.as_rotvec()), lean.as_rotvec())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"poses": None}, "no array 'poses'"),
        ({"poses": np.zeros((5, 80))}, r"'poses' is float64\(5, 80\)"),
        ({"poses": np.zeros((0, 156))}, r"\(0, 156\)"),
        ({"poses": np.full((5, 156), np.nan)}, "not finite"),
        ({"trans": np.zeros((4, 3))}, r"'trans' is \(4, 3\)"),
        ({"poses": np.array([{"a": 1}])}, "without unpickling"),
    ],
)
def test_files_that_are_no_motion_are_refused(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    _clip(tmp_path / "bad.npz", **changes)
    with pytest.raises(InputError, match=words) as caught:
        read_amass(tmp_path / "bad.npz")
    assert "bad.npz" in str(caught.value)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no \.npz motion files"):
        AmassFolder.open(tmp_path)
    (tmp_path / "x.npz").write_text("no")
    with pytest.raises(InputError, match=r"not an \.npz archive"):
        AmassFolder.open(tmp_path).sample_pose(np.random.default_rng(0))
