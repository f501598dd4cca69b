"""What may be handed in, what comes back, and one clear error for everything else."""

import numpy as np
import pytest

import gctr.cipher.modes
from gctr.cipher import GctrParams, InsecureModeWarning, bucket_ctr_xor, ctr_xor, gctr_xor

KEY, SEED, NONCE = bytes(16), bytes(range(16)), bytes(8)
MODES = {
    "ctr": lambda data, **place: ctr_xor(KEY, SEED, data, **place),
    "gctr": lambda data, **place: gctr_xor(KEY, SEED, data, **place),
    "bucket_ctr": lambda data, **place: bucket_ctr_xor(KEY, NONCE, SEED, data, **place),
}
every_mode = pytest.mark.parametrize("xor", MODES.values(), ids=MODES.keys())


@every_mode
def test_bytes_like_in_bytes_out(xor) -> None:
    data = bytes(range(200))
    expected = xor(data)
    assert isinstance(expected, bytes) and expected != data
    words = memoryview(np.frombuffer(data, np.uint32))
    for same in (bytearray(data), memoryview(data), memoryview(data).cast("B", (20, 10)), words):
        assert xor(same) == expected


@every_mode
def test_array_in_array_out(xor) -> None:
    data = np.arange(240, dtype=np.uint8).reshape(4, 20, 3)
    result = xor(data)
    assert result.shape == data.shape and result.dtype == np.uint8
    assert result.tobytes() == xor(data.tobytes())
    assert np.array_equal(xor(data[:, ::2]), xor(np.ascontiguousarray(data[:, ::2])))
    frozen = data.copy()
    frozen.flags.writeable = False
    assert np.array_equal(xor(frozen), result)


@every_mode
def test_in_place_and_elsewhere(xor) -> None:
    data = np.arange(200, dtype=np.uint8)
    expected = xor(data)
    for out in (np.empty(200, np.uint8), bytearray(200), data.copy()):
        assert xor(data, out=out) is out
        assert bytes(out) == expected.tobytes()
    held = bytearray(data.tobytes())
    assert xor(held, out=held) is held and bytes(held) == expected.tobytes()
    assert xor(data, out=data) is data and np.array_equal(data, expected)


@every_mode
def test_empty(xor) -> None:
    assert xor(b"") == b"" and xor(bytearray()) == b""
    assert xor(np.empty((0, 3), np.uint8)).shape == (0, 3)


@every_mode
def test_unusable_output(xor) -> None:
    data = np.zeros(64, np.uint8)
    frozen = np.zeros(64, np.uint8)
    frozen.flags.writeable = False
    memory = np.zeros(100, np.uint8)
    with pytest.raises(ValueError, match=r"read-only"):
        xor(data, out=frozen)
    with pytest.raises(ValueError, match=r"read-only"):
        xor(data, out=bytes(64))
    with pytest.raises(ValueError, match="read-only"):
        xor(frozen, out=frozen)
    with pytest.raises(ValueError, match="63 bytes, data has 64"):
        xor(data, out=np.zeros(63, np.uint8))
    for strided in (np.zeros(128, np.uint8)[::2], np.zeros((8, 16), np.uint8)[:, :8]):
        with pytest.raises(ValueError, match="contiguous"):
            xor(data, out=strided)
        with pytest.raises(ValueError, match="contiguous"):
            xor(strided, out=strided)
    with pytest.raises(ValueError, match="overlaps"):
        xor(memory[:64], out=memory[1:65])
    with pytest.raises(TypeError, match="uint8"):
        xor(data, out=np.zeros(64, np.int16))


@every_mode
def test_refused_data_leaves_the_output_alone(xor) -> None:
    out = bytearray(b"unchanged")
    size = {} if xor is MODES["ctr"] else {"size": 100}
    with pytest.raises(ValueError, match="negative"):
        xor(b"plaintext", offset=-1, out=out, **size)
    assert out == b"unchanged"


