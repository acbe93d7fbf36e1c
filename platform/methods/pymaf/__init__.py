"""PyMAF (Zhang et al., ICCV 2021): pose, shape and camera from one picture, corrected by a feedback loop on the picture's
maps."""
