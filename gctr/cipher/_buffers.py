"""Checks of what callers hand in: secrets of the right size, data and output as flat uint8 arrays."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Octets: TypeAlias = NDArray[np.uint8]
BytesLike: TypeAlias = bytes | bytearray | memoryview | Octets

BLOCK = 16  # bytes of an AES block
KEY_SIZES = (16, 24, 32)
NONCE_SIZES = (8,)
SEED_SIZES = (16,)
UINT8 = np.dtype(np.uint8)  # made once: NumPy takes longer to look the type up than to make an array


def as_secret(value: Any, name: str, sizes: tuple[int, ...]) -> bytes:
    """Return `value` as bytes of one of the given sizes; the error never quotes the value.

    Raises
    ------
    TypeError
        If it is not bytes-like.
    ValueError
        If its size is wrong.
    """
    try:
        octets = value if type(value) is bytes else bytes(memoryview(value))
    except TypeError:
        raise TypeError(f"{name} must be bytes-like, not {type(value).__name__}") from None
    if len(octets) not in sizes:
        expected = " or ".join(str(size) for size in sizes)
        raise ValueError(f"{name} must be {expected} bytes, not {len(octets)}")
    return octets


def as_octets(value: BytesLike, name: str) -> Octets:
    """Return a flat uint8 view of `value`, writable where `value` is, or a copy where its memory is not contiguous.

    Raises
    ------
    TypeError
        If it is neither bytes-like nor a uint8 array.
    """
    if isinstance(value, np.ndarray):
        if value.dtype is not UINT8 and value.dtype != UINT8:
            raise TypeError(f"{name} must be a uint8 array, not {value.dtype}; use .view(np.uint8)")
        return value if value.ndim == 1 and value.flags.c_contiguous else value.reshape(-1)
    try:
        view = memoryview(value)
        return np.frombuffer(view, UINT8) if view.nbytes else np.empty(0, np.uint8)
    except (TypeError, ValueError, BufferError):
        kind = type(value).__name__
        raise TypeError(f"{name} must be contiguous bytes-like or a uint8 array, not {kind}") from None


def source_and_target(data: BytesLike, out: BytesLike | None) -> tuple[Octets, Octets]:
    """Return the flat arrays to read and to write; the same one in place.

    Raises
    ------
    TypeError
        If either is not bytes-like or not uint8.
    ValueError
        If `out` is read-only, not contiguous, of another size, or overlaps `data` without being it.
    """
    source = as_octets(data, "data")
    if out is None:
        return source, np.empty(source.size, np.uint8)
    if isinstance(out, np.ndarray) and not out.flags.c_contiguous:
        raise ValueError("out must be contiguous")
    target = source if out is data else as_octets(out, "out")
    if target.size != source.size:
        raise ValueError(f"out has {target.size} bytes, data has {source.size}; they must be equal")
    if target.size and not target.flags.writeable:
        raise ValueError("out is read-only")
    if (
        target is not source
        and np.may_share_memory(target, source)
        and target.ctypes.data != source.ctypes.data
    ):
        raise ValueError("out overlaps data without being the same memory; pass data itself to work in place")
    return source, target


def result_like(data: BytesLike, out: BytesLike | None, written: Octets) -> Any:
    """Return what the caller expects: `out` if given, an array for an array, else bytes."""
    if out is not None:
        return out
    return written.reshape(data.shape) if isinstance(data, np.ndarray) else written.tobytes()


def check_range(offset: int, length: int, size: int) -> None:
    """Refuse a piece of `length` bytes at `offset` that does not lie inside `size` bytes.

    Raises
    ------
    ValueError
        If the offset is negative or the piece reaches past the end.
    """
    if offset < 0:
        raise ValueError(f"offset must not be negative, is {offset}")
    if offset + length > size:
        raise ValueError(f"{length} bytes at offset {offset} reach past the size of {size} bytes")
