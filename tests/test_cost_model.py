"""The table of docs/cost.md follows from recorded results by the model that it describes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"


def result(folder: Path, name: str, **row: object) -> None:
    main = {key: row.pop(key) for key in ("task", "ours_s", "peer", "peer_s", "ratio") if key in row}
    document = {"machine": {"cpu": "Abacus", "cores": 2}, "rows": [main], "details": [row]}
    (folder / f"{name}.json").write_text(json.dumps(document))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    result(
        tmp_path,
        "datagen",
        task="datagen_view",
        ours_s=0.2,
        ours_bytes=1,
        person_s=3.6,
        additional_view_s=0.1,
        people=2,
        views_per_person=4,
        size_px=512,
        item_bytes={"rgb": 800_000, "mesh": 720_000},
    )
    result(tmp_path, "datagen_other", task="datagen_other", ours_s=0.5, ours_bytes=200_000, views_per_person=10)
    result(tmp_path, "datagen_scaling", task="datagen_scaling", ratio=1.8)
    result(tmp_path, "datagen_driver", task="datagen_driver_block", ours_s=0.001)
    return tmp_path


def rows(folder: Path) -> dict[tuple[str, str], list[str]]:
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "cost_model.py", "--results", folder], capture_output=True, text=True, check=True
    )
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines() if line.startswith("| ")]
    assert cells[0][5:] == ["1 core", "16 cores", "64 cores", "256 cores", "1024 cores"]
    assert "Abacus" in done.stdout and "Efficiency of more than one core: 0.90" in done.stdout
    return {(row[0], row[3]): row[1:3] + row[4:] for row in cells[1:]}


def test_hours_and_bytes_are_those_of_the_model(results: Path) -> None:
    found = rows(results)
    few = "pifu, 512 px, built-in people, 4 views of each"
    many = "pifu, 512 px, built-in people, 360 views of each"
    # 3.6 s / 4 + 0.1 s; 360 kB / 4 + 100 kB; a million seconds are 277.8 hours; 16 cores at 0.9
    assert found[few, "1,000,000"][:5] == ["1", "190", "190.0 GB", "278 h", "19.3 h"]
    assert found[many, "100,000"][:4] == ["0.11", "101", "10.1 GB", "3.1 h"]
    assert found["other, as recorded", "100,000,000"][2:4] == ["20.0 TB", "13,889 h"]
    # 100 million pictures in blocks of 4: the driver takes 25,000 s, more than 1024 cores would need for 0.02 s each
    assert found["Geo-PIFu as published", "100,000"][3] == "1,028 h"
    assert len(found) == 12


def test_no_run_is_faster_than_its_driver(results: Path) -> None:
    result(results, "datagen_driver", task="datagen_driver_block", ours_s=1.0)
    assert rows(results)["other, as recorded", "100,000,000"][-1] == f"{1e8 / 10 / 3600:,.0f} h"


def test_the_document_has_a_table() -> None:
    text = (BENCHMARKS.parent / "docs" / "cost.md").read_text()
    begin, end = text.index("<!-- the table"), text.index("<!-- end of the table -->")
    assert text[begin:end].count("\n| ") >= 9
