"""Attack 13: presence, count and activity from the sizes of messages alone; what padding to size classes costs.

No cipher hides how long a message is, and ROI transmission makes the length follow the scene: that is its purpose. The
attacker sees sizes and times on the wire. Padding rounds sizes up to classes; only a constant size at a constant
rate says nothing, and it gives the saving back.

Limits: no face is looked for, so patches are those that the camera makes without a detector; congestion and the
transport's own framing are left out.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from msgspec.structs import replace
from numpy.typing import NDArray

from gctr.evaluation.attacks.views import Octets, is_foreground
from gctr.evaluation.statistics import correlate_ranks, permutation_test, roc_area
from gctr.parties.camera import Camera, CameraSettings, Observation
from gctr.parties.envelope import open_message
from gctr.parties.keyfile import new_key
from gctr.parties.messages import ObjectVideo, SealedPatch, decode, encode

Sizes = NDArray[np.int64]


class Traffic(NamedTuple):
    """What passed on the wire, and the truth beside it: one entry a message.

    `sizes` in bytes; `times` in seconds, of the last frame; `objects`, the mean number seen by the camera; `activity`,
    the mean share of the frame that differs from the plate.
    """

    sizes: Sizes
    times: NDArray[np.float64]
    objects: NDArray[np.float64]
    activity: NDArray[np.float64]


class _Wire:
    """A receiver that keeps messages."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    def put(self, message: bytes) -> None:
        self.messages.append(message)


class _NoFaces:
    """Finds no face: detection would take most of the time."""

    def detect(self, image: Octets) -> NDArray[np.float32]:
        return np.empty((0, 5), np.float32)


def record_traffic(
    timed: Iterable[tuple[float, Octets]],
    plate: Octets,
) -> tuple[Traffic, list[Octets]]:
    """Let a camera send footage, a frame a message; return what passed, and the messages' plaintext.

    Parameters
    ----------
    timed : iterable of (float, (H, W, 3) uint8 BGR)
    plate : (H, W, 3) uint8
        The registered background.
    """
    settings = CameraSettings(segment_frames=1)
    camera, wire = Camera(new_key("store"), new_key("unmask"), settings, _NoFaces()), _Wire()
    camera.adopt(plate)
    key = camera.store_key
    rows: list[tuple[float, float, float]] = []

    def note(segment: Sequence[Observation]) -> None:
        objects = np.mean([sum(track.missed == 0 for track in o.tracks) for o in segment])
        active = np.mean([is_foreground(o.captured, plate).mean() for o in segment])
        rows.append((segment[-1].time, float(objects), float(active)))

    for _ in camera.run(timed, wire, inspect=note):
        pass
    times, objects, activity = (np.array(column) for column in zip(*rows, strict=True))
    traffic = Traffic(np.array([len(m) for m in wire.messages]), times, objects, activity)
    rng = np.random.default_rng(0)
    return traffic, [_repeatable(open_message(key, m)[1], rng) for m in wire.messages]


def _repeatable(body: bytes, rng: np.random.Generator) -> Octets:
    """Return a message with its sealed patches, random each time, replaced by bytes of a fixed generator."""
    objects = decode(body, ObjectVideo)
    patches = [SealedPatch(p.track_id, rng.bytes(12), rng.bytes(len(p.ciphertext))) for p in objects.patches]
    return np.frombuffer(encode(replace(objects, patches=patches)), np.uint8)


def read_traffic(traffic: Traffic, people: NDArray[np.float64] | None = None) -> pd.DataFrame:
    """Infer presence, count and activity from sizes.

    Parameters
    ----------
    traffic : Traffic
    people : (n,) float, optional
        True number of people at each message; what the camera saw, by default.

    Returns
    -------
    DataFrame
        `inferred`, `score` (area under the ROC curve for presence, Spearman's correlation for the others), `chance`,
        `p_value`, `messages`. Presence has no row if people are always, or never, there.
    """
    results = []
    for name, (score, truth, chance) in _questions(traffic, people).items():
        value, p_value = permutation_test(score, traffic.sizes, truth, draws=9999)
        results.append((name, value, chance, p_value, truth.size))
    return pd.DataFrame(results, columns=["inferred", "score", "chance", "p_value", "messages"])


def _questions(
    traffic: Traffic, people: NDArray[np.float64] | None
) -> dict[str, tuple[Callable[..., float], NDArray[np.float64], float]]:
    count = traffic.objects if people is None else people
    present = (count > 0).astype(float)
    questions: dict[str, tuple[Callable[..., float], NDArray[np.float64], float]] = {}
    if 0 < present.sum() < count.size:
        questions["presence (AUC)"] = roc_area, present, 0.5
    questions["count (Spearman)"] = correlate_ranks, count, 0.0
    questions["activity (Spearman)"] = correlate_ranks, traffic.activity, 0.0
    return questions


def price_padding(traffic: Traffic, people: NDArray[np.float64] | None = None) -> pd.DataFrame:
    """Return what each padding costs in bytes, and what an attacker still infers.

    Returns
    -------
    DataFrame
        `padding`, `classes` (different sizes on the wire), `overhead` (bytes added over bytes sent), and a column a
        thing inferred with its score.
    """
    rows = []
    for name, pad in PADDINGS.items():
        padded = pad(traffic.sizes)
        questions = _questions(traffic, people)
        scores = {thing: score(padded, truth) for thing, (score, truth, _) in questions.items()}
        overhead = padded.sum() / traffic.sizes.sum() - 1
        rows.append({"padding": name, "classes": len(np.unique(padded)), "overhead": overhead, **scores})
    return pd.DataFrame(rows)


def pad_padme(sizes: Sizes) -> Sizes:
    """Round sizes up by Padmé (Nikitin et al., PoPETs 2019): at most 12 % more, O(log log n) bits said."""
    exponent = np.floor(np.log2(sizes)).astype(np.int64)
    low_bits = exponent - (np.floor(np.log2(np.maximum(exponent, 1))).astype(np.int64) + 1)
    mask = (np.int64(1) << np.maximum(low_bits, 0)) - 1
    return np.asarray((sizes + mask) & ~mask)


def pad_power(sizes: Sizes) -> Sizes:
    """Round sizes up to powers of two."""
    return np.asarray(np.int64(1) << np.ceil(np.log2(sizes)).astype(np.int64))


def pad_constant(sizes: Sizes) -> Sizes:
    """Make every message as long as the longest."""
    return np.full_like(sizes, sizes.max())


PADDINGS: dict[str, Callable[[Sizes], Sizes]] = {
    "none": lambda sizes: sizes,
    "Padmé": pad_padme,
    "powers of two": pad_power,
    "one size": pad_constant,
}
