"""Checks of what callers hand in: keys and nonces of the right size, data and output as flat uint8 arrays."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Octets: TypeAlias = NDArray[np.uint8]
BytesLike: TypeAlias = bytes | bytearray | memoryview | Octets

KEY_SIZES = (16, 24, 32)


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
        octets = bytes(memoryview(value))
    except TypeError:
        raise TypeError(f"{name} must be bytes-like, not {type(value).__name__}") from None
    if len(octets) not in sizes:
        expected = " or ".join(str(size) for size in sizes)
        raise ValueError(f"{name} must be {expected} bytes, not {len(octets)}")
    return octets


def as_octets(value: BytesLike, name: str) -> Octets:
    """Return a flat, read-only uint8 view of `value`, or a copy where an array's memory is not contiguous.

    Read-only also keeps numba at one compiled version a kernel, whether bytes or arrays come in.

    Raises
    ------
    TypeError
        If it is neither bytes-like nor a uint8 array.
    """
    octets = flat_view(value, name)
    octets.flags.writeable = False
    return octets


def flat_view(value: BytesLike, name: str) -> Octets:
    """Return a flat uint8 view of `value`, writable where `value` is; else as `as_octets`."""
    if isinstance(value, np.ndarray):
        if value.dtype != np.uint8:
            raise TypeError(f"{name} must be a uint8 array, not {value.dtype}; use .view(np.uint8)")
        return np.ascontiguousarray(value).reshape(-1).view()
    try:
        view = memoryview(value)
        return np.frombuffer(view, np.uint8) if view.nbytes else np.empty(0, np.uint8)
    except (TypeError, ValueError, BufferError):
        kind = type(value).__name__
        raise TypeError(f"{name} must be contiguous bytes-like or a uint8 array, not {kind}") from None


def output_for(data: Octets, out: BytesLike | None) -> Octets:
    """Return the flat array to write: a new one, or a view of `out`, which may be exactly `data` itself.

    Raises
    ------
    TypeError
        If `out` is not bytes-like or not uint8.
    ValueError
        If `out` is read-only, not contiguous, of another size, or overlaps `data` without being it.
    """
    if out is None:
        return np.empty(data.size, np.uint8)
    if isinstance(out, np.ndarray) and not out.flags.c_contiguous:
        raise ValueError("out must be contiguous")
    target = flat_view(out, "out")
    if target.size != data.size:
        raise ValueError(f"out has {target.size} bytes, data has {data.size}; they must be equal")
    if data.size and not target.flags.writeable:
        raise ValueError("out is read-only")
    if _address(target) != _address(data) and np.may_share_memory(target, data):
        raise ValueError("out overlaps data without being the same memory; pass data itself to work in place")
    return target


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


def _address(array: Octets) -> int:
    return array.__array_interface__["data"][0]
