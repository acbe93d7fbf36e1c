"""Body models and pose lists from foreign files: read exactly, never run."""

from __future__ import annotations

import contextlib
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from scipy.sparse import csc_matrix

from vitruvian.bodies import load_builtin, safe_pickle
from vitruvian.bodies.model_choice import ModelChoice, load_body_model
from vitruvian.bodies.pose_list import NOT_AMASS, PoseList
from vitruvian.bodies.safe_pickle import as_array, read_pickle
from vitruvian.bodies.skinning import pose_body
from vitruvian.errors import InputError


def published(model_changes: dict | None = None) -> dict:
    """The built-in body as SMPL was published: float64, a sparse regressor, unsigned faces; no correctives, to be small."""
    model = load_builtin()
    arrays = {
        "v_template": model.v_template.astype(np.float64),
        "f": model.faces.astype(np.uint32),
        "shapedirs": model.shapedirs.astype(np.float64),
        "J_regressor": csc_matrix(model.joint_regressor.astype(np.float64)),
        "weights": model.weights.astype(np.float64),
        "kintree_table": np.array([[2**32 - 1, *model.parents[1:]], range(24)], np.int64),
        "bs_style": "lbs",
        "bs_type": "lrotmin",
    }
    return arrays | (model_changes or {})


def test_a_published_pickle_is_read_without_running_it(tmp_path: Path) -> None:
    path = tmp_path / "basicmodel_m.pkl"
    path.write_bytes(pickle.dumps(published(), protocol=2))
    model, ours = load_body_model(path), load_builtin()
    assert np.array_equal(model.v_template, ours.v_template) and np.array_equal(model.faces, ours.faces)
    assert np.abs(model.joint_regressor - ours.joint_regressor).max() < 1e-7
    assert np.array_equal(pose_body(model, betas=[1.0]).vertices, pose_body(ours, betas=[1.0]).vertices)


