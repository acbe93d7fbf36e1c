"""``vitruvian masks``: masks of people, the points that PyMAF-SAM reads of them, and pictures of both."""

from __future__ import annotations

import importlib

from vitruvian.errors import InputError

HELP = """usage: {program} find PHOTO ... [--sam FOLDER] [options]
       {program} points PHOTO ... --out TABLE.npy [options]
       {program} show PHOTO ... | TABLE.npy --out PICTURE.png [options]

A mask says where a person is in a photograph: a grey picture of the same size, white on the person, called X_mask.png beside
X.jpg. vitruvian reconstruct and vitruvian pose take them, and PyMAF-SAM reads its first features at points of them.

find makes masks: with Segment Anything (--sam: a folder as transformers saves models; pip install -e '.[sam]'), or with the
small network that comes with the package. points gathers points of many masks into one table, as the published PyMAF-SAM
trains with. show draws masks and points, so that you can look at them before anything learns from them.

  {program} find holiday/ --sam sam-vit-huge                          # holiday/X_mask.png, holiday/X_mask_preview.png
  {program} show holiday/ --out sheet.png
  {program} points holiday/ --seed 0 --out points.npy
  {program} show points.npy --out sheet.png

{program} find --help, points --help and show --help explain the options.
"""
COMMANDS = ("find", "points", "show")


def main(arguments: list[str], program: str) -> int:
    """Hand over to ``find``, ``points`` or ``show``."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP.format(program=program))
        return 0 if arguments else 2
    if arguments[0] not in COMMANDS:
        raise InputError(f"{program}: there is no {arguments[0]!r}. Say {', '.join(COMMANDS[:-1])} or {COMMANDS[-1]}.")
    module = importlib.import_module(f"vitruvian.cli.masks_{arguments[0]}")
    return int(module.main(arguments[1:], f"{program} {arguments[0]}"))
