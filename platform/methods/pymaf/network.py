"""PyMAF's network: a map of the picture that grows in steps, and parameters that are corrected by what it says at each step.

The first correction reads the map on a grid, later ones where the body of the correction before lies. Names of weights are the
published ones; arrays of the body, which a published checkpoint holds three times, are kept once, and none of the built-in
body.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vitruvian.bodies.body_layer import BodyLayer
from vitruvian.bodies.regression_body import RegressionBody
from vitruvian.methods.pifu.point_mlp import PointMLP
from vitruvian.methods.pifu.project import sample_map
from vitruvian.methods.pymaf.iuv_head import IuvHead, IuvScores
from vitruvian.methods.pymaf.options import PymafNetworkOptions
from vitruvian.methods.pymaf.projection import project
from vitruvian.methods.pymaf.regressor import Parameters, Regressor
from vitruvian.methods.pymaf.resnet import ResNet
from vitruvian.methods.pymaf.rotations import matrix_to_axis_angle, six_to_matrix


class Estimate(NamedTuple):
    """B bodies, in PyMAF's axes (x right, y down, z away from the viewer), metres, their model's origin at (0, 0, 0)."""

    parameters: Parameters
    rotations: Tensor
    """(B, 24, 3, 3)"""
    smpl_joints: Tensor
    """(B, 24, 3)"""
    joints: Tensor
    """(B, 49, 3)"""
    keypoints: Tensor
    """(B, 49, 2) the same in the crop, in [-1, 1]."""
    mesh_points: Tensor
    """(B, 431, 3)"""
    vertices: Tensor | None
    """(B, V, 3), where surfaces were asked for."""

    def theta(self) -> Tensor:
        """(B, 85) as published: camera 3, betas 10, pose 72 (axis-angle)."""
        turns = matrix_to_axis_angle(self.rotations).reshape(len(self.rotations), -1)
        return torch.cat([self.parameters.camera, self.parameters.betas, turns], dim=1)


class PymafOutput(NamedTuple):
    estimates: list[Estimate]
    """The mean body, then one after each correction; the last is the result."""
    iuv: IuvScores | None
    """None without the auxiliary head, or where it was not asked for."""


class PymafNetwork(nn.Module):
    """``options``; ``body``: what ``options.body`` describes (None: the built-in one, or one to be filled by weights)."""

    points_grid: Tensor
    masks_points: Tensor
    init_pose: Tensor
    init_shape: Tensor
    init_cam: Tensor

    def __init__(self, options: PymafNetworkOptions, body: RegressionBody | None = None) -> None:
        super().__init__()
        self.options = options
        body = body or options.body.body()
        self.body = BodyLayer(body)
        self.feature_extractor = ResNet(options.blocks, options.channels(64))
        self.deconv_layers = _upsampling(self.feature_extractor.channels, options)
        self.maf_extractor = nn.ModuleList(PointMLP(options.mlp_dim) for _ in range(options.iterations))
        each = options.mlp_dim[-1]
        counts = [options.num_first_points, *[len(body.mesh_points)] * (options.iterations - 1)]
        self.regressor = nn.ModuleList(
            Regressor(each * count, hidden=options.hidden, dropout=options.dropout) for count in counts
        )
        self.dp_head = IuvHead(options.map_channels[-1]) if options.auxiliary else None
        self.register_buffer("points_grid", grid_points(options.grid_size), persistent=False)
        if options.first_points == "table":
            self.register_buffer("masks_points", torch.zeros(options.table_rows, options.num_first_points, 2))
        for name, values in (("pose", body.mean.pose), ("shape", body.mean.betas), ("cam", body.mean.camera)):
            self.register_buffer(f"init_{name}", torch.from_numpy(values.copy())[None])

    def forward(
        self,
        images: Tensor,
        *,
        surfaces: str = "none",
        iuv: bool = True,
        points: Tensor | None = None,
        first_row: int | None = None,
    ) -> PymafOutput:
        """From (B, 3, S, S) normalised pictures.

        ``surfaces``: of which estimates the surface is computed, ``none``, ``last`` or ``all``. ``points``: (B, N, 2) in
        [-1, 1] where the first correction reads the map, instead of what the options say. ``first_row``: with a table, the row
        of the first picture, others follow; None: in training a random one (as published), else 0.
        """
        x = self.feature_extractor(images)
        start = Parameters(*(getattr(self, f"init_{name}").expand(len(images), -1) for name in ("pose", "shape", "cam")))
        estimates = [self.estimate(start, surface=surfaces == "all")]
        xy = self._first_points(len(images), points, first_row).transpose(1, 2)
        for number in range(self.options.iterations):
            x = self.deconv_layers[self._steps(number)](x)
            before = estimates[-1]
            if number:
                with torch.no_grad():
                    xy = project(before.mesh_points.detach(), before.parameters.camera.detach()).transpose(1, 2)
            corrected = self.regressor[number](self.point_features(number, x, xy), before.parameters.detached())
            last = number == self.options.iterations - 1
            estimates.append(self.estimate(corrected, surface=surfaces == "all" or (last and surfaces == "last")))
        return PymafOutput(estimates, self.dp_head(x) if self.dp_head is not None and iuv else None)

    def _first_points(self, batch: int, points: Tensor | None, first_row: int | None) -> Tensor:
        """(B, N, 2) in [-1, 1]: the given ones, or those that the options say."""
        kind = self.options.first_points
        if points is not None:
            if points.shape != (batch, self.options.num_first_points, 2):
                raise ValueError(
                    f"PymafNetwork: points are {tuple(points.shape)}; ({batch}, {self.options.num_first_points}, 2) are needed."
                )
            return points
        if kind == "mask":
            raise ValueError("PymafNetwork: a network that reads points of masks needs them (points=...).")
        if kind == "grid":
            return self.points_grid.mT.expand(batch, -1, -1)
        rows = len(self.masks_points)
        if batch > rows:
            raise ValueError(f"PymafNetwork: {batch} pictures, but the table of points has {rows} rows; take smaller batches.")
        if first_row is None:
            first_row = int(torch.randint(rows - batch + 1, ())) if self.training else 0
        return self.masks_points[first_row : first_row + batch]

    def point_features(self, number: int, feature_map: Tensor, xy: Tensor) -> Tensor:
        """(B, F) what correction ``number`` reads at (B, 2, N) points of its map, feature by feature."""
        reduced = self.maf_extractor[number](sample_map(feature_map, xy))
        return F.relu(reduced).flatten(1)

    def estimate(self, parameters: Parameters, *, surface: bool) -> Estimate:
        """The body of some parameters, seen by their camera."""
        with torch.autocast(parameters.pose.device.type, enabled=False):  # bodies and cameras need all their digits
            parameters = Parameters(*(value.to(torch.promote_types(value.dtype, torch.float32)) for value in parameters))
            rotations = six_to_matrix(parameters.pose.reshape(len(parameters.pose), 24, 6))
            found = self.body(parameters.betas, rotations, surface=surface)
            return Estimate(
                parameters=parameters,
                rotations=rotations,
                smpl_joints=found.smpl_joints,
                joints=found.joints,
                keypoints=project(found.joints, parameters.camera),
                mesh_points=found.mesh_points,
                vertices=found.vertices,
            )

    def _steps(self, number: int) -> slice:
        """The layers between the map of correction ``number - 1`` and its own: with fewer corrections the first takes more."""
        extra = 3 * (3 - self.options.iterations)
        return slice(0 if number == 0 else extra + 3 * number, extra + 3 * (number + 1))


def grid_points(size: int) -> Tensor:
    """(1, 2, size * size) equispaced in [-1, 1], x the slow index."""
    values = torch.linspace(-1, 1, size)
    x, y = torch.meshgrid(values, values, indexing="ij")
    return torch.stack([x.reshape(-1), y.reshape(-1)])[None]


def _upsampling(channels: int, options: PymafNetworkOptions) -> nn.Sequential:
    layers: list[nn.Module] = []
    for kernel, outputs in zip(options.kernels, options.map_channels, strict=True):
        padding, output_padding = {4: (1, 0), 3: (1, 1), 2: (0, 0)}[kernel]
        layers += [
            nn.ConvTranspose2d(channels, outputs, kernel, 2, padding, output_padding, bias=options.deconv_bias),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
        channels = outputs
    return nn.Sequential(*layers)
