"""Limits: rates by party, memory for all, time for a body; and a disk that is really full."""

import asyncio
import os
import subprocess
from contextlib import contextmanager

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gctr.parties.cloud import Cloud
from gctr.parties.keyfile import new_key
from gctr.parties.limits import Budget, Limits, TokenBucket
from gctr.parties.server import make_app
from gctr.parties.spool import Spool
from gctr.parties.store import StoreFailed
from gctr.parties.tokens import Parties
from gctr.parties.upkeep import repair, verify

from .served import Away, background, segment

KEY = new_key("store")


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 20)), max_size=60))
def test_a_party_never_gets_more_than_its_rate(asks):
    now, taken = [0.0], 0.0
    bucket = TokenBucket(10.0, 20.0, clock=lambda: now[0])
    for pause, cost in asks:
        now[0] += pause
        wait = bucket.wait("cam-1", cost)
        taken += cost if wait == 0 else 0
        assert taken <= 20 + 10 * now[0] + 1e-6
        if wait:
            now[0] += wait + 1e-9
            assert bucket.wait("cam-1", cost) == 0, "the wait that was told is enough"
            taken += cost
    assert bucket.wait("cam-2", 20.0) == 0, "one party does not use up another's"


def test_memory_that_is_taken_is_given_back():
    budget = Budget(10)
    assert budget.take(6) and not budget.take(6)
    budget.give_back(6)
    assert budget.take(10)


@pytest.fixture
def ask(tmp_path):
    """Ask a cloud with given limits, inside this process."""
    cloud = Cloud(tmp_path, KEY)
    cloud.put(background(KEY))
    token = Parties(tmp_path / "parties.json").issue("cam-1", "camera")

    def run(limits, requests):
        async def all_of_them():
            transport = httpx.ASGITransport(make_app(cloud, Parties(tmp_path / "parties.json"), limits))
            async with httpx.AsyncClient(transport=transport, base_url="http://cloud") as client:
                headers = {"authorization": f"Bearer {token}"}
                calls = (
                    client.put(path, headers=headers | more, content=body) for path, more, body in requests
                )
                return await asyncio.gather(*calls)

        return asyncio.run(all_of_them())

    yield run
    cloud.close()


async def slowly(body, seconds):
    await asyncio.sleep(seconds)
    yield body


def put(sequence, body, length=None):
    return f"/v1/cameras/cam-1/segments/{sequence}", {"content-length": str(length or 500)}, body


def test_too_many_requests_are_told_to_wait(ask):
    answers = ask(Limits(requests=0.5, burst_s=4), [put(k, slowly(segment(KEY, k), 0)) for k in range(4)])
    assert sorted(answer.status_code for answer in answers)[2:] == [429, 429]
    assert all(int(a.headers["retry-after"]) >= 1 for a in answers if a.status_code == 429)


def test_a_body_that_comes_too_slowly_is_given_up(ask):
    (answer,) = ask(Limits(body_timeout=0.05), [put(0, slowly(segment(KEY, 0), 5))])
    assert (answer.status_code, "too slowly" in answer.json()["error"]) == (408, True)


def test_all_bodies_together_are_bounded(ask):
    slow = [put(k, slowly(segment(KEY, k), 0.2), length=3000) for k in range(3)]
    answers = ask(Limits(memory=7000), slow)
    assert sorted(answer.status_code for answer in answers)[-1] == 503
    assert sum(answer.status_code == 503 for answer in answers) == 1


def test_a_body_longer_than_announced_is_refused(ask):
    (answer,) = ask(Limits(), [put(0, slowly(bytes(600), 0))])
    assert (answer.status_code, "more bytes" in answer.json()["error"]) == (400, True)


# --- a disk that is really full --------------------------------------------------------------------------------


@contextmanager
def small_disk(path, size):
    path.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(
            "mounting a small disk needs root; CI runs as root, test_cloud.py fakes the error elsewhere"
        )
    try:
        yield path
    finally:
        subprocess.run(["umount", "-l", str(path)], check=False)


@pytest.mark.skipif(os.name != "posix", reason="needs mount; Linux runs it")
def test_a_full_disk_loses_nothing_that_was_acknowledged(tmp_path):
    with small_disk(tmp_path / "disk", "400k") as disk:
        cloud, taken = Cloud(disk, KEY), []
        cloud.put(background(KEY))
        with pytest.raises(StoreFailed, match=r"disk is full|index in"):
            for k in range(1000):
                message = segment(KEY, k, payload=5000)
                cloud.put(message)
                taken.append(message)
        assert len(taken) > 5
        assert [cloud.segment("cam-1", k) for k in range(len(taken))] == taken
        cloud.close()
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        again = Cloud(disk, KEY)
        repair(again)
        assert verify(again) == []
        again.put(message)
        assert [again.segment("cam-1", k) for k in range(len(taken) + 1)] == [*taken, message]
        again.close()


@pytest.mark.skipif(os.name != "posix", reason="needs mount; Linux runs it")
def test_a_camera_s_full_disk_is_told_and_keeps_the_queue(tmp_path):
    with small_disk(tmp_path / "disk", "100k") as disk:
        spool, taken = Spool(disk, Away()), 0
        with pytest.raises(StoreFailed, match="disk is full"):
            for k in range(100):
                spool.put(segment(KEY, k, payload=5000))
                taken += 1
        assert taken >= 5
        assert len(list(disk.glob("*.waiting"))) in (taken, taken + 1)
        assert spool.position.sequence == taken
        spool.close()
