"""PIFu (Saito et al., ICCV 2019): an occupancy field conditioned on the features of the pixel in front of each point."""
