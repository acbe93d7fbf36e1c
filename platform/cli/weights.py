"""``vitruvian weights``: bring published checkpoints in, and say what weights are."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from vitruvian.cli.arguments import parse
from vitruvian.errors import InputError

HELP = """usage: {program} import FILE --as NETWORK --out FOLDER [options]
       {program} card WEIGHTS

Trained networks live in weights folders: weights.safetensors, and card.json, which says how to rebuild the network. Training
writes them; import makes one from a checkpoint that the original projects published, for example:

  {program} import net_G --as pifu/shape --out weights/pifu-shape
  {program} import net_C --as pifu/color --out weights/pifu-color --part shape=weights/pifu-shape
  {program} import netV_epoch_29_2899 --as geopifu/coarse --out weights/geopifu-coarse
  {program} import netG_epoch_44_2415 --as geopifu/query --out weights/geopifu-query --part coarse=weights/geopifu-coarse
  {program} import PyMAF_model_checkpoint.pt --as pymaf --out weights/pymaf

Colour and query networks work on what another network makes of the picture: --part names its weights folder, which is copied
into the new one. Then that folder is all that vitruvian reconstruct needs.

Only tensors are read. Such files can hold programs that run when they are opened; one that does is refused, and nothing of it
runs. Prefixes that wrappers put before every name (module. of several GPUs) are dropped. Sizes are read from the tensors, so
networks that you trained with the original code and other options come in too; what leaves no trace in a file is taken to be as
published, and --set says otherwise.

card prints the model card of a weights folder, a training run, or a registered model (models:/pifu@tiny): what it is, what it
is meant for, its data and their licence, its recipe, its metrics and of how many people, its weaknesses, and what is not known.

{program} import --help and {program} card --help explain the options.
"""
DESCRIPTION = (
    "Make a weights folder from a published checkpoint. Only tensors are read; a file that contains code is refused. Sizes are "
    "read from the tensors; --set gives what they do not tell."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportOptions:
    """Options of ``import``."""

    file: Annotated[Path, tyro.conf.Positional]
    """The checkpoint: a state dict as torch saves it, or safetensors."""
    network: Annotated[
        Literal["pifu/shape", "pifu/color", "geopifu/coarse", "geopifu/query", "pymaf", "pymaf_sam"], tyro.conf.arg(name="as")
    ]
    """What it is: PIFu's shape (`net_G`) or colour network (`net_C`), Geo-PIFu's coarse (`netV`) or query network (`netG`; also
    its baseline without voxels), PyMAF or PyMAF-SAM (with the SMPL body that their files hold, so no other file is needed)."""
    out: Path
    """The weights folder to write. It must not hold weights already."""
    overrides: Annotated[tuple[str, ...], tyro.conf.arg(name="set", metavar="NAME=VALUE ...")] = ()
    """Options of the network that a file does not tell: `upsample_mode=nearest` for hourglasses of before torch 1.3,
    `z_size=200`, `load_size_px=512`; of geopifu/query `image.z_size=200`; of geopifu/coarse `input_height_px=384`."""
    parts: Annotated[tuple[str, ...], tyro.conf.arg(name="part", metavar="NAME=FOLDER ...")] = ()
    """The weights folder of the network that this one works with: `shape=FOLDER` for pifu/color, `coarse=FOLDER` for
    geopifu/query. Without it the network can be inspected and trained on, but reconstructs nobody."""
    drop_surplus: bool = False
    """Leave out entries that the network does not have (of losses, of optional heads) instead of refusing the file."""


def differences(options: Any, published: Any) -> list[str]:
    """``name value`` of each option that is not as published, dotted within option dataclasses."""
    found = []
    for item in dataclasses.fields(options):
        ours, theirs = getattr(options, item.name), getattr(published, item.name)
        if dataclasses.is_dataclass(ours):
            found += [f"{item.name}.{line}" for line in differences(ours, theirs)]
        elif ours != theirs:
            found.append(f"{item.name} {ours}")
    return found


def _import(arguments: list[str], program: str) -> int:
    options = parse(ImportOptions, arguments, program, DESCRIPTION)

    from vitruvian.methods.checkpoints import read_checkpoint
    from vitruvian.methods.networks import NETWORKS
    from vitruvian.methods.published import PARTS, import_weights, infer_options, parts
    from vitruvian.methods.run_folders import find_weights
    from vitruvian.methods.weights import CARD
    from vitruvian.storage.url import Url
    from vitruvian.train.overrides import override_options
    from vitruvian.train.plan import parse_parts

    if (options.out / CARD).exists():
        raise InputError(f"--out {options.out}: holds weights already. Name another folder, or delete it first.")
    checkpoint = read_checkpoint(options.file)
    what = options.network if "/" in options.network else f"{options.network}/body"
    network = override_options(infer_options(checkpoint, what), options.overrides)
    given = parse_parts(options.parts)
    made = import_weights(
        checkpoint,
        options.out,
        what=what,
        options=network,
        drop_surplus=options.drop_surplus,
        parts={name: find_weights(place) if isinstance(place, Url) else place for name, place in given.items()},
    )
    around = f", without {' and '.join(checkpoint.unwrapped)} around them" if checkpoint.unwrapped else ""
    print(f"read     {options.file}: {len(checkpoint.state_dict)} tensors{around}")
    changed = differences(network, NETWORKS[what].options())
    print(
        f"network  {options.network}, {made.num_parameters:,} parameters; {', '.join(changed) or 'all options'} as "
        f"{'its tensors and --set say, otherwise as published' if changed else 'published'}"
    )
    if made.completed:
        print(f"filled   {len(made.completed)} entries that are other entries' second names or are never used")
    if made.dropped:
        print(f"dropped  {len(made.dropped)} surplus entries: {parts(list(made.dropped))}")
    beside = "".join(f", and {name}/ with the {name} network" for name in given)
    print(f"wrote    {options.out}: weights.safetensors and card.json{beside}")
    if what.endswith("/body"):
        print("licence  the weights hold the arrays of SMPL, as the file did; SMPL's own licence applies to them")
    if what in PARTS and not given:
        name = PARTS[what]
        print(f"note     to reconstruct with it, import it again with its {name} network: --part {name}=FOLDER")
    return 0


def main(arguments: list[str], program: str) -> int:
    """Hand over to ``import`` or ``card``."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(HELP.format(program=program))
        return 0 if arguments else 2
    if arguments[0] == "card":
        from vitruvian.cli.weights_card import main as card

        return card(arguments[1:], f"{program} card")
    if arguments[0] != "import":
        raise InputError(f"{program}: there is no {arguments[0]!r}. Say import or card.")
    return _import(arguments[1:], f"{program} import")
