"""What the cloud tells of itself, in Prometheus' text format: requests, ingest by stage, cameras.

No metric holds a token, a key or a part of a message. Names of cameras and their activity are personal data: only the
surveillance system's token reads them.

Reference: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

if TYPE_CHECKING:
    from gctr.parties.index import Index
    from gctr.parties.store import Receipt

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """The counters of one running cloud."""

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        labels = ("endpoint", "method", "status")
        self.requests = Counter("gctr_requests", "Requests answered", labels, registry=registry)
        self.seconds = Histogram(
            "gctr_request_seconds",
            "Seconds from first to last byte",
            ("endpoint",),
            buckets=_BUCKETS,
            registry=registry,
        )
        self.stages = Counter("gctr_ingest_stage_seconds", "Seconds of ingest", ("stage",), registry=registry)
        self.bytes = Counter("gctr_ingest_bytes", "Bytes of messages acknowledged", registry=registry)
        self.arrivals = Counter("gctr_arrivals", "Messages acknowledged", ("order",), registry=registry)
        self.refused = Counter("gctr_refused", "Messages refused", ("why",), registry=registry)
        camera = ("camera",)
        self._segments = Gauge("gctr_camera_segments", "Segments stored", camera, registry=registry)
        self._bytes = Gauge("gctr_camera_bytes", "Bytes stored", camera, registry=registry)
        self._offset = Gauge(
            "gctr_camera_clock_offset_seconds", "Cloud's clock less camera's", camera, registry=registry
        )
        self._missing = Gauge(
            "gctr_camera_missing_segments", "Sequence numbers awaited", camera, registry=registry
        )

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Add the time that a block takes to a stage of ingest."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.stages.labels(name).inc(time.perf_counter() - start)

    def stored(self, receipt: "Receipt", size: int) -> None:
        """Count a message that was acknowledged."""
        self.arrivals.labels(receipt.order).inc()
        self.bytes.inc(size)

    def text(self, index: "Index") -> bytes:
        """Return all metrics; the cost grows with the number of cameras, not with what they sent."""
        for camera, segments, size, offset, missing in index.totals():
            self._segments.labels(camera).set(segments)
            self._bytes.labels(camera).set(size)
            self._offset.labels(camera).set(offset)
            self._missing.labels(camera).set(missing)
        return generate_latest(self._registry)


class Measured:
    """ASGI middleware that counts and times requests by endpoint; addresses, which name cameras, are not kept."""

    def __init__(self, app: Any, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, start = [500], time.perf_counter()

        async def watched(message: Any) -> None:
            if message["type"] == "http.response.start":
                status[0] = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            endpoint = getattr(scope.get("endpoint"), "__name__", "none")
            method = scope["method"] if scope["method"] in ("GET", "HEAD", "PUT", "POST") else "other"
            self._metrics.requests.labels(endpoint, method, str(status[0])).inc()
            self._metrics.seconds.labels(endpoint).observe(time.perf_counter() - start)
