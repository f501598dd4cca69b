"""A cloud that is reached over HTTP, with the methods of `gctr.parties.cloud.Cloud`.

The camera puts through it, the surveillance system asks through it. Every request may be repeated without harm, so a
request that met a dead connection or a busy cloud is repeated with growing pauses (full jitter) until `patience` ends.

Reference: "Exponential backoff and jitter", Amazon Builders' Library.

Limits: answers are held in memory, at most `MAX_MESSAGE` bytes each; a longer answer is refused, not read.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

import httpx
import msgspec
from msgspec import Struct

from gctr.parties.arrivals import Stamp
from gctr.parties.index import PAGE
from gctr.parties.messages import MAX_MESSAGE, MESSAGE_TYPE, MessageError, peek_header
from gctr.parties.store import NotStored, Receipt, Refused, SegmentInfo, Standing, StoreError
from gctr.parties.tls import trust

_AGAIN = (408, 429, 500, 502, 503, 504)
Parsed = TypeVar("Parsed")


class CloudAway(StoreError):
    """The cloud was not reached, or was too busy, for as long as the client is patient. Nothing is lost by it."""


class _Answer(NamedTuple):
    status: int
    content: bytes


class _Segments(Struct):
    segments: list[SegmentInfo]


class _Cameras(Struct):
    cameras: list[str]


class _Enrolled(Struct):
    camera: str
    token: str


class _Error(Struct):
    error: str


class RemoteCloud:
    """A cloud on the network.

    Parameters
    ----------
    url : str
        Such as ``https://cloud.example:8443``.
    token : str
        Of a camera or of the surveillance system.
    certificate : Path, optional
        The cloud's own certificate, trusted alone; by default the system's authorities are.
    patience : float
        Seconds of trying again before `CloudAway`.
    timeout : float
        Seconds to wait for a connection and for each read.
    clock : callable
        Seconds since 1970, sent along so that the cloud knows how far the clocks are apart.

    Raises
    ------
    StoreError
        If `url` is no address, or the certificate cannot be read.
    """

    def __init__(
        self,
        url: str,
        token: str,
        certificate: Path | None = None,
        *,
        patience: float = 10.0,
        timeout: float = 10.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._patience, self._clock = patience, clock
        try:
            self._http = httpx.Client(
                base_url=url.rstrip("/"),
                headers={"authorization": f"Bearer {token}", "accept-encoding": "identity"},
                verify=trust(certificate) if certificate else True,
                timeout=timeout,
                trust_env=False,  # no proxy of the environment gets between
            )
        except httpx.InvalidURL as error:
            raise StoreError(f"{url} is no address of a cloud: {error}") from None

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    def enrol(self, camera: str) -> str:
        """Register a camera with an enrolment token; return the camera's own token."""
        content = msgspec.json.encode({"camera": camera})
        headers = {"content-type": "application/json"}
        # Not repeated: an enrolment token works once.
        answer = self._once("POST", "/v1/cameras", content=content, headers=headers)
        return _parsed(answer, _Enrolled).token

    def put(self, message: bytes) -> None:
        """Send a background or a segment. When this returns, the cloud has stored it for good.

        Raises
        ------
        CloudAway
            If the cloud is not reached.
        StoreError, MessageError
            If it refuses.
        """
        self.send(message)

    def send(self, message: bytes, captured: float | None = None) -> Receipt:
        """Send a message as `put` does, and tell when it was captured; return the cloud's receipt."""
        header = peek_header(message)
        path = f"/v1/cameras/{header.camera}/backgrounds/{header.background_version}"
        if header.kind == "segment":
            path = f"/v1/cameras/{header.camera}/segments/{header.sequence}"

        def stamped() -> dict[str, str]:
            sent = self._clock()
            stamp = Stamp(min(sent if captured is None else captured, sent), sent)
            times = {"gctr-captured": f"{stamp.captured:.3f}", "gctr-sent": f"{stamp.sent:.3f}"}
            return {"content-type": MESSAGE_TYPE, **times}

        return _parsed(self._ask("PUT", path, content=message, headers=stamped), Receipt)

    def cameras(self) -> list[str]:
        """Return the names of the cameras that registered a background."""
        return _parsed(self._ask("GET", "/v1/cameras"), _Cameras).cameras

    def standing(self, camera: str) -> Standing:
        """Return where a camera stands with the cloud."""
        return _parsed(self._ask("GET", f"/v1/cameras/{camera}"), Standing)

    def segments(self, camera: str) -> list[SegmentInfo]:
        """Return all that is stored of a camera, in order."""
        found, page = [], self.page(camera)
        while page:
            found += page
            page = self.page(camera, first=page[-1].sequence + 1) if len(page) == PAGE else []
        return found

    def page(self, camera: str, **query: float) -> list[SegmentInfo]:
        """Return at most 1000 segments: `first`, `last` by sequence, or `since`, `until` by capture time."""
        answer = self._ask("GET", f"/v1/cameras/{camera}/segments", params=query)
        return _parsed(answer, _Segments).segments

    def at_frame(self, camera: str, number: int) -> SegmentInfo:
        """Return the segment that holds frame `number`, counted since the camera's start."""
        return _parsed(self._ask("GET", f"/v1/cameras/{camera}/frames/{number}"), SegmentInfo)

    def background(self, camera: str, version: int) -> bytes:
        """Return a background alone: the message that registered it."""
        return self._ask("GET", f"/v1/cameras/{camera}/backgrounds/{version}").content

    def segment(self, camera: str, sequence: int) -> bytes:
        """Return a segment as the camera sent it."""
        return self._ask("GET", f"/v1/cameras/{camera}/segments/{sequence}").content

    def segment_part(self, camera: str, sequence: int, start: int, stop: int) -> bytes:
        """Return bytes `start` to `stop` of a segment, `stop` exclusive."""
        headers = {"range": f"bytes={start}-{stop - 1}"}
        return self._ask("GET", f"/v1/cameras/{camera}/segments/{sequence}", headers=headers).content

    def compose(self, camera: str, sequence: int) -> bytes:
        """Return a segment in front of its background: a sealed `Composition`."""
        return self._ask("GET", f"/v1/cameras/{camera}/segments/{sequence}/composition").content

    def compositions(self, camera: str, first: int, last: int) -> Iterator[bytes]:
        """Yield compositions of a range as the cloud streams them, one in memory at a time. Not repeated."""
        path, params = f"/v1/cameras/{camera}/compositions", {"first": first, "last": last}
        with _clear(self._http), self._http.stream("GET", path, params=params) as answer:
            if answer.status_code != 200:
                _refuse(_Answer(answer.status_code, _bounded(answer)))
            yield from unframe(answer.iter_raw())

    def partial(self, camera: str, sequence: int, frame: int, track_id: int) -> bytes:
        """Return one masked object of one frame alone: a sealed picture."""
        path = f"/v1/cameras/{camera}/segments/{sequence}/objects/{track_id}"
        return self._ask("GET", path, params={"frame": frame}).content

    def patches(self, camera: str, sequence: int, track_id: int | None = None) -> bytes:
        """Return the sealed faces of a segment alone: a sealed `Patches`."""
        params = {} if track_id is None else {"track_id": track_id}
        return self._ask("GET", f"/v1/cameras/{camera}/segments/{sequence}/patches", params=params).content

    def metrics(self) -> str:
        """Return the cloud's counters in Prometheus' text format."""
        return self._ask("GET", "/metrics").content.decode()

    def _ask(self, method: str, path: str, *, headers: Any = None, **more: Any) -> _Answer:
        end, pause = time.monotonic() + self._patience, 0.05
        while True:
            try:
                made = headers() if callable(headers) else headers
                return self._once(method, path, headers=made, **more)
            except CloudAway:
                wait = random.uniform(0, pause)
                if time.monotonic() + wait > end:
                    raise
                time.sleep(wait)
                pause = min(2 * pause, 5.0)

    def _once(self, method: str, path: str, **more: Any) -> _Answer:
        with _clear(self._http), self._http.stream(method, path, **more) as response:
            answer = _Answer(response.status_code, _bounded(response))
        if answer.status >= 400:
            _refuse(answer)
        return answer


