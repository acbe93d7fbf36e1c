"""PIFu (Saito et al., ICCV 2019): an occupancy field over space, conditioned on the features of the pixel in front of a point."""
