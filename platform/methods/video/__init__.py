"""Videos: their frames, writing them with pictures changed and sound kept, finding people by a detector, and following them."""