@every_mode
@pytest.mark.parametrize("data", ["text", 5, None, np.zeros(4, np.float32), [1, 2]], ids=repr)
def test_not_bytes(xor, data) -> None:
    with pytest.raises(TypeError, match=r"bytes-like|uint8"):
        xor(data)


@every_mode
def test_no_thread(xor) -> None:
    with pytest.raises(ValueError, match="threads must be at least 1"):
        xor(bytes(10), threads=0)


@pytest.mark.parametrize("size", [0, 15, 17, 33])
def test_key_size(size: int) -> None:
    secret = bytes([0xEE]) * size
    for xor in (
        lambda: ctr_xor(secret, SEED, b""),
        lambda: gctr_xor(secret, SEED, b""),
        lambda: bucket_ctr_xor(secret, NONCE, SEED, b""),
    ):
        with pytest.raises(ValueError, match=f"key must be 16 or 24 or 32 bytes, not {size}") as caught:
            xor()
        assert "ee" not in str(caught.value)


def test_sizes_of_the_rest() -> None:
    with pytest.raises(ValueError, match="counter_block must be 16 bytes, not 12"):
        ctr_xor(KEY, bytes(12), b"")
    with pytest.raises(ValueError, match="seed must be 16 bytes, not 15"):
        gctr_xor(KEY, bytes(15), b"")
    with pytest.raises(ValueError, match="nonce must be 8 bytes, not 12"):
        bucket_ctr_xor(KEY, bytes(12), SEED, b"")
    with pytest.raises(TypeError, match="key must be bytes-like, not str"):
        ctr_xor("0" * 16, SEED, b"")


def test_counter_that_would_wrap_into_reuse() -> None:
    assert len(ctr_xor(KEY, SEED, bytes(16), offset=16 * 2**128 - 16)) == 16
    with pytest.raises(ValueError, match="reach past"):
        ctr_xor(KEY, SEED, bytes(17), offset=16 * 2**128 - 16)


def test_bucket_that_would_wrap_into_reuse() -> None:
    largest = 2**32 // 5 * 1600
    assert len(bucket_ctr_xor(KEY, NONCE, SEED, bytes(16), size=largest, offset=largest - 16)) == 16
    with pytest.raises(ValueError, match="wrap into reuse"):
        bucket_ctr_xor(KEY, NONCE, SEED, bytes(16), size=largest + 1600)
    for reading in ({"unit": "byte"}, {"vector": "group"}):
        with pytest.raises(ValueError, match="unit='block' and vector='bucket'"):
            bucket_ctr_xor(KEY, NONCE, SEED, bytes(16), params=GctrParams(**reading))


@pytest.mark.parametrize("xor", [MODES["gctr"], MODES["bucket_ctr"]], ids=["gctr", "bucket_ctr"])
def test_place_in_the_whole(xor) -> None:
    with pytest.raises(ValueError, match="is needed with an offset"):
        xor(bytes(16), offset=16)
    with pytest.raises(ValueError, match="reach past"):
        xor(bytes(16), size=31, offset=16)
    with pytest.raises(ValueError, match="negative"):
        xor(bytes(16), size=32, offset=-1)
    with pytest.raises(ValueError, match=r"2\*\*64"):
        xor(bytes(16), size=1 << 64)


@pytest.mark.parametrize(
    "wrong",
    [
        {"unit": "bit"},
        {"vector": "none"},
        {"group_size": 0},
        {"group_size": 65537},
        {"buckets": 0},
        {"buckets": 101},
    ],
    ids=str,
)
def test_params_out_of_range(wrong: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        GctrParams(**wrong)


def test_gctr_warns_once_a_process(monkeypatch, recwarn) -> None:
    monkeypatch.setattr(gctr.cipher.modes, "_warned", False)
    with pytest.warns(InsecureModeWarning, match="not secure"):
        gctr_xor(KEY, SEED, b"frame")
    recwarn.clear()
    gctr_xor(KEY, SEED, b"frame")
    assert not recwarn.list
