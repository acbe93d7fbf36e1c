"""The commands; wiring only."""
