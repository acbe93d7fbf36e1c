"""Published systems' ways of making data, by name."""
