"""The public sets themselves, where GCTR_DATA names a mirror of them."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from gctr.datasets import Clip, check, list_datasets, list_models, load, load_faces, model_path
from gctr.datasets.ground_truth import read_truth
from gctr.datasets.loading import obtain
from gctr.datasets.registry import entry

pytestmark = pytest.mark.usefixtures("public_data")


@pytest.mark.parametrize("name", [e.name for e in list_datasets() + list_models()])
def test_every_set_and_model_verifies(name):
    report = check(name)
    assert report.ok is True, str(report)


def opencv_frames(path: Path):
    capture = cv2.VideoCapture(str(path))
    while (got := capture.read())[0]:
        yield got[1]


@pytest.mark.parametrize(
    ("name", "n", "fps", "wh"),
    [("pets2009-s2l1", 795, 10, (768, 576)), ("intel-car-detection", 377, 12.5, (768, 432))],
)
def test_videos_decode_as_opencv_decodes_them(name, n, fps, wh):
    clip = load(name)
    assert (clip.n_frames, clip.fps, clip.resolution_wh) == (n, fps, wh)
    (video, *_) = entry(name).files
    assert clip.sha256 == video.sha256
    count = 0
    for ours, theirs in zip(clip, opencv_frames(obtain(video, "video").path), strict=True):
        assert cv2.absdiff(ours, theirs).max() <= 2
        count += 1
    assert count == n


def test_pets_holds_all_labelled_people_of_every_frame():
    clip = load("pets2009-s2l1")
    boxes = clip.truth.boxes
    assert len(boxes) == 4650
    assert boxes["track_id"].nunique() == 19
    assert (boxes["frame"].min(), boxes["frame"].max()) == (0, 794)


def test_the_two_truths_of_pets_agree():
    """MOT's frame k + 1 is CVML's frame k; MOT rounds to whole pixels, and its pixels count from 1."""
    mot = load("pets2009-s2l1").truth.boxes
    file = next(f for f in entry("pets2009-s2l1").files if f.path.endswith(".xml"))
    cvml = read_truth(obtain(file, "video+mot").path).boxes
    key, corners = ["frame", "track_id"], ["x0", "y0", "x1", "y1"]
    assert mot[key].to_numpy().tolist() == cvml[key].to_numpy().tolist()
    shift = cvml[corners].to_numpy() - mot[corners].to_numpy() - 1
    assert np.abs(shift).max() < 0.52
    assert np.abs(shift.mean(axis=0)).max() < 0.05


def moving_pixels(clip: Clip, threshold: int) -> np.ndarray:
    """Where grey levels differ from the median picture, (T, H, W)."""
    grey = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in clip]
    plate = np.median(grey[:: max(len(grey) // 25, 1)], axis=0).astype(np.uint8)
    return np.stack([cv2.absdiff(picture, plate) > threshold for picture in grey])


def test_pets_boxes_are_those_of_their_frames():
    """Boxes hold the most of what moves in their own frame: numbering that is off by a few would hold less."""
    clip = load("pets2009-s2l1").head(100)
    moving = moving_pixels(clip, 40)
    inside = dict.fromkeys((-3, 0, 3), 0)
    for k, group in clip.truth.boxes.groupby("frame"):
        if 3 <= k < 97:
            mask = np.zeros(moving.shape[1:], bool)
            for x0, y0, x1, y1 in group[["x0", "y0", "x1", "y1"]].to_numpy().round().astype(int):
                mask[max(y0, 0) : y1, max(x0, 0) : x1] = True
            for lag in inside:
                inside[lag] += int((moving[k + lag] & mask).sum())
    assert inside[0] > 1.02 * max(inside[-3], inside[3])


@pytest.mark.parametrize(
    ("name", "n", "wh", "values", "evaluated"),
    [
        ("sbi2015-ibmtest2", 90, (320, 240), {0, 170, 255}, range(0, 90)),
        ("sbi2015-caviar2", 460, (384, 256), {0, 170, 255}, range(0, 460)),
        ("cdnet-highway", 1700, (320, 240), {0, 50, 85, 170, 255}, range(469, 1700)),
    ],
)
def test_picture_sets_have_frames_labels_and_evaluated_range(name, n, wh, values, evaluated):
    clip = load(name)
    assert (clip.n_frames, clip.resolution_wh, clip.truth.evaluated) == (n, wh, evaluated)
    assert clip.truth.roi.shape == wh[::-1]
    seen = set()
    for k in range(0, n, 10):
        mask = clip.truth.mask(k)
        assert mask.shape == wh[::-1]
        seen |= set(np.unique(mask).tolist())
    assert seen <= values
    assert 255 in seen
    last = None
    for count, frame in enumerate(clip, start=1):
        last = (count, frame.shape)
    assert last == (n, (*wh[::-1], 3))


@pytest.mark.parametrize("name", ["sbi2015-ibmtest2", "sbi2015-caviar2", "cdnet-highway"])
def test_labels_fit_their_frames_and_not_others(name):
    """Labels match what moves in their own frame better than in the next or the one before."""
    clip = load(name)
    moving = moving_pixels(clip, 25)
    shared, either = dict.fromkeys((-1, 0, 1), 0), dict.fromkeys((-1, 0, 1), 0)
    for k in clip.truth.evaluated[2:-2:7]:
        labels = clip.truth.mask(k)
        known, foreground = np.isin(labels, (0, 255)), labels == 255
        for lag in shared:
            shared[lag] += int((moving[k + lag] & foreground).sum())
            either[lag] += int((moving[k + lag] & known | foreground).sum())
    overlap = {lag: shared[lag] / either[lag] for lag in shared}
    assert overlap[0] > max(overlap[-1], overlap[1]), overlap


def test_caviar_is_almost_empty_as_described():
    clip = load("sbi2015-caviar2")
    share = np.mean([(clip.truth.mask(k) == 255).mean() for k in range(0, 460, 5)])
    assert 0.001 < share < 0.02


def test_london_faces_are_forty_people_twice():
    faces = load_faces("london-faces")
    assert len(faces) == 80
    identities = [identity for identity, _ in faces]
    assert len(set(identities)) == 40
    assert all(identities.count(i) == 2 for i in identities)
    assert {image.shape for _, image in faces} == {(400, 400, 3)}


def test_models_load_in_opencv():
    detector = cv2.FaceDetectorYN.create(str(model_path("yunet")), "", (400, 400))
    identity, face = load_faces("london-faces")[0]
    _, found = detector.detect(face)
    assert len(found) == 1, identity
