"""Bytes at equal quality: the ROI form and the paper's literal stills against full-frame MJPEG, H.264, H.265,
AV1.

`prepare` turns a clip into `Material`: pictures as the encoder gets them (with sensor noise where asked), the
plate, what the camera would send, and which pixels of the truth judge the result. `measure_*` give one row of
a rate-distortion table each, with every byte accounted for; `sweep` gives the whole table; `ratios` compares
the rates at equal object quality.

The trap that decides such comparisons: encoders' defaults starve moving objects, and masked video at an equal
CRF is coded at another QP. So baselines have their best settings (`gctr.vision.encoders.FULL`) and only equal
quality is compared.

Limits: noise is white and Gaussian, which a sensor's is not after its own processing; the ROI pays for
sealing, the full-frame forms travel without any.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm.auto import tqdm

from gctr.evaluation.bdrate import bd_rate, rate_at
from gctr.evaluation.material import Material
from gctr.evaluation.quality import frame_quality
from gctr.parties.envelope import seal
from gctr.parties.keyfile import new_key
from gctr.parties.messages import Header, ObjectVideo, Sighting, pack_sightings
from gctr.parties.messages import encode as encode_message
from gctr.vision.encoders import FULL, I420, ROI, decode, encode, to_bgr, to_i420
from gctr.vision.roi import find_boxes
from gctr.vision.roivideo import decode_shared, encode_shared, inverse, relight

STILLS = {
    "JPEG": cv2.IMWRITE_JPEG_QUALITY,
    "WebP": cv2.IMWRITE_WEBP_QUALITY,
    "AVIF": cv2.IMWRITE_AVIF_QUALITY,
}


def measure_full(material: Material, form: str, quality: int, *, gop: int | None = None) -> dict[str, object]:
    """Code whole frames with the baseline `form` of `gctr.vision.encoders.FULL`, or "MJPEG"; one row of the
    table.

    The distance of key frames is the form's own unless said otherwise.
    """
    if form == "MJPEG":
        packets = [_still(to_bgr(picture), "JPEG", quality) for picture in material.source]
        shown = [to_i420(_open_still(data)) for data in packets]
        wire = wire_bytes(material, packets, 50)
        return point(material, "full", form, quality, sum(map(len, packets)), shown, **wire)
    preset = replace(FULL[form], gop=gop or FULL[form].gop)
    packets = encode(material.source, preset, quality)
    shown = decode(packets, preset.codec)
    wire = wire_bytes(material, packets, preset.gop)
    return point(material, "full", form, quality, sum(map(len, packets)), shown, **wire)


def measure_roi(
    material: Material, form: str, quality: int, *, segment: int | None = None
) -> dict[str, object]:
    """Code objects on the shared plate with `form` of `gctr.vision.encoders.ROI`; one row, its ledger
    complete.

    A segment is as long as the baseline's key distance unless said otherwise.
    """
    preset, length = ROI[form], segment or FULL[form].gop
    pictures, masks = [r.picture for r in material.roi], [r.mask for r in material.roi]
    video = encode_shared(material.plate, pictures, masks, preset, quality, segment=length)
    shown = decode_shared(video, preset.codec)
    shown = [relight(p, inverse(r.exposure)) for p, r in zip(shown, material.roi, strict=True)]
    found = [find_boxes(r.mask) for r in material.roi]
    wire = wire_bytes(material, [packet for part in video.segments for packet in part], length, found)
    return point(
        material,
        "ROI",
        form,
        quality,
        video.video_bytes,
        shown,
        background=len(video.key),
        **wire,
    )


def measure_stills(material: Material, form: str, quality: int, *, block: int = 8) -> dict[str, object]:
    """Code objects as the paper says it: each box of each frame a still, JPEG, WebP or AVIF; one row."""
    plate, kept, coded, found = to_bgr(material.plate), [], [], []
    for roi in material.roi:
        frame, composed = to_bgr(roi.picture), plate.copy()
        found.append(find_boxes(roi.mask, block=block))
        coded.append([_still(frame[y0:y1, x0:x1], form, quality) for x0, y0, x1, y1 in found[-1]])
        for (x0, y0, x1, y1), data in zip(found[-1], coded[-1], strict=True):
            composed[y0:y1, x0:x1] = _open_still(data)
        kept.append(relight(to_i420(composed), inverse(roi.exposure)))
    packets = [b"".join(stills) for stills in coded]
    background = len(_still(plate, form, max(quality, 75)))
    wire = wire_bytes(material, packets, 50, found)
    size = sum(map(len, packets))
    return point(material, "stills", form, quality, size, kept, background=background, **wire)


def _still(image: NDArray[np.uint8], form: str, quality: int) -> bytes:
    ok, data = cv2.imencode(
        {"JPEG": ".jpg", "WebP": ".webp", "AVIF": ".avif"}[form], image, [STILLS[form], quality]
    )
    if not ok:
        raise ValueError(f"this build of OpenCV writes no {form}")
    return data.tobytes()


def _open_still(data: bytes) -> NDArray[np.uint8]:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR), dtype=np.uint8)


def wire_bytes(
    material: Material, packets: Sequence[bytes], segment: int, found: Sequence[NDArray[np.int32]] = ()
) -> dict[str, int]:
    """Return the bytes of metadata (times, exposure), index (boxes of objects) and sealing (header, tags).

    Messages are built and sealed (bucket_gcm) `segment` packets at a time, so that the count is that of the
    wire; the full frame is sealed like the ROI.
    """
    key, metadata, index, sealing = new_key("store"), 0, 0, 0
    for start in range(0, len(packets), segment):
        part = list(packets[start : start + segment])
        boxes = found[start : start + segment]
        seen = [
            Sighting(k, i, tuple(box.tolist())) for k, row in enumerate(boxes) for i, box in enumerate(row)
        ]
        times = [(start + k) / material.fps for k in range(len(part))]
        body, bare = (
            encode_message(ObjectVideo(part, times, listed, [])) for listed in (pack_sightings(seen), b"")
        )
        size = material.resolution_wh
        header = Header("segment", "cam-1", 0, 0, start, len(part), 1, size, "bucket_gcm", bytes(16), 1)
        metadata += len(bare) - sum(map(len, part))
        index += len(body) - len(bare)
        sealing += len(seal(key, header, body)) - len(body)
    relit = sum(r.exposure != (1.0, 0.0) for r in material.roi) if found else 0
    return {"metadata": metadata + 8 * relit, "index": index, "sealing": sealing}


def point(
    material: Material,
    kind: str,
    form: str,
    quality: int,
    video: int,
    shown: Sequence[I420],
    *,
    background: int = 0,
    metadata: int = 0,
    index: int = 0,
    sealing: int = 0,
) -> dict[str, object]:
    """Return one row of the table: bytes by what they are, and the quality of `shown`."""
    n = len(material.source)
    parts = {
        "video": video,
        "background": background,
        "metadata": metadata,
        "index": index,
        "sealing": sealing,
    }
    return {
        "clip": material.name,
        "noise": material.noise,
        "kind": kind,
        "form": form,
        "quality": quality,
        "frames": n,
        "bytes_per_frame": sum(parts.values()) / n,
        **{f"{name}_per_frame": size / n for name, size in parts.items()},
        **frame_quality(shown, material.source, material.objects),
    }


def ladders(qualities: Mapping[str, Sequence[int]]) -> dict[tuple[str, str], Sequence[int]]:
    """Return the plan of a `sweep` over all forms that code video, full and ROI; `qualities` gives those of each
    encoder, "H.264", "H.265" and "AV1".
    """
    forms = [("full", form) for form in FULL] + [("ROI", form) for form in ROI]
    return {(kind, form): qualities[next(c for c in qualities if c in form)] for kind, form in forms}


MEASURES: dict[str, Callable[[Material, str, int], dict[str, object]]] = {
    "full": measure_full,
    "ROI": measure_roi,
    "stills": measure_stills,
}


def sweep(
    material: Material,
    plan: Mapping[tuple[str, str], Sequence[int]],
    *,
    threads: int = 2,
    progress: bool = True,
) -> pd.DataFrame:
    """Measure every (kind, form) of `plan` at its qualities, `threads` at a time; one row each.

    Examples
    --------
    ``sweep(material, {("full", "live H.264"): (22, 26, 30), ("ROI", "live H.264"): (22, 26, 30)})``
    """
    jobs = [(kind, form, quality) for (kind, form), qualities in plan.items() for quality in qualities]
    with ThreadPoolExecutor(threads) as pool:
        points = pool.map(lambda job: MEASURES[job[0]](material, *job[1:]), jobs)
        return pd.DataFrame(tqdm(points, total=len(jobs), disable=not progress, unit="point"))


def ratios(
    table: pd.DataFrame, *, at: float = 36.0, against: str | None = None, index: bool = True
) -> pd.DataFrame:
    """Compare forms that send objects with full frames at `at` dB inside objects, all bytes counted.

    Parameters
    ----------
    table : DataFrame
        From `sweep`.
    at : float
        Quality in dB.
    against : str, optional
        The full-frame form; default is the form of the same name, MJPEG for stills.
    index : bool
        Count the list of objects. It serves search, which whole frames do not offer; the picture does not need it.

    Returns
    -------
    DataFrame
        noise, kind, form, against, sent and full (bytes a frame), ratio, bd_rate (fraction, negative is a
        saving); nan where a curve does not reach `at`.
    """
    rows = []
    table = (
        table if index else table.assign(bytes_per_frame=table["bytes_per_frame"] - table["index_per_frame"])
    )
    for (noise, kind, form), part in table[table["kind"] != "full"].groupby(
        ["noise", "kind", "form"], sort=False
    ):
        name = against or (str(form) if kind == "ROI" else "MJPEG")
        full = table[(table["kind"] == "full") & (table["form"] == name) & (table["noise"] == noise)]
        if min(len(part), len(full)) < 2:
            continue
        rate, quality = part["bytes_per_frame"].to_numpy(float), part["psnr_object"].to_numpy(float)
        rate_ref, quality_ref = full["bytes_per_frame"].to_numpy(float), full["psnr_object"].to_numpy(float)
        sent, whole = rate_at(rate, quality, at), rate_at(rate_ref, quality_ref, at)
        delta = bd_rate(rate, quality, rate_ref, quality_ref)
        rows.append((noise, kind, form, name, sent, whole, sent / whole, delta))
    return pd.DataFrame(
        rows, columns=["noise", "kind", "form", "against", "sent", "full", "ratio", "bd_rate"]
    )
