"""Finding the person in a picture: a small network trained on built-in people, and what sharpens its outline."""
