"""What is timed: the modes, the libraries and the machine's own roofs, each as a function that makes a run."""

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
from Crypto.Cipher import AES
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers import modes as library_modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from numpy.typing import NDArray

from gctr.cipher import GctrParams, InsecureModeWarning, bucket_ctr_xor, bucket_gcm_seal, ctr_xor, gctr_xor

Octets = NDArray[np.uint8]
Run = Callable[[], object]
Maker = Callable[[Octets, Octets, int], Run]
"""Takes source and target, each with `SLACK` bytes to spare, and the message size; returns what is timed."""

KEY, LONG_KEY = bytes(range(16)), bytes(range(32))
NONCE, SEED, IV = bytes(range(8)), bytes(range(16)), bytes(range(12))
SLACK = 16  # a library may ask for a block more than it writes
LARGE_BUCKETS = GctrParams(group_size=4096)

# What is measured here is known to be insecure.
warnings.filterwarnings("ignore", category=InsecureModeWarning)


COPY_ONLY = ("memcpy", "bucket_gcm", "bucket_gcm, large", "OpenSSL GCM", "ChaCha20-Poly1305")
"""What cannot work in place: a copy onto itself is none, and a tag needs room."""


def contenders(*, fresh_context: bool = False) -> dict[str, Maker]:
    """Return everything that is compared, by name.

    Parameters
    ----------
    fresh_context : bool
        Whether the libraries make a new cipher object a message, as distinct messages need. Ours always expand the
        key anew; the AEADs of PyCryptodome cannot do otherwise.
    """
    openssl = _openssl_ctr_fresh if fresh_context else _openssl_ctr
    return {
        "memcpy": lambda src, dst, n: partial(np.copyto, dst[:n], src[:n]),
        "xor constant": _xor_constant,
        "gctr": partial(_ours, partial(gctr_xor, KEY, SEED)),
        "ctr": partial(_ours, partial(ctr_xor, KEY, SEED)),
        "bucket_ctr": partial(_ours, partial(bucket_ctr_xor, KEY, NONCE, SEED)),
        "bucket_gcm": lambda src, dst, n: partial(bucket_gcm_seal, KEY, NONCE, SEED, src[:n]),
        "bucket_gcm, large": lambda src, dst, n: partial(
            bucket_gcm_seal, KEY, NONCE, SEED, src[:n], params=LARGE_BUCKETS
        ),
        "OpenSSL CTR": openssl,
        "OpenSSL GCM": partial(_aead, AESGCM, KEY, fresh_context),
        "ChaCha20-Poly1305": partial(_aead, ChaCha20Poly1305, LONG_KEY, fresh_context),
        "PyCryptodome CTR": _pycryptodome_ctr_fresh if fresh_context else _pycryptodome_ctr,
        "PyCryptodome GCM": _pycryptodome_gcm,
    }


def _ours(xor: Callable, src: Octets, dst: Octets, n: int) -> Run:
    data = src[:n]
    return partial(xor, data, out=data if src is dst else dst[:n])


def _xor_constant(src: Octets, dst: Octets, n: int) -> Run:
    words = n // 8 * 8
    source, target = src[:words].view(np.uint64), dst[:words].view(np.uint64)
    return partial(np.bitwise_xor, source, np.uint64(0x0123456789ABCDEF), out=target)


def _openssl_ctr(src: Octets, dst: Octets, n: int) -> Run:
    context = Cipher(algorithms.AES(KEY), library_modes.CTR(SEED)).encryptor()
    return partial(context.update_into, src[:n].data, dst[: n + SLACK].data)


def _openssl_ctr_fresh(src: Octets, dst: Octets, n: int) -> Run:
    source, target = src[:n].data, dst[: n + SLACK].data
    return lambda: (
        Cipher(algorithms.AES(KEY), library_modes.CTR(SEED)).encryptor().update_into(source, target)
    )


def _aead(kind: type, key: bytes, fresh: bool, src: Octets, dst: Octets, n: int) -> Run:
    aead, source = kind(key), src[:n].data
    return (
        (lambda: kind(key).encrypt(IV, source, None)) if fresh else (lambda: aead.encrypt(IV, source, None))
    )


def _pycryptodome_ctr(src: Octets, dst: Octets, n: int) -> Run:
    cipher = AES.new(KEY, AES.MODE_CTR, nonce=b"", initial_value=SEED)
    return partial(cipher.encrypt, src[:n].data, output=dst[:n].data)


def _pycryptodome_ctr_fresh(src: Octets, dst: Octets, n: int) -> Run:
    source, target = src[:n].data, dst[:n].data
    return lambda: AES.new(KEY, AES.MODE_CTR, nonce=b"", initial_value=SEED).encrypt(source, output=target)


def _pycryptodome_gcm(src: Octets, dst: Octets, n: int) -> Run:
    source, target = src[:n].data, dst[:n].data
    return lambda: AES.new(KEY, AES.MODE_GCM, nonce=IV).encrypt_and_digest(source, output=target)
