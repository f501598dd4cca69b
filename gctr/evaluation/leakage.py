"""What masked faces still tell: re-identification against each mask.

The attacker has five clear pictures of each of the people (the gallery) and sees masked pictures of the same people
taken at other moments (the probes). *Naive*: he compares clear with masked. *Parrot* (McPherson, Shokri & Shmatikov
2016; Newton, Sweeney & Malin 2005): he masks his gallery in the same way, and trains on that. A mask is safe against an
attack if the share of probes that he names at the first guess is chance: what naming the same person every time
reaches, one in the number of people where all are seen as often.

All faces have one size on every picture, so that no attack learns from the size; `by_size` attacks that alone, on the
sealed patches.

Limits: 40 people of one data set, photographed within weeks, frontal: a small, easy population, which favours the
attacker; the linear attackers of `gctr.evaluation.matchers` are weaker than the best nets, which favours the mask.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from numpy.typing import NDArray

from gctr.datasets import load_faces
from gctr.evaluation.matchers import Matcher, as_vectors, fisherfaces
from gctr.evaluation.statistics import bootstrap, proportion_interval
from gctr.parties.keys import patch_plaintext
from gctr.vision.faces import CenterFace, FaceDetector, Scaled
from gctr.vision.masking import Patch, grow_boxes, paint
from gctr.vision.painters import MaskStyle

Image = NDArray[np.uint8]
FARS = (1e-2, 1e-3)
_PORTRAIT = 160  # px of height at which a detector looks for the face of a portrait


class Faces(NamedTuple):
    """Pictures of one size, (h, w) or (h, w, 3) uint8 BGR, whom they show, and which are the attacker's gallery."""

    images: list[Image]
    identities: NDArray
    gallery: NDArray[np.bool_]

    def part(self, gallery: bool) -> tuple[list[Image], NDArray]:
        """Return pictures and identities of the gallery, or of the probes."""
        chosen = self.gallery == gallery
        images = [image for image, take in zip(self.images, chosen, strict=True) if take]
        return images, self.identities[chosen]


def take_faces(pictures: Iterable[tuple[str, Image]], height: int) -> Faces:
    """Return faces as a camera sees them at `height` pixels; of each person the first half is the gallery.

    Parameters
    ----------
    pictures : iterable of (identity, image)
        From `gctr.datasets.load_faces`.
    height : int
        Of a face, in pixels; 16 to 60 in surveillance footage. Its width follows by ORL's proportions, 92 to 112.
    """
    width = max(8, round(height * 92 / 112))
    names, images = zip(*pictures, strict=True)
    small = [cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in images]
    identities = np.array(names)
    order = [int((identities[:k] == name).sum()) for k, name in enumerate(identities)]
    counts = np.array([(identities == name).sum() for name in identities])
    return Faces([np.asarray(image, np.uint8) for image in small], identities, np.array(order) < counts // 2)


def load_sets(names: Iterable[str]) -> dict[str, list[tuple[str, Image]]]:
    """Return sets of faces by name, portraits cut down to faces; of all but the first, those that are at hand."""
    sets: dict[str, list[tuple[str, Image]]] = {}
    for name in filter(None, names):
        try:
            pictures = load_faces(name)
        except (OSError, ValueError):
            if not sets:
                raise
            continue
        sets[name] = cut_portraits(pictures) if pictures[0][1].shape[0] > 2 * _PORTRAIT else pictures
    return sets


def first_pictures(pictures: Sequence[tuple[str, Image]], count: int) -> list[tuple[str, Image]]:
    """Return at most `count` pictures of each person."""
    names = [name for name, _ in pictures]
    return [pair for k, pair in enumerate(pictures) if names[:k].count(pair[0]) < count]


def cut_portraits(pictures: Sequence[tuple[str, Image]]) -> list[tuple[str, Image]]:
    """Cut portraits down to what a camera would mask: the surest face found and a fifth around it, else all."""
    detector = Scaled(CenterFace(), _PORTRAIT / pictures[0][1].shape[0])
    return [(name, _cut(image, detector)) for name, image in pictures]


def _cut(image: Image, detector: FaceDetector) -> Image:
    found = detector.detect(image if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2))
    if not len(found):
        return image
    x0, y0, x1, y1 = grow_boxes(found[found[:, 4].argmax(), :4], 0.2, (image.shape[1], image.shape[0]))[0]
    return image[y0:y1, x0:x1]


