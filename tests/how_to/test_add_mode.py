"""How to add a mode: a slow twin, the fast function, a vector; then a line in each of two tables.

The example is ChaCha20 (RFC 8439), which is no part of gctr. A mode is an xor with a keystream at any offset: for one
key and nonce, `xor(data[a:b], offset=a)` is `xor(data)[a:b]`. The library's cipher does the work; gctr's own kernels
exist only where no library has the mode.

`gctr.evaluation.attacks.schemes.SCHEMES` puts the mode under every attack of notebook 07_cryptanalysis, as a control;
`gctr.evaluation.throughput_contenders.contenders` times it in notebook 06_throughput. A mode that the parties store
footage under stands in `gctr.parties.messages.Mode` too, which names what may travel, and in `gctr.parties.envelope`.
"""

from functools import partial

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.evaluation.attacks import coincidence, panels, schemes
from gctr.evaluation.throughput import measure, ratio
from gctr.evaluation.throughput_contenders import contenders
from tests.evaluation.attacked import make_frame

# RFC 8439, section 2.4.2: the message begins with block 1.
KEY, NONCE = bytes(range(32)), bytes.fromhex("000000000000004a00000000")
PLAIN = (
    b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    b"sunscreen would be it."
)
SEALED = bytes.fromhex(
    "6e2e359a2568f98041ba0728dd0d6981e97e7aec1d4360c20a27afccfd9fae0bf91b65c5524733ab8f593dabcd62b357"
    "1639d624e65152ab8f530c359f0861d807ca0dbf500d6a6156a38e088a22b65e52bc514d16ccf806818ce91ab7793736"
    "5af90bbf74a35be6b40b8eedf2785e42874d"
)


# Step 1: the twin, as slow and as obvious as the standard itself. In gctr it stands in tests/reference.py.
def quarter(x: list[int], a: int, b: int, c: int, d: int) -> None:
    for p, q, r, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[p] = (x[p] + x[q]) % 2**32
        x[r] ^= x[p]
        x[r] = (x[r] << turn | x[r] >> 32 - turn) % 2**32


def twin(key: bytes, nonce: bytes, data: bytes) -> bytes:
    stream = b""
    for block in range(1, len(data) // 64 + 2):
        head = b"expand 32-byte k" + key + block.to_bytes(4, "little") + nonce
        words = np.frombuffer(head, "<u4").tolist()
        mixed = words.copy()
        for _ in range(10):
            for k in range(4):
                quarter(mixed, k, 4 + k, 8 + k, 12 + k)
            for k in range(4):
                quarter(mixed, k, 4 + (k + 1) % 4, 8 + (k + 2) % 4, 12 + (k + 3) % 4)
        stream += b"".join(((a + b) % 2**32).to_bytes(4, "little") for a, b in zip(words, mixed, strict=True))
    return bytes(a ^ b for a, b in zip(data, stream, strict=False))


# Step 2: the fast function. It checks what it is given, and is right at any offset.
def chacha_xor(key: bytes, nonce: bytes, data: bytes, *, offset: int = 0) -> bytes:
    """Encrypt or decrypt with ChaCha20 (RFC 8439, first block 1), `data` beginning at byte `offset` of the whole."""
    if offset < 0:
        raise ValueError(f"offset must be 0 or more, not {offset}")
    blocks, skipped = divmod(offset, 64)
    counter = (1 + blocks).to_bytes(4, "little")
    return (
        Cipher(algorithms.ChaCha20(key, counter + nonce), None)
        .encryptor()
        .update(bytes(skipped) + data)[skipped:]
    )


# Step 3: a published vector, the twin at every boundary, any piece of the whole. See tests/cipher for gctr's own.
def test_the_published_vector_comes_out_of_both():
    assert chacha_xor(KEY, NONCE, PLAIN) == SEALED
    assert twin(KEY, NONCE, PLAIN) == SEALED


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 63, 64, 65, 128, 1000])
def test_it_equals_its_twin_and_undoes_itself(size):
    data = np.random.default_rng(size).bytes(size)
    assert chacha_xor(KEY, NONCE, data) == twin(KEY, NONCE, data)
    assert chacha_xor(KEY, NONCE, chacha_xor(KEY, NONCE, data)) == data


@settings(max_examples=50)
@given(cut=st.tuples(st.integers(0, 700), st.integers(0, 700)).map(sorted))
def test_a_piece_is_a_piece_of_the_whole(cut):
    whole, (a, b) = bytes(range(250)) * 3, cut
    assert chacha_xor(KEY, NONCE, whole[a:b], offset=a) == chacha_xor(KEY, NONCE, whole)[a:b]


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="offset"):
        chacha_xor(KEY, NONCE, b"", offset=-1)
    with pytest.raises(ValueError, match="key size"):
        chacha_xor(KEY[:16], NONCE, b"")


# Step 4: a line in the table of schemes. It has no buckets and takes a fresh key a message, as the controls do.
def chacha(key, nonce, seed, data, params):
    return np.frombuffer(chacha_xor(key, bytes(4) + nonce, data.tobytes()), np.uint8)


@pytest.fixture
def line_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(schemes.SCHEMES, "chacha", schemes.Scheme(chacha, buckets=False))
    monkeypatch.setattr(panels, "MODES", (*schemes.MODES, "chacha"))


def test_the_attacks_break_the_papers_mode_and_not_this_one(line_in_the_table):
    frame = make_frame()
    payload = frame.region.cut(frame.image)
    table = coincidence.coincidence_table(
        {mode: schemes.encrypt(mode, payload, 1) for mode in ("gctr", "chacha")}
    )
    assert table[table["mode"] == "gctr"]["rejected"].any()
    assert not table[table["mode"] == "chacha"]["rejected"].any()
    rejections = panels.count_rejections(payload, seeds=50).set_index("mode")
    assert (
        rejections["rejected"]["chacha"] <= 4
    )  # 0.5 expected at level 0.01: more than 4 is one chance in 10,000
    assert rejections["rejected"]["weak"] == 50  # the planted one: this test can fail


# Step 5: a line in `contenders`. A maker takes source, target and size, and returns what is timed.
def make_chacha(source, target, size):
    return partial(chacha_in_place, source[:size], target[:size])


def chacha_in_place(source, target):
    target[:] = np.frombuffer(chacha_xor(KEY, NONCE, source.tobytes()), np.uint8)


def test_it_is_timed_beside_ctr_for_work_that_it_really_does():
    data = np.frombuffer(PLAIN, np.uint8)
    done = np.zeros_like(data)
    make_chacha(data, done, data.size)()
    assert done.tobytes() == SEALED
    samples = measure({"chacha": make_chacha, "ctr": contenders()["ctr"]}, 4096, repeats=3)
    assert list(samples.groupby("contender").size()) == [3, 3]
    assert ratio(samples, "chacha", "ctr").value > 0
