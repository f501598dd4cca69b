"""What a camera has sealed: a ledger of (key, nonce) pairs that survives restarts and refuses one that comes twice.

AES-GCM under a key and nonce that were used before gives away both plaintexts' difference and the key that
authenticates (Joux 2006; SP 800-38D, section 8). Nonces are random, so that a repetition means a broken generator or a
machine that was cloned with its state; the ledger makes the camera stop instead of sealing. It also counts epochs, so
that a camera that starts anew never takes an epoch's number twice.

Limits: it grows by some 40 bytes a patch and is never pruned. A ledger that is restored from an old copy has
forgotten what came after.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from gctr.parties.store import open_database

# FULL: what was claimed stays claimed after a power cut.
_SETUP = """
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE IF NOT EXISTS used (key_id BLOB NOT NULL, nonce BLOB NOT NULL, PRIMARY KEY (key_id, nonce)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS epochs (camera TEXT PRIMARY KEY, epoch INTEGER NOT NULL) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


class LedgerError(RuntimeError):
    """A ledger that cannot be read or written: nothing may be sealed without it."""


class NonceReuseError(LedgerError):
    """A nonce that was used before under the same key."""


class NonceLedger:
    """A ledger in one SQLite file.

    Parameters
    ----------
    path : Path
        Made, with mode 0600, where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._clear_errors():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=True)
            self._db = open_database(path, _SETUP)

    def close(self) -> None:
        """Close the file; what was claimed is on the disk already."""
        self._db.close()

    def claim(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """Record (key, nonce) pairs that are about to be used. Keys are recorded as hashes.

        Raises
        ------
        NonceReuseError
            If one was used before; none of them is recorded then.
        LedgerError
            If the ledger cannot be written.
        """
        rows = [(_key_id(key), nonce) for key, nonce in pairs]
        with self._transaction():
            try:
                self._db.executemany("INSERT INTO used VALUES (?, ?)", rows)
            except sqlite3.IntegrityError:
                raise NonceReuseError(
                    "this key and nonce were used before, so nothing was sealed: the machine's random numbers "
                    "repeat, or its state was copied; repair that and start a new epoch (gctr keys rotate)"
                ) from None

    def next_epoch(self, camera: str) -> int:
        """Return an epoch number that this ledger never gave to the camera before; the first is 0."""
        query = (
            "INSERT INTO epochs VALUES (?, 0) "
            "ON CONFLICT (camera) DO UPDATE SET epoch = epoch + 1 RETURNING epoch"
        )
        with self._transaction():
            return int(self._db.execute(query, (camera,)).fetchone()[0])

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._clear_errors():
            self._db.execute("BEGIN IMMEDIATE")  # two processes on one ledger take turns
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # a full disk may have ended it already
                    self._db.execute("ROLLBACK")
                raise

    @contextmanager
    def _clear_errors(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise LedgerError(
                f"the nonce ledger {self._path} failed ({error}): nothing was sealed; free space or restore it"
            ) from None


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"gctr key id 1" + key).digest()[:16]
