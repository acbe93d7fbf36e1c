"""``vitruvian reconstruct`` as a user runs it: one picture, folders, masks found, bad pictures among good ones."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.conftest import Refuses
from vitruvian.cli.main import main
from vitruvian.cli.reconstruct import read_resolution
from vitruvian.errors import InputError
from vitruvian.geometry.mesh_files import load_mesh

SMALL = ["--resolution", "48", "--device", "cpu"]


def person(width: int = 120, height: int = 160) -> tuple[np.ndarray, np.ndarray]:
    """Somebody in red before a grey wall: head, trunk, arms, legs; and the mask."""
    y, x = (np.mgrid[0:height, 0:width] + 0.5) / height
    x = x - width / height / 2
    mask = (x**2 + (y - 0.14) ** 2 < 0.06**2) | ((np.abs(x) < 0.1) & (y > 0.19) & (y < 0.55))
    mask |= (np.abs(np.abs(x) - 0.055) < 0.04) & (y > 0.5) & (y < 0.94)
    mask |= (np.abs(np.abs(x) - 0.13) < 0.025) & (y > 0.2) & (y < 0.52)
    rgb = np.where(mask[..., None], (190, 40, 30), (150, 150, 155)).astype(np.uint8)
    return rgb, mask


def save(path: Path, *, mask: str = "") -> Path:
    """A photograph; with ``mask`` "beside" or "transparency"."""
    rgb, marked = person()
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = marked.astype(np.uint8) * 255
    Image.fromarray(np.dstack([rgb, grey]) if mask == "transparency" else rgb).save(path)
    if mask == "beside":
        Image.fromarray(grey).save(path.with_name(f"{path.stem}_mask.png"))
    return path


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def reconstruct(*arguments: str) -> int:
    return main(["reconstruct", *arguments, *SMALL])


def test_one_picture_with_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "ann.png", mask="beside")
    command = ["ann.png", "--preview", "--save-mask", "--out", "new/ann.ply", "--json", "log.jsonl"]
    assert reconstruct(*command) == 0
    assert "new/ann.ply" in capsys.readouterr().out
    mesh = load_mesh(tmp_path / "new/ann.ply")
    assert mesh.num_faces > 500 and mesh.vertex_colors is not None
    assert 1.5 < np.ptp(mesh.vertices[:, 1]) < 1.9 and abs(mesh.vertices[:, 1].min()) < 0.1
    reds = mesh.vertex_colors.astype(int)
    assert (reds[:, 0] > 2 * reds[:, 1]).mean() > 0.95
    saved = np.asarray(Image.open("new/ann_mask.png")) > 127
    assert np.array_equal(saved, person()[1])
    with Image.open("new/ann_preview.png") as preview:
        assert preview.height == 512 and preview.width > 5 * 170
    entry = json.loads((tmp_path / "log.jsonl").read_text())
    assert entry["cut_out"] == "mask" and entry["resolution"] == [48, 48, 48]
    assert {"read", "features", "field", "surface", "write"} <= set(entry["timings_s"])
    before = (tmp_path / "new/ann.ply").stat().st_mtime_ns
    assert reconstruct(*command) == 0 and "there already" in capsys.readouterr().out
    assert (tmp_path / "new/ann.ply").stat().st_mtime_ns == before
    assert reconstruct(*command, "--overwrite") == 0
    assert (tmp_path / "new/ann.ply").stat().st_mtime_ns > before


def test_glb_shows_the_photograph(tmp_path: Path) -> None:
    save(tmp_path / "ann.png", mask="beside")
    assert reconstruct("ann.png") == 0
    mesh = load_mesh(tmp_path / "ann.glb")
    assert mesh.texture is not None and mesh.uv_faces is not None and 140 < mesh.texture.shape[0] < 160
    place = mesh.uvs * [1, -1] + [0, 1]
    column, row = np.minimum(place * mesh.texture.shape[1::-1], np.array(mesh.texture.shape[1::-1]) - 1).astype(int).T
    shown = mesh.texture[row, column].astype(int)
    assert (shown[:, 0] > 2 * shown[:, 1]).mean() > 0.95
    assert reconstruct("ann.png", "--overwrite", "--texture", "none") == 0
    plain = load_mesh(tmp_path / "ann.glb")
    assert plain.texture is None and plain.vertex_colors is not None and plain.num_faces == mesh.num_faces


def test_a_folder_keeps_what_works_and_says_what_does_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "in/a.png", mask="beside")
    save(tmp_path / "in/deep/b.png", mask="transparency")
    (tmp_path / "in/c.jpg").write_bytes(b"no picture")
    save(tmp_path / "in/d.png")
    command = ["in", "--out", "out", "--cut-out", "given", "--format", "obj"]
    assert reconstruct(*command) == 1
    told = capsys.readouterr()
    assert "2 of 4 failed" in told.err and "c.jpg: this is not a readable picture" in told.err
    assert "d.png: has no transparency and no d_mask.png" in told.err
    assert "[4/4" in told.out and "a second" in told.out
    assert sorted(path.name for path in (tmp_path / "out").rglob("*.obj")) == ["a.obj", "b.obj"]
    assert load_mesh(tmp_path / "out/deep/b.obj").vertex_colors is not None
    entries = [json.loads(line) for line in (tmp_path / "out/reconstructions.jsonl").read_text().splitlines()]
    assert [entry.get("cut_out", "failed") for entry in entries] == ["mask", "failed", "failed", "transparency"]
    (tmp_path / "in/c.jpg").unlink()
    save(tmp_path / "in/d.png", mask="beside")
    assert main(["reconstruct", *command, "--resolution", "32"]) == 0
    told = capsys.readouterr()
    assert "2 of 3 are there already" in told.out and "2 of them were made with other weights or options" in told.out
    assert (tmp_path / "out/d.obj").is_file()


def test_the_person_is_found_without_a_mask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "ann.png")
    Image.new("RGB", (120, 160), (150, 150, 155)).save(tmp_path / "wall.png")
    assert reconstruct("ann.png", "wall.png", "--save-mask", "--out", "out") == 1
    told = capsys.readouterr()
    assert "found by the network" in told.out
    assert "wall.png: no person was found" in told.err and "--mask" in told.err
    found, truth = np.asarray(Image.open("out/ann_mask.png")) > 127, person()[1]
    assert (found & truth).sum() > 0.7 * (found | truth).sum()


def test_bad_input_is_refused_in_words(refuses, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    save(tmp_path / "ann.png", mask="beside")
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "empty").mkdir()
    refuses(["reconstruct"], "give a picture")
    refuses(["reconstruct", "none.png"], "none.png", "no such picture")
    refuses(["reconstruct", "text.png"], "text.png", "not a readable picture")
    refuses(["reconstruct", "empty"], "no pictures in it")
    refuses(["reconstruct", "ann.png", "--mask", "no.png"], "no.png")
    refuses(["reconstruct", "ann.png", "--mask", "text.png"], "text.png", "not a readable mask")
    refuses(["reconstruct", "ann.png", "--out", "mesh.stl"], "mesh.stl", ".glb")
    refuses(["reconstruct", "ann.png", "--out", "mesh.ply", "--format", "obj"], "--format obj", "mesh.ply")
    refuses(["reconstruct", "ann.png", "--weights", "empty"], "empty", "card.json")
    refuses(["reconstruct", "ann.png", "--method", "pofu"], "pofu", "pifu")
    refuses(["reconstruct", "ann.png", "--method", "pifu", "--weights", "empty"], "--method")
    refuses(["reconstruct", "ann.png", "--resolution", "many"], "--resolution many", "171x256x171")
    refuses(["reconstruct", "ann.png", "--resolution", "9000"], "16 to 1024")
    refuses(["reconstruct", "ann.png", "--colours", "network"], "no colour network")
    refuses(["reconstruct", "ann.png", "--device", "abacus"], "--device abacus")


def test_resolutions() -> None:
    assert read_resolution("256") == 256 and read_resolution("171x256X171") == (171, 256, 171)
    for text in ("", "1x2", "-5", "axbxc"):
        with pytest.raises(InputError, match="--resolution"):
            read_resolution(text)


def test_several_pictures_of_a_person_are_one_mesh(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save(tmp_path / "front.png", mask="beside")
    save(tmp_path / "back.png", mask="transparency")
    command = ["front.png", "back.png", "--yaw-deg", "0", "180", "--out", "ann.ply", "--json", "log.jsonl", "--save-mask"]
    assert reconstruct(*command) == 0
    assert "ann.ply" in capsys.readouterr().out
    mesh = load_mesh(tmp_path / "ann.ply")
    assert mesh.num_faces > 500 and 1.5 < np.ptp(mesh.vertices[:, 1]) < 1.9 and abs(mesh.vertices[:, 1].min()) < 0.1
    entry = json.loads((tmp_path / "log.jsonl").read_text())
    assert entry["photos"] == ["front.png", "back.png"] and entry["yaws_deg"] == [0, 180]
    for name in ("ann_mask.png", "ann_back_mask.png"):
        assert np.array_equal(np.asarray(Image.open(name)) > 127, person()[1])
    save(tmp_path / "turned.png", mask="beside")
    assert reconstruct("front.png", "turned.png", "--yaw-deg", "0", "90", "--out", "other.ply") == 0
    assert not np.array_equal(load_mesh(tmp_path / "other.ply").vertices, mesh.vertices)


def test_every_picture_of_a_person_needs_an_angle(refuses: Refuses, tmp_path: Path) -> None:
    save(tmp_path / "front.png", mask="beside")
    save(tmp_path / "back.png", mask="beside")
    refuses(["reconstruct", "front.png", "back.png", "--yaw-deg", "0"], "--yaw-deg", "has 1 angles for 2 paths")
    refuses(["reconstruct", ".", "--yaw-deg", "0"], "no folders")
    refuses(["reconstruct", "front.png", "front.png", "--yaw-deg", "0", "90"], "a picture is given twice")
    mask = ["--mask", "front_mask.png"]
    refuses(["reconstruct", "front.png", "back.png", "--yaw-deg", "0", "9", *mask], "--mask", "a folder of masks")
