"""THuman 1.0 and THuman2.0: into the world frame, with joints where a model allows them, and never with wrong ones."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from layouts import Registered, write_deephuman, write_model, write_thuman2

from vitruvian.bodies import load_builtin, pose_body
from vitruvian.bodies.model_choice import ModelChoice
from vitruvian.bodies.skeleton import JOINT_INDEX
from vitruvian.datagen.checks.facing import FacingSource, heading_deg, turned
from vitruvian.datagen.checks.mesh_report import measure
from vitruvian.datagen.checks.subject import check_subject, find_notes
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.run import generate
from vitruvian.datagen.sources.deephuman import DeepHumanSource, read_smpl_parameters
from vitruvian.datagen.sources.registry import guess_source, make_source
from vitruvian.datagen.sources.thuman2 import Thuman2Source
from vitruvian.datagen.subject import Subject
from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.shards import ShardDataset

ANNA, BEN = "results_anna_F/10", "results_ben_M/7"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelChoice:
    return ModelChoice.at(write_model(tmp_path_factory.mktemp("model") / "SMPL_NEUTRAL.npz"))


@pytest.fixture(scope="module")
def thuman1(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Registered]]:
    root = tmp_path_factory.mktemp("thuman1")
    return root, write_deephuman(root)


@pytest.fixture(scope="module")
def thuman2(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Registered]]:
    root = tmp_path_factory.mktemp("thuman2")
    return root, write_thuman2(root)


def stands(subject: Subject) -> None:
    """In the world frame: feet on the floor, head up, the left side at +x, toes to the front."""
    check_subject(subject)
    assert subject.mesh.vertices[:, 1].min() == pytest.approx(0, abs=1e-4)
    assert subject.joints_m is not None
    at = {name: subject.joints_m[index] for name, index in JOINT_INDEX.items()}
    assert at["head"][1] > at["pelvis"][1] > at["left_ankle"][1] > 0
    assert at["left_hip"][0] > at["right_hip"][0] and at["left_foot"][2] > at["left_ankle"][2]


def same_body(subject: Subject) -> None:
    """The parameters pose the model where the registered surface is, and the joints are that pose's."""
    posed = pose_body(load_builtin(), **{name.removesuffix("_m"): value for name, value in subject.body_parameters.items()})
    assert subject.body is not None and subject.joints_m is not None
    assert np.abs(posed.vertices - subject.body.vertices).max() < 1e-4
    assert np.abs(posed.joints - subject.joints_m).max() < 1e-4


def test_thuman1_comes_upright_with_its_body(thuman1: tuple[Path, dict[str, Registered]], model: ModelChoice) -> None:
    root, written = thuman1
    assert guess_source(root) == "deephuman"
    source = DeepHumanSource(folder=root, models=model)
    assert list(source.subject_ids()) == [ANNA, BEN]
    subject = source.load(ANNA)
    stands(subject)
    same_body(subject)
    assert subject.body is not None and subject.body.rest_vertices is not None and subject.body.part_labels is not None
    assert subject.attributes["gender"] == "female" and source.load(BEN).attributes["gender"] == "male"
    matrix = np.array(subject.attributes["world_from_file"])
    assert np.linalg.det(matrix[:3, :3]) == pytest.approx(1)
    raw = (subject.mesh.vertices - matrix[:3, 3]) @ matrix[:3, :3]
    assert raw[:, 2].min() > 1.5  # the file's frame: the camera is two metres away
    normals = subject.vertex_normals
    ours = Mesh(vertices=subject.body.vertices, faces=subject.body.faces).vertex_normals()
    assert normals is not None and np.quantile((normals * ours).sum(axis=1), 0.02) > 0.99
    assert subject.mesh.vertex_colors is not None
    expected = np.random.default_rng(0).random((subject.mesh.num_vertices, 3)) * 255
    assert np.abs(subject.mesh.vertex_colors - expected).max() <= 1
    assert np.allclose(subject.body_parameters["betas"], written[ANNA].betas, atol=1e-6)
    same_body(source.load(BEN))


def test_without_a_model_joints_are_said_to_be_missing(thuman1: tuple[Path, dict[str, Registered]]) -> None:
    subject = DeepHumanSource(folder=thuman1[0]).load(ANNA)
    check_subject(subject)
    assert subject.joints_m is None and subject.body is not None and subject.body.joints_m is None
    assert "translation_m" not in subject.body_parameters and len(subject.body_parameters["body_pose"]) == 69
    assert any("--body-model" in note for note in subject.attributes["notes"])


