"""An animated strip of pictures, one after the other, each with its name: WebP, which browsers and READMEs show.

The same pictures give the same bytes on one version of PyAV and OpenCV.
"""

import io
from collections.abc import Iterator, Mapping
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

_BAND = 36
_QUALITY = "85"
_TICKS = 10  # a second


def strip_bytes(
    pictures: Mapping[str, NDArray[np.uint8]], *, width: int = 640, seconds: float = 1.6
) -> bytes:
    """Return an animation that shows each picture with its name above it and fades to the next, over and over.

    Parameters
    ----------
    pictures : mapping of str to uint8 array (H, W, 3) BGR
        By name (ASCII), in the order shown, all of one shape.
    width : int
        Of the animation, in pixels; it keeps the shape of the pictures and is rounded to even numbers.
    seconds : float
        For which each picture stands still; a fade takes 0.3.

    Returns
    -------
    bytes
        Animated WebP.
    """
    slides = [
        _slide(name, number, len(pictures), image, width)
        for number, (name, image) in enumerate(pictures.items())
    ]
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="webp", options={"loop": "0"}) as container:
        stream = container.add_stream("libwebp_anim", rate=_TICKS, options={"quality": _QUALITY})
        height, stream.width = slides[0].shape[0], slides[0].shape[1]
        stream.height, stream.pix_fmt = height, "yuv420p"
        stream.time_base = stream.codec_context.time_base = Fraction(1, _TICKS)
        for tick, image in _timed(slides, round(seconds * _TICKS)):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "bgr24")
            frame.pts, frame.time_base = tick, Fraction(1, _TICKS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _timed(slides: list[NDArray[np.uint8]], hold: int) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield (tick, picture): each slide, held, then two steps of the fade to the next."""
    tick = 0
    for one, two in zip(slides, slides[1:] + slides[:1], strict=True):
        yield tick, one
        for step in (1, 2):
            yield (
                tick + hold + step - 1,
                cv2.addWeighted(one, 1 - step / 3, two, step / 3, 0).astype(np.uint8),
            )
        tick += hold + 2


def _slide(name: str, number: int, count: int, image: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
    height = 2 * round(image.shape[0] * width / image.shape[1] / 2)
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    band = np.full((_BAND, width, 3), 255, np.uint8)
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(band, name, (8, 24), font, 0.6, (48, 36, 28), 1, cv2.LINE_AA)
    step = min(18, width // (3 * count))
    for dot in range(count):
        centre = (width - 14 - step * (count - 1 - dot), _BAND // 2)
        cv2.circle(band, centre, 5, (0x38, 0x72, 0x00) if dot == number else (210, 210, 210), -1, cv2.LINE_AA)
    return np.vstack([band, small])
