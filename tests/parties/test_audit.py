"""The audit log: no unmask without an entry, and no entry altered unseen."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from gctr.parties.audit import MAX_LINE, START, AuditError, AuditLog
from gctr.parties.keyfile import new_key
from gctr.parties.keys import UnmaskError
from gctr.parties.surveillance import Surveillance


@pytest.fixture
def log(tmp_path):
    log = AuditLog(tmp_path / "audit.jsonl", clock=lambda: 1_700_000_000.0)
    for k in range(5):
        log.append("unmask", "cam-1", track_id=k, segments=(0, 3), reason=f"case {k}", who="officer")
    return log


def lines(log):
    return log.path.read_bytes().splitlines(keepends=True)


def test_a_whole_log_verifies(log):
    verified = log.verify()
    assert verified.entries == 5
    assert [entry.reason for entry in log.entries()] == [f"case {k}" for k in range(5)]
    assert log.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("victim", range(4))
@pytest.mark.parametrize("attack", ["alter", "remove", "swap", "repeat"])
def test_tampering_is_found_where_it_is(log, victim, attack):
    found = lines(log)
    if attack == "alter":
        found[victim] = found[victim].replace(b"case", b"cake")
    elif attack == "remove":
        del found[victim]
    elif attack == "swap":
        found[victim : victim + 2] = found[victim : victim + 2][::-1]
    else:
        found.insert(victim, found[victim])
    log.path.write_bytes(b"".join(found))
    with pytest.raises(AuditError, match="breaks at entry") as caught:
        log.verify()
    assert str(victim + (attack in ("alter", "repeat"))) in str(caught.value).partition("entry")[2][:3]


def test_a_cut_or_rewritten_log_is_found_by_what_was_noted(log):
    noted = log.verify()
    log.append("unmask", "cam-1", reason="later")
    assert log.verify(count=noted.entries, last=noted.last).entries == 6
    assert log.verify(count=0, last=START).entries == 6, "noted before the first entry"
    log.path.write_bytes(b"".join(lines(log)[:3]))
    log.verify()  # a cut chain is whole in itself
    with pytest.raises(AuditError, match="its end was cut off"):
        log.verify(count=noted.entries, last=noted.last)
    log.path.unlink()
    for _ in range(6):
        log.append("unmask", "cam-1", reason="invented")
    with pytest.raises(AuditError, match="it was rewritten"):
        log.verify(count=noted.entries, last=noted.last)


def test_a_line_half_written_by_a_crash_is_dropped_by_the_next(log):
    with log.path.open("ab") as file:
        file.write(b'{"number":5,"ti')
    log.append("unmask", "cam-1", reason="after")
    assert log.verify().entries == 6


def test_what_no_crash_left_is_not_dropped(log):
    with log.path.open("ab") as file:
        file.write(b"x" * (MAX_LINE + 1))
    size = log.path.stat().st_size
    with pytest.raises(AuditError, match="does not end like an audit log"):
        log.append("unmask", "cam-1")
    assert log.path.stat().st_size == size


def test_a_full_disk_leaves_the_log_as_it_was(log, monkeypatch):
    before = log.path.read_bytes()

    def full(descriptor, data):
        os.pwrite(descriptor, data[:10], os.fstat(descriptor).st_size)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("gctr.parties.audit.os.write", full)
        with pytest.raises(AuditError, match="nothing is unmasked: No space left"):
            log.append("unmask", "cam-1")
    assert log.path.read_bytes() == before


def test_writers_share_one_chain(log):
    with ThreadPoolExecutor(4) as pool:  # each opens the file anew: to the lock they are as processes are
        list(pool.map(lambda k: AuditLog(log.path).append("unmask", "cam-1", reason=str(k)), range(20)))
    assert log.verify().entries == 25


def test_every_unmask_is_logged_before_a_pixel_is_shown(filled, cloud, store_key, unmask_key, tmp_path):
    log = AuditLog(tmp_path / "audit.jsonl")
    system = Surveillance(cloud, store_key, unmask_key, log)
    list(system.watch("cam-1"))
    assert not log.path.exists()  # a masked picture needs no reason
    next(system.watch("cam-1", unmask=True, track_id=2, reason="case 17", who="officer"))
    (entry,) = log.entries()
    assert (entry.camera, entry.track_id, entry.segments) == ("cam-1", 2, (0, 2))
    assert (entry.reason, entry.who) == ("case 17", "officer")


def test_attempts_with_a_wrong_key_are_logged_too(filled, cloud, store_key, tmp_path):
    log = AuditLog(tmp_path / "audit.jsonl")
    with pytest.raises(UnmaskError):
        list(Surveillance(cloud, store_key, new_key("unmask"), log).watch("cam-1", unmask=True))
    assert log.verify().entries == 1


def test_without_the_log_nothing_is_unmasked(filled, cloud, store_key, unmask_key, tmp_path):
    log = AuditLog(tmp_path)  # a folder cannot be written
    with pytest.raises(AuditError, match="nothing is unmasked"):
        next(Surveillance(cloud, store_key, unmask_key, log).watch("cam-1", unmask=True))
