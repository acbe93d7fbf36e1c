"""Hair as closed volumes on the scalp, made of columns that run from the crown to the tips.

The scalp is sampled once by rays from the middle of the skull. A style says where its columns end on the head, how far
they fall from there, and how thick the hair lies; grooves along the columns make strands.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.bodies.model import BodyModel
from vitruvian.datagen.sources.synthetic.parts import Part
from vitruvian.datagen.sources.synthetic.sweeps import grid_part, tube

Floats = NDArray[np.float64]
COLUMNS, ROWS = 100, 29
_AZIMUTHS = np.linspace(-np.pi, np.pi, 145)
_ELEVATIONS = np.deg2rad(np.linspace(-50, 90, 57))


@dataclass(frozen=True, kw_only=True, slots=True)
class HairStyle:
    """Lengths in metres on the template's head; angles in degrees."""

    name: str
    top_m: float = 0.02
    """Thickness on the crown."""
    side_m: float = 0.012
    """Thickness at the sides and the back."""
    fall_m: float = 0.0
    """How far hair hangs below the ears."""
    fringe_deg: float = 0.0
    """How much lower than the natural hairline the front ends."""
    part: float = 0.0
    """-1 right, 0 none, 1 left: side of the parting, which raises the other side."""
    lumps_m: float = 0.0
    """Height of curls."""
    wave_m: float = 0.0
    """Waviness of hanging hair."""
    strands: float = 1.0
    tied: str = ""
    """``bun``, ``high bun``, ``ponytail`` or nothing."""
    lift: float = 0.0
    """How much the front stands up (quiff)."""
    smooth: bool = False
    """No strands (a knitted hat)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Scalp:
    """Where rays from the skull's middle leave the head, as weights of body vertices."""

    corners: NDArray[np.int64]
    """(E, A, 3) body vertices."""
    weights: Floats
    """(E, A, 3)"""
    center_vertices: NDArray[np.int64]
    """Vertices whose mean is the skull's middle."""


def build_scalp(model: BodyModel) -> Scalp:
    """Shoots the rays on the template; takes about a second."""
    template = model.v_template.astype(np.float64)
    joints = model.joint_regressor.astype(np.float64) @ template
    center = _skull_center(template, model)
    skin = np.zeros(len(template), bool)
    skin[: int(model.faces.max()) + 1] = True
    head = (model.weights[:, 15] > 0.3) | (template[:, 1] > joints[12, 1] - 0.02)
    faces = model.faces.astype(np.int64)
    faces = faces[head[faces].all(1) & (template[faces].mean(1)[:, 1] > joints[12, 1] - 0.02)]
    az, el = np.meshgrid(_AZIMUTHS, _ELEVATIONS)
    rays = np.stack([np.cos(el) * np.sin(az), np.sin(el), np.cos(el) * np.cos(az)], -1).reshape(-1, 3)
    a, b, c = (template[faces[:, k]] - center for k in range(3))
    corners, weights = np.zeros((len(rays), 3), np.int64), np.zeros((len(rays), 3))
    normal = np.cross(b - a, c - a)
    volume = (a * normal).sum(1)
    ab, bc, ca = np.cross(a, b), np.cross(b, c), np.cross(c, a)
    for start in range(0, len(rays), 256):
        d = rays[start : start + 256]
        wc, wa, wb = d @ ab.T, d @ bc.T, d @ ca.T
        hit = (wa >= -1e-12) & (wb >= -1e-12) & (wc >= -1e-12)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = np.where(hit, volume / (wa + wb + wc), -1)
        best = distance.argmax(1)
        rows = np.arange(len(d))
        w = np.stack([wa[rows, best], wb[rows, best], wc[rows, best]], 1)
        corners[start : start + 256] = faces[best]
        weights[start : start + 256] = w / w.sum(1, keepdims=True)
    shape = (len(_ELEVATIONS), len(_AZIMUTHS), 3)
    distance_from_center = np.linalg.norm(template - center, axis=1)
    ring = np.flatnonzero((model.weights[:, 15] > 0.9) & (template[:, 1] > center[1]) & (distance_from_center > 0.05))
    return Scalp(corners=corners.reshape(shape), weights=weights.reshape(shape), center_vertices=ring)


def _skull_center(template: Floats, model: BodyModel) -> Floats:
    """Between the ears, at the height of the brows."""
    brow = template[model.landmark_vertices[17:27]].mean(0)  # type: ignore[index]
    ears = template[model.landmark_vertices[[0, 16]]].mean(0)  # type: ignore[index]
    return np.array([0.0, brow[1] - 0.005, ears[2] - 0.005])


