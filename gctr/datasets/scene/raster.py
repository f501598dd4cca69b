"""Draw a body as lofted parts: exact silhouettes, depth, shading and the photographed face, in one pass.

A part is an axis between two joints with an elliptical cross-section that changes along it (`PROFILE` samples). A pixel
is solved for its nearest point on the ellipse, which gives depth and normal in closed form; no mesh, no marching.
Pictures are drawn `SUPER` times finer than the frame and averaged, which makes the coverage (alpha) of each pixel.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

SUPER = 2  # sub-pixels along each side of a pixel
PROFILE = 28  # samples of a cross-section along a part's axis

# The columns of a part
(AX, AY, AW, BX, BY, BW, SCALE_A, SCALE_B, COS, SIN, MATERIAL, CAPS, SHIFT, KIND, HEIGHT_A, HEIGHT_B) = range(
    16
)
PART_COLUMNS = 16
PLAIN, HEAD, HAIR, TORSO = range(4)  # KIND
CAP_A, CAP_B = 1, 2  # CAPS, to be added: which ends are round

# The columns of a material: BGR, BGR of the pattern or the shirt, and these
FOLDS, PATTERN, PERIOD, GLOSS = 6, 7, 8, 9
MATERIAL_COLUMNS = 10
UNI, STRIPES, PLAID = range(3)  # PATTERN

# Light in the camera's axes (right, up, towards the camera); it agrees with view.SUN
LIGHT = (-0.60, 0.66, 0.45)
_LX, _LY, _LZ = (float(c) / float(np.linalg.norm(LIGHT)) for c in LIGHT)

# The face in metres from the point between the eyes (sideways, up), as the photographs are scaled
FACE_HALF_WIDTH, FACE_HALF_HEIGHT, FACE_CENTRE = 0.067, 0.098, -0.022
FACE_PER_METRE, FACE_LEFT, FACE_TOP = 640.0, 0.08, 0.105  # texture: pixels a metre, and its corner

_jit: Any = numba.njit(cache=True, fastmath=False, nogil=True)


@_jit
def _ramp(low: float, high: float, x: float) -> float:
    t = (x - low) / (high - low)
    t = min(max(t, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@_jit
def _is_hair(azimuth: float, level: float, style: float, jitter: float) -> bool:
    """Tell whether hair covers the head at an azimuth (0 is the face) and level (0 chin, 1 crown).

    `style` 0 is short, 1 long, negative receding.
    """
    front = 0.80 - 0.14 * min(style, 0.0)
    side = 0.46 - 0.7 * max(style, 0.0)
    back = 0.10 - 0.6 * max(style, 0.0)
    line = front + (side - front) * _ramp(0.70, 1.25, azimuth) + (back - side) * _ramp(1.6, 2.2, azimuth)
    return level > line + 0.035 * jitter


@_jit
def _features(x: float, y: float) -> float:
    """Return the brightness of a face without a photograph: eyes, brows, the nose's shadow, the mouth."""
    ax = abs(x)
    tone = 1.0 - 0.45 * (1 - _ramp(0.3, 1.2, ((ax - 0.031) / 0.015) ** 2 + (y / 0.008) ** 2))
    tone *= 1.0 - 0.35 * (1 - _ramp(0.3, 1.2, ((ax - 0.032) / 0.02) ** 2 + ((y - 0.021) / 0.005) ** 2))
    tone *= 1.0 - 0.30 * (1 - _ramp(0.3, 1.2, (ax / 0.024) ** 2 + ((y + 0.072) / 0.006) ** 2))
    tone *= 1.0 - 0.20 * (1 - _ramp(0.3, 1.2, (ax / 0.016) ** 2 + ((y + 0.045) / 0.005) ** 2))
    return tone


@_jit
def _texel(face: NDArray, x: float, y: float, c: int) -> float:
    """Sample a face texture bilinearly at metres from the point between the eyes."""
    per_metre = face.shape[1] / (2.0 * FACE_LEFT)
    u = min(max((x + FACE_LEFT) * per_metre - 0.5, 0.0), face.shape[1] - 1.001)
    v = min(max((FACE_TOP - y) * per_metre - 0.5, 0.0), face.shape[0] - 1.001)
    i, j = int(v), int(u)
    fv, fu = v - i, u - j
    top = face[i, j, c] * (1 - fu) + face[i, j + 1, c] * fu
    bottom = face[i + 1, j, c] * (1 - fu) + face[i + 1, j + 1, c] * fu
    return top * (1 - fv) + bottom * fv


