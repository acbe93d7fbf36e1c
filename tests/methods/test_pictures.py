"""Pictures and masks as people really hand them in."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vitruvian.errors import InputError
from vitruvian.methods.pictures import read_photograph, read_picture, reduced


def _save(path: Path, array: np.ndarray, **options: object) -> Path:
    Image.fromarray(array).save(path, **options)
    return path


@pytest.fixture
def person() -> tuple[np.ndarray, np.ndarray]:
    rgb = np.random.default_rng(0).integers(0, 255, (80, 60, 3), np.uint8)
    mask = np.zeros((80, 60), np.uint8)
    mask[10:70, 20:40] = 255
    return rgb, mask


def test_picture_and_mask_come_back_as_they_are(tmp_path: Path, person: tuple[np.ndarray, np.ndarray]) -> None:
    rgb, mask = person
    read, read_mask = read_picture(_save(tmp_path / "p.png", rgb), _save(tmp_path / "m.png", mask))
    assert np.array_equal(read, rgb)
    assert np.array_equal(read_mask, mask > 0)


def test_transparency_serves_as_the_mask(tmp_path: Path, person: tuple[np.ndarray, np.ndarray]) -> None:
    rgb, mask = person
    read, read_mask = read_picture(_save(tmp_path / "p.png", np.dstack([rgb, mask])))
    assert np.array_equal(read_mask, mask > 0)
    assert np.array_equal(read, rgb)


def test_a_turned_photograph_is_turned_upright(tmp_path: Path, person: tuple[np.ndarray, np.ndarray]) -> None:
    rgb, mask = person
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: the stored picture must be turned clockwise
    Image.fromarray(np.rot90(rgb)).save(tmp_path / "p.png", exif=exif)
    read, _ = read_picture(tmp_path / "p.png", _save(tmp_path / "m.png", mask))
    assert np.array_equal(read, rgb)


def test_errors_name_the_file_and_the_way_out(tmp_path: Path, person: tuple[np.ndarray, np.ndarray]) -> None:
    rgb, mask = person
    picture, good = _save(tmp_path / "p.png", rgb), _save(tmp_path / "m.png", mask)
    (tmp_path / "text.png").write_text("not a picture")
    (tmp_path / "cut.png").write_bytes(picture.read_bytes()[:200])
    small = _save(tmp_path / "small.png", mask[:40])
    empty = _save(tmp_path / "empty.png", np.zeros_like(mask))
    full = _save(tmp_path / "full.png", np.full_like(mask, 255))
    thin = np.zeros_like(mask)
    thin[5:20] = 255
    low = _save(tmp_path / "low.png", thin)
    cases = [
        (tmp_path / "none.png", good, "none.png: there is no such picture"),
        (tmp_path, good, "this is a folder"),
        (tmp_path / "text.png", good, "text.png: this is not a readable picture"),
        (tmp_path / "cut.png", good, "cut.png: this is not a readable picture"),
        (picture, None, "Give --mask"),
        (picture, tmp_path / "none.png", "there is no such mask"),
        (picture, small, "60x40 pixels but .*60x80"),
        (picture, empty, "empty.png: the mask is empty"),
        (picture, full, "full.png: the mask covers the whole picture"),
        (picture, low, "the person is 15 pixels high"),
    ]
    for path, mask_path, message in cases:
        with pytest.raises(InputError, match=message):
            read_picture(path, mask_path)


def test_other_kinds_of_pictures_become_srgb(tmp_path: Path) -> None:
    """16 bits, grey, CMYK, palettes with transparency, opaque transparency; floating point is refused."""
    grey = np.tile(np.arange(64, dtype=np.uint8) * 4, (48, 1))
    deep = _save(tmp_path / "deep.png", grey.astype(np.uint16) * 257)
    assert np.array_equal(read_photograph(deep).rgb, np.repeat(grey[..., None], 3, axis=2))
    plain = _save(tmp_path / "grey.png", grey)
    assert np.array_equal(read_photograph(plain).rgb[..., 1], grey)
    red = Image.new("CMYK", (64, 48), (0, 255, 255, 0))
    red.save(tmp_path / "print.jpg")
    assert np.abs(read_photograph(tmp_path / "print.jpg").rgb.astype(int) - (255, 0, 0)).max() < 12
    opaque = _save(tmp_path / "opaque.png", np.full((48, 64, 4), 255, np.uint8))
    assert read_photograph(opaque).opaque is None
    flawed = np.full((48, 64, 4), 255, np.uint8)
    flawed[0, :20, 3] = 0
    assert read_photograph(_save(tmp_path / "flawed.png", flawed)).opaque is None  # cuts nobody out
    Image.fromarray(grey.astype(np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(InputError, match=r"float.tif: holds floating-point values"):
        read_photograph(tmp_path / "float.tif")


def test_huge_pictures_are_refused_before_they_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _save(tmp_path / "large.png", np.zeros((300, 400, 3), np.uint8))
    monkeypatch.setattr("vitruvian.methods.pictures.MAX_PIXELS", 100_000)
    with pytest.raises(InputError, match=r"400x300 pixels is more than 100,000"):
        read_photograph(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000)  # Pillow itself refuses twice as many
    with pytest.raises(InputError, match="more than 100,000 pixels"):
        read_photograph(path)


def test_large_pictures_are_reduced_with_their_mask() -> None:
    rgb, mask = np.zeros((100, 50, 3), np.uint8), np.zeros((100, 50), bool)
    mask[20:80, 10:40] = True
    smaller, smaller_mask = reduced(rgb, mask, 50)
    assert smaller.shape == (50, 25, 3) and smaller_mask[10:40, 5:20].all() and smaller_mask.sum() == 30 * 15
    assert reduced(rgb, mask, 100)[0] is rgb
