"""Where objects were, packed: an object's box moves little from frame to frame, so differences are sent.

Rows (frame, track, x0, y0, x1, y1) are sorted by track and frame, replaced by the difference to the row before,
written column by column with the bytes of equal weight together (as HDF5's shuffle filter does), and deflated
(RFC 1951). That takes a sixth of a list of the same rows.

Limits: what is unpacked is bounded before memory is taken for it; rows come back sorted by frame and track.
"""

import zlib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

COLUMNS = 6
MAX_ROWS = 1_000_000  # rows a segment: a hundred objects in each of 10,000 frames


class PositionsError(ValueError):
    """Bytes that `pack_rows` did not make."""


def pack_rows(rows: Sequence[Sequence[int]]) -> bytes:
    """Return rows of six integers (frame, track, x0, y0, x1, y1) as bytes; none are no bytes.

    Raises
    ------
    PositionsError
        If there are more rows than a segment may have.
    """
    if not rows:
        return b""
    if len(rows) > MAX_ROWS:
        raise PositionsError(f"{len(rows)} positions in a segment: at most {MAX_ROWS}; send shorter segments")
    table = np.array(rows, dtype="<i8").reshape(-1, COLUMNS)
    table = table[np.lexsort((table[:, 0], table[:, 1]))]
    steps = np.diff(table, axis=0, prepend=np.zeros((1, COLUMNS), table.dtype)).T.ravel()
    return zlib.compress(steps.astype("<i8").view(np.uint8).reshape(-1, 8).T.tobytes(), 9)


def unpack_rows(packed: bytes) -> NDArray[np.int64]:
    """Return the (N, 6) int64 rows that `pack_rows` packed, sorted by frame and track.

    Raises
    ------
    PositionsError
        If the bytes are damaged, or hold more rows than a segment may have.
    """
    if not packed:
        return np.empty((0, COLUMNS), np.int64)
    limit = MAX_ROWS * COLUMNS * 8
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(packed, limit + 1)
    except zlib.error:
        raise PositionsError("the positions of the objects are damaged: ask for the segment again") from None
    if len(plain) > limit or len(plain) % (COLUMNS * 8) or not unpacker.eof or unpacker.unused_data:
        raise PositionsError("the positions of the objects are damaged: ask for the segment again")
    steps = np.frombuffer(plain, np.uint8).reshape(8, -1).T.copy().view("<i8").reshape(COLUMNS, -1)
    table = np.cumsum(steps, axis=1, dtype=np.int64).T
    return np.ascontiguousarray(table[np.lexsort((table[:, 1], table[:, 0]))])
