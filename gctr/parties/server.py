"""The cloud on a network: HTTP over TLS, JSON for what is about messages, the messages themselves as they are.

Cameras register, put backgrounds and segments; the surveillance system lists them and asks for compositions, partial
images, backgrounds and sealed faces. PUT is idempotent: what was not acknowledged is sent again. The unmask key is
nowhere here; this module and all it imports never name it, and a test proves it.

Errors are ``{"error": sentence}``. ``/openapi.json`` describes the interface (`gctr.parties.openapi`).

Limits: one process; HTTP/1.1; tokens are revoked at the next request, not inside a running answer.
"""

import time

import msgspec
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gctr.parties import answers, guard, queries
from gctr.parties.arrivals import Stamp
from gctr.parties.cloud import Cloud, iterate_compositions
from gctr.parties.limits import Gate, Limits
from gctr.parties.messages import STREAM_TYPE, MessageError, peek_header
from gctr.parties.metrics import CONTENT_TYPE, Measured, Metrics
from gctr.parties.openapi import describe
from gctr.parties.store import Receipt, StoreError
from gctr.parties.tokens import Parties

_SMALL = 4096  # bytes of a registration


class Service:
    """The endpoints of one cloud. Those that wait for disks run in threads."""

    def __init__(self, cloud: Cloud, parties: Parties, gate: Gate, metrics: Metrics) -> None:
        self._cloud, self._parties, self._metrics = cloud, parties, metrics
        self._guard = guard.Guard(parties, gate)

    def routes(self) -> list[Route]:
        """Return all routes."""
        camera, segment = "/v1/cameras/{camera}", "/v1/cameras/{camera}/segments/{sequence}"
        return [
            Route("/health", self.health),
            Route("/openapi.json", self.openapi),
            Route("/metrics", self.metrics),
            Route("/v1/cameras", self.cameras),
            Route("/v1/cameras", self.enrol, methods=["POST"]),
            Route(camera, self.camera),
            Route(camera + "/backgrounds/{version}", self.background),
            Route(camera + "/backgrounds/{version}", self.put, methods=["PUT"]),
            Route(camera + "/segments", self.segments),
            Route(camera + "/frames/{number}", self.frame),
            Route(camera + "/compositions", self.compositions),
            Route(segment, self.segment),
            Route(segment, self.put, methods=["PUT"]),
            Route(segment + "/composition", self.composition),
            Route(segment + "/objects/{track_id}", self.partial),
            Route(segment + "/patches", self.patches),
        ]

    def health(self, request: Request) -> Response:
        """Answer once the store is open; needs no token and tells nothing else."""
        return answers.json({"status": "ok"})

    def openapi(self, request: Request) -> Response:
        """Describe the interface."""
        return answers.json(describe())

    def metrics(self, request: Request) -> Response:
        """Tell counters, to the surveillance system."""
        self._guard.admit(request, "surveillance")
        text = self._metrics.text(self._cloud.index)
        return Response(text, headers={"content-type": CONTENT_TYPE})

    def cameras(self, request: Request) -> Response:
        """List cameras."""
        self._guard.admit(request, "surveillance")
        return answers.json({"cameras": self._cloud.cameras()})

    async def enrol(self, request: Request) -> Response:
        """Register a camera: use an enrolment token up, answer the camera's own."""
        party = self._guard.admit(request, "enrol")
        async with self._guard.body(request, party, _SMALL) as body:
            wanted = queries.enrolment(body)
        token = await run_in_threadpool(self._parties.enrol, party, wanted.camera)
        return answers.json({"camera": wanted.camera, "token": token}, 201)

    def camera(self, request: Request) -> Response:
        """Tell where a camera stands: what is expected next, what is missing, which backgrounds there are."""
        self._guard.admit(request, "camera", "surveillance")
        return answers.json(self._cloud.standing(queries.camera(request)))

    def segments(self, request: Request) -> Response:
        """List segments, a page at a time."""
        self._guard.admit(request, "camera", "surveillance")
        camera = queries.camera(request)
        found = self._cloud.index.segments(
            camera, **msgspec.to_builtins(queries.read(request, queries.SegmentQuery))
        )
        return answers.json({"segments": found})

    def frame(self, request: Request) -> Response:
        """Tell which segment holds a frame."""
        self._guard.admit(request, "surveillance")
        return answers.json(self._cloud.at_frame(queries.camera(request), queries.number(request, "number")))

    async def put(self, request: Request) -> Response:
        """Take a background or a segment; acknowledge it once it is stored for good."""
        party = self._guard.admit(request, "camera")
        camera, when = queries.camera(request), queries.stamp(request)
        kind = "segment" if "sequence" in request.path_params else "background"
        number = queries.number(request, "sequence") if kind == "segment" else queries.version(request)
        start = time.perf_counter()
        async with self._guard.body(request, party) as message:
            self._metrics.stages.labels("receive").inc(time.perf_counter() - start)
            receipt = await run_in_threadpool(self._receive, message, when, (camera, kind, number))
        return answers.json(receipt, 200 if receipt.order == "duplicate" else 201)

    def _receive(self, message: bytes, when: Stamp | None, address: tuple[str, str, int]) -> Receipt:
        try:
            _check_address(message, *address)
            receipt = self._cloud.receive(message, when)
        except (StoreError, MessageError) as error:
            self._metrics.refused.labels(type(error).__name__).inc()
            raise
        self._metrics.stored(receipt, len(message))
        return receipt

    def background(self, request: Request) -> Response:
        """Deliver a background alone."""
        self._guard.admit(request, "camera", "surveillance")
        return answers.message(self._cloud.background(queries.camera(request), queries.version(request)))

    def segment(self, request: Request) -> Response:
        """Deliver a segment as the camera sent it, or a range of its bytes."""
        self._guard.admit(request, "surveillance")
        camera, sequence = queries.camera(request), queries.number(request, "sequence")
        asked = request.headers.get("range")
        if asked is None:
            return answers.message(self._cloud.segment(camera, sequence), {"accept-ranges": "bytes"})
        size = self._cloud.segment_size(camera, sequence)
        start, stop = queries.byte_range(asked, size)
        part = self._cloud.segment_part(camera, sequence, start, stop)
        return answers.message(part, {"content-range": f"bytes {start}-{stop - 1}/{size}"}, 206)

    def composition(self, request: Request) -> Response:
        """Deliver a segment in front of its background."""
        self._guard.admit(request, "surveillance")
        return answers.message(
            self._cloud.compose(queries.camera(request), queries.number(request, "sequence"))
        )

    def compositions(self, request: Request) -> Response:
        """Stream the compositions of a range of segments, as fast as they are read."""
        self._guard.admit(request, "surveillance")
        camera, span = queries.camera(request), queries.read(request, queries.SpanQuery)
        parts = answers.framed(iterate_compositions(self._cloud, camera, span.first, span.last))
        return StreamingResponse(parts, headers={"content-type": STREAM_TYPE})

    def partial(self, request: Request) -> Response:
        """Deliver one masked object of one frame alone."""
        self._guard.admit(request, "surveillance")
        numbers = (
            queries.number(request, "sequence"),
            queries.read(request, queries.ObjectQuery).frame,
            queries.number(request, "track_id"),
        )
        return answers.message(self._cloud.partial(queries.camera(request), *numbers))

    def patches(self, request: Request) -> Response:
        """Deliver the sealed faces of a segment alone."""
        self._guard.admit(request, "surveillance")
        place = queries.camera(request), queries.number(request, "sequence")
        return answers.message(
            self._cloud.patches(*place, queries.read(request, queries.PatchQuery).track_id)
        )


def make_app(
    cloud: Cloud, parties: Parties, limits: Limits | None = None, metrics: Metrics | None = None
) -> Starlette:
    """Return the ASGI application of a cloud.

    Parameters
    ----------
    cloud : Cloud
        Open, with ``stages=metrics.stage`` if its ingest is to be timed.
    parties : Parties
        Who may do what.
    limits : Limits, optional
    metrics : Metrics, optional
    """
    metrics, limits = metrics or Metrics(), limits or Limits()
    service = Service(cloud, parties, Gate(limits), metrics)
    middleware = [
        Middleware(Measured, metrics=metrics),
        Middleware(guard.HeaderLimit, most=limits.headers),
    ]
    return Starlette(routes=service.routes(), exception_handlers=answers.handlers(), middleware=middleware)


def _check_address(message: bytes, camera: str, kind: str, number: int) -> None:
    header = peek_header(message)
    own = header.sequence if kind == "segment" else header.background_version
    if (header.camera, header.kind, own) != (camera, kind, number):
        raise MessageError(
            f"the address says {kind} {number} of {camera}, the message {header.kind} {own} of {header.camera}"
        )
