"""A posed body in the world, and its parts as the rasteriser wants them."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, sin

import numpy as np
from numpy.typing import NDArray

from gctr.datasets.scene import raster
from gctr.datasets.scene.anatomy import STATURE, Part
from gctr.datasets.scene.gait import Joint
from gctr.datasets.scene.raster import HAIR, HEAD, NOSE, PROFILE
from gctr.datasets.scene.view import View

CHIN, CROWN = 1.537, 1.752  # heights on a body of STATURE, metres
_FACE_JOINTS = {
    "chin": (0.0, CHIN, 0.0),
    "crown": (0.0, CROWN, 0.0),
    "ear_low_l": (-0.076, 1.605, -0.008),
    "ear_high_l": (-0.080, 1.655, -0.014),
    "ear_low_r": (0.076, 1.605, -0.008),
    "ear_high_r": (0.080, 1.655, -0.014),
    "nose_high": (0.0, 1.648, 0.088),
    "nose_low": (0.0, 1.606, 0.103),
    "hair_high": (0.0, 1.715, -0.022),
    "hair_low": (0.0, 1.410, -0.072),
}


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
    fall = np.linspace(0, 1, PROFILE, dtype=np.float32) ** 0.8
    hem = float(profile[1, -1])
    front_room, back_room = max(hem, max(reach) + 0.10), max(hem, 0.10 - min(reach))
    profile[0] *= 1 + 0.5 * max(max(reach) - 0.05, 0.0) * fall
    profile[1] += ((front_room + back_room) / 2 - hem) * fall
    profile[2] += (front_room - back_room) / 2 * fall
    return profile


def rasterable(
    placed: Placed, parts: list[Part], materials: dict[str, int], view: View
) -> tuple[NDArray, NDArray]:
    """Project the parts: an (N, PART_COLUMNS) table in sub-pixels of the frame and their `raster.shapes`."""
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
    table[head, raster.HEIGHT_A], table[head, raster.HEIGHT_B] = CHIN, CROWN
    raster.finish(table)
    return table, raster.shapes(table, _profiles(placed, parts, placed.head_yaw + bearing))


def _profiles(placed: Placed, parts: list[Part], head_yaw: float) -> NDArray[np.float32]:
    """Return the parts' profiles as this pose has them; `head_yaw` as the camera sees it, radians."""
    profiles = np.stack([_hung(part, placed) if part.hangs else part.profile for part in parts])
    # A photograph has its own nose: the head's comes out only as it turns into profile
    profiles[[part.kind == NOSE for part in parts]] *= max(raster.ramp(0.7, 1.2, abs(head_yaw)), 0.05)
    return profiles
