"""Light and view change: the camera registers a new background, and every segment keeps the one it was coded on."""

import numpy as np
import pytest

from gctr.datasets import Clip
from gctr.parties.camera import Camera, CameraSettings
from gctr.parties.home import init
from gctr.parties.ledger import NonceLedger
from gctr.parties.messages import peek_header
from gctr.parties.observer import Observer
from gctr.parties.plates import PlateBook
from gctr.parties.spool import Spool
from gctr.parties.station import Station
from gctr.parties.surveillance import Surveillance
from gctr.vision.coding import decode_plate
from gctr.vision.faces import DetectorError
from gctr.vision.masking import SOLID_BGR

from .conftest import HEIGHT, WIDTH, KnownFaces, NoFaces, Overhearing
from .served import Away

SETTINGS = CameraSettings(segment_frames=10, face_margin=0.0, renew_after=20)
CHANGED, LENGTH = 20, 80
PERSON = np.s_[40:80, 60:84]
CHANGES = {
    "view": lambda frames: np.roll(frames, 13, axis=2),
    "light": lambda frames: np.clip(frames.astype(int) + 45, 0, 255).astype(np.uint8),
}


class Here(Overhearing):
    """Tells the kinds and background versions of what a camera put."""

    def versions(self):
        headers = [peek_header(message) for message in self.heard]
        return [(header.kind[0], header.background_version) for header in headers]


@pytest.fixture(params=CHANGES)
def footage(request):
    return make_footage(request.param)


