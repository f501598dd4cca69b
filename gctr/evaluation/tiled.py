"""Objects stored as video, literally: a small film for each track, or one atlas of them for all.

The paper stores targets as video and maps them to the background. So the boxes of each track become a film
(`gctr.evaluation.tiled_sheets`), which is pasted onto the plate when it is decoded. As *tiles* each track has an
encoder of its own, which starts with a key frame; as an *atlas* all tiles lie on one picture and one encoder codes
them. Inside a box but outside the object's mask stands the decoded plate, or, in the form *raw*, what was captured.

What was tried with live H.264 and is no setting here: grey around the objects with a mask beside it cost more than the
plate on PETS2009 S2.L1, clean and with noise, and on CDnet's highway, and less on the synthetic scene, clean, where
*raw* cost less, too. On the first frames of PETS2009 S2.L1, clean, each of these cost more: the plate around the box on
its canvas instead of what was drawn there last; boxes in cells of 16 px, or fitted to 2 px; canvases with the box in
the middle. Canvases with room to spare changed little. x264's note of its settings is left out: each film would repeat
it.

Rows are those of `gctr.evaluation.bandwidth`. Where boxes are, and whose, is metadata, since the picture needs it. A
segment is as long as the baseline's key distance.

Limits: live H.264 only; see `gctr.evaluation.tiled_sheets`.
"""

import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec
import numpy as np
import pandas as pd

from gctr.evaluation.bandwidth import point, wire_bytes
from gctr.evaluation.material import SAME, Material
from gctr.evaluation.tiled_sheets import Sheet, draw, follow, lay_sheets, paste
from gctr.parties.messages import Sighting, pack_sightings
from gctr.vision.encoders import FULL, I420, ROI, decode, encode
from gctr.vision.roivideo import RoiPicture, fill_plate, inverse, relight
from gctr.vision.tracks import Track

FORMS = ("tiles", "tiles, raw", "atlas")
FORM = "live H.264"
# H.264, 7.3.1: a NAL unit of type 6 (SEI), up to the next one; no start code can stand inside.
SETTINGS = re.compile(rb"\x00{2,3}\x01\x06.*?(?=\x00{2,3}\x01)", re.DOTALL)
Row = TypeVar("Row")


def encode_sheet(sheet: Sheet, pictures: Sequence[I420], quality: int) -> list[bytes]:
    """Code the sheet's film by an encoder of its own; `quality` is a QP. One packet a picture."""
    packets = encode(draw(sheet, pictures), FULL[FORM], quality)
    return [SETTINGS.sub(b"", packets[0]), *packets[1:]]


def code_segment(
    tracks: Sequence[Sequence[Track]], pictures: Sequence[I420], quality: int, *, atlas: bool
) -> list[list[bytes]]:
    """Code the objects of one segment.

    Parameters
    ----------
    tracks : sequence of sequence of Track
        The objects of each frame.
    pictures : sequence of (3 H / 2, W) uint8
        Of which the boxes are sent.
    quality : int
        QP.
    atlas : bool
        One film for all, instead of one a track.

    Returns
    -------
    list of list of bytes
        Of each frame: the packets of the films that have a picture of it, in the order of tracks.
    """
    packets: list[list[bytes]] = [[] for _ in tracks]
    for sheet in lay_sheets(tracks, atlas=atlas):
        for row, packet in zip(_rows(sheet, packets), encode_sheet(sheet, pictures, quality), strict=True):
            row.append(packet)
    return packets


def compose(
    tracks: Sequence[Sequence[Track]], packets: Sequence[Sequence[bytes]], plate: I420, *, atlas: bool
) -> list[I420]:
    """Show what `code_segment` coded on the `plate`, (3 H / 2, W) uint8; all it needs beside is where objects were."""
    composed, rest = [plate.copy() for _ in tracks], [iter(row) for row in packets]
    for sheet in lay_sheets(tracks, atlas=atlas):
        paste(sheet, decode([next(row) for row in _rows(sheet, rest)], FULL[FORM].codec), composed)
    return composed


def _rows(sheet: Sheet, rows: Sequence[Row]) -> list[Row]:
    return [rows[frame] for frame in sorted({place.frame for place in sheet.places})]


def measure_tracks(material: Material, form: str, quality: int) -> dict[str, object]:
    """Code the tracks of `material` as `form`, one of `FORMS`; return one row."""
    atlas, gop = form == "atlas", FULL[FORM].gop
    key = encode([material.plate], ROI[FORM], quality)[0]
    plate = decode([key], FULL[FORM].codec)[0]
    tracks = list(follow((r.mask for r in material.roi), material.resolution_wh))
    packets, shown, listed = [], [], 0
    for start in range(0, len(tracks), gop):
        seen, part = tracks[start : start + gop], material.roi[start : start + gop]
        coded = code_segment(seen, _sent(part, plate, form), quality, atlas=atlas)
        packets += [msgspec.msgpack.encode(row) if row else b"" for row in coded]
        listed += len(_positions(seen))
        shown += [
            relight(picture, inverse(r.exposure))
            for picture, r in zip(compose(seen, coded, plate, atlas=atlas), part, strict=True)
        ]
    wire = wire_bytes(material, packets, gop)
    wire["metadata"] += listed + 8 * sum(r.exposure != SAME for r in material.roi)
    return point(
        material, "tracks", form, quality, sum(map(len, packets)), shown, background=len(key), **wire
    )


def _sent(part: Sequence[RoiPicture], plate: I420, form: str) -> list[I420]:
    return [r.picture if form.endswith("raw") else fill_plate(r.picture, plate, r.mask) for r in part]


def _positions(tracks: Sequence[Sequence[Track]]) -> bytes:
    return pack_sightings([Sighting(k, t.track_id, t.xyxy) for k, row in enumerate(tracks) for t in row])


def sweep_tracks(material: Material, qualities: Sequence[int], *, threads: int = 2) -> pd.DataFrame:
    """Measure all `FORMS` at all qualities, `threads` at a time; one row each."""
    jobs = [(form, quality) for form in FORMS for quality in qualities]
    with ThreadPoolExecutor(threads) as pool:
        return pd.DataFrame(pool.map(lambda job: measure_tracks(material, *job), jobs))


def tiling_times(
    material: Material, quality: int, *, frames: int = FULL[FORM].gop, rounds: int = 3
) -> pd.DataFrame:
    """Time the coding of whole frames, of tiles and of the atlas, in turn.

    Parameters
    ----------
    material : Material
        Its first `frames` pictures are coded, as one segment.
    quality : int
        QP of all.
    frames, rounds : int
        Each form is coded `rounds` times.

    Returns
    -------
    DataFrame
        form, ms and full_ms (processor time a frame, median of the rounds; following and filling in included) and
        times (their ratio).
    """
    part, taken = material.roi[:frames], []
    for _ in range(rounds):
        clock = [time.process_time()]
        encode(material.source[:frames], FULL[FORM], quality)
        clock.append(time.process_time())
        for form in FORMS:
            tracks = list(follow((r.mask for r in part), material.resolution_wh))
            code_segment(tracks, _sent(part, material.plate, form), quality, atlas=form == "atlas")
            clock.append(time.process_time())
        taken.append(np.diff(clock) * 1e3 / len(part))
    full, *forms = np.array(taken).T
    rows = [
        (name, np.median(ms), np.median(full), np.median(ms / full))
        for name, ms in zip(FORMS, forms, strict=True)
    ]
    return pd.DataFrame(rows, columns=["form", "ms", "full_ms", "times"])
