"""The options of Geo-PIFu's published networks, read from their state dicts.

The original's bugs that leave no trace in a file but are part of what its weights learned are switched on.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from vitruvian.methods.geopifu.coarse_options import MAP_STRIDE, CoarseNetworkOptions
from vitruvian.methods.geopifu.query_options import QueryNetworkOptions
from vitruvian.methods.geopifu.voxel_lookup import NUM_OFFSETS
from vitruvian.methods.pifu.options import NetworkOptions
from vitruvian.methods.pifu.published import MLP, filter_options
from vitruvian.methods.traces import Traces

OFFSETS = "displacments"
LATE = "deepVoxels_fusion_network."
TOWERS = "surface_classifier.features_"


def coarse_options(traces: Traces) -> CoarseNetworkOptions:
    """Options of a coarse network. The picture is taken to be half as high again as wide: its height leaves no trace."""
    channels = traces.shape("branch_out_3d_unet0.conv3d_pre_process.0.net.1.weight", 5)[0]
    width_px = MAP_STRIDE * traces.shape("l0.weight", 4)[0] // channels
    renders = traces.has("vis_conv3d_1.")
    return CoarseNetworkOptions(
        input_height_px=width_px * 3 // 2,
        input_width_px=width_px,
        num_stack=max(1, traces.count(r"m(\d+)\.")),
        num_hourglass=max(1, traces.count(r"m0\.b1_(\d+)\.") - 1),
        voxel_channels=channels,
        use_3d_gan=traces.has("gan_3d_dis_conv3d_1."),
        use_view_pred_loss=renders,
        unrotated_view_features=renders,
        width=traces.shape("conv1.0.weight", 4)[0] / 64,
    )


def query_options(traces: Traces) -> QueryNetworkOptions:
    """Options of a query network, or of the baseline without voxels."""
    known = filter_options(traces)
    multi_range = OFFSETS in traces.state_dict
    given: dict[str, Any] = {"multi_range": multi_range, "exchanged_fractions": not multi_range}
    if multi_range:
        given["displacement"] = round(float(traces.state_dict[OFFSETS].abs().max()), 6)
    ranges = NUM_OFFSETS if multi_range else 1
    if traces.has(TOWERS):
        mlp_dim, mlp_dim_3d = traces.mlp_dim(f"{TOWERS}2d_conv"), traces.mlp_dim(f"{TOWERS}3d_conv")
        joint = traces.mlp_dim(f"{TOWERS}joint_conv")[1:]
        image = _image(known, mlp_dim, added=0, no_residual=False)
        voxels = mlp_dim_3d[0] // ranges
        return QueryNetworkOptions(
            image=image, fusion="multi_loss", voxel_channels=voxels, mlp_dim_3d=mlp_dim_3d, mlp_dim_joint=joint, **given
        )
    mlp_dim, no_residual = traces.mlp_dim(MLP), traces.no_residual(MLP)
    if traces.has(LATE):
        read = traces.shape(f"{LATE}fusion_fc_1.weight", 3)[1]
        added = traces.shape(f"{LATE}fusion_fc_3.weight", 3)[0]
        image = _image(known, mlp_dim, added=added, no_residual=no_residual)
        return QueryNetworkOptions(
            image=image, fusion="late", voxel_channels=read // ranges, late_channels=None if added == read else added, **given
        )
    # early: what the MLP gets beyond map and depth is the voxels' (whole ranges), and the stem's with skip_hourglass
    beyond, stem = mlp_dim[0] - known["hourglass_dim"] - 1, round(64 * known["width"])
    added = beyond if beyond < stem or (multi_range and beyond % NUM_OFFSETS == 0) else beyond - stem
    image = _image(known, mlp_dim, added=added, no_residual=no_residual)
    if not added:
        return QueryNetworkOptions(image=image, fusion="none")
    return QueryNetworkOptions(image=image, fusion="early", voxel_channels=added // ranges, **given)


def _image(known: dict[str, Any], mlp_dim: tuple[int, ...], *, added: int, no_residual: bool) -> NetworkOptions:
    """PIFu's half, given what voxels add to the first width of the MLP."""
    first = mlp_dim[0] - added
    plain = dataclasses.replace(NetworkOptions(), **known, mlp_dim=(known["hourglass_dim"] + 1, *mlp_dim[1:]))
    skip = first == plain.mlp_dim[0] + plain.channels(64)
    return dataclasses.replace(plain, mlp_dim=(first, *mlp_dim[1:]), skip_hourglass=skip, no_residual=no_residual)
