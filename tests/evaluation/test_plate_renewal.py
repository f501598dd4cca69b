"""A nudged camera: what moves, and which background version explains which frame."""

import numpy as np

from gctr.evaluation.plate_renewal import follow_plates, nudge
from gctr.evaluation.roi_figures import mean_shares
from gctr.parties.observer import CameraSettings, Observer


class NoFaces:
    def detect(self, image):
        return np.empty((0, 5), np.float32)


def still(count):
    tiles = np.random.default_rng(8).integers(40, 200, (12, 20, 3))
    return [np.kron(tiles, np.ones((8, 8, 1))).astype(np.uint8)] * count


def test_a_nudge_moves_the_picture_from_its_frame_on():
    frames = still(4)
    moved = list(nudge(frames, (6, 2), at=2))
    np.testing.assert_array_equal(moved[1], frames[1])
    np.testing.assert_array_equal(moved[2][2:, 6:], frames[2][:-2, :-6])
    np.testing.assert_array_equal(moved[3][:, 0], np.vstack([frames[3][:1, 0]] * 2 + [frames[3][:-2, 0]]))


def test_a_due_background_ends_the_flood_and_without_one_it_stays():
    settings = {"new": CameraSettings(renew_after=10), "never": CameraSettings(renew_after=0)}
    observers = {name: Observer(one, NoFaces()) for name, one in settings.items()}
    shares, versions = follow_plates(nudge(still(45), (4, 0), 10), still(1)[0], observers, segment=5)
    assert versions["new"].tolist() == [1] * 20 + [2] * 25
    assert set(versions["never"]) == {1}
    assert shares["new"][:10].max() == shares["new"][20:].max() == 0
    assert shares["never"][10:].min() > 0.5
    table = mean_shares(shares, {10: "nudge", 20: "version 2"})
    assert table.loc["new", ["before", "nudge", "version 2"]].round(1).tolist() == [0, 1, 0]
    assert table.loc["never", "largest"] == shares["never"].max()
