"""Hours and bytes of large data sets against cores, from the recorded results of the benchmarks and nothing else.

    python benchmarks/cost_model.py              print the table
    python benchmarks/cost_model.py --write      put it into docs/cost.md

The model: a person costs ``person_s`` once and ``additional_view_s`` for each picture (``bench_datagen.py``), on every core
alike; more than one core work at the efficiency that two cores showed (``bench_datagen_scaling.py``); no run is faster than its
one driver can hand out blocks (``bench_datagen_driver.py``). Bytes are those of the recorded items.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

from harness import RESULTS, recorded

DOCUMENT = Path(__file__).parent.parent / "docs" / "cost.md"
BEGIN, END = "<!-- the table, by benchmarks/cost_model.py -->", "<!-- end of the table -->"
IMAGES = (100_000, 1_000_000, 100_000_000)
CORES = (1, 16, 64, 256, 1024)
BYTES = ("ours_bytes", "bytes_a_view", "bytes")
"""How result rows call the bytes of a picture."""
PUBLISHED = ("Geo-PIFu as published", 37.0, 12.9e6)
"""Seconds and bytes a picture: 30 processes, 37 hours, 1.4 TB for 108,720 pictures (its README)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """What a kind of data set costs: a block is one person with its views."""

    name: str
    image_s: float
    """Of one core."""
    image_bytes: float
    views_per_block: float


def hours(work: Workload, images: int, cores: int, *, efficiency: float, driver_s: float) -> float:
    """Wall hours on ``cores``; ``efficiency`` holds for more than one of them."""
    computing = images * work.image_s / (cores * (efficiency if cores > 1 else 1.0))
    return max(computing, images / work.views_per_block * driver_s) / 3600


def workloads(results: Path) -> list[Workload]:
    """Of ``datagen.json`` with few and with many views a person, and of all other recorded tasks ``datagen_*`` with bytes."""
    (view,) = recorded("datagen", results)
    of_person = ("mesh", "body", "solid_voxels", "query_points")
    person_bytes = sum(view["item_bytes"].get(name, 0) for name in of_person) / view["people"]
    views = view["people"] * view["views_per_person"]
    view_bytes = sum(count for name, count in view["item_bytes"].items() if name not in of_person) / views
    found = [
        Workload(
            name=f"pifu, {view['size_px']} px, built-in people, {number} views of each",
            image_s=view["person_s"] / number + view["additional_view_s"],
            image_bytes=person_bytes / number + view_bytes,
            views_per_block=number,
        )
        for number in (4, 360)
    ]
    for path in sorted(results.glob("*.json")):
        for row in recorded(path.stem, results):
            sizes = [row[key] for key in BYTES if key in row]
            if row["task"].startswith("datagen_") and sizes and row["task"] != view["task"]:
                found.append(
                    Workload(
                        name=row["task"].removeprefix("datagen_").replace("_", " ") + ", as recorded",
                        image_s=row["ours_s"],
                        image_bytes=sizes[0],
                        views_per_block=row.get("views_per_person", 16),
                    )
                )
    return found


def table(results: Path = RESULTS) -> str:
    """The whole section of the document, in Markdown."""
    (scaling, *_), (driver,) = recorded("datagen_scaling", results), recorded("datagen_driver", results)
    efficiency, driver_s = min(1.0, scaling["ratio"] / 2), driver["ours_s"]
    machine = json.loads((results / "datagen.json").read_text())["machine"]
    heads = " | ".join("1 core" if cores == 1 else f"{cores} cores" for cores in CORES)
    lines = [
        f"Recorded on: {machine['cpu']}, {machine['cores']} cores. Efficiency of more than one core: {efficiency:.2f}. "
        f"Driver: {driver_s * 1e3:.1f} ms a block.",
        "",
        f"| data set | s/image/core | kB/image | images | size | {heads} |",
        "|---|---|---|---|---|" + "---|" * len(CORES),
    ]
    for work in workloads(results):
        for number in IMAGES:
            cells = [_time(hours(work, number, cores, efficiency=efficiency, driver_s=driver_s)) for cores in CORES]
            lines.append(_line(work, number, cells))
    name, image_s, image_bytes = PUBLISHED
    published = Workload(name=name, image_s=image_s, image_bytes=image_bytes, views_per_block=16)
    for number in IMAGES:
        lines.append(_line(published, number, [_time(number * image_s / cores / 3600) for cores in CORES]))
    return "\n".join(lines)


def _line(work: Workload, images: int, cells: list[str]) -> str:
    each, size = f"{work.image_s:.3g} | {work.image_bytes / 1e3:,.0f}", _bytes(images * work.image_bytes)
    return f"| {work.name} | {each} | {images:,} | {size} | " + " | ".join(cells) + " |"


def _time(count: float) -> str:
    """From minutes to years, in hours."""
    if count < 1:
        return f"{60 * count:.0f} min" if count > 1 / 60 else "< 1 min"
    return f"{count:.1f} h" if count < 100 else f"{count:,.0f} h"


def _bytes(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count < 1e12 else f"{count / 1e12:,.1f} TB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of recorded results (default %(default)s)")
    parser.add_argument("--write", action="store_true", help=f"replace the table in {DOCUMENT.name}")
    args = parser.parse_args()
    text = table(args.results)
    print(text)
    if args.write:
        before, _, rest = DOCUMENT.read_text().partition(BEGIN)
        _, _, after = rest.partition(END)
        DOCUMENT.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
