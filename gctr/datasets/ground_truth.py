"""Ground truth in the formats that surveillance sets use: MOTChallenge, CVML, VIRAT, ChokePoint, MEVA.

Every reader returns tables as `gctr.datasets.clip.Truth` wants them: frames from 0, boxes xyxy in pixels.
Truth comes from strangers, too: files above `MAX_BYTES`, numbers that are none, frames below 0 or above
`MAX_FRAME` and coordinates beyond `MAX_COORDINATE` are refused, and XML entities are never expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

import numpy as np
import pandas as pd
from defusedxml.ElementTree import iterparse
from numpy.typing import NDArray

from gctr.datasets.clip import FACE_COLUMNS, DatasetError, Truth, box_table

MAX_BYTES = 2**27
MAX_FRAME = 10**8
MAX_COORDINATE = 1e6

_MOT_CLASSES = {
    1: "person",
    2: "person on vehicle",
    3: "car",
    4: "bicycle",
    5: "motorbike",
    6: "non motorized vehicle",
    7: "static person",
    8: "distractor",
    9: "occluder",
    10: "occluder on the ground",
    11: "occluder full",
    12: "reflection",
    13: "crowd",
}
_VIRAT_CLASSES = {1: "person", 2: "car", 3: "vehicle", 4: "object", 5: "bike"}


def read_truth(path: Path) -> Truth:
    """Read a file of boxes or faces; see `parse_truth`. MEVA's `*.types.yml` is looked for beside it."""
    types = path.with_name(path.name.removesuffix(".geom.yml") + ".types.yml")
    has_types = path.name.endswith(".geom.yml") and types.is_file()
    return parse_truth(str(path), _read(path), _read(types) if has_types else b"")


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DatasetError(f"truth {path} is {path.stat().st_size} bytes; {MAX_BYTES} are read at most")
        return path.read_bytes()
    except OSError as error:
        raise DatasetError(f"cannot read truth {path}: {error.strerror}") from error


def parse_truth(name: str, data: bytes, types: bytes = b"") -> Truth:
    """Parse boxes or faces; the format is told by the file's name, in XML by what it holds.

    `*.viratdata.objects.txt` is VIRAT Ground 2.0, other `.txt` MOTChallenge, `*.geom.yml` MEVA (KPF; `types` are
    its labels), `.xml` CVML (CAVIAR, PETS) or ChokePoint.

    Raises
    ------
    DatasetError
        If the data are too large, damaged, hostile, or of another format.
    """
    try:
        return _parse(name, data, types)
    except (ValueError, ArithmeticError, ParseError) as error:
        # What defusedxml raises against an entity is a ValueError.
        raise DatasetError(
            f"truth {name} is damaged, hostile or of another format: {error!s:.200}"
        ) from error


def _parse(name: str, data: bytes, types: bytes) -> Truth:
    if max(len(data), len(types)) > MAX_BYTES:
        raise ValueError(f"{max(len(data), len(types))} bytes; {MAX_BYTES} are read at most")
    if name.endswith(".viratdata.objects.txt"):
        return Truth(boxes=_read_virat(data))
    if name.endswith(".geom.yml"):
        return Truth(boxes=_read_meva(data, types))
    if name.endswith(".txt"):
        return Truth(boxes=_read_mot(data))
    if name.endswith(".xml"):
        faces = _read_chokepoint(data)
        return Truth(faces=faces) if len(faces) else Truth(boxes=_read_cvml(data))
    raise ValueError("known are .txt (MOT, VIRAT), .xml (CVML, ChokePoint) and .geom.yml (MEVA)")


