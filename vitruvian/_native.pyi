"""The compiled kernels; vitruvian.geometry is their typed face."""

from typing import Any

def __getattr__(name: str) -> Any: ...