def natural_hairline_deg(azimuth: Floats) -> Floats:
    """Elevation above the skull's middle at which hair ends, for azimuths (0 is the front)."""
    angle = np.rad2deg(np.abs(azimuth))
    return np.interp(angle, [0, 18, 32, 45, 58, 70, 80, 92, 103, 118, 140, 180],
                     [41, 41, 42, 33, 22, 2, -4, 20, 14, -14, -33, -38])  # fmt: skip


def hair_part(
    scalp: Scalp,
    rest: Floats,
    transforms: Floats,
    style: HairStyle,
    rng: np.random.Generator,
    label: int,
    obstacles: tuple[Floats, Floats],
    scale: float,
) -> list[Part]:
    """The closed volumes of a style. ``rest`` (V, 3) the body before the pose; ``obstacles`` posed points and normals of
    neck, shoulders and back; ``scale`` of the head against the template's."""
    surface = (rest[scalp.corners] * scalp.weights[..., None]).sum(2)
    center = rest[scalp.center_vertices].mean(0)
    # Even the skull out: ears and brows do not show through hair.
    for _ in range(6):
        surface[1:-1] = 0.5 * surface[1:-1] + 0.25 * (surface[2:] + surface[:-2])
        inner = surface[:, :-1]
        inner = 0.5 * inner + 0.25 * (np.roll(inner, 1, 1) + np.roll(inner, -1, 1))
        surface = np.concatenate([inner, inner[:, :1]], 1)
    az = np.linspace(-np.pi, np.pi, COLUMNS, endpoint=False)
    angle = np.rad2deg(np.abs(az))
    end = np.interp(angle, [0, 40, 90, 130, 180], [30, 27, 6, -12, -18]) if style.smooth else natural_hairline_deg(az)
    front = np.clip(1 - angle / 48, 0, 1)
    end = end - style.fringe_deg * np.clip(front * 2.2, 0, 1)
    fall = np.zeros(COLUMNS)
    if style.fall_m > 0:
        back = _step(62, 84, angle)
        end = end * (1 - back) + np.minimum(end, -6.0) * back
        fall = style.fall_m * back * scale
        fall = fall * (1 + 0.06 * np.cos(3 * az + rng.uniform(0, 6)) + 0.03 * rng.standard_normal(COLUMNS))
    if not style.smooth:
        end = end + 1.2 * rng.standard_normal(COLUMNS) * (0.5 + 0.5 * front)
    mean_radius = 0.105 * scale
    arc = mean_radius * np.deg2rad(90 - end)
    total = arc + fall
    t = np.linspace(0, 1, ROWS)[:, None]
    s = t * total
    elevation = np.clip(90 - np.rad2deg(s / mean_radius), end, 90)
    below = np.maximum(s - arc, 0.0)

    swirl = 0.25 * style.part if style.part else 0.1
    at = _sample(surface, az + swirl * (1 - t) * 0, elevation)
    out = at - center
    out /= np.linalg.norm(out, axis=2, keepdims=True)
    up = np.sin(np.deg2rad(np.clip(elevation, 0, 90)))
    thick = (style.side_m + (style.top_m - style.side_m) * up**1.2) * scale
    if style.part:
        high = 0.5 + 0.5 * np.cos(az - np.deg2rad(-75.0 * style.part))
        groove = np.exp(-(((az - np.deg2rad(28.0 * style.part)) / 0.16) ** 2)) * _step(20, 55, elevation) * (np.abs(az) < 1.6)
        thick = thick * (0.75 + 0.5 * high) * (1 - 0.75 * groove)
    if style.lift:
        thick = thick + style.lift * scale * np.exp(-(((elevation - 55) / 16) ** 2)) * np.clip(np.cos(az), 0, 1) ** 2
    edge = np.where(fall > 0.01, 1.0, _step(0.0, 0.28, 1 - t) ** 0.6)
    thick = 0.004 * scale + thick * edge
    if not style.smooth:
        drift = 3.0 * np.sin(az + rng.uniform(0, 6)) * (1 - t)  # strands do not run straight down
        for width, height in ((1, 0.0014), (3, 0.0020), (7, 0.0016)):
            strand = _ring_noise(rng, width)
            at_column = (np.arange(COLUMNS) + drift * (1 + width)) % COLUMNS
            low = at_column.astype(int)
            share = at_column - low
            grain = strand[low] * (1 - share) + strand[(low + 1) % COLUMNS] * share
            thick = thick + style.strands * height * scale * grain * np.clip(3 * t - 0.3, 0, 1)
    if style.lumps_m:
        bumps = sum(
            np.cos(ku * az + rng.uniform(0, 6) + 2 * np.sin(kv * t * 3))
            * np.cos(kv * t * np.pi * 4 + rng.uniform(0, 6) + ku * az * 0.2)
            for ku, kv in ((9, 2), (13, 3), (17, 4), (23, 5))
        )
        thick = thick + style.lumps_m * scale * 0.45 * bumps * np.clip(3 * t, 0, 1)
    outer = at + out * thick[..., None]
    flat = np.stack([np.sin(az), np.zeros(COLUMNS), np.cos(az)], -1)[None]
    depth_m = (0.020 + 0.3 * style.side_m) * scale
    inner = at - out * 0.008 * scale
    if style.fall_m > 0:
        inward = (0.35 if style.fall_m < 0.14 else 0.06) * np.clip(below, 0, 0.09 * scale)
        wave = style.wave_m * np.sin(below / 0.03 + 2 * np.sin(2 * az + rng.uniform(0, 6))) * np.clip(below / 0.06, 0, 1)
        sway = (wave - inward)[..., None] * flat
        fallen = np.stack([np.zeros_like(below), -below, np.zeros_like(below)], -1)
        outer = outer + fallen + sway
        tip = np.clip((total - s) / (0.10 * scale), 0.25, 1)
        share = np.clip(below / 0.02, 0, 1)[..., None]
        inner = inner * (1 - share) + (outer - flat * depth_m * tip[..., None] * 0.9) * share
    # What hangs follows the chest more than the head.
    share = (0.85 * _step(0.0, 0.14 * scale, below))[..., None, None]
    carry = transforms[15] * (1 - share) + transforms[9] * share
    outer, inner = (np.einsum("rcij,rcj->rci", carry[..., :3, :3], side) + carry[..., :3, 3] for side in (outer, inner))
    if style.fall_m > 0.06:
        outer, inner = _keep_off(outer, inner, below, obstacles, scale)
    parts = [_shell(outer, inner, label)]
    if style.tied:
        parts += _tied(style, center, mean_radius, transforms[15], rng, label, scale, obstacles)
    return parts


