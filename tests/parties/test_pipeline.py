"""Figure 2 of the paper, end to end: camera, cloud, surveillance."""

import numpy as np
import pytest

from gctr.parties.camera import Camera, CameraSettings
from gctr.parties.keyfile import new_key
from gctr.parties.keys import UnmaskError
from gctr.parties.messages import MessageError
from gctr.parties.surveillance import Surveillance
from gctr.vision.masking import SOLID_BGR

from .conftest import FRAMES, KnownFaces


@pytest.mark.parametrize(
    "setting",
    [
        {"camera": "Gate 1"},
        {"segment_frames": 0},
        {"segment_frames": 1 << 20},
        {"qp": 52},
        {"block": 0},
        {"mode": "aes"},
        {"face_threshold": float("nan")},
        {"renew_after": -1},
        {"exact": "some"},
    ],
    ids=str,
)
def test_a_setting_outside_its_limits_is_named(setting):
    ((name, _),) = setting.items()
    with pytest.raises(ValueError, match=f"no camera has the setting {name} ="):
        CameraSettings(**setting)


def crop(image, box):
    x0, y0, x1, y1 = box
    return image[y0:y1, x0:x1]


def visible_faces(street):
    return [(5 + k, box) for boxes in street.faces.values() for k, box in enumerate(boxes)]


@pytest.mark.parametrize("mode", ["bucket_gcm", "bucket_ctr", "ctr", "gctr"])
def test_unmasked_faces_equal_the_camera_s_byte_for_byte(street, cloud, store_key, unmask_key, mode):
    settings = CameraSettings(mode=mode, segment_frames=10, face_margin=0.0)
    camera = Camera(store_key, unmask_key, settings, KnownFaces())
    cloud.put(camera.register(street))
    list(camera.run(street.timed(), cloud))
    shown = list(Surveillance(cloud, store_key, unmask_key).watch("cam-1", unmask=True))
    assert [frame.number for frame in shown] == list(range(FRAMES))
    for frame, box in visible_faces(street):
        np.testing.assert_array_equal(crop(shown[frame].image, box), crop(street.frames[frame], box))


def test_composed_faces_are_masked(street, filled):
    shown = list(filled.watch("cam-1"))
    for frame, box in visible_faces(street):
        inner = crop(shown[frame].image, box)[2:-2, 2:-2].astype(int)
        # Lossy video moves the solid colour by a few levels; a face of random pixels spreads over all 256.
        assert np.abs(inner - SOLID_BGR).max() < 40, (frame, box)


def test_the_picture_is_composed_of_background_and_objects(street, filled):
    shown = list(filled.watch("cam-1"))
    empty = street.frames[0].astype(int)
    assert np.abs(shown[0].image - empty).mean() < 3
    walker = crop(shown[20].image, (68, 28, 92, 44)).astype(int)  # the first walker's legs, t = 20
    assert np.abs(walker - crop(street.frames[20], (68, 28, 92, 44))).mean() < 20
    assert np.abs(walker - crop(empty, (68, 28, 92, 44))).mean() > 50


def test_times_travel_with_the_frames(filled):
    assert [frame.time for frame in filled.watch("cam-1")] == [k / 10 for k in range(FRAMES)]


def test_one_person_is_unmasked_alone(street, filled):
    tracks = {t for frame in filled.watch("cam-1") for t in frame.objects}
    owned = []
    for track in tracks:
        frames = filled.watch("cam-1", unmask=True, track_id=track)
        owned.append(
            {pixel for frame in frames for box in frame.revealed for pixel in pixels(frame.number, box)}
        )
    assert set().union(*owned) >= {pixel for face in visible_faces(street) for pixel in pixels(*face)}
    assert sum(map(len, owned)) == len(set().union(*owned))  # no pixel belongs to two


def pixels(number, box):
    return {(number, x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}


def test_a_partial_image_is_the_object_of_the_composed_frame(filled):
    shown = next(frame for frame in filled.watch("cam-1") if frame.number == 12)
    track, (x0, y0, x1, y1) = next(iter(shown.objects.items()))
    np.testing.assert_array_equal(filled.partial("cam-1", 12, track), shown.image[y0:y1, x0:x1])


def test_the_background_alone_shows_nobody(street, filled):
    assert np.abs(filled.background("cam-1").astype(int) - street.frames[0]).mean() < 3


def test_without_the_key_nothing_is_unmasked(filled, cloud, store_key):
    with pytest.raises(UnmaskError, match="holds no unmask key"):
        next(Surveillance(cloud, store_key).watch("cam-1", unmask=True))


def test_with_a_wrong_key_no_frame_is_shown(filled, cloud, store_key):
    shown = Surveillance(cloud, store_key, new_key("unmask")).watch("cam-1", sequences=[1], unmask=True)
    with pytest.raises(UnmaskError, match="stays masked"):
        next(shown)


def test_a_segment_in_which_nothing_moves_carries_no_video(street, camera, cloud, store_key):
    still = np.repeat(street.frames[:1], 10, axis=0)
    cloud.put(camera.register(street))
    (sent,) = camera.run(((k / 10, frame) for k, frame in enumerate(still)), cloud)
    assert sent.size < 400
    shown = list(Surveillance(cloud, store_key).watch("cam-1"))
    assert len(shown) == 10
    assert np.abs(shown[9].image.astype(int) - still[0]).mean() < 3


def test_an_answer_to_another_question_is_refused(filled, cloud):
    class Swapped:
        def compose(self, camera, sequence):
            return cloud.compose(camera, 1 - sequence)

    filled._cloud = Swapped()
    with pytest.raises(MessageError, match="the cloud answered with composition 1 of cam-1"):
        next(filled.watch("cam-1", sequences=[0]))


def test_a_face_that_was_there_when_the_background_was_registered_is_masked(street, store_key, unmask_key):
    camera = Camera(store_key, unmask_key, CameraSettings(face_margin=0.0), KnownFaces())
    camera.register([street.frames[10]] * 3)
    for walker in (0, 1):
        assert (crop(camera.plate, street.faces[walker][5]) == SOLID_BGR).all()


def test_faces_alone_are_sealed_where_that_is_asked_for(street, cloud, store_key, unmask_key):
    sizes = {}
    for seal in ("all", "faces"):
        settings = CameraSettings(camera=f"cam-{seal}", segment_frames=10, face_margin=0.0, seal=seal)
        camera = Camera(store_key, unmask_key, settings, KnownFaces())
        cloud.put(camera.register(street))
        seen = []
        sizes[seal] = sum(sent.size for sent in camera.run(street.timed(), cloud, inspect=seen.extend))
        masked = {cover.xyxy for o in seen for cover in o.covers if cover.reason == "head"}
        assert masked  # whoever shows no face is masked either way
    assert sizes["faces"] < sizes["all"]
    shown = list(Surveillance(cloud, store_key, unmask_key).watch("cam-faces", unmask=True))
    for frame, box in visible_faces(street):
        np.testing.assert_array_equal(crop(shown[frame].image, box), crop(street.frames[frame], box))
