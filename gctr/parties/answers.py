"""How the cloud answers: messages as they are, the rest as JSON, errors as ``{"error": sentence}``."""

from collections.abc import Iterator
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gctr.parties.messages import MESSAGE_TYPE, MessageError
from gctr.parties.store import NotStored, Refused, StoreError, StoreFailed

_STATUS = ((NotStored, 404), (Refused, 409), (StoreFailed, 503), (StoreError, 500), (MessageError, 422))


def framed(messages: Iterator[bytes]) -> Iterator[bytes]:
    """Yield each message after its length in 4 bytes, big-endian."""
    for message in messages:
        yield len(message).to_bytes(4, "big")
        yield message


def message(data: bytes, headers: dict[str, str] | None = None, status: int = 200) -> Response:
    """Answer with a sealed message, or a part of one."""
    return Response(
        data, status, {"content-type": MESSAGE_TYPE, "cache-control": "no-store", **(headers or {})}
    )


def json(value: Any, status: int = 200) -> Response:
    """Answer with what is about messages."""
    headers = {"content-type": "application/json", "cache-control": "no-store"}
    return Response(msgspec.json.encode(value), status, headers)


def handlers() -> dict[Any, Any]:
    """Return what answers each kind of error."""
    known: dict[Any, Any] = {kind: _answer(status) for kind, status in _STATUS}
    return known | {HTTPException: _http_error, Exception: _broken}


def _answer(status: int) -> Any:
    def handler(request: Request, error: Exception) -> Response:
        answer = json({"error": str(error)}, status)
        if status == 503:
            answer.headers["retry-after"] = "2"
        return answer

    return handler


def _http_error(request: Request, error: HTTPException) -> Response:
    answer = json({"error": error.detail}, error.status_code)
    answer.headers.update(error.headers or {})
    return answer


def _broken(request: Request, error: Exception) -> Response:
    # The traceback goes to the log; the answer tells a stranger nothing about the inside.
    return json({"error": "the cloud failed at this request and goes on with others"}, 500)
