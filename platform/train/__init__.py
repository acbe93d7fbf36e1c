"""The one training loop on Ray Train, with checkpoints and tracking."""
