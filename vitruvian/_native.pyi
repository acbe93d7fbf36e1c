"""The compiled kernels; vitruvian.geometry is their typed face, and vitruvian.methods.cpu that of the networks' layers."""

from typing import Any

def __getattr__(name: str) -> Any: ...
