"""Shards are written whole, read back exactly, verified; a data set is indexed by (subject, view)."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from shards_helpers import ALL_ITEMS, camera, make_dataset, make_row, subject_values, view_values

from vitruvian.errors import InputError
from vitruvian.shards import ShardDataset
from vitruvian.shards.manifest import MANIFEST, read_manifest, shard_name
from vitruvian.shards.summary import summarise
from vitruvian.shards.writer import write_shard


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_dataset(tmp_path_factory.mktemp("data"))


def test_a_sample_is_what_was_written(root: Path) -> None:
    dataset = ShardDataset(root)
    assert len(dataset) == 18 and len(dataset.subjects) == 6
    sample = dataset[3 * 3 + 1]
    assert (sample["subject_id"], sample["view_index"], sample["split"]) == ("s3", 1, "train")
    assert sample["camera"] == camera()
    assert sample["view"] == {"yaw_rad": 0.1} and sample["attributes"] == {"pose": "tall"}
    assert sample["units_per_metre"] == 100.0 and sample["center_m"] == (0.0, 0.9, 0.1)
    pictures, products = view_values(301), subject_values(3)
    assert np.array_equal(sample["mask"], pictures["mask"])
    assert np.abs(sample["rgb"].astype(int) - pictures["rgb"]).max() < 8
    assert np.allclose(sample["normal"], pictures["normal"], atol=0.01)
    assert np.array_equal(np.isinf(sample["depth"]), np.isinf(pictures["depth"]))
    for name in ("joints_3d", "joints_2d", "joints_visibility", "part_labels"):
        assert np.array_equal(sample[name], pictures[name]) and sample[name].dtype == pictures[name].dtype
    assert sample["joint_set"] == "coco17" and sample["body_model"] == "builtin"
    assert np.array_equal(sample["iuv"][..., 0], pictures["iuv"][..., 0])
    assert np.abs(sample["iuv"] - pictures["iuv"]).max() <= 0.5 / 255 + 1e-6
    assert np.array_equal(sample["mesh"].vertices, products["mesh"].vertices)
    assert np.array_equal(sample["mesh"].faces, products["mesh"].faces)
    assert np.array_equal(sample["mesh"].vertex_colors, products["mesh"].vertex_colors)
    assert np.array_equal(sample["solid_voxels"], products["solid_voxels"]) and sample["voxel_size_m"] == 0.01
    for name in ("mask_from_voxels", "mesh_semantics", "smpl_semantics", "smpl_iuv"):
        assert np.array_equal(sample[name], pictures[name])
    kept = sample["mesh_semantics_keep_ratio"]
    assert np.array_equal(kept[..., 2] == 255, (pictures["mesh_semantics"] == 255).all(axis=2))
    assert np.array_equal(sample["smpl_semantic_voxels"], products["smpl_semantic_voxels"])
    assert sample["config"] == products["config"] and sample["group"] == 0
    assert np.array_equal(sample["query_labels"], products["query_labels"])
    assert sample["query_points"].dtype == np.float32 and sample["query_points"].shape == (101, 3)
    assert np.array_equal(sample["body_parameters"]["betas"], products["body_parameters"]["betas"])
    assert np.array_equal(sample["joints_m"], products["joints_m"])
    for name in ("prt_coefficients", "prt_faces", "color_albedo", "color_transfer", "uv_mask", "uv_normal"):
        assert np.array_equal(sample[name], products[name]) and sample[name].dtype == products[name].dtype
    assert np.abs(sample["color_points"] - products["color_points"]).max() < 1e-4
    assert np.abs(sample["uv_position"] - products["uv_position"]).max() < 1e-4
    assert np.abs(sample["uv_render"].astype(int) - pictures["uv_render"]).max() < 8


def test_items_splits_and_subjects(root: Path) -> None:
    train, test = ShardDataset(root, items=("mask",), split="train"), ShardDataset(root, items=("mask",), split="test")
    assert (len(train), len(test)) == (15, 3)
    assert "mask" in train[0] and "rgb" not in train[0] and "mesh" not in train[0]
    assert [sample["subject_id"] for sample in test] == ["s5"] * 3
    assert train.shard_sizes.tolist() == [6, 6, 3]
    assert list(test.sample_indices(0)) == [0, 1, 2]
    assert test.subject(0, items=("mesh",))["mesh"].num_faces == 4
    with pytest.raises(InputError, match="no subject of split 'validation'; splits there: test, train"):
        ShardDataset(root, split="validation")
    with pytest.raises(InputError, match="no item 'colour'"):
        ShardDataset(root, items=("colour",))
    with pytest.raises(IndexError):
        train[15]


def test_torch_and_pickle_take_it(root: Path) -> None:
    dataset = ShardDataset(root, items=("mask",))
    assert dataset[0]["mask"].any()
    loader: torch.utils.data.DataLoader = torch.utils.data.DataLoader(
        dataset,  # type: ignore[arg-type]
        batch_size=6,
        num_workers=2,
        collate_fn=lambda samples: [(s["subject_id"], s["view_index"]) for s in samples],
    )
    assert [pair for batch in loader for pair in batch] == [(f"s{k // 3}", k % 3) for k in range(18)]
    again = pickle.loads(pickle.dumps(dataset))
    assert np.array_equal(again[4]["mask"], dataset[4]["mask"])


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    receipts = [write_shard(tmp_path / f"{k}.arrow", (make_row(n) for n in range(2)), ALL_ITEMS) for k in range(2)]
    assert receipts[0] == receipts[1]
    content = (tmp_path / "1.arrow").read_bytes()
    assert receipts[0].sha256 == hashlib.sha256(content).hexdigest() and receipts[0].num_bytes == len(content)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.arrow", "1.arrow"]


def test_a_failing_write_leaves_nothing(tmp_path: Path) -> None:
    def rows():
        yield make_row(0)
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="disk"):
        write_shard(tmp_path / "x.arrow", rows(), ALL_ITEMS)
    assert not list(tmp_path.iterdir())


def test_anyone_with_pyarrow_can_read_a_shard(root: Path) -> None:
    table = pa.ipc.open_file(pa.memory_map(str(root / shard_name(1)))).read_all()
    assert table["subject_id"].to_pylist() == ["s2", "s3"]
    assert table["views"][0][0]["mask"].as_py().startswith(b"\x89PNG")
    assert table["views"][0][0]["rgb"].as_py().startswith(b"\xff\xd8")


@pytest.mark.parametrize("where", [0.0, 0.3, 0.7, 1.0])
def test_one_flipped_byte_is_an_error_that_names_the_shard(tmp_path: Path, where: float) -> None:
    root = make_dataset(tmp_path, blocks=2)
    path = root / shard_name(1)
    content = bytearray(path.read_bytes())
    content[int(where * (len(content) - 1))] ^= 0x10
    path.write_bytes(content)
    dataset = ShardDataset(root)
    assert dataset[0]["subject_id"] == "s0"
    with pytest.raises(InputError, match=r"block-000001\.arrow.*does not match its hash.*Delete the file"):
        dataset[6]
    with pytest.raises(InputError, match=r"block-000001\.arrow"):
        ShardDataset(root, verify="all")
    with pytest.raises(InputError, match=r"block-000001\.arrow"):
        summarise(root, verify=True)


def test_truncated_and_missing_shards_are_found_at_once(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, blocks=2)
    path = root / shard_name(0)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"block-000000\.arrow: the shard has \d+ bytes, the manifest says"):
        ShardDataset(root)
    path.unlink()
    with pytest.raises(InputError, match=r"block-000000\.arrow: the shard is missing"):
        ShardDataset(root)


def test_folders_that_are_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        ShardDataset(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"no dataset\.json"):
        ShardDataset(tmp_path)
    make_dataset(tmp_path, blocks=1, complete=False)
    with pytest.raises(InputError, match="has not finished"):
        ShardDataset(tmp_path)
    assert len(ShardDataset(tmp_path, allow_partial=True)) == 6


def test_a_torn_last_line_is_no_entry_and_a_broken_line_is_an_error(tmp_path: Path) -> None:
    root = make_dataset(tmp_path, blocks=2)
    lines = (root / MANIFEST).read_text().splitlines(keepends=True)
    (root / MANIFEST).write_text(lines[0] + lines[1][:40])
    assert list(read_manifest(root)) == [0]
    (root / MANIFEST).write_text(lines[0][:40] + "\n" + lines[1])
    with pytest.raises(InputError, match="line 1"):
        read_manifest(root)


def test_the_fingerprint_is_of_the_content_not_of_the_order(tmp_path: Path, root: Path) -> None:
    first = ShardDataset(root).fingerprint
    again = make_dataset(tmp_path / "again")
    lines = (again / MANIFEST).read_text().splitlines(keepends=True)
    (again / MANIFEST).write_text("".join(reversed(lines)))
    assert ShardDataset(again).fingerprint == first
    assert ShardDataset(make_dataset(tmp_path / "other", blocks=2)).fingerprint != first


def test_the_summary_counts(root: Path) -> None:
    summary = summarise(root, verify=True)
    assert (summary.num_subjects, summary.num_views, summary.num_blocks) == (6, 18, 3)
    assert summary.subjects_by_split == {"test": 1, "train": 5}
    assert set(summary.item_bytes) == set(ALL_ITEMS) and min(summary.item_bytes.values()) > 0
    stored = sum(len(encoded) for n in range(6) for encoded in [v.encoded["rgb"] for v in make_row(n).views])
    assert stored <= summary.item_bytes["rgb"] <= stored + 18 * 16
    assert "train: 5 subjects, 15 views" in str(summary)
