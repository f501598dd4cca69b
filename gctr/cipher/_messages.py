"""Messages of a batch: checked, and shared out among threads."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gctr.cipher._buffers import KEY_SIZES, BytesLike, Octets, as_octets, source_and_target
from gctr.cipher._engine import thread_pool
from gctr.cipher.aes import LANES, backend

Rows = BytesLike | Sequence[BytesLike]
_SINGLE = (bytes, bytearray, memoryview, np.ndarray)


@dataclass(frozen=True)
class Batch:
    """Checked messages: where they stand, their keys, and how to go through them."""

    keys: Octets
    starts: NDArray[np.int64]
    stops: NDArray[np.int64]
    offsets: NDArray[np.int64]
    has_offsets: bool
    src: Octets
    dst: Octets
    threads: int

    @classmethod
    def checked(
        cls,
        keys: Rows,
        data: BytesLike,
        starts: ArrayLike,
        lengths: ArrayLike,
        offsets: ArrayLike | None,
        out: BytesLike | None,
        threads: int,
    ) -> "Batch":
        begin = _numbers(starts, "starts", None)
        length = _numbers(lengths, "lengths", begin.size)
        place = np.zeros_like(begin) if offsets is None else _numbers(offsets, "offsets", begin.size)
        src, dst = source_and_target(data, out)
        _check_places(begin, length, src.size)
        if threads < 1:
            raise ValueError(f"threads must be at least 1, is {threads}")
        each = rows(keys, "keys", KEY_SIZES, begin.size, shared=True)
        if out is None:
            dst[:] = 0
        if not src.flags.writeable:
            for a, b in zip(begin.tolist(), (begin + length).tolist(), strict=True):
                dst[a:b] = src[a:b]
            src = dst
        return cls(each, begin, begin + length, place, offsets is not None, src, dst, threads)

    @property
    def n(self) -> int:
        return self.starts.size

    def sizes(self, sizes: ArrayLike | None) -> NDArray[np.int64]:
        """Return the bytes of the whole data of every message, checked against its place in it."""
        length = self.stops - self.starts
        if sizes is None:
            if self.has_offsets:
                raise ValueError(
                    "offsets need sizes, the bytes of the whole data: the keystream depends on them"
                )
            return length
        whole = _numbers(sizes, "sizes", self.n)
        if bool(np.any(self.offsets + length > whole)):
            raise ValueError("a message reaches past its size")
        return whole

    def keys_of(self, part: slice) -> Octets:
        return self.keys if len(self.keys) == 1 else self.keys[part]

    def place(self, part: slice) -> tuple[Octets, Octets, NDArray[np.int64], NDArray[np.int64]]:
        return self.src, self.dst, self.starts[part], self.stops[part]

    def run(self, kernel: Callable | None, single: Callable[[int, bytes, Octets, Octets], None]) -> None:
        """Go through the messages: by the kernel where there is one for the backend, else one at a time."""
        name = backend()
        if name == "library" or kernel is None:
            for i, (a, b) in enumerate(zip(self.starts.tolist(), self.stops.tolist(), strict=True)):
                if a < b:
                    single(i, self.keys[i % len(self.keys)].tobytes(), self.src[a:b], self.dst[a:b])
            return
        parts = self._shares()
        if len(parts) == 1:
            kernel(LANES[name], parts[0])
        else:
            list(thread_pool(self.threads).map(lambda part: kernel(LANES[name], part), parts))

    def _shares(self) -> list[slice]:
        """Share the messages out by their bytes."""
        if self.threads == 1:
            return [slice(0, self.n)]
        done = np.cumsum(self.stops - self.starts)
        goals = np.arange(1, self.threads) * (int(done[-1]) if self.n else 0) // self.threads
        cuts = [0, *np.searchsorted(done, goals, side="right").tolist(), self.n]
        return [slice(a, b) for a, b in pairwise(cuts) if a < b] or [slice(0, 0)]


def _numbers(values: ArrayLike, name: str, count: int | None) -> NDArray[np.int64]:
    array = np.asarray(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise TypeError(f"{name} must be integers, not {array.dtype}")
    if array.ndim != 1 or (count is not None and array.size != count):
        raise ValueError(f"{name} must be one row of {'' if count is None else f'{count} '}integers")
    if array.size and (int(array.min()) < 0 or int(array.max()) >= 1 << 62):
        raise ValueError(f"{name} must be 0 to 2**62 - 1")
    return array.astype(np.int64)


def _check_places(starts: NDArray[np.int64], lengths: NDArray[np.int64], size: int) -> None:
    stops = starts + lengths
    if bool(np.any(stops > size)):
        raise ValueError(f"a message reaches past the {size} bytes of data")
    if bool(np.all(starts[1:] >= stops[:-1])):
        return  # in order, as they mostly are
    order = np.argsort(starts, kind="stable")
    order = order[lengths[order] > 0]
    if bool(np.any(starts[order][1:] < stops[order][:-1])):
        raise ValueError("messages overlap")


def rows(value: Rows, name: str, widths: tuple[int, ...], count: int, *, shared: bool = False) -> Octets:
    """Return (count, width) uint8, or (1, width) where one row is `shared` by all; always a writable copy."""
    if isinstance(value, np.ndarray) and value.ndim == 2:
        array: Any = np.array(as_octets(value, name)).reshape(value.shape)
    else:
        array = _joined([value] if isinstance(value, _SINGLE) else list(value), name, widths[0])
    if array.shape[1] not in widths:
        expected = " or ".join(str(width) for width in widths)
        raise ValueError(f"{name} must be rows of {expected} bytes, not {array.shape[1]}")
    if len(array) != count and not (shared and len(array) == 1):
        raise ValueError(f"{name} has {len(array)} rows for {count} messages")
    return array


def _joined(rows: list[Any], name: str, width: int) -> Octets:
    octets = [as_octets(row, name) for row in rows]
    if len({row.size for row in octets}) > 1:
        raise ValueError(f"{name} must all be of one size")
    return np.concatenate([np.empty(0, np.uint8), *octets]).reshape(
        len(rows), octets[0].size if rows else width
    )


def pairs(blocks: Octets, add: NDArray[np.uint64] | None = None) -> NDArray[np.uint64]:
    """Return big-endian 128-bit numbers, plus `add`, as (n, 2) uint64."""
    words = blocks.view(">u8").astype(np.uint64).reshape(-1, 2)
    if add is not None:
        words[:, 1] += add
        words[:, 0] += words[:, 1] < add
    return words