def test_thuman1_files_that_are_damaged_are_named(tmp_path: Path, model: ModelChoice) -> None:
    write_deephuman(tmp_path, (ANNA,))
    place = tmp_path / "dataset" / ANNA
    source = DeepHumanSource(folder=tmp_path, models=model)
    text = (place / "smpl_params.txt").read_bytes()
    for bad, words in (
        (text[:-40], r"smpl_params\.txt, line (78|79|80)"),
        (text.replace(b"beta\r\n", b"beta\r\nx", 1), "line 2: expected 10 numbers"),
        (b"\r\n".join(text.split(b"\r\n")[:3]), r"line 4: expected 4 numbers, found '\(the file ends before\)'"),
    ):
        (place / "smpl_params.txt").write_bytes(bad)
        with pytest.raises(InputError, match=words):
            source.load(ANNA)
    (place / "smpl_params.txt").write_bytes(text.replace(b"\r\n", b"\n"))
    same_body(source.load(ANNA))  # plain line ends are as good
    (place / "smpl.obj").unlink()
    with_posed = source.load(ANNA)
    same_body(with_posed)
    (place / "smpl_params.txt").unlink()
    bare = source.load(ANNA)
    assert bare.joints_m is None and bare.body is None and bare.body_parameters == {}
    (place / "mesh.obj").unlink()
    (place.parent / "11").mkdir()
    with pytest.raises(InputError, match=r"holds no results_\*"):
        source.subject_ids()


def test_parameters_are_read_as_published(thuman1: tuple[Path, dict[str, Registered]]) -> None:
    known = read_smpl_parameters(thuman1[0] / "dataset" / ANNA / "smpl_params.txt")
    assert np.allclose(known.pose, thuman1[1][ANNA].pose, atol=1e-8) and known.root[2, 3] == pytest.approx(2.3)


def test_thuman2_with_its_texture_and_fit(thuman2: tuple[Path, dict[str, Registered]], model: ModelChoice) -> None:
    root, _ = thuman2
    assert guess_source(root) == "thuman2"
    source = Thuman2Source(folder=root, models=model)
    assert list(source.subject_ids()) == ["0000", "0001"]
    subject = source.load("0001")
    stands(subject)
    assert subject.mesh.texture is not None and subject.mesh.texture.shape == (64, 64, 3)
    assert subject.body is not None and np.abs(subject.body.vertices[:, 1].max() - subject.mesh.vertices[:, 1].max()) < 1e-3
    assert subject.body_parameters["scale"] == pytest.approx(1.03, abs=1e-4) and "translation_m" not in subject.body_parameters
    bare = Thuman2Source(folder=root).load("0001")
    assert bare.joints_m is None and any("--body-model" in note for note in bare.attributes["notes"])
    assert bare.attributes["fitted_parameters"]["scale"] == [1.03]


def test_thuman2_pickled_parameters_are_read_but_never_run(tmp_path: Path, model: ModelChoice) -> None:
    write_thuman2(tmp_path / "scans", ("0000",))
    (tmp_path / "fits" / "0000").mkdir(parents=True)
    values = json.loads((tmp_path / "scans" / "0000" / "smpl_param.json").read_text())
    (tmp_path / "scans" / "0000" / "smpl_param.json").unlink()
    arrays = {name: np.array(value, np.float32) for name, value in values.items()}
    for protocol in (2, 5):
        (tmp_path / "fits" / "0000" / "smpl_param.pkl").write_bytes(pickle.dumps(arrays, protocol=protocol))
        source = Thuman2Source(folder=tmp_path / "scans", body_folder=tmp_path / "fits", models=model)
        stands(source.load("0000"))

    class Evil:
        def __reduce__(self) -> tuple:
            return (Path.touch, (tmp_path / "was run",))

    (tmp_path / "fits" / "0000" / "smpl_param.pkl").write_bytes(pickle.dumps({"body_pose": Evil()}))
    with pytest.raises(InputError, match=r"smpl_param\.pkl: is not read: it asks for "):
        source.load("0000")
    assert not (tmp_path / "was run").exists()


def test_thuman2_fits_that_are_not_of_the_scan_are_left_out(tmp_path: Path, model: ModelChoice) -> None:
    write_thuman2(tmp_path, ("0000",))
    values = json.loads((tmp_path / "0000" / "smpl_param.json").read_text())
    (tmp_path / "0000" / "smpl_param.json").write_text(json.dumps({**values, "translation": [1.0, 0.0, 0.0]}))
    subject = Thuman2Source(folder=tmp_path, models=model).load("0000")
    assert subject.joints_m is None and any("does not put the body onto the scan" in n for n in subject.attributes["notes"])
    (tmp_path / "0000" / "smpl_param.json").write_text(json.dumps({**values, "body_pose": [0.0] * 63}))
    subject = Thuman2Source(folder=tmp_path, models=model).load("0000")
    assert subject.joints_m is None and any("SMPL-X" in note for note in subject.attributes["notes"])
    (tmp_path / "0000" / "smpl_param.json").write_text('{"body_pose": [1, 2')
    with pytest.raises(InputError, match=r"smpl_param\.json: is not a readable JSON file"):
        Thuman2Source(folder=tmp_path, models=model).load("0000")