def unframe(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the messages of a stream in which each follows its length in 4 bytes, big-endian.

    Raises
    ------
    MessageError
        If a length is beyond `MAX_MESSAGE`, or the stream ends inside a message.
    """
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) >= 4:
            size = int.from_bytes(held[:4], "big")
            if size > MAX_MESSAGE:
                raise MessageError(f"a message of {size} bytes is announced: at most {MAX_MESSAGE} are taken")
            if len(held) < 4 + size:
                break
            yield bytes(held[4 : 4 + size])
            del held[: 4 + size]
    if held:
        raise MessageError("the stream ended inside a message: ask again from there")


@contextmanager
def _clear(http: httpx.Client) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise CloudAway(f"the cloud at {http.base_url} was not reached: {reason}") from None


def _bounded(response: httpx.Response) -> bytes:
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_MESSAGE:
            raise MessageError(f"the cloud answers with more than {MAX_MESSAGE} bytes")
    return bytes(body)


def _refuse(answer: _Answer) -> NoReturn:
    try:
        text = msgspec.json.decode(answer.content, type=_Error).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        text = f"the cloud answered {answer.status}"
    kinds = {404: NotStored, 409: Refused, 422: MessageError}
    raise (CloudAway if answer.status in _AGAIN else kinds.get(answer.status, StoreError))(text)


def _parsed(answer: _Answer, kind: type[Parsed]) -> Parsed:
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MessageError(f"the cloud's answer is not understood: {error}") from None
