"""`gctr mask`, `gctr grant`, `gctr audit`, `gctr keys`: faces masked, sealed, lifted one at a time, accounted for."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from gctr.cli._console import console, frames_progress

if TYPE_CHECKING:
    from gctr.vision.anonymise import Anonymised
    from gctr.vision.following import CoverSettings
    from gctr.vision.painters import MaskStyle

audit = typer.Typer(help="The log of what was unmasked, when and why.", no_args_is_help=True)
keys = typer.Typer(help="Keys of faces: pairs, and rotation.", no_args_is_help=True)


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
    from gctr.datasets import load
    from gctr.vision.following import CoverSettings
    from gctr.vision.painters import KINDS, MaskStyle

    if kind not in KINDS:
        raise typer.BadParameter(f"{kind!r} is none of {', '.join(KINDS)}", param_hint="--kind")
    style = MaskStyle(kind, ellipse, cells, sigma, os.urandom(32))
    settings = CoverSettings(margin=margin, every=every, hold=hold)
    found = _detector(detector, threshold, scale)
    if _is_picture(out):
        _mask_picture(Path(video), out, found, settings, style)
        return
    clip = load(video)
    clip = clip.head(frames) if frames else clip
    stream = _masked(clip, found, settings, style, boxes_in)
    audio = video if keep_audio else None
    covers = _write_masked(clip, stream, out, _sealer(out, key) if sealed else None, audio)
    if boxes_out:
        from gctr._files import write_whole
        from gctr.vision.anonymise import write_boxes

        write_whole(boxes_out, write_boxes(covers, clip.resolution_wh))
    masked = sum(len(row) for row in covers.values())
    console.print(f"{out}: {len(covers)} frames, {masked} masks", highlight=False, soft_wrap=True)


def grant(
    source: Annotated[
        Path, typer.Argument(help="Folder of 'gctr protect', or a sealed video.", show_default=False)
    ],
    track: Annotated[int, typer.Option(help="The object that may be unmasked.", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", help="The grant's file.", show_default=False)],
    key: Annotated[
        Path | None, typer.Option(help="The unmask key; the folder's or OUT.key by default.")
    ] = None,
    to: Annotated[Path | None, typer.Option(help="Public key of the holder: nobody else can use it.")] = None,
    hours: Annotated[float, typer.Option(min=0.01, help="Until it expires.")] = 24.0,
    reason: Annotated[str, typer.Option(help="Kept in the grant and in the audit log.")] = "not given",
    camera: Annotated[str, typer.Option(help="The camera's name.")] = "cam-1",
) -> None:
    """Grant one person's key: its holder unmasks that object, until it expires, and nobody else."""
    from gctr.parties.custody import read_opener
    from gctr.parties.grants import issue_grant, write_grant
    from gctr.parties.keyfile import read_key
    from gctr.parties.local import audit_log, open_folder
    from gctr.parties.sidecar import read_sidecar

    opener = read_opener(key or _default_key(source))
    if source.is_dir():
        objects, log = open_folder(source)[1].segments(camera), audit_log(source)
    else:
        objects, log = read_sidecar(source).objects(), _video_log(source)
        camera = ""
    segments = list(objects)
    camera = camera or (segments[0][0].camera if segments else "video")
    granted = issue_grant(opener, segments, camera, track, lifetime=hours * 3600, reason=reason)
    holder = read_key(to, "unmask-public") if to else None
    log.append("grant", camera, track_id=track, reason=f"{reason} (grant {granted.terms.serial})", who=user())
    write_grant(out, granted, holder)
    console.print(f"{out}: object {track} of {camera}, for {hours:g} h", highlight=False, soft_wrap=True)


@audit.command("verify")
def audit_verify(
    source: Annotated[Path, typer.Argument(help="Folder, sealed video, or log.", show_default=False)],
    count: Annotated[int | None, typer.Option(help="Entries noted earlier.")] = None,
    last: Annotated[str | None, typer.Option("--hash", help="Hash noted earlier.")] = None,
) -> None:
    """Check the log's chain; print count and last hash, to be noted elsewhere and given the next time."""
    verified = _log(source).verify(count=count, last=last)
    console.print(f"whole: {verified.entries} entries, hash {verified.last}", highlight=False, soft_wrap=True)


@audit.command("show")
def audit_show(
    source: Annotated[Path, typer.Argument(help="Folder, sealed video, or log.", show_default=False)],
) -> None:
    """Verify the log and list it."""
    from datetime import UTC, datetime

    log = _log(source)
    log.verify()
    table = Table("", "time (UTC)", "action", "camera", "object", "reason", "who")
    for entry in log.entries():
        when = datetime.fromtimestamp(entry.time, UTC).isoformat(sep=" ", timespec="seconds")
        whom = "all" if entry.track_id is None else str(entry.track_id)
        table.add_row(str(entry.number), when, entry.action, entry.camera, whom, entry.reason, entry.who)
    console.print(table)


@keys.command("pair")
def keys_pair(
    private: Annotated[Path, typer.Argument(help="New file for the private key.", show_default=False)],
    public: Annotated[
        Path,
        typer.Argument(help="New file for the public key: FOLDER/keys/recipient.pub.", show_default=False),
    ],
) -> None:
    """Make a pair: a camera that holds the public key alone cannot unmask what it sent once it is off."""
    from gctr.parties.grants import write_public
    from gctr.parties.keyfile import new_key, public_of, write_key

    key = new_key("unmask-private")
    write_key(private, key)
    write_public(public, public_of(key))
    console.print(f"{private}: keep secret; {public}: for cameras", highlight=False, soft_wrap=True)


