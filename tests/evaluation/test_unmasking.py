"""Lifting masks, and its cost, on a small scene."""

import numpy as np
import pytest

from gctr.datasets.synthetic import synthetic_clip
from gctr.evaluation.exposure import observe
from gctr.evaluation.unmasking import check_unmasking, sealed_sizes
from gctr.parties.observer import CameraSettings


@pytest.fixture(scope="module")
def plaza():
    clip = synthetic_clip(n_walkers=4, empty_seconds=0.0, n_frames=12, fps=8.0)
    return clip.truth.background, list(clip.timed())


def test_faces_come_back_exactly_and_the_rest_as_coded(plaza):
    plate, timed = plaza
    found = check_unmasking(observe(timed, plate))
    assert found["patches"] > 10 and found["bytes_that_differ"] == 0
    assert found["coded_pixels"] > 1000 and 0 < found["coded_error"] < 4


def test_everything_comes_back_exactly_where_asked_for(plaza):
    plate, timed = plaza
    found = check_unmasking(observe(timed, plate, CameraSettings(exact="all")))
    assert found["bytes_that_differ"] == found["coded_pixels"] == 0


def test_a_byte_that_differs_is_counted(plaza):
    plate, timed = plaza
    seen = observe(timed, plate)
    k = next(k for k, frame in enumerate(seen) if any(p.exact for ps in frame.patches.values() for p in ps))
    seen[k] = seen[k]._replace(captured=seen[k].captured ^ np.uint8(1))
    assert check_unmasking(seen)["bytes_that_differ"] > 0


def test_the_more_is_exact_the_more_it_costs(plaza):
    plate, timed = plaza
    size = sealed_sizes(observe(timed, plate), plate).set_index("exact")["bytes_a_frame"]
    assert size["none"] < size["faces"] < size["all"]
    assert size["none"] < size["all"] / 4
