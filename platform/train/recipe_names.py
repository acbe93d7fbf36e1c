"""What ``--recipe`` can be: the name of a method's recipe, or a recipe file. Light, so that help pages come without torch."""

from __future__ import annotations

from pathlib import Path

SUFFIX = ".json"


def is_recipe_file(text: str) -> bool:
    """Whether ``--recipe`` names a file; recipes' names have no ending and no folder."""
    return text.endswith(SUFFIX) or "/" in text


def recipe_label(text: str) -> str:
    """A word for ``--recipe``, for names of folders: the recipe's name, or the file's without its ending."""
    return Path(text).name.removesuffix(SUFFIX) if is_recipe_file(text) else text
