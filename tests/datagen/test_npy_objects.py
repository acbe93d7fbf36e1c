"""PARAM files are read, and nothing but numbers gets out of them."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vitruvian.datagen.layouts.npy_objects import read_npy_object, write_npy_object
from vitruvian.errors import InputError

VALUES = {
    "sh": np.arange(27.0).reshape(9, 3),
    "ortho_ratio": 0.4,
    "scale": np.float64(1.25),
    "center": np.array([1, 2, 3], np.float32),
    "names": ["a", {"b": None}],
    "order": np.asfortranarray(np.arange(6).reshape(2, 3)),
}


def test_what_numpy_writes_is_read_and_what_we_write_numpy_reads(tmp_path: Path) -> None:
    np.save(tmp_path / "theirs.npy", VALUES)  # type: ignore[arg-type]
    write_npy_object(tmp_path / "ours.npy", VALUES)
    for content in (read_npy_object(tmp_path / "theirs.npy"), np.load(tmp_path / "ours.npy", allow_pickle=True).item()):
        assert content.keys() == VALUES.keys()
        for key in ("sh", "center", "order", "scale", "ortho_ratio"):
            assert np.array_equal(content[key], VALUES[key])  # type: ignore[arg-type]
        assert content["names"] == VALUES["names"]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_every_pickle_protocol(tmp_path: Path, protocol: int) -> None:
    with (tmp_path / "param.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|O", "fortran_order": False, "shape": ()})
        pickle.dump(np.array(VALUES, object), file, protocol=protocol)
    assert np.array_equal(read_npy_object(tmp_path / "param.npy")["sh"], VALUES["sh"])  # type: ignore[arg-type]


class Harm:
    def __reduce__(self) -> Any:
        return (os.mkdir, ("harm-was-done",))


@pytest.mark.parametrize("harm", [Harm(), {"sh": Harm()}, np.array([Harm()], object)])
def test_code_is_refused_and_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Any) -> None:
    monkeypatch.chdir(tmp_path)
    write_npy_object(tmp_path / "param.npy", harm)
    with pytest.raises(InputError, match=r"param\.npy: asks for posix\.mkdir.*not safe"):
        read_npy_object(tmp_path / "param.npy")
    assert not (tmp_path / "harm-was-done").exists()


def test_damaged_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "param.npy"
    with pytest.raises(InputError, match=r"param\.npy: is not a readable"):
        read_npy_object(path)
    write_npy_object(path, VALUES)
    whole = path.read_bytes()
    for content in (b"", b"text" * 99, whole[:40], whole[:200], whole[: len(whole) - 3]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"param\.npy: is not a readable"):
            read_npy_object(path)
    np.save(path, np.zeros((3, 3)))
    with pytest.raises(InputError, match="expected a single object"):
        read_npy_object(path)
