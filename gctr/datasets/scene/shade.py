"""Light a body and average its sub-pixels: cloth with folds and patterns, hair, skin, the photographed face."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gctr.datasets.scene.raster import (
    AX,
    AY,
    BULGE,
    COS,
    EX,
    EY,
    HALF_A,
    HALF_B,
    HEAD,
    HEIGHT_A,
    HEIGHT_B,
    KIND,
    LENGTH,
    MATERIAL,
    NOTHING,
    OFFSET,
    RX,
    RY,
    SCALE_A,
    SHIFT,
    SIN,
    SKEW,
    SLOPE,
    SUPER,
    TORSO,
    jit,
    lerp,
    local,
    ramp,
)  # fmt: skip
from gctr.datasets.scene.view import SUN

# The columns of a material: BGR, BGR of the pattern or the shirt, and these
FOLDS, PATTERN, PERIOD, GLOSS = 6, 7, 8, 9
UNI, STRIPES, PLAID = range(3)  # PATTERN

# Towards the sun in the camera's axes: right, up, towards the camera
_LX, _LY, _LZ = (float(c) for c in SUN * (1, 1, -1))

# The face in metres from the point between the eyes (sideways, up), as the photographs are scaled
EYE_HEIGHT = 1.648  # of a body of 1.75 m
FACE_HALF_WIDTH, FACE_HALF_HEIGHT, FACE_CENTRE = 0.067, 0.098, -0.022
FACE_PER_METRE, FACE_LEFT, FACE_TOP = 640.0, 0.08125, 0.105  # texture: pixels a metre, and its corner
_FOLDS_A_METRE = 420.0
_TURNED = 0.12  # the normal's forward part from which the skin belongs to the face


@jit
def _features(x: float, y: float) -> float:
    """Return the brightness of a face without a photograph: eyes, brows, the nose's shadow, the mouth."""
    ax = abs(x)
    tone = 1.0 - 0.45 * (1 - ramp(0.3, 1.2, ((ax - 0.031) / 0.015) ** 2 + (y / 0.008) ** 2))
    tone *= 1.0 - 0.35 * (1 - ramp(0.3, 1.2, ((ax - 0.032) / 0.02) ** 2 + ((y - 0.021) / 0.005) ** 2))
    tone *= 1.0 - 0.30 * (1 - ramp(0.3, 1.2, (ax / 0.024) ** 2 + ((y + 0.072) / 0.006) ** 2))
    return tone * (1.0 - 0.20 * (1 - ramp(0.3, 1.2, (ax / 0.016) ** 2 + ((y + 0.045) / 0.005) ** 2)))


@jit
def _texel(face: NDArray, x: float, y: float) -> tuple[float, float, float]:
    """Sample a face texture bilinearly at metres from the point between the eyes."""
    per_metre = face.shape[1] / (2.0 * FACE_LEFT)
    u = min(max((x + FACE_LEFT) * per_metre - 0.5, 0.0), face.shape[1] - 1.001)
    v = min(max((FACE_TOP - y) * per_metre - 0.5, 0.0), face.shape[0] - 1.001)
    i, j = int(v), int(u)
    fv, fu = v - i, u - j
    p, q, r, s = (1 - fv) * (1 - fu), (1 - fv) * fu, fv * (1 - fu), fv * fu
    b = face[i, j, 0] * p + face[i, j + 1, 0] * q + face[i + 1, j, 0] * r + face[i + 1, j + 1, 0] * s
    g = face[i, j, 1] * p + face[i, j + 1, 1] * q + face[i + 1, j, 1] * r + face[i + 1, j + 1, 1] * s
    d = face[i, j, 2] * p + face[i, j + 1, 2] * q + face[i + 1, j, 2] * r + face[i + 1, j + 1, 2] * s
    return b, g, d


@jit
def _pattern(material: NDArray, along: float, around: float) -> float:
    """Return how much of the second colour shows: stripes across, or a plaid."""
    period = material[PERIOD]
    if material[PATTERN] == UNI:
        return 0.0
    across = 1.0 if (along / period) % 1.0 < 0.45 else 0.0
    if material[PATTERN] == STRIPES:
        return across
    return 0.5 * across + (0.5 if (around / period) % 1.0 < 0.4 else 0.0)


