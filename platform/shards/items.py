"""The catalogue of items: every product that a shard can hold, with its level, type, unit, frame and precision.

An item turns named values into one Arrow value and back. ``keys`` are the names of those values in a sample: most items have
one, named like the item; ``query_points`` has points and labels. A new item is one entry here and one function in
``datagen/items``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from vitruvian.errors import InputError
from vitruvian.geometry.mesh import Mesh
from vitruvian.shards import body_items, drawn, encode, geopifu_items, surface_items

Level = Literal["subject", "group", "view"]
"""What an item is of: a subject, one draw of it (most protocols make one), or a view."""
Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One catalogue entry. ``encode`` takes a mapping with ``keys``; ``decode`` gives it back from a (lazy) Arrow value."""

    name: str
    level: Level
    keys: tuple[str, ...]
    description: str
    """What it is: dtype, shape, unit, frame."""
    precision: str
    """How far a value read back can be from the value written."""
    arrow_type: pa.DataType
    encode: Callable[[Mapping[str, Any]], Any]
    decode: Callable[[pa.Scalar], Values]


def _picture(name: str, description: str, precision: str, encoder: Callable[..., Any], decoder: Callable[..., Any]) -> Item:
    """A view item that is one encoded picture."""
    return Item(
        name=name,
        level="view",
        keys=(name,),
        description=description,
        precision=precision,
        arrow_type=pa.binary(),
        encode=lambda values: encoder(values[name]),
        decode=lambda scalar: {name: decoder(scalar.as_buffer())},
    )


def _code(name: str, what: str) -> Item:
    """A view item that is a picture of Geo-PIFu's semantic code."""
    return Item(
        name=name,
        level="view",
        keys=(name, f"{name}_keep_ratio", f"{name}_ratio"),
        description=f"uint8 (H, W, 3): place on the body's rest shape, each axis 0..255, of {what}; 255 is background",
        precision="exact; the code that keeps the axes' ratio is derived, to 1/255",
        arrow_type=geopifu_items.CODE_TYPE,
        encode=lambda values: geopifu_items.encode_code(name, values),
        decode=lambda scalar: geopifu_items.decode_code(name, scalar),
    )


def _subject_picture(name: str, description: str, encoder: Callable[..., Any], decoder: Callable[..., Any]) -> Item:
    """A subject item that is one lossless picture."""
    return replace(_picture(name, description, "exact", encoder, decoder), level="subject")


def _decode_depth(scalar: pa.StructScalar) -> Values:
    return {"depth": encode.decode_depth(scalar["png"].as_buffer(), scalar["near_m"].as_py(), scalar["step_m"].as_py())}


def _encode_mesh(values: Mapping[str, Any]) -> dict[str, Any]:
    # Column by column, because neighbours in a column are alike: the faces take two thirds of the space.
    mesh: Mesh = values["mesh"]
    return {
        "num_vertices": mesh.num_vertices,
        "num_faces": mesh.num_faces,
        "vertices": encode.pack_array(mesh.vertices.T),
        "faces": encode.pack_array(mesh.faces.T),
        "vertex_colors": None if mesh.vertex_colors is None else encode.pack_array(mesh.vertex_colors),
    }


def _decode_mesh(scalar: pa.StructScalar) -> Values:
    num_vertices, num_faces = scalar["num_vertices"].as_py(), scalar["num_faces"].as_py()
    colors = scalar["vertex_colors"]
    return {
        "mesh": Mesh(
            vertices=np.ascontiguousarray(encode.unpack_array(scalar["vertices"].as_buffer(), np.float32, (3, num_vertices)).T),
            faces=np.ascontiguousarray(encode.unpack_array(scalar["faces"].as_buffer(), np.int32, (3, num_faces)).T),
            vertex_colors=encode.unpack_array(colors.as_buffer(), np.uint8, (num_vertices, 3)) if colors.is_valid else None,
        )
    }


def _encode_body(values: Mapping[str, Any]) -> dict[str, Any]:
    joints = values["joints_m"]
    parameters = sorted(values["body_parameters"].items())
    return {
        "model": values.get("body_model", ""),
        "parameters": [(name, np.asarray(value, np.float32).reshape(-1).tolist()) for name, value in parameters],
        "joints_m": None if joints is None else np.asarray(joints, np.float32).reshape(-1).tolist(),
    }


