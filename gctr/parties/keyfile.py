"""Key files: one secret each, readable by their owner alone.

A key file is text: a line that says what the key is for, and 64 hexadecimal digits. The purpose is checked when the
file is read, so that the unmask key cannot be handed to the cloud by mistake.
"""

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Purpose = Literal["store", "unmask"]

_TEXT = re.compile(r"gctr (store|unmask) key, format 1\n([0-9a-f]{64})\n")


class KeyFileError(ValueError):
    """A key file that is missing, damaged, for another purpose, or readable by others."""


@dataclass(frozen=True)
class Key:
    """256 secret bits and what they are for. Its `repr` tells the purpose only."""

    purpose: Purpose
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) != 32:
            raise KeyFileError(f"a {self.purpose} key has 32 bytes, not {len(self.secret)}")


def new_key(purpose: Purpose) -> Key:
    """Return a key from the operating system's generator."""
    return Key(purpose, os.urandom(32))


def write_key(path: Path, key: Key) -> None:
    """Write a new key file with mode 0600. An existing file is never overwritten.

    Raises
    ------
    KeyFileError
        If the file exists.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # The mode is given at creation: no moment exists at which others could open the file.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise KeyFileError(f"{path} exists and keys are not overwritten: move it away first") from None
    with os.fdopen(descriptor, "w") as file:
        file.write(f"gctr {key.purpose} key, format 1\n{key.secret.hex()}\n")
        file.flush()
        os.fsync(file.fileno())


def read_key(path: Path, purpose: Purpose) -> Key:
    """Read a key file.

    Raises
    ------
    KeyFileError
        If it is missing, readable by group or others, damaged, or for another purpose. Its content is never quoted.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii", errors="replace")
    except OSError as error:
        raise KeyFileError(f"cannot read the {purpose} key {path}: {error.strerror}") from None
    if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(
            f"{path} can be read by others: chmod 600 it, and change the key if others may have seen it"
        )
    match = _TEXT.fullmatch(text)
    if match is None:
        raise KeyFileError(f"{path} is not a gctr key file, or damaged: take it from where the key was made")
    if match[1] != purpose:
        raise KeyFileError(f"{path} holds the {match[1]} key where the {purpose} key is needed")
    return Key(purpose, bytes.fromhex(match[2]))


def read_or_make_key(path: Path, purpose: Purpose) -> Key:
    """Read a key file, or write a new one where there is none."""
    if not path.exists():
        write_key(path, new_key(purpose))
    return read_key(path, purpose)
