"""``vitruvian datagen inspect``: look at a data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.errors import InputError
from vitruvian.storage.url import Place

DESCRIPTION = """Look at a data set: a contact sheet of samples with every item shown, and plots of what the whole holds.

The sheet has a row for each sample and a column for each item: pictures as they are, depth and normals in colours, joints over
the picture, voxels from the front and the side, points where the camera sees them (orange inside, blue outside), the rest in
words. Beside it, --statistics holds histograms (views, masks, depths, heights, shares inside), sizes and attribute counts,
which are also printed. Unfinished data sets can be looked at too.

  vitruvian datagen inspect runs/people --out sheet.png
  vitruvian datagen inspect runs/people --samples 20 --tile-px 320 --items rgb normal query_points --out sheet.png
  vitruvian datagen inspect runs/people --ids synthetic-00003 synthetic-00007:2 15 --out sheet.png"""

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")


@dataclass(frozen=True, kw_only=True, slots=True)
class InspectOptions:
    """Options of ``vitruvian datagen inspect``."""

    data: Annotated[Place, tyro.conf.Positional]
    """The data set folder, or its URL."""
    out: Path
    """The contact sheet: a PNG, JPEG or WebP file."""
    statistics: Path | None = None
    """The plots. Default: beside --out, its name with `-statistics`."""
    samples: int = 8
    """How many samples, spread over people and views."""
    ids: tuple[str, ...] = ()
    """These instead: `subject` (its first view), `subject:view`, or the number of a sample."""
    items: tuple[str, ...] | None = None
    """Which items. Default: all that the data set holds."""
    tile_px: int = 192
    """Width and height of each picture on the sheet."""


def main(arguments: list[str], program: str) -> int:
    """Write both pictures and print the numbers."""
    options = parse(InspectOptions, arguments, program, DESCRIPTION)
    if options.out.suffix.lower() not in SUFFIXES:
        raise InputError(f"--out {options.out}: must end with one of {', '.join(SUFFIXES)}.")
    if options.tile_px < 32:
        raise InputError(f"--tile-px is {options.tile_px}; it must be at least 32.")

    from PIL import Image

    from vitruvian.datagen.inspection.plots import write_plots
    from vitruvian.datagen.inspection.sheet import choose_samples, contact_sheet, samples_of
    from vitruvian.datagen.inspection.statistics import gather
    from vitruvian.shards.dataset import ShardDataset

    data = ShardDataset(options.data, items=options.items, allow_partial=True)
    indices = samples_of(data, options.ids) if options.ids else choose_samples(data, options.samples)
    plots = options.statistics or options.out.with_name(f"{options.out.stem}-statistics.png")
    for path in (options.out, plots):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(contact_sheet(data, indices, tile_px=options.tile_px)).save(options.out)
    found = gather(options.data)
    write_plots(found, plots)
    print(found.summary)
    print(found)
    print(f"{options.out}: {len(indices)} samples, {len(data.items)} items each; {plots}: statistics")
    return 0