@keys.command("rotate")
def keys_rotate(
    folder: Annotated[Path, typer.Argument(help="What 'gctr protect' wrote.", show_default=False)],
) -> None:
    """Make the unmask key of the next epoch; the camera takes it when it starts again."""
    from gctr.parties.custody import rotate

    console.print(f"{rotate(folder / 'keys')}: seals from now on", highlight=False, soft_wrap=True)


def unmask_video(
    video: Path, out: Path, key: Path | None, grant_file: Path | None, track: int | None, reason: str
) -> None:
    """Put the faces of a sealed video back; `gctr unmask` on a file."""
    from gctr.parties.custody import read_opener
    from gctr.parties.sidecar import read_sidecar, reveal_video
    from gctr.vision.recording import write_timed_video
    from gctr.vision.video import read_video

    opener = read_opener(grant_file or key or _default_key(video), key if grant_file else None)
    track = opener.track_id if track is None else track
    sidecar = read_sidecar(video)
    source = read_video(video)
    _video_log(video).append("unmask", video.name, track_id=track, reason=reason, who=user())
    with frames_progress() as progress:
        total = sum(segment.header.n_frames for segment in sidecar.segments)
        revealed = reveal_video(source.timed(), sidecar, opener, track)
        write_timed_video(out, progress.track(revealed, total, description=f"writing {out.name}"))


def user() -> str:
    """Return the name under which this process runs, for the audit log."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def _masked(
    clip: Any, detector: Any, settings: CoverSettings, style: MaskStyle, boxes_in: Path | None
) -> Iterator[Anonymised]:
    from gctr.vision.anonymise import anonymise, mask_boxes, read_boxes
    from gctr.vision.background import register_plate

    background = register_plate(clip) if style.kind == "silhouette" else None
    if boxes_in:
        boxes = read_boxes(boxes_in.read_bytes(), clip.resolution_wh)
        return mask_boxes(clip.timed(), boxes, style, background)
    return anonymise(clip.timed(), detector, settings, style, background)


def _write_masked(
    clip: Any, stream: Iterator[Anonymised], out: Path, sealer: Any, audio: str | None
) -> dict[int, list]:
    from gctr.cli._audio import copy_audio
    from gctr.parties.sidecar import SidecarWriter
    from gctr.vision.recording import write_timed_video

    sidecar = SidecarWriter(sealer, clip.resolution_wh) if sealer else None
    stream = sidecar.sealing(stream) if sidecar else stream
    covers: dict[int, list] = {}
    with frames_progress() as progress:
        pictures = _noting(progress.track(stream, clip.n_frames, description=f"masking {clip.name}"), covers)
        write_timed_video(out, pictures)
    if audio:
        copy_audio(audio, out)
    if sidecar:  # last, because it holds the finished file's checksum
        sidecar.write(out)
    return covers


def _noting(stream: Any, covers: dict[int, list]) -> Iterator[tuple[float, Any]]:
    for k, frame in enumerate(stream):
        covers[k] = frame.covers
        yield frame.time, frame.image


def _mask_picture(source: Path, out: Path, detector: Any, settings: CoverSettings, style: MaskStyle) -> None:
    import cv2
    import numpy as np

    from gctr._files import write_whole
    from gctr.vision.anonymise import anonymise

    image = cv2.imread(str(source))
    if image is None:
        raise ValueError(f"{source} is no picture that can be read")
    (masked,) = anonymise([(0.0, np.asarray(image, np.uint8))], detector, settings, style)
    write_whole(out, cv2.imencode(out.suffix, masked.image)[1].tobytes())
    console.print(f"{out}: {len(masked.covers)} masks", highlight=False, soft_wrap=True)


def _is_picture(path: Path) -> bool:
    return path.suffix.lower() in (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")


def _detector(name: str, threshold: float, scale: float) -> Any:
    from gctr.vision.faces import CenterFace, Scaled, YuNet

    if name == "yunet":
        from gctr.datasets import model_path

        found: Any = YuNet(model_path("yunet"), threshold)
    elif name == "centerface":
        found = CenterFace(threshold)
    else:
        raise typer.BadParameter(f"{name!r} is neither centerface nor yunet", param_hint="--detector")
    return Scaled(found, scale) if scale != 1 else found


def _sealer(out: Path, key: Path | None) -> Any:
    from gctr.parties.keyfile import read_key, read_or_make_key
    from gctr.parties.keys import PatchSealer

    if key is not None:
        return PatchSealer(read_key(key, "unmask", "unmask-public"))
    return PatchSealer(read_or_make_key(_default_key(out), "unmask"))


def _default_key(source: Path) -> Path:
    return source / "keys" / "unmask.key" if source.is_dir() else source.with_name(source.name + ".key")


def _video_log(video: Path) -> Any:
    from gctr.parties.audit import AuditLog

    return AuditLog(video.with_name(video.name + ".audit.jsonl"))


def _log(source: Path) -> Any:
    from gctr.parties.audit import AuditLog
    from gctr.parties.local import audit_log

    if source.is_dir():
        return audit_log(source)
    return AuditLog(source) if source.suffix == ".jsonl" else _video_log(source)
