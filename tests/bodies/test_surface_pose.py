"""The surface for labels is that of the differentiable skinning."""

from __future__ import annotations

import dataclasses
import gc

import numpy as np
import pytest

from vitruvian.bodies import load_builtin, surface_pose
from vitruvian.bodies.skinning import pose_body
from vitruvian.bodies.surface_pose import posed_surface


@pytest.mark.parametrize("correctives", [False, True])
def test_as_the_other_skinning(correctives: bool) -> None:
    model, rng = load_builtin(), np.random.default_rng(4)
    if correctives:
        few = slice(0, 500)
        model = dataclasses.replace(
            model, v_template=model.v_template[few].copy(), shapedirs=model.shapedirs[few], weights=model.weights[few],
            joint_regressor=np.ascontiguousarray(model.joint_regressor[:, few]), faces=np.array([[0, 1, 2]], np.int32),
            uvs=None, uv_faces=None, face_parts=None, expression_vertices=None, expressiondirs=None, expression_names=(),
            keypoint_names=(), keypoint_regressor=None, landmark_names=(), landmark_vertices=None,
            posedirs=rng.standard_normal((500, 3, 207)).astype(np.float32) * 1e-2,
        )  # fmt: skip
    for scale, num_betas in ((0.0, 0), (1e-5, 3), (0.5, 10), (2.0, 10)):
        pose, betas = scale * rng.standard_normal(72), rng.standard_normal(num_betas)
        expected = pose_body(model, betas=betas, body_pose=pose[3:], global_orient=pose[:3])
        joints, vertices = posed_surface(model, betas=betas, pose_72=pose)
        assert joints.dtype == vertices.dtype == np.float32 and vertices.flags.c_contiguous
        np.testing.assert_allclose(joints, expected.joints, atol=3e-6)
        np.testing.assert_allclose(vertices, expected.vertices, atol=5e-6)
    with pytest.raises(ValueError, match="betas"):
        posed_surface(model, betas=np.zeros(1000), pose_72=np.zeros(72))


def test_what_is_kept_goes_with_the_model() -> None:
    model = dataclasses.replace(load_builtin(), v_template=load_builtin().v_template + 1)
    posed_surface(model, betas=[], pose_72=np.zeros(72))
    before = len(surface_pose._PREPARED)
    del model
    gc.collect()
    assert len(surface_pose._PREPARED) == before - 1
