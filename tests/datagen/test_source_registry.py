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
