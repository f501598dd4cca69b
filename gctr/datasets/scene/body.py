"""A walking body: joints from the phase of the gait, and the lofted parts that hang between them.

Lengths are those of an adult of 1.75 m (Drillis and Contini's proportions, rounded), scaled to the walker's height. The legs are
placed by their feet: during stance the ankle moves back exactly as fast as the body moves on, so that feet do not skate,
and the knee follows by inverse kinematics.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import acos, cos, hypot, pi, sin

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from gctr.datasets.scene import raster
from gctr.datasets.scene.raster import CAP_A, CAP_B, HAIR, HEAD, PLAIN, PROFILE, TORSO
from gctr.datasets.scene.view import View

STATURE = 1.75
EYE_HEIGHT = 1.648
THIGH, SHIN, HIP = 0.435, 0.425, 0.945
STANCE = 0.62  # share of a gait cycle that a foot is on the ground

Joint = tuple[float, float, float]  # sideways (to the right of the picture for one who faces it), up, forward

# Half-width, half-depth and forward offset along an axis, in metres
_TORSO = (
    (0.172, 0.168, 0.163, 0.160, 0.164, 0.172, 0.182, 0.188, 0.172, 0.066),
    (0.122, 0.118, 0.113, 0.112, 0.116, 0.122, 0.126, 0.118, 0.090, 0.058),
    (0.000, 0.004, 0.008, 0.012, 0.012, 0.012, 0.008, 0.000, -0.012, -0.010),
)
_TORSO_SLIM = (
    (0.172, 0.166, 0.150, 0.139, 0.141, 0.150, 0.158, 0.164, 0.148, 0.056),
    (0.124, 0.118, 0.106, 0.097, 0.102, 0.116, 0.126, 0.110, 0.080, 0.050),
    (-0.004, -0.004, 0.002, 0.006, 0.010, 0.016, 0.018, 0.004, -0.010, -0.008),
)
_PELVIS = (
    (0.100, 0.140, 0.158, 0.164, 0.166, 0.166, 0.164, 0.160, 0.156, 0.150),
    (0.080, 0.100, 0.112, 0.116, 0.116, 0.114, 0.112, 0.108, 0.104, 0.100),
)
_HEAD = (
    (0.026, 0.050, 0.0600, 0.066, 0.0700, 0.0735, 0.0755, 0.072, 0.057, 0.012),
    (0.024, 0.058, 0.0760, 0.086, 0.0930, 0.0955, 0.0965, 0.092, 0.072, 0.014),
    (0.056, 0.034, 0.0180, 0.009, 0.0040, 0.0020, 0.0000, -0.003, -0.006, -0.008),
)
_THIGH = ((0.086, 0.088, 0.087, 0.084, 0.081, 0.077, 0.073, 0.069, 0.066, 0.063),)
_SHIN = ((0.063, 0.063, 0.064, 0.064, 0.062, 0.059, 0.057, 0.055, 0.054, 0.056),)
_CALF = ((0.054, 0.056, 0.060, 0.061, 0.057, 0.051, 0.045, 0.040, 0.037, 0.036),)
_SHOE = ((0.038, 0.042, 0.044, 0.044, 0.044, 0.045, 0.046, 0.045, 0.042, 0.034),)
_SLEEVE = ((0.054, 0.056, 0.056, 0.055, 0.053, 0.051, 0.050, 0.049, 0.048, 0.047),)
_CUFF = ((0.047, 0.048, 0.047, 0.046, 0.044, 0.043, 0.041, 0.040, 0.040, 0.039),)
_FOREARM = ((0.040, 0.043, 0.043, 0.041, 0.038, 0.035, 0.032, 0.029, 0.027, 0.026),)
_HAND = (
    (0.022, 0.024, 0.026, 0.027, 0.027, 0.026, 0.024, 0.022, 0.019, 0.014),
    (0.028, 0.034, 0.040, 0.042, 0.042, 0.040, 0.036, 0.032, 0.026, 0.018),
)
_NECK = ((0.066, 0.062, 0.059, 0.057, 0.056, 0.055, 0.055, 0.055, 0.055, 0.055),)
_COLLAR = ((0.082, 0.080, 0.078, 0.076, 0.074, 0.073, 0.072, 0.071, 0.070, 0.069),)
_EAR = ((0.008, 0.010, 0.011, 0.012, 0.012, 0.012, 0.012, 0.012, 0.010, 0.008), (0.014,) * 5 + (0.017,) * 5)
_NOSE = ((0.008, 0.009, 0.010, 0.011, 0.012, 0.013, 0.015, 0.017, 0.017, 0.012),)
_SKIRT = (
    (0.150, 0.166, 0.176, 0.182, 0.187, 0.191, 0.195, 0.199, 0.203, 0.206),
    (0.104, 0.118, 0.128, 0.134, 0.140, 0.146, 0.152, 0.157, 0.162, 0.166),
)
_COAT = (
    (0.162, 0.176, 0.182, 0.184, 0.187, 0.190, 0.194, 0.198, 0.202, 0.206),
    (0.116, 0.126, 0.130, 0.134, 0.138, 0.142, 0.147, 0.152, 0.157, 0.160),
)
_PACK = (
    (0.110, 0.140, 0.150, 0.152, 0.152, 0.150, 0.148, 0.142, 0.130, 0.090),
    (0.060, 0.080, 0.088, 0.090, 0.088, 0.084, 0.080, 0.074, 0.066, 0.040),
)
_BAG = (
    (0.050, 0.056, 0.060, 0.060, 0.060, 0.059, 0.058, 0.056, 0.054, 0.050),
    (0.12, 0.15, 0.155, 0.155, 0.15, 0.148, 0.145, 0.14, 0.135, 0.13),
)
_HAIR_BACK = (
    (0.070, 0.086, 0.094, 0.097, 0.098, 0.098, 0.098, 0.096, 0.090, 0.070),
    (0.050, 0.062, 0.068, 0.070, 0.070, 0.068, 0.064, 0.058, 0.050, 0.034),
)

BODY, FACE = 0, 1  # which yaw turns a joint


def loft(profile: tuple, grow: float = 1.0, add: float = 0.0) -> NDArray[np.float32]:
    """Make the (3, PROFILE) array of a cross-section; depth is the width, offset 0, where not given."""
    rows = list(profile) + [profile[0]] * (len(profile) == 1)
    rows = rows + [(0.0,) * len(rows[0])] * (len(rows) == 2)
    knots = np.linspace(0, 1, len(rows[0]))
    array = CubicSpline(knots, np.array(rows), axis=1)(np.linspace(0, 1, PROFILE)).astype(np.float32)
    array[:2] = np.maximum(array[:2], 0.008) * grow + add
    return array


@dataclass(frozen=True)
class Part:
    """A loft between two joints: names, profile, material, round ends, and what the rasteriser must know of it."""

    a: str
    b: str
    profile: NDArray[np.float32]
    material: str
    caps: int = CAP_A | CAP_B
    kind: int = PLAIN
    hangs: bool = False  # a skirt or the skirts of a coat: pushed out by the knees


def parts_of(look: dict) -> list[Part]:
    """Return the parts that a wardrobe entry asks for, see `wardrobe.dress`."""
    slim = look["slim"]
    fit = 0.88 if slim else 1.0
    parts = []
    for side in "lr":
        bare = look["bottom"] in ("skirt", "shorts")
        parts += [
            Part(
                f"hip_{side}",
                f"knee_{side}",
                loft(_THIGH, fit),
                "skin" if look["bottom"] == "skirt" else "bottom",
            ),
            Part(
                f"knee_{side}",
                f"ankle_{side}",
                loft(_CALF if bare or slim else _SHIN),
                "legs" if bare else "bottom",
            ),
            Part(f"heel_{side}", f"toe_{side}", loft(_SHOE, fit), "shoe"),
            Part(f"shoulder_{side}", f"elbow_{side}", loft(_SLEEVE, fit), "top"),
            Part(
                f"elbow_{side}",
                f"wrist_{side}",
                loft(_FOREARM if look["short_sleeves"] else _CUFF, fit),
                "skin" if look["short_sleeves"] else "top",
            ),
            Part(f"wrist_{side}", f"finger_{side}", loft(_HAND, fit), "skin"),
        ]
    parts.append(Part("crotch", "waist", loft(_PELVIS, 0.98 if slim else 1.0), "bottom", CAP_A))
    parts.append(Part("seam", "neck", loft(_TORSO_SLIM if slim else _TORSO), "top", 0, TORSO))
    if look["bottom"] == "skirt":
        parts.append(Part("waist", "hem", loft(_SKIRT), "bottom", 0, hangs=True))
    if look["coat"]:
        parts.append(Part("waist", "hem", loft(_COAT, fit), "top", 0, TORSO, hangs=True))
    if look["pack"]:
        parts.append(Part("pack_low", "pack_high", loft(_PACK, 0.85), "pack"))
    if look["bag"]:
        parts.append(Part("bag_low", "bag_high", loft(_BAG, 0.8), "pack", 0))
    parts.append(Part("neck_low", "neck_high", loft(_NECK, fit), "skin", 0))
    parts.append(Part("collar_low", "collar_high", loft(_COLLAR, 0.9 if slim else 1.0), "collar", 0))
    return parts + _head_parts(look)


def _head_parts(look: dict) -> list[Part]:
    parts = [Part("chin", "crown", loft(_HEAD), "face", CAP_A, HEAD)]
    if look["hair"] < 0.4:
        parts += [
            Part("ear_low_l", "ear_high_l", loft(_EAR), "skin"),
            Part("ear_low_r", "ear_high_r", loft(_EAR), "skin"),
        ]
    parts.append(Part("nose_high", "nose_low", loft(_NOSE), "skin"))
    if look["hair"] > -0.9:
        parts.append(
            Part(
                "chin", "crown", loft(_HEAD, 1.02, 0.007 + 0.006 * max(look["hair"], 0)), "hair", CAP_A, HAIR
            )
        )
    if look["hair"] > 0.4:
        parts.append(Part("hair_high", "hair_low", loft(_HAIR_BACK, look["hair"] * 0.95), "hair"))
    return parts


_FACE_JOINTS = {
    "chin": (0.0, 1.525, 0.0),
    "crown": (0.0, 1.752, 0.0),
    "ear_low_l": (-0.076, 1.605, -0.008),
    "ear_high_l": (-0.080, 1.655, -0.014),
    "ear_low_r": (0.076, 1.605, -0.008),
    "ear_high_r": (0.080, 1.655, -0.014),
    "nose_high": (0.0, 1.648, 0.088),
    "nose_low": (0.0, 1.606, 0.103),
    "hair_high": (0.0, 1.690, -0.030),
    "hair_low": (0.0, 1.400, -0.060),
}


def _foot(phase: float, stride: float, lift: float) -> tuple[float, float, float]:
    """Return the ankle's (forward, up) and the foot's pitch (radians, toes up) at a phase of the gait.

    `stride` is the way of one cycle in metres, `lift` 0–1 how much of a full gait's lift the foot makes.
    """
    reach = stride * STANCE / 2
    p = phase % 1.0
    if p < STANCE:
        u = p / STANCE
        forward = reach * (1 - 2 * u)
        off = max(0.0, (u - 0.62) / 0.38)
        strike = max(0.0, 1 - u / 0.14)
        return (
            forward,
            0.085 + lift * (0.10 * off * off + 0.015 * strike),
            lift * (0.32 * strike - 0.80 * off * off),
        )
    v = (p - STANCE) / (1 - STANCE)
    ease = v * v * (3 - 2 * v)
    forward = reach * (2 * ease - 1)
    up = 0.085 + lift * (0.10 * (1 - v) ** 2 + 0.015 * v + 0.075 * sin(pi * v))
    return forward, up, lift * (-0.80 + 1.12 * ease)


def _knee(
    hip: tuple[float, float], ankle: tuple[float, float]
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Bend a leg in its (forward, up) plane so that it reaches from hip to ankle; return knee and reached ankle."""
    df, du = ankle[0] - hip[0], ankle[1] - hip[1]
    far = min(hypot(df, du), (THIGH + SHIN) * 0.998)
    scale = far / max(hypot(df, du), 1e-6)
    df, du = df * scale, du * scale
    bend = acos(max(-1.0, min(1.0, (THIGH**2 + far**2 - SHIN**2) / (2 * THIGH * far))))
    uf, uu = df / far, du / far
    knee = (
        hip[0] + THIGH * (uf * cos(bend) - uu * sin(bend)),
        hip[1] + THIGH * (uu * cos(bend) + uf * sin(bend)),
    )
    return knee, (hip[0] + df, hip[1] + du)


