"""``vitruvian datagen``: render and sample people into Arrow shards; its subcommands do the rest of a data set's life."""

from __future__ import annotations

import importlib

from vitruvian.cli.arguments import parse
from vitruvian.cli.command import Command, listing
from vitruvian.errors import InputError

SUBCOMMANDS = {
    name: Command(module=f"vitruvian.cli.datagen_{name}", summary=summary)
    for name, summary in {
        "validate": "check a folder of people before anything is rendered",
        "inspect": "a contact sheet of samples with every item shown, and statistics of a data set",
        "export": "write a data set in a published folder layout, for the original code",
        "import": "read a data set in a published folder layout into shards",
        "cache": "build a random-access cache (LMDB) beside a data set",
        "replay": "make the items of published Geo-PIFu JSON or PIFu PARAM files again",
        "lsun": "look into LSUN background databases, or export their pictures",
    }.items()
}


def main(arguments: list[str], program: str) -> int:
    """Generate a data set and say what is in it, or hand over to a subcommand."""
    if arguments and not arguments[0].startswith("-"):
        name, rest = arguments[0], arguments[1:]
        if name not in SUBCOMMANDS:
            raise InputError(
                f"{program}: there is no subcommand {name!r}. Subcommands: {', '.join(SUBCOMMANDS)}; options begin with --."
            )
        return importlib.import_module(SUBCOMMANDS[name].module).main(rest, f"{program} {name}")

    from vitruvian.datagen.options import DatagenOptions, guide

    more = f"\n\nSubcommands ({program} NAME --help explains each):\n{listing(SUBCOMMANDS)}"
    options = parse(DatagenOptions, arguments, program, guide() + more)

    from vitruvian.datagen.run import generate
    from vitruvian.shards.summary import summarise

    report = generate(options, progress=True, track=options.track, tracking_uri=options.tracking_uri)
    print(report)
    print(summarise(report.root, fetch=False))
    return 0
