"""Everyday poses, written down as joint angles in degrees (see ``joint_limits``): about x, y, z, left and right named apart.

Reading help, left side: shoulder z -75 lets the arm hang, y -90 points it forwards, x > 0 turns it inwards; elbow y -90 is a
right angle, x < 0 turns the palm up; hip x -90 lifts the thigh to the level; knee x 90 is a right angle. On the right side
y and z change sign. A joint that is not named keeps the angle it has in ``BASE``.
"""

from __future__ import annotations

Angles = dict[str, tuple[float, float, float]]

BASE: Angles = {
    "left_shoulder": (5, 5, -72), "right_shoulder": (5, -5, 72),
    "left_elbow": (0, -18, 0), "right_elbow": (0, 18, 0),
    "left_hand": (0, 0, -12), "right_hand": (0, 0, 12),
}  # fmt: skip
"""Standing, arms hanging loosely; fingers a little curled."""

NAMED_POSES: dict[str, Angles] = {
    "standing": {},
    "a_pose": {
        "left_shoulder": (0, 0, -45), "right_shoulder": (0, 0, 45), "left_elbow": (0, -5, 0), "right_elbow": (0, 5, 0),
        "left_hip": (0, 0, 6), "right_hip": (0, 0, -6), "left_ankle": (0, 0, -5), "right_ankle": (0, 0, 5),
    },
    "contrapposto": {
        "pelvis": (0, 8, -5), "spine1": (0, 0, 4), "spine2": (0, -4, 4), "spine3": (0, -6, 3), "neck": (0, 6, -3),
        "head": (2, 10, -2), "left_hip": (-13, 14, 8), "left_knee": (17, 0, 0), "left_ankle": (-8, 0, -3),
        "right_hip": (0, -4, 4), "right_ankle": (0, 0, 1), "left_elbow": (0, -30, 0),
    },
    "walking_contact": {
        "pelvis": (2, -6, 0), "left_hip": (-26, 6, 1), "left_knee": (6, 0, 0), "left_ankle": (-6, 0, 0),
        "right_hip": (18, 6, -1), "right_knee": (25, 0, 0), "right_ankle": (8, 0, 0), "right_foot": (-31, 0, 0),
        "spine1": (2, 2, 0), "spine2": (0, 4, 0), "spine3": (0, 5, 0), "left_shoulder": (0, 28, -72),
        "right_shoulder": (5, 32, 70), "left_elbow": (0, -12, 0), "right_elbow": (0, 34, 0),
    },
    "walking_passing": {
        "left_hip": (-28, 0, 1), "left_knee": (56, 0, 0), "left_ankle": (4, 0, 0), "right_hip": (2, 0, -2),
        "right_knee": (4, 0, 0), "right_ankle": (-6, 0, 0), "left_shoulder": (0, 12, -74), "right_shoulder": (5, 12, 74),
        "spine1": (3, 0, 0),
    },
    "running": {
        "pelvis": (12, -8, 0), "spine1": (5, 4, 0), "spine2": (4, 6, 0), "spine3": (0, 6, 0), "head": (-10, 0, 0),
        "left_hip": (-70, 4, 2), "left_knee": (80, 0, 0), "left_ankle": (-4, 0, 0), "right_hip": (22, 4, -2),
        "right_knee": (48, 0, 0), "right_ankle": (30, 0, 0), "right_foot": (-15, 0, 0),
        "left_shoulder": (10, 44, -66), "right_shoulder": (10, 40, 66), "left_elbow": (0, -92, 0), "right_elbow": (0, 96, 0),
        "left_hand": (0, 0, -50), "right_hand": (0, 0, 50),
    },
    "lunging": {
        "pelvis": (4, 0, 0), "left_hip": (-72, 0, 3), "left_knee": (78, 0, 0), "left_ankle": (-6, 0, 0),
        "right_hip": (23, 0, -3), "right_knee": (49, 0, 0), "right_ankle": (14, 0, 0), "right_foot": (-38, 0, 0),
        "spine1": (4, 0, 0), "left_shoulder": (0, -20, -60), "right_shoulder": (0, -15, 60),
        "left_elbow": (0, -40, 0), "right_elbow": (0, 35, 0),
    },
    "waving": {
        "right_collar": (0, 0, -12), "right_shoulder": (-70, 10, -12), "right_elbow": (-10, 75, 0), "right_wrist": (0, 0, 5),
        "right_hand": (0, 0, -2), "head": (0, -12, -3), "spine3": (0, 0, 3),
    },
    "arms_raised": {
        "left_collar": (0, 0, 20), "right_collar": (0, 0, -20), "left_shoulder": (-20, -10, 55),
        "right_shoulder": (-20, 10, -55), "left_elbow": (0, -20, 0), "right_elbow": (0, 20, 0), "neck": (-8, 0, 0),
        "left_hand": (0, 0, -2), "right_hand": (0, 0, 2),
    },
    "cheering": {
        "left_collar": (0, 0, 16), "right_collar": (0, 0, -16), "left_shoulder": (-75, -15, 15),
        "right_shoulder": (-75, 15, -15), "left_elbow": (0, -65, 0), "right_elbow": (0, 65, 0),
        "left_hand": (0, 0, -40), "right_hand": (0, 0, 40), "head": (-8, 0, 0),
    },
    "arms_spread": {
        "left_shoulder": (-25, -15, -12), "right_shoulder": (-25, 15, 12), "left_elbow": (-40, -12, 0),
        "right_elbow": (-40, 12, 0), "left_hand": (0, 0, 0), "right_hand": (0, 0, 0),
    },
    "reaching_forward": {
        "spine1": (6, 0, 0), "spine2": (6, -6, 0), "spine3": (4, -6, 0), "right_collar": (0, 12, 0),
        "right_shoulder": (0, 82, 18), "right_elbow": (0, 14, 0), "right_hand": (0, 0, 0),
        "left_hip": (1, 0, 2), "left_knee": (8, 0, 0), "right_hip": (7, 0, -2), "right_knee": (2, 0, 0),
    },
    "reaching_up": {
        "spine2": (-4, 0, 5), "spine3": (-4, 0, 6), "neck": (-16, -10, 0), "head": (-12, -10, 0), "right_collar": (0, 5, -24),
        "right_shoulder": (-20, 45, -65), "right_elbow": (0, 14, 0), "right_hand": (0, 0, 10),
    },
    "pointing": {
        "right_shoulder": (0, 45, 5), "right_elbow": (0, 6, 0), "right_hand": (0, 0, 15), "head": (0, -25, 0),
        "neck": (0, -18, 0), "spine3": (0, -6, 0),
    },
    "hands_on_hips": {
        "left_shoulder": (49, 50, -46), "right_shoulder": (49, -50, 46), "left_elbow": (-2, -96, 0),
        "right_elbow": (-2, 96, 0), "left_wrist": (0, -19, -19), "right_wrist": (0, 19, 19),
        "left_hip": (0, 0, 5), "right_hip": (0, 0, -5), "left_ankle": (0, 0, -4), "right_ankle": (0, 0, 4),
    },
    "arms_crossed": {
        "left_shoulder": (54, -38, -72), "right_shoulder": (43, 61, 76), "left_elbow": (33, -89, 0),
        "right_elbow": (-22, 94, 0),
        "right_wrist": (0, -26, -6),
        "left_wrist": (0, 7, 5),
    },
    "phone_at_ear": {
        "right_shoulder": (-60, 88, 0), "right_elbow": (-4, 133, 0), "right_hand": (0, 0, 40), "head": (0, -5, -8),
        "neck": (4, 0, -4),
        "right_wrist": (0, -2, -40),
    },
    "looking_at_phone": {
        "left_shoulder": (19, -16, -67), "left_elbow": (-64, -114, 0), "right_shoulder": (19, 16, 67),
        "right_elbow": (-64, 114, 0), "neck": (20, 0, 0), "head": (18, 0, 0), "spine3": (6, 0, 0),
        "left_hand": (0, 0, -45), "right_hand": (0, 0, 45),
        "left_wrist": (0, -8, -10),
        "right_wrist": (0, 8, 10),
    },
    "hand_on_chin": {
        "right_shoulder": (12, 53, 71), "right_elbow": (-34, 128, 0), "right_wrist": (0, 20, 5), "right_hand": (0, 0, 40),
        "left_shoulder": (55, -46, -76), "left_elbow": (-26, -76, 0), "neck": (8, 0, 0), "head": (4, 0, 4),
        "left_wrist": (0, -3, -11),
    },
    "carrying": {
        "left_shoulder": (0, -12, -72), "right_shoulder": (0, 12, 72), "left_elbow": (-50, -85, 0),
        "right_elbow": (-50, 85, 0), "spine1": (-4, 0, 0), "spine2": (-3, 0, 0),
        "left_hand": (0, 0, -30), "right_hand": (0, 0, 30),
    },
    "sitting": {
        "pelvis": (-6, 0, 0), "left_hip": (-82, 4, 7), "right_hip": (-82, -4, -7), "left_knee": (86, 0, 0),
        "right_knee": (86, 0, 0), "spine1": (4, 0, 0), "spine2": (4, 0, 0), "left_shoulder": (23, -32, -62),
        "right_shoulder": (23, 32, 62), "left_elbow": (43, -59, 0), "right_elbow": (43, 59, 0),
        "left_wrist": (0, -20, 1),
        "right_wrist": (0, 20, -1),
    },
    "crouching": {
        "pelvis": (28, 0, 0), "left_hip": (-112, 10, 10), "right_hip": (-112, -10, -10), "left_knee": (112, 0, 0),
        "right_knee": (112, 0, 0), "left_ankle": (-24, 0, 0), "right_ankle": (-24, 0, 0), "spine1": (10, 0, 0),
        "spine2": (8, 0, 0), "neck": (-12, 0, 0), "head": (-12, 0, 0), "left_shoulder": (0, -62, -40),
        "right_shoulder": (0, 62, 40), "left_elbow": (0, -30, 0), "right_elbow": (0, 30, 0),
    },
    "kneeling": {
        "left_hip": (-98, 0, 4), "left_knee": (93, 0, 0), "right_hip": (5, 0, -4), "right_knee": (94, 0, 0),
        "right_ankle": (22, 0, 0), "right_foot": (-15, 0, 0), "left_shoulder": (25, -1, -61), "left_elbow": (61, -100, 0),
        "left_wrist": (0, -16, -1), "spine1": (5, 0, 0),
    },
    "bending_forward": {
        "pelvis": (28, 0, 0), "left_hip": (-32, 0, 2), "right_hip": (-32, 0, -2), "left_knee": (8, 0, 0),
        "right_knee": (8, 0, 0), "left_ankle": (-4, 0, 0), "right_ankle": (-4, 0, 0), "spine1": (20, 0, 0),
        "spine2": (18, 0, 0), "spine3": (12, 0, 0), "left_shoulder": (0, -50, -52), "right_shoulder": (0, 50, 52),
    },
    "looking_sideways": {
        "spine2": (0, 6, 0), "spine3": (0, 8, 0), "neck": (0, 28, 0), "head": (0, 30, 0), "left_elbow": (0, -28, 0),
    },
    "looking_up": {
        "spine3": (-6, 0, 0), "neck": (-18, 0, 0), "head": (-20, 8, 0), "left_elbow": (0, -10, 0),
    },
    "stepping_up": {
        "left_hip": (-62, 0, 3), "left_knee": (68, 0, 0), "left_ankle": (-4, 0, 0), "right_hip": (2, 0, -2),
        "right_knee": (4, 0, 0), "pelvis": (5, 0, 0), "left_shoulder": (0, 10, -70), "right_shoulder": (0, 30, 66),
        "right_elbow": (0, 45, 0),
    },
    "talking_with_hands": {
        "left_shoulder": (15, -10, -66), "left_elbow": (-45, -80, 0), "right_shoulder": (-5, 20, 62),
        "right_elbow": (-55, 70, 0), "left_hand": (0, 0, 0), "right_hand": (0, 0, 5), "head": (0, 8, 3),
    },
    "hands_behind_head": {
        "left_collar": (0, 0, 14), "right_collar": (0, 0, -14), "left_shoulder": (-95, 50, 3),
        "right_shoulder": (-95, -50, -3), "left_elbow": (27, -127, 0), "right_elbow": (27, 127, 0), "spine3": (-4, 0, 0),
        "left_wrist": (0, -12, 14),
        "right_wrist": (0, 12, -14),
    },
}  # fmt: skip
