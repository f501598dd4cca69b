"""What requests to the cloud say: in bodies, addresses and headers, checked before anything is looked up.

References: RFC 9110 (HTTP), section 14 for ranges.
"""

import re
from typing import Annotated, Any, NoReturn, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request

from gctr.parties.arrivals import Stamp
from gctr.parties.index import PAGE
from gctr.parties.messages import LATEST, CameraId, Counter, Seconds, Version

Parsed = TypeVar("Parsed", bound=Struct)


class Enrolment(Struct, forbid_unknown_fields=True):
    """What a camera says to register: the name it wants."""

    camera: CameraId


class SegmentQuery(Struct, forbid_unknown_fields=True):
    """Which segments to list: by sequence, or by capture time."""

    first: Counter = 0
    last: Counter | None = None
    since: Seconds | None = None
    until: Seconds | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = PAGE


class SpanQuery(Struct, forbid_unknown_fields=True):
    """Which compositions to stream, both ends included."""

    first: Counter
    last: Counter


class ObjectQuery(Struct, forbid_unknown_fields=True):
    """The frame of a partial image, counted from 0 in its segment."""

    frame: Counter


class PatchQuery(Struct, forbid_unknown_fields=True):
    """The object whose sealed faces are asked for; all by default."""

    track_id: Counter | None = None


def enrolment(body: bytes) -> Enrolment:
    """Return what a camera that registers says; 422 if it is no registration."""
    try:
        return msgspec.json.decode(body, type=Enrolment)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HTTPException(422, f"not a registration: {error}") from None


def read(request: Request, kind: type[Parsed]) -> Parsed:
    """Return the query of an address; 422 if it asks for what there cannot be."""
    names = [name for name, _ in request.query_params.multi_items()]
    if len(set(names)) != len(names):
        raise HTTPException(422, "a parameter stands twice in the address")
    try:
        return msgspec.convert(dict(request.query_params), kind, strict=False)
    except msgspec.ValidationError as error:
        raise HTTPException(422, f"the address asks for what there cannot be: {error}") from None


def camera(request: Request) -> str:
    """Return the camera in an address; 404 if no camera has such a name."""
    try:
        return msgspec.convert(request.path_params["camera"], CameraId)
    except msgspec.ValidationError:
        raise HTTPException(404, "no camera has such a name") from None


def number(request: Request, name: str) -> int:
    """Return a sequence, frame or track number out of an address; 404 outside its limits."""
    return _converted(request, name, Counter)


def version(request: Request) -> int:
    """Return the version of a background out of an address; 404 outside its limits."""
    return _converted(request, "version", Version)


def stamp(request: Request) -> Stamp | None:
    """Return when the camera says that it captured and sent a message, None where it does not; 400 if it cannot be."""
    names = ("gctr-captured", "gctr-sent")
    if not any(name in request.headers for name in names):
        return None
    try:
        captured, sent = (float(request.headers[name]) for name in names)
    except (KeyError, ValueError):
        _bad_stamp()
    if not 0 <= captured <= sent <= LATEST:
        _bad_stamp()
    return Stamp(captured, sent)


def byte_range(text: str, size: int) -> tuple[int, int]:
    """Return (start, stop) of a single byte range (RFC 9110, 14.1.2) of `size` bytes.

    Raises
    ------
    HTTPException
        416 if it lies outside, or more than one range is asked.
    """
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


def _bad_stamp() -> NoReturn:
    raise HTTPException(
        400, "gctr-captured and gctr-sent are seconds since 1970, captured not after sent"
    ) from None


def _converted(request: Request, name: str, kind: Any) -> int:
    text = request.path_params[name]
    try:
        return msgspec.convert(int(text) if re.fullmatch(r"[0-9]{1,19}", text) else text, kind)
    except msgspec.ValidationError:
        raise HTTPException(404, f"{name} is a number within its limits") from None