def enlarge(images: Sequence[Image], who: NDArray) -> tuple[list[Image], NDArray]:
    """Add to clear pictures their mirror images and copies shifted by a tenth, if there is one picture of each person.

    What an attacker does who has too few pictures to train on.
    """
    if len(images) > len(np.unique(who)):
        return list(images), who
    copies = [[image, image[:, ::-1].copy(), *(_shift(image, dx) for dx in (-0.1, 0.1))] for image in images]
    return [copy for group in copies for copy in group], np.repeat(who, 4)


def _shift(image: Image, share: float) -> Image:
    return np.roll(image, round(share * image.shape[1]), axis=1)


def mask_faces(images: Sequence[Image], style: MaskStyle | None) -> list[Image]:
    """Return every picture masked whole; as they are for None. Scrambling takes a new key for each picture."""
    return [mask_face(image, style, k) for k, image in enumerate(images)]


def mask_face(image: Image, style: MaskStyle | None, number: int) -> Image:
    """Return one picture masked whole; `number` makes the signs of scrambling its own."""
    if style is None:
        return image
    if style.key:  # every frame has its own secrets; fixed here, so that results repeat
        style = replace(style, key=style.key + number.to_bytes(4, "big"))
    bgr = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR).astype(np.uint8)
    masked = paint(bgr, [(0, 0, bgr.shape[1], bgr.shape[0])], style)
    return masked if image.ndim == 3 else masked[..., 0].copy()


def attackers_copy(style: MaskStyle | None) -> MaskStyle | None:
    """Return the attacker's copy of a mask: he knows its kind and strength, never its key."""
    if style is None or not style.key:
        return style
    return replace(style, key=b"the attacker's own guess of a key")


def seal_faces(images: Sequence[Image], key: bytes, *, padded: bool = True) -> list[bytes]:
    """Return each picture as the cloud and a sniffer have it: one sealed patch, or what it was without padding.

    Sealed as `gctr.parties.keys` seals, but with counted nonces, so that results repeat: for measurements only.
    """
    sealed = []
    for number, image in enumerate(images):
        bgr = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR).astype(np.uint8)
        plain = patch_plaintext([(0, Patch((0, 0, bgr.shape[1], bgr.shape[0]), bgr))])
        plain = plain if padded else plain.rstrip(b"\0")
        sealed.append(AESGCM(key).encrypt(number.to_bytes(12, "big"), plain, None))
    return sealed


def as_bytes(sealed: Sequence[bytes]) -> NDArray[np.float64]:
    """Return the first 256 bytes of sealed patches as features, (N, 256) float64."""
    rows = [np.frombuffer(patch[:256].ljust(256, b"\0"), np.uint8) for patch in sealed]
    return np.stack(rows).astype(np.float64)


def by_size(gallery: NDArray, identities: NDArray, probes: NDArray) -> NDArray[np.float64]:
    """Match by one number alone, such as a sealed patch's length: a `Matcher` on (N, 1) features."""
    return -np.abs(probes[:, 0][:, None] - gallery[:, 0][None])


class Attack(NamedTuple):
    """How well an attack named people: one value a probe for rank 1 and for each FAR of `FARS`, and whose it is."""

    rank1: NDArray[np.float64]
    tar: dict[float, NDArray[np.float64]]
    identities: NDArray


def attack(matcher: Matcher, gallery: NDArray, who: NDArray, probes: NDArray, truth: NDArray) -> Attack:
    """Run a matcher: a probe's similarity to a person is the best of that person's gallery.

    People who are equally similar share the guess, and probes at the threshold are accepted at random, as an attacker
    would; so a mask that makes all faces equal gives chance exactly.
    """
    names = np.unique(who)
    similar = matcher(gallery, who, probes)
    scores = np.stack([similar[:, who == name].max(axis=1) for name in names], axis=1)
    own = names[None] == truth[:, None]
    best = scores == scores.max(axis=1, keepdims=True)
    rank1 = (best & own).sum(axis=1) / best.sum(axis=1)
    return Attack(rank1, {far: _accepted(scores[own], scores[~own], far) for far in FARS}, truth)


