"""Losses and accuracy of predicted occupancy, shared by the methods that learn an occupancy field."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def mean_squared_error(predictions: Sequence[Tensor], labels: Tensor) -> Tensor:
    """PIFu's shape loss: the mean squared error over all points, averaged over the supervised (B, 1, N) predictions."""
    return torch.stack([(prediction - labels).square().mean() for prediction in predictions]).mean()


def binary_cross_entropy(predictions: Sequence[Tensor], labels: Tensor) -> Tensor:
    """Cross entropy of probabilities, averaged likewise; probabilities are kept 1e-6 away from 0 and 1."""
    return torch.stack([torch.nn.functional.binary_cross_entropy(p.clamp(1e-6, 1 - 1e-6), labels) for p in predictions]).mean()


def occupancy_accuracy(predictions: Tensor, labels: Tensor, *, threshold: float = 0.5) -> tuple[Tensor, Tensor, Tensor]:
    """Intersection over union, precision and recall of (B, 1, N) occupancies, each (B,).

    Occupied is above ``threshold``; a denominator of zero counts as one, as published. Flatten the batch into one sample for
    the figures over a whole batch.
    """
    predicted = (predictions > threshold).flatten(1)
    occupied = (labels > threshold).flatten(1)
    both = (predicted & occupied).sum(1).float()
    either = (predicted | occupied).sum(1).clamp(min=1)
    return both / either, both / predicted.sum(1).clamp(min=1), both / occupied.sum(1).clamp(min=1)


def point_metrics(prediction: Tensor, labels: Tensor, *, num_points: int) -> dict[str, Tensor]:
    """Of (B, 1, N) occupancies the published accuracy figures and the squared error at the first ``num_points``, each (B,).

    What follows these are ray points; with any, also their intersection over union, ``ray_iou``: an estimate of the volume's
    within the outline.
    """
    points, rays = prediction.split([num_points, prediction.shape[2] - num_points], dim=2)
    point_labels, ray_labels = labels.split([num_points, prediction.shape[2] - num_points], dim=2)
    iou, precision, recall = occupancy_accuracy(points, point_labels)
    error = (points - point_labels).square().flatten(1).mean(1)
    measured = {"iou": iou, "precision": precision, "recall": recall, "mse": error}
    return {**measured, "ray_iou": occupancy_accuracy(rays, ray_labels)[0]} if rays.shape[2] else measured
