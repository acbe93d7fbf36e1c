"""What was decided for a view, read from its JSON when somebody asks: a background's description is long, training skips it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_GROUP = re.compile(r'"group": ?(\d+)')


class Description(Mapping[str, Any]):
    """A view's description; equal to the dict of the same content."""

    __slots__ = ("_read", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self._read: dict[str, Any] | None = None

    def _values(self) -> dict[str, Any]:
        if self._read is None:
            self._read = json.loads(self.text)
        return self._read

    def group(self) -> int:
        """The draw of the subject that the view belongs to; mostly without reading the rest."""
        found = list(_GROUP.finditer(self.text))
        if not found and '"group"' not in self.text:
            return 0
        if len(found) == 1 and self.text.count('"group"') == 1:
            before = self.text[: found[0].start()]
            if before.count("{") - before.count("}") == 1:  # not within another value
                return int(found[0][1])
        return int(self._values().get("group", 0))

    def __getitem__(self, key: str) -> Any:
        return self._values()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def __repr__(self) -> str:
        return f"Description({self.text})"
