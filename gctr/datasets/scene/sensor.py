"""The camera's electronics: temporal noise and compression."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from gctr.datasets.clip import DatasetError, Frame
from gctr.datasets.scene.raster import jit
from gctr.datasets.scene.texture import Image

# Quantiles of the normal distribution, one for each 16-bit number: a draw costs a look-up. Unit variance, |z| < 4.4.
_QUANTILES = ndtri((np.arange(65536) + 0.5) / 65536)
_NORMAL: NDArray[np.float32] = (_QUANTILES / _QUANTILES.std()).astype(np.float32)


@jit
def _expose(
    scene: NDArray,
    gain: NDArray,
    luma: NDArray,
    chroma: NDArray,
    normal: NDArray,
    sigma: float,
    part: float,
    frame: NDArray,
) -> None:
    for y in range(frame.shape[0]):
        for x in range(frame.shape[1]):
            n = sigma * normal[luma[y, x]] + 0.5
            cb = part * sigma * normal[chroma[y // 2, x // 2, 0]]
            cr = part * sigma * normal[chroma[y // 2, x // 2, 1]]
            # Rec. 601: luma = 0.114 B + 0.587 G + 0.299 R is untouched by cb and cr
            b = scene[y, x, 0] * gain[0] + n + 1.772 * cb
            g = scene[y, x, 1] * gain[1] + n - 0.344136 * cb - 0.714136 * cr
            r = scene[y, x, 2] * gain[2] + n + 1.402 * cr
            frame[y, x, 0] = np.uint8(min(max(b, 0.0), 255.0))
            frame[y, x, 1] = np.uint8(min(max(g, 0.0), 255.0))
            frame[y, x, 2] = np.uint8(min(max(r, 0.0), 255.0))


@jit
def _expose_clean(scene: NDArray, gain: NDArray, frame: NDArray) -> None:
    for y in range(frame.shape[0]):
        for x in range(frame.shape[1]):
            for c in range(3):
                frame[y, x, c] = np.uint8(min(scene[y, x, c] * gain[c] + 0.5, 255.0))


def expose(
    picture: Image, gain: NDArray[np.float32], seed: int, k: int, sigma: float, chroma: float
) -> Frame:
    """Round `picture` (H, W, 3) times `gain` (3,) plus frame k's noise to uint8.

    The luma noise has `sigma` levels at each pixel; Cb and Cr, which cameras smooth, have `chroma` times that
    on blocks of 2x2 pixels and leave luma as it is. The noise of a frame depends on `seed` and k alone.
    """
    frame = np.empty(picture.shape, np.uint8)
    if sigma == 0:
        _expose_clean(picture, gain, frame)
        return frame
    rng = np.random.Generator(np.random.SFC64([seed, 3, k]))
    height, width = picture.shape[:2]
    luma = rng.integers(0, 65536, (height, width), np.uint16)
    pairs = rng.integers(0, 65536, ((height + 1) // 2, (width + 1) // 2, 2), np.uint16)
    _expose(picture, gain, luma, pairs, _NORMAL, sigma, chroma, frame)
    return frame


def compressor(text: str) -> tuple[str, int]:
    """Read "none", "jpeg:QUALITY" (1–100) or "h264:CRF" (0–51).

    Raises
    ------
    DatasetError
        If it is none of these.
    """
    kind, _, level = text.partition(":")
    limits = {"jpeg": (1, 100), "h264": (0, 51)}
    if kind == "none" and not level:
        return "none", 0
    if kind in limits and level.isdigit() and limits[kind][0] <= int(level) <= limits[kind][1]:
        return kind, int(level)
    raise DatasetError(
        f'scene parameter compression: "none", "jpeg:1" to "jpeg:100" or "h264:0" to "h264:51", not {text!r}'
    )


def encode_jpeg(frame: Frame, quality: int) -> bytes:
    """Encode one frame as the camera's own JPEG encoder does."""
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()


def through_h264(frames: Iterable[Frame], crf: int, fps: float) -> Iterator[Frame]:
    """Pass frames of even size through libx264 without delay, in one thread: the bytes depend on the frames alone."""
    encoder, decoder = None, av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    for frame in frames:
        encoder = encoder or _encoder(frame.shape[1], frame.shape[0], crf, fps)
        picture = av.VideoFrame.from_ndarray(frame, "bgr24").reformat(format="yuv420p")
        for packet in encoder.encode(picture):
            yield from _decode(decoder, packet)
    if encoder is not None:
        for packet in encoder.encode(None):
            yield from _decode(decoder, packet)
        yield from _decode(decoder, None)


def _encoder(width: int, height: int, crf: int, fps: float) -> av.VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base = 1 / Fraction(fps).limit_denominator(1001)
    encoder.options = {
        "preset": "veryfast",
        "tune": "zerolatency",
        "crf": str(crf),
        "threads": "1",
        "g": "50",
    }
    return encoder


def _decode(decoder: av.VideoCodecContext, packet: av.Packet | None) -> Iterator[Frame]:
    for picture in decoder.decode(packet):
        yield np.asarray(picture.to_ndarray(format="bgr24"), np.uint8)
