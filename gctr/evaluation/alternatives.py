"""Other ways to send objects as video: what stands outside them, and hints instead of masks.

`measure_fill` codes masked frames without the shared key: outside the objects stands the plate, mid-grey, or what
was coded last (so that nothing changes there). Grey and last-coded pictures must be composed with the mask, in
cells of 8 px, whose bytes are counted as metadata. `measure_hints` removes nothing but asks the encoder for a
coarser quantiser outside. Rows are those of `gctr.evaluation.bandwidth`.

Limits: live H.264 only; the plate of the composition is the shared key's, its bytes are counted.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from gctr.evaluation.bandwidth import point, wire_bytes
from gctr.evaluation.material import Material
from gctr.vision.encoders import FULL, I420, ROI, decode, encode
from gctr.vision.hints import hint
from gctr.vision.roi import cells_to_mask, count_cells, find_boxes
from gctr.vision.roivideo import fill_plate
from gctr.vision.running import CELL

FILLS = ("plate", "grey", "last coded")
OUTSIDE = (0.1, 0.3)  # shares of the quantiser's range
FORM = "live H.264"


def measure_fill(material: Material, fill: str, quality: int) -> dict[str, object]:
    """Code masked frames with key frames of their own; `fill` is one of `FILLS`. Returns one row."""
    preset = FULL[FORM]
    key = encode([material.plate], ROI[FORM], quality)[0]
    plate = decode([key], preset.codec)[0]
    masks = [r.mask if fill == "plate" else _coarse(r.mask) for r in material.roi]
    packets = encode(_filled(material, masks, fill, plate), preset, quality)
    shown, wire = decode(packets, preset.codec), wire_bytes(material, packets, preset.gop)
    if fill != "plate":
        shown = [fill_plate(picture, plate, mask) for picture, mask in zip(shown, masks, strict=True)]
        wire["metadata"] += _mask_bytes(masks, preset.gop)
    size = sum(map(len, packets))
    return point(material, "fill", fill, quality, size, shown, background=len(key), **wire)


def _filled(material: Material, masks: Sequence[NDArray[np.bool_]], fill: str, plate: I420) -> Iterator[I420]:
    outside = {"plate": plate, "grey": np.full_like(plate, 128), "last coded": plate}[fill]
    for roi, mask in zip(material.roi, masks, strict=True):
        filled = fill_plate(roi.picture, outside, mask)
        outside = filled if fill == "last coded" else outside
        yield filled


def _coarse(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A mask that must travel is cut into cells: to the pixel it would cost as much as the objects."""
    height, width = mask.shape
    return cells_to_mask(count_cells(mask, CELL) > 0, CELL, (height, width))


def _mask_bytes(masks: Sequence[NDArray[np.bool_]], segment: int) -> int:
    """Return the bytes of masks in cells, each as change against the frame before, deflated by segment."""
    bits = np.packbits(np.stack([mask[::CELL, ::CELL] for mask in masks]).reshape(len(masks), -1), axis=1)
    bits[1:] ^= bits[:-1].copy()
    return sum(len(zlib.compress(bits[k : k + segment].tobytes(), 9)) for k in range(0, len(bits), segment))


def measure_hints(material: Material, outside: float, quality: int) -> dict[str, object]:
    """Code whole frames with the quantiser raised by `outside` (0 to 1) beside the objects; return one row."""
    options = {"preset": "veryfast", "tune": "zerolatency", "crf": "{q}", "x264-params": "aq-mode=1"}
    preset = replace(FULL[FORM], options=options)
    context = preset.context(*material.resolution_wh, quality)
    packets: list[bytes] = []
    for k, (picture, roi) in enumerate(zip(material.source, material.roi, strict=True)):
        frame = hint(picture, k, find_boxes(roi.mask), outside)
        packets += [bytes(packet) for packet in context.encode(frame)]
    packets += [bytes(packet) for packet in context.encode(None)]
    wire = wire_bytes(material, packets, preset.gop)
    shown, size = decode(packets, preset.codec), sum(map(len, packets))
    return point(material, "hints", f"addroi {outside:g}", quality, size, shown, **wire)


def sweep_alternatives(material: Material, qualities: Sequence[int]) -> pd.DataFrame:
    """Measure all fills and hints at all qualities; one row each."""
    fills = [measure_fill(material, fill, quality) for fill in FILLS for quality in qualities]
    return pd.DataFrame(fills + [measure_hints(material, by, q) for by in OUTSIDE for q in qualities])
