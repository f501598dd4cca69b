"""The attacks side by side: controls over many keys, clips pooled, all tests under one Holm correction, and costs."""

import time
from collections.abc import Callable, Sequence
from functools import partial
from statistics import median
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from gctr.cipher import GctrParams, bucket_ctr_xor, bucket_gcm_seal, ctr_xor, gctr_xor
from gctr.datasets import Clip
from gctr.evaluation.attacks.boundaries import find_boundaries, score_boundaries
from gctr.evaluation.attacks.coincidence import coincide, coincide_between
from gctr.evaluation.attacks.known_background import Recovered, known_starts, recover, score_recovery
from gctr.evaluation.attacks.reuse import most_common_size, two_time_pad
from gctr.evaluation.attacks.views import (
    CONTROLS,
    MODES,
    Frame,
    Octets,
    Region,
    camera_secret,
    encrypt,
    follow_regions,
    layout_seed,
    spread,
)
from gctr.evaluation.randomness import measure_randomness
from gctr.evaluation.statistics import ALPHA, Interval, bootstrap, holm, time_blocks
from gctr.vision.background import register_plate


class Findings:
    """Collects one line a test; `table` corrects them together."""

    def __init__(self) -> None:
        self._rows: list[tuple[str, str, str, float, float, float]] = []

    def add(self, attack: str, mode: str, measure: str, score: float, null: float, p_value: float) -> None:
        """Note a score, what it would be by chance, and the p-value of its test."""
        self._rows.append((attack, mode, measure, score, null, p_value))

    def add_rows(self, attack: str, table: pd.DataFrame, measure: str, score: str, null: str | float) -> None:
        """Note each row of a table with a `p_value`; `measure` and `null` name columns, or stand for themselves."""
        for row in table.to_dict("records"):
            chance = row[null] if isinstance(null, str) else null
            self.add(
                attack,
                row.get("mode", "every mode"),
                str(row.get(measure, measure)),
                row[score],
                chance,
                row["p_value"],
            )

    def table(self) -> pd.DataFrame:
        """Return all findings; `rejected` says where chance is rejected by Holm's procedure at 0.01."""
        table = pd.DataFrame(self._rows, columns=["attack", "mode", "measure", "score", "null", "p_value"])
        return table.assign(rejected=holm(table["p_value"]))


class Footage(NamedTuple):
    """`images`, (T, H, W, 3) uint8; the registered `plate`; frames with objects, `found`; those `chosen` for attack."""

    images: Octets
    plate: Octets
    found: list[Frame]
    chosen: list[Frame]


def prepare(clip: Clip, count: int, warm_up: int = 8) -> Footage:
    """Read a clip, register its plate, find what moves and choose `count` frames to attack.

    Raises
    ------
    ValueError
        If nothing moves in the clip: there is nothing to attack.
    """
    images = clip.read()
    plate = register_plate(images)
    found = [f for f in follow_regions(images, plate) if f.number >= warm_up and len(f.region.boxes)]
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
    table = pd.concat(parts, ignore_index=True)
    p_values = [exact_p_value(*pair) for pair in zip(table["exact"], table["foreground"], strict=True)]
    return Sight(table.assign(p_value=p_values), pictures)


def see_without_plate(frame: Frame, plate: Octets, seed: int, sweeps: int) -> Sight:
    """Run attack 6 on one frame under each mode: layout known, background not. `plate` serves the score alone."""
    grey, parts = np.full_like(plate, 128), []
    pictures: dict[str, Octets] = {}
    for mode in MODES:
        sent = encrypt(mode, frame.region.cut(frame.image), seed)
        starts = partial(known_starts, layout_seed(mode, seed))
        seen = recover([sent], [frame.region], grey, starts, use_plate=False, sweeps=sweeps, insist=True)
        parts.append(score_recovery([frame], seen.images, plate).assign(mode=mode))
        pictures[mode] = seen.images[0]
    table = pd.concat(parts, ignore_index=True)
    p_values = [exact_p_value(*pair) for pair in zip(table["exact"], table["foreground"], strict=True)]
    return Sight(table.assign(p_value=p_values), pictures)


def equal_size_table(first: Octets, second: Octets, seed: int) -> pd.DataFrame:
    """Send two payloads of one size under each mode.

    Returns
    -------
    DataFrame
        `mode`; `read`, the share of the second's bytes read by who knows the first; `equal`, the rate of equal
        ciphertext bytes at equal places, and its `p_value`.
    """
    rows = []
    for mode in MODES:
        one, two = encrypt(mode, first, seed, 0), encrypt(mode, second, seed, 1)
        same = coincide_between(one, two)
        rows.append((mode, float((two_time_pad(one, two, first) == second).mean()), same.rate, same.p_value))
    return pd.DataFrame(rows, columns=["mode", "read", "equal", "p_value"])