def _leg(
    joints: dict[str, Joint],
    side: str,
    sign: float,
    phase: float,
    stride: float,
    lift: float,
    hip_up: float,
    sway: float,
) -> None:
    forward, up, pitch = _foot(phase, stride, lift)
    knee, ankle = _knee((0.0, hip_up), (forward, up))
    narrow = sign * (0.092 - 0.022 * lift)
    joints[f"hip_{side}"] = (sign * 0.088 + sway, hip_up, 0.0)
    joints[f"knee_{side}"] = (sign * 0.092 + sway * 0.5, knee[1], knee[0])
    joints[f"ankle_{side}"] = (narrow, ankle[1], ankle[0])
    for name, along, down in (("heel", -0.055, 0.045), ("toe", 0.150, 0.050)):
        joints[f"{name}_{side}"] = (
            narrow + (sign * 0.025 if name == "toe" else 0.0),
            max(ankle[1] + along * sin(pitch) - down * cos(pitch), 0.036),
            ankle[0] + along * cos(pitch) + down * sin(pitch),
        )


def _arm(
    joints: dict[str, Joint],
    side: str,
    sign: float,
    swing: float,
    elbow: float,
    width: float,
    base: Joint,
    inward: float = 0.0,
) -> None:
    """Hang an arm at `swing` radians forward with the elbow bent by `elbow`."""
    shoulder = (sign * width + base[0], base[1], base[2])
    out = sign * (0.045 - inward * 0.02)
    bend = (shoulder[0] + out, shoulder[1] - 0.285 * cos(swing), shoulder[2] + 0.285 * sin(swing))
    turn = swing + elbow
    wrist = (bend[0] - sign * inward * 0.12, bend[1] - 0.245 * cos(turn), bend[2] + 0.245 * sin(turn))
    finger = (
        wrist[0] - sign * inward * 0.03,
        wrist[1] - 0.085 * cos(turn + 0.2),
        wrist[2] + 0.085 * sin(turn + 0.2),
    )
    for name, joint in (("shoulder", shoulder), ("elbow", bend), ("wrist", wrist), ("finger", finger)):
        joints[f"{name}_{side}"] = joint


