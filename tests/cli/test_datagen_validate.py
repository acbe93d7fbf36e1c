"""``vitruvian datagen validate`` as a user runs it: a table to read, JSON for machines, an exit code for scripts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.datagen.figures import figure, write_obj
from tests.datagen.layouts import write_deephuman, write_model, write_thuman2
from vitruvian.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["datagen", "validate", *map(str, arguments)])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_folder_of_good_and_bad_meshes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "scans"
    folder.mkdir()
    write_obj(folder / "anna.obj", figure(0))
    write_obj(folder / "big.obj", figure(1), scale=100)
    (folder / "cut.obj").write_text((folder / "anna.obj").read_text()[:-7])
    code, out, _ = run(capsys, folder, "--json", tmp_path / "report.json")
    assert code == 1
    lines = out.splitlines()
    assert "source meshes, 3 subjects, metres, y up, facing z" in lines[0]
    assert lines[1].split() == ["subject", "faces", "vertices", "height", "surface", "texture", "body"]
    anna = next(line for line in lines if "anna.obj" in line)
    assert anna.startswith("ok") and "3,288" in anna and "1,658" in anna and " m  closed" in anna
    assert any(line.startswith("FAIL  big.obj") for line in lines)
    assert any("problem: the mesh is" in line for line in lines) and any(
        "to do:   The file seems to be in cent" in line for line in lines
    )
    assert lines[-1] == "3 subjects: 1 can be used, 2 would be quarantined."
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["source"] == "meshes" and report["num_subjects"] == 3 and report["num_failed"] == 2
    rows = {row["subject_id"]: row for row in report["subjects"]}
    assert rows["anna.obj"]["ok"] and rows["anna.obj"]["num_faces"] == 3288 and rows["anna.obj"]["problem"] is None
    assert "line" in rows["cut.obj"]["problem"] and rows["cut.obj"]["hint"]
    short = run(capsys, folder, "--only-problems")[1]
    assert "anna.obj" not in short and "big.obj" in short and short.splitlines()[-1] == lines[-1]
    assert run(capsys, folder, "--jobs", "2")[1].splitlines()[1:] == lines[1:]
    assert run(capsys, folder, "--mesh-unit", "cm", "--limit", "1")[0] == 1  # anna is not in centimetres
    (folder / "cut.obj").unlink()
    (folder / "big.obj").unlink()
    code, out, _ = run(capsys, folder)
    assert code == 0 and out.splitlines()[-1] == "1 subject: all can be used."


def test_it_agrees_with_generation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from vitruvian.datagen.run import DatagenOptions, generate

    folder = tmp_path / "scans"
    folder.mkdir()
    for k in range(3):
        write_obj(folder / f"p{k}.obj", figure(k), scale=1 if k else 1000)
    run(capsys, folder, "--json", tmp_path / "report.json")
    failed = {row["subject_id"]: row for row in json.loads((tmp_path / "report.json").read_text())["subjects"] if not row["ok"]}
    report = generate(
        DatagenOptions(out=tmp_path / "data", source="meshes", folder=folder, views_per_subject=1, size_px=32, query_points=100,
                       voxel_resolution=8, num_actors=0),
        progress=False,
    )  # fmt: skip
    assert set(report.quarantined) == set(failed) == {"p0.obj"}
    assert (
        failed["p0.obj"]["problem"] in report.quarantined["p0.obj"] and failed["p0.obj"]["hint"] in report.quarantined["p0.obj"]
    )


def test_the_published_layouts_are_recognised(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_deephuman(tmp_path / "one", ("results_anna_F/10",))
    write_thuman2(tmp_path / "two", ("0000",))
    model = write_model(tmp_path / "SMPL_NEUTRAL.npz")
    code, out, _ = run(capsys, tmp_path / "one")
    assert code == 0 and "source deephuman, 1 subject, metres, neg-y up, facing neg-z" in out
    assert "builtin, no joints" in out and "note:    joints are missing" in out
    code, out, _ = run(capsys, tmp_path / "one", "--body-model", model)
    assert code == 0 and "no joints" not in out
    code, out, _ = run(capsys, tmp_path / "two")
    assert code == 0 and "source thuman2" in out and "64x64" in out and "--body-model" in out
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(tmp_path / "two" / "0000" / "material0.png")
    (tmp_path / "two" / "0000" / "material0.jpeg").unlink()
    code, out, _ = run(capsys, tmp_path / "two")
    assert code == 1 and "material0.jpeg: there is no such picture" in out and "to do:" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nowhere",), "nowhere: there is no such folder"),
        ((".", "--limit", "0"), "--limit is 0; it must be at least 1"),
        ((".", "--source", "deephuman"), "holds no results_*"),
        ((".", "--mesh-facing", "y"), "cannot face along the axis that points up"),
    ],
)
def test_bad_arguments(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, arguments: tuple, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, *arguments)
    assert code == 2 and words in err and "Traceback" not in err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run(capsys, "--help")
    out = capsys.readouterr().out
    assert left.value.code == 0 and "would be quarantined" in out and "--mesh-up" in out and "Exit code" in out
