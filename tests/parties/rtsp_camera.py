"""A network camera in a process of its own: RTSP 1.0 over TCP with interleaved RTP, H.264 (RFC 2326, RFC 6184).

``python rtsp_camera.py PORT`` serves a moving block on a slope of grey, 25 frames a second, to one client after
another, until it is killed; it prints a line when it listens. Just enough of the standard for FFmpeg's client.
"""

import socket
import struct
import sys
import time
from collections.abc import Iterator

import av
import numpy as np

WIDTH, HEIGHT, FPS = 320, 240, 25
_MOST = 1400  # bytes of payload in one RTP packet
_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=gate\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
    "a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\na=control:track0\r\n"
)


def picture(k: int) -> np.ndarray:
    """Return frame k, (H, W, 3) uint8 BGR: a bright block that walks over a slope of grey."""
    image = np.repeat(np.linspace(40, 120, WIDTH, dtype=np.uint8)[None, :, None], HEIGHT, 0).repeat(3, 2)
    x = 8 * (k % 30) + 16
    image[80:160, x : x + 40] = (40, 200, 230)
    return image


def nal_units(k: int, encoder: av.VideoCodecContext) -> Iterator[bytes]:
    """Yield the NAL units of frame k without their start codes."""
    frame = av.VideoFrame.from_ndarray(picture(k), format="bgr24")
    frame.pts = k
    for packet in encoder.encode(frame):
        yield from (unit for unit in bytes(packet).replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1") if unit)


def payloads(unit: bytes) -> Iterator[bytes]:
    """Yield a NAL unit as RTP payloads: whole, or in fragments (FU-A)."""
    if len(unit) <= _MOST:
        yield unit
        return
    head, body = unit[0], unit[1:]
    for start in range(0, len(body), _MOST):
        first, last = start == 0, start + _MOST >= len(body)
        yield bytes([head & 0xE0 | 28, first << 7 | last << 6 | head & 0x1F]) + body[start : start + _MOST]


def play(client: socket.socket) -> None:
    """Send frames at their times until the client hangs up."""
    encoder = av.CodecContext.create("libx264", "w")
    encoder.width, encoder.height, encoder.pix_fmt, encoder.framerate = WIDTH, HEIGHT, "yuv420p", FPS
    encoder.gop_size, encoder.options = 10, {"preset": "ultrafast", "tune": "zerolatency"}
    sequence, begun = 0, time.monotonic()
    for k in range(1 << 30):
        parts = [part for unit in nal_units(k, encoder) for part in payloads(unit)]
        for number, part in enumerate(parts, 1):
            marker = (number == len(parts)) << 7
            header = struct.pack(">BBHII", 0x80, marker | 96, sequence & 0xFFFF, k * 90_000 // FPS, 7)
            client.sendall(struct.pack(">cBH", b"$", 0, len(header) + len(part)) + header + part)
            sequence += 1
        time.sleep(max(0.0, begun + (k + 1) / FPS - time.monotonic()))


def answer(request: str, port: int) -> str:
    """Return the answer to one request."""
    method = request.split(" ", 1)[0]
    number = next(line for line in request.splitlines() if line.lower().startswith("cseq:"))
    more = {
        "OPTIONS": "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n",
        "DESCRIBE": f"Content-Base: rtsp://127.0.0.1:{port}/gate/\r\nContent-Type: application/sdp\r\n"
        f"Content-Length: {len(_SDP)}\r\n",
        "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n",
    }
    body = _SDP if method == "DESCRIBE" else ""
    return f"RTSP/1.0 200 OK\r\n{number}\r\n{more.get(method, 'Session: 1' + chr(13) + chr(10))}\r\n{body}"


def converse(client: socket.socket, port: int) -> None:
    """Answer requests; play when asked to."""
    held = b""
    while data := client.recv(4096):
        held += data
        while b"\r\n\r\n" in held:
            request, _, held = held.partition(b"\r\n\r\n")
            client.sendall(answer(request.decode(), port).encode())
            if request.startswith(b"PLAY"):
                play(client)


def main(port: int) -> None:
    """Serve for ever."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        print("listening", flush=True)
        while True:
            client, _ = listener.accept()
            with client:
                try:
                    converse(client, port)
                except OSError:
                    continue  # the client hung up


if __name__ == "__main__":
    main(int(sys.argv[1]))
