"""``vitruvian masks`` as a user runs it: finding, gathering points, looking at both; and ``pose --sam``."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.cli.conftest import Refuses
from tests.methods.tiny_sam import save_tiny_sam
from vitruvian.cli.main import main
from vitruvian.methods.body_reconstruction import box_of_mask
from vitruvian.methods.pymaf.network import PymafNetwork
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf_sam.mask_points import placed
from vitruvian.methods.pymaf_sam.point_files import read_point_files
from vitruvian.methods.pymaf_sam.point_table import read_table
from vitruvian.methods.pymaf_sam.reconstruct import load_reconstructor
from vitruvian.methods.segment.anything import Prompt, load_segmenter
from vitruvian.methods.weights import Card, save_weights

PHOTOGRAPHS = Path(__file__).resolve().parents[1] / "golden" / "photographs"


OPTIONS = PymafNetworkOptions(
    image_size_px=64, blocks=(1, 1, 1, 1), width=0.125, map_channels=(16, 16, 16), mlp_layers=(8, 5), hidden=32,
    first_points="mask", num_foreground=40, num_background=4,
)  # fmt: skip


def save_network(folder: Path, options: PymafNetworkOptions) -> Path:
    torch.manual_seed(0)
    method = "pymaf" if options.first_points == "grid" else "pymaf_sam"
    card = Card(method=method, stage="body", recipe="test", options={"network": dataclasses.asdict(options)})
    save_weights(folder, PymafNetwork(options).state_dict(), card)
    return folder


@pytest.fixture(scope="module")
def sam(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_sam(tmp_path_factory.mktemp("sam"))


@pytest.fixture
def album(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person, and the same mirrored in a folder below."""
    monkeypatch.chdir(tmp_path)
    photo = Image.open(PHOTOGRAPHS / "clothed_front.png").convert("RGB").resize((256, 256))
    (tmp_path / "album" / "sub").mkdir(parents=True)
    photo.save(tmp_path / "album" / "a.png")
    photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "album" / "sub" / "im00002.jpg", quality=95)
    return tmp_path / "album"


def mask_of(path: Path, levels: set[int] = frozenset({0, 255})) -> np.ndarray:  # type: ignore[assignment]
    with Image.open(path) as image:
        picture = np.asarray(image)
    assert picture.ndim == 2 and set(np.unique(picture)) == levels
    return picture > 127


def test_from_photographs_to_a_table(album: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["masks", "find", "album"]) == 0
    said = capsys.readouterr().out
    assert "by the person finder, 2/2" in said and "2 masks in" in said
    truth = np.asarray(Image.open(PHOTOGRAPHS / "clothed_front_mask.png").convert("L").resize((256, 256))) > 127
    first, second = mask_of(album / "a_mask.png"), mask_of(album / "sub" / "im00002_mask.png")
    assert (first & truth).sum() > 0.85 * (first | truth).sum() and second.shape == (256, 256)
    preview = np.asarray(Image.open(album / "a_mask_preview.png"))
    assert preview.shape == (256, 256, 3) and preview[~first].std(axis=-1).mean() < 3 < preview[first].std(axis=-1).mean()
    again = (album / "a_mask.png").read_bytes()
    assert main(["masks", "find", "album"]) == 0  # masks and previews are no pictures of people
    assert "2 of 2 are there already" in capsys.readouterr().out and (album / "a_mask.png").read_bytes() == again

    points = ["masks", "points", "album", "--out"]
    assert main([*points, "even.npy"]) == main([*points, "again.npy", "--overwrite"]) == 0
    assert main([*points, "drawn.npy", "--seed", "3", "--point-files", "files", "--frame", "crop"]) == 0
    assert Path("even.npy").read_bytes() == Path("again.npy").read_bytes()
    even, drawn = np.load("even.npy"), np.load("drawn.npy")
    assert even.shape == drawn.shape == (2, 441, 2) and even.dtype == np.float32
    for group in (even[:, :400], even[:, 400:]):
        np.testing.assert_allclose(group.min(axis=1), -1, atol=1e-6)
        np.testing.assert_allclose(group.max(axis=1), 1, atol=1e-6)
    said_of = json.loads(Path("even.json").read_text())
    assert [Path(row["picture"]).name for row in said_of["rows"]] == ["a.png", "im00002.jpg"] and said_of["skipped"] == []
    stored = read_table(Path("even.npy"))
    pixels = np.rint(stored.pixels(0)).astype(np.int64)  # stretching is undone
    np.testing.assert_allclose(placed(pixels, num_foreground=400, size_px=224, frame="stretched"), even[0], atol=1e-5)

    mask = read_point_files(Path("files"), "im00002")  # the published files, read back
    assert main(["masks", "points", "files", "--out", "files.npy", "--seed", "3", "--frame", "crop"]) == 0
    np.testing.assert_array_equal(np.load("files.npy"), drawn)
    columns, rows = np.floor((drawn[1].astype(np.float64) + 1) * 112).astype(int).T
    np.testing.assert_array_equal(mask[rows, columns], [True] * 400 + [False] * 41)

    (album / "sub" / "im00002_mask.png").unlink()
    assert main([*points, "one.npy", "--foreground", "10", "--background", "2"]) == 0
    assert np.load("one.npy").shape == (1, 12, 2)
    assert (
        "left out" in capsys.readouterr().out
        and "masks find" in json.loads(Path("one.json").read_text())["skipped"][0]["reason"]
    )

    assert main(["masks", "show", "album", "--frame", "stretched", "--size", "96", "--out", "sheet.png"]) == 0
    assert main(["masks", "show", "even.npy", "--size", "96", "--out", "rows.png"]) == 0
    Path("even.json").unlink()
    assert main(["masks", "show", "even.npy", "--first", "1", "--size", "96", "--out", "bare.jpg"]) == 0
    assert "bare.jpg: 1 of 2" in capsys.readouterr().out
    sheet, bare = np.asarray(Image.open("sheet.png")), np.asarray(Image.open("bare.jpg"))
    assert sheet.shape == (126, 204, 3) and bare.shape == (126, 108, 3)
    orange = (np.abs(sheet.astype(int) - [255, 176, 32]) < 8).all(axis=-1)
    assert orange[:, :102].sum() > 100 < orange[:, 102:].sum()


