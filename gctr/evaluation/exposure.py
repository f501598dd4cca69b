"""Faces that a mask missed: how many, in what runs, of how many people.

A face is *exposed* if more than a fifth of its box can be seen in what leaves the camera. Where faces are is told by
the scene's truth, or by a detector that had no part in masking, looking at the frames before they were masked.

Limits: truth by a detector misses what it misses; every result says which it was.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from gctr.datasets import Clip, model_path
from gctr.parties.observer import CameraSettings, Observation, Observer
from gctr.vision.background import boxes_to_mask, register_plate
from gctr.vision.faces import CenterFace, FaceDetector, YuNet, detect_safely
from gctr.vision.following import CoverSettings, FaceFollower

Image = NDArray[np.uint8]
EXPOSED = 0.2  # of its box
LEAST_WIDTH = 8  # px; nobody is recognised by a narrower face


def truth_of(faces: pd.DataFrame) -> pd.DataFrame:
    """Return the truth's faces that somebody could recognise: visible by half, at least `LEAST_WIDTH` px wide."""
    wide = faces["x1"] - faces["x0"] >= LEAST_WIDTH
    seen = faces["visible"] >= 0.5 if "visible" in faces else True
    return faces[wide & seen].reset_index(drop=True)


def detected_faces(frames: Iterable[Image], detector: FaceDetector) -> pd.DataFrame:
    """Return what an independent detector finds: columns frame, track_id (-1: it knows none), x0, y0, x1, y1."""
    rows = [
        (k, -1, *box)
        for k, frame in enumerate(frames)
        for box in detect_safely(detector, frame)[:, :4].tolist()
    ]
    return _table(rows)


def follow_faces(frames: Sequence[Image], detector: FaceDetector) -> pd.DataFrame:
    """Return what a detector finds in unmasked frames, linked over time: one `track_id` while a face is seen."""
    rows = FaceFollower(detector, CoverSettings()).follow(frames)
    found = [
        (k, face.face_id, *face.xyxy)
        for k, faces in enumerate(rows)
        for face in faces or []
        if face.reason == "found"
    ]
    return _table(found)


def _table(rows: Sequence[tuple]) -> pd.DataFrame:
    """Return faces as a table whose columns are numbers even where there is no face."""
    table = pd.DataFrame(rows, columns=["frame", "track_id", "x0", "y0", "x1", "y1"])
    return table.astype({name: int if name in ("frame", "track_id") else float for name in table})


def exposure(faces: pd.DataFrame, shown: Sequence[NDArray[np.bool_]]) -> pd.Series:
    """Return for each face the share of its box that is seen.

    Parameters
    ----------
    faces : DataFrame
        Columns frame, x0, y0, x1, y1.
    shown : sequence of (H, W) bool arrays
        For each frame, where its original pixels leave the camera.
    """
    shares = []
    for row in faces.itertuples():
        frame = shown[int(row.frame)]
        height, width = frame.shape
        x0, x1 = (int(np.clip(round(float(x)), 0, width)) for x in (row.x0, row.x1))
        y0, y1 = (int(np.clip(round(float(y)), 0, height)) for y in (row.y0, row.y1))
        shares.append(float(frame[y0:y1, x0:x1].mean()) if x0 < x1 and y0 < y1 else 0.0)
    return pd.Series(shares, index=faces.index, dtype=float)


def summarise(faces: pd.DataFrame, shares: pd.Series) -> dict[str, float | int]:
    """Return faces, how many are exposed, the longest run of exposed frames, and people exposed at least once.

    Runs and people need the truth's track ids; -1 stands for none.
    """
    seen = shares > EXPOSED
    known = bool((faces["track_id"] >= 0).all()) and len(faces) > 0
    people = faces.loc[seen, "track_id"].nunique() if known else -1
    return {
        "faces": len(faces),
        "exposed": int(seen.sum()),
        "recall": float(1 - seen.mean()) if len(faces) else 1.0,
        "longest_run": max(
            (_longest(faces[seen & (faces.track_id == t)]) for t in set(faces.track_id)), default=0
        )
        if known
        else -1,
        "people_exposed": people,
    }


def shown_by_camera(observations: Iterable[Observation]) -> list[NDArray[np.bool_]]:
    """Return where a camera sends original pixels: inside objects, outside masks."""
    shown = []
    for seen in observations:
        size = seen.captured.shape[:2]
        shown.append(seen.region & ~boxes_to_mask(seen.faces, size))
    return shown


def shown_by_boxes(boxes: Iterable[ArrayLike], size: tuple[int, int]) -> list[NDArray[np.bool_]]:
    """Return where a tool that sends whole frames shows original pixels: outside its boxes; `size` is (H, W)."""
    return [~boxes_to_mask(np.asarray(frame, np.int32).reshape(-1, 4), size) for frame in boxes]


def observe(
    timed: Iterable[tuple[float, Image]],
    plate: Image,
    settings: CameraSettings | None = None,
    detector: FaceDetector | None = None,
) -> list[Observation]:
    """Run footage through a camera's eyes; return all that they made of it."""
    observer = Observer(settings or CameraSettings(), detector)
    observer.adopt(plate)
    seen: list[Observation] = []
    for segment in _segments(timed, observer.settings.segment_frames):
        seen += observer.mask(segment, observer.follow([image for _, image in segment]))
    return seen


def _segments(timed: Iterable[tuple[float, Image]], size: int) -> Iterator[list[tuple[float, Image]]]:
    for _, group in groupby(enumerate(timed), key=lambda item: item[0] // size):
        yield [pair for _, pair in group]


def _longest(faces: pd.DataFrame) -> int:
    frames = np.sort(faces["frame"].unique())
    if len(frames) == 0:
        return 0
    return int(max(len(run) for run in np.split(frames, np.flatnonzero(np.diff(frames) > 1) + 1)))


def independent_faces(clip: Clip, frames: Sequence[Image]) -> tuple[pd.DataFrame, str]:
    """Return where faces are and who says so: the clip's truth, else what `independent_detector` finds."""
    if clip.truth.faces is not None:
        return truth_of(clip.truth.faces), "the scene's truth"
    detector, judge = independent_detector()
    found = detected_faces(frames, detector)
    return found[found["x1"] - found["x0"] >= LEAST_WIDTH].reset_index(drop=True), judge


def independent_detector() -> tuple[FaceDetector, str]:
    """Return YuNet where its weights are at hand, else CenterFace, and its name.

    CenterFace at a low threshold is no independent judge of a mask that it drew; it is there so that a result exists,
    and is named.
    """
    try:
        return YuNet(model_path("yunet")), "YuNet"
    except (OSError, ValueError):
        return CenterFace(0.12), "CenterFace at 0.12"


def named_faces(clip: Clip, frames: Sequence[Image]) -> pd.DataFrame:
    """Return faces and whose they are: the clip's truth, else each face that an independent detector can follow."""
    if clip.truth.faces is not None:
        return truth_of(clip.truth.faces)
    return follow_faces(frames, independent_detector()[0])


def plate_of(clip: Clip, frames: Sequence[Image]) -> Image:
    """Return the empty scene: the clip's truth where it has one, else what registration makes of the frames."""
    return clip.truth.background if clip.truth.background is not None else register_plate(frames)
