"""A G-buffer of a person at 512 x 512, orthographic, eight yaws: mask, depth, normal, texture coordinates, label, lit colour.

Everyone makes the same pictures: mask, depth, normal, texture coordinates and label at pixel centres, and a bilinear texture
lit by nine spherical harmonics per pixel. Peers are let off lightly: OpenGL stores colour and normal in bytes and texture
coordinates in half floats, and preparation (upload of the mesh, ray tree, rays of each view) is not timed; one extra peer is
Open3D with its tree built once per eight views. Ours is timed from the plain arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from harness import arguments, compare, pin, require, write_results
from meshes import body, fine_body
from numpy.typing import NDArray

from vitruvian.geometry.camera import Camera
from vitruvian.geometry.mesh import Mesh
from vitruvian.geometry.rasterize import render

SIZE = 512
FIELDS = ("mask", "depth_m", "normal", "uv", "label", "color")
YAWS = np.radians(np.arange(8) * 45.0)
BASIS = np.array([0.88622693] + [1.0233267] * 3 + [0.85808553] * 2 + [0.24770796, 0.85808553, 0.42904277], np.float32)


def main() -> None:
    parser = arguments(__doc__, repeats=9)
    options = parser.parse_args()
    pin(options.core)
    rows = []
    for task, mesh in (("rasterize_27k", body()), ("rasterize_440k", fine_body())):
        cameras = [camera(yaw, mesh) for yaw in YAWS]
        normals = mesh.vertex_normals()
        light = np.random.default_rng(1).uniform(-0.2, 0.2, (9, 3)).astype(np.float32)
        light[0] = 0.9

        def ours(mesh: Mesh = mesh, cameras: list[Camera] = cameras, normals: Any = normals, light: Any = light) -> list[Any]:
            return [render(mesh, each, light=light, vertex_normals=normals, fields=FIELDS) for each in cameras]

        gl = moderngl_views(mesh, cameras, normals, light)
        rays, rays_with_tree = open3d_views(mesh, cameras, normals, light)
        peers = {
            "moderngl on llvmpipe": gl,
            "Open3D rays, tree not timed": rays,
            "Open3D rays, tree per 8 views": rays_with_tree,
        }
        mine = ours()
        print(f"{task}: {mesh.num_faces} triangles, {int(mine[0].mask.sum())} pixels in the first view")
        agreement = {}
        for name, peer in (("moderngl", gl.checked()), ("Open3D", rays())):
            agreement[name] = difference(mine, peer)
            print(f"    against {name}: {agreement[name]}")
        rows.append({**compare(task, ours, peers, repeats=options.repeats), "views": len(cameras), "difference": agreement})
    write_results("rasterize", rows, packages=["moderngl", "open3d"], folder=options.results, notes=(__doc__ or "").strip())


def camera(yaw: float, mesh: Mesh) -> Camera:
    """An orthographic camera around the person, whose height takes nine tenths of the picture."""
    c, s = float(np.cos(yaw)), float(np.sin(yaw))
    focal = 0.9 * SIZE / float(np.ptp(mesh.vertices[:, 1]))
    rotation = (c, 0.0, s, 0.0, 1.0, 0.0, -s, 0.0, c)
    center = (SIZE / 2, SIZE / 2)
    middle = float(mesh.vertices[:, 1].min() + np.ptp(mesh.vertices[:, 1]) / 2)
    return Camera(
        projection="orthographic", width_px=SIZE, height_px=SIZE, focal_px=(focal, focal), center_px=center,
        rotation=rotation, translation_m=(0.0, -middle, -4.0),
    )  # fmt: skip


def difference(mine: list[Any], peer: list[dict[str, NDArray[Any]]]) -> dict[str, float]:
    """How far a peer's pictures are from ours, over all views: shares of the pixels of our mask, and median errors."""
    total = sum(int(view.mask.sum()) for view in mine)
    both = [view.mask & other["mask"] for view, other in zip(mine, peer, strict=True)]
    pairs = list(zip(mine, peer, both, strict=True))

    def worst(name: str, field: str) -> float:
        errors = np.concatenate([np.abs(getattr(v, field)[b] - o[name][b]).reshape(b.sum(), -1).max(1) for v, o, b in pairs])
        return float(np.median(errors))

    return {
        "mask_share": sum(int((v.mask != o["mask"]).sum()) for v, o, _ in pairs) / total,
        "label_share": sum(int((v.label != o["label"])[b].sum()) for v, o, b in pairs) / total,
        "depth_median_m": worst("depth", "depth_m"),
        "normal_median": worst("normal", "normal"),
        "uv_median": worst("uv", "uv"),
        "color_median": worst("color", "color"),
    }