def test_chumpy_arrays_are_taken_out_of_their_wrapping(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("chumpy.ch")

    class Ch:
        def __init__(self, x: np.ndarray) -> None:
            self.x = x

    Ch.__module__, Ch.__qualname__ = "chumpy.ch", "Ch"
    module.Ch = Ch
    monkeypatch.setitem(sys.modules, "chumpy", types.ModuleType("chumpy"))
    monkeypatch.setitem(sys.modules, "chumpy.ch", module)
    wide = np.concatenate([load_builtin().shapedirs.astype(np.float64)] * 2, axis=2)
    for protocol in (0, 2, 4):
        path = tmp_path / f"model{protocol}.pkl"
        path.write_bytes(pickle.dumps(published({"shapedirs": Ch(wide)}), protocol=protocol))
        assert np.array_equal(load_body_model(path).shapedirs, load_builtin().shapedirs[..., :10])


def test_anything_else_in_a_pickle_is_refused_by_name(tmp_path: Path) -> None:
    marker = tmp_path / "was run"

    class Evil:
        def __init__(self, call: object, *arguments: object) -> None:
            self.call, self.arguments = call, arguments

        def __reduce__(self) -> tuple:
            return (self.call, self.arguments)

    import os
    import subprocess

    for call, arguments in (
        (os.system, (f"touch '{marker}'",)),
        (subprocess.Popen, (["touch", str(marker)],)),
        (eval, (f"open({str(marker)!r}, 'w')",)),
        (getattr, ("text", "upper")),
        (np.save, (str(marker), 1)),
    ):
        (tmp_path / "evil.pkl").write_bytes(pickle.dumps({"v_template": Evil(call, *arguments)}))
        with pytest.raises(InputError, match=r"evil\.pkl: is not read: it asks for"):
            read_pickle(tmp_path / "evil.pkl")
    assert not list(tmp_path.glob("was run*"))
    for data in (b"", b"nonsense", pickle.dumps({"a": np.zeros(9)})[:-20]):
        (tmp_path / "cut.pkl").write_bytes(data)
        with pytest.raises(InputError, match=r"cut\.pkl"):
            read_pickle(tmp_path / "cut.pkl")


def test_a_pickle_cannot_change_the_reader(tmp_path: Path) -> None:
    before = {name: vars(value).copy() for name, value in vars(safe_pickle).items() if isinstance(value, type)}
    defaults = safe_pickle._encode.__defaults__
    for target in (b"c_codecs\nencode\n", b"cchumpy.ch\nCh\n", b"cnumpy\ndtype\n", b"cscipy.sparse.csc\ncsc_matrix\n"):
        for state in ({"__defaults__": ("utf-16",)}, {"__setstate__": 3, "state": 4}, {"_function": 5}):
            pair = pickle.dumps((None, state), protocol=2)[2:-1]  # what BUILD takes as slots to set
            (tmp_path / "b.pkl").write_bytes(b"\x80\x02" + target + pair + b"b.")
            with contextlib.suppress(InputError):
                read_pickle(tmp_path / "b.pkl")
    after = {name: vars(value).copy() for name, value in vars(safe_pickle).items() if isinstance(value, type)}
    assert before == after and safe_pickle._encode.__defaults__ == defaults


def test_plain_values_of_every_kind_come_back(tmp_path: Path) -> None:
    values = {"a": np.arange(6.0).reshape(2, 3), "b": np.float32(2.5), "c": [1, 2, 3], "d": "text", "e": None,
              "f": b"raw", "g": np.asfortranarray(np.arange(6).reshape(2, 3)), "h": {"i": (True, 1.5)},
              "t": np.array(["x", "yz"])}  # fmt: skip
    for protocol in range(6):
        (tmp_path / "v.pkl").write_bytes(pickle.dumps(values, protocol=protocol))
        found = read_pickle(tmp_path / "v.pkl")
        assert np.array_equal(found["a"], values["a"]) and np.array_equal(found["g"], values["g"])
        assert found["h"] == values["h"] and found["d"] == "text" and found["t"].tolist() == ["x", "yz"]
        assert as_array(found["b"]) == 2.5 and as_array(found["c"]).tolist() == [1, 2, 3] and as_array(found["d"]) is None


def test_gendered_folders(tmp_path: Path) -> None:
    for name in ("basicModel_f_lbs_10_207_0_v1.0.0.pkl", "basicmodel_m_lbs_10_207_0_v1.0.0.pkl"):
        (tmp_path / name).write_bytes(pickle.dumps(published({"bs_style": name}), protocol=2))
    choice = ModelChoice.at(tmp_path)
    assert [gender for gender, _ in choice.files] == ["female", "male"]
    assert choice.for_gender("female").num_vertices == load_builtin().num_vertices
    with pytest.raises(InputError, match="there is no neutral or neutral model"):
        choice.for_gender("neutral")
    assert ModelChoice.at(None).for_gender("male") is load_builtin()
    (tmp_path / "SMPL_NEUTRAL.pkl").write_bytes(pickle.dumps({"v_template": np.zeros((3, 3))}))
    with pytest.raises(InputError, match=r"SMPL_NEUTRAL\.pkl: lacks f, shapedirs"):
        ModelChoice.at(tmp_path).for_gender("neutral")


def test_pose_lists(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    poses = rng.normal(0, 0.2, (5, 72)).astype(np.float32)
    poses[:, :3] = [np.pi, 0, 0]  # upright before a camera whose y points down
    names = np.array(["h36m_a", "amass_b", "3dpw_c", "up3d_d", "amass_e"])
    np.savez(tmp_path / "poses.npz", poses=poses, fnames=names)
    whole, some = PoseList.open(tmp_path / "poses.npz"), PoseList.open(tmp_path / "poses.npz", prefixes=NOT_AMASS)
    assert len(whole.names) == 5 and some.names == ("h36m_a", "3dpw_c", "up3d_d")
    drawn = some.pose(1)
    assert drawn.name == "3dpw_c" and np.allclose(drawn.body_pose, poses[2, 3:], atol=1e-6)
    assert np.abs(np.linalg.norm(drawn.global_orient) % (2 * np.pi)) < 1e-5  # it stands
    assert {some.sample_pose(np.random.default_rng(k)).name for k in range(20)} == set(some.names)
    np.savez(tmp_path / "bad.npz", poses=poses[:, :70])
    np.savez(tmp_path / "objects.npz", poses=poses, fnames=np.array([{"a": 1}] * 5, object))
    (tmp_path / "text.npz").write_text("x")
    for name, words in (("bad.npz", r"floats \(n, 72\)"), ("objects.npz", "without unpickling"), ("text.npz", "not an .npz")):
        with pytest.raises(InputError, match=words):
            PoseList.open(tmp_path / name)
    with pytest.raises(InputError, match="no name begins with"):
        PoseList.open(tmp_path / "poses.npz", prefixes=("lsp",))