def _read_mot(data: bytes) -> pd.DataFrame:
    """Read MOTChallenge's `gt.txt`: frame, id, left, top, width, height, flag, and class from MOT16 on.

    Frames and pixels count from 1 there. Rows whose flag is 0 are kept although the benchmark ignores them: in
    MOT15 they are people as well (beyond the evaluated ground), from MOT16 on their class is their label.

    References
    ----------
    Leal-Taixé et al., MOTChallenge 2015, arXiv:1504.01942; Milan et al., MOT16, arXiv:1603.00831.
    """
    rows = _numbers(data, ",", at_least=6)
    # MOT15 has ten columns, world coordinates last; from MOT16 on there are nine, with a class.
    with_class = rows.shape[1] == 9
    labels = (
        [_MOT_CLASSES.get(int(c), str(int(c))) for c in rows[:, 7]] if with_class else ["person"] * len(rows)
    )
    return _table(rows[:, 0] - 1, rows[:, 1], _corners(rows[:, 2:6]) - 1, labels)


def _read_virat(data: bytes) -> pd.DataFrame:
    """Read VIRAT Ground 2.0's `*.viratdata.objects.txt`: id, duration, frame, left, top, width, height, type.

    References
    ----------
    Oh et al., A large-scale benchmark dataset for event recognition in surveillance video, CVPR 2011.
    """
    rows = _numbers(data, None, at_least=8)
    labels = [_VIRAT_CLASSES.get(int(kind), str(int(kind))) for kind in rows[:, 7]]
    return _table(rows[:, 2], rows[:, 0], _corners(rows[:, 3:7]), labels)


def _read_meva(data: bytes, types: bytes) -> pd.DataFrame:
    """Read MEVA's boxes, `*.geom.yml` (KPF, one record a line), with labels of `*.types.yml` beside it.

    References
    ----------
    Corona et al., MEVA: A large-scale multiview, multimodal video dataset for activity detection, WACV 2021.
    """
    records = list(_kpf_boxes(data))
    rows = np.array(records, dtype=float).reshape(-1, 6)
    known = _kpf_types(types)
    labels = [known.get(int(track), "object") for track in rows[:, 1]]
    return _table(rows[:, 0], rows[:, 1], rows[:, 2:6], labels)


def _read_cvml(data: bytes) -> pd.DataFrame:
    """Read CVML: `<frame number><objectlist><object id><box xc yc w h>`, as CAVIAR and PETS use it.

    Frames count from 0; boxes are given by their centre. Groups of objects are left out.

    References
    ----------
    List & Fisher, CVML: An XML-based computer vision markup language, ICPR 2004.
    """
    records = []
    for frame in _elements(data, "frame"):
        for item in frame.iterfind("./objectlist/object"):
            box = item.find("box")
            if box is not None:
                values = [float(box.get(key, "nan")) for key in ("xc", "yc", "w", "h")]
                records.append([_number(frame, "number"), _number(item, "id"), *values])
    rows = np.array(records, dtype=float).reshape(-1, 6)
    centres, half = rows[:, 2:4], rows[:, 4:6] / 2
    corners = np.hstack([centres - half, centres + half])
    return _table(rows[:, 0], rows[:, 1], corners, ["person"] * len(rows))


def _read_chokepoint(data: bytes) -> pd.DataFrame:
    """Read ChokePoint's `<frame number><person id><leftEye x y/><rightEye x y/>` as face boxes.

    The set gives eyes, no boxes: with d between the eyes, a face reaches d to either side of the point between
    them, 0.9 d above and 1.6 d below it. That is our estimate.

    References
    ----------
    Wong et al., Patch-based probabilistic image quality assessment for face selection, CVPR Workshops 2011.
    """
    records: list[tuple[object, ...]] = []
    for frame in _elements(data, "frame"):
        for person in frame.iterfind("person"):
            eyes = [person.find(side) for side in ("leftEye", "rightEye")]
            if eyes[0] is not None and eyes[1] is not None:
                points = np.array(
                    [[float(e.get("x", "nan")), float(e.get("y", "nan"))] for e in eyes if e is not None]
                )
                identity = person.get("id", "")
                records.append(
                    (_number(frame, "number"), _number(person, "id"), *_face_box(points), identity)
                )
    _check_ranges(np.array([r[:6] for r in records], dtype=float).reshape(-1, 6))
    return box_table(records, FACE_COLUMNS)