def pose(phase: float, stride: float, stop: str, settle: float, slim: bool) -> dict[str, Joint]:
    """Return the joints of a body of `STATURE` at a phase of the gait.

    `stride` in metres is 0 for one who stands; `stop` names what he does then ("stand", "phone", "look"), and
    `settle` 0–1 how far he has taken up that pose.
    """
    lift = min(stride / 1.3, 1.0)
    dip = 0.042 * lift
    hip_up = HIP - 0.018 - dip * (0.62 + 0.38 * cos(4 * pi * phase + 0.5))
    sway = 0.020 * lift * sin(2 * pi * phase)
    joints: dict[str, Joint] = {}
    _leg(joints, "l", -1.0, phase, stride, lift, hip_up, sway)
    _leg(joints, "r", 1.0, phase + 0.5, stride, lift, hip_up, sway)
    drop = hip_up - HIP
    lean = 0.035 * lift
    width = 0.150 if slim else 0.176
    base = (sway * 0.4, 1.382 + drop, lean - 0.005)
    swing = 0.42 * lift * cos(2 * pi * phase)
    _arm(joints, "l", -1.0, 0.04 - swing, 0.22 + 0.28 * max(0.0, -swing), width, base)
    raised = settle if stop == "phone" else 0.0
    _arm(
        joints,
        "r",
        1.0,
        (0.04 + swing) * (1 - raised) + 0.55 * raised,
        0.22 + 0.28 * max(0.0, swing) + 1.75 * raised,
        width,
        base,
        raised,
    )
    upper = {
        "crotch": (sway, 0.875, 0.0),
        "seam": (sway, 0.925, 0.0),
        "waist": (sway, 1.04, 0.003),
        "hem": (sway * 0.5, 0.56, 0.0),
        "neck": (sway * 0.3, 1.500, lean),
        "neck_low": (sway * 0.3, 1.455, lean + 0.002),
        "neck_high": (sway * 0.2, 1.590, lean + 0.012),
        "collar_low": (sway * 0.3, 1.455, lean - 0.004),
        "collar_high": (sway * 0.3, 1.515, lean + 0.002),
        "pack_low": (sway * 0.5, 1.02, lean * 0.4 - 0.185),
        "pack_high": (sway * 0.3, 1.43, lean - 0.165),
    }
    joints |= {name: (x, y + drop, f) for name, (x, y, f) in upper.items()}
    hand = joints["finger_l"]
    joints["bag_high"] = (hand[0], hand[1] - 0.02, hand[2])
    joints["bag_low"] = (hand[0], hand[1] - 0.30, hand[2] * 0.8)
    joints["head"] = (sway * 0.2, drop, lean + 0.018)
    return joints


