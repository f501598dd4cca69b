"""Fail-safe covering: no object without a mask, whatever the detector does."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gctr.vision.anonymise import BoxesError, anonymise, read_boxes, write_boxes
from gctr.vision.covers import Cover, confine, cover_objects, head_box
from gctr.vision.faces import DetectorError, detect_safely
from gctr.vision.following import POLICIES, CoverSettings, FaceFollower
from gctr.vision.regions import detect_in
from gctr.vision.tracks import Track

SIZE = (160, 120)
PERSON = Track(1, (40, 16, 72, 112))
BLANK = np.zeros((120, 160, 3), np.uint8)


class Scripted:
    """Answers call after call with what it is told; raises what is an exception."""

    def __init__(self, answers):
        self.answers, self.calls = list(answers), 0

    def detect(self, image):
        answer = self.answers[min(self.calls, len(self.answers) - 1)]
        self.calls += 1
        if isinstance(answer, Exception):
            raise answer
        return np.array(answer, np.float32).reshape(-1, 5)


def face(x, y=20, side=12, score=0.9):
    return [x, y, x + side, y + side, score]


def covered(covers):
    mask = np.zeros(SIZE[::-1], bool)
    for _, (x0, y0, x1, y1), _ in covers:
        mask[y0:y1, x0:x1] = True
    return mask


def follow(answers, n, **options):
    settings = CoverSettings(**options)
    return FaceFollower(Scripted(answers), settings).follow([BLANK] * n)


def test_a_face_missed_between_two_is_on_the_line():
    rows = follow([[face(40)], [], [], [], [face(48)]], 5)
    assert [row[0].reason for row in rows] == ["found", "between", "between", "between", "found"]
    assert [row[0].xyxy[0] for row in rows] == [40, 42, 44, 46, 48]


def test_a_face_is_held_at_both_ends():
    rows = follow([[], [], [face(40)], [face(42)], [], []], 6, hold=2)
    assert [row[0].reason for row in rows] == ["held", "held", "found", "found", "held", "held"]
    assert rows[0][0].xyxy[0] <= 36 and rows[0][0].xyxy[2] >= 52  # where it came from, and where it was
    assert rows[5][0].xyxy[0] <= 42 and rows[5][0].xyxy[2] >= 58


def test_the_detector_is_asked_as_often_as_told_and_at_both_ends():
    detector = Scripted([[face(40)]])
    rows = FaceFollower(detector, CoverSettings(every=4)).follow([BLANK] * 10)
    assert detector.calls == 4  # frames 0, 4, 8, 9
    assert all(len(row) == 1 for row in rows)


@pytest.mark.parametrize(
    ("fps", "asked"),
    [
        (30.0, [0, 3, 6, 9, 12]),
        (25.0, [0, 3, 6, 9, 12]),
        (15.0, [0, 2, 4, 6, 8, 10, 12]),
        (10.0, list(range(13))),
        (6.0, list(range(13))),
    ],
)
def test_rare_frames_are_all_looked_at(fps, asked):
    frames = [np.full((120, 160, 3), k, np.uint8) for k in range(13)]
    seen = []

    class Noting:
        def detect(self, image):
            seen.append(int(image[0, 0, 0]))
            return np.empty((0, 5), np.float32)

    times, objects = [k / fps for k in range(13)], [[PERSON]] * 13
    FaceFollower(Noting(), CoverSettings(every=3)).follow(frames, objects, times)
    assert seen == asked


def test_without_objects_every_other_look_is_near_known_faces_alone():
    class Moving:
        """Finds the white squares of 12 px and notes how large a picture it was shown."""

        def __init__(self):
            self.areas = []

        def detect(self, image):
            self.areas.append(image.shape[0] * image.shape[1])
            y, x = np.nonzero((image == 255).all(axis=2))
            return np.array([face(x.min(), y.min())] if len(x) else [], np.float32).reshape(-1, 5)

    frames = np.zeros((13, 240, 320, 3), np.uint8)
    for k in range(5, 13):  # comes between two looks at the whole frame
        frames[k, 40:52, 100 + 2 * k : 112 + 2 * k] = 255
    detector = Moving()
    rows = FaceFollower(detector, CoverSettings(every=3)).follow(
        list(frames), times=[k / 25 for k in range(13)]
    )
    assert detector.areas == [320 * 240, 320 * 240, 128 * 128, 320 * 240]  # none near anything in frame 3
    for k in range(5, 13):
        x0, _, x1, _ = rows[k][0].xyxy
        assert x0 <= 100 + 2 * k and x1 >= 112 + 2 * k, k


def test_a_face_goes_on_into_the_next_segment():
    follower = FaceFollower(Scripted([[face(40)], [], [], [face(46)]]), CoverSettings())
    follower.follow([BLANK])
    rows = follower.follow([BLANK] * 3)
    assert [row[0].reason for row in rows] == ["between", "between", "found"]
    assert [row[0].xyxy[0] for row in rows] == [42, 44, 46]


@pytest.mark.parametrize(
    "failure", [RuntimeError("net"), MemoryError(), [np.nan, 0, 1, 1, 0.5], ValueError("no image")], ids=repr
)
def test_where_the_detector_fails_every_object_is_masked_whole(failure):
    answers = [[face(50)], failure, [face(50)]]
    rows = follow(answers, 3)
    assert rows[1] is None and rows[0] and rows[2]
    covers = cover_objects(rows[1], [PERSON, Track(2, (100, 10, 130, 90))], CoverSettings(), SIZE)
    assert [cover.xyxy for cover in covers] == [PERSON.xyxy, (100, 10, 130, 90)]
    (frame,) = list(anonymise([(0.0, BLANK)], Scripted([failure])))
    assert covered(frame.covers).all()


def test_a_failure_tells_no_pixel():
    with pytest.raises(DetectorError, match="the face detector failed: RuntimeError"):
        detect_safely(Scripted([RuntimeError("secret")]), BLANK)


@given(
    st.lists(st.tuples(st.integers(0, 150), st.integers(0, 110), st.integers(4, 40)), max_size=4),
    st.lists(
        st.tuples(st.integers(0, 140), st.integers(0, 90), st.integers(4, 60), st.integers(4, 90)), max_size=4
    ),
    st.sampled_from(POLICIES),
)
def test_no_object_goes_without_a_mask(faces, objects, policy):
    rows = follow([[face(*box) for box in faces]], 1)
    tracks = [Track(k, (x, y, min(160, x + w), min(120, y + h))) for k, (x, y, w, h) in enumerate(objects)]
    settings = CoverSettings(policy=policy)
    covers = cover_objects(rows[0], tracks, settings, SIZE)
    assert {cover.track_id for cover in covers} == {track.track_id for track in tracks}
    mask = covered(covers)
    objects_mask = np.zeros_like(mask)
    for track in tracks:
        x0, y0, x1, y1 = track.xyxy
        objects_mask[y0:y1, x0:x1] = True
        if policy != "face":
            x0, y0, x1, y1 = track.xyxy if policy == "body" else head_box(track.xyxy)
            assert mask[y0:y1, x0:x1].all()
    for x, y, side in faces:  # a found face is seen in no object
        assert not (objects_mask & ~mask)[y : y + side, x : x + side].any()


@pytest.mark.parametrize(
    ("box", "why"),
    [(face(50, 20, score=0.25), "unsure"), (face(50, 90), "at the feet"), (face(120), "of nobody here")],
)
def test_a_doubtful_face_does_not_spare_the_head(box, why):
    rows = follow([[box]], 1)
    mask = covered(cover_objects(rows[0], [PERSON], CoverSettings(), SIZE))
    x0, y0, x1, y1 = head_box(PERSON.xyxy)
    assert mask[y0:y1, x0:x1].all()


def test_a_sure_face_spares_the_rest():
    rows = follow([[face(50)]], 1)
    mask = covered(cover_objects(rows[0], [PERSON], CoverSettings(), SIZE))
    assert mask[20:32, 50:62].all() and not mask[60:, :].any()


def test_whoever_stands_beside_the_face_found_is_masked():
    rows = follow([[face(20)]], 1)
    mask = covered(cover_objects(rows[0], [Track(1, (8, 16, 152, 112))], CoverSettings(), SIZE))
    assert mask[16:112, 80:152].all()


def test_regions_are_searched_on_a_small_canvas_and_boxes_come_back():
    image = np.zeros((720, 1280, 3), np.uint8)
    regions = [(100, 100, 160, 220), (900, 400, 960, 520)]
    for x, y in [(120, 110), (920, 430)]:
        image[y : y + 10, x : x + 10] = 255

    class Bright:
        def detect(self, canvas):
            self.shape = canvas.shape
            ys, xs = np.nonzero((canvas == 255).all(axis=2))
            halves = [xs < canvas.shape[1] // 3, xs >= canvas.shape[1] // 3]
            boxes = [
                (xs[h].min(), ys[h].min(), xs[h].max() + 1, ys[h].max() + 1, 0.9) for h in halves if h.any()
            ]
            return np.array(boxes, np.float32).reshape(-1, 5)

    detector = Bright()
    found = detect_in(detector, image, regions)
    assert detector.shape[0] <= 256
    assert sorted(found[:, :4].tolist()) == [[120, 110, 130, 120], [920, 430, 930, 440]]
    assert len(detect_in(detector, image, np.empty((0, 4)))) == 0


def test_boxes_travel_as_json():
    rows = follow([[face(40)]], 2)
    covers = {k: cover_objects(row, [PERSON], CoverSettings(), SIZE) for k, row in enumerate(rows)}
    read = read_boxes(write_boxes(covers, SIZE), SIZE)
    assert {k: [c.xyxy for c in row] for k, row in read.items()} == {
        k: [c.xyxy for c in row] for k, row in covers.items()
    }
    for data, size in [(b"{}", SIZE), (b"\xff", SIZE), (write_boxes(covers, SIZE), (64, 64))]:
        with pytest.raises(BoxesError):
            read_boxes(data, size)


@pytest.mark.parametrize(
    "options", [{"policy": "none"}, {"every": 0}, {"hold": -1}, {"margin": 9.0}], ids=str
)
def test_settings_outside_their_limits_are_refused(options):
    with pytest.raises(ValueError):
        CoverSettings(**options)


@given(st.data())
def test_confined_covers_hold_what_is_sent_and_nothing_else(data):
    height, width = data.draw(st.integers(1, 60)), data.draw(st.integers(1, 60))
    shape = (-(-height // 8), -(-width // 8))
    cells = np.array(
        data.draw(st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
    )
    cells = cells.reshape(shape)
    x0, y0 = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = (x0, y0, data.draw(st.integers(x0 + 1, width)), data.draw(st.integers(y0 + 1, height)))
    covers = confine([Cover(1, box, "head")], cells)
    wanted = np.kron(cells, np.ones((8, 8), int))[:height, :width]
    inside = np.zeros((height, width), int)
    inside[box[1] : box[3], box[0] : box[2]] = 1
    covered = np.zeros((height, width), int)
    for cover in covers:
        a, b, c, d = cover.xyxy
        covered[b:d, a:c] += 1
    np.testing.assert_array_equal(
        covered, wanted * inside
    )  # each pixel once, so that no box is empty or doubled


def test_a_face_that_was_found_is_covered_whole():
    face = Cover(1, (3, 3, 20, 20), "found")
    assert confine([face], np.zeros((4, 4), bool)) == [face]
