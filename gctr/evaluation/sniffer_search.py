"""Searching what was recorded for what must not be there: many byte strings (*needles*) in one pass.

Needles are rows of face pixels in every order a program might write them, the coded forms of faces and background,
and keys as they could be written. The same search goes over a recording, a disk and the memory of a process.

Limits: needles are found as they are, not what is hidden by coding unknown to the search; memory is read on Linux only.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gctr.parties.keyfile import Key
from gctr.vision.coding import encode_still

Frame = NDArray[np.uint8]
Box = tuple[int, int, int, int]
_STRIDE = 1 << 22  # bytes searched at once
_PAGE = 4096
_SHORTEST = 16  # bytes; shorter needles turn up by chance


def find(needles: Sequence[bytes], data: Sequence[bytes]) -> set[bytes]:
    """Return which of the needles, of 3 bytes or more each, stand anywhere in the data, as they are.

    One pass for all needles: a table of their first three bytes says where to look closer.
    """
    wanted: dict[int, set[bytes]] = {}
    for needle in needles:
        wanted.setdefault(int.from_bytes(needle[:3], "little"), set()).add(needle)
    table = np.zeros(1 << 24, np.bool_)
    table[list(wanted)] = True
    found: set[bytes] = set()
    for part in data:
        for place in _candidates(part, table):
            known = wanted[int.from_bytes(part[place : place + 3], "little")]
            found |= {needle for needle in known if part.startswith(needle, place)}
    return found


def _candidates(part: bytes, table: NDArray[np.bool_]) -> Iterator[int]:
    octets = np.frombuffer(part, np.uint8)
    for start in range(0, max(0, len(part) - 2), _STRIDE):
        piece = octets[start : start + _STRIDE + 2].astype(np.uint32)
        trigrams = piece[:-2] | piece[1:-1] << 8 | piece[2:] << 16
        yield from (start + np.flatnonzero(table[trigrams])).tolist()


def read_memory(pid: int) -> list[bytes]:
    """Return the writable memory of a process that this one started, region by region, without pages of zeros.

    Empty where /proc is not.

    Raises
    ------
    PermissionError
        If the system does not let a parent read its child.
    """
    maps = Path(f"/proc/{pid}/maps")
    if not maps.exists():
        return []
    regions = []
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end in re.findall(r"^([0-9a-f]+)-([0-9a-f]+) rw", maps.read_text(), re.MULTILINE):
            try:
                memory.seek(int(start, 16))
                regions.append(_without_zeros(memory.read(int(end, 16) - int(start, 16))))
            except (OSError, OverflowError, ValueError):
                continue  # of a device, or gone meanwhile
    return regions


def _without_zeros(region: bytes) -> bytes:
    pages = np.frombuffer(region[: len(region) // _PAGE * _PAGE], np.uint8).reshape(-1, _PAGE)
    return pages[pages.any(axis=1)].tobytes()


def make_needles(
    frames: Sequence[Frame], faces: Mapping[int, Sequence[Box]], key_packet: bytes
) -> dict[str, list[bytes]]:
    """Return what must not be found: the middle rows of faces, coded faces, and parts of the coded background.

    Parameters
    ----------
    frames : sequence of (H, W, 3) uint8 arrays, BGR
    faces : mapping of int to sequence of (x0, y0, x1, y1)
        By frame.
    key_packet : bytes
        The coded background.
    """
    crops = [frames[k][y0:y1, x0:x1] for k, boxes in faces.items() for x0, y0, x1, y1 in boxes]
    rows = [row for crop in crops for row in _pixel_rows(crop)]
    stills = [encode_still(np.ascontiguousarray(crop))[40:72] for crop in crops]
    return {
        "face pixels": [row for row in rows if len(row) >= _SHORTEST and len(set(row)) > 8],
        "coded faces": [still for still in stills if len(still) >= _SHORTEST],
        "coded background": [
            key_packet[k : k + 32] for k in range(len(key_packet) // 4, len(key_packet) - 32, 997)
        ],
    }


def _pixel_rows(crop: Frame) -> list[bytes]:
    """Return the middle row of a face as BGR, RGB and each plane alone."""
    row = crop[crop.shape[0] // 2]
    return [
        row.tobytes(),
        row[:, ::-1].tobytes(),
        *(np.ascontiguousarray(row[:, k]).tobytes() for k in range(3)),
    ]


def written(key: Key) -> list[bytes]:
    """Return a key as it could be written: raw, in hexadecimal digits, in base64."""
    return [key.secret, key.secret.hex().encode(), base64.b64encode(key.secret)[:40]]