def _accepted(genuine: NDArray, impostor: NDArray, far: float) -> NDArray[np.float64]:
    threshold = np.sort(impostor)[::-1][int(far * len(impostor))]
    above, at = (impostor > threshold).mean(), (impostor == threshold).mean()
    return (genuine > threshold) + (genuine == threshold) * (far - above) / at


def attack_faces(
    faces: Faces,
    styles: Mapping[str, MaskStyle | None],
    matchers: Mapping[str, Matcher],
    *,
    features: Callable[[list[Image]], NDArray[np.float64]] = as_vectors,
    trains: bool = True,
    draws: int = 1000,
) -> pd.DataFrame:
    """Attack each mask with each matcher, naive and parrot.

    Parameters
    ----------
    faces : Faces
    styles : mapping of str to MaskStyle or None
        None is no mask at all.
    matchers : mapping of str to Matcher
    features : callable
        From pictures to (N, d) float64.
    trains : bool
        Whether matchers learn from the gallery, which is then enlarged if it is small (`enlarge`).
    draws : int
        Of the bootstrap over people.

    Returns
    -------
    DataFrame
        `mask`, `attack`, `matcher`, `rank1` with `low` and `high` (99 % bootstrap over people), `tar_1e-2`,
        `tar_1e-3`, `chance`, `people`, and `at_chance`: whether the interval of rank 1 goes down to chance.
    """
    clear, who = enlarge(*faces.part(True)) if trains else faces.part(True)
    seen, truth = faces.part(False)
    unmasked = features(clear)
    rows = []
    for name, style in styles.items():
        probes = features(mask_faces(seen, style))
        parrot = features(mask_faces(clear, attackers_copy(style))) if style else unmasked
        for mode, coded in (("naive", unmasked), ("parrot", parrot)):
            for matcher_name, matcher in matchers.items():
                result = attack(matcher, coded, who, probes, truth)
                rows.append({"mask": name, "attack": mode, "matcher": matcher_name} | summary(result, draws))
    return pd.DataFrame(rows)


def attack_sealed(faces: Faces, *, draws: int = 1000) -> pd.DataFrame:
    """Attack sealed patches by their bytes and by their length; columns as of `attack_faces`."""
    clear, who = faces.part(True)
    seen, truth = faces.part(False)
    rows = []
    for name, padded in (("sealed", True), ("sealed, not padded", False)):
        gallery = seal_faces(clear, b"the attacker's own key, 32 bytes", padded=padded)
        probes = seal_faces(seen, b"the camera's key, secret, 32 byt", padded=padded)
        lengths = [np.array([[len(patch)] for patch in part], float) for part in (gallery, probes)]
        for matcher_name, matcher, (known, unknown) in (
            ("fisherfaces", fisherfaces, (as_bytes(gallery), as_bytes(probes))),
            ("length", by_size, lengths),
        ):
            result = attack(matcher, known, who, unknown, truth)
            rows.append({"mask": name, "attack": "parrot", "matcher": matcher_name} | summary(result, draws))
    return pd.DataFrame(rows)


def summary(result: Attack, draws: int = 1000) -> dict[str, float | int | bool]:
    """Return the numbers of an attack with a 99 % interval of rank 1.

    The interval is the wider of two: bootstrapped over people, and exact for independent probes. The first alone is
    too narrow where hardly a probe is named.
    """
    interval = bootstrap(result.rank1, result.identities, draws=draws)
    exact = proportion_interval(round(result.rank1.sum()), len(result.rank1))
    low, high = min(interval.low, exact[0]), max(interval.high, exact[1])
    _, seen = np.unique(result.identities, return_counts=True)
    chance = float(seen.max() / seen.sum())
    tar = {f"tar_{far:.0e}".replace("e-0", "e-"): float(values.mean()) for far, values in result.tar.items()}
    return {
        "rank1": interval.value,
        "low": low,
        "high": high,
        **tar,
        "chance": chance,
        "people": interval.n,
        "at_chance": low <= chance,
    }


def verdict_numbers(row: pd.Series) -> dict[str, Any]:
    """Return a row of attacks as the numbers of `gctr.experiments.Run.save_verdict`."""
    return {
        "value": row.rank1,
        "low": row.low,
        "high": row.high,
        "unit": "of faces named",
        "n": int(row.people),
    }
