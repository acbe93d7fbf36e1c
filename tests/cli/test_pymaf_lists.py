"""Lists of photographs as training data: exported from drawn people, mixed, reduced, fitted, and what is wrong with them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.cli.conftest import Refuses
from vitruvian.cli.main import main
from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.run import generate
from vitruvian.datagen.spin.fits import read_fits
from vitruvian.datagen.spin.list_file import MIXTURES, Member, read_list_file, shares
from vitruvian.datagen.spin.list_samples import ListSamples, MixedSamples
from vitruvian.datagen.spin.photographs import PhotographList
from vitruvian.datagen.spin.picture_files import read_picture
from vitruvian.errors import InputError
from vitruvian.evaluate.coco import J24_TO_COCO17
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.samples import PymafSampleOptions
from vitruvian.methods.pymaf.stage import BodyStage
from vitruvian.methods.stage import Training
from vitruvian.methods.weights import Card, read_card
from vitruvian.shards import ShardDataset
from vitruvian.train.list_data import ListData

ITEMS = ("rgb", "joints_2d", "joints_3d", "body")
SMALL = PymafNetworkOptions(
    image_size_px=64, blocks=(1, 1, 1, 1), width=0.125, map_channels=(16, 16, 16), mlp_layers=(8, 5), hidden=32, dropout=0.0
)
STAGE = BodyStage(options=SMALL, training=Training(epochs=1, batch_size=2, learning_rate=1e-3, optimizer="adam"))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people to learn from and one held out, two views each."""
    folder = tmp_path_factory.mktemp("lists") / "data"
    options = DatagenOptions(
        out=folder, protocol="pymaf", num_subjects=3, held_out=1, views_per_subject=2, supersample=1, block_size=3,
        items=ITEMS, num_actors=0,
    )  # fmt: skip
    generate(options, progress=False)
    return folder


