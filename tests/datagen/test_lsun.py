"""LSUN databases: records in the order of keys, from threads and forks, exported as published, and bad files named."""

from __future__ import annotations

import io
import multiprocessing
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import lmdb
import numpy as np
import pytest
from PIL import Image

from tests.datagen.figures import write_folder
from tests.datagen.lsun_files import keys, make_database, picture_bytes
from vitruvian.datagen.backgrounds.kinds import background_picture, draw_background, list_backgrounds, random_background
from vitruvian.datagen.backgrounds.lsun import LsunDatabase, find_databases, list_lsun, read_lsun
from vitruvian.datagen.backgrounds.lsun_export import export_database
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.run import generate
from vitruvian.errors import InputError
from vitruvian.shards.dataset import ShardDataset


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_database(tmp_path / "lsun" / "kitchen_val_lmdb", keys(7))
    make_database(tmp_path / "lsun" / "bedroom_train_lmdb", keys(9), "WEBP")
    return tmp_path / "lsun"


def test_names_are_in_the_order_of_categories_and_keys(folder: Path) -> None:
    names = list_lsun(folder, 5)
    assert names == tuple([f"bedroom/{key}" for key in sorted(keys(9))[:5]] + [f"kitchen/{key}" for key in sorted(keys(7))[:5]])
    assert len(list_lsun(folder, None)) == 16
    assert [base.category for base in find_databases(folder / "kitchen_val_lmdb")] == ["kitchen"]
    assert read_lsun(folder, f"kitchen/{keys(7)[3]}") == picture_bytes(3)


def _read_in_a_fork(job: tuple[Path, str]) -> bytes:
    return read_lsun(*job)


def test_threads_and_forks_read_the_same(folder: Path) -> None:
    names = list_lsun(folder)
    expected = [read_lsun(folder, name) for name in names]  # opens the databases in this process, before it forks
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(lambda name: read_lsun(folder, name), names)) == expected
    with multiprocessing.get_context("fork").Pool(2) as forks:
        assert forks.map(_read_in_a_fork, [(folder, name) for name in names]) == expected
    base = pickle.loads(pickle.dumps(find_databases(folder)[0]))
    assert len(base) == 9


def test_a_background_is_a_piece_of_a_record(folder: Path) -> None:
    names = list_backgrounds("lsun", folder)
    description = random_background("lsun", np.random.default_rng(5), names)
    assert description["kind"] == "lsun"
    assert description["file"] in names
    drawn = draw_background(description, 40, 30, folder)
    assert drawn.shape == (30, 40, 3)
    assert drawn.std() > 5
    whole = draw_background({"kind": "lsun", "file": names[0]}, 32, 48, folder)
    assert whole.shape == (48, 32, 3)
    picture = background_picture("lsun", folder, names[0])
    assert abs(float(whole[:, 8:24].mean()) - float(picture[:, 24:40].mean())) < 12  # the middle, not the whole width


def test_export_writes_what_the_published_tool_writes(folder: Path, tmp_path: Path) -> None:
    bedroom, kitchen = find_databases(folder)
    told: list[tuple[int, int]] = []
    assert export_database(kitchen, tmp_path / "out", limit=3, threads=2, tell=lambda *state: told.append(state)) == 3
    assert told[-1] == (3, 3)
    assert export_database(bedroom, tmp_path / "out", limit=3) == 3
    written = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.jpg"))
    expected = [f"bedroom/{key}.jpg" for key in sorted(keys(9))[:3]] + [f"kitchen/{key}.jpg" for key in sorted(keys(7))[:3]]
    assert written == expected
    assert (tmp_path / "out" / "count.txt").read_text() == "kitchen 3\nbedroom 3\n"
    with Image.open(tmp_path / "out" / written[0]) as picture:
        assert picture.format == "JPEG"
        stored = Image.open(io.BytesIO(bedroom.read(sorted(keys(9))[0]))).convert("RGB")
        assert np.abs(np.asarray(picture, int) - np.asarray(stored, int)).mean() < 3

    export_database(bedroom, tmp_path / "raw", image_type="webp")
    key = sorted(keys(9))[0]
    assert (tmp_path / "raw" / Path(*key[:6]) / f"{key}.webp").read_bytes() == bedroom.read(key)
    export_database(bedroom, tmp_path / "flat", flat=True)
    assert len(list((tmp_path / "flat").glob("*.jpg"))) == 9


def test_bad_databases_are_named(folder: Path, tmp_path: Path) -> None:
    data = folder / "kitchen_val_lmdb" / "data.mdb"
    whole = data.read_bytes()

    def broken(name: str, content: bytes) -> LsunDatabase:
        path = tmp_path / name
        path.mkdir()
        (path / "data.mdb").write_bytes(content)
        return LsunDatabase(path)

    for name, content, words in (
        ("cut_lmdb", whole[: len(whole) // 2 // 4096 * 4096], "cut short"),
        ("text_lmdb", b"this is a text" * 1000, "not a readable LMDB"),
        ("empty_lmdb", b"", "not a readable LMDB"),
    ):
        with pytest.raises(InputError, match=f"(?s){name}.*{words}"):
            len(broken(name, content))
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="no LMDB database"):
        find_databases(tmp_path / "none")
    with pytest.raises(InputError, match="does not exist"):
        list_lsun(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no picture 'abc'"):
        read_lsun(folder, "kitchen/abc")
    with pytest.raises(InputError, match="category 'tower'"):
        read_lsun(folder, "tower/abc")
    make_database(folder / "more" / "kitchen_train_lmdb", ["00"])
    with pytest.raises(InputError, match="both of category 'kitchen'"):
        find_databases(folder)


def test_an_empty_environment_and_an_unreadable_record_are_named(tmp_path: Path) -> None:
    make_database(tmp_path / "tower_train_lmdb", [])
    with pytest.raises(InputError, match="hold no pictures"):
        list_lsun(tmp_path)
    base = make_database(tmp_path / "other" / "tower_train_lmdb", ["00"])
    with lmdb.open(str(tmp_path / "x"), map_size=1 << 20) as environment, environment.begin(write=True) as transaction:
        transaction.put(b"00", b"no picture")
    (tmp_path / "x" / "data.mdb").replace(base.path / "data.mdb")
    with pytest.raises(InputError, match=r"tower_train_lmdb: 00.*not a readable picture"):
        export_database(base, tmp_path / "out")
    with pytest.raises(InputError, match="not a readable picture"):
        background_picture("lsun", tmp_path / "other", "tower/00")


def test_a_data_set_over_lsun_backgrounds(folder: Path, tmp_path: Path) -> None:
    scans = write_folder(tmp_path / "scans", 1)

    def options(**more: Any) -> DatagenOptions:
        small = {"size_px": 64, "views_per_subject": 3, "items": ("rgb", "mask"), "num_actors": 0, **more}
        people: dict[str, Any] = {"source": "meshes", "folder": scans, "background": "lsun", "background_folder": folder}
        return DatagenOptions(out=tmp_path / "data", **people, **small)

    generate(options(), progress=False)
    backgrounds = [sample["view"]["background"] for sample in ShardDataset(tmp_path / "data", items=("rgb",))]
    assert {background["kind"] for background in backgrounds} == {"lsun"}
    assert {background["file"] for background in backgrounds} <= set(list_lsun(folder))
    with pytest.raises(InputError, match="background pictures was"):
        generate(options(background_limit=2), progress=False)
    with pytest.raises(InputError, match="background-folder"):
        DatagenOptions(out=tmp_path, background="lsun")
