"""Geo-PIFu (He et al., NeurIPS 2020): a coarse network gives latent voxels; an occupancy field reads them beside the pixels."""
