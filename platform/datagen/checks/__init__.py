"""Whether a subject can be used, and what to do when it cannot."""
