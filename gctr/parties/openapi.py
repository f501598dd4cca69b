"""The cloud's interface as OpenAPI 3.1; tests send it thousands of requests made from this description.

Reference: https://spec.openapis.org/oas/v3.1.0
"""

from functools import cache
from typing import Any, get_args

from gctr.parties.index import PAGE
from gctr.parties.messages import LATEST, MESSAGE_TYPE, STREAM_TYPE
from gctr.parties.store import Order

_NUMBER = {"type": "integer", "minimum": 0, "maximum": (1 << 62) - 1}
_SECONDS = {"type": "number", "minimum": 0, "maximum": LATEST}
_CAMERA = {"type": "string", "pattern": "^[a-z0-9][a-z0-9_-]{0,62}$"}
_BYTES = {"type": "string", "format": "binary"}


@cache
def describe() -> dict[str, Any]:
    """Return the OpenAPI document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "gctr cloud",
            "version": "1",
            "description": "Masked objects in, compositions out. Faces stay sealed; this cloud cannot unmask.",
        },
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _paths() -> dict[str, Any]:
    camera, sequence = _in("path", "camera", _CAMERA), _in("path", "sequence", _NUMBER)
    version = _in("path", "version", {"type": "integer", "minimum": 1, "maximum": (1 << 31) - 1})
    first, last = _in("query", "first", _NUMBER, True), _in("query", "last", _NUMBER, True)
    return {
        "/health": {"get": _call("Whether the store is open", [], _json("Health"), token=False)},
        "/metrics": {
            "get": _call("Counters (Prometheus)", [], {"text/plain": {"schema": {"type": "string"}}})
        },
        "/v1/cameras": {
            "get": _call("Cameras", [], _json("Cameras")),
            "post": _call("Register a camera", [], _json("Enrolled"), body=_json("Enrolment"), status=201),
        },
        "/v1/cameras/{camera}": {"get": _call("Where a camera stands", [camera], _json("Standing"))},
        "/v1/cameras/{camera}/backgrounds/{version}": {
            "get": _call("A background alone", [camera, version], _binary(MESSAGE_TYPE)),
            "put": _put("Put a background", [camera, version]),
        },
        "/v1/cameras/{camera}/segments": {
            "get": _call("Segments, a page at a time", [camera, *_segment_query()], _json("Segments"))
        },
        "/v1/cameras/{camera}/frames/{number}": {
            "get": _call(
                "The segment of a frame", [camera, _in("path", "number", _NUMBER)], _json("SegmentInfo")
            )
        },
        "/v1/cameras/{camera}/compositions": {
            "get": _call("Stream compositions", [camera, first, last], _binary(STREAM_TYPE))
        },
        "/v1/cameras/{camera}/segments/{sequence}": {
            "get": _call("A segment as it came; ranges", [camera, sequence], _binary(MESSAGE_TYPE)),
            "put": _put("Put a segment", [camera, sequence]),
        },
        "/v1/cameras/{camera}/segments/{sequence}/composition": {
            "get": _call("A composition", [camera, sequence], _binary(MESSAGE_TYPE))
        },
        "/v1/cameras/{camera}/segments/{sequence}/objects/{track_id}": {
            "get": _call("A partial image", [camera, sequence, *_object_query()], _binary(MESSAGE_TYPE))
        },
        "/v1/cameras/{camera}/segments/{sequence}/patches": {
            "get": _call(
                "Sealed faces", [camera, sequence, _in("query", "track_id", _NUMBER)], _binary(MESSAGE_TYPE)
            )
        },
    }


def _segment_query() -> list[dict[str, Any]]:
    limit = {"type": "integer", "minimum": 1, "maximum": PAGE}
    fields = {"first": _NUMBER, "last": _NUMBER, "since": _SECONDS, "until": _SECONDS, "limit": limit}
    return [_in("query", name, schema) for name, schema in fields.items()]


def _object_query() -> list[dict[str, Any]]:
    return [_in("path", "track_id", _NUMBER), _in("query", "frame", _NUMBER, True)]


def _in(where: str, name: str, schema: dict[str, Any], required: bool = False) -> dict[str, Any]:
    return {"in": where, "name": name, "schema": schema, "required": required or where == "path"}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _binary(kind: str) -> dict[str, Any]:
    return {kind: {"schema": _BYTES}}


def _call(
    summary: str,
    parameters: list[dict[str, Any]],
    answer: dict[str, Any],
    *,
    body: dict[str, Any] | None = None,
    status: int = 200,
    token: bool = True,
) -> dict[str, Any]:
    errors = (400, 401, 403, 404, 408, 409, 411, 413, 415, 416, 422, 429, 431, 503)
    responses: dict[str, Any] = {str(status): {"description": "done", "content": answer}}
    for code in errors if token else ():
        responses[str(code)] = {"description": "refused; the sentence says why", "content": _json("Error")}
    call: dict[str, Any] = {"summary": summary, "parameters": parameters, "responses": responses}
    if body:
        call["requestBody"] = {"required": True, "content": body}
    return call | {"security": [{"token": []}] if token else []}


def _put(summary: str, place: list[dict[str, Any]]) -> dict[str, Any]:
    times = [_in("header", name, _SECONDS) for name in ("gctr-captured", "gctr-sent")]
    call = _call(summary, [*place, *times], _json("Receipt"), body=_binary(MESSAGE_TYPE), status=201)
    call["responses"]["200"] = {"description": "stored before, the same bytes", "content": _json("Receipt")}
    return call


def _schemas() -> dict[str, Any]:
    text, number, count = {"type": "string"}, {"type": "number"}, {"type": "integer", "minimum": 0}
    pair = {"type": "array", "items": count, "minItems": 2, "maxItems": 2}
    pairs, names = {"type": "array", "items": pair}, {"type": "array", "items": _CAMERA}
    order = {"type": "string", "enum": list(get_args(Order))}
    counts = dict.fromkeys(["sequence", "first_frame", "n_frames", "background_version", "size"], count)
    listed = {"type": "array", "items": {"$ref": "#/components/schemas/SegmentInfo"}}
    standing = {"camera": _CAMERA, "next_sequence": count, "missing": pairs, "backgrounds": {"type": "array"}}
    return {
        "Error": _object({"error": text}),
        "Health": _object({"status": {"const": "ok"}}),
        "Cameras": _object({"cameras": names}),
        "Enrolment": _object({"camera": _CAMERA}),
        "Enrolled": _object({"camera": _CAMERA, "token": text}),
        "SegmentInfo": _object({"camera": _CAMERA, **counts, "captured": number}),
        "Segments": _object({"segments": listed}),
        "Standing": _object(standing),
        "Receipt": _object({"order": order, "missing": pairs}),
    }


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