@_jit
def _section(s: float, a: float, b: float, cos: float, sin: float) -> tuple[float, float, float]:
    """Meet the ray at lateral offset `s` with an ellipse of half-axes a, b turned by the yaw.

    Returns (hit, lateral, forward): the nearest point in the ellipse's own axes; hit is 0 where the ray misses.
    """
    ia, ib = 1.0 / (a * a), 1.0 / (b * b)
    qa = sin * sin * ia + cos * cos * ib
    qb = 2.0 * s * sin * cos * (ib - ia)
    qc = s * s * (cos * cos * ia + sin * sin * ib) - 1.0
    disc = qb * qb - 4.0 * qa * qc
    if disc <= 0.0:
        return 0.0, 0.0, 0.0
    w = (-qb + np.sqrt(disc)) / (2.0 * qa)
    return 1.0, s * cos - w * sin, s * sin + w * cos


@_jit
def _pattern(material: NDArray, along: float, around: float) -> float:
    """Return how much of the second colour shows: stripes across, or a plaid."""
    period = material[PERIOD]
    across = 1.0 if (along / period) % 1.0 < 0.45 else 0.0
    if material[PATTERN] == STRIPES:
        return across
    if material[PATTERN] == PLAID:
        upright = 1.0 if (around / period) % 1.0 < 0.4 else 0.0
        return 0.5 * (across + upright)
    return 0.0


@_jit
def _front(material: NDArray, lateral: float, forward: float, level: float) -> float:
    """Return how much shirt a torso shows between its lapels; -1 on the edge or the zip."""
    if forward < 0.02:
        return 0.0
    opening = max(0.0, 0.16 * (level - material[PERIOD]))
    if abs(lateral) < opening:
        return 1.0
    if abs(lateral) < opening + 0.007:
        return -1.0
    return 0.0


