"""The label table of built-in people: value of ``Mesh.face_labels`` -> what the face belongs to. 0 is the background."""

from __future__ import annotations

LABEL_NAMES: tuple[str, ...] = (
    "background",
    "head",
    "neck",
    "torso",
    "left arm",
    "right arm",
    "left hand",
    "right hand",
    "left leg",
    "right leg",
    "left foot",
    "right foot",
    "eyes",
    "mouth",
    "hair",
    "top",
    "jacket",
    "trousers",
    "shorts",
    "skirt",
    "dress",
    "collar",
    "belt",
    "left shoe",
    "right shoe",
    "socks",
    "hat",
    "hood",
    "glasses",
)
LABEL: dict[str, int] = {name: value for value, name in enumerate(LABEL_NAMES)}
SKIN_LABELS: tuple[int, ...] = tuple(range(LABEL["head"], LABEL["right foot"] + 1))
