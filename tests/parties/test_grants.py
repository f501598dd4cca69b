"""One person's key, for a while, for one holder; and the ways in which that must fail."""

import json

import numpy as np
import pytest

from gctr.parties.custody import read_opener
from gctr.parties.grants import Grant, GrantError, issue_grant, read_grant, write_grant
from gctr.parties.keyfile import KeyFileError, new_key, public_of, write_key
from gctr.parties.keys import KeyRing, UnmaskError, open_patches, seal_patches
from gctr.parties.messages import ObjectVideo
from gctr.parties.surveillance import Surveillance

from .test_keys import HEADER, KEY, patch

DAY = 86400.0
NOW = 1_700_000_000.0
SEALED = seal_patches(KEY, HEADER, {3: [(0, patch(1))], 4: [(0, patch(2))]})
OBJECTS = ObjectVideo([], [0.0] * 50, b"", SEALED)


def grant(track_id=3, clock=lambda: NOW) -> Grant:
    return issue_grant(
        KeyRing(KEY), [(HEADER, OBJECTS)], "cam-1", track_id, lifetime=DAY, reason="case 17", clock=clock
    )


def test_a_grant_opens_its_object_exactly():
    opened = open_patches(grant(), HEADER, SEALED, track_id=3)
    np.testing.assert_array_equal(opened[0][0].pixels, patch(1).pixels)


def test_a_grant_opens_no_other_object():
    with pytest.raises(UnmaskError, match="is for object 3 of cam-1"):
        open_patches(grant(), HEADER, SEALED, track_id=4)
    with pytest.raises(UnmaskError, match="is for object 3"):
        open_patches(grant(), HEADER, SEALED)


def test_the_key_in_a_grant_fits_no_other_object():
    class Liar:  # a holder with software of his own
        def track_key(self, header, track_id, wrapped):
            return grant().track_key(header, 3, wrapped)

    with pytest.raises(UnmaskError, match="stays masked"):
        open_patches(Liar(), HEADER, SEALED, track_id=4)


def test_an_expired_grant_opens_nothing():
    time = [NOW]
    held = grant(clock=lambda: time[0])
    open_patches(held, HEADER, SEALED, track_id=3)
    time[0] += DAY
    with pytest.raises(UnmaskError, match="expired on 2023-11-15"):
        open_patches(held, HEADER, SEALED, track_id=3)


def test_nothing_is_granted_of_an_object_that_is_not_there():
    with pytest.raises(GrantError, match="nothing of object 9"):
        grant(track_id=9)


@pytest.mark.parametrize("holder", [None, new_key("unmask-private")], ids=["secret file", "public key"])
def test_a_grant_travels_as_a_file(tmp_path, holder):
    write_grant(tmp_path / "g", grant(), public_of(holder) if holder else None)
    assert (tmp_path / "g").stat().st_mode & 0o777 == 0o600
    held = read_grant(tmp_path / "g", holder, clock=lambda: NOW)
    assert open_patches(held, HEADER, SEALED, track_id=3)
    with pytest.raises(GrantError, match="expired on"):
        read_grant(tmp_path / "g", holder, clock=lambda: NOW + DAY)


@pytest.mark.parametrize("holder", [None, new_key("unmask-private")], ids=["secret file", "public key"])
@pytest.mark.parametrize(
    "change", [{"expires": NOW + 99 * DAY}, {"track_id": 4}, {"camera": "cam-2"}], ids=str
)
def test_altered_terms_are_refused(tmp_path, holder, change):
    path = tmp_path / "g"
    write_grant(path, grant(), public_of(holder) if holder else None)
    content = json.loads(path.read_text())
    content["terms"] |= change
    path.write_text(json.dumps(content))
    with pytest.raises(GrantError, match="was altered"):
        read_grant(path, holder, clock=lambda: NOW)


def test_a_grant_to_somebody_opens_for_nobody_else(tmp_path):
    holder, other = new_key("unmask-private"), new_key("unmask-private")
    write_grant(tmp_path / "g", grant(), public_of(holder))
    with pytest.raises(GrantError, match="give the private one"):
        read_grant(tmp_path / "g")
    with pytest.raises(GrantError, match="made out to another key"):
        read_grant(tmp_path / "g", other)
    assert KeyRing(KEY).track_key(HEADER, 3, b"").hex() not in (tmp_path / "g").read_text()


@pytest.mark.parametrize("content", [b"", b"{}", b"{" * 5000, b'{"gctr": 1}'])
def test_a_damaged_grant_is_refused(tmp_path, content):
    (tmp_path / "g").write_bytes(content)
    (tmp_path / "g").chmod(0o600)
    with pytest.raises(GrantError, match="is not a grant"):
        read_grant(tmp_path / "g")


def test_a_grant_that_others_can_read_is_refused(tmp_path):
    write_grant(tmp_path / "g", grant())
    (tmp_path / "g").chmod(0o644)
    with pytest.raises(KeyFileError, match="read by others"):
        read_grant(tmp_path / "g")


def test_a_grant_shows_no_key():
    assert KeyRing(KEY).track_key(HEADER, 3, b"").hex() not in repr(grant())


def test_a_grant_unmasks_one_person_of_whole_footage(street, filled, cloud, store_key, unmask_key, tmp_path):
    tracks = sorted({t for frame in filled.watch("cam-1") for t in frame.objects})
    owned = {t: set() for t in tracks}
    for track in tracks:
        write_grant(
            tmp_path / str(track),
            issue_grant(
                KeyRing(unmask_key), filled.segments("cam-1"), "cam-1", track, lifetime=DAY, reason=""
            ),
        )
        holder = Surveillance(cloud, store_key, read_opener(tmp_path / str(track)))
        for shown in holder.watch("cam-1", unmask=True):
            for x0, y0, x1, y1 in shown.revealed:
                owned[track] |= {(shown.number, x, y) for x in range(x0, x1) for y in range(y0, y1)}
                true = street.frames[shown.number, y0:y1, x0:x1]
                np.testing.assert_array_equal(shown.image[y0:y1, x0:x1], true)
        with pytest.raises(UnmaskError, match="is for object"):
            list(holder.watch("cam-1", unmask=True, track_id=next(t for t in tracks if t != track)))
    assert all(owned.values())
    assert sum(map(len, owned.values())) == len(set().union(*owned.values()))  # no pixel is two persons'


def test_keys_and_grants_are_told_apart(tmp_path):
    write_key(tmp_path / "unmask.key", KEY)
    write_grant(
        tmp_path / "g", issue_grant(KeyRing(KEY), [(HEADER, OBJECTS)], "cam-1", 3, lifetime=DAY, reason="")
    )
    assert isinstance(read_opener(tmp_path / "unmask.key"), KeyRing)
    assert isinstance(read_opener(tmp_path / "g"), Grant)