@jit
def _front(material: NDArray, lateral: float, forward: float, level: float) -> float:
    """Return how much shirt a torso shows between its lapels; -1 on the edge or the zip."""
    if forward < 0.02 or material[PATTERN] != UNI:
        return 0.0
    opening = max(0.0, 0.16 * (level - material[PERIOD]))
    if abs(lateral) < opening:
        return 1.0
    return -1.0 if abs(lateral) < opening + 0.007 else 0.0


@jit
def _surface(
    part: NDArray, shape: NDArray, x: float, y: float
) -> tuple[float, float, float, float, float, float, float, float]:
    """Return where and how a part's surface lies at a point of the picture, in sub-pixels.

    In metres: `lateral`, `forward` and `level` in the part's own axes, `along` its axis; then the normal:
    `side`ways and `front` as the camera sees them, `tilt` along the axis, and `own`, its part that points
    forward in the part's own axes.
    """
    t_raw, t, s, width, cap, scale = local(part, shape, x - part[AX], y - part[AY])
    q = min(max(s / max(width, 1e-4), -0.999), 0.999)
    out = lerp(shape, SKEW, t) * s + lerp(shape, BULGE, t) * cap * np.sqrt(1.0 - q * q)
    cos, sin = part[COS], part[SIN]
    lateral, forward = s * cos - out * sin, s * sin + out * cos
    a, b = lerp(shape, HALF_A, t), lerp(shape, HALF_B, t)
    metres = part[LENGTH] / scale
    beyond = (t_raw - t) * metres
    nl, nf = lateral / (a * a), forward / (b * b)
    norm = np.sqrt(nl * nl + nf * nf) + 1e-9
    nl, nf = nl / norm, nf / norm
    tilt = 0.9 * beyond / a - lerp(shape, SLOPE, t)
    level = part[HEIGHT_A] + (part[HEIGHT_B] - part[HEIGHT_A]) * t + beyond
    ahead = forward + lerp(shape, OFFSET, t)
    return lateral, ahead, level, t * metres, nl * cos + nf * sin, -nl * sin + nf * cos, tilt, nf


@jit
def _ellipse(lateral: float, up: float) -> float:
    """Return below 1 within the face's ellipse; metres from the point between the eyes."""
    x, y = lateral / FACE_HALF_WIDTH, (up - FACE_CENTRE) / FACE_HALF_HEIGHT
    return x * x + y * y


@jit
def _is_face(part: NDArray, shape: NDArray, x: float, y: float) -> float:
    """Return 1 where a head shows its face, else 0."""
    lateral, forward, level, _, _, _, _, own = _surface(part, shape, x, y)
    return 1.0 if forward > 0.0 and own > _TURNED and _ellipse(lateral, level - EYE_HEIGHT) < 1.0 else 0.0


@jit
def _light(part: NDArray, side: float, front: float, tilt: float) -> tuple[float, float]:
    """Return the light on a surface and how directly the sun strikes it, 0–1."""
    nx, ny = side * part[RX] + tilt * part[EX], -(side * part[RY] + tilt * part[EY])
    size = np.sqrt(nx * nx + ny * ny + front * front)
    nx, ny, nz = nx / size, ny / size, front / size
    direct = max(0.0, (nx * _LX + ny * _LY + nz * _LZ) * 0.88 + 0.12)
    return (0.40 + 0.16 * ny + 0.64 * direct) * (0.80 + 0.20 * nz), direct


