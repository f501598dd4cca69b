"""Under which conditions sending objects pays: distance of key frames, noise and quantiser, occupancy, the moment.

Limit: what is compared here is live H.264 unless said otherwise; other encoders look ahead, and their packets are not
a frame's.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from gctr.datasets import Clip
from gctr.evaluation.bandwidth import measure_full, measure_roi, ratios, sweep
from gctr.evaluation.material import Material, prepare
from gctr.vision.encoders import FULL, ROI, encode
from gctr.vision.roivideo import encode_shared


def compare_gops(
    material: Material,
    gops: Sequence[int],
    qualities: Sequence[int],
    *,
    at: float = 36.0,
    form: str = "live H.264",
) -> pd.DataFrame:
    """Code both forms with key frames, and segments, every so many frames; return `ratios` with a column `gop`."""
    jobs = list(product(gops, qualities))
    with ThreadPoolExecutor(2) as pool:
        full = pool.map(lambda job: measure_full(material, form, job[1], gop=job[0]), jobs)
        sent = pool.map(lambda job: measure_roi(material, form, job[1], segment=job[0]), jobs)
        table = pd.DataFrame([*full, *sent])
    groups = table.assign(gop=[gop for gop, _ in jobs] * 2).groupby("gop")
    return pd.concat([ratios(part, at=at).assign(gop=gop) for gop, part in groups], ignore_index=True)


def measure_occupancy(material: Material, quality: int, *, form: str = "live H.264") -> pd.DataFrame:
    """Code with a live form, in which each packet is a frame's; return `occupancy` (share of the frame that
    is sent), `roi` and `full` (bytes of video) of every frame; the full frame's key frames are spread over
    their GOP.
    """
    pictures, masks = [r.picture for r in material.roi], [r.mask for r in material.roi]
    preset = FULL[form]
    video = encode_shared(material.plate, pictures, masks, ROI[form], quality, segment=preset.gop)
    full = np.array([len(packet) for packet in encode(material.source, preset, quality)], float)
    keys = np.arange(len(full)) % preset.gop == 0
    extra = (full[keys] - np.median(full[~keys])).sum() / len(full)
    full[keys] = np.median(full[~keys])
    sizes = [len(packet) for part in video.segments for packet in part]
    return pd.DataFrame({"occupancy": [m.mean() for m in masks], "roi": sizes, "full": full + extra})


def noise_surface(clip: Clip, noises: Sequence[float], quantisers: Sequence[int]) -> pd.DataFrame:
    """Code `clip` live at each noise (sigma in grey levels) and quantiser; return noise, qp, and the ratio of
    video bytes, ROI over full frame.
    """
    rows = []
    for noise in noises:
        material = prepare(clip, noise=noise)
        for qp in quantisers:
            sizes = measure_occupancy(material, qp)[["roi", "full"]].sum()
            rows.append((noise, qp, sizes["roi"] / sizes["full"]))
    return pd.DataFrame(rows, columns=["noise", "qp", "ratio"])


def ratios_over_time(
    material: Material,
    qualities: Sequence[int],
    *,
    at: float = 36.0,
    length: int = 50,
    form: str = "live H.264",
) -> pd.DataFrame:
    """Compare the forms in every stretch of a clip by itself: how much the ratio depends on what happens to be there.

    Returns
    -------
    DataFrame
        `ratios` with a column `start`, the stretch's first frame. The plate, which is paid for once, is not counted;
        stretches without an object, or of less than half the length, are left out; one that does not reach `at` has
        nan. Without rows where no stretch is left.
    """
    found = []
    for start in range(0, len(material.source) - length // 2, length):
        at_once = slice(start, start + length)
        source, roi, objects = material.source[at_once], material.roi[at_once], material.objects[at_once]
        if not any(mask.any() for mask in objects):
            continue
        stretch = replace(material, source=source, roi=roi, objects=objects)
        table = sweep(stretch, {(kind, form): qualities for kind in ("full", "ROI")}, progress=False)
        table["bytes_per_frame"] -= table["background_per_frame"]
        found.append(ratios(table, at=at).assign(start=start))
    none = pd.DataFrame(columns=["noise", "start", "sent", "full", "ratio"], dtype=float)
    return pd.concat(found, ignore_index=True) if found else none
