"""`gctr mask` and deface on the same frames: what is compared is what the tools do."""

import numpy as np
import pytest

from gctr.datasets import load
from gctr.datasets.clip import Clip
from gctr.evaluation.exposure import shown_by_boxes
from gctr.evaluation.maskers import compare, exposures
from gctr.vision.anonymise import anonymise
from gctr.vision.faces import CenterFace
from gctr.vision.following import CoverSettings


@pytest.fixture(scope="module")
def compared():
    clip = load("synthetic").head(110)
    frames = list(clip)[104:]  # somebody comes up to the camera
    return frames, compare(frames, clip.fps, stretches=2)


def test_boxes_are_those_of_the_tools(compared):
    frames, (boxes, _) = compared
    timed = ((k / 25, frame) for k, frame in enumerate(frames))
    expected = anonymise(timed, CenterFace(), CoverSettings(margin=0.3, every=3))
    assert boxes["gctr mask"] == [[cover.xyxy for cover in seen.covers] for seen in expected]
    assert len(boxes["deface"]) == len(frames) and any(boxes["deface"])


def test_a_short_clip_is_gone_over_again_and_ratios_are_of_one_stretch(compared):
    _, (_, speed) = compared
    assert len(speed) >= 2
    np.testing.assert_allclose(speed["ratio"], speed["deface"] / speed["gctr mask"])


def test_all_three_are_judged_on_the_same_faces(compared, monkeypatch):
    frames, found = compared
    judge = (CenterFace(0.12), "CenterFace at 0.12")
    monkeypatch.setattr("gctr.evaluation.exposure.independent_detector", lambda: judge)
    clip = Clip.from_array("walkers", np.stack(frames), 25)
    size = frames[0].shape[:2]
    table = exposures(clip, frames, found, shown_by_boxes([[]] * len(frames), size))
    assert table["tool"].tolist() == ["gctr camera", "gctr mask", "deface"]
    assert table["faces"].nunique() == 1 and table["faces"].iloc[0] > 0
    bare = table.set_index("tool").loc["gctr camera"]  # nothing masked: every face is exposed
    assert bare.exposed == bare.faces
