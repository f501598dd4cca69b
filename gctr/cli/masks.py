"""`gctr mask`: the faces of any video masked, for good or sealed beside it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gctr.cli._console import check_choice, say
from gctr.cli._footage import copy_audio, open_clip, write_frames, write_picture
from gctr.cli.lifting import default_key

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from gctr.datasets import Clip
    from gctr.parties.keys import PatchSealer
    from gctr.vision.anonymise import Anonymised
    from gctr.vision.faces import FaceDetector
    from gctr.vision.following import CoverSettings
    from gctr.vision.painters import MaskStyle


def mask(
    video: Annotated[
        str, typer.Argument(help="Video, photograph, data set, or address.", show_default=False)
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help=".mp4, .mkv (lossless) or a picture.", show_default=False)
    ],
    threshold: Annotated[
        float, typer.Option("-t", "--threshold", min=0.01, max=0.99, help="Lowest score.")
    ] = 0.2,
    kind: Annotated[
        str, typer.Option("-k", "--kind", help="solid, pixelate, blur, scramble, silhouette (fixed camera).")
    ] = "solid",
    ellipse: Annotated[bool, typer.Option("--ellipse/--boxes", help="Shape of the mask.")] = False,
    margin: Annotated[float, typer.Option(min=0, max=5, help="Share added on each side of a face.")] = 0.3,
    cells: Annotated[int, typer.Option(min=1, help="pixelate: cells along the shorter side.")] = 8,
    sigma: Annotated[float, typer.Option(min=0.01, max=10, help="blur: sigma, of the shorter side.")] = 0.2,
    every: Annotated[int, typer.Option(min=1, help="Look for faces in one frame of so many.")] = 3,
    hold: Annotated[int, typer.Option(min=0, help="Frames masked before and after a face is seen.")] = 6,
    scale: Annotated[float, typer.Option(min=0.05, max=4, help="Scale the picture for the detector.")] = 1.0,
    detector: Annotated[str, typer.Option(help="centerface, or yunet (fetched once).")] = "centerface",
    keep_audio: Annotated[bool, typer.Option("--keep-audio", help="Copy the sound over.")] = False,
    boxes_out: Annotated[Path | None, typer.Option(help="Write what is masked as JSON.")] = None,
    boxes_in: Annotated[Path | None, typer.Option(help="Mask these boxes, look for no face.")] = None,
    sealed: Annotated[
        bool, typer.Option("--sealed", help="Reversible: seal the faces beside the video.")
    ] = False,
    key: Annotated[
        Path | None, typer.Option(help="With --sealed: unmask key or public key; OUT.key is made by default.")
    ] = None,
    frames: Annotated[int | None, typer.Option(min=1, help="Stop after so many frames.")] = None,
) -> None:
    """Mask the faces of a video or a photograph, filling in where the detector misses one.

    With --sealed, 'gctr unmask OUT -o clear.mkv --key OUT.key' puts them back.
    """
    from gctr.vision.following import CoverSettings
    from gctr.vision.painters import KINDS, MaskStyle

    style = MaskStyle(check_choice(kind, KINDS, "--kind"), ellipse, cells, sigma, os.urandom(32))
    settings = CoverSettings(margin=margin, every=every, hold=hold)
    found = _detector(detector, threshold, scale)
    if key and not sealed:
        raise typer.BadParameter("a key seals faces: give --sealed too", param_hint="--key")
    if _is_picture(out):
        for_videos = {"--keep-audio": keep_audio, "--sealed": sealed, "--frames": frames}
        _refuse(for_videos | {"--boxes-in": boxes_in, "--boxes-out": boxes_out})
        _mask_picture(Path(video), out, found, settings, style)
        return
    clip = open_clip(video, frames)
    stream = _masked(clip, found, settings, style, boxes_in)
    audio = video if keep_audio else None
    covers = _write_masked(clip, stream, out, _sealer(out, key) if sealed else None, audio)
    if boxes_out:
        from gctr._files import write_whole
        from gctr.vision.anonymise import write_boxes

        write_whole(boxes_out, write_boxes(covers, clip.resolution_wh), mode=0o644)
    masked = sum(len(row) for row in covers.values())
    say(f"{out}: {len(covers)} frames, {masked} masks")


def _masked(
    clip: Clip, detector: FaceDetector, settings: CoverSettings, style: MaskStyle, boxes_in: Path | None
) -> Iterator[Anonymised]:
    from gctr.vision.anonymise import anonymise, mask_boxes, read_boxes
    from gctr.vision.background import register_plate

    background = register_plate(clip) if style.kind == "silhouette" else None
    if boxes_in:
        boxes = read_boxes(boxes_in.read_bytes(), clip.resolution_wh)
        return mask_boxes(clip.timed(), boxes, style, background)
    return anonymise(clip.timed(), detector, settings, style, background)


def _write_masked(
    clip: Clip, stream: Iterator[Anonymised], out: Path, sealer: PatchSealer | None, audio: str | None
) -> dict[int, list]:
    from gctr.parties.sidecar import SidecarWriter

    sidecar = SidecarWriter(sealer, clip.resolution_wh) if sealer else None
    stream = sidecar.sealing(stream) if sidecar else stream
    covers: dict[int, list] = {}
    write_frames(out, _noting(stream, covers), clip.n_frames, f"masking {clip.name}")
    if audio:
        copy_audio(audio, out)
    if sidecar:  # last, because it holds the finished file's checksum
        sidecar.write(out)
    return covers


def _noting(
    stream: Iterator[Anonymised], covers: dict[int, list]
) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Yield (seconds, frame), and note what is masked in each."""
    for k, frame in enumerate(stream):
        covers[k] = frame.covers
        yield frame.time, frame.image


def _mask_picture(
    source: Path, out: Path, detector: FaceDetector, settings: CoverSettings, style: MaskStyle
) -> None:
    import cv2
    import numpy as np

    from gctr.vision.anonymise import anonymise

    image = cv2.imread(str(source))
    if image is None:
        raise ValueError(f"{source} is no picture that can be read")
    (masked,) = anonymise([(0.0, np.asarray(image, np.uint8))], detector, settings, style)
    write_picture(out, masked.image)
    say(f"{out}: {len(masked.covers)} masks")


def _refuse(options: dict[str, object]) -> None:
    """Raise if an option is given that a photograph cannot have: it would be left out without a word."""
    if given := [name for name, value in options.items() if value]:
        raise typer.BadParameter(f"a photograph takes no {' and no '.join(given)}")


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def _detector(name: str, threshold: float, scale: float) -> FaceDetector:
    from gctr.vision.faces import CenterFace, Scaled, YuNet

    if check_choice(name, ("centerface", "yunet"), "--detector") == "yunet":
        from gctr.datasets import model_path

        found: FaceDetector = YuNet(model_path("yunet"), threshold)
    else:
        found = CenterFace(threshold)
    return Scaled(found, scale) if scale != 1 else found


def _sealer(out: Path, key: Path | None) -> PatchSealer:
    from gctr.parties.keyfile import read_key, read_or_make_key
    from gctr.parties.keys import PatchSealer

    if key is not None:
        return PatchSealer(read_key(key, "unmask", "unmask-public"))
    return PatchSealer(read_or_make_key(default_key(out), "unmask"))
