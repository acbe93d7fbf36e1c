"""What every test shares: Ray's environment, set before any test imports Ray."""

from vitruvian.ray_local import prepare_environment

prepare_environment()
