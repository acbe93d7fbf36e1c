"""Schedules that several recipes share."""

from __future__ import annotations

from vitruvian.methods.stage import Training


def tiny_schedule(epochs: int, *, learning_rate: float = 3e-3, validation_samples: int = 32) -> Training:
    """For a few thousand small pictures on CPUs."""
    return Training(
        epochs=epochs,
        batch_size=4,
        learning_rate=learning_rate,
        optimizer="adamw",
        schedule="cosine",
        warmup_steps=50,
        validation_samples=validation_samples,
        channels_last=True,
    )


def fast_schedule(epochs: int, *, batch_size: int) -> Training:
    """For networks of the published size on a GPU: AdamW with a cosine, mixed precision, compiled."""
    return Training(
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=1e-3,
        optimizer="adamw",
        schedule="cosine",
        warmup_steps=500,
        validation_samples=100,
        channels_last=True,
        precision="bfloat16",
        compile=True,
    )
