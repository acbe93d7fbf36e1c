"""A textured mesh as one GLB file for viewers: smooth normals, the texture as JPEG, nothing that needs a decoder of its own.

``save_mesh`` keeps a texture without loss and leaves normals to the viewer, which then draws facets; this is for looking at.
glTF 2.0, sections 3.6 to 3.9 and 4.4 of its specification.
"""

from __future__ import annotations

import io
import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vitruvian.geometry.mesh import Mesh

FLOAT, SHORT_INDEX, INDEX = 5126, 5123, 5125
VERTEX_DATA, INDEX_DATA = 34962, 34963
LINEAR, MIPMAPS, CLAMPED = 9729, 9987, 33071


def textured_glb(mesh: Mesh, *, jpeg_quality: int = 90) -> bytes:
    """The file's content: equal for equal meshes. The mesh is in metres and y up, as glTF is.

    Vertices are split only where texture coordinates are. Raises ``ValueError`` for a mesh without texture or faces, and a
    quality that is not within 1 to 95.
    """
    if mesh.texture is None or mesh.uvs is None or mesh.uv_faces is None:
        raise ValueError("textured_glb: the mesh has no texture with coordinates; save_mesh writes vertex colours.")
    if not mesh.num_faces or not 1 <= jpeg_quality <= 95:
        raise ValueError(f"textured_glb: {mesh.num_faces} faces, quality {jpeg_quality}; needs faces and a quality of 1 to 95.")
    pairs = mesh.faces.astype(np.int64).reshape(-1) * len(mesh.uvs) + mesh.uv_faces.reshape(-1)
    distinct, corner = np.unique(pairs, return_inverse=True)
    vertex, place = distinct // len(mesh.uvs), distinct % len(mesh.uvs)
    positions = mesh.vertices[vertex]
    normals = mesh.vertex_normals()[vertex]
    normals[~normals.any(axis=1)] = (0, 0, 1)
    uvs = mesh.uvs[place] * np.array([1, -1], np.float32) + np.array([0, 1], np.float32)  # glTF counts rows from the top
    wide = len(distinct) > 65535
    indices = corner.reshape(-1).astype(np.uint32 if wide else np.uint16)
    jpeg = io.BytesIO()
    Image.fromarray(mesh.texture).save(jpeg, "JPEG", quality=jpeg_quality, optimize=True)
    blocks = [positions.tobytes(), normals.tobytes(), uvs.tobytes(), indices.tobytes(), jpeg.getvalue()]
    box = {"min": positions.min(axis=0).tolist(), "max": positions.max(axis=0).tolist()}
    document = {
        "asset": {"version": "2.0", "generator": "Vitruvian"},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "person"}],
        "meshes": [
            {"primitives": [{"attributes": {"POSITION": 0, "NORMAL": 1, "TEXCOORD_0": 2}, "indices": 3, "material": 0}]}
        ],
        "accessors": [
            {**_accessor(0, positions, "VEC3"), **box},
            _accessor(1, normals, "VEC3"),
            _accessor(2, uvs, "VEC2"),
            {
                "bufferView": 3,
                "componentType": INDEX if wide else SHORT_INDEX,
                "count": len(indices),
                "type": "SCALAR",
            },
        ],
        "materials": [
            {
                "name": "photograph",
                "pbrMetallicRoughness": {"baseColorTexture": {"index": 0}, "metallicFactor": 0.0, "roughnessFactor": 1.0},
            }
        ],
        "textures": [{"sampler": 0, "source": 0}],
        "images": [{"bufferView": 4, "mimeType": "image/jpeg"}],
        "samplers": [{"magFilter": LINEAR, "minFilter": MIPMAPS, "wrapS": CLAMPED, "wrapT": CLAMPED}],
    }
    return _container(document, blocks, [VERTEX_DATA, VERTEX_DATA, VERTEX_DATA, INDEX_DATA, None])


def save_textured_glb(path: Path, mesh: Mesh, *, jpeg_quality: int = 90) -> None:
    """Write ``textured_glb``; the file appears whole or not at all."""
    content = textured_glb(mesh, jpeg_quality=jpeg_quality)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    temporary.write_bytes(content)
    temporary.replace(path)


def _accessor(view: int, values: NDArray[np.float32], kind: str) -> dict[str, Any]:
    return {"bufferView": view, "componentType": FLOAT, "count": len(values), "type": kind}


def _container(document: dict[str, Any], blocks: list[bytes], targets: list[int | None]) -> bytes:
    """Header, JSON chunk and binary chunk; every block starts at a multiple of 4 bytes."""
    views, offset, padded = [], 0, []
    for block, target in zip(blocks, targets, strict=True):
        view: dict[str, Any] = {"buffer": 0, "byteOffset": offset, "byteLength": len(block)}
        views.append(view if target is None else {**view, "target": target})
        padded.append(block + b"\0" * (-len(block) % 4))
        offset += len(padded[-1])
    binary = b"".join(padded)
    text = json.dumps(
        {**document, "bufferViews": views, "buffers": [{"byteLength": len(binary)}]}, separators=(",", ":")
    ).encode()
    text += b" " * (-len(text) % 4)
    chunks = struct.pack("<II", len(text), 0x4E4F534A) + text + struct.pack("<II", len(binary), 0x004E4942) + binary
    return struct.pack("<III", 0x46546C67, 2, 12 + len(chunks)) + chunks
