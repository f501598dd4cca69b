"""A walking body's joints, from the phase of the gait.

The legs are placed by their feet: during stance the ankle moves back exactly as fast as the body moves on, so
that feet do not skate, and the knee follows by inverse kinematics. Lengths are those of `anatomy.STATURE`.
"""

from __future__ import annotations

from math import acos, cos, hypot, pi, sin

THIGH, SHIN, HIP = 0.435, 0.425, 0.945
STANCE = 0.62  # share of a gait cycle that a foot is on the ground

Joint = tuple[float, float, float]  # sideways (to the right of the picture for one who faces it), up, forward


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


def pose(phase: float, stride: float, standing: str, settle: float, slim: bool) -> dict[str, Joint]:
    """Return the joints of a body of `STATURE` at a phase of the gait.

    `stride` in metres is 0 for one who stands; `standing` names what he does then ("stand" or "phone"), and
    `settle` 0–1 how far he has taken up that pose.
    """
    lift = min(stride / 1.3, 1.0)
    dip = 0.042 * lift
    hip_up = HIP - 0.018 - dip * (0.62 + 0.38 * cos(4 * pi * phase + 0.5))
    sway = 0.020 * lift * sin(2 * pi * phase)
    lean, drop = 0.035 * lift, hip_up - HIP
    joints: dict[str, Joint] = {}
    _leg(joints, "l", -1.0, phase, stride, lift, hip_up, sway)
    _leg(joints, "r", 1.0, phase + 0.5, stride, lift, hip_up, sway)
    shoulders = (sway * 0.4, 1.382 + drop, lean - 0.005)
    raised = settle if standing == "phone" else 0.0
    _arms(joints, 0.42 * lift * cos(2 * pi * phase), raised, 0.150 if slim else 0.176, shoulders)
    joints |= _trunk(sway, lean, drop)
    hand = joints["finger_l"]
    joints["bag_high"] = (hand[0], hand[1] - 0.02, hand[2])
    joints["bag_low"] = (hand[0], hand[1] - 0.30, hand[2] * 0.8)
    joints["head"] = (sway * 0.2, drop, lean + 0.018)
    return joints


def _arms(joints: dict[str, Joint], swing: float, raised: float, width: float, base: Joint) -> None:
    """Swing both arms; the right hand is `raised`, 0–1, to hold a telephone."""
    _arm(joints, "l", -1.0, 0.04 - swing, 0.22 + 0.28 * max(0.0, -swing), width, base)
    forward = (0.04 + swing) * (1 - raised) + 0.55 * raised
    elbow = 0.22 + 0.28 * max(0.0, swing) + 1.75 * raised
    _arm(joints, "r", 1.0, forward, elbow, width, base, raised)


def _trunk(sway: float, lean: float, drop: float) -> dict[str, Joint]:
    """Return the joints between hip and head, and of what is worn there."""
    upright = {
        "crotch": (sway, 0.875, 0.0),
        "seam": (sway, 0.925, 0.0),
        "belt": (sway, 1.0, 0.0),
        "waist": (sway, 1.04, 0.003),
        "hem": (sway * 0.5, 0.56, 0.0),
        "neck": (sway * 0.3, 1.500, lean),
        "neck_low": (sway * 0.3, 1.455, lean + 0.002),
        "neck_high": (sway * 0.2, 1.590, lean + 0.012),
        "collar_low": (sway * 0.3, 1.455, lean - 0.004),
        "collar_high": (sway * 0.3, 1.515, lean + 0.002),
        "pack_low": (sway * 0.5, 1.03, lean * 0.4 - 0.165),
        "pack_high": (sway * 0.3, 1.41, lean - 0.150),
        "pocket_low": (sway * 0.5, 1.04, lean * 0.4 - 0.225),
        "pocket_high": (sway * 0.4, 1.20, lean * 0.6 - 0.220),
    }
    return {name: (x, y + drop, forward) for name, (x, y, forward) in upright.items()}