@jit
def _shade(
    part: NDArray, shape: NDArray, material: NDArray, folds: NDArray, face: NDArray, x: float, y: float
) -> tuple[float, float, float, float]:
    """Return a part's colour (B, G, R) at a point of the picture, in sub-pixels, and 1 on the face, else 0."""
    lateral, forward, level, along, side, front, tilt, own = _surface(part, shape, x, y)
    u = int((lateral + part[SHIFT]) * _FOLDS_A_METRE) & 255  # folds is (256, 256)
    v = int((along + part[SHIFT]) * _FOLDS_A_METRE) & 255
    depth = material[FOLDS]
    light, direct = _light(part, side + depth * folds[v, u], front, tilt + depth * folds[u, v])
    mix, dark, weight, flag, up = 0.0, 1.0, 0.0, 0.0, level - EYE_HEIGHT
    if part[KIND] == TORSO and material[PATTERN] == UNI:
        mix = _front(material, lateral, forward, level)
        if mix < 0.0:
            mix, dark = 0.0, 0.72
    elif part[KIND] == HEAD and forward > 0.0:
        e = _ellipse(lateral, up)
        weight = (1.0 - ramp(0.74, 1.16, e)) * ramp(_TURNED, 0.45, own)
        flag = 1.0 if e < 1.0 and own > _TURNED else 0.0
        dark = _features(lateral, up) if weight < 1.0 else 1.0
    else:
        mix = _pattern(material, along + 1.0, lateral + 0.5)
    tone, shine = dark * light, material[GLOSS] * direct**8
    b = (material[0] + (material[3] - material[0]) * mix) * tone + shine
    g = (material[1] + (material[4] - material[1]) * mix) * tone + shine
    r = (material[2] + (material[5] - material[2]) * mix) * tone + shine
    if weight > 0.0:
        photo_b, photo_g, photo_r = _texel(face, lateral, up)
        lit = 0.72 + 0.28 * light  # the photograph has its own light
        b, g, r = (
            b + (photo_b * lit - b) * weight,
            g + (photo_g * lit - g) * weight,
            r + (photo_r * lit - r) * weight,
        )
    return b, g, r, flag


@jit
def _shelter(depth: NDArray, y: int, x: int, reach: int) -> float:
    """Return the light, 0–1, that nearby parts leave to a sub-pixel that lies behind them."""
    here = depth[y, x]
    lost = 0.0
    for i, j in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        v, u = y + i * reach, x + j * reach
        if 0 <= v < depth.shape[0] and 0 <= u < depth.shape[1]:
            lost += min(max((depth[v, u] - here) * 7.0 - 0.35, 0.0), 1.0)
    return 1.0 - 0.11 * lost


@jit
def _whole(seen: NDArray, v: int, u: int) -> bool:
    """Tell whether all sub-pixels of a pixel show the same part."""
    for i in range(SUPER):
        for j in range(SUPER):
            if seen[v + i, u + j] != seen[v, u]:
                return False
    return True


@jit
def paint(
    parts: NDArray, shape: NDArray, materials: NDArray, folds: NDArray, face: NDArray,
    depth: NDArray, seen: NDArray, layer: NDArray, faces: NDArray, lit: bool,
) -> None:  # fmt: skip
    """Light what `seen` shows into `layer` (h, w, 4), colour times alpha and alpha.

    The face's coverage goes into `faces` (h, w).

    A pixel that shows one part of cloth or skin is lit once, at its middle; edges and heads are lit at each
    sub-pixel. Without `lit` only alpha and the face's coverage are made.
    """
    reach = max(int(0.035 * parts[0, SCALE_A]), 2)
    layer[:] = 0.0
    faces[:] = 0.0
    for y in range(layer.shape[0]):
        for x in range(layer.shape[1]):
            v, u = SUPER * y, SUPER * x
            k, whole = seen[v, u], _whole(seen, v, u)
            if whole and k == NOTHING:
                continue
            once = whole and parts[k, KIND] != HEAD
            if once and not lit:
                layer[y, x, 3] = 1.0
                continue
            step = SUPER if once else 1
            share = step * step / (SUPER * SUPER)
            kept = _shelter(depth, v, u, reach) * share if k != NOTHING and lit else share
            for i in range(v, v + SUPER, step):
                for j in range(u, u + SUPER, step):
                    k = seen[i, j]
                    if k == NOTHING:
                        continue
                    layer[y, x, 3] += share
                    px, py = j + 0.5 * step, i + 0.5 * step
                    if lit:
                        material = materials[int(parts[k, MATERIAL])]
                        b, g, r, flag = _shade(parts[k], shape[k], material, folds, face, px, py)
                        layer[y, x, 0] += b * kept
                        layer[y, x, 1] += g * kept
                        layer[y, x, 2] += r * kept
                        faces[y, x] += flag * share
                    elif parts[k, KIND] == HEAD:
                        faces[y, x] += _is_face(parts[k], shape[k], px, py) * share