def payload_table(payloads: dict[str, Octets], seed: int) -> pd.DataFrame:
    """Run attack 1 on payloads under gctr and ctr: `pairs` compared, `rate`, `over_chance` (1 is chance), `p_value`."""
    rows = []
    for name, data in payloads.items():
        for mode in ("gctr", "ctr"):
            found = coincide(encrypt(mode, data, seed))
            rows.append((name, mode, found.pairs, found.rate, found.rate * 256, found.p_value))
    return pd.DataFrame(rows, columns=["payload", "mode", "pairs", "rate", "over_chance", "p_value"])


def randomness_panel(raw: Octets, coded: Octets, seed: int) -> pd.DataFrame:
    """Run the panel of `gctr.evaluation.randomness` on the broken mode and on ctr; column `mode` tells which."""
    key, secret = camera_secret(seed)
    one_block = GctrParams(buckets=GctrParams().group_size)
    cases: dict[str, Callable[[bytes], Octets]] = {
        "gctr": lambda k: gctr_xor(k, secret, raw),
        "gctr, one block a bucket": lambda k: gctr_xor(k, secret, raw, params=one_block),
        "gctr on H.264": lambda k: gctr_xor(k, secret, coded),
        "ctr": lambda k: ctr_xor(k, secret, raw),
    }
    return pd.concat([measure_randomness(run, key).assign(mode=mode) for mode, run in cases.items()])


def count_rejections(payload: Octets, seeds: int = 200, alpha: float = ALPHA) -> pd.DataFrame:
    """Run attack 1 on one payload under many keys: how often is chance rejected?

    Returns
    -------
    DataFrame
        `mode`, `seeds`, `rejected` at level `alpha`, `expected` of them by chance, the `p_value` of as many under
        chance, and the `largest_p` of all seeds. ``weak`` is a planted generator that must be caught.
    """
    rows = []
    for mode in (*MODES, "weak"):
        p_values = [coincide(encrypt(mode, payload, seed)).p_value for seed in range(seeds)]
        rejected = sum(p < alpha for p in p_values)
        chance = float(binom.sf(rejected - 1, seeds, alpha))
        rows.append((mode, seeds, rejected, seeds * alpha, chance, max(p_values)))
    return pd.DataFrame(rows, columns=["mode", "seeds", "rejected", "expected", "p_value", "largest_p"])


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
    """  # fmt: skip
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


def summarise(values: pd.Series, clips: pd.Series) -> Interval:
    """Return a mean with its 99 % interval: by clip where there are several, else by stretches of time."""
    several = clips.nunique() > 1
    return bootstrap(values, clips if several else time_blocks(len(values), len(values)))


def object_crops(frames: Sequence[Frame]) -> list[tuple[Frame, Region]]:
    """Return every object of every frame as a partial image of its own."""
    return [
        (frame, Region.of(box[None], frame.region.shape)) for frame in frames for box in frame.region.boxes
    ]


def same_size_crops(crops: Sequence[tuple[Frame, Region]], count: int = 12) -> list[tuple[Frame, Region]]:
    """Return up to `count` crops of the most frequent size: they share one keystream."""
    members = most_common_size([region.pixels.size for _, region in crops])
    at = np.linspace(0, len(members) - 1, min(count, len(members))).round().astype(int)
    return [crops[k] for k in members[at]]


def price_modes(sizes: Sequence[int] = (10_000, 1_000_000), repeats: int = 15) -> pd.DataFrame:
    """Return what each mode costs in bytes and in time, timed in turn on the same data.

    Returns
    -------
    DataFrame
        `bytes` of plaintext, `mode`, `added_bytes`, `added` (share), `microseconds` (median) and `time_over_ctr`, the
        median of the ratios within each round.
    """
    rows = []
    for size in sizes:
        data = np.random.default_rng(0).integers(0, 256, size, np.uint8)
        rounds = [[_microseconds(mode, data) for mode in MODES] for _ in range(repeats + 1)][1:]
        base = MODES.index("ctr")
        for k, mode in enumerate(MODES):
            added = len(_seal(mode, data)) - size
            spent, ratio = median(r[k] for r in rounds), median(r[k] / r[base] for r in rounds)
            rows.append((size, mode, added, added / size, spent, ratio))
    names = ["bytes", "mode", "added_bytes", "added", "microseconds", "time_over_ctr"]
    return pd.DataFrame(rows, columns=names)


def _microseconds(mode: str, data: Octets) -> float:
    began = time.perf_counter()
    _seal(mode, data)
    return (time.perf_counter() - began) * 1e6


def _seal(mode: str, data: Octets) -> Octets | bytes:
    key, nonce, seed = bytes(range(32)), bytes(8), bytes(range(16))
    if mode == "gctr":
        return gctr_xor(key, seed, data)
    if mode == "ctr":
        return ctr_xor(key, seed, data)
    return (bucket_ctr_xor if mode == "bucket_ctr" else bucket_gcm_seal)(key, nonce, seed, data)


def exact_p_value(share: float, pixels: float) -> float:
    """Return the p-value of so large a share of exact pixels, when each is guessed right with probability 2**-24."""
    return float(binom.sf(round(share * pixels) - 1, int(pixels), 256.0**-3))


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
