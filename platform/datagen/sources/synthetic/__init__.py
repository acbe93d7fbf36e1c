"""Dressed people made from nothing but a seed: bodies, clothes, hair, shoes and their textures."""

from vitruvian.datagen.sources.synthetic.source import SyntheticSource

__all__ = ["SyntheticSource"]
