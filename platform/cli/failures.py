"""What a command says at the end of pictures that failed while others were done."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path


def tell_failures(failures: Sequence[tuple[Path, str]], whole: int) -> int:
    """List each of ``whole`` pictures that failed with its reason; the exit code: 1 if there are any, else 0."""
    if not failures:
        return 0
    print(f"\n{len(failures)} of {whole} failed; the others are kept:", file=sys.stderr)
    for photo, reason in failures:
        print(f"  {photo}: {reason}", file=sys.stderr)
    return 1
