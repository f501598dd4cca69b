"""Sealing messages under the storage key that camera, cloud and surveillance system share.

Every message gets a key of its own: HKDF-SHA256 (RFC 5869) of the storage key, salted with the header's 128
random bits. No (key, nonce) pair can repeat, across restarts too, because the key does not. Where the buckets lie is no
secret: the layout's seed is a hash of the message's place, so that equal footage gives messages of equal size.

Modes: ``bucket_gcm`` (the default, authenticated bucket by bucket, with the header as associated data), ``bucket_ctr``
and ``ctr`` (no tag), and ``gctr``, the paper's own. The paper's mode takes one key and one seed for each camera and
epoch, as its ``s XOR ds`` implies; it is there for reproduction and is not secure.

Limits: without a tag, an altered message is noticed only if it no longer parses.
"""

import hashlib
import os

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from msgspec.structs import replace

from gctr import cipher
from gctr.parties.keyfile import Key, KeyFileError
from gctr.parties.messages import MAX_MESSAGE, Header, Message, MessageError, decode, encode

MAX_BODY = MAX_MESSAGE - (256 << 10)  # bytes; header and tags (80 bytes for each 32 KiB) take the rest
_ZERO_COUNTER = bytes(16)
# Groups of 32 KiB: a part can still be opened alone, and tags are 0.25 % of the bytes, not 5 % as in version 1.
_LAYOUT = cipher.GctrParams(group_size=2048)


def seal(key: Key, header: Header, body: bytes) -> bytes:
    """Return an encoded message; the header's salt is drawn and its size set here.

    Parameters
    ----------
    key : Key
        The storage key.
    header : Header
        Its `mode` decides how the body is encrypted.
    body : bytes
        An encoded struct of `gctr.parties.messages`; 1 to `MAX_BODY` bytes.

    Raises
    ------
    MessageError
        If the body is empty or too large.
    """
    if not 1 <= len(body) <= MAX_BODY:
        raise MessageError(f"a body of {len(body)} bytes: 1 to {MAX_BODY} are taken; send shorter segments")
    header = replace(header, salt=os.urandom(16), size=len(body))
    plain_header = encode(header)
    return encode(Message(plain_header, _encrypt(key, header, plain_header, body)))


def open_message(key: Key, data: bytes) -> tuple[Header, bytes]:
    """Return header and body of an encoded message.

    Raises
    ------
    MessageError
        If the message is damaged, was altered (modes with tags), or is sealed under another key.
    """
    message = decode(data, Message)
    header = decode(message.header, Header)
    return header, _decrypt(key, header, message)


def _encrypt(key: Key, header: Header, plain_header: bytes, body: bytes) -> bytes:
    if header.mode == "bucket_gcm":
        secret, nonce = _message_key(key, header), _nonce(header)
        return bytes(
            cipher.bucket_gcm_seal(
                secret, nonce, _layout_seed(header), body, associated_data=plain_header, params=_LAYOUT
            )
        )
    return _xor(key, header, body)


def _decrypt(key: Key, header: Header, message: Message) -> bytes:
    if header.mode != "bucket_gcm":
        if len(message.body) != header.size:
            raise MessageError(
                f"{len(message.body)} bytes where {header.size} were announced: ask for it again"
            )
        return _xor(key, header, message.body)
    secret, nonce = _message_key(key, header), _nonce(header)
    try:
        plain = cipher.bucket_gcm_open(
            secret, nonce, _layout_seed(header), message.body, associated_data=message.header, params=_LAYOUT
        )
    except cipher.AuthenticationError:
        raise MessageError(
            f"{_name(header)} was altered on the way, or is sealed under another storage key"
        ) from None
    if len(plain) != header.size:
        raise MessageError(f"{_name(header)} holds {len(plain)} bytes where {header.size} were announced")
    return bytes(plain)


def _xor(key: Key, header: Header, data: bytes) -> bytes:
    if header.mode == "gctr":
        secret, seed = _derive(key, header, b"paper key"), _derive(key, header, b"paper seed")[:16]
        return bytes(cipher.gctr_xor(secret, seed, data))
    secret = _message_key(key, header)
    if header.mode == "ctr":
        return bytes(cipher.ctr_xor(secret, _ZERO_COUNTER, data))
    return bytes(cipher.bucket_ctr_xor(secret, _nonce(header), _layout_seed(header), data, params=_LAYOUT))


def _message_key(key: Key, header: Header) -> bytes:
    return _derive(key, header, b"message", salt=header.salt)


def _derive(key: Key, header: Header, use: bytes, salt: bytes | None = None) -> bytes:
    if key.purpose != "store":
        raise KeyFileError(f"messages are sealed under the store key, not the {key.purpose} key")
    info = b"gctr envelope 1 " + use + b" " + header.camera.encode() + header.epoch.to_bytes(8, "big")
    return HKDF(SHA256(), length=32, salt=salt, info=info).derive(key.secret)


def _nonce(header: Header) -> bytes:
    return header.sequence.to_bytes(8, "big")


def _layout_seed(header: Header) -> bytes:
    place = encode(replace(header, salt=bytes(16)))
    return hashlib.sha256(b"gctr layout 1 " + place).digest()[:16]


def _name(header: Header) -> str:
    return f"{header.kind} {header.sequence} of {header.camera}"
