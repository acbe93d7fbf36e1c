"""Training through a cache of the data gives the losses of training on the shards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vitruvian.datagen.options import DatagenOptions
from vitruvian.datagen.run import generate
from vitruvian.shards.cache import read_meta
from vitruvian.train.options import TrainOptions
from vitruvian.train.run import train


def losses(out: Path) -> list[float]:
    lines = [json.loads(line) for path in sorted(out.rglob("history.jsonl")) for line in path.read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


@pytest.mark.slow
def test_losses_do_not_depend_on_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    data = tmp_path / "data"
    generate(
        DatagenOptions(out=data, num_subjects=2, views_per_subject=3, size_px=64, query_points=4000, num_actors=0),
        progress=False,
    )

    def run(name: str, cache: Path | None) -> list[float]:
        options = TrainOptions(
            method="pifu",
            data=data,
            out=tmp_path / name,
            cache=cache,
            num_workers=0,
            cpus_per_worker=1,
            epochs=1,
            batch_size=1,
            pictures_every=0,
        )
        train(options, progress=False)
        return losses(tmp_path / name)

    shards, cached = run("shards", None), run("cached", tmp_path / "cache.lmdb")
    assert len(shards) >= 3
    assert cached == shards
    assert read_meta(tmp_path / "cache.lmdb")["items"]
