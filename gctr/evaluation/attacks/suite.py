"""The attacks of the notebook, each run on every mode: footage made ready, tables and pictures out."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.datasets import Clip
from gctr.evaluation.attacks.boundaries import find_boundaries, score_boundaries
from gctr.evaluation.attacks.known_background import (
    Recovered,
    exact_p_value,
    known_starts,
    recover,
    score_recovery,
)
from gctr.evaluation.attacks.outlines import outline_score
from gctr.evaluation.attacks.reuse import most_common_size
from gctr.evaluation.attacks.schemes import CONTROLS, MODES, encrypt, layout_seed
from gctr.evaluation.attacks.views import Frame, Octets, Region, follow_regions, spread
from gctr.vision.background import register_plate

WARM_UP = 8  # frames in which the background model settles


class Footage(NamedTuple):
    """`images`, (T, H, W, 3) uint8; the registered `plate`; frames with objects, `found`; those `chosen` for attack."""

    images: Octets
    plate: Octets
    found: list[Frame]
    chosen: list[Frame]


def prepare(clip: Clip, count: int) -> Footage:
    """Read a clip, register its plate, find what moves and choose `count` frames to attack.

    Raises
    ------
    ValueError
        If nothing moves in the clip: there is nothing to attack.
    """
    images = clip.read()
    plate = register_plate(images)
    found = [f for f in follow_regions(images, plate) if f.number >= WARM_UP and len(f.region.boxes)]
    if not found:
        raise ValueError(f"nothing moves in {clip.name!r}: take a clip with objects, or more frames of it")
    return Footage(images, plate, found, spread(found, count))


def boundary_table(
    sent: dict[str, Octets], plate: Octets, seed: int
) -> tuple[pd.DataFrame, dict[str, NDArray[np.int64]]]:
    """Run attack 2 on one message under each mode, without and with the plate's bytes (`plate`) there.

    Returns
    -------
    table : DataFrame
        `mode`, `attacker`, true `cuts`, those `found`, their `share`, `chance`, `p_value`.
    marks : dict of str to (n,) int64
        What each attacker took for the starts of gctr's buckets, and the truth.
    """
    rows, marks = [], {"truth": known_starts(layout_seed("gctr", seed), plate.size)}
    for mode in MODES:
        for name, known in (("ciphertext alone", None), ("with the plate", plate)):
            starts = find_boundaries(sent[mode], plate=known)
            score = score_boundaries(starts, layout_seed(mode, seed), plate.size)
            rows.append((mode, name, score.cuts, score.found, score.share, score.chance, score.p_value))
            if mode == "gctr":
                marks[name] = starts
    names = ["mode", "attacker", "cuts", "found", "share", "chance", "p_value"]
    return pd.DataFrame(rows, columns=names), marks


class Sight(NamedTuple):
    """Attack 3 on every mode: a `table`, and the pictures of the first frame by attacker."""

    table: pd.DataFrame
    pictures: dict[str, Octets]


def see_through(chosen: Sequence[Frame], plate: Octets, seed: int, sweeps: int) -> Sight:
    """Run attack 3 on gctr, with and without the layout, and on the controls, weighing the evidence and insisting.

    Returns
    -------
    Sight
        The table has the columns of `score_recovery`, `mode`, `attacker`, `evidence` and `p_value`.
    """
    known, scores = attack_frames(chosen, plate, "gctr", seed=seed, sweeps=sweeps)
    unknown, blind = attack_frames(chosen, plate, "gctr", seed=seed, sweeps=sweeps, known=False)
    parts = [scores.assign(attacker="knows the layout"), blind.assign(attacker="does not know it")]
    pictures = {"layout known": known.images[0], "layout not known": unknown.images[0]}
    for mode in CONTROLS:
        for name, insist in (("weighs the evidence", False), ("insists", True)):
            seen, scored = attack_frames(chosen[:1], plate, mode, seed=seed, sweeps=8, insist=insist)
            parts.append(scored.assign(attacker=name))
            pictures[f"{mode}, {name}"] = seen.images[0]
    return _sight(parts, pictures)


def see_without_plate(frame: Frame, plate: Octets, seed: int, sweeps: int) -> Sight:
    """Run attack 6 on one frame under each mode: layout known, background not. `plate` serves the score alone.

    Returns
    -------
    Sight
        The table has the columns of `score_recovery`, `mode`, `p_value` of the exact pixels, and `outlines`,
        `outlines_chance` and `outlines_p` of `outline_score`.
    """
    grey, parts = np.full_like(plate, 128), []
    pictures: dict[str, Octets] = {}
    for mode in MODES:
        sent = encrypt(mode, frame.region.cut(frame.image), seed)
        starts = partial(known_starts, layout_seed(mode, seed))
        seen = recover([sent], [frame.region], grey, starts, use_plate=False, sweeps=sweeps, insist=True)
        score, chance, p_value = outline_score(frame, seen.images[0], plate)
        outlines = {"outlines": score, "outlines_chance": chance, "outlines_p": p_value}
        parts.append(score_recovery([frame], seen.images, plate).assign(mode=mode, **outlines))
        pictures[mode] = seen.images[0]
    return _sight(parts, pictures)


def _sight(parts: Sequence[pd.DataFrame], pictures: dict[str, Octets]) -> Sight:
    table = pd.concat(parts, ignore_index=True)
    p_values = [exact_p_value(*pair) for pair in zip(table["exact"], table["foreground"], strict=True)]
    return Sight(table.assign(p_value=p_values), pictures)


def attack_frames(
    frames: Sequence[Frame],
    plate: Octets,
    mode: str,
    *,
    seed: int = 0,
    sweeps: int = 40,
    known: bool = True,
    insist: bool = False,
) -> tuple[Recovered, pd.DataFrame]:
    """Run attack 3 on raw ROI frames under a mode; `known` tells whether the attacker knows the layout.

    An attacker who knows it reads the controls' layout as well, as if their vectors repeated.
    """
    sent = [encrypt(mode, frame.region.cut(frame.image), seed, k) for k, frame in enumerate(frames)]
    secret = layout_seed(mode, seed)
    seen = recover(
        sent,
        [frame.region for frame in frames],
        plate,
        partial(known_starts, secret) if known else None,
        sweeps=sweeps,
        insist=insist,
    )
    return seen, score_recovery(frames, seen.images, plate).assign(mode=mode, evidence=seen.evidence)


def object_crops(frames: Sequence[Frame]) -> list[tuple[Frame, Region]]:
    """Return every object of every frame as a partial image of its own."""
    return [
        (frame, Region.of(box[None], frame.region.shape)) for frame in frames for box in frame.region.boxes
    ]


def same_size_crops(crops: Sequence[tuple[Frame, Region]], count: int = 8) -> list[tuple[Frame, Region]]:
    """Return up to `count` crops of the most frequent size: they share one keystream."""
    members = most_common_size([region.pixels.size for _, region in crops])
    at = np.linspace(0, len(members) - 1, min(count, len(members))).round().astype(int)
    return [crops[k] for k in members[at]]


def people_in_view(clip: Clip, n_frames: int) -> NDArray[np.float64] | None:
    """Return the true number of people in each of the first frames, None where nobody knows it."""
    table = clip.head(n_frames).truth.boxes
    if table is None:
        return None
    return np.bincount(table["frame"], minlength=n_frames)[:n_frames].astype(float)


def boxes_in_view(clip: Clip, found: Sequence[Frame], n_frames: int) -> list[NDArray[np.float64]]:
    """Return the true boxes of people in each of the first frames, those found where there is no truth."""
    table = clip.head(n_frames).truth.boxes
    if table is None:
        seen = {frame.number: frame.region.boxes.astype(float) for frame in found}
        return [seen.get(k, np.empty((0, 4))) for k in range(n_frames)]
    corners = table[["x0", "y0", "x1", "y1"]].to_numpy()
    return [corners[table["frame"] == k] for k in range(n_frames)]


def attack_clips(clips: Sequence[Clip], count: int, seed: int, sweeps: int) -> list[pd.DataFrame]:
    """Run attack 3, layout known, on frames of more clips; see `score_recovery` for the columns."""
    tables = []
    for clip in clips:
        footage = prepare(clip, count)
        table = attack_frames(footage.chosen, footage.plate, "gctr", seed=seed, sweeps=sweeps)[1]
        tables.append(table.assign(clip=clip.name))
    return tables
