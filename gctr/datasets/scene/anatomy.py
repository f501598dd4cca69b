"""The shape of a body: lofted parts between named joints, and the cross-sections of limbs and garments.

Lengths are those of an adult of 1.75 m (Drillis and Contini 1966, rounded).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from gctr.datasets.scene.raster import CAP_A, CAP_B, HAIR, HEAD, NOSE, PLAIN, PROFILE, TORSO

STATURE = 1.75
_SLIM = 0.88  # how thick a slim body's limbs are beside another's

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
    (0.158, 0.164, 0.167, 0.169, 0.169, 0.168, 0.166, 0.162, 0.157, 0.150),
    (0.098, 0.106, 0.112, 0.115, 0.116, 0.115, 0.112, 0.108, 0.104, 0.100),
)
_HEAD = (
    (0.024, 0.050, 0.0605, 0.066, 0.0700, 0.0735, 0.0755, 0.072, 0.057, 0.012),
    (0.022, 0.058, 0.0765, 0.086, 0.0930, 0.0955, 0.0965, 0.092, 0.072, 0.014),
    (0.054, 0.033, 0.0180, 0.009, 0.0040, 0.0020, 0.0000, -0.003, -0.006, -0.008),
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
    (0.168, 0.184, 0.190, 0.192, 0.195, 0.198, 0.201, 0.204, 0.207, 0.210),
    (0.122, 0.136, 0.142, 0.146, 0.150, 0.154, 0.158, 0.163, 0.168, 0.172),
)
_COAT = (
    (0.176, 0.184, 0.186, 0.187, 0.189, 0.191, 0.195, 0.199, 0.203, 0.207),
    (0.130, 0.138, 0.141, 0.143, 0.145, 0.148, 0.151, 0.155, 0.159, 0.162),
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
    (0.060, 0.082, 0.090, 0.093, 0.095, 0.097, 0.099, 0.099, 0.092, 0.066),
    (0.050, 0.072, 0.082, 0.084, 0.080, 0.072, 0.062, 0.052, 0.044, 0.030),
)


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
    return [*_limb_parts(look, "l"), *_limb_parts(look, "r"), *_trunk_parts(look), *_head_parts(look)]


def _limb_parts(look: dict, side: str) -> list[Part]:
    slim, bare = look["slim"], look["bottom"] == "skirt"
    fit = _SLIM if slim else 1.0
    thigh, calf = ("skin", "legs") if bare else ("bottom", "bottom")
    forearm, sleeve = (_FOREARM, "skin") if look["short_sleeves"] else (_CUFF, "top")
    return [
        Part(f"hip_{side}", f"knee_{side}", loft(_THIGH, fit), thigh),
        Part(f"knee_{side}", f"ankle_{side}", loft(_CALF if bare or slim else _SHIN), calf),
        Part(f"heel_{side}", f"toe_{side}", loft(_SHOE, fit), "shoe"),
        Part(f"shoulder_{side}", f"elbow_{side}", loft(_SLEEVE, fit), "top"),
        Part(f"elbow_{side}", f"wrist_{side}", loft(forearm, fit), sleeve),
        Part(f"wrist_{side}", f"finger_{side}", loft(_HAND, fit), "skin"),
    ]


def _trunk_parts(look: dict) -> list[Part]:
    slim = look["slim"]
    torso, seam = loft(_TORSO_SLIM if slim else _TORSO), "belt" if look["coat"] else "seam"
    parts = [
        Part("crotch", "waist", loft(_PELVIS, 0.98 if slim else 1.0), "bottom", 0),
        Part(seam, "neck", torso, "top", 0, TORSO),
    ]
    if look["bottom"] == "skirt":
        parts.append(Part("waist", "hem", loft(_SKIRT), "bottom", 0, hangs=True))
    if look["coat"]:
        parts.append(Part("waist", "hem", loft(_COAT, 0.97 if slim else 1.0), "top", 0, TORSO, hangs=True))
    if look["pack"]:
        parts.append(Part("pack_low", "pack_high", loft(_PACK, 0.85), "pack"))
        parts.append(Part("pocket_low", "pocket_high", loft(_PACK, 0.55), "pocket"))
    if look["bag"]:
        parts.append(Part("bag_low", "bag_high", loft(_BAG, 0.8), "pack", 0))
    parts.append(Part("neck_low", "neck_high", loft(_NECK, _SLIM if slim else 1.0), "skin", 0))
    parts.append(Part("collar_low", "collar_high", loft(_COLLAR, 0.9 if slim else 1.0), "collar", 0))
    return parts


def _head_parts(look: dict) -> list[Part]:
    parts = [Part("chin", "crown", loft(_HEAD), "face", CAP_A, HEAD)]
    if look["hair"] < 0.4:
        parts += [
            Part("ear_low_l", "ear_high_l", loft(_EAR), "skin"),
            Part("ear_low_r", "ear_high_r", loft(_EAR), "skin"),
        ]
    parts.append(Part("nose_high", "nose_low", loft(_NOSE), "skin", kind=NOSE))
    if look["hair"] > -0.9:
        scalp = loft(_HEAD, 1.02, 0.007 + 0.006 * max(look["hair"], 0))
        parts.append(Part("chin", "crown", scalp, "hair", CAP_A, HAIR))
    if look["hair"] > 0.4:
        parts.append(Part("hair_high", "hair_low", loft(_HAIR_BACK, 0.75 + 0.25 * look["hair"]), "hair"))
    return parts
