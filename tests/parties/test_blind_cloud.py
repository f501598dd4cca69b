"""The cloud cannot unmask: neither the key nor a face's pixel is in anything it stored, saw or answered."""

import numpy as np
import pytest

from gctr.parties.camera import Camera, CameraSettings
from gctr.parties.envelope import open_message
from gctr.parties.keys import KeyRing, _segment_key
from gctr.parties.messages import Composition, ObjectVideo, decode
from gctr.vision.coding import decode_segment, encode_still

from .conftest import KnownFaces, Overhearing


@pytest.fixture(params=["bucket_gcm", "gctr"])
def seen(request, street, cloud, store_key, unmask_key, tmp_path):
    """All bytes that the cloud stored, received, decrypted or answered with, and the headers it read."""
    settings = CameraSettings(mode=request.param, segment_frames=10, face_margin=0.0)
    camera = Camera(store_key, unmask_key, settings, KnownFaces())
    wire = Overhearing(cloud)
    wire.put(camera.register(street))
    list(camera.run(street.timed(), wire))
    answers = [cloud.compose("cam-1", k) for k in range(3)]
    opened = [open_message(store_key, message) for message in wire.heard + answers]
    on_disk = [file.read_bytes() for file in (tmp_path / "cloud").rglob("*") if file.is_file()]
    return wire.heard + answers + on_disk + [body for _, body in opened], [header for header, _ in opened]


def test_no_key_of_the_unmask_family_is_there(seen, unmask_key):
    everything, headers = seen
    secrets = [unmask_key.secret, unmask_key.secret.hex().encode()]
    tracks = [(header, KeyRing(unmask_key).track_key(header, k, b"")) for header in headers for k in range(4)]
    secrets += [secret for header, key in tracks for secret in (key, _segment_key(key, header))]
    for data in everything:
        assert not any(secret in data for secret in secrets)


def test_no_pixel_of_a_face_is_there(seen, street):
    everything, _ = seen
    needles = []
    for boxes in street.faces.values():
        for k, (x0, y0, x1, y1) in enumerate(boxes):
            face = street.frames[5 + k, y0:y1, x0:x1]
            needles += [face[3].tobytes(), face[3, :, ::-1].tobytes(), face[3, 1:-1, 1].tobytes()]
            needles.append(encode_still(face)[40:72])  # the coded form, past its container's header
    for data in everything:
        assert not any(needle in data for needle in needles)


def test_no_face_can_be_seen_in_what_the_cloud_decodes(seen, street, store_key, cloud):
    for sequence in range(3):
        header, body = open_message(store_key, cloud.compose("cam-1", sequence))
        composition = decode(body, Composition)
        frames = decode_segment(composition.key_packet, composition.objects.packets, header.resolution_wh)
        for k, image in enumerate(frames, start=header.first_frame):
            for boxes in street.faces.values():
                if k >= 5:
                    x0, y0, x1, y1 = boxes[k - 5]
                    true = street.frames[k, y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].astype(float).ravel()
                    seen_there = image[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2].astype(float).ravel()
                    assert abs(_correlation(true, seen_there)) < 0.3


def test_a_planted_leak_would_be_found(seen, street, unmask_key):
    x0, y0, x1, y1 = street.faces[0][3]
    leak = street.frames[8, y0:y1, x0:x1].tobytes() + unmask_key.secret
    with pytest.raises(AssertionError):
        test_no_pixel_of_a_face_is_there(([leak], []), street)
    with pytest.raises(AssertionError):
        test_no_key_of_the_unmask_family_is_there(([leak], []), unmask_key)


def test_patches_are_all_the_cloud_has_of_faces(seen, store_key, cloud):
    bodies = [open_message(store_key, cloud.segment("cam-1", k))[1] for k in range(3)]
    assert all(decode(body, ObjectVideo).patches for body in bodies)


def _correlation(a, b):
    return 0.0 if a.std() == 0 or b.std() == 0 else float(np.corrcoef(a, b)[0, 1])
