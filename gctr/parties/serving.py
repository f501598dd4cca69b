"""Running the cloud: uvicorn over TLS, on a port that the system may choose."""

import ipaddress
import logging
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import uvicorn
from starlette.applications import Starlette

from gctr.parties.envelope import open_message, seal
from gctr.parties.home import open_cloud
from gctr.parties.keyfile import new_key
from gctr.parties.limits import Limits
from gctr.parties.messages import Header
from gctr.parties.metrics import Metrics
from gctr.parties.server import make_app
from gctr.parties.store import StoreError
from gctr.parties.tokens import Parties


def serve(
    folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8443,
    tls: bool = True,
    limits: Limits | None = None,
    on_ready: Callable[[str], None] = lambda url: None,
    until_stdin_closes: bool = False,
) -> None:
    """Serve the cloud of a folder until it is told to stop (SIGINT, SIGTERM).

    Parameters
    ----------
    folder : Path
        The ``cloud`` folder that `gctr.parties.home.init` made.
    host, port : str, int
        Where to listen; port 0 lets the system choose.
    tls : bool
        Without TLS tokens travel in the clear: taken on loopback alone, for measurements.
    limits : Limits, optional
    on_ready : callable
        Told the URL once connections are taken.
    until_stdin_closes : bool
        Stop when standard input ends: a server started by another process does not outlive it.

    Raises
    ------
    StoreError
        If the folder holds no cloud, the port is taken, or TLS is off beyond loopback.
    """
    limits, metrics = limits or Limits(), Metrics()
    if not tls and not _is_loopback(host):
        raise StoreError(f"without TLS the cloud is served on loopback only, not on {host}")
    cloud = open_cloud(folder, metrics.stage)
    _load_kernels()
    try:
        app = make_app(cloud, Parties(folder / "parties.json"), limits, metrics)
        listener = _listen(host, port)
        server = _Announcing(_config(app, folder, tls, limits), listener, on_ready, host)
        if until_stdin_closes:
            threading.Thread(target=server.stop_with, args=(sys.stdin.buffer,), daemon=True).start()
        server.run(sockets=[listener])
    finally:
        cloud.close()


class _Announcing(uvicorn.Server):
    """Tells its URL once it takes connections."""

    def __init__(
        self, config: uvicorn.Config, listener: socket.socket, on_ready: Callable[[str], None], host: str
    ) -> None:
        super().__init__(config)
        name = f"[{host}]" if ":" in host else host
        scheme = "https" if config.ssl_certfile else "http"
        self._url, self._on_ready = f"{scheme}://{name}:{listener.getsockname()[1]}", on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready(self._url)

    def stop_with(self, stream: BinaryIO) -> None:
        while stream.read(4096):
            pass
        self.should_exit = True


def _config(app: Starlette, folder: Path, tls: bool, limits: Limits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        access_log=False,  # addresses name cameras, and their times are their activity
        log_level=logging.WARNING,
        server_header=False,
        timeout_keep_alive=limits.idle_timeout,
        timeout_graceful_shutdown=5,
        limit_concurrency=limits.connections,
        h11_max_incomplete_event_size=limits.headers,
        ssl_certfile=folder / "cert.pem" if tls else None,
        ssl_keyfile=folder / "key.pem" if tls else None,
    )


def _load_kernels() -> None:
    """Open a message of zeros, so that no camera waits while the cipher's kernels are loaded or compiled."""
    header = Header("segment", "nobody", 0, 0, 0, 1, 1, (16, 16), "bucket_gcm", bytes(16), 1)
    key = new_key("store")
    open_message(key, seal(key, header, bytes(4096)))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's delay (40 ms an answer) off only where the socket names TCP.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise StoreError(f"cannot listen on {host} port {port}: {error.strerror}; choose another") from None
    return listener


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
