"""Clip and Truth: lazy, restartable, and shortened together."""

import numpy as np
import pandas as pd
import pytest

from gctr.datasets import BOX_COLUMNS, FACE_COLUMNS, Clip, Truth, box_table


def noise(n: int = 5) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (n, 4, 6, 3), dtype=np.uint8)


def clip_with_truth() -> Clip:
    boxes = box_table([(k, 7, 0, 0, 2, 2, "person", None) for k in range(5)])
    faces = box_table([(k, 7, 0, 0, 1, 1, "s1") for k in range(0, 5, 2)], FACE_COLUMNS)
    return Clip.from_array("noise", noise(), 10, Truth(boxes=boxes, faces=faces, evaluated=range(1, 5)))


def test_a_clip_of_an_array_gives_the_array_back_again_and_again():
    clip = Clip.from_array("noise", noise(), 25)
    assert (clip.resolution_wh, clip.n_frames, clip.fps, clip.sha256) == ((6, 4), 5, 25, None)
    assert np.array_equal(clip.read(), noise())
    assert np.array_equal(clip.read(), noise())
    assert [seconds for seconds, _ in clip.timed()] == [0, 0.04, 0.08, 0.12, 0.16]


def test_two_passes_do_not_disturb_each_other():
    clip = Clip.from_array("noise", noise(), 25)
    a, b = iter(clip), iter(clip)
    next(a)
    assert np.array_equal(next(a), noise()[1])
    assert np.array_equal(next(b), noise()[0])


def test_head_shortens_frames_and_truth_alike():
    head = clip_with_truth().head(3)
    assert head.n_frames == 3
    assert np.array_equal(head.read(), noise()[:3])
    assert np.array_equal(head.read(), noise()[:3])
    assert head.truth.boxes["frame"].tolist() == [0, 1, 2]
    assert head.truth.faces["frame"].tolist() == [0, 2]
    assert head.truth.evaluated == range(1, 3)


def test_head_beyond_the_end_is_the_whole_clip_and_below_one_is_refused():
    clip = clip_with_truth()
    assert clip.head(99).n_frames == 5
    assert len(clip.head(99).read()) == 5
    with pytest.raises(ValueError, match="at least one frame"):
        clip.head(0)


def test_head_opens_no_more_than_it_needs():
    opened = []

    def frames():
        for k in range(10**9):
            opened.append(k)
            yield k / 25, noise(1)[0]

    clip = Clip(name="endless", fps=25, resolution_wh=(6, 4), n_frames=None, open_timed=frames)
    assert clip.head(3).n_frames is None
    assert clip.head(3).read().shape == (3, 4, 6, 3)
    assert opened == [0, 1, 2]


def test_read_refuses_what_does_not_fit_before_taking_it_all():
    clip = clip_with_truth()
    assert len(clip.read(max_bytes=5 * 4 * 6 * 3)) == 5
    with pytest.raises(ValueError, match=r"take head\(4\)"):
        clip.read(max_bytes=5 * 4 * 6 * 3 - 1)


@pytest.mark.parametrize("frames", [noise().astype(float), noise()[..., 0], noise()[0]])
def test_only_bgr_bytes_make_a_clip(frames):
    with pytest.raises(ValueError, match=r"\(T, H, W, 3\) uint8"):
        Clip.from_array("bad", frames, 25)


def test_a_box_table_is_typed_and_sorted_by_frame_then_track():
    table = box_table(
        [(2, 1, 0, 0, 1, 1, "car", None), (0, 9, 0, 0, 1, 1, "car", None), (0, 3, 1, 2, 3.5, 4, "x", "y")]
    )
    assert tuple(table.columns) == BOX_COLUMNS
    assert table[["frame", "track_id"]].to_numpy().tolist() == [[0, 3], [0, 9], [2, 1]]
    assert table["frame"].dtype == np.int64
    assert table["x1"].dtype == np.float64
    assert table.loc[0, ["label", "identity"]].tolist() == ["x", "y"]
    assert tuple(box_table([], FACE_COLUMNS).columns) == FACE_COLUMNS


def test_a_truth_table_without_its_columns_is_refused():
    with pytest.raises(ValueError, match=r"'faces' lacks the columns \['identity'\]"):
        Truth(faces=pd.DataFrame(columns=[c for c in FACE_COLUMNS if c != "identity"]))