def test_the_command_line_reaches_all_sources(thuman1: tuple[Path, dict[str, Registered]], tmp_path: Path) -> None:
    source = make_source(DatagenOptions(out=tmp_path, source="deephuman", folder=thuman1[0]))
    assert source.name == "deephuman" and source.convention.described() == "metres, neg-y up, facing neg-z"
    turned = make_source(DatagenOptions(out=tmp_path, source="thuman2", folder=tmp_path, mesh_up="z", mesh_unit="cm"))
    assert turned.convention.described() == "centimetres, z up, facing neg-y"
    for changes, words in (
        ({"source": "deephuman"}, "needs the folder"),
        ({"source": "meshes", "folder": tmp_path / "none"}, "no such folder"),
        ({"source": "meshes", "folder": tmp_path, "mesh_facing": "y"}, "cannot face along the axis that points up"),
        ({"source": "deephuman", "folder": tmp_path, "body_model": tmp_path / "x.npz"}, "--body-model .*no such file"),
        ({"source": "smpl", "body_model": tmp_path}, "holds no .pkl or .npz model named for a gender"),
    ):
        with pytest.raises(InputError, match=words):
            make_source(DatagenOptions(out=tmp_path, **changes))


def test_people_are_turned_to_the_viewer_with_all_that_is_known(tmp_path: Path, model: ModelChoice) -> None:
    write_thuman2(tmp_path, ("0000",))
    plain = Thuman2Source(folder=tmp_path, models=model).load("0000")
    assert plain.joints_m is not None and abs(heading_deg(plain.joints_m)) < 10
    away = DeepHumanSource(folder=write_turned(tmp_path / "turned"), models=model)
    subject = away.load(ANNA)
    assert subject.joints_m is not None and heading_deg(subject.joints_m) == pytest.approx(0, abs=10)
    sideways = turned(subject, 130.0)
    assert sideways.joints_m is not None
    assert heading_deg(sideways.joints_m) == pytest.approx(130 + heading_deg(subject.joints_m), abs=0.1)
    same_body(sideways)
    assert any("--face-viewer" in note for note in find_notes(sideways, measure(sideways.mesh)))

    class Sideways:
        name, convention = "deephuman", away.convention

        def subject_ids(self) -> list[str]:
            return [ANNA]

        def load(self, subject_id: str) -> Subject:
            return turned(away.load(subject_id), 130.0)

    back = FacingSource(source=Sideways()).load(ANNA)
    assert back.joints_m is not None and abs(heading_deg(back.joints_m)) < 0.1
    same_body(back)
    stands(back)
    raw = np.array(subject.attributes["world_from_file"])
    again = np.array(back.attributes["world_from_file"])
    file_point = np.linalg.inv(raw) @ [*subject.mesh.vertices[5], 1]
    assert np.allclose((again @ file_point)[:3], back.mesh.vertices[5], atol=1e-4)


def write_turned(root: Path) -> Path:
    write_deephuman(root, (ANNA,))
    return root


def test_a_body_that_is_not_the_scans_is_refused(tmp_path: Path, model: ModelChoice) -> None:
    write_deephuman(tmp_path, (ANNA,))
    place = tmp_path / "dataset" / ANNA
    lines = (place / "smpl.obj").read_text().splitlines()
    moved = [
        f"v {float(line.split()[1]) + 0.5} {' '.join(line.split()[2:])}" if line.startswith("v ") else line for line in lines
    ]
    (place / "smpl.obj").write_text("\n".join(moved))
    with pytest.raises(InputError, match=r"smpl\.obj: the registered body does not lie on mesh\.obj"):
        DeepHumanSource(folder=tmp_path, models=model).load(ANNA)


@pytest.mark.parametrize("protocol", ["pifu", "geopifu"])
def test_published_people_become_data_sets(tmp_path: Path, protocol: str, model: ModelChoice) -> None:
    write_deephuman(tmp_path / "scans", (ANNA,))
    options = DatagenOptions(out=tmp_path / "data", source="deephuman", folder=tmp_path / "scans", protocol=protocol,
                             num_actors=0, body_model=model.files[0][1], size_px=64, views_per_subject=4)  # fmt: skip
    report = generate(options, progress=False)
    assert report.num_subjects == 1 and not report.quarantined
    sample = ShardDataset(report.root)[0]
    assert sample["mask"].mean() > 0.05
