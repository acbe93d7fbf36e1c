"""Painting skin, face and eyes on maps of template positions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vitruvian.datagen.sources.synthetic.atlas import TileMap
from vitruvian.datagen.sources.synthetic.folds import waves

Floats = NDArray[np.float64]
Picture = NDArray[np.float32]

# Skin from very light to very dark, sRGB.
SKIN_TONES = np.array(
    [(246, 214, 196), (238, 196, 170), (225, 176, 143), (203, 149, 114), (172, 117, 83), (134, 86, 59), (97, 60, 42), (66, 42, 32)]
) / 255.0  # fmt: skip
IRIS_COLOURS = {"brown": (84, 52, 30), "dark brown": (48, 30, 20), "hazel": (118, 90, 48), "green": (92, 112, 72),
                "blue": (96, 132, 164), "grey": (120, 130, 136)}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class FaceMarks:
    """68 landmarks of the template (iBUG order), (68, 3) metres, and the knuckles and such where skin is redder."""

    landmarks: Floats
    joints: Floats


def skin_colour(tone: float) -> Floats:
    """(3,) for a tone in [0, 1], light to dark."""
    at = np.clip(tone, 0, 1) * (len(SKIN_TONES) - 1)
    return np.array([np.interp(at, np.arange(len(SKIN_TONES)), SKIN_TONES[:, c]) for c in range(3)])


def paint_skin(
    where: TileMap,
    marks: FaceMarks,
    rng: np.random.Generator,
    *,
    tone: float,
    hair_colour: Floats,
    stubble: float,
    buzz: float,
    brow: float,
    lipstick: float,
    hairline: NDArray[np.floating] | None = None,
) -> Picture:
    """The skin tile. ``stubble`` and ``buzz`` in [0, 1]: how dark the beard and the shaven scalp are; ``brow`` thickness
    around 1; ``hairline`` a map in [0, 1] of where scalp hair grows."""
    p = where["position"]
    rows, columns = where.shape
    flat = p.reshape(-1, 3).astype(np.float64)
    x, y, z = flat.T
    base = skin_colour(tone) + rng.normal(0, 0.012, 3)
    undertone = rng.normal(0, 0.012)
    base = base + undertone * np.array([0.2, 0.5, -1.0])
    colour = np.tile(base, (len(flat), 1))
    lm, joints = marks.landmarks, marks.joints
    mottle = waves(flat, rng, 0.012, 0.05, (1, 1, 1), 8)[:, None]
    colour *= 1 + 0.018 * mottle
    colour *= 1 + 0.012 * rng.standard_normal((len(flat), 1))
    red = np.array([1.0 + 0.06 * (1 - tone), 0.86, 0.86])
    brown = np.array([0.80, 0.74, 0.72])

    def near(center: Floats, radius: float, scale: tuple[float, float, float] = (1, 1, 1)) -> Floats:
        return np.exp(-((((flat - center) * scale) ** 2).sum(1)) / radius**2)

    def tint(mask: Floats, factor: Floats, amount: float) -> None:
        colour[:] *= 1 + (amount * mask)[:, None] * (factor - 1)

    # Redder and darker places.
    for side in (1, -1):
        cheek = lm[[2, 41, 31] if side < 0 else [14, 46, 35]].mean(0)
        tint(near(cheek, 0.024), red, 0.65)
        for joint, radius, amount in ((18, 0.045, 0.5), (4, 0.06, 0.35), (22, 0.05, 0.45), (10, 0.06, 0.4)):
            center = joints[joint] * (side, 1, 1)
            tint(near(center, radius), red * 0.97, amount)
    tint(near(lm[30], 0.014), red, 0.7)
    for ear in (lm[0], lm[16]):
        tint(near(ear + (0, 0.01, -0.03), 0.03), red, 0.5)
    # Eye sockets and the sides of the nose are a little darker.
    for eye in (lm[36:42].mean(0), lm[42:48].mean(0)):
        tint(near(eye, 0.019), brown, 0.40)
    for wing in (lm[31], lm[35]):
        tint(near(wing, 0.006), brown, 0.5)
    for nostril in (lm[32], lm[34]):
        tint(near(nostril + (0, -0.002, -0.004), 0.0038), np.array([0.45, 0.35, 0.33]), 0.8)

    head = y > joints[12, 1] + 0.02
    front = z > lm[[36, 45], 2].mean() - 0.03
    # Lips: inside the outer contour, seen from the front.
    outer = lm[48:60, :2]
    lips = _inside(flat[:, :2], outer, 0.0014) * (front & (z > lm[48, 2] - 0.012))
    lip_colour = base * np.array([0.93, 0.62, 0.62]) * (1 - 0.12 * tone)
    if lipstick > 0:
        lip_colour = lip_colour * (1 - lipstick) + lipstick * np.array([0.66, 0.10, 0.16])
    colour += lips[:, None] * 0.85 * (lip_colour - colour)
    seam = _near_line(flat[:, :2], lm[[48, 60, 61, 62, 63, 64, 54], :2], 0.0012) * (z > lm[48, 2] - 0.012) * front
    colour *= 1 - 0.55 * seam[:, None]
    # Eyebrows and lashes.
    dark = np.minimum(hair_colour * 0.75, base * 0.55)
    hairs = 0.8 + 0.2 * rng.standard_normal(len(flat))
    for line in (lm[17:22, :2], lm[22:27, :2]):
        raised = line + (0, 0.001)
        mask = _near_line(flat[:, :2], raised, 0.0042 * brow) * front * (z > 0)
        colour += (np.clip(mask * hairs, 0, 1) * 0.88)[:, None] * (dark - colour)
    for line in (lm[[36, 37, 38, 39], :2], lm[[42, 43, 44, 45], :2]):
        mask = _near_line(flat[:, :2], line, 0.0022) * front
        colour += (mask * 0.75)[:, None] * (dark * 0.5 - colour)
    for line in (lm[[36, 41, 40, 39], :2], lm[[42, 47, 46, 45], :2]):
        colour += (_near_line(flat[:, :2], line, 0.0015) * front * 0.35)[:, None] * (dark - colour)
    # Beard: around mouth, chin and jaw.
    if stubble > 0:
        jaw_x = np.abs(lm[4, 0])
        low = _smooth(0.004, -0.018, y - (lm[33, 1] - 0.004 + 0.35 * np.clip(np.abs(x) - 0.03, 0, None)))
        keep = 1 - _inside(flat[:, :2], outer * 1.0, 0.002)
        area = (
            head
            * low
            * keep
            * _smooth(lm[8, 1] - 0.030, lm[8, 1] - 0.010, y)
            * _smooth(joints[15, 2] - 0.005, joints[15, 2] + 0.025, z)
        )
        area *= _smooth(jaw_x + 0.05, jaw_x + 0.01, np.abs(x))
        grain = 0.85 + 0.25 * rng.standard_normal(len(flat))
        colour += (np.clip(area * grain, 0, 1) * stubble * 0.85)[:, None] * (np.minimum(hair_colour, base * 0.6) - colour)
    if buzz > 0 and hairline is not None:
        grain = 0.9 + 0.2 * rng.standard_normal(len(flat))
        area = np.clip(hairline.reshape(-1) * grain, 0, 1)
        colour += (area * buzz)[:, None] * (np.minimum(hair_colour, base * 0.7) - colour)
    # Palms and soles are lighter on dark skin.
    hand = np.abs(x) > joints[20, 0] + 0.01
    palm = hand * _smooth(0.0, -0.012, y - joints[22, 1])
    colour += (palm * 0.35 * tone)[:, None] * (np.array([0.80, 0.62, 0.52]) - colour)
    return colour.reshape(rows, columns, 3).astype(np.float32)


def paint_eye(size: tuple[int, int], iris: tuple[int, int, int], rng: np.random.Generator) -> Picture:
    """The eyeball seen from the front; the tile spans its diameter."""
    rows, columns = size
    v, u = np.mgrid[0:rows, 0:columns]
    du, dv = (u + 0.5) / columns * 2 - 1, (v + 0.5) / rows * 2 - 1
    r, angle = np.hypot(du, dv), np.arctan2(dv, du)
    white = np.array([0.93, 0.91, 0.89]) - np.array([0.0, 0.10, 0.10]) * np.clip(r - 0.55, 0, 1)[..., None]
    rays = 1 + 0.18 * np.cos(17 * angle + rng.uniform(0, 6)) * np.cos(7 * angle + 1.0)
    tone = np.array(iris) / 255.0
    coloured = tone * (rays * (0.75 + 0.7 * np.clip((r - 0.17) / 0.25, 0, 1)))[..., None]
    radius = 0.47
    out = white + _smooth(radius + 0.02, radius - 0.03, r)[..., None] * (coloured - white)
    rim = np.exp(-(((r - radius) / 0.045) ** 2))[..., None]
    out = out * (1 - 0.6 * rim)
    out = out + _smooth(0.22, 0.17, r)[..., None] * (0.03 - out)
    glint = np.exp(-(((du + 0.14) ** 2 + (dv + 0.16) ** 2) / 0.006))[..., None]
    return (out + glint * (1 - out)).astype(np.float32)


def _smooth(low: float, high: float, value: NDArray[np.floating]) -> Floats:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _near_line(points: Floats, line: Floats, width: float) -> Floats:
    """(N,) 1 on a polyline, falling to 0 over ``width``; thinner towards the last point's end."""
    best = np.full(len(points), np.inf)
    box = (points > line.min(0) - 3 * width).all(1) & (points < line.max(0) + 3 * width).all(1)
    ids = np.flatnonzero(box)
    q = points[ids]
    distance = np.full(len(ids), np.inf)
    for a, b in zip(line[:-1], line[1:], strict=True):
        t = np.clip(((q - a) @ (b - a)) / max(float((b - a) @ (b - a)), 1e-12), 0, 1)
        distance = np.minimum(distance, np.linalg.norm(q - (a + t[:, None] * (b - a)), axis=1))
    best[ids] = distance
    return np.exp(-((best / width) ** 2))


def _inside(points: Floats, polygon: Floats, soft: float) -> Floats:
    """(N,) 1 inside a polygon, soft over its edge."""
    box = (points > polygon.min(0) - 3 * soft).all(1) & (points < polygon.max(0) + 3 * soft).all(1)
    ids = np.flatnonzero(box)
    q = points[ids]
    inside = np.zeros(len(ids), bool)
    distance = np.full(len(ids), np.inf)
    for a, b in zip(polygon, np.roll(polygon, -1, 0), strict=True):
        t = np.clip(((q - a) @ (b - a)) / max(float((b - a) @ (b - a)), 1e-12), 0, 1)
        distance = np.minimum(distance, np.linalg.norm(q - (a + t[:, None] * (b - a)), axis=1))
        crosses = (a[1] > q[:, 1]) != (b[1] > q[:, 1])
        at = a[0] + (q[:, 1] - a[1]) * (b[0] - a[0]) / (b[1] - a[1] + 1e-15)
        inside ^= crosses & (q[:, 0] < at)
    out = np.zeros(len(points))
    out[ids] = _smooth(-soft, soft, np.where(inside, distance, -distance))
    return out
