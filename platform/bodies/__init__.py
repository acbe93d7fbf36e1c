"""Body models in SMPL format: the built-in one and files of the same format."""
