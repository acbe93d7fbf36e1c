"""The weights that come with the package load, are small, and say what they are."""

import numpy as np
import pytest
from people import stored_view

from vitruvian.errors import InputError
from vitruvian.methods.builtin import DEFAULT, FOLDER, MAX_BYTES, builtin_names, builtin_weights
from vitruvian.methods.registry import load_reconstructor


def test_every_file_is_small() -> None:
    files = [path for path in FOLDER.rglob("*") if path.is_file()]
    assert files and max(path.stat().st_size for path in files) < MAX_BYTES
    assert builtin_names()[0] == DEFAULT


@pytest.mark.parametrize("name", builtin_names())
def test_they_load_and_may_be_used(name: str) -> None:
    reconstructor = load_reconstructor(builtin_weights(name))
    assert "CC0" in reconstructor.card.data_licence
    stored = stored_view(size_px=256)
    mesh = reconstructor.reconstruct(stored["rgb"], stored["mask"]).mesh
    assert mesh.num_faces > 1000 and mesh.vertex_colors is not None
    height = np.ptp(mesh.vertices[:, 1])
    assert 1.5 < height < 1.9


def test_other_names_are_refused() -> None:
    with pytest.raises(InputError, match="no weights of 'pofu' come with the package, only pifu"):
        builtin_weights("pofu")
