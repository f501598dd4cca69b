"""The door of the cloud: who asks, may they, how much, and how fast does it come.

Everything is decided from the request's head before a byte of the body is kept; a body is read into memory that was
reserved for it. Every refusal is one JSON sentence.

References: RFC 9110 (HTTP), RFC 6750 (bearer tokens), RFC 6585 (429).
"""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from gctr.parties.limits import Gate
from gctr.parties.messages import MAX_MESSAGE
from gctr.parties.tokens import Parties, Party, Role


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


class HeaderLimit:
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