@_jit
def draw_parts(
    parts: NDArray,
    profiles: NDArray,
    materials: NDArray,
    folds: NDArray,
    face: NDArray,
    face_weight: float,
    hair_style: float,
    eye_height: float,
    depth: NDArray,
    colour: NDArray,
    is_face: NDArray,
) -> None:
    """Draw `parts` into `colour` (h, w, 3) where they are nearer than `depth` (h, w), marking face pixels.

    All arrays are float32 but `is_face` (uint8). Positions are sub-pixels of the buffers, depths metres towards the camera.
    """
    rows, columns = depth.shape
    n_noise = folds.shape[0]
    for k in range(parts.shape[0]):
        p = parts[k]
        material = materials[int(p[MATERIAL])]
        profile = profiles[k]
        kind, caps = int(p[KIND]), int(p[CAPS])
        ex, ey = p[BX] - p[AX], p[BY] - p[AY]
        length = max(np.sqrt(ex * ex + ey * ey), 1e-3)
        ex, ey = ex / length, ey / length
        # Sideways is to the right of the picture for an axis that points up, and stays so for one that points down
        rx, ry = (-ey, ex) if ey <= 0.0 else (ey, -ex)
        widest = 0.0
        for i in range(PROFILE):
            widest = max(widest, max(profile[0, i], profile[1, i]) + abs(profile[2, i]))
        reach = widest * max(p[SCALE_A], p[SCALE_B]) + 1.0
        x0, x1 = int(max(min(p[AX], p[BX]) - reach, 0)), int(min(max(p[AX], p[BX]) + reach, columns - 1))
        y0, y1 = int(max(min(p[AY], p[BY]) - reach, 0)), int(min(max(p[AY], p[BY]) + reach, rows - 1))
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                dx, dy = x + 0.5 - p[AX], y + 0.5 - p[AY]
                t_raw = (dx * ex + dy * ey) / length
                if (t_raw < 0.0 and not caps & CAP_A) or (t_raw > 1.0 and not caps & CAP_B):
                    continue
                t = min(max(t_raw, 0.0), 1.0)
                scale = p[SCALE_A] + (p[SCALE_B] - p[SCALE_A]) * t
                at = t * (PROFILE - 1)
                i = min(int(at), PROFILE - 2)
                f = at - i
                a = profile[0, i] + (profile[0, i + 1] - profile[0, i]) * f
                b = profile[1, i] + (profile[1, i + 1] - profile[1, i]) * f
                c = profile[2, i] + (profile[2, i + 1] - profile[2, i]) * f
                beyond = (t_raw - t) * length / scale
                cap = 1.0 - (beyond / max(a, 1e-4)) ** 2
                if cap <= 0.0:
                    continue
                cap = np.sqrt(cap)
                a, b = a * cap, b * cap
                s = (dx * rx + dy * ry) / scale - c * p[SIN]
                if abs(s) > max(a, b):
                    continue
                hit, lateral, forward = _section(s, a, b, p[COS], p[SIN])
                if hit == 0.0:
                    continue
                towards = -lateral * p[SIN] + (forward + c) * p[COS]
                near = p[AW] + (p[BW] - p[AW]) * t + towards
                if near <= depth[y, x]:
                    continue
                level = p[HEIGHT_A] + (p[HEIGHT_B] - p[HEIGHT_A]) * t + beyond
                # The normal: the ellipse's, turned back, tilted by the profile's slope
                nl, nf = lateral / (a * a), forward / (b * b)
                norm = np.sqrt(nl * nl + nf * nf)
                nl, nf = nl / norm, nf / norm
                side, front = nl * p[COS] + nf * p[SIN], -nl * p[SIN] + nf * p[COS]
                metres = length / scale
                before, after = max(i - 1, 0), min(i + 2, PROFILE - 1)
                steep = (profile[0, i + 1] - profile[0, before]) / (i + 1 - before) * (1 - f)
                steep += (profile[0, after] - profile[0, i]) / (after - i) * f
                slope = steep * (PROFILE - 1) / max(metres, 0.02)
                tilt = -min(max(slope, -1.2), 1.2) + (2.0 * beyond / max(a, 1e-3))
                u = int((lateral + p[SHIFT]) * 420.0 + 9000.0) % n_noise
                v = int((t * metres + p[SHIFT]) * 420.0 + 9000.0) % n_noise
                bump = folds[v, u]
                if kind == HAIR:
                    azimuth = abs(np.arctan2(lateral, forward + c))
                    span = p[HEIGHT_B] - p[HEIGHT_A]
                    if not _is_hair(azimuth, (level - p[HEIGHT_A]) / span, hair_style, bump):
                        continue
                side += material[FOLDS] * bump
                tilt += material[FOLDS] * folds[u, v]
                nx = side * rx + tilt * ex
                ny = -(side * ry + tilt * ey)
                size = np.sqrt(nx * nx + ny * ny + front * front)
                nx, ny, nz = nx / size, ny / size, front / size
                direct = max(0.0, (nx * _LX + ny * _LY + nz * _LZ) * 0.88 + 0.12)
                light = (0.40 + 0.16 * ny + 0.64 * direct) * (0.80 + 0.20 * nz)
                shine = material[GLOSS] * direct**12
                mix = _pattern(material, t * metres + 1.0, lateral + 0.5)
                dark, weight, flag = 1.0, 0.0, 0
                up = level - eye_height
                if kind == TORSO:
                    mix = _front(material, lateral, forward, level)
                    if mix < 0.0:
                        mix, dark = 0.0, 0.72
                elif kind == HEAD:
                    reach_face = forward + c > 0.0 and abs(lateral) < 0.079
                    if reach_face:
                        e = (lateral / FACE_HALF_WIDTH) ** 2 + ((up - FACE_CENTRE) / FACE_HALF_HEIGHT) ** 2
                        weight = (1.0 - _ramp(0.74, 1.16, e)) * _ramp(0.12, 0.45, nf)
                        flag = 1 if e < 1.0 and nf > 0.12 else 0
                    dark = _features(lateral, up) if forward + c > 0.0 else 1.0
                depth[y, x] = near
                is_face[y, x] = flag
                weight *= face_weight
                for channel in range(3):
                    base = material[channel] + (material[3 + channel] - material[channel]) * mix
                    value = base * dark * light + shine
                    if weight > 0.0:
                        photo = _texel(face, lateral, up, channel) * (0.72 + 0.28 * light)
                        value += (photo - value) * weight
                    colour[y, x, channel] = value


@_jit
def resolve(depth: NDArray, colour: NDArray, is_face: NDArray, layer: NDArray, faces: NDArray) -> None:
    """Average sub-pixels into `layer` (h, w, 4), colour times alpha and alpha, and `faces` (h, w), coverage by the face."""
    share = 1.0 / (SUPER * SUPER)
    for y in range(layer.shape[0]):
        for x in range(layer.shape[1]):
            b = g = r = alpha = face = 0.0
            for i in range(SUPER):
                for j in range(SUPER):
                    v, u = SUPER * y + i, SUPER * x + j
                    if depth[v, u] > -1e8:
                        b += colour[v, u, 0]
                        g += colour[v, u, 1]
                        r += colour[v, u, 2]
                        alpha += 1.0
                        face += is_face[v, u]
            layer[y, x, 0], layer[y, x, 1], layer[y, x, 2] = b * share, g * share, r * share
            layer[y, x, 3], faces[y, x] = alpha * share, face * share