def _face_box(eyes: NDArray[np.float64]) -> tuple[float, float, float, float]:
    x, y = eyes.mean(axis=0)
    apart = float(np.hypot(*(eyes[1] - eyes[0])))
    return x - apart, y - 0.9 * apart, x + apart, y + 1.6 * apart


def _corners(left_top_wh: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.hstack([left_top_wh[:, :2], left_top_wh[:, :2] + left_top_wh[:, 2:]])


def _table(
    frames: NDArray[np.float64],
    tracks: NDArray[np.float64],
    corners: NDArray[np.float64],
    labels: list[str],
) -> pd.DataFrame:
    _check_ranges(np.column_stack([frames, tracks, corners]))
    return box_table(
        [(f, t, *c, label, None) for f, t, c, label in zip(frames, tracks, corners, labels, strict=True)]
    )


def _check_ranges(rows: NDArray[np.float64]) -> None:
    """Check rows of frame, track, x0, y0, x1, y1."""
    good = np.isfinite(rows).all(axis=1) & (rows[:, 0] >= 0) & (rows[:, 0] <= MAX_FRAME)
    good &= (np.abs(rows[:, 1]) < 2**53) & (np.abs(rows[:, 2:]) <= MAX_COORDINATE).all(axis=1)
    good &= (rows[:, 2] <= rows[:, 4]) & (rows[:, 3] <= rows[:, 5])
    if not good.all():
        first = int(np.argmin(good))
        raise ValueError(f"box {first} is impossible: {rows[first].tolist()} (frame, track, xyxy)")


def _numbers(data: bytes, delimiter: str | None, at_least: int) -> NDArray[np.float64]:
    if not data.strip():
        return np.empty((0, at_least))
    rows = np.loadtxt(BytesIO(data), delimiter=delimiter, ndmin=2, comments=None)
    if rows.shape[1] < at_least:
        raise ValueError(f"{rows.shape[1]} columns, at least {at_least} are needed")
    if not np.isfinite(rows).all():
        raise ValueError("it holds numbers that are not finite")
    return rows


def _elements(data: bytes, tag: str) -> Iterator[Element]:
    """Yield the elements `tag` one by one, forgetting each afterwards; entities are refused, not expanded."""
    found = False
    for _, element in iterparse(BytesIO(data), forbid_dtd=False):
        if element.tag == tag:
            found = True
            yield element
            element.clear()
    if not found:
        raise ValueError(f"there is no <{tag}> in it")


def _number(element: Element, key: str) -> int:
    return int(element.get(key, ""))


_KPF_FIELD = r"['\"]?\b{}['\"]?\s*:\s*['\"]?(-?[\d.]+(?:\s+-?[\d.]+){{{}}})"
_KPF_FRAME, _KPF_TRACK = re.compile(_KPF_FIELD.format("ts0", 0)), re.compile(_KPF_FIELD.format("id1", 0))
_KPF_BOX = re.compile(_KPF_FIELD.format("g0", 3))
_KPF_LABEL = re.compile(r"cset3['\"]?\s*:\s*\{\s*['\"]?(\w+)")


def _kpf_boxes(data: bytes) -> Iterator[list[float]]:
    for line in data.decode(errors="replace").splitlines():
        if "geom" in line and "g0" in line:
            found = [field.search(line) for field in (_KPF_FRAME, _KPF_TRACK, _KPF_BOX)]
            if any(match is None for match in found):
                raise ValueError(f"no ts0, id1 or g0 in {line.strip()[:80]!r}")
            yield [float(value) for match in found if match for value in match[1].split()]


def _kpf_types(types: bytes) -> dict[int, str]:
    lines = types.decode(errors="replace").splitlines()
    matches = ((_KPF_TRACK.search(line), _KPF_LABEL.search(line)) for line in lines)
    return {int(track[1]): label[1] for track, label in matches if track and label}