VERTEX_SHADER = """
#version 330
uniform mat3 turn; uniform vec3 shift; uniform vec2 scale; uniform vec2 depth_range;
in vec3 position; in vec3 normal; in vec2 uv;
out vec3 world_normal; out vec2 at;
void main() {
    vec3 p = turn * position + shift;
    gl_Position = vec4(p.xy * scale, (-p.z - depth_range.x) * depth_range.y * 2.0 - 1.0, 1.0);
    world_normal = normal; at = uv;
}
"""
FRAGMENT_SHADER = """
#version 330
uniform mat3 turn; uniform vec3 light[9]; uniform sampler2D picture; uniform usampler2D labels;
in vec3 world_normal; in vec2 at;
layout(location = 0) out vec4 color;
layout(location = 1) out vec4 camera_normal;
layout(location = 2) out vec2 uv;
layout(location = 3) out uint label;
void main() {
    vec3 n = normalize(world_normal);
    vec3 e = 0.88622693 * light[0] + 1.0233267 * (n.y * light[1] + n.z * light[2] + n.x * light[3])
        + 0.85808553 * (n.x * n.y * light[4] + n.y * n.z * light[5] + n.z * n.x * light[7])
        + 0.24770796 * (3.0 * n.z * n.z - 1.0) * light[6] + 0.42904277 * (n.x * n.x - n.y * n.y) * light[8];
    color = vec4(texture(picture, vec2(at.x, 1.0 - at.y)).rgb * max(e, 0.0), 1.0);
    camera_normal = vec4(turn * n * 0.5 + 0.5, 1.0);
    uv = at;
    label = texelFetch(labels, ivec2(gl_PrimitiveID & 1023, gl_PrimitiveID >> 10), 0).r;
}
"""