def _ring_noise(rng: np.random.Generator, width: int) -> Floats:
    """(COLUMNS,) noise of unit variance, smoothed over ``width`` columns."""
    noise = rng.standard_normal(COLUMNS)
    kernel = np.hanning(2 * width + 1)
    out = np.convolve(np.concatenate([noise[-width:], noise, noise[:width]]), kernel, "valid")
    return out / out.std()


def _sample(grid: Floats, azimuth: Floats, elevation_deg: Floats) -> Floats:
    """Bilinear look-up of a (E, A, 3) grid."""
    azimuth = np.broadcast_to(azimuth, elevation_deg.shape)
    a = (azimuth + np.pi) / (2 * np.pi) * (grid.shape[1] - 1)
    e = (np.deg2rad(elevation_deg) - _ELEVATIONS[0]) / (_ELEVATIONS[-1] - _ELEVATIONS[0]) * (grid.shape[0] - 1)
    a0, e0 = np.clip(a.astype(int), 0, grid.shape[1] - 2), np.clip(e.astype(int), 0, grid.shape[0] - 2)
    fa, fe = (a - a0)[..., None], (e - e0)[..., None]
    return ((grid[e0, a0] * (1 - fa) + grid[e0, a0 + 1] * fa) * (1 - fe)
            + (grid[e0 + 1, a0] * (1 - fa) + grid[e0 + 1, a0 + 1] * fa) * fe)  # fmt: skip


def _keep_off(
    outer: Floats, inner: Floats, below: Floats, obstacles: tuple[Floats, Floats], scale: float
) -> tuple[Floats, Floats]:
    """Moves hanging hair in front of the shoulders and the back."""
    from scipy.spatial import cKDTree

    points, normals = obstacles
    tree = cKDTree(points)
    hanging = below > 0.005
    for _ in range(4):
        p = 0.5 * (outer + inner)[hanging]
        thickness = 0.5 * np.linalg.norm(outer - inner, axis=2)[hanging]
        distance, nearest = tree.query(p)
        depth = ((p - points[nearest]) * normals[nearest]).sum(1)
        amount = np.where(distance < 0.14, np.clip(thickness + 0.002 * scale - depth, 0, 0.10), 0)
        push = np.zeros_like(outer)
        push[hanging] = normals[nearest] * amount[:, None]
        target = np.linalg.norm(push, axis=2, keepdims=True)
        wide = push
        for _ in range(8):
            wide = wide.copy()
            wide[1:-1] = 0.5 * wide[1:-1] + 0.25 * (wide[2:] + wide[:-2])
            wide[-1] = 0.5 * wide[-1] + 0.5 * wide[-2]
            wide = 0.5 * wide + 0.25 * (np.roll(wide, 1, 1) + np.roll(wide, -1, 1))
            wide = np.where(np.linalg.norm(wide, axis=2, keepdims=True) < target, push, wide)
        wide *= np.clip(below / 0.01, 0, 1)[..., None]
        outer, inner = outer + wide, inner + wide
    # Iron out what the pushes crumpled, along the strands.
    loose = 0.6 * np.clip(below[1:-1] / 0.03, 0, 1)[..., None]
    for _ in range(5):
        for sheet in (outer, inner):
            sheet[1:-1] += loose * (0.5 * (sheet[2:] + sheet[:-2]) - sheet[1:-1])
    return outer, inner