def test_a_mask_is_not_replaced_unasked(album: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.full((20, 20), 255, np.uint8)).save(album / "a_mask.png")
    assert main(["masks", "find", "album", "--no-preview"]) == 1
    said = capsys.readouterr()
    assert "20x20" in said.err and "--overwrite" in said.err and "1 of 2 failed" in said.err
    assert mask_of(album / "a_mask.png", {255}).shape == (20, 20) and (album / "sub" / "im00002_mask.png").is_file()
    assert main(["masks", "find", "album", "--no-preview", "--overwrite"]) == 0
    with Image.open(album / "a.png") as photo:
        photo.save(album / "a.jpg")
    assert main(["masks", "find", "album"]) == 2 and "called alike" in capsys.readouterr().err
    assert mask_of(album / "a_mask.png").shape == (256, 256) and not list(album.rglob("*preview*"))


def test_segment_anything(album: Path, sam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prompt = ["--box", "60", "10", "200", "250", "--point", "128,90", "130,140", "--not-point", "5,5"]
    assert main(["masks", "find", "album/a.png", "--sam", str(sam), *prompt, "--out", "masks"]) == 0
    assert "Segment Anything at the box, score" in capsys.readouterr().out
    picture = np.asarray(Image.open(album / "a.png"))
    wanted = Prompt(box=(60, 10, 200, 250), on=((128, 90), (130, 140)), beside=((5, 5),))
    segmenter = load_segmenter(sam)
    found = mask_of(Path("masks/a_mask.png"))
    np.testing.assert_array_equal(found, segmenter.segments(picture, [wanted])[0].mask)

    assert main(["masks", "find", "album", "--out", "own", "--no-preview"]) == 0
    assert main(["masks", "find", "album", "--sam", str(sam), "--out", "sam", "--no-preview"]) == 0
    assert "Segment Anything at the box of the person finder" in capsys.readouterr().out
    box = box_of_mask(mask_of(Path("own/a_mask.png")))
    np.testing.assert_array_equal(mask_of(Path("sam/a_mask.png")), segmenter.segments(picture, [Prompt(box=box)])[0].mask)

    part = np.zeros((3, 24, 3))
    part[:2, :6] = [[[90, 20, 1], [150, 20, 1], [120, 230, 1], [120, 100, 1], [120, 60, 1], [100, 150, 1]]]
    np.savez(
        "list.npz",
        imgname=["a.png", "a.png", "sub/im00002.jpg"],
        center=np.full((3, 2), 128.0),
        scale=np.full(3, 1.2),
        part=part,
    )
    command = ["masks", "find", "--list", "list.npz", "--pictures", "album", "--out", "listed", "--sam", str(sam)]
    assert main([*command, "--no-preview"]) == 0
    names = sorted(str(path.relative_to("listed")) for path in Path("listed").rglob("*.png"))
    assert names == ["a_1_mask.png", "a_2_mask.png", "sub/im00002_mask.png"]
    around = Prompt(box=(90 - 21, 20 - 21, 150 + 21, 230 + 21))
    np.testing.assert_array_equal(mask_of(Path("listed/a_2_mask.png")), segmenter.segments(picture, [around])[0].mask)
    points = ["masks", "points", "--list", "list.npz", "--pictures", "album", "--mask", "listed", "--out", "listed.npy"]
    assert main(points) == 0
    table = read_table(Path("listed.npy"))
    assert table.points.shape == (3, 441, 2) and table.rows[2].side_px == 240 and table.rows[2].center == (128, 128)


def test_bodies_with_masks_of_segment_anything(
    album: Path, sam: Path, refuses: Refuses, capsys: pytest.CaptureFixture[str]
) -> None:
    save_network(Path("mask"), OPTIONS)
    save_network(Path("grid"), dataclasses.replace(OPTIONS, first_points="grid"))
    box = ["--box", "60", "10", "200", "250"]
    command = ["pose", "album/a.png", *box, "--weights", "mask", "--no-overlay", "--out", "sam", "--sam", str(sam)]
    assert main(command) == 0
    picture = np.asarray(Image.open("album/a.png"))
    (segment,) = load_segmenter(sam).segments(picture, [Prompt(box=(60, 10, 200, 250))])
    other = np.zeros_like(segment.mask)
    other[40:240, 90:150] = True
    reconstructor = load_reconstructor(Path("mask"))
    wanted, far = (reconstructor.reconstruct(picture, mask=mask, box=(60, 10, 200, 250)) for mask in (segment.mask, other))
    found = np.load("sam/a.npz")["joints_px"][0]
    np.testing.assert_allclose(found, wanted.joints_px, atol=1e-4)
    assert np.abs(found - far.joints_px).max() > 1e-2  # another mask, other points
    assert main(["pose", "album/a.png", "--people", "whole", "--weights", "mask", "--sam", str(sam), "--out", "whole"]) == 0
    np.testing.assert_array_equal(np.load("whole/a.npz")["crop_px"], [[128, 128, 256]])
    refuses(["pose", album / "a.png", *box, "--weights", Path("grid").absolute(), "--sam", sam], "pymaf) read no masks")
    refuses(["pose", album / "a.png", "--mask", album, "--weights", "x", "--sam", sam], "--mask, --sam")


def test_a_video(album: Path, sam: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Masks of each frame, at the person's box in it."""
    pytest.importorskip("av")
    from tests.methods.small_videos import write_clip
    from vitruvian.methods.video.files import frames

    network = save_network(Path("mask"), OPTIONS)
    write_clip(Path("clip.mp4"), count=3)
    command = ["pose", "clip.mp4", "--box", "10", "5", "70", "90", "--weights", "mask", "--sam", str(sam), "--no-overlay"]
    assert main(command) == 0
    found = np.load("clip.npz")
    assert found["frame"].tolist() == [0, 1, 2]
    segmenter, reconstructor = load_segmenter(sam), load_reconstructor(network)
    for frame in frames(Path("clip.mp4")):
        (segment,) = segmenter.segments(frame.picture, [Prompt(box=(10, 5, 70, 90))])
        wanted = reconstructor.reconstruct(frame.picture, mask=segment.mask, box=(10, 5, 70, 90))
        np.testing.assert_allclose(found["joints_px"][frame.number], wanted.joints_px, atol=1e-3)


def test_what_is_wrong_is_said(album: Path, sam: Path, refuses: Refuses) -> None:
    photo = album / "a.png"
    refuses(["masks", "seek"], "Say find, points or show")
    refuses(["masks", "find"], "give a picture")
    refuses(["masks", "find", album, "--box", "1", "2", "3", "4"], "are of one picture")
    refuses(["masks", "find", photo, "--box", "1", "2", "3"], "has 3 numbers")
    refuses(["masks", "find", photo, "--point", "1,2"], "--sam")
    refuses(["masks", "find", photo, "--sam", sam, "--point", "1;2"], "column and row")
    refuses(["masks", "find", photo, "--sam", sam, "--not-point", "1,2"], "only where the person is not")
    refuses(["masks", "find", photo, "--sam", sam, "--point", "900,2"], "beside the picture")
    refuses(["masks", "find", photo, "--sam", album], "config.json")
    refuses(["masks", "find", photo, "--pictures", album], "goes with --list")
    refuses(["masks", "find", "--list", "a.npz"], "--pictures")
    refuses(["masks", "points", photo, "--out", "a.npz"], "give a .npy file")
    refuses(["masks", "points", photo, "--out", "a.npy"], "none of 1 masks can be used", "masks find")
    refuses(["masks", "points", photo, "--out", "a.npy", "--foreground", "0"], "at least 1")
    refuses(["masks", "points", photo, "--out", "a.npy", "--limit", "0"], "at least 1")
    refuses(["masks", "show", photo, "--out", "a.png"], "Make masks first")
    refuses(["masks", "show", photo, "--out", "a.gif"], ".png or .jpg")
    np.save(album / "t.npy", np.zeros((3, 4)))
    refuses(["masks", "show", album / "t.npy", "--out", "a.png"], "no table of points")
    np.save(album / "t.npy", np.zeros((3, 4, 2)))
    refuses(["masks", "show", album / "t.npy", "--first", "3", "--out", "a.png"], "3 rows")


@pytest.mark.parametrize("name", ["find", "points", "show"])
def test_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["masks"]) == 2 and main(["masks", "--help"]) == 0
    assert name in capsys.readouterr().out
    with pytest.raises(SystemExit) as left:
        main(["masks", name, "--help"])
    assert left.value.code == 0 and f"vitruvian masks {name} " in capsys.readouterr().out