def moderngl_views(mesh: Mesh, cameras: list[Camera], normals: Any, light: Any) -> Callable[[], list[dict[str, NDArray[Any]]]]:
    """A callable that draws all views with OpenGL into five attachments and reads them back."""
    moderngl = require("moderngl")
    assert mesh.uvs is not None and mesh.texture is not None and mesh.face_labels is not None
    context = moderngl.create_context(standalone=True, backend="egl", require=330)
    print(f"    OpenGL: {context.info['GL_RENDERER']}")
    program = context.program(vertex_shader=VERTEX_SHADER, fragment_shader=FRAGMENT_SHADER)
    corners = np.concatenate([mesh.vertices, normals, mesh.uvs], axis=1).astype(np.float32)
    content = [(context.buffer(corners.tobytes()), "3f 3f 2f", "position", "normal", "uv")]
    array = context.vertex_array(program, content, context.buffer(mesh.faces.tobytes()))
    picture = context.texture((mesh.texture.shape[1], mesh.texture.shape[0]), 3, mesh.texture.tobytes())
    picture.repeat_x = picture.repeat_y = False
    picture.filter = (moderngl.LINEAR, moderngl.LINEAR)
    padded = np.zeros(-(-mesh.num_faces // 1024) * 1024, np.uint8)
    padded[: mesh.num_faces] = mesh.face_labels
    labels = context.texture((1024, len(padded) // 1024), 1, padded.tobytes(), dtype="u1")
    labels.filter = (moderngl.NEAREST, moderngl.NEAREST)
    picture.use(0)
    labels.use(1)
    program["picture"], program["labels"] = 0, 1
    program["light"].write(light.tobytes())
    layers = [(4, "f1"), (4, "f1"), (2, "f2"), (1, "u1")]
    targets = [context.texture((SIZE, SIZE), channels, dtype=kind) for channels, kind in layers]
    target = context.framebuffer(targets, context.depth_texture((SIZE, SIZE)))
    near, span = 2.0, 4.0

    def one(view: Camera) -> dict[str, NDArray[Any]]:
        target.use()
        target.clear(depth=1.0)
        context.enable_only(moderngl.DEPTH_TEST)
        program["turn"].write(view.rotation_33.T.astype(np.float32).tobytes())
        program["shift"] = view.translation_m
        program["scale"] = (2 * view.focal_px[0] / SIZE, -2 * view.focal_px[1] / SIZE)  # row 0 of the picture first
        program["depth_range"] = (near, 1 / span)
        array.render()
        depth = np.frombuffer(target.read(attachment=-1, components=1, dtype="f4"), np.float32).reshape(SIZE, SIZE)
        read = [
            np.frombuffer(target.read(attachment=k, components=channels, dtype=kind), dtype).reshape(SIZE, SIZE, channels)
            for k, ((channels, kind), dtype) in enumerate(zip(layers, (np.uint8, np.uint8, np.float16, np.uint8), strict=True))
        ]
        return {"mask": depth < 1, "depth": depth, "color": read[0], "normal": read[1], "uv": read[2], "label": read[3][..., 0]}

    def run() -> list[dict[str, NDArray[Any]]]:
        return [one(view) for view in cameras]

    def checked() -> list[dict[str, NDArray[Any]]]:
        views = run()
        for view in views:
            view["depth"] = near + span * view["depth"]
            view["color"] = view["color"][..., :3] / np.float32(255)
            view["normal"] = view["normal"][..., :3] / np.float32(127.5) - 1
        return views

    run.checked = checked  # type: ignore[attr-defined]
    return run


def open3d_views(mesh: Mesh, cameras: list[Camera], normals: Any, light: Any) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Callables that cast a ray per pixel and fetch the attributes with numpy: with the tree made beforehand, and anew."""
    o3d = require("open3d")
    assert mesh.uvs is not None and mesh.texture is not None and mesh.face_labels is not None
    texture, uvs, face_labels = mesh.texture, mesh.uvs, mesh.face_labels
    height, width = texture.shape[:2]
    pixels = (np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), axis=-1) + 0.5).reshape(-1, 2)
    rays = []
    for view in cameras:
        x, y = (pixels - view.center_px).T / view.focal_px[0]
        starts = view.to_world(np.stack([x, -y, np.zeros_like(x)], axis=1))
        towards = np.broadcast_to(view.rotation_33.T @ [0.0, 0.0, -1.0], starts.shape)
        rays.append(o3d.core.Tensor(np.concatenate([starts, towards], axis=1).astype(np.float32).reshape(SIZE, SIZE, 6)))

    def tree() -> Any:
        scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        scene.add_triangles(o3d.core.Tensor(mesh.vertices), o3d.core.Tensor(mesh.faces.astype(np.uint32)))
        scene.commit() if hasattr(scene, "commit") else None
        return scene

    def one(scene: Any, view: Camera, ray: Any) -> dict[str, NDArray[Any]]:
        hit = scene.cast_rays(ray, nthreads=1)
        depth = hit["t_hit"].numpy()
        mask = np.isfinite(depth)
        ids = hit["primitive_ids"].numpy()[mask]
        weights = hit["primitive_uvs"].numpy()[mask]
        corners = mesh.faces[ids]
        b = np.concatenate([1 - weights.sum(1, keepdims=True), weights], axis=1)[..., None]
        n = (normals[corners] * b).sum(1)
        n /= np.sqrt(np.einsum("ni,ni->n", n, n))[:, None]
        at = (uvs[corners] * b).sum(1)
        tx = np.clip(at[:, 0] * width - 0.5, 0, width - 1)
        ty = np.clip((1 - at[:, 1]) * height - 0.5, 0, height - 1)
        x0, y0 = tx.astype(np.int32), ty.astype(np.int32)
        x1, y1 = np.minimum(x0 + 1, width - 1), np.minimum(y0 + 1, height - 1)
        fx, fy = (tx - x0)[:, None], (ty - y0)[:, None]
        top = texture[y0, x0] * (1 - fx) + texture[y0, x1] * fx
        bottom = texture[y1, x0] * (1 - fx) + texture[y1, x1] * fx
        albedo = (top * (1 - fy) + bottom * fy) * np.float32(1 / 255)
        x, y, z = n.T
        basis = np.stack([np.ones_like(x), y, z, x, x * y, y * z, 3 * z * z - 1, z * x, x * x - y * y], axis=1) * BASIS
        pictures: dict[str, NDArray[Any]] = {"mask": mask, "depth": depth}
        for name, channels, values in (
            ("color", 3, np.minimum(albedo * np.maximum(basis @ light, 0), 1)),
            ("normal", 3, n @ view.rotation_33.T.astype(np.float32)),
            ("uv", 2, at),
        ):
            pictures[name] = np.zeros((SIZE, SIZE, channels), np.float32)
            pictures[name][mask] = values
        pictures["label"] = np.zeros((SIZE, SIZE), np.uint8)
        pictures["label"][mask] = face_labels[ids]
        return pictures

    ready = tree()

    def run(scene: Any = ready) -> list[dict[str, NDArray[Any]]]:
        return [one(scene, view, ray) for view, ray in zip(cameras, rays, strict=True)]

    return run, lambda: run(tree())


if __name__ == "__main__":
    main()
