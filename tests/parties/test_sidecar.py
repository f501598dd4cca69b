"""A masked video and its sealed faces: whole clips come back byte for byte, and nothing else opens them."""

import msgspec
import numpy as np
import pytest
from msgspec.structs import replace

from gctr.parties import sidecar as sidecars
from gctr.parties.grants import issue_grant
from gctr.parties.keyfile import new_key, public_of
from gctr.parties.keys import KeyRing, PatchSealer, UnmaskError
from gctr.parties.sidecar import SidecarError, SidecarWriter, read_sidecar, reveal_video, sidecar_path
from gctr.vision.anonymise import anonymise
from gctr.vision.following import CoverSettings
from gctr.vision.masking import SOLID_BGR
from gctr.vision.recording import write_timed_video
from gctr.vision.video import read_video

from .conftest import KnownFaces

KEY, PAIR = new_key("unmask"), new_key("unmask-private")


@pytest.fixture(params=["shared", "public"])
def sealed(request, street, tmp_path, monkeypatch):
    monkeypatch.setattr(sidecars, "WINDOW", 10)
    key = KEY if request.param == "shared" else public_of(PAIR)
    writer = SidecarWriter(PatchSealer(key), (160, 96))
    frames = anonymise(street.timed(), KnownFaces(), CoverSettings(margin=0.2))
    video = tmp_path / "masked.mkv"
    write_timed_video(video, ((f.time, f.image) for f in writer.sealing(frames)))
    writer.write(video)
    return video, KeyRing(KEY if request.param == "shared" else PAIR)


def test_the_whole_clip_comes_back_byte_for_byte(sealed, street):
    video, ring = sealed
    shown = np.stack(
        [image for _, image in reveal_video(read_video(video).timed(), read_sidecar(video), ring)]
    )
    np.testing.assert_array_equal(shown, street.frames)


def test_the_masked_video_shows_no_face(sealed, street):
    masked = list(read_video(sealed[0]))
    for boxes in street.faces.values():
        for k, (x0, y0, x1, y1) in enumerate(boxes):
            assert (masked[5 + k][y0:y1, x0:x1] == SOLID_BGR).all()


def test_a_wrong_key_or_another_face_s_grant_opens_nothing(sealed, street):
    video, ring = sealed
    sidecar = read_sidecar(video)
    with pytest.raises(UnmaskError):
        next(reveal_video(street.timed(), sidecar, KeyRing(new_key("unmask"))))
    segments = list(sidecar.objects())
    one, two = sorted({p.track_id for _, objects in segments for p in objects.patches})[:2]
    grant = issue_grant(ring, segments, segments[0][0].camera, one, lifetime=60, reason="")
    assert list(reveal_video(read_video(video).timed(), sidecar, grant, one))
    with pytest.raises(UnmaskError, match="is for object"):
        next(reveal_video(street.timed(), sidecar, grant, two))


def test_a_sidecar_of_another_video_or_a_damaged_one_is_refused(sealed, tmp_path):
    video, _ = sealed
    content = sidecar_path(video).read_bytes()
    sidecar_path(video).write_bytes(content[:-40])
    with pytest.raises(SidecarError, match="damaged"):
        read_sidecar(video)
    sidecar_path(video).write_bytes(content)
    with video.open("ab") as file:
        file.write(b"x")
    with pytest.raises(SidecarError, match="belongs to another video"):
        read_sidecar(video)
    with pytest.raises(SidecarError, match="only what 'gctr mask --sealed' wrote"):
        read_sidecar(tmp_path / "other.mkv")


@pytest.mark.parametrize("attack", ["swap", "drop the first", "repeat", "take another video's"])
def test_parts_that_are_not_in_their_places_are_refused(sealed, attack):
    video, _ = sealed
    whole = read_sidecar(video)
    first, second, third = whole.segments
    stranger = replace(second, header=replace(second.header, camera="mask-0"))
    segments = {
        "swap": [second, first, third],
        "drop the first": [second, third],
        "repeat": [first, first, third],
        "take another video's": [first, stranger, third],
    }[attack]
    sidecar_path(video).write_bytes(msgspec.msgpack.encode(replace(whole, segments=segments)))
    with pytest.raises(SidecarError, match="is not in its place"):
        read_sidecar(video)


def test_a_sidecar_shorter_or_longer_than_its_video_is_noticed(sealed, street):
    video, ring = sealed
    whole, frames = read_sidecar(video), list(street.timed())
    with pytest.raises(SidecarError, match="goes on after its sidecar ends"):
        list(reveal_video(frames, replace(whole, segments=whole.segments[:2]), ring))
    with pytest.raises(SidecarError, match="ends before frame 29"):
        list(reveal_video(frames[:-1], whole, ring))