@dataclass(frozen=True)
class Placed:
    """A posed body in the world: joints (J, 3) in metres, and its yaws."""

    joints: dict[str, NDArray[np.float64]]
    height: float
    yaw: float
    head_yaw: float


def place(joints: dict[str, Joint], x: float, z: float, yaw: float, head_yaw: float, height: float) -> Placed:
    """Scale a pose to `height` metres, turn it and set it on the ground at (x, z).

    A yaw of 0 faces the camera's plane; positive turns the front to the right of the picture.
    """
    names = list(joints)
    local = np.array([joints[name] for name in names])
    head = local[names.index("head")]
    placed = _turn(local, yaw)
    origin = _turn(head[None], yaw)[0]
    face = _turn(np.array(list(_FACE_JOINTS.values())), head_yaw) + origin
    scale = height / STATURE
    world = np.concatenate([placed, face]) * scale + np.array([x, 0.0, z])
    return Placed(dict(zip([*names, *_FACE_JOINTS], world, strict=True)), height, yaw, head_yaw)


def _turn(local: NDArray, yaw: float) -> NDArray:
    """Turn (N, 3) sideways/up/forward into world offsets."""
    c, s = cos(yaw), sin(yaw)
    x = local[:, 0] * c + local[:, 2] * s
    z = local[:, 0] * s - local[:, 2] * c
    return np.stack([x, local[:, 1], z], axis=1)


