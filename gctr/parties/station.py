"""A camera in its folder: keys, plate, numbering and the queue to a cloud that may be away.

A camera that is killed at any moment goes on with the next number: what it had put in the queue is sent, what it had
not is taken from the source again where the source is a file. No sequence number is given twice.

Limits: the first start needs the cloud, to register.
"""

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from gctr._files import write_whole
from gctr.parties.camera import Camera, CameraSettings, Sent
from gctr.parties.custody import camera_sealer
from gctr.parties.home import read_token
from gctr.parties.keyfile import read_key, write_secret
from gctr.parties.ledger import NonceLedger
from gctr.parties.live import Timed
from gctr.parties.local import FolderError, Footage
from gctr.parties.plates import PlateBook
from gctr.parties.remote import RemoteCloud
from gctr.parties.spool import Position, Spool
from gctr.vision.faces import FaceDetector
from gctr.vision.plate import Finder


class _Run(Struct):
    """Which footage the numbers since `begin` belong to."""

    source: str
    sha256: str | None
    begin: Position


class Station:
    """A camera that numbers, queues and sends.

    Parameters
    ----------
    home : Path
        The camera's folder (`gctr.parties.home`).
    spool : Spool
        Its queue.
    settings : CameraSettings
    ledger : NonceLedger
        Of the patches' nonces.
    detector : FaceDetector, optional
    find_people : callable, optional
        See `gctr.parties.observer.Observer`.
    """

    def __init__(
        self,
        home: Path,
        spool: Spool,
        settings: CameraSettings,
        ledger: NonceLedger,
        detector: FaceDetector | None = None,
        find_people: Finder | None = None,
    ) -> None:
        self._home, self._spool = home, spool
        store_key = read_key(home / "store.key", "store")
        sealer, book = camera_sealer(home, ledger, settings.camera), PlateBook(home / "plates")
        self.camera = Camera(store_key, sealer, settings, detector, book=book, find_people=find_people)

    def register(self, clip: Footage) -> None:
        """Put the background: of the clip at the first start, after that the one that holds at the next segment."""
        position = self._spool.position
        self.camera.resume(position.sequence, position.frame)
        self._spool.put(self.camera.register(clip))  # known to the cloud already, it is a duplicate

    def run(self, clip: Footage | Timed, *, name: str, sha256: str | None, live: bool) -> Iterator[Sent]:
        """Yield the segments of a clip or a live source as they enter the queue."""
        begin, position = self._begin(name, sha256, live), self._spool.position
        self.camera.resume(begin.sequence, begin.frame)
        done = range(begin.sequence, position.sequence)
        yield from self.camera.run(clip.timed(), self._spool, done=done)

    def _begin(self, name: str, sha256: str | None, live: bool) -> Position:
        path = self._home / "run.json"
        if path.is_file() and not live:
            try:
                earlier = msgspec.json.decode(path.read_bytes(), type=_Run)
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise FolderError(f"{path} is damaged: remove it to go on with new numbers") from None
            if (earlier.source, earlier.sha256) == (name, sha256):
                return earlier.begin
        begin = self._spool.position
        write_whole(path, msgspec.json.encode(_Run(name, sha256, begin)))
        return begin


@contextmanager
def open_station(
    home: Path,
    url: str,
    settings: CameraSettings,
    *,
    max_bytes: int = 4 << 30,
    detector: FaceDetector | None = None,
    find_people: Finder | None = None,
) -> Iterator[tuple[Station, Spool]]:
    """Open the camera of a folder, registering it at its cloud if that is still to be done.

    Raises
    ------
    StoreError
        If the cloud is away at the first start or refuses the registration.
    """
    certificate = home / "cert.pem" if url.startswith("https://") else None
    token = _own_token(home, url, certificate, settings.camera)
    with (
        closing(NonceLedger(home / "nonces.sqlite")) as ledger,
        closing(RemoteCloud(url, token, certificate, patience=0.0)) as cloud,
        closing(Spool(home / "spool", cloud, max_bytes=max_bytes)) as spool,
    ):
        yield Station(home, spool, settings, ledger, detector, find_people), spool


def _own_token(home: Path, url: str, certificate: Path | None, camera: str) -> str:
    path = home / "camera.token"
    if not path.exists():
        with closing(RemoteCloud(url, read_token(home / "enrol.token"), certificate)) as cloud:
            write_secret(path, cloud.enrol(camera).encode() + b"\n")
        (home / "enrol.token").unlink()  # it is used up
    return read_token(path)


def drained(spool: Spool, on_wait: Callable[[int], None] = lambda waiting: None) -> None:
    """Wait until the queue is empty, telling every second how many messages wait."""
    while not spool.drain(timeout=1.0):
        on_wait(len(spool))
