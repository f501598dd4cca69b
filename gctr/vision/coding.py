"""Objects as video, background as still: the coded forms that travel.

A segment is coded by a fresh H.264 encoder whose first frame is the registered plate. That first packet is the
*key packet*: it is the still of the background, and the reference of every segment. It is sent once, when the
background is registered; a segment carries the packets after it, and whoever holds the key packet decodes
``[key packet] + packets``. Outside the objects a frame carries the plate's pixels, which the encoder skips, so the
decoded segment is already composed. This needs encoders that answer equal plates with equal bytes: one thread, no
look-ahead (x264 ``tune=zerolatency``); `encode_segment` checks it.

Patches of faces are coded without loss, as stills (WebP lossless).

Limits: 8-bit 4:2:0 video; sides from 16 to 8192 px, odd ones padded by one column or row and cropped again.
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import NamedTuple, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

MAX_SIDE = 8192
X264 = {
    "preset": "veryfast",
    "tune": "zerolatency",
    "scenecut": "0",
    "x264-params": "trellis=1:8x8dct=0",  # finer objects for as many bytes, in as much time (notebook 05)
}
DEFAULT_QP = 24


class CodingError(ValueError):
    """Coded video or stills that cannot be decoded, or pictures that cannot be coded."""


class CodedSegment(NamedTuple):
    """`key_packet`: the plate's packet. `packets`: one for each frame after it."""

    key_packet: bytes
    packets: list[bytes]


def encode_plate(plate: NDArray[np.uint8], *, qp: int = DEFAULT_QP) -> bytes:
    """Return the key packet of a plate, an (H, W, 3) uint8 BGR image."""
    return encode_segment(plate, [], qp=qp).key_packet


def encode_segment(
    plate: NDArray[np.uint8],
    frames: Iterable[NDArray[np.uint8]],
    *,
    qp: int = DEFAULT_QP,
    key_packet: bytes | None = None,
) -> CodedSegment:
    """Code frames after a plate.

    Parameters
    ----------
    plate : (H, W, 3) uint8 array
        BGR; the registered background.
    frames : iterable of (H, W, 3) uint8 arrays
        BGR; outside the objects they carry the plate's pixels.
    qp : int
        Quantisation parameter, 0..51; 24 is visually good, +6 halves the precision.
    key_packet : bytes, optional
        What the receiver holds as this plate's key packet.

    Raises
    ------
    CodingError
        If a frame's size is not the plate's, or this encoder's packet of the plate is not `key_packet`.
    """
    height, width = plate.shape[:2]
    _check_sides(width, height)
    encoder = _h264_encoder(width, height, qp)
    first, *_ = _encode(encoder, plate, 0)
    if key_packet is not None and first != key_packet:
        raise CodingError(
            "this encoder codes the plate differently from when it was registered: register it again"
        )
    packets = []
    for index, frame in enumerate(frames, start=1):
        if frame.shape != plate.shape:
            raise CodingError(f"frame of {frame.shape[1::-1]} px on a plate of {(width, height)} px")
        packets += _encode(encoder, frame, index)
    packets += [bytes(packet) for packet in encoder.encode(None)]
    return CodedSegment(first, packets)


def decode_segment(
    key_packet: bytes, packets: Iterable[bytes], resolution_wh: tuple[int, int]
) -> Iterator[NDArray[np.uint8]]:
    """Yield the composed frames of a segment, (H, W, 3) uint8 BGR each, without the plate's own.

    Raises
    ------
    CodingError
        If the packets are damaged, are not of this plate's size, or are not one a frame.
    """
    packets = list(packets)
    frames = _decode([key_packet, *packets], resolution_wh)
    next(frames, None)
    count = 0
    for frame in frames:
        count += 1
        yield frame
    if count != len(packets):
        raise CodingError(
            f"{len(packets)} packets gave {count} frames: the segment is damaged, ask for it again"
        )


def decode_plate(key_packet: bytes, resolution_wh: tuple[int, int]) -> NDArray[np.uint8]:
    """Return the background still, (H, W, 3) uint8 BGR, of a key packet."""
    for frame in _decode([key_packet], resolution_wh):
        return frame
    raise CodingError("the key packet holds no picture: register the background again")


def encode_still(image: NDArray[np.uint8]) -> bytes:
    """Code an (H, W, 3) uint8 BGR image without loss (WebP)."""
    ok, coded = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 101])  # above 100 means lossless
    if not ok:
        raise CodingError(f"cannot code a still of {image.shape} pixels")
    return coded.tobytes()


def decode_still(coded: bytes) -> NDArray[np.uint8]:
    """Decode what `encode_still` made, as (H, W, 3) uint8 BGR.

    Raises
    ------
    CodingError
        If it is damaged, no lossless WebP, or has a side above `MAX_SIDE`.
    """
    image = cv2.imdecode(np.frombuffer(coded, np.uint8), cv2.IMREAD_COLOR) if _is_still(coded) else None
    if image is None:
        raise CodingError("the still is damaged: ask for it again")
    return image.astype(np.uint8, copy=False)


def _is_still(coded: bytes) -> bool:
    # Looked at before a picture is allocated: a few bytes of PNG can announce a gigabyte. WebP's sides have 14 bits.
    bits = int.from_bytes(coded[21:25], "little")
    sides = (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    return coded[:4] == b"RIFF" and coded[8:16] == b"WEBPVP8L" and max(sides) <= MAX_SIDE


def _h264_encoder(width: int, height: int, qp: int) -> av.VideoCodecContext:
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height = width + width % 2, height + height % 2
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = Fraction(25)  # nominal: the true times travel in the message
    encoder.gop_size = 1 << 20  # the plate is the only key frame
    encoder.thread_count = 1
    encoder.options = {**X264, "qp": str(qp)}
    return encoder


def _encode(encoder: av.VideoCodecContext, image: NDArray[np.uint8], index: int) -> list[bytes]:
    padding = (0, encoder.height - image.shape[0], 0, encoder.width - image.shape[1])
    if any(padding):
        image = cv2.copyMakeBorder(image, *padding, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="bgr24")
    frame.pts = index
    return [bytes(packet) for packet in encoder.encode(frame)]


def _decode(packets: list[bytes], resolution_wh: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    # Refused before a picture is allocated: a few bytes can announce 16384x16384 px. Coded sides are multiples of 16.
    decoder.options = {"max_pixels": str((resolution_wh[0] + 32) * (resolution_wh[1] + 32))}
    try:
        for packet in [*packets, None]:
            for frame in decoder.decode(av.Packet(packet) if packet else None):
                yield _crop(frame, resolution_wh)
    except av.FFmpegError as error:
        raise CodingError(
            f"the video packets are damaged ({error.strerror}): ask for the segment again"
        ) from None


def _crop(frame: av.VideoFrame, resolution_wh: tuple[int, int]) -> NDArray[np.uint8]:
    width, height = resolution_wh
    if (frame.width, frame.height) != (width + width % 2, height + height % 2):
        raise CodingError(f"video of {frame.width}x{frame.height} px where {width}x{height} was announced")
    return cast("NDArray[np.uint8]", frame.to_ndarray(format="bgr24"))[:height, :width]


def _check_sides(width: int, height: int) -> None:
    if not (16 <= width <= MAX_SIDE and 16 <= height <= MAX_SIDE):
        raise CodingError(f"pictures of {width}x{height} px: sides from 16 to {MAX_SIDE} px can be coded")
