"""The pipeline's own account: bytes at each hop, and whether unmasked faces are the camera's."""

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.parties.camera import Observation
from gctr.parties.cloud import Cloud
from gctr.parties.envelope import open_message
from gctr.parties.keyfile import Key
from gctr.parties.messages import ObjectVideo, decode, encode
from gctr.parties.surveillance import Shown

PARTS = ("background, once", "objects, as video", "faces, sealed", "positions and times", "headers and tags")


class Exactness(NamedTuple):
    """Faces revealed, how many of them equal the camera's in every byte, and the pixels compared."""

    faces: int
    exact: int
    pixels: int


def stages(observation: Observation) -> dict[str, NDArray[np.uint8]]:
    """Return the paper's four pictures of one frame, (H, W, 3) uint8 BGR each, by their names (figure 1, a to d)."""
    sent = observation.region[..., None]
    return {
        "captured frame": observation.captured,
        "objects found (ROI)": observation.captured,
        "background gone": np.where(sent, observation.captured, np.uint8(255)),
        "faces or heads masked": np.where(sent, observation.objects, np.uint8(255)),
    }


def face_boxes(observation: Observation) -> NDArray[np.int32]:
    """Return the boxes of the faces that were found or filled in, (N, 4) xyxy, without fail-safe covers."""
    known = [cover.xyxy for cover in observation.covers if cover.is_face]
    return np.array(known, np.int32).reshape(-1, 4)


def as_image(data: bytes, width: int = 256, rows: int = 96) -> NDArray[np.uint8]:
    """Return the first ``width * rows`` bytes as a grey picture, (rows, width) uint8, zero beyond their end."""
    shown = np.frombuffer(data[: width * rows], np.uint8)
    return np.pad(shown, (0, width * rows - len(shown))).reshape(rows, width)


def count_hops(cloud: Cloud, camera: str, store_key: Key, resolution_wh: tuple[int, int]) -> pd.DataFrame:
    """Count the bytes of one camera's footage at each hop, every byte included.

    Returns
    -------
    DataFrame
        `hop`, `what`, `bytes` (int), `bytes_per_frame` and `of_captured` (share of the captured pixels' bytes).
    """
    segments = cloud.segments(camera)
    frames = sum(segment.n_frames for segment in segments)
    parts = _message_parts(cloud, camera, store_key)
    delivered = sum(len(cloud.compose(camera, segment.sequence)) for segment in segments)
    rows = [("captured", "pixels, 24 bits each", frames * resolution_wh[0] * resolution_wh[1] * 3)]
    rows += [("camera to cloud", what, size) for what, size in parts.items()]
    rows += [("cloud, at rest", "background and segments", sum(parts.values()))]
    rows += [("cloud to surveillance", "composed, faces sealed", delivered)]
    table = pd.DataFrame(rows, columns=["hop", "what", "bytes"])
    table["bytes_per_frame"] = table["bytes"] / frames
    table["of_captured"] = table["bytes"] / table["bytes"].iloc[0]
    return table


def message_parts(message: bytes, store_key: Key) -> dict[str, int]:
    """Return the bytes of each kind, by the names of `PARTS`, in a background's or a segment's message."""
    header, body = open_message(store_key, message)
    if header.kind == "background":
        return {PARTS[0]: len(message)}
    objects = decode(body, ObjectVideo)
    video, faces = sum(map(len, objects.packets)), sum(len(encode(patch)) for patch in objects.patches)
    return dict(
        zip(PARTS[1:], (video, faces, len(body) - video - faces, len(message) - len(body)), strict=True)
    )


def check_faces(captured: Iterable[NDArray[np.uint8]], shown: Iterable[Shown]) -> Exactness:
    """Compare every revealed face with the camera's frame, byte by byte.

    Parameters
    ----------
    captured : iterable of (H, W, 3) uint8 arrays
        What the camera saw, BGR.
    shown : iterable of Shown
        The same frames, unmasked.
    """
    equal = list(_compare(captured, shown))
    return Exactness(len(equal), sum(same for same, _ in equal), sum(pixels for _, pixels in equal))


class Revealed(NamedTuple):
    """Frames compared, pixels that unmasking changed, and how many of those equal the camera's."""

    frames: int
    changed: int
    exact: int


def check_revealed(
    captured: Iterable[NDArray[np.uint8]],
    composed: Iterable[NDArray[np.uint8]],
    unmasked: Iterable[NDArray[np.uint8]],
) -> Revealed:
    """Compare two delivered videos, masked and unmasked, with the camera's frames; all (H, W, 3) uint8 BGR.

    Raises
    ------
    ValueError
        If they differ in their number of frames.
    """
    frames = changed = exact = 0
    for image, masked, shown in zip(captured, composed, unmasked, strict=True):
        differs = (masked != shown).any(axis=2)
        frames += 1
        changed += int(differs.sum())
        exact += int((image[differs] == shown[differs]).all(axis=1).sum())
    return Revealed(frames, changed, exact)


def _compare(captured: Iterable[NDArray[np.uint8]], shown: Iterable[Shown]) -> Iterator[tuple[bool, int]]:
    for image, frame in zip_longest(captured, shown):
        if image is None or frame is None:
            raise ValueError(
                "the surveillance system shows another number of frames than the camera captured"
            )
        for x0, y0, x1, y1 in frame.revealed:
            yield np.array_equal(image[y0:y1, x0:x1], frame.image[y0:y1, x0:x1]), (x1 - x0) * (y1 - y0)


def _message_parts(cloud: Cloud, camera: str, store_key: Key) -> dict[str, int]:
    messages = (cloud.segment(camera, segment.sequence) for segment in cloud.segments(camera))
    parts = Counter(dict.fromkeys(PARTS, 0))
    backgrounds = (cloud.background(camera, version) for version in cloud.standing(camera).backgrounds)
    for message in (*backgrounds, *messages):
        parts.update(message_parts(message, store_key))
    return dict(parts)
