"""Model files: what is read, what is refused and with which words; bytes that depend on the arrays alone."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitruvian.bodies import PARENTS, load_smpl_npz, pose_body
from vitruvian.bodies.files import BUILTIN_PATH, write_npz
from vitruvian.errors import InputError


def _tiny(**changes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    vertices = 30
    weights = rng.random((vertices, 24))
    regressor = rng.random((24, vertices))
    arrays = {
        "v_template": rng.normal(size=(vertices, 3)),
        "f": rng.integers(0, vertices, (12, 3)).astype(np.uint32),
        "shapedirs": rng.normal(size=(vertices, 3, 10)),
        "posedirs": np.zeros((vertices, 3, 207)),
        "J_regressor": regressor / regressor.sum(axis=1, keepdims=True),
        "weights": weights / weights.sum(axis=1, keepdims=True),
        "kintree_table": np.array([[2**32 - 1, *PARENTS[1:]], range(24)], np.uint32),
    }
    return {name: array for name, array in (arrays | changes).items() if array is not None}


def test_a_plain_smpl_file_is_a_model_without_extras(tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", **_tiny())
    model = load_smpl_npz(tmp_path / "mine.npz")
    assert model.name == "mine"
    assert model.posedirs is None and model.uvs is None and model.num_expressions == 0
    assert pose_body(model, betas=np.ones(10)).vertices.shape == (30, 3)
    with pytest.raises(ValueError, match="expression has 3 values a body; model 'mine' takes 0"):
        pose_body(model, expression=np.ones(3))


def test_pose_correctives_are_kept(tmp_path: Path) -> None:
    np.savez(tmp_path / "m.npz", **_tiny(posedirs=np.full((30, 3, 207), 0.5)))
    model = load_smpl_npz(tmp_path / "m.npz")
    assert model.posedirs is not None and (model.posedirs == 0.5).all()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": None}, "lacks weights"),
        ({"v_template": np.zeros((29, 3))}, "do not fit together"),
        ({"kintree_table": np.zeros((2, 52), np.uint32)}, r"kintree_table has shape \(2, 52\)"),
        ({"kintree_table": np.zeros((2, 24), np.uint32)}, "kintree_table has parents"),
        ({"f": np.full((12, 3), 30)}, "f names vertices outside"),
        ({"weights": np.ones((30, 24))}, "rows of weights must sum to one"),
        ({"J_regressor": np.full((24, 30), np.nan)}, "rows of J_regressor must sum to one"),
        ({"v_template": np.array([{"an": "object"}])}, "without unpickling"),
    ],
)
def test_files_that_are_wrong_are_refused_with_the_reason(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    np.savez(tmp_path / "bad.npz", **_tiny(**changes))
    with pytest.raises(InputError, match=words) as caught:
        load_smpl_npz(tmp_path / "bad.npz")
    assert "bad.npz" in str(caught.value)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load_smpl_npz(tmp_path / "absent.npz")
    (tmp_path / "model.pkl").write_bytes(pickle.dumps({"v_template": 1}))
    with pytest.raises(InputError, match=r"not an \.npz archive"):
        load_smpl_npz(tmp_path / "model.pkl")
    (tmp_path / "cut.npz").write_bytes(BUILTIN_PATH.read_bytes()[:-3000])
    with pytest.raises(InputError, match=r"cut\.npz"):
        load_smpl_npz(tmp_path / "cut.npz")


def test_written_bytes_depend_on_the_arrays_alone(tmp_path: Path) -> None:
    with np.load(BUILTIN_PATH, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    write_npz(tmp_path / "again.npz", dict(reversed(arrays.items())))
    assert (tmp_path / "again.npz").stat().st_size < 6_000_000
    with np.load(tmp_path / "again.npz", allow_pickle=False) as again:
        assert all(np.array_equal(again[name], array) for name, array in arrays.items())
    write_npz(tmp_path / "twice.npz", arrays)
    assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "twice.npz").read_bytes()
