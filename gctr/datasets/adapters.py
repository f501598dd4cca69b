"""Footage in the layouts that surveillance sets come in, as `Clip`.

==============  ==========================================================================================
MOT15/17/20     `SEQ/{img1/000001.jpg, gt/gt.txt, seqinfo.ini}`
CDnet, SBI      `{input/in000001.jpg, groundtruth/gt000001.png, ROI.bmp, temporalROI.txt}`, from 1 or from 0
pictures        a folder of pictures in the order of their numbers
video           any file, network address or camera that FFmpeg opens
==============  ==========================================================================================

Folders may as well be zip archives, read without unpacking. Boxes for a video or a folder of pictures come from
`truth=FILE` (see `gctr.datasets.ground_truth`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from gctr.datasets.clip import Clip, DatasetError, Truth
from gctr.datasets.ground_truth import read_truth
from gctr.datasets.sequences import open_tree
from gctr.datasets.store import file_sha256
from gctr.datasets.trees import Tree
from gctr.vision.video import read_video


def open_source(
    source: str | os.PathLike[str],
    *,
    fps: float | None = None,
    truth: str | os.PathLike[str] | None = None,
    checksum: bool = True,
    format: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Clip:
    """Open a file, folder, zip archive, network address or camera as a clip.

    Parameters
    ----------
    source : str or path
    fps : float, optional
        Frames a second of a folder of pictures; 25 unless told. A video has its own and takes none.
    truth : str or path, optional
        A file of boxes or faces, in place of those that the footage comes with.
    checksum : bool
        Whether to take the SHA-256 of the data for provenance, which reads all of it once.
    format, options
        For a camera or stream, see `gctr.vision.video.read_video`; a folder takes none.

    Raises
    ------
    DatasetError
        If there is nothing at `source`, it is in none of the known layouts, or an option is not for it.
    VideoError
        If it is a file or address but no video that can be read.
    """
    path = Path(source)
    known = read_truth(Path(truth)) if truth is not None else Truth()
    if path.is_dir() or path.suffix.lower() == ".zip":
        if format is not None or options is not None:
            raise DatasetError(
                f"{path} is a folder of pictures: format and options are for videos and cameras"
            )
        clip = open_tree(Tree(path).descend(), fps)
        given = {name: table for name in ("boxes", "faces") if (table := getattr(known, name)) is not None}
        clip = replace(clip, truth=replace(clip.truth, **given))
        return replace(clip, sha256=Tree(path).digest()) if checksum else clip
    if fps is not None:
        raise DatasetError("fps is for a folder of pictures: a video or camera has a frame rate of its own")
    return open_video(source, known, checksum=checksum, format=format, options=options)


def open_video(
    source: str | os.PathLike[str],
    truth: Truth,
    *,
    checksum: bool = True,
    format: str | None = None,
    options: Mapping[str, str] | None = None,
) -> Clip:
    """Open a video file, network address or camera as a clip; its name holds no password."""
    video = read_video(source, format=format, options=options)
    path = Path(source)
    return Clip(
        name=path.name if path.exists() else video.name,
        fps=video.fps,
        resolution_wh=video.resolution_wh,
        n_frames=video.n_frames,
        open_timed=video.timed,
        truth=truth,
        sha256=file_sha256(path) if checksum and path.is_file() else None,
    )
