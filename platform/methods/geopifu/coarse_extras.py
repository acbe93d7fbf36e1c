"""The coarse network's optional losses: what its voxels look like from another side, and a critic of its volumes.

Both are off in the published weights. ``RIVAL`` says how the critic is trained.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from vitruvian.methods.geopifu.coarse_network import GeoPifuCoarseNetwork
from vitruvian.methods.geopifu.losses import adversarial_loss
from vitruvian.methods.stage import Rival

RIVAL = Rival(prefix="gan_3d_dis", learning_rate=1e-5, betas=(0.5, 0.999))
"""``learning_rate_3d_gan``."""
RESTING_ACCURACY = 0.8
"""The critic is not taught what it gets right at least so often (``discriminator_accuracy_update_threshold``)."""


def rendering_loss(network: GeoPifuCoarseNetwork, voxels: Sequence[Tensor], targets: Tensor, views: Sequence[int]) -> Tensor:
    """Mean absolute difference of pixels between each stack's voxels, rendered from ``views``, and the masked pictures
    (B, 3, S, S) that were taken there; averaged over the stacks."""
    cropped = network.cropped(targets)
    losses = []
    for volume in voxels:
        image = network.render(volume, views).image.float()
        wanted = cropped
        if cropped.shape[-2:] != image.shape[-2:]:  # equal as published
            wanted = F.interpolate(cropped, size=image.shape[-2:], mode="bilinear", align_corners=False, antialias=True)
        losses.append((image - wanted).abs().mean())
    return torch.stack(losses).mean()


@dataclass(frozen=True, kw_only=True, slots=True)
class Criticism:
    """What comes of showing a volume to the critic."""

    generator: Tensor
    """How badly the volume passes for a real one; no gradient into the critic."""
    critic: Tensor | None
    """How badly the critic tells them apart, without gradient into the volume; None where it rests."""
    accuracy_fake: Tensor
    accuracy_real: Tensor
    """Shares of the patches that it took for what they are."""


def criticise(network: GeoPifuCoarseNetwork, occupancy: Tensor, labels: Tensor) -> Criticism:
    """Show the last stack's occupancy (B, 1, D, H, W), and a true volume of that shape, to the critic.

    Each half of its loss, on made-up and on real volumes, counts only while it judges these wrongly more than one time in
    five.
    """
    generator = adversarial_loss(network.judge(occupancy, frozen=True).float(), real=True)
    fake, real = (network.judge(volume).float() for volume in (occupancy.detach(), labels))
    accuracy_fake, accuracy_real = (fake < 0.5).float().mean(), (real >= 0.5).float().mean()
    halves = [
        adversarial_loss(judged, real=is_real)
        for judged, is_real, accuracy in ((fake, False, accuracy_fake), (real, True, accuracy_real))
        if accuracy < RESTING_ACCURACY
    ]
    return Criticism(
        generator=generator,
        critic=torch.stack(halves).sum() if halves else None,
        accuracy_fake=accuracy_fake,
        accuracy_real=accuracy_real,
    )
