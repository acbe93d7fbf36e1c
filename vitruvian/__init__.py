"""Vitruvian: from scans of people to trained, served human reconstructors.

The code lives in ``platform/`` (a folder that must never hold an ``__init__.py``: it would shadow the standard library's
``platform``). This package gives it an import name: in a checkout, or in a job's working directory, ``vitruvian.X`` is
``platform/X``; in a wheel the folders are installed right here.
"""

from pathlib import Path as _Path
from pkgutil import extend_path as _extend_path

__version__ = "0.1.0"

_tree = _Path(__file__).resolve().parent.parent / "platform"
if (_tree / "geometry").is_dir():  # a checkout, or the working directory of a job
    __path__ = [*__path__, str(_tree), *[p for p in _extend_path(__path__, __name__) if p not in __path__]]