@pytest.fixture(scope="module")
def exported(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("exported") / "lists"
    assert main(["datagen", "export", str(data), "--layout", "spin", "--out", str(out)]) == 0
    return out


def arrays_of(path: Path) -> dict[str, Any]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def write_list(folder: Path, arrays: Mapping[str, Any], **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in {**arrays, **changes}.items() if value is not None}
    np.savez(folder / "list.npz", **kept)
    return folder / "list.npz"


def lists_json(path: Path, **content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def test_exported_lists_give_the_samples_of_the_shards(data: Path, exported: Path) -> None:
    lists = ListData(exported / "lists.json")
    rng_of = np.random.default_rng
    for split in ("train", "test"):
        shards = ShardDataset(data, items=ITEMS, split=split)
        samples = lists.open(STAGE, split)
        assert len(samples) == len(shards)
        for k in range(len(shards)):
            ours = STAGE.sample(shards[k], rng_of(k), training=split == "train")
            theirs = STAGE.sample(samples[k], rng_of(k), training=split == "train")
            assert ours.keys() == theirs.keys()
            for name in ours.keys() - {"image"}:
                np.testing.assert_allclose(theirs[name], ours[name], atol=1e-5, err_msg=name)
            assert np.abs(theirs["image"] - ours["image"]).mean() < 0.03  # two decoders of one JPEG
    assert set(lists.people("train")).isdisjoint(lists.people("test")) and len(lists.people("test")) == 1


def measure(data: Path, exported: Path, card: Card) -> None:
    """The weights on the held-out list and on the held-out shards, and their keypoints against COCO's annotations."""
    command = ["evaluate", "bodies", "--weights", "one"]
    by_list = ["--list", str(exported / "test.npz"), "--pictures", str(exported / "images")]
    assert main([*command, *by_list, "--out", "list.json", "--report", "list.html"]) == 0
    assert main([*command, "--data", str(data), "--out", "shards.json", "--max-samples", "2"]) == 0
    listed, shards = (json.loads(Path(name).read_text())["means"] for name in ("list.json", "shards.json"))
    for name in ("mpjpe_mm", "pa_mpjpe_mm", "pve_mm"):
        assert listed[name] == pytest.approx(shards[name], rel=0.02) == pytest.approx(card.metrics[name], rel=0.1)
    page = Path("list.html").read_text()
    assert page.count("<img ") == 2 and "PA-MPJPE" in page and "data:image/jpeg" in page

    arrays = arrays_of(exported / "test.npz")
    images, annotations = [], []
    for number, name in enumerate(arrays["imgname"].tolist(), start=1):
        Path("coco").mkdir(exist_ok=True)
        Path(f"coco/COCO_{number:012d}.jpg").write_bytes((exported / "images" / name).read_bytes())
        points = arrays["part"][number - 1][list(J24_TO_COCO17)]
        points[:, 2] *= 2
        images.append({"id": number, "width": 320, "height": 320})
        annotations.append(
            {"id": number, "image_id": number, "category_id": 1, "iscrowd": 0, "area": 20000.0, "num_keypoints": 17,
             "bbox": [60, 60, 200, 200], "keypoints": points.reshape(-1).tolist()}
        )  # fmt: skip
    names = np.array([f"COCO_{number:012d}.jpg" for number in range(1, len(images) + 1)])
    path = write_list(Path("coco"), arrays, imgname=names)
    truth = lists_json(
        Path("coco/truth.json"), images=images, annotations=annotations, categories=[{"id": 1, "name": "person"}]
    )
    coco = ["--list", str(path), "--pictures", "coco", "--benchmark", "coco", "--annotations", str(truth)]
    assert main([*command, *coco, "--out", "coco.json", "--report", "coco.html"]) == 0
    found = json.loads(Path("coco.json").read_text())
    assert len(found["results"]) == 2 and 0 <= found["scores"]["AP"] <= 1 and Path("coco.html").is_file()


@pytest.mark.slow
def test_training_on_lists_and_going_on_with_a_mixture(
    data: Path, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stage one on one list, stage two on lists and shards together, from the weights of stage one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    small = [
        "options.image_size_px=64", "options.blocks=[1,1,1,1]", "options.width=0.125", "options.hidden=32",
        "options.mlp_layers=[8,5]", "options.map_channels=[16,16,16]", "training.validation_samples=2",
    ]  # fmt: skip
    common = ["--num-workers", "0", "--epochs", "1", "--batch-size", "2", "--pictures-every", "0", "--set", *small]
    assert main(["train", "pymaf", "--data", str(exported), "--out", "one", *common]) == 0
    first = read_card(tmp_path / "one/body/weights")
    assert first.metrics["pa_mpjpe_mm"] > 0 and len(first.people) == 2
    measure(data, exported, first)
    bare = write_list(tmp_path / "bare", arrays_of(exported / "train.npz"), pose=None, shape=None, S=None, has_smpl=None)
    mixed = lists_json(
        tmp_path / "mixed.json",
        train=[
            {"name": "drawn", "shards": str(data), "share": 1},
            {"name": "photos", "list": str(bare), "pictures": str(exported / "images"), "share": 2},
        ],
        test=[{"name": "drawn", "shards": str(data)}],
    )
    start = ["--init", "one/body/weights", "--data", str(mixed), "--out", "two"]
    assert main(["train", "pymaf", *start, *common]) == 0
    second = read_card(tmp_path / "two/body/weights")
    assert second.data_fingerprint != first.data_fingerprint and "started_from" in second.extra


def test_what_a_row_lacks_takes_no_part(exported: Path, tmp_path: Path) -> None:
    """The loss of a batch is the same whatever stands in labels that are not there."""
    arrays = arrays_of(exported / "train.npz")
    count = len(arrays["imgname"])
    has = np.arange(count) % 2
    path = write_list(tmp_path, arrays, has_smpl=has)
    samples = ListSamples(PhotographList.read(path, exported / "images"))
    torch.manual_seed(0)
    network = STAGE.network().eval()
    built = [STAGE.sample(samples[k], np.random.default_rng(k), training=True) for k in range(count)]
    assert [float(one["has_smpl"]) for one in built] == has.tolist() == [float(one["has_iuv"]) for one in built]
    batch = {name: torch.from_numpy(np.stack([one[name] for one in built])) for name in built[0]}

    def loss_now() -> float:
        with torch.no_grad():
            return float(STAGE.loss(network, batch)[0])

    loss = loss_now()
    for row in np.flatnonzero(has == 0):
        batch["pose"][row], batch["betas"][row] = 3.0, -2.0
        batch["iuv"][row, 0] = 1 / 24
    assert loss_now() == pytest.approx(loss, rel=1e-6)
    batch["pose"][np.flatnonzero(has)[0]] += 1.0
    assert loss_now() > loss + 1


def test_large_jpegs_are_read_reduced(exported: Path, tmp_path: Path) -> None:
    """Half, a quarter: labels move with the pixels, so that the crop shows the same."""
    arrays = arrays_of(exported / "train.npz")
    with Image.open(exported / "images" / str(arrays["imgname"][0])) as image:
        large = image.resize((4 * image.width, 4 * image.height), Image.Resampling.BICUBIC)
    (tmp_path / "images").mkdir()
    large.save(tmp_path / "images/large.jpg", quality=95)
    moved = {name: arrays[name][:1].copy() for name in ("center", "scale", "part", "openpose", "S", "pose", "shape")}
    moved["center"] *= 4
    moved["scale"] *= 4
    moved["part"][..., :2] *= 4
    moved["openpose"][..., :2] *= 4
    path = write_list(tmp_path, {}, imgname=np.array(["large.jpg"]), body_model=np.array("builtin"), **moved)
    photographs = PhotographList.read(path, tmp_path / "images")
    whole, reduced = ListSamples(photographs)[0], ListSamples(photographs, picture_px=STAGE.picture_px)[0]
    assert whole["rgb"].shape[0] >= 4 * reduced["rgb"].shape[0]
    one, other = (STAGE.sample(stored, np.random.default_rng(1), training=True) for stored in (whole, reduced))
    np.testing.assert_allclose(one["keypoints"], other["keypoints"], atol=1e-5)
    assert np.abs(one["image"] - other["image"]).mean() < 0.1  # of a standard deviation
    published = dataclasses.replace(STAGE, samples=PymafSampleOptions(crops="published", whole_pixels=True))
    assert published.picture_px is None
    quantised = published.sample(whole, np.random.default_rng(1), training=True)["keypoints"]
    steps = (quantised[quantised[:, 2] > 0, :2] + 1) * 112  # of the published crop
    np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
    assert 0 < np.abs(quantised - one["keypoints"]).max() < 2.1 / 112


def test_fits_take_the_place_of_what_a_list_lacks(exported: Path, tmp_path: Path) -> None:
    arrays = arrays_of(exported / "train.npz")
    count, rng = len(arrays["imgname"]), np.random.default_rng(0)
    path = write_list(tmp_path, arrays, has_smpl=np.eye(1, count)[0])
    pose, betas = rng.normal(size=(count, 72)), rng.uniform(-1, 1, (count, 10))
    betas[2, 4] = 3.5
    valid = np.ones(count, bool)
    valid[3] = False
    np.savez(tmp_path / "fits.npz", pose=pose, betas=betas, valid_fit=valid)
    listed = PhotographList.read(path, exported / "images")
    fitted = listed.with_fits(read_fits(tmp_path / "fits.npz", count))
    assert fitted.has_smpl.tolist() == [True, True, True, False]
    np.testing.assert_allclose(fitted.labels(0)["pose"], arrays["pose"][0])
    np.testing.assert_allclose(fitted.labels(1)["pose"], pose[1])
    assert not fitted.labels(2)["shape"].any() and fitted.labels(2)["pose"].any() and not fitted.labels(3)["pose"].any()
    np.save(tmp_path / "static.npy", np.concatenate([pose, betas], axis=1))
    assert read_fits(tmp_path / "static.npy", count).valid.all()
    with pytest.raises(InputError, match="a row for each row"):
        read_fits(tmp_path / "static.npy", count + 1)
    np.save(tmp_path / "objects.npy", np.array([{}], object), allow_pickle=True)
    with pytest.raises(InputError, match="without unpickling"):
        read_fits(tmp_path / "objects.npy", 1)


class _Numbers:
    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int, /) -> Mapping[str, Any]:
        return {"place": range(self.size)[index], "size": self.size}


@pytest.mark.parametrize("mixture", sorted(MIXTURES))
def test_published_shares(mixture: str) -> None:
    names, sizes = ("h36m", "lsp-orig", "mpii", "lspet", "coco", "mpi-inf-3dhp"), (5000, 100, 700, 300, 900, 800)
    members = [Member(name=name, list_file=Path(name), pictures=Path()) for name in names]
    wanted = shares(mixture, members, sizes)
    assert wanted is not None
    first, wild, last = MIXTURES[mixture]
    np.testing.assert_allclose(wanted, [first, *(wild * size / 2000 for size in sizes[1:5]), last])
    mixed = MixedSamples([_Numbers(size) for size in sizes], wanted)
    assert len(mixed) == 5000
    order = mixed.order(seed=1, epoch=0)
    assert np.array_equal(order, mixed.order(seed=1, epoch=0)) and not np.array_equal(order, mixed.order(seed=1, epoch=1))
    found = np.array([names[sizes.index(int(mixed[int(k)]["size"]))] for k in order])
    for name, share in zip(names, wanted, strict=True):
        assert abs((found == name).mean() - share) < 4 * np.sqrt(share * (1 - share) / 5000)
    plain = MixedSamples([_Numbers(3), _Numbers(5)])
    assert sorted(plain.order(seed=0, epoch=3)) == list(range(8)) and plain[7]["place"] == 4
    with pytest.raises(IndexError):
        plain[8]


def test_smpl_joints_and_objects_in_lists(exported: Path, tmp_path: Path) -> None:
    arrays = arrays_of(exported / "train.npz")
    count = len(arrays["imgname"])
    numbered = np.zeros((count, 24, 3))
    numbered[..., 0], numbered[..., 2] = np.arange(24), 1
    names = np.array(arrays["imgname"].tolist(), object)
    path = write_list(tmp_path, arrays, part=numbered, S=None, imgname=names)
    listed = PhotographList.read(path, exported / "images", joints="smpl24")
    assert listed.names == tuple(arrays["imgname"].tolist())
    part = listed.labels(0)["part"]
    assert part[[0, 1, 4, 5, 6, 11], 0].tolist() == [8, 5, 4, 7, 21, 20] and part[:, 2].sum() == 10


def test_what_is_wrong_with_lists_is_said(data: Path, exported: Path, tmp_path: Path, refuses: Refuses) -> None:
    arrays, images = arrays_of(exported / "train.npz"), exported / "images"
    scale = arrays["scale"].copy()
    scale[1] = 0
    part = arrays["part"].copy()
    part[2, 3, 0] = np.nan
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"scale": scale}, "'scale' of row 1"),
        ({"part": part}, "'part' of row 2"),
        ({"openpose": arrays["openpose"][:, :24]}, "'openpose' has shape"),
        ({"center": None}, "lacks center"),
        ({"shape": None}, "only one of pose and shape"),
        ({"scale": np.array(["a"] * len(scale))}, "does not hold numbers"),
    ]
    for changes, said in wrong:
        path = write_list(tmp_path / "wrong", arrays, **changes)
        with pytest.raises(InputError, match=said):
            PhotographList.read(path, images)
    good = write_list(tmp_path / "good", arrays)
    listed = PhotographList.read(good, tmp_path)
    with pytest.raises(InputError, match=r"list\.npz, row 0 .*no such picture"):
        listed.look_for_pictures()
    with pytest.raises(InputError, match=r"row 1 "):
        listed.picture(1)
    torn = (images / str(arrays["imgname"][0])).read_bytes()
    (tmp_path / "torn.jpg").write_bytes(torn[: len(torn) // 2])
    with pytest.raises(InputError, match=r"torn\.jpg: is not a readable picture"):
        read_picture(tmp_path / "torn.jpg")

    one = {"name": "a", "list": str(good), "pictures": str(images)}
    command = ["train", "pymaf", "--num-workers", "0", "--out", str(tmp_path / "run"), "--data"]

    def refused(said: str, **content: Any) -> None:
        refuses([*command, str(lists_json(tmp_path / "lists.json", **content))], said)

    refused("'train' names no set", train=[])
    refused("mixture", train=[one], mixture="all")
    refused("'share' to every set", train=[one, {**one, "name": "b", "share": 1}])
    refused("no share for a", train=[one], mixture="eft")
    refused("names a set twice", train=[one, one])
    refused("needs 'list' and 'pictures'", train=[{"list": "a.npz"}])
    refused("'test' names no set", train=[one])
    refused("both to be trained on and held out", train=[one], test=[one])
    nobody = {**one, "list": str(write_list(tmp_path / "nobody", arrays, person=None))}
    refused("is in 'train' and in 'test'", train=[nobody], test=[nobody])
    bare = write_list(tmp_path / "bare", arrays, pose=None, shape=None, has_smpl=None, person=None)
    refused("no pose and shape", train=[one], test=[{**one, "list": str(bare)}])
    with pytest.raises(InputError, match="no JSON file"):
        read_list_file(good.parent / "list.npz")
    refuses(["train", "pymaf_sam", "--num-workers", "0", "--out", "sam", "--data", str(exported)], "has no 'masks'")
    refuses(["train", "pifu", "--data", str(exported)], "protocol")
    refuses(["datagen", "export", str(data), "--layout", "pifu", "--out", str(tmp_path / "x")], "holds no")
