"""From the shell: protect, compose, unmask; odd videos, and videos that are none."""

import av
import cv2
import numpy as np
import pytest
from skimage import data

from gctr.vision.video import read_video, write_timed_video, write_video
from tests.cli.shell import gctr

WIDTH, HEIGHT, FRAMES = 161, 121, 24  # odd on purpose


def walk(grey=False):
    """A photographed face that walks in front of a textured wall, (T, H, W, 3) uint8 BGR."""
    photo = cv2.cvtColor(data.astronaut()[40:300, 130:330], cv2.COLOR_RGB2BGR)
    person = cv2.resize(photo, (48, 62), interpolation=cv2.INTER_AREA)
    wall = np.random.default_rng(4).integers(90, 110, (HEIGHT // 8 + 1, WIDTH // 8 + 1, 3), dtype=np.uint8)
    wall = np.kron(wall, np.ones((8, 8, 1), np.uint8))[:HEIGHT, :WIDTH]
    frames = np.repeat(wall[None], FRAMES, axis=0)
    for k in range(4, FRAMES):
        frames[k, 40:102, 5 * (k - 4) : 5 * (k - 4) + 48] = person
    return frames[..., :1].repeat(3, axis=3) if grey else frames


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("video") / "walk.mkv"
    write_video(path, walk(), 10)
    return path


@pytest.fixture(scope="module")
def protected(video, tmp_path_factory):
    folder = tmp_path_factory.mktemp("protected")
    assert "faces masked" in gctr("protect", video, "-o", folder, "--segment", 8)
    return folder


def frames_of(path):
    return np.stack(list(read_video(path)))


def test_faces_are_masked_and_come_back_byte_for_byte(protected, tmp_path):
    gctr("compose", protected, "-o", tmp_path / "composed.mkv")
    gctr("unmask", protected, "-o", tmp_path / "unmasked.mkv")
    captured, composed, unmasked = (
        walk(),
        *(frames_of(tmp_path / f"{n}.mkv") for n in ("composed", "unmasked")),
    )
    assert composed.shape == unmasked.shape == captured.shape
    revealed = (composed != unmasked).any(axis=3)
    masked_frames = [k for k in range(FRAMES) if revealed[k].sum() > 200]
    assert len(masked_frames) >= FRAMES - 8
    for k in masked_frames:
        x0 = max(0, 5 * (k - 4) + 14)
        face = np.s_[k, 52:72, x0 : x0 + 20]  # eyes to mouth
        np.testing.assert_array_equal(unmasked[face], captured[face])
    # What was masked to be safe comes back as the video has it.
    assert np.abs(unmasked[revealed].astype(int) - captured[revealed]).mean() < 3


def test_all_that_is_masked_comes_back_byte_for_byte_where_asked_for(video, tmp_path):
    gctr("protect", video, "-o", tmp_path / "exact", "--segment", 8, "--exact", "all")
    gctr("compose", tmp_path / "exact", "-o", tmp_path / "composed.mkv")
    gctr("unmask", tmp_path / "exact", "-o", tmp_path / "unmasked.mkv")
    composed, unmasked = (frames_of(tmp_path / f"{n}.mkv") for n in ("composed", "unmasked"))
    revealed = (composed != unmasked).any(axis=3)
    assert revealed.sum() > 200 * (FRAMES - 8)
    np.testing.assert_array_equal(unmasked[revealed], walk()[revealed])


def test_a_lossy_file_shows_the_same_picture(protected, tmp_path):
    gctr("compose", protected, "-o", tmp_path / "composed.mp4")
    gctr("compose", protected, "-o", tmp_path / "composed.mkv")
    lossy, exact = frames_of(tmp_path / "composed.mp4"), frames_of(tmp_path / "composed.mkv")
    assert np.abs(lossy[:, :HEIGHT, :WIDTH].astype(int) - exact).mean() < 3


def test_the_background_and_one_object_alone(protected, tmp_path):
    gctr("compose", protected, "--background", "-o", tmp_path / "background.png")
    assert np.abs(cv2.imread(str(tmp_path / "background.png")).astype(int) - walk()[0]).mean() < 3
    gctr("compose", protected, "--frame", 12, "--track", 1, "-o", tmp_path / "one.png")
    picture = cv2.imread(str(tmp_path / "one.png"))
    assert 0 < picture.size < walk()[0].size
    assert "both --frame and --track" in gctr(
        "compose", protected, "--frame", 1, "-o", tmp_path / "x.png", code=2
    )
    assert "object 99 is not" in gctr(
        "compose", protected, "--frame", 1, "--track", 99, "-o", tmp_path / "x.png", code=1
    )


def test_what_a_folder_holds_is_told(protected):
    assert "cam-1" in gctr("info", protected)


def test_without_the_unmask_key_there_is_no_video(protected, tmp_path):
    out = tmp_path / "unmasked.mkv"
    text = gctr("unmask", protected, "-o", out, "--key", tmp_path / "none.key", code=1)
    assert "cannot read the unmask key" in text
    assert list(tmp_path.iterdir()) == []


def test_the_store_key_unmasks_nothing(protected, tmp_path):
    key = protected / "keys" / "store.key"
    assert "holds the store key" in gctr("unmask", protected, "-o", tmp_path / "x.mkv", "--key", key, code=1)


def test_a_finished_folder_is_left_as_it_is(video, protected):
    assert "0 segments sent, 3 were there already" in gctr("protect", video, "-o", protected, "--segment", 8)
    assert "begun with other settings" in gctr("protect", video, "-o", protected, code=1)


def test_a_variable_frame_rate_survives(tmp_path):
    times = [k / 10 + (k % 3) / 100 for k in range(FRAMES)]
    write_timed_video(tmp_path / "walk.mp4", zip(times, walk(), strict=True))
    gctr("protect", tmp_path / "walk.mp4", "-o", tmp_path / "kept")
    gctr("compose", tmp_path / "kept", "-o", tmp_path / "composed.mp4")
    found = [seconds for seconds, _ in read_video(tmp_path / "composed.mp4").timed()]
    np.testing.assert_allclose(found, times, atol=0.0015)


def test_a_grey_video_works(tmp_path):
    with av.open(str(tmp_path / "grey.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "gray"
        for frame in walk(grey=True):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame[..., 0].copy(), format="gray")))
        container.mux(stream.encode(None))
    assert "faces masked" in gctr("protect", tmp_path / "grey.mkv", "-o", tmp_path / "kept")
    gctr("unmask", tmp_path / "kept", "-o", tmp_path / "unmasked.mkv")
    assert len(frames_of(tmp_path / "unmasked.mkv")) == FRAMES


def damaged(name, video, folder):
    path = folder / f"{name}.mkv"
    content = {
        "empty": b"",
        "text": b"this is not a video" * 99,
        "header": video.read_bytes()[:300],
    }[name]
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", ["empty", "text", "header"])
def test_what_is_no_video_is_one_clear_error(video, tmp_path, name):
    path = damaged(name, video, tmp_path)
    text = gctr("protect", path, "-o", tmp_path / "kept", code=1)
    assert text.startswith("error: ") and path.name in text
    assert "Traceback" not in text


@pytest.mark.parametrize("name", ["gone.mp4", "gate[/1].mp4", "gate[blue].mp4"])
def test_a_missing_video_is_named(tmp_path, name):
    assert name in gctr("protect", tmp_path / name, "-o", tmp_path / "kept", code=1)


@pytest.mark.filterwarnings("ignore::gctr.vision.video.TruncatedVideoWarning")
def test_a_truncated_video_gives_what_it_holds(video, tmp_path):
    path = tmp_path / "cut.mkv"
    path.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    gctr("protect", path, "-o", tmp_path / "kept", "--segment", 5)
    gctr("compose", tmp_path / "kept", "-o", tmp_path / "composed.mkv")
    assert 5 <= len(frames_of(tmp_path / "composed.mkv")) < FRAMES


@pytest.mark.parametrize("mode", ["nonsense", "GCTR"])
def test_an_unknown_mode_is_refused_before_anything_is_made(video, tmp_path, mode):
    assert "is none of" in gctr("protect", video, "-o", tmp_path / "kept", "--mode", mode, code=2)
    assert not (tmp_path / "kept").exists()


def test_an_unfit_name_of_a_camera_is_refused(video, tmp_path):
    assert "error" in gctr("protect", video, "-o", tmp_path / "kept", "--camera", "../up", code=1)
