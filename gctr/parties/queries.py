"""What requests to the cloud say: bodies, queries and numbers in addresses, checked before anything is looked up."""

import re
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct
from starlette.exceptions import HTTPException
from starlette.requests import Request

from gctr.parties.index import PAGE
from gctr.parties.messages import CameraId, Counter, Version

Number = Annotated[int, Meta(ge=0, lt=1 << 62)]
Seconds = Annotated[float, Meta(ge=0, le=1e11)]
Parsed = TypeVar("Parsed", bound=Struct)


class Enrolment(Struct, forbid_unknown_fields=True):
    """What a camera says to register: the name it wants."""

    camera: CameraId


class SegmentQuery(Struct, forbid_unknown_fields=True):
    """Which segments to list: by sequence, or by capture time."""

    first: Number = 0
    last: Number | None = None
    since: Seconds | None = None
    until: Seconds | None = None
    limit: Annotated[int, Meta(ge=1, le=PAGE)] = PAGE


class SpanQuery(Struct, forbid_unknown_fields=True):
    """Which compositions to stream, both ends included."""

    first: Number
    last: Number


class ObjectQuery(Struct, forbid_unknown_fields=True):
    """The frame of a partial image, counted from 0 in its segment."""

    frame: Number


class PatchQuery(Struct, forbid_unknown_fields=True):
    """The object whose sealed faces are asked for; all by default."""

    track_id: Number | None = None


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


def number(request: Request, name: str) -> int:
    """Return a sequence, frame or track number out of an address; 404 outside its limits."""
    return _converted(request, name, Counter)


def version(request: Request) -> int:
    """Return the version of a background out of an address; 404 outside its limits."""
    return _converted(request, "version", Version)


def _converted(request: Request, name: str, kind: Any) -> int:
    text = request.path_params[name]
    try:
        return msgspec.convert(int(text) if re.fullmatch(r"[0-9]{1,19}", text) else text, kind)
    except msgspec.ValidationError:
        raise HTTPException(404, f"{name} is a number within its limits") from None
