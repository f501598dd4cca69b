"""Masked faces as the cloud holds them: cut out of a scene's coded and decoded video, not out of photographs.

Somebody who walks through a scene is seen at many sizes, turned, half in shadow, through the camera's own masks (which
faces and heads the camera found, not the truth) and through lossy video. The attacker knows the place of every mask,
has seen everybody in the first half of his walk, by name, and names him in the second: *naive* with clear pictures,
*parrot* with pictures that the camera itself masked and coded (`gctr.evaluation.leakage`). Between both halves a
second is left out, so that no two pictures are neighbours.

What a solid mask covers never reaches the coder (the tests change it and get the same bytes); what is named behind one
is what surrounds it, spilt into the mask by the coder or standing in the corners of a face's box.

Limits: the same day, clothes and light, often the same photograph: that favours the attacker, by far. Only faces that
the truth (or a detector, on clear footage) knows are attacked.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.evaluation.leakage import attack, summary
from gctr.evaluation.matchers import Matcher, as_vectors
from gctr.parties.observer import CameraSettings, Observation
from gctr.vision.coding import decode_segment, encode_segment
from gctr.vision.masking import paint
from gctr.vision.painters import MaskStyle

Image = NDArray[np.uint8]
LEAST = 16  # px of height below which a face is not attacked
_SEGMENT = CameraSettings().segment_frames


class Cuts(NamedTuple):
    """Faces cut out of a scene under one mask, (h, w, 3) uint8 BGR: before coding, and as the cloud decodes them."""

    sent: list[Image]
    held: list[Image]


def sightings(faces: pd.DataFrame, fps: float) -> pd.DataFrame:
    """Split what is seen of each face into the attacker's gallery and his probes.

    Parameters
    ----------
    faces : DataFrame
        Columns frame, track_id, x0, y0, x1, y1, and identity where it is known: `gctr.evaluation.exposure.named_faces`.
    fps : float
        Frames a second; those within half a second of the middle of somebody's sightings are left out, or an eighth of
        them where he is seen for less than four seconds.

    Returns
    -------
    DataFrame
        Columns frame (ascending), x0, y0, x1, y1, who, gallery (bool); of people with two pictures on each side.
    """
    tall = faces[faces["y1"] - faces["y0"] >= LEAST].sort_values("frame")
    who = tall["identity"].fillna(tall["track_id"]) if "identity" in tall else tall["track_id"]
    rows = tall[["frame", "x0", "y0", "x1", "y1"]].assign(who=who.astype(str))
    frames = rows.groupby("who")["frame"]
    middle, span = frames.transform("median"), frames.transform("max") - frames.transform("min")
    far = (rows["frame"] - middle).abs() >= np.minimum(fps / 2, span / 8)
    rows = rows.assign(gallery=rows["frame"] < middle)[far]
    sides = rows.groupby("who")["gallery"]
    first, both = sides.transform("sum"), sides.transform("size")
    return rows[(first >= 2) & (both - first >= 2)].reset_index(drop=True)


def cut_faces(
    observations: Sequence[Observation],
    plate: Image,
    rows: pd.DataFrame,
    style: MaskStyle | None,
) -> Cuts:
    """Mask a camera's observations in a style, code them, decode them, and cut faces out before and after.

    Parameters
    ----------
    observations : sequence of Observation
        From `gctr.evaluation.exposure.observe`: what was found and what is to be covered.
    plate : (H, W, 3) uint8 array
        BGR; the registered background.
    rows : DataFrame
        From `sightings`.
    style : MaskStyle or None
        None leaves everybody unmasked: the ceiling of every attack.
    """
    cuts = Cuts([], [])
    for first in range(0, len(observations), _SEGMENT):
        sent = [_repaint(seen, plate, style) for seen in observations[first : first + _SEGMENT]]
        coded = encode_segment(plate, sent)
        held = list(decode_segment(coded.key_packet, coded.packets, (plate.shape[1], plate.shape[0])))
        boxes = rows[rows["frame"].between(first, first + _SEGMENT - 1)]
        for pictures, kept in zip((sent, held), cuts, strict=True):
            kept += [_crop(pictures[int(box.frame) - first], box) for box in boxes.itertuples()]
    return cuts


def _repaint(seen: Observation, plate: Image, style: MaskStyle | None) -> Image:
    boxes = [cover.xyxy for cover in seen.covers]
    masked = seen.captured if style is None else paint(seen.captured, boxes, style, plate)
    return np.where(seen.region[..., None], masked, plate)


def _crop(picture: Image, box: Any) -> Image:
    height, width = picture.shape[:2]
    x0, y0, x1, y1 = np.clip(np.rint([box.x0, box.y0, box.x1, box.y1]).astype(int), 0, [width, height] * 2)
    return picture[y0:y1, x0:x1].copy()


def attack_scene(
    cuts: Mapping[str, Cuts], rows: pd.DataFrame, matchers: Mapping[str, Matcher], *, draws: int = 1000
) -> pd.DataFrame:
    """Attack the faces of a scene under each mask, before and after coding.

    Parameters
    ----------
    cuts : mapping of str to Cuts
        From `cut_faces`, by mask; ``clear`` is what the naive attacker knows.
    rows : DataFrame
        From `sightings`.
    matchers : mapping of str to Matcher
    draws : int
        Of the bootstrap over people.

    Returns
    -------
    DataFrame
        `video` (``before coding``, ``as held``), `mask`, `attack`, `matcher` and the numbers of
        `gctr.evaluation.leakage.summary`. Empty where fewer than two people can be attacked.
    """
    if rows["who"].nunique() < 2:
        return pd.DataFrame()
    known = rows["gallery"].to_numpy()
    who, truth = rows["who"].to_numpy()[known], rows["who"].to_numpy()[~known]
    table: list[dict] = []
    for (name, both), (video, part) in product(cuts.items(), (("before coding", 0), ("as held", 1))):
        masked, clear = as_vectors(both[part]), as_vectors(cuts["clear"][part])
        for (mode, gallery), (label, matcher) in product(
            (("naive", clear[known]), ("parrot", masked[known])), matchers.items()
        ):
            row = {"video": video, "mask": name, "attack": mode, "matcher": label}
            table.append(row | summary(attack(matcher, gallery, who, masked[~known], truth), draws))
    return pd.DataFrame(table)


def best_of(table: pd.DataFrame, by: Iterable[str]) -> pd.DataFrame:
    """Return for each group of `by` the row whose attack names most people."""
    return table.loc[table.groupby(list(by), sort=False)["rank1"].idxmax()]
