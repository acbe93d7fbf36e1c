"""Options become sources; poses come from the built-in ones or from a folder."""

from pathlib import Path

import pytest

from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.sources.registry import make_source
from vitruvian.datagen.sources.synthetic import SyntheticSource
from vitruvian.errors import InputError


def test_upright_people_do_not_kneel_run_or_sit(tmp_path: Path) -> None:
    def pose_names(poses: str) -> set[str]:
        source = make_source(DatagenOptions(out=tmp_path, num_subjects=60, poses=poses))
        assert isinstance(source, SyntheticSource)
        return {source.pose_name(subject).removesuffix("_mirrored") for subject in source.subject_ids()}

    low = {"sitting", "crouching", "kneeling", "running", "lunging"}
    assert not pose_names("upright") & low
    assert pose_names("everyday") & low


def test_poses_that_are_neither_a_kind_nor_a_folder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--poses .*nowhere.*AMASS"):
        make_source(DatagenOptions(out=tmp_path, poses=str(tmp_path / "nowhere")))


@pytest.mark.parametrize(
    ("source", "name", "value", "users"),
    [
        ("synthetic", "body_model", Path("x.pkl"), "'smpl', 'deephuman', 'thuman2'"),
        ("synthetic", "mesh_unit", "cm", "'deephuman', 'thuman2', 'meshes'"),
        ("smpl", "folder", Path("scans"), "'deephuman', 'thuman2', 'meshes'"),
        ("meshes", "shape_std", 2.0, "'smpl'"),
        ("deephuman", "body_folder", Path("fits"), "'thuman2'"),
    ],
)
def test_options_of_other_sources_are_refused(tmp_path: Path, source: str, name: str, value: object, users: str) -> None:
    flag = name.replace("_", "-")
    changes = {"source": source, name: value}
    with pytest.raises(InputError, match=rf"--{flag} means nothing to source '{source}'.*\({users}\)"):
        make_source(DatagenOptions(out=tmp_path, **changes))  # type: ignore[arg-type]