def _hung(part: Part, placed: Placed) -> NDArray[np.float32]:
    """Widen a skirt's profile towards the hem so that it clears both knees."""
    front = np.array([np.sin(placed.yaw), 0.0, -np.cos(placed.yaw)])
    scale = STATURE / placed.height
    reach = [float((placed.joints[f"knee_{s}"] - placed.joints["hip_l"]) @ front) * scale for s in "lr"]
    profile = part.profile.copy()
    fall = np.linspace(0, 1, PROFILE, dtype=np.float32) ** 1.2
    need = (max(reach) - min(reach)) / 2 + 0.095
    profile[1] += np.maximum(need - profile[1, -1], 0.0) * fall
    profile[2] += (max(reach) + min(reach)) / 2 * fall
    return profile


def rasterable(
    placed: Placed, parts: list[Part], materials: dict[str, int], view: View
) -> tuple[NDArray, NDArray]:
    """Project the parts: an (N, PART_COLUMNS) table in sub-pixels of the frame and the (N, 3, PROFILE) profiles."""
    a = np.stack([placed.joints[part.a] for part in parts])
    b = np.stack([placed.joints[part.b] for part in parts])
    centre = placed.joints["crotch"]
    size = placed.height / STATURE
    table = np.zeros((len(parts), raster.PART_COLUMNS), np.float32)
    table[:, [raster.AX, raster.AY]] = view.project(a) * raster.SUPER
    table[:, [raster.BX, raster.BY]] = view.project(b) * raster.SUPER
    table[:, raster.AW], table[:, raster.BW] = (centre[2] - a[:, 2]) / size, (centre[2] - b[:, 2]) / size
    table[:, raster.SCALE_A] = view.focal / a[:, 2] * raster.SUPER * size
    table[:, raster.SCALE_B] = view.focal / b[:, 2] * raster.SUPER * size
    # One who stands at the picture's side is seen from the side although he faces the camera's plane
    bearing = float(np.arctan2(centre[0], centre[2]))
    faces = np.array([part.kind in (HEAD, HAIR) or part.material == "hair" for part in parts])
    yaw = np.where(faces, placed.head_yaw, placed.yaw) + bearing
    table[:, raster.COS], table[:, raster.SIN] = np.cos(yaw), np.sin(yaw)
    table[:, raster.MATERIAL] = [materials[part.material] for part in parts]
    table[:, raster.CAPS] = [part.caps for part in parts]
    table[:, raster.SHIFT] = np.arange(len(parts)) * 0.37
    table[:, raster.KIND] = [part.kind for part in parts]
    table[:, raster.HEIGHT_A] = a[:, 1] / size
    table[:, raster.HEIGHT_B] = b[:, 1] / size
    # Heights on the head are its own: independent of the body's bob
    head = [i for i, part in enumerate(parts) if part.kind in (HEAD, HAIR)]
    table[head, raster.HEIGHT_A], table[head, raster.HEIGHT_B] = 1.525, 1.752
    return table, np.stack([_hung(part, placed) if part.hangs else part.profile for part in parts])
