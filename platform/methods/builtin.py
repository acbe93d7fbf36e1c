"""The weights that come with the package: small ones, trained on built-in people, so that nothing need be downloaded.

``data/NAME/`` is a weights folder; a new one is found by being there.
"""

from __future__ import annotations

from pathlib import Path

from vitruvian.errors import InputError
from vitruvian.methods.weights import CARD

FOLDER = Path(__file__).parent / "data"
DEFAULT = "pifu"
MAX_BYTES = 16_000_000
"""Of each file."""


def builtin_names() -> list[str]:
    """What there is, the default first."""
    names = sorted(path.parent.name for path in FOLDER.glob(f"*/{CARD}"))
    return sorted(names, key=lambda name: name != DEFAULT)


def builtin_weights(name: str = DEFAULT) -> Path:
    """The weights folder called ``name``; raises ``InputError`` with the names there are."""
    names = builtin_names()
    if name not in names:
        raise InputError(
            f"--method: no weights of {name!r} come with the package, only {', '.join(names)}. Train your own "
            "(vitruvian train) and give them with --weights."
        )
    return FOLDER / name