def make_footage(change):
    """A walker on textured ground whose light or view changes for good at frame `CHANGED`; (seconds, frame) pairs."""
    rng = np.random.default_rng(11)
    tiles = rng.integers(40, 150, (HEIGHT // 8, WIDTH // 8, 3))
    ground = np.kron(tiles, np.ones((8, 8, 1))).astype(np.uint8)
    frames = np.repeat(ground[None], LENGTH, axis=0)
    frames[CHANGED:] = CHANGES[change](frames[CHANGED:])
    for k in range(LENGTH):
        frames[k, 30:62, (x := 7 * k % (WIDTH - 20)) : x + 20] = rng.integers(180, 250, (32, 20, 3))
    return [(k / 10, frame) for k, frame in enumerate(frames)]


def begin(store_key, unmask_key, folder=None):
    book = PlateBook(folder / "plates") if folder else None
    return Camera(store_key, unmask_key, SETTINGS, NoFaces(), book=book)


def test_later_segments_refer_to_the_new_background_and_older_ones_keep_theirs(
    footage, cloud, store_key, unmask_key
):
    here, camera = Here(cloud), begin(store_key, unmask_key)
    here.put(camera.register([frame for _, frame in footage[:CHANGED]]))
    list(camera.run(footage, here))
    renewal = here.versions().index(("b", 2))
    assert here.versions()[:renewal] == [("b", 1)] + [("s", 1)] * (renewal - 1)
    assert here.versions()[renewal:] == [("b", 2)] + [("s", 2)] * (LENGTH // 10 - renewal + 1)
    assert cloud.standing("cam-1").backgrounds == [1, 2]
    reader = Surveillance(cloud, store_key, unmask_key)
    shown = [seen.image for seen in reader.watch("cam-1", unmask=True)]
    for k in (5, LENGTH - 5):
        assert np.abs(shown[k].astype(int) - footage[k][1]).mean() < 8, "composed on the plate of its time"
    still = reader.background("cam-1")
    np.testing.assert_array_equal(still, decode_plate(camera.key_packet, (WIDTH, HEIGHT)))
    assert np.abs(still.astype(int) - footage[-1][1]).mean() < 25


def test_a_new_background_ends_the_flood_of_a_moved_view(cloud, store_key, unmask_key):
    footage, camera = make_footage("view"), begin(store_key, unmask_key)
    cloud.put(camera.register([frame for _, frame in footage[:CHANGED]]))
    shares = []
    list(camera.run(footage, cloud, inspect=lambda seen: shares.append(np.mean([o.region for o in seen]))))
    before, flooded, after = shares[0], shares[CHANGED // 10], shares[-1]
    assert flooded > 2 * before
    assert after < 1.2 * before


def test_a_restarted_camera_goes_on_with_the_background_of_its_next_segment(
    footage, cloud, store_key, unmask_key, tmp_path
):
    here = Here(cloud)
    for part in (slice(0, 50), slice(50, LENGTH)):
        camera = begin(store_key, unmask_key, tmp_path)
        camera.resume(part.start // 10, part.start)
        here.put(camera.register([frame for _, frame in footage[:CHANGED]]))
        list(camera.run(footage[part], here))
    assert here.versions() == [
        *[("b", 1), *[("s", 1)] * 4, ("b", 2), ("s", 2)],
        *[("b", 2), *[("s", 2)] * 3],
    ]
    assert camera.background_version == 2


def test_an_interrupted_run_over_the_same_footage_meets_the_same_backgrounds(
    footage, cloud, store_key, unmask_key, tmp_path
):
    runs = []
    for _ in range(2):
        camera, here = begin(store_key, unmask_key, tmp_path), Here(cloud)
        here.put(camera.register([frame for _, frame in footage[:CHANGED]]))
        done = {segment.sequence for segment in cloud.segments("cam-1")}
        list(camera.run(footage[: None if done else 60], here, done=done))
        runs.append(here.versions())
    assert runs == [[("b", 1), *[("s", 1)] * 4, ("b", 2), *[("s", 2)] * 2], [("b", 1), *[("s", 2)] * 2]]
    assert len(list(Surveillance(cloud, store_key).watch("cam-1"))) == LENGTH


def test_registration_waits_for_a_person_to_leave_and_then_hides_whom_it_sees():
    rng = np.random.default_rng(3)
    ground = rng.integers(60, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    person = rng.integers(170, 250, (40, 24, 3), dtype=np.uint8)
    occupied = np.roll(ground, 40, axis=1)
    occupied[PERSON] = person
    find = lambda image: [[60, 40, 84, 80]] if (image[PERSON] == person).all() else np.empty((0, 4))  # noqa: E731
    empty = np.roll(ground, 40, axis=1)
    for stays in (30, 200):
        observer = Observer(SETTINGS, NoFaces(), find)
        observer.adopt(ground)
        plates = {}
        for k in range(0, 120, 5):
            observer.follow([occupied if k < stays else empty] * 5)
            if (plate := observer.renewed()) is not None:
                plates.setdefault(k, plate)
        first = min(plates)
        if stays < 120:
            assert first >= stays
            np.testing.assert_array_equal(plates[first], empty)
        else:
            assert first > 2 * SETTINGS.renew_after
            assert (plates[first][PERSON] == SOLID_BGR).all()


def test_no_background_is_registered_when_nobody_knows_who_is_in_it():
    rng = np.random.default_rng(4)
    ground = rng.integers(60, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)

    class Broken:
        def detect(self, image):
            raise OSError

    observer = Observer(SETTINGS, Broken())
    observer.adopt(ground)
    observer.follow([np.roll(ground, 40, axis=1)] * 30)
    assert observer.renewed() is None
    with pytest.raises(DetectorError):
        observer.register([ground])
    failing = Observer(SETTINGS, KnownFaces(), lambda image: 1 / 0)
    with pytest.raises(DetectorError, match="finder of people"):
        failing.register([ground])


def test_zero_never_renews(footage, cloud, store_key, unmask_key):
    settings = CameraSettings(segment_frames=10, renew_after=0)
    camera, here = Camera(store_key, unmask_key, settings, NoFaces()), Here(cloud)
    here.put(camera.register([frame for _, frame in footage[:CHANGED]]))
    list(camera.run(footage, here))
    assert {version for _, version in here.versions()} == {1}


def test_a_station_hides_people_in_its_background_and_takes_it_up_again(tmp_path):
    rng = np.random.default_rng(6)
    ground = rng.integers(60, 120, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    clip = Clip.from_array("street", np.stack([ground] * 4), 10.0)
    init(tmp_path)
    plates = []
    for number in range(2):
        spool, ledger = Spool(tmp_path / "queue", Away()), NonceLedger(tmp_path / "nonces.sqlite")
        find = [lambda image: np.array([[60, 40, 84, 80]]), lambda image: 1 / 0][number]  # not asked again
        station = Station(tmp_path / "camera", spool, SETTINGS, ledger, NoFaces(), find)
        station.register(clip)
        plates.append(station.camera.plate)
        spool.close()
        ledger.close()
    assert (plates[0][PERSON] == SOLID_BGR).all()
    np.testing.assert_array_equal(plates[0], plates[1])
    np.testing.assert_array_equal(plates[0][:40], ground[:40])
