"""What a command line of pictures and folders means."""

from pathlib import Path

import pytest
from PIL import Image

from vitruvian.cli.photographs import plan
from vitruvian.errors import InputError

SUFFIXES = (".glb", ".obj", ".ply")


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.png", "b.JPG", "sub/c.webp", "sub/a.png", ".hidden/d.png", "a_mask.png", "sub/c_mask.png", "lone_mask.png"):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(path, format="PNG")
    (tmp_path / "album/notes.txt").write_text("no picture")
    return Path("album")


def planned(*photos: str | Path, **options: object) -> dict[str, tuple[str, str | None]]:
    given = {"mask": None, "out": None, "suffix": ".glb", "suffixes": SUFFIXES} | options
    jobs = plan([Path(photo) for photo in photos], **given)  # type: ignore[arg-type]
    return {str(job.photo): (str(job.mesh), None if job.mask is None else str(job.mask)) for job in jobs}


def test_one_picture(album: Path) -> None:
    assert planned("album/b.JPG") == {"album/b.JPG": ("b.glb", None)}
    assert planned("album/a.png", suffix=".ply") == {"album/a.png": ("a.ply", "album/a_mask.png")}
    assert planned("album/a.png", out=Path("new/x.obj")) == {"album/a.png": ("new/x.obj", "album/a_mask.png")}
    assert planned("album/a.png", out=Path("new")) == {"album/a.png": ("new/a.glb", "album/a_mask.png")}
    assert planned("album/b.JPG", mask=Path("album/a_mask.png"))["album/b.JPG"][1] == "album/a_mask.png"
    assert list(planned("album/a_mask.png")) == ["album/a_mask.png"]  # asked for by name


def test_a_folder_with_all_below_it(album: Path) -> None:
    assert planned(album) == {
        "album/a.png": ("reconstructions/a.glb", "album/a_mask.png"),
        "album/b.JPG": ("reconstructions/b.glb", None),
        "album/lone_mask.png": ("reconstructions/lone_mask.glb", None),
        "album/sub/a.png": ("reconstructions/sub/a.glb", None),
        "album/sub/c.webp": ("reconstructions/sub/c.glb", "album/sub/c_mask.png"),
    }


def test_results_are_no_input(album: Path) -> None:
    before = planned(album, out=album)
    for name in ("a_preview.png", "b_mask.png"):
        Image.new("RGB", (4, 4)).save(album / name)
    assert list(planned(album, out=album)) == list(before)
    (album / "out").mkdir()
    Image.new("RGB", (4, 4)).save(album / "out" / "e.png")
    assert list(planned(album, out=album / "out")) == list(before)


def test_several(album: Path) -> None:
    found = planned("album/a.png", "album/a_mask.png", "album/b.JPG", "album/b.JPG", "album/sub")
    assert found == {
        "album/a.png": ("reconstructions/a.glb", "album/a_mask.png"),
        "album/b.JPG": ("reconstructions/b.glb", None),
        "album/sub/a.png": ("reconstructions/sub/a.glb", None),
        "album/sub/c.webp": ("reconstructions/sub/c.glb", "album/sub/c_mask.png"),
    }
    Image.new("RGB", (4, 4)).save(album / "b.png")
    assert planned("album/b.JPG", "album/b.png", out=Path("o")) == {
        "album/b.JPG": ("o/b_jpg.glb", None),
        "album/b.png": ("o/b_png.glb", None),
    }


def test_masks_from_a_folder(album: Path) -> None:
    masks = Path("masks")
    (masks / "sub").mkdir(parents=True)
    for name in ("b.png", "sub/a_mask.png"):
        Image.new("L", (4, 4)).save(masks / name)
    found = {photo: mask for photo, (_, mask) in planned(album, mask=masks).items()}
    assert found["album/b.JPG"] == "masks/b.png" and found["album/sub/a.png"] == "masks/sub/a_mask.png"
    assert found["album/sub/c.webp"] == "masks/c_mask.png"  # is not there, which reading it tells


def test_what_does_not_fit_is_refused(album: Path) -> None:
    (album / "empty").mkdir()
    cases: list[tuple[list[str], dict[str, object], str]] = [
        ([], {}, "give a picture"),
        (["none.png"], {}, "none.png: there is no such picture"),
        (["album/empty"], {}, "no pictures in it"),
        (["album"], {"out": Path("x.glb")}, "is one file, but there may be several"),
        (["album/a.png"], {"out": Path("x.stl")}, "write a .glb, .obj, .ply file"),
        (["album"], {"out": Path("album/notes.txt")}, "is a file; give a folder"),
        (["album"], {"mask": Path("album/a_mask.png")}, "is one file, but there are 5 pictures"),
        (["album/a.png"], {"mask": Path("no.png")}, "no.png: there is no such mask"),
        (["album/a.png", "album/sub/a.png"], {}, "another picture is also called a"),
    ]
    for photos, options, message in cases:
        with pytest.raises(InputError, match=message):
            planned(*photos, **options)
