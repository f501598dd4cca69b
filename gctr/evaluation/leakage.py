"""What masked faces still tell: re-identification, reconstruction and fusion, against each mask.

The attacker has five clear pictures of each of the people (the gallery) and sees masked pictures of the same people
taken at other moments (the probes). *Naive*: he compares clear with masked. *Parrot* (McPherson, Shokri & Shmatikov
2016; Newton, Sweeney & Malin 2005): he masks his gallery in the same way, and trains on that. A mask is safe against an
attack if the share of probes that he names at the first guess is chance, one in the number of people.

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

from gctr.evaluation.matchers import Matcher, as_vectors, fisherfaces
from gctr.evaluation.statistics import bootstrap, proportion_interval
from gctr.parties.keys import patch_plaintext
from gctr.vision.masking import Patch, paint
from gctr.vision.painters import MaskStyle

Image = NDArray[np.uint8]
FARS = (1e-2, 1e-3)


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


def take_faces(
    pictures: Iterable[tuple[str, Image]], height: int, *, size: tuple[int, int] = (92, 112)
) -> Faces:
    """Return faces as a camera sees them at `height` pixels; of each person the first half is the gallery.

    Parameters
    ----------
    pictures : iterable of (identity, image)
        From `gctr.datasets.load_faces`.
    height : int
        Of a face, in pixels; 16 to 60 in surveillance footage.
    size : (int, int)
        Width and height whose ratio every picture is brought to.
    """
    width = max(8, round(height * size[0] / size[1]))
    names, images = zip(*pictures, strict=True)
    small = [cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA) for image in images]
    identities = np.array(names)
    order = [int((identities[:k] == name).sum()) for k, name in enumerate(identities)]
    counts = np.array([(identities == name).sum() for name in identities])
    return Faces([np.asarray(image, np.uint8) for image in small], identities, np.array(order) < counts // 2)


def mask_faces(images: Sequence[Image], style: MaskStyle | None) -> list[Image]:
    """Return every picture masked whole; as they are for None. Scrambling takes a new key for each picture."""
    return [_mask(image, style, k) for k, image in enumerate(images)]


def _mask(image: Image, style: MaskStyle | None, number: int) -> Image:
    if style is None:
        return image
    if style.key:  # every frame has its own secrets; fixed here, so that results repeat
        style = replace(style, key=style.key + number.to_bytes(4, "big"))
    bgr = image if image.ndim == 3 else cv2.cvtColor(image, cv2.COLOR_GRAY2BGR).astype(np.uint8)
    masked = paint(bgr, [(0, 0, bgr.shape[1], bgr.shape[0])], style)
    return masked if image.ndim == 3 else masked[..., 0].copy()


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


def as_bytes(sealed: Sequence[bytes], count: int = 256) -> NDArray[np.float64]:
    """Return the first bytes of sealed patches as features, (N, count) float64."""
    rows = [np.frombuffer(patch[:count].ljust(count, b"\0"), np.uint8) for patch in sealed]
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
    draws: int = 1000,
) -> pd.DataFrame:
    """Attack each mask with each matcher, naive and parrot.

    Returns
    -------
    DataFrame
        `mask`, `attack`, `matcher`, `rank1` with `low` and `high` (99 % bootstrap over people), `tar_1e-2`,
        `tar_1e-3`, `chance`, `people`, and `at_chance`: whether the interval of rank 1 contains chance.
    """
    clear, who = faces.part(True)
    seen, truth = faces.part(False)
    rows = []
    for name, style in styles.items():
        probes = features(mask_faces(seen, style))
        for mode, gallery in (("naive", clear), ("parrot", mask_faces(clear, _again(style)))):
            coded = features(gallery)
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
    chance = 1 / interval.n
    tar = {f"tar_{far:.0e}".replace("e-0", "e-"): float(values.mean()) for far, values in result.tar.items()}
    return {
        "rank1": interval.value,
        "low": low,
        "high": high,
        **tar,
        "chance": chance,
        "people": interval.n,
        "at_chance": low <= chance <= high,
    }


def verdict_numbers(row: pd.Series) -> dict[str, Any]:
    """Return a row of attacks as the numbers of `gctr.experiments.Run.save_verdict`."""
    return {"value": row.rank1, "low": row.low, "high": row.high, "unit": "1", "n": int(row.people)}


def reconstruct(faces: Faces, styles: Mapping[str, MaskStyle | None], *, ridge: float = 20.0) -> pd.DataFrame:
    """Learn to undo each mask by ridge regression on half of the people; judge on the other half.

    Returns
    -------
    DataFrame
        `mask`; `psnr_gain` in dB over guessing the mean face, with its 99 % interval over people (`low`, `high`).
    """
    names = np.unique(faces.identities)
    training = np.isin(faces.identities, names[: len(names) // 2])
    clear = as_vectors(faces.images) / 255
    mean = clear[training].mean(axis=0)
    null = ((clear[~training] - mean) ** 2).mean(axis=1)
    rows = []
    for name, style in styles.items():
        masked = as_vectors(mask_faces(faces.images, style)) / 255
        centre = masked[training].mean(axis=0)
        a, b = masked[training] - centre, clear[training] - mean
        weights = a.T @ np.linalg.solve(a @ a.T + ridge / 10 * np.eye(len(a)), b)
        error = (((masked[~training] - centre) @ weights + mean - clear[~training]) ** 2).mean(axis=1)
        gain = 10 * np.log10(null / np.maximum(error, 1e-6))
        interval = bootstrap(gain, faces.identities[~training])
        rows.append({"mask": name, "psnr_gain": interval.value, "low": interval.low, "high": interval.high})
    return pd.DataFrame(rows)


def fuse(
    pictures: Sequence[Image], height: int, style: MaskStyle | None, *, frames: int, seed: int = 0
) -> list[Image]:
    """Return what an attacker gets by averaging several masked frames of one face that moves over the pixel grid.

    Every frame shifts the face by a random part of a pixel before it is sampled and masked; the attacker, who knows
    the mask's place, undoes the shift and averages.
    """
    rng = np.random.default_rng(seed)
    return [_fused(picture, height, style, rng.uniform(-4, 4, (frames, 2))) for picture in pictures]


def _fused(picture: Image, height: int, style: MaskStyle | None, shifts: NDArray[np.float64]) -> Image:
    tall, wide = picture.shape[:2]
    width = max(8, round(height * wide / tall))
    total = np.zeros(picture.shape)
    for number, (dx, dy) in enumerate(shifts):
        moved = _shift(picture, dx, dy)
        small = np.asarray(cv2.resize(moved, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        masked = cv2.resize(_mask(small, style, number), (wide, tall), interpolation=cv2.INTER_LINEAR)
        total += _shift(np.asarray(masked, np.uint8), -dx, -dy)
    return np.rint(total / len(shifts)).astype(np.uint8)


def _shift(image: Image, dx: float, dy: float) -> Image:
    matrix = np.array([[1, 0, dx], [0, 1, dy]], np.float64)
    moved = cv2.warpAffine(image, matrix, image.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved, np.uint8)


def _again(style: MaskStyle | None) -> MaskStyle | None:
    """Return the attacker's copy of a mask: he knows its kind and strength, never its key."""
    if style is None or not style.key:
        return style
    return replace(style, key=b"the attacker's own guess of a key")