def _shell(outer: Floats, inner: Floats, label: int) -> Part:
    """The closed surface between two (rows, columns, 3) grids whose first rows are poles."""
    rows, columns = outer.shape[:2]
    top, bottom = outer[0].mean(0, keepdims=True), inner[0].mean(0, keepdims=True)
    vertices = np.concatenate([outer[1:].reshape(-1, 3), inner[1:].reshape(-1, 3), top, bottom])
    grid = np.arange((rows - 1) * columns).reshape(rows - 1, columns)
    n = grid.size
    nxt = np.roll(grid, -1, 1)
    quads = lambda a, b, c, d: np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])  # noqa: E731
    faces = np.concatenate([
        quads(grid[:-1], grid[1:], nxt[1:], nxt[:-1]),
        quads(nxt[:-1] + n, nxt[1:] + n, grid[1:] + n, grid[:-1] + n),
        quads(grid[-1], grid[-1] + n, nxt[-1] + n, nxt[-1]),
        np.stack([np.full(columns, 2 * n), grid[0], nxt[0]], 1),
        np.stack([np.full(columns, 2 * n + 1), nxt[0] + n, grid[0] + n], 1),
    ])  # fmt: skip
    return grid_part(vertices, faces, rows - 1, columns, 2, label, "hair")


def _tied(
    style: HairStyle,
    center: Floats,
    radius: float,
    transform: Floats,
    rng: np.random.Generator,
    label: int,
    scale: float,
    obstacles: tuple[Floats, Floats],
) -> list[Part]:
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    if "bun" in style.tied:
        lift = np.deg2rad(52.0 if style.tied == "high bun" else 8.0)
        direction = np.array([0.0, np.sin(lift), -np.cos(lift)])
        size = rng.uniform(0.032, 0.044) * scale
        middle = center + direction * (radius + 0.42 * size)
        lat = np.linspace(-np.pi / 2 + 0.12, np.pi / 2 - 0.12, 16)
        up, side = np.array([0.0, direction[2], -direction[1]]), np.array([1.0, 0.0, 0.0])
        swirl = 1 + 0.05 * np.cos(5 * angle[None] + 6 * lat[:, None]) + 0.03 * np.cos(13 * angle[None] + 9 * lat[:, None])
        ring = (
            np.cos(lat)[:, None, None]
            * size
            * swirl[..., None]
            * (np.cos(angle)[:, None] * side + np.sin(angle)[:, None] * up)[None]
        )
        centers = middle + np.sin(lat)[:, None] * direction * size * 0.8
    else:
        length = rng.uniform(0.18, 0.34) * scale
        t = np.linspace(0, 1, 22)
        start = center + np.array([0.0, rng.uniform(0.02, 0.06) * scale, -radius - 0.006 * scale])
        centers = start + np.stack([0.01 * np.sin(4 * t), 0.03 * np.sin(np.pi * np.clip(2.4 * t, 0, 1)) - length * t**1.25,
                                    -0.035 * np.sin(np.pi * np.clip(1.6 * t, 0, 1) / 1.0) - 0.012 + 0.045 * t], 1)  # fmt: skip
        width = scale * 0.024 * np.interp(t, [0, 0.12, 0.35, 0.8, 1], [0.55, 0.9, 1.1, 0.75, 0.12])
        grooves = 1 + 0.10 * np.cos(7 * angle + 1) + 0.06 * np.cos(12 * angle)
        ring = width[:, None, None] * grooves[None, :, None] * np.stack([np.cos(angle), np.zeros(40), np.sin(angle)], -1)[None]
    centers = centers @ transform[:3, :3].T + transform[:3, 3]
    if style.tied == "ponytail":
        from scipy.spatial import cKDTree

        points, normals = obstacles
        distance, nearest = cKDTree(points).query(centers)
        depth = ((centers - points[nearest]) * normals[nearest]).sum(1)
        push = np.where(distance < 0.12, np.clip(0.03 * scale - depth, 0, 0.15), 0)[:, None] * normals[nearest]
        for _ in range(4):
            push[1:-1] = 0.5 * push[1:-1] + 0.25 * (push[2:] + push[:-2])
        centers = centers + push
    return [tube(centers, ring @ transform[:3, :3].T, label, "hair")]


def _step(low: float, high: float, value: Floats) -> Floats:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)
