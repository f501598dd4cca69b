"""A queue on the camera's disk between the camera and a cloud that may be away.

`put` returns once the message is on the disk: synced, renamed, whole. A thread sends the messages in the order in
which they came and removes each when the cloud has acknowledged it. The queue survives the camera's end and goes on
where it stopped; what was sent but not yet removed is sent again, which the cloud takes as a duplicate.

Nothing is dropped. When the queue is full, `put` waits, so that a file is read more slowly; a live source then loses
frames before they are numbered, which is reported as a gap in time and not as a lost segment. What the cloud refuses
for good stops the queue with the cloud's reason; the message stays.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct, msgpack

from gctr._files import write_whole
from gctr.parties.messages import MAX_MESSAGE, MessageError, decode, peek_header
from gctr.parties.remote import CloudAway
from gctr.parties.store import StoreError, clear_errors

_PAUSES = (0.1, 5.0)  # seconds between tries while the cloud is away: first, longest


class Sender(Protocol):
    """What takes messages to the cloud, such as `gctr.parties.remote.RemoteCloud`."""

    def send(self, message: bytes, captured: float | None = None) -> object: ...


class SpoolError(StoreError):
    """A queue that is full for too long, damaged, or stopped by a refusal of the cloud."""


class Waiting(Struct, frozen=True, forbid_unknown_fields=True, array_like=True):
    """One message in the queue, and when it was captured, in seconds since 1970 by the camera's clock."""

    captured: float
    message: bytes


class Position(Struct, frozen=True, array_like=True):
    """The camera's next segment and next frame, counted since its very first start."""

    sequence: int = 0
    frame: int = 0


class Spool:
    """A bounded queue of messages in a folder.

    Parameters
    ----------
    folder : Path
        Of this camera alone. Made where it does not exist.
    sender : Sender
        Takes messages to the cloud.
    max_bytes : int
        Size of the queue; two days of a quiet camera fit the default.
    full_wait : float
        Seconds that `put` waits for room.
    clock : callable
        Seconds since 1970.
    """

    def __init__(
        self,
        folder: Path,
        sender: Sender,
        *,
        max_bytes: int = 4 << 30,
        full_wait: float = 3600.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._sender = folder, sender
        self._max_bytes, self._full_wait, self._clock = max_bytes, full_wait, clock
        with clear_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            for part in folder.glob("*.part"):  # of a writer that was killed: never acknowledged
                part.unlink()
            self._queue = sorted((int(path.stem), path.stat().st_size) for path in folder.glob("*.waiting"))
        self._next = self._queue[-1][0] + 1 if self._queue else 0
        if self._queue:  # the camera may have died between the message and the position
            self._advance(self._read(self._queue[-1][0]).message)
        self._changed = threading.Condition()
        self._refusal: str | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._send_all, name="spool", daemon=True)
        self._thread.start()

    @property
    def position(self) -> Position:
        """Where the camera goes on after a restart: past everything that was ever put."""
        try:
            return msgpack.decode((self._folder / "position").read_bytes(), type=Position)
        except FileNotFoundError:
            return Position()
        except ValueError:
            raise SpoolError(
                f"{self._folder / 'position'} is damaged: use a new camera name and folder"
            ) from None

    def __len__(self) -> int:
        """Return how many messages wait."""
        with self._changed:
            return len(self._queue)

    def put(self, message: bytes) -> None:
        """Take a message; when this returns it is on the disk and will be sent.

        Raises
        ------
        SpoolError
            If the queue stayed full, or stopped because the cloud refused a message for good.
        """
        data = msgpack.encode(Waiting(self._clock(), message))
        self._wait_for_room(len(data))
        with clear_errors(self._folder):
            write_whole(self._file(self._next), data)
            self._advance(message)
        with self._changed:
            self._queue.append((self._next, len(data)))
            self._next += 1
            self._changed.notify_all()

    def drain(self, timeout: float | None = None) -> bool:
        """Wait until all is sent; return whether it is. SpoolError if the cloud refused a message for good."""
        with self._changed:
            done = self._changed.wait_for(lambda: not self._queue or self._refusal is not None, timeout)
            self._check()
            return done

    def close(self) -> None:
        """Stop sending. What waits stays on the disk."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join()

    def _wait_for_room(self, size: int) -> None:
        with self._changed:
            self._check()
            has_room = self._changed.wait_for(lambda: self._fits(size), self._full_wait)
            self._check()
        if not has_room:
            raise SpoolError(f"{self._folder} is full and the cloud is away: nothing was dropped; free space")

    def _fits(self, size: int) -> bool:
        used = sum(size for _, size in self._queue)
        return not self._queue or used + size <= self._max_bytes or self._refusal is not None

    def _check(self) -> None:
        if self._refusal is not None:
            raise SpoolError(self._refusal)

    def _advance(self, message: bytes) -> None:
        header = peek_header(message)
        after = Position(header.sequence + 1, header.first_frame + header.n_frames)
        if header.kind == "segment" and after != self.position:
            write_whole(self._folder / "position", msgpack.encode(after))

    def _send_all(self) -> None:
        pause = _PAUSES[0]
        while (number := self._first()) is not None:
            try:
                waiting = self._read(number)
                self._sender.send(waiting.message, waiting.captured)
                self._remove(number)
            except CloudAway:
                self._rest(pause)
                pause = min(2 * pause, _PAUSES[1])
                continue
            except (StoreError, MessageError) as error:
                self._stop(f"{self._file(number)} waits and was refused: {error}")
                return
            except (
                Exception
            ) as error:  # a thread that died in silence would leave the camera waiting for ever
                self._stop(f"{self._file(number)} waits, sending failed: {type(error).__name__}: {error}")
                return
            pause = _PAUSES[0]

    def _first(self) -> int | None:
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            return None if self._closing else self._queue[0][0]

    def _rest(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._closing, seconds)

    def _remove(self, number: int) -> None:
        self._file(number).unlink(missing_ok=True)
        with self._changed:
            self._queue.pop(0)
            self._changed.notify_all()

    def _stop(self, reason: str) -> None:
        with self._changed:
            self._refusal = reason
            self._changed.notify_all()

    def _read(self, number: int) -> Waiting:
        path = self._file(number)
        try:
            if path.stat().st_size > MAX_MESSAGE:
                raise SpoolError(f"{path} is larger than any message: move it away")
            return decode(path.read_bytes(), Waiting)
        except OSError as error:
            raise SpoolError(f"{path} cannot be read: {error.strerror}") from None

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:016d}.waiting"
