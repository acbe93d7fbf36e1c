"""A manifest that grows: entries are appended to a local file; at a URL a second small object holds the newest ones.

Objects cannot be appended to. Writing the whole manifest anew for each block would cost more and more; one object a block
would cost as many requests to read. So the last entries are written anew each time, up to ``RECENT_ENTRIES`` of them; then
the manifest takes them in. An entry that was added is there whatever happens afterwards; one that is in both files is the
same in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from vitruvian.shards.manifest import RECENT, ManifestEntry, append_entry, rewrite_manifest
from vitruvian.shards.writer import write_file_atomically
from vitruvian.storage.objects import remove_file
from vitruvian.storage.url import Url

RECENT_ENTRIES = 256


class ManifestLog:
    """The manifest of ``root``, from now on ``entries`` and what is added. One writer at a time."""

    def __init__(self, root: Path | Url, entries: Mapping[int, ManifestEntry]) -> None:
        self._root = root
        self._entries = dict(entries)
        self._recent: list[ManifestEntry] = []
        rewrite_manifest(root, self._entries)
        if isinstance(root, Url):
            remove_file(root / RECENT)

    def add(self, entry: ManifestEntry) -> None:
        """Add one finished block; when this returns, it is kept."""
        self._entries[entry.block] = entry
        if isinstance(self._root, Path):
            append_entry(self._root, entry)
            return
        self._recent.append(entry)
        if len(self._recent) >= RECENT_ENTRIES:
            self.close()
        else:
            write_file_atomically(self._root / RECENT, "".join(one.to_line() for one in self._recent).encode())

    def close(self) -> None:
        """All entries into the manifest itself."""
        if isinstance(self._root, Url) and self._recent:
            rewrite_manifest(self._root, self._entries)
            remove_file(self._root / RECENT)
            self._recent = []
