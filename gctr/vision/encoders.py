"""Video encoders behind one small type: the baselines at their best settings, and the forms in which objects
travel.

Pictures are planar I420 here, (3 H / 2, W) uint8, BT.601 limited range: what encoders code. Converting to and
from BGR would blur a measurement. Encoders are libx264, libx265 and libsvtav1 through PyAV.

*Shared key.* `encode_shared` starts a fresh encoder on the plate and leaves that first packet out: both sides
hold it since the plate was registered, so a segment has no key frame to pay for. This needs an encoder that
answers an equal plate with equal bytes whatever follows: no look-ahead that moves bits into the key (x264
mbtree, x265 cutree, SVT-AV1 temporal filter). `shared=True` presets are such; `encode_shared` checks each
time.

Limits: 8 bits, 4:2:0, even sides. PyAV ignores options that it does not know, so presets are tested by what
they change.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from gctr.vision.hints import I420, denoise
from gctr.vision.priority import kept_priority

os.environ.setdefault("SVT_LOG", "1")  # errors only; SVT-AV1 has no other way to say less

DECODERS = {"libx264": "h264", "libx265": "hevc", "libsvtav1": "libdav1d"}


@dataclass(frozen=True)
class EncoderPreset:
    """An encoder and its settings.

    Parameters
    ----------
    name : str
        What figures and tables call it.
    codec : str
        FFmpeg's name of the encoder.
    options : mapping
        Its options. ``{q}`` in a value stands for the quality of the call, ``{gop}`` for the key distance.
    gop : int
        Frames from one key frame to the next, at most.
    shared : bool
        Whether the packet of a first frame is independent of what follows.
    denoised : bool
        Whether pictures are averaged over time before (`gctr.vision.hints.denoise`).
    """

    name: str
    codec: str
    options: Mapping[str, str] = field(default_factory=dict)
    gop: int = 250
    shared: bool = False
    denoised: bool = False

    def context(
        self, width: int, height: int, quality: int, fps: int = 10, threads: int = 1
    ) -> av.VideoCodecContext:
        """Open an encoder whose `threads` share each picture.

        `quality` is QP or CRF: 0 best; up to 51 for H.264 and H.265, 63 for AV1.
        """
        if width % 2 or height % 2:
            raise ValueError(f"4:2:0 video needs even sides, not {width}x{height}: pad the picture")
        context = cast(av.VideoCodecContext, av.CodecContext.create(self.codec, "w"))
        context.width, context.height, context.pix_fmt = width, height, "yuv420p"
        context.framerate, context.gop_size, context.thread_count = Fraction(fps), self.gop, threads
        context.options = {key: str(v).format(q=quality, gop=self.gop) for key, v in self.options.items()}
        with kept_priority():  # SVT-AV1 raises it
            context.open()
        return context


def _shared(name: str, **options: str) -> EncoderPreset:
    preset = FULL[name]
    return replace(preset, gop=1 << 15, shared=True, options={**preset.options, **options})


X264 = "mbtree=0:ipratio=1.8:pbratio=1.2"
X265 = "log-level=none:pools=1:frame-threads=1:cutree=0"
RDOQ = "rdoq-level=2:ref=5:bframes=3"
MEDIUM = {"preset": "medium", "tune": "psnr", "crf": "{q}"}
AV1 = "lp=1:tune=1:aq-mode=0"
LAYERS = ":use-fixed-qindex-offsets=1:key-frame-qindex-offset=-24:qindex-offsets=[-8,4,8,12,16,16]"
FLAT_LAYERS = ":use-fixed-qindex-offsets=1:key-frame-qindex-offset=16:qindex-offsets=[0,4,8,12,16,16]"
LIVE = {"preset": "veryfast", "tune": "zerolatency", "qp": "{q}"}
TRELLIS = {**LIVE, "x264-params": "trellis=1:8x8dct=0"}
FULL = {
    "live H.264": EncoderPreset("live H.264", "libx264", LIVE, 50),
    "live H.264 with trellis": EncoderPreset("live H.264 with trellis", "libx264", TRELLIS, 50),
    "H.264": EncoderPreset(
        "H.264", "libx264", {"preset": "slower", "tune": "psnr", "crf": "{q}", "x264-params": X264}
    ),
    "H.265": EncoderPreset("H.265", "libx265", {**MEDIUM, "x265-params": X265}),
    "H.265 with RDOQ": EncoderPreset(
        "H.265 with RDOQ", "libx265", {**MEDIUM, "x265-params": f"{X265}:{RDOQ}"}
    ),
    "AV1": EncoderPreset("AV1", "libsvtav1", {"preset": "6", "crf": "{q}", "svtav1-params": AV1}),
    "AV1 with fixed offsets": EncoderPreset(
        "AV1 with fixed offsets", "libsvtav1", {"preset": "4", "crf": "{q}", "svtav1-params": AV1 + LAYERS}
    ),
}
FULL["live H.264, denoised"] = replace(FULL["live H.264"], denoised=True)
FULL["AV1 with fixed offsets, unfiltered"] = replace(
    FULL["AV1 with fixed offsets"],
    options={**FULL["AV1 with fixed offsets"].options, "svtav1-params": f"{AV1}{LAYERS}:enable-tf=0"},
)
"""Full-frame baselines, each at the best setting found: x264's and x265's default trees and adaptive
quantisation, and SVT-AV1's, starve moving objects and would flatter the ROI by half. *Live H.264* is x264's
veryfast as it comes; with trellis quantisation it needs a seventh fewer bytes in as much time. *H.265* is x265's
medium without psychovisual options; rate-distortion optimised quantisation, which medium lacks, saves most where
there is noise. *AV1* is SVT-AV1's preset 6; its own offsets between layers of B pictures spend much on few pictures,
and *with fixed offsets*, much smaller ones, and preset 4 it is the strongest of all. It averages key pictures and those
next in rank over time along motion before it codes them, which takes noise out of the background; *unfiltered* shows
what that is worth. *Denoised* averages before coding, for an encoder that has no such filter."""
FLAT = "mbtree=0:ipratio=1.0:pbratio=1.1:bframes=2:weightp=0:deblock=1,1"
SHARED_X265 = f"{X265}:ipratio=1.2:bframes=3"
SHARED_AV1 = f"{AV1}:enable-tf=0:hierarchical-levels=4"
ROI = {
    "live H.264": _shared("live H.264"),
    "live H.264 with trellis": _shared(
        "live H.264 with trellis", **{"x264-params": "trellis=1:8x8dct=0:ipratio=1.0"}
    ),
    "H.264": _shared("H.264", **{"x264-params": FLAT}),
    "H.265": _shared("H.265", **{"x265-params": SHARED_X265}),
    "H.265 with RDOQ": _shared("H.265 with RDOQ", **{"x265-params": f"{SHARED_X265}:{RDOQ}"}),
    "AV1": _shared("AV1", **{"svtav1-params": SHARED_AV1}),
    "AV1 with fixed offsets": _shared(
        "AV1 with fixed offsets", **{"svtav1-params": SHARED_AV1 + FLAT_LAYERS}
    ),
}
"""The same encoders on a shared key: no other key frame, no temporal filter (it would change the key), a key
not much finer than the rest, since only the background is predicted from it, and shorter runs of B frames."""


def encode(frames: Iterable[I420], preset: EncoderPreset, quality: int) -> list[bytes]:
    """Code `frames`, (3 H / 2, W) uint8 each; return the packets in coded order."""
    packets: list[bytes] = []
    context = None
    for index, frame in enumerate(denoise(frames) if preset.denoised else frames):
        if context is None:
            context = preset.context(frame.shape[1], frame.shape[0] * 2 // 3, quality)
        packets += encode_one(context, frame, index)
    return packets + ([bytes(p) for p in context.encode(None)] if context is not None else [])


def encode_one(context: av.VideoCodecContext, frame: I420, index: int) -> list[bytes]:
    """Feed picture number `index`, (3 H / 2, W) uint8, to an open encoder; return the packets that are ready."""
    picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="yuv420p")
    picture.pts = index
    return [bytes(packet) for packet in context.encode(picture)]


def decode(packets: Iterable[bytes], codec: str) -> list[I420]:
    """Decode packets of `codec` (the encoder's name); return (3 H / 2, W) uint8 frames in display order."""
    context = cast(av.VideoCodecContext, av.CodecContext.create(DECODERS[codec], "r"))
    context.thread_count = 1
    frames = []
    for packet in [*packets, None]:
        for frame in context.decode(av.Packet(packet) if packet is not None else None):
            frames.append(np.asarray(frame.to_ndarray(), dtype=np.uint8))
    return frames


def to_i420(frame: NDArray[np.uint8]) -> I420:
    """Convert (H, W, 3) uint8 BGR to (3 H / 2, W) uint8 I420, BT.601 limited range; sides must be even."""
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_BGR2YUV_I420), dtype=np.uint8)


def to_bgr(picture: I420) -> NDArray[np.uint8]:
    """Convert (3 H / 2, W) uint8 I420, BT.601 limited range, to (H, W, 3) uint8 BGR."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_YUV2BGR_I420), dtype=np.uint8)
