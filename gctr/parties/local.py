"""The three parties in one folder: what `gctr protect`, `compose` and `unmask` work on.

``cloud/`` is the cloud's store, ``camera/`` what the camera remembers between runs, ``keys/`` the key files
(`gctr.parties.custody`), ``audit.jsonl`` the log of unmasks. The folders are apart because their holders are: give away
``cloud/`` and ``keys/store.key`` together, and everybody who has them sees masked people; whoever has
``keys/unmask.key`` too sees faces.

A run that was interrupted goes on where it stopped: what the cloud acknowledged is not sent again.
"""

from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import NamedTuple, Protocol

import msgspec

from gctr._files import write_whole
from gctr.parties.audit import AuditLog
from gctr.parties.camera import Camera, CameraSettings, Sent
from gctr.parties.cloud import Cloud
from gctr.parties.custody import camera_sealer, read_opener
from gctr.parties.keyfile import read_key, read_or_make_key
from gctr.parties.ledger import NonceLedger
from gctr.parties.plates import PlateBook
from gctr.parties.surveillance import Surveillance


class Footage(Protocol):
    """What `protect` needs of a clip: a name, a checksum if it has one, and frames that can be read twice."""

    @property
    def name(self) -> str: ...
    @property
    def sha256(self) -> str | None: ...
    def __iter__(self): ...
    def timed(self): ...


class FolderError(ValueError):
    """A folder that holds other footage, other settings, or nothing of gctr."""


class Protected(NamedTuple):
    """What one run of `protect` did: segments sent, segments that were there already, bytes of the backgrounds."""

    sent: list[Sent]
    kept: int
    background_size: int


class _State(msgspec.Struct):
    source: str
    sha256: str | None
    settings: dict[str, str | int | float]
    format: int = 1


def protect(
    clip: Footage,
    folder: Path,
    settings: CameraSettings | None = None,
    *,
    on_sent: Callable[[Sent], None] = lambda sent: None,
) -> Protected:
    """Run a clip through the camera into the folder's cloud; make keys where there are none.

    Parameters
    ----------
    clip : Footage
        For instance a `gctr.datasets.Clip`.
    folder : Path
        New, empty, or of an interrupted run over the same clip with the same settings.
    settings : CameraSettings, optional
    on_sent : callable
        Told of every segment that was acknowledged.

    Raises
    ------
    FolderError
        If the folder belongs to other footage or other settings.
    """
    settings = settings or CameraSettings()
    _claim(folder / "camera" / "state.json", _State(clip.name, clip.sha256, asdict(settings)))
    store_key = read_or_make_key(folder / "keys" / "store.key", "store")
    book = PlateBook(folder / "camera" / "plates")
    with (
        closing(NonceLedger(folder / "camera" / "nonces.sqlite")) as ledger,
        closing(Cloud(folder / "cloud", store_key)) as cloud,
    ):
        sealer = camera_sealer(folder / "keys", ledger, settings.camera)
        camera = Camera(store_key, sealer, settings, book=book)
        cloud.put(camera.register(clip))  # known to the cloud already, it is a duplicate
        done = {segment.sequence for segment in cloud.segments(settings.camera)}
        sent = []
        for segment in camera.run(clip.timed(), cloud, done=done):
            on_sent(segment)
            sent.append(segment)
        return Protected(sent, len(done), sum(len(known.message) for known in book.registered))


def open_folder(
    folder: Path, unmask_key: Path | None = None, private_key: Path | None = None
) -> tuple[Cloud, Surveillance]:
    """Open the cloud of a folder and a surveillance system that reads it.

    Parameters
    ----------
    folder : Path
        Written by `protect`.
    unmask_key : Path, optional
        A key file or a grant; without one, everything stays masked. With one, every unmask is logged in the folder.
    private_key : Path, optional
        To whom the grant is made out, if it is to somebody.

    Raises
    ------
    FolderError
        If there is no store in the folder.
    KeyFileError
        If a key is missing or unfit.
    """
    if not (folder / "cloud" / "index.sqlite").is_file():
        raise FolderError(f"{folder} holds no gctr store: make one with 'gctr protect VIDEO -o {folder}'")
    store_key = read_key(folder / "keys" / "store.key", "store")
    opener = read_opener(unmask_key, private_key) if unmask_key else None
    cloud = Cloud(folder / "cloud", store_key)
    return cloud, Surveillance(cloud, store_key, opener, audit_log(folder))


def audit_log(folder: Path) -> AuditLog:
    """Return the log of what was unmasked out of a folder."""
    return AuditLog(folder / "audit.jsonl")


def _claim(path: Path, state: _State) -> None:
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, msgspec.json.encode(state))
        return
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_State)
    except msgspec.DecodeError:
        raise FolderError(f"{path} is damaged: protect into another folder") from None
    if found != state:
        same = "settings" if (found.source, found.sha256) == (state.source, state.sha256) else "footage"
        raise FolderError(
            f"{path.parents[1]} was begun with other {same} ({found.source}): use another folder"
        )
