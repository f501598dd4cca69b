"""A tap: a TCP relay on loopback between a party and the cloud that passes every byte on and keeps it with its time.

Limits: the tap sees TCP's payload, not its packets.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple


class Chunk(NamedTuple):
    """Bytes that passed together: seconds since the tap opened, from the party (True) or to it, connection, bytes."""

    time: float
    outward: bool
    connection: int
    data: bytes


class Tap:
    """A relay in front of a cloud that records what passes."""

    def __init__(self, url: str) -> None:
        scheme, _, place = url.partition("://")
        host, _, port = place.rpartition(":")
        self._target = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"
        self.chunks: list[Chunk] = []
        self._begun = time.monotonic()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        """Stop listening and hang up."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for end in self._open:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(timeout=5)
        for end in self._open:
            end.close()

    def streams(self) -> list[bytes]:
        """Return the bytes of each connection and direction, joined: needles may lie across chunks."""
        places = sorted({(chunk.connection, chunk.outward) for chunk in self.chunks})
        return [
            b"".join(c.data for c in self.chunks if (c.connection, c.outward) == place) for place in places
        ]

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:  # closed
                return
            try:
                far = socket.create_connection(self._target)
            except OSError:  # the party is hung up on, as the cloud would
                near.close()
                continue
            number = len(self._open) // 2
            self._open += [near, far]
            for source, target, outward in ((near, far, True), (far, near, False)):
                thread = threading.Thread(
                    target=self._relay, args=(source, target, outward, number), daemon=True
                )
                self._threads.append(thread)
                thread.start()

    def _relay(self, source: socket.socket, target: socket.socket, outward: bool, number: int) -> None:
        try:
            while data := source.recv(1 << 16):
                self.chunks.append(Chunk(time.monotonic() - self._begun, outward, number, data))
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return


@contextmanager
def tapped(url: str) -> Iterator[Tap]:
    """Open a tap in front of a cloud and close it with the block."""
    tap = Tap(url)
    try:
        yield tap
    finally:
        tap.close()
