"""The door of the cloud: who asks, may they, how much, and how fast does it come.

Everything is decided from the request's head before a byte of the body is kept; a body is read into memory that was
reserved for it. Every refusal is one JSON sentence.

References: RFC 9110 (HTTP), RFC 6750 (bearer tokens), RFC 6585 (429).
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gctr.parties.arrivals import Stamp
from gctr.parties.limits import Gate
from gctr.parties.messages import MAX_MESSAGE, CameraId
from gctr.parties.tokens import Parties, Party, Role

_LATEST = 1e11  # seconds since 1970; the year 5138


class Guard:
    """Checks of one running cloud.

    Parameters
    ----------
    parties : Parties
        Who is known.
    gate : Gate
        What each may ask.
    """

    def __init__(self, parties: Parties, gate: Gate) -> None:
        self._parties, self._gate = parties, gate

    def admit(self, request: Request, *roles: Role) -> Party:
        """Return who asks, if the role is one of `roles` and a camera asks for its own things only.

        Raises
        ------
        HTTPException
            401 without a known token, 403 for another's business, 429 for too many requests.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        party = self._parties.recognise(token.strip()) if scheme.lower() == "bearer" else None
        if party is None:
            challenge = {"www-authenticate": "Bearer"}
            raise HTTPException(401, "no token, or one that this cloud does not know", challenge)
        if party.role not in roles:
            raise HTTPException(403, f"a {party.role} token may not do this")
        if party.role == "camera" and request.path_params.get("camera", party.name) != party.name:
            raise HTTPException(403, "a camera may use its own name only")
        _wait_or_pass(self._gate.requests.wait(party.digest, 1.0))
        return party

    @asynccontextmanager
    async def body(self, request: Request, party: Party, most: int = MAX_MESSAGE) -> AsyncIterator[bytes]:
        """Read a body of announced length; its memory is reserved until the block ends.

        Raises
        ------
        HTTPException
            411 without a length, 413 above `most`, 415 if compressed, 429, 503 if there is no memory for it now,
            408 if it comes too slowly, 400 if it is cut.
        """
        size = _announced(request, most)
        _wait_or_pass(self._gate.bytes.wait(party.digest, size))
        if not self._gate.memory.take(size):
            raise HTTPException(503, "too many messages at once: send it again", {"retry-after": "1"})
        try:
            yield await self._read(request, size)
        finally:
            self._gate.memory.give_back(size)

    async def _read(self, request: Request, size: int) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(self._gate.limits.body_timeout):
                async for chunk in request.stream():
                    body += chunk
                    if len(body) > size:
                        raise HTTPException(400, "more bytes came than were announced")
        except TimeoutError:
            raise HTTPException(408, "the message came too slowly: send it again") from None
        except ClientDisconnect:
            raise HTTPException(400, "the connection ended inside the message") from None
        return bytes(body)


class SmallHeads:
    """ASGI middleware that refuses requests whose headers and address are too long together (431).

    The HTTP parser refuses what is too long while it is incomplete; this refuses what came at one stroke.
    """

    def __init__(self, app: Any, most: int) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on, or answer it here."""
        if scope["type"] == "http":
            size = len(scope["raw_path"]) + len(scope["query_string"])
            if size + sum(len(name) + len(value) for name, value in scope["headers"]) > self._most:
                answer = Response(b'{"error":"the head of the request is too long"}', 431)
                answer.headers["content-type"] = "application/json"
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)


def camera_name(request: Request) -> str:
    """Return the camera in the address, if it is a camera's name; 404 otherwise."""
    try:
        return msgspec.convert(request.path_params["camera"], CameraId)
    except msgspec.ValidationError:
        raise HTTPException(404, "no camera has such a name") from None


def stamp(request: Request) -> Stamp | None:
    """Return when the camera says that it captured and sent this message; None where it does not say."""
    names = ("gctr-captured", "gctr-sent")
    if not any(name in request.headers for name in names):
        return None
    try:
        captured, sent = (float(request.headers[name]) for name in names)
    except (KeyError, ValueError):
        _bad_stamp()
    if not (0 <= captured <= sent <= _LATEST and math.isfinite(sent)):
        _bad_stamp()
    return Stamp(captured, sent)


def byte_range(request: Request, size: int) -> tuple[int, int] | None:
    """Return (start, stop) of a single byte range (RFC 9110, 14.1.2), or None where all is asked.

    Raises
    ------
    HTTPException
        416 if it lies outside, or more than one range is asked.
    """
    text = request.headers.get("range")
    if text is None:
        return None
    unit, _, span = text.partition("=")
    first, dash, last = span.strip().partition("-")
    digits = all(part.isascii() and part.isdigit() and len(part) < 19 for part in (first, last) if part)
    if unit.strip().lower() != "bytes" or not dash or not digits or not (first or last):
        raise HTTPException(416, "one range, as bytes=FIRST-LAST", {"content-range": f"bytes */{size}"})
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= stop:
        raise HTTPException(416, f"there are {size} bytes", {"content-range": f"bytes */{size}"})
    return start, stop


def _announced(request: Request, most: int) -> int:
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise HTTPException(415, "messages come as they are: no content-encoding is taken")
    length = request.headers.get("content-length", "")
    if "transfer-encoding" in request.headers or not (length.isascii() and length.isdigit()):
        raise HTTPException(411, "say the length of the message (content-length)")
    if len(length) > 18 or int(length) > most:
        raise HTTPException(413, f"at most {most} bytes are taken: send shorter segments")
    return int(length)


def _wait_or_pass(seconds: float) -> None:
    if seconds > 0:
        wait = str(math.ceil(seconds))
        raise HTTPException(429, f"too much at once: again after {wait} s", {"retry-after": wait})


def _bad_stamp() -> NoReturn:
    raise HTTPException(
        400, "gctr-captured and gctr-sent are seconds since 1970, captured not after sent"
    ) from None
