"""Somebody on the wire: a whole session recorded between the parties, and searched for what must not be there.

A camera, a cloud in a process of its own and a surveillance system that unmasks run a session through a tap
(`gctr.evaluation.sniffer_tap`). What passed, the cloud's disk and its memory are searched for faces, keys and tokens
(`gctr.evaluation.sniffer_search`). What cannot be hidden is measured too: sizes and times of messages against what
happened before the camera.

Limits: those of tap and search; every session is one camera's.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pandas as pd

from gctr.datasets import Clip
from gctr.evaluation.exposure import independent_faces
from gctr.evaluation.sniffer_search import Box, Frame, find, make_needles, read_memory, written
from gctr.evaluation.sniffer_tap import tapped
from gctr.evaluation.statistics import correlate_ranks, roc_area
from gctr.parties.camera import Camera, CameraSettings
from gctr.parties.home import init, read_token
from gctr.parties.keyfile import new_key, read_key
from gctr.parties.messages import Mode
from gctr.parties.processes import cloud_process
from gctr.parties.remote import RemoteCloud
from gctr.parties.surveillance import Surveillance
from gctr.parties.tokens import Parties
from gctr.vision.faces import FaceDetector


class Session(NamedTuple):
    """A recorded session: what passed at the camera and at the surveillance system, the cloud's disk and memory.

    `sent` has one row a segment: `size` bytes, `objects` seen in it; `needles` are what to search for.
    """

    wire: list[bytes]
    disk: list[bytes]
    memory: list[bytes]
    sent: pd.DataFrame
    needles: dict[str, list[bytes]]


def record_session(
    timed: Iterable[tuple[float, Frame]],
    faces: Mapping[int, Sequence[Box]],
    folder: Path,
    *,
    mode: Mode = "bucket_gcm",
    tls: bool = True,
    segment_frames: int = 10,
    detector: FaceDetector | None = None,
) -> Session:
    """Run a camera, a cloud (its own process) and a surveillance system that unmasks, and record all of it.

    Parameters
    ----------
    timed : iterable of (float, (H, W, 3) uint8 BGR array)
        What the camera sees; the first frames should show the empty scene.
    faces : mapping of int to sequence of (x0, y0, x1, y1)
        Boxes of the faces by frame, for the needles.
    folder : Path
        Empty; the parties' folders are made there.
    mode, tls, segment_frames, detector
        Of the session.
    """
    frames = list(timed)
    init(folder / "site")
    token = Parties(folder / "site" / "cloud" / "parties.json").issue("cam-1", "camera")
    key, unmask = read_key(folder / "site" / "cloud" / "store.key", "store"), new_key("unmask")
    reading = read_token(folder / "site" / "surveillance" / "surveillance.token")
    certificate = folder / "site" / "surveillance" / "cert.pem" if tls else None
    camera = Camera(key, unmask, CameraSettings(mode=mode, segment_frames=segment_frames), detector)
    with cloud_process(folder / "site" / "cloud", tls=tls) as served, tapped(served.url) as tap:
        with closing(RemoteCloud(tap.url, token, certificate)) as cloud:
            cloud.put(camera.register([image for _, image in frames]))
            sent = [(s.size, s.tracks) for s in camera.run(frames, cloud)]
        with closing(RemoteCloud(tap.url, reading, certificate)) as cloud:
            list(Surveillance(cloud, key, unmask).watch("cam-1", unmask=True))
        memory = read_memory(served.process.pid)
    disk = [path.read_bytes() for path in (folder / "site" / "cloud").rglob("*") if path.is_file()]
    needles = make_needles([image for _, image in frames], faces, camera.key_packet)
    needles |= {"storage key": written(key), "unmask key": written(unmask)}
    needles["tokens"] = [token[-43:].encode(), reading[-43:].encode()]
    table = pd.DataFrame(sent, columns=["size", "objects"])
    return Session(tap.streams(), disk, memory, table, needles)


def record_clip(clip: Clip, *, mode: Mode = "bucket_gcm", tls: bool = True) -> Session:
    """Record a session over a clip, `record_session` in a folder that goes again; its first frames should be empty.

    Faces are the truth's where the clip has it, else those that an independent detector finds.
    """
    faces, _ = independent_faces(clip, list(clip))
    boxes = faces[["x0", "y0", "x1", "y1"]].round().astype(int).clip(lower=0)
    known = {
        int(str(k)): [(x0, y0, x1, y1) for x0, y0, x1, y1 in rows.to_numpy().tolist()]
        for k, rows in boxes.groupby(faces["frame"])
    }
    with TemporaryDirectory() as folder:
        return record_session(clip.timed(), known, Path(folder), mode=mode, tls=tls)


def search(session: Session) -> pd.DataFrame:
    """Count the needles of each kind that are found on the wire, on the cloud's disk and in its memory.

    Returns
    -------
    DataFrame
        `what`, `where`, `needles` searched, `found`, `searched_mb`.
    """
    places = {"wire": session.wire, "cloud's disk": session.disk, "cloud's memory": session.memory}
    every = [needle for needles in session.needles.values() for needle in needles]
    rows = []
    for where, data in places.items():
        found, size = find(every, data), sum(map(len, data)) / 1e6
        for what, needles in session.needles.items():
            rows.append((what, where, len(needles), sum(needle in found for needle in needles), size))
    return pd.DataFrame(rows, columns=["what", "where", "needles", "found", "searched_mb"])


def what_sizes_tell(session: Session) -> dict[str, float]:
    """Return what the sizes of messages alone say about the scene.

    Returns
    -------
    dict
        ``count_correlation``: Spearman's rank correlation of size and objects, NaN where either does not vary;
        ``presence_auc``: probability that a segment with objects is larger than one without, NaN where there are
        none of either; ``segments``.
    """
    size, objects = session.sent["size"].to_numpy(float), session.sent["objects"].to_numpy(int)
    varied = len(set(size)) > 1 and len(set(objects)) > 1
    both = (objects > 0).any() and (objects == 0).any()
    return {
        "count_correlation": correlate_ranks(size, objects) if varied else float("nan"),
        "presence_auc": roc_area(size, objects > 0) if both else float("nan"),
        "segments": float(len(size)),
    }