def _decode_body(scalar: pa.StructScalar) -> Values:
    joints = scalar["joints_m"].as_py()
    return {
        "body_parameters": {name: np.array(value, np.float32) for name, value in scalar["parameters"].as_py()},
        "joints_m": None if joints is None else np.array(joints, np.float32).reshape(-1, 3),
        "body_model": scalar["model"].as_py(),
    }


def _encode_voxels(values: Mapping[str, Any]) -> dict[str, Any]:
    solid = values["solid_voxels"]
    return {
        "resolution": list(solid.shape),
        "origin_m": [float(x) for x in values["voxel_origin_m"]],
        "axes": [float(x) for x in np.asarray(values["voxel_axes"]).reshape(9)],
        "cell_m": float(values["voxel_size_m"]),
        "bits": encode.pack_array(np.packbits(solid.reshape(-1))),
    }


def _decode_voxels(scalar: pa.StructScalar) -> Values:
    shape = tuple(scalar["resolution"].as_py())
    packed = encode.unpack_array(scalar["bits"].as_buffer(), np.uint8, (-(-int(np.prod(shape)) // 8),))
    return {
        "solid_voxels": encode.unpack_bits(packed.data, shape),
        "voxel_origin_m": np.array(scalar["origin_m"].as_py(), np.float64),
        "voxel_axes": np.array(scalar["axes"].as_py(), np.float64).reshape(3, 3),
        "voxel_size_m": scalar["cell_m"].as_py(),
    }


def _encode_query_points(values: Mapping[str, Any]) -> dict[str, Any]:
    box_min, box_max = (np.asarray(values[key], np.float64) for key in ("query_box_min_m", "query_box_max_m"))
    return {
        "count": len(values["query_codes"]),
        "box_min_m": box_min.tolist(),
        "box_max_m": box_max.tolist(),
        "codes": np.ascontiguousarray(values["query_codes"], np.uint16).tobytes(),
        "labels": encode.pack_bits(values["query_labels"]),
    }


def _decode_query_points(scalar: pa.StructScalar) -> Values:
    count = scalar["count"].as_py()
    codes = np.frombuffer(scalar["codes"].as_buffer(), np.uint16).reshape(count, 3)
    box_min, box_max = (np.array(scalar[key].as_py(), np.float64) for key in ("box_min_m", "box_max_m"))
    return {
        "query_points": encode.dequantise_points(codes, box_min, box_max),
        "query_labels": encode.unpack_bits(scalar["labels"].as_buffer(), (count,)),
    }


_VECTOR = pa.list_(pa.float64(), 3)

ITEMS: dict[str, Item] = {
    item.name: item
    for item in (
        _picture(
            "rgb",
            "uint8 (H, W, 3), sRGB: the lit person over the background",
            f"JPEG, quality {encode.JPEG_QUALITY}, full chroma",
            encode.encode_rgb,
            encode.decode_rgb,
        ),
        _picture("mask", "bool (H, W): the pixel's centre sees the person", "exact", encode.encode_mask, encode.decode_mask),
        _picture(
            "normal",
            "float32 (H, W, 3): unit surface normal in the camera frame; (0, 0, 0) is background",
            "0.4 degrees (8 bits a channel)",
            encode.encode_normal,
            encode.decode_normal,
        ),
        Item(
            name="depth",
            level="view",
            keys=("depth",),
            description="float32 (H, W): metres in front of the camera plane (-z in the camera frame); +inf is background",
            precision="0.05 mm",
            arrow_type=pa.struct([("png", pa.binary()), ("near_m", pa.float64()), ("step_m", pa.float64())]),
            encode=lambda values: encode.encode_depth(values["depth"]),
            decode=_decode_depth,
        ),
        Item(
            name="joints_3d",
            level="view",
            keys=("joints_3d", "joint_set"),
            description="float32 (J, 3): joints of the protocol's set, metres in the camera frame",
            precision="exact",
            arrow_type=body_items.JOINTS_3D_TYPE,
            encode=body_items.encode_joints_3d,
            decode=body_items.decode_joints_3d,
        ),
        Item(
            name="joints_2d",
            level="view",
            keys=("joints_2d", "joints_visibility", "joint_set"),
            description="float32 (J, 2): their pixels (column, row); uint8 (J,): 0 outside the picture, 1 hidden, 2 visible",
            precision="exact",
            arrow_type=body_items.JOINTS_2D_TYPE,
            encode=body_items.encode_joints_2d,
            decode=body_items.decode_joints_2d,
        ),
        _picture(
            "iuv",
            "float32 (h, w, 3): body part 1..24 (0 is background) of the naked body, and its u and v in [0, 1]",
            "the part is exact, u and v to 0.002 (8 bits)",
            body_items.encode_iuv,
            body_items.decode_iuv,
        ),
        _picture(
            "part_labels",
            "uint8 (H, W): label of the mesh's face, as the subject's attributes name them; 0 is background",
            "exact",
            body_items.encode_labels,
            body_items.decode_labels,
        ),
        Item(
            name="mesh",
            level="subject",
            keys=("mesh",),
            description="Mesh: float32 vertices (V, 3) in world metres, int32 faces (F, 3), uint8 colours (V, 3) where known",
            precision="exact",
            arrow_type=pa.struct(
                [
                    ("num_vertices", pa.int32()),
                    ("num_faces", pa.int32()),
                    ("vertices", pa.binary()),
                    ("faces", pa.binary()),
                    ("vertex_colors", pa.binary()),
                ]
            ),
            encode=_encode_mesh,
            decode=_decode_mesh,
        ),
        Item(
            name="body",
            level="subject",
            keys=("body_parameters", "joints_m", "body_model"),
            description="SMPL-format parameters by name, float32, joints (J, 3) in world metres, whose model they are of; "
            "empty and None if unknown",
            precision="exact",
            arrow_type=pa.struct(
                [
                    ("model", pa.string()),
                    ("parameters", pa.map_(pa.string(), pa.list_(pa.float32()))),
                    ("joints_m", pa.list_(pa.float32())),
                ]
            ),
            encode=_encode_body,
            decode=_decode_body,
        ),
        Item(
            name="solid_voxels",
            level="group",
            keys=("solid_voxels", "voxel_origin_m", "voxel_axes", "voxel_size_m"),
            description="bool (nx, ny, nz): solid cells; centres at voxel_origin_m + voxel_size_m (ijk + 0.5) @ voxel_axes",
            precision="exact",
            arrow_type=pa.struct(
                [
                    ("resolution", pa.list_(pa.int32(), 3)),
                    ("origin_m", _VECTOR),
                    ("axes", pa.list_(pa.float64(), 9)),
                    ("cell_m", pa.float64()),
                    ("bits", pa.binary()),
                ]
            ),
            encode=_encode_voxels,
            decode=_decode_voxels,
        ),
        Item(
            name="query_points",
            level="group",
            keys=("query_points", "query_labels"),
            description="float32 (N, 3) world metres and bool (N,) inside: a pool in random order to draw training points from",
            precision="the labels are exact for the points as they are read (16 bits a coordinate in the recorded box)",
            arrow_type=pa.struct(
                [
                    ("count", pa.int32()),
                    ("box_min_m", _VECTOR),
                    ("box_max_m", _VECTOR),
                    ("codes", pa.binary()),
                    ("labels", pa.binary()),
                ]
            ),
            encode=_encode_query_points,
            decode=_decode_query_points,
        ),
        Item(
            name="surfaces",
            level="subject",
            keys=("surfaces",),
            description="mesh and body with codes, world metres; with it normal, mesh_semantics, smpl_semantics and smpl_iuv "
            "are drawn when they are read instead of stored: less than half the space",
            precision="exact; codes and chart coordinates to 1/65535",
            arrow_type=drawn.SURFACES_TYPE,
            encode=drawn.encode_surfaces,
            decode=drawn.decode_surfaces,
        ),
        Item(
            name="config",
            level="group",
            keys=("config",),
            description="what Geo-PIFu writes down for four views: the content of its config JSON",
            precision="exact",
            arrow_type=pa.string(),
            encode=geopifu_items.encode_config,
            decode=geopifu_items.decode_config,
        ),
        _picture(
            "mask_from_voxels",
            "bool (ny, nx): a line of sight along the voxel grid meets a solid cell; rows down, columns right",
            "exact",
            encode.encode_mask,
            encode.decode_mask,
        ),
        _code("mesh_semantics", "the clothed surface"),
        _code("smpl_semantics", "the naked body, whatever it wears"),
        Item(
            name="smpl_iuv",
            level="view",
            keys=("smpl_iuv",),
            description="uint8 (H, W, 3): DensePose part 1..24 of the naked body, u and v times 255; (0, 0, 0) is background",
            precision="exact",
            arrow_type=geopifu_items.PATCH_TYPE,
            encode=lambda values: geopifu_items.encode_patch(values["smpl_iuv"], 0),
            decode=lambda scalar: {"smpl_iuv": geopifu_items.decode_patch(scalar, 0)},
        ),
        Item(
            name="smpl_semantic_voxels",
            level="group",
            keys=("smpl_semantic_voxels",),
            description="uint8 (nx, ny, nz, 3): code of the naked body's solid cells, grid as of solid_voxels; 0 outside",
            precision="exact",
            arrow_type=geopifu_items.CODE_VOXELS_TYPE,
            encode=geopifu_items.encode_code_voxels,
            decode=geopifu_items.decode_code_voxels,
        ),
        Item(
            name="prt",
            level="subject",
            keys=("prt_coefficients", "prt_faces"),
            description="transfer vectors float32 (V, 9), world axes, of the mesh's vertices, or of the corners of prt_faces "
            "(F, 3) where vertices are split at seams; else prt_faces is None",
            precision="3e-5",
            arrow_type=surface_items.PRT_TYPE,
            encode=surface_items.encode_prt,
            decode=surface_items.decode_prt,
        ),
        Item(
            name="color_points",
            level="subject",
            keys=("color_points", "color_albedo", "color_transfer"),
            description="float32 (N, 3) world metres near the surface, uint8 (N, 3) albedo, float32 (N, 9) transfer: in random "
            "order; datagen.items.color_points.color_targets lights them as a view does",
            precision="0.03 mm; the transfer 3e-5",
            arrow_type=surface_items.COLOR_POINTS_TYPE,
            encode=surface_items.encode_color_points,
            decode=surface_items.decode_color_points,
        ),
        _subject_picture(
            "uv_mask", "bool (H, W): the texel belongs to the surface; row 0 is v = 1", encode.encode_mask, encode.decode_mask
        ),
        _subject_picture(
            "uv_normal",
            "uint8 (H, W, 3): 255 * 0.5 (n + 1), the texel's unit normal, world axes; 0 outside of uv_mask",
            encode.encode_png,
            encode.decode_lossless,
        ),
        Item(
            name="uv_position",
            level="subject",
            keys=("uv_position",),
            description="float32 (H, W, 3): where the texel is on the surface, world metres; 0 outside of uv_mask",
            precision="0.03 mm",
            arrow_type=surface_items.TEXEL_POSITIONS_TYPE,
            encode=lambda values: surface_items.encode_texel_positions(values["uv_position"], values["uv_mask"]),
            decode=lambda scalar: {"uv_position": surface_items.decode_texel_positions(scalar)},
        ),
        _picture(
            "uv_render",
            "uint8 (H, W, 3), sRGB: the texture as the view's light falls on it; black outside of uv_mask",
            f"JPEG, quality {encode.JPEG_QUALITY}, full chroma",
            encode.encode_rgb,
            encode.decode_rgb,
        ),
    )
}


def check_items(names: Iterable[str], what: str) -> tuple[str, ...]:
    """The names in catalogue order, each once; an unknown one is an InputError that lists what there is."""
    wanted = list(names)
    for name in wanted:
        if name not in ITEMS:
            raise InputError(f"{what}: there is no item {name!r}. Items: {', '.join(ITEMS)}.")
    return tuple(name for name in ITEMS if name in wanted)
