"""Made-up sets in the layouts of real ones; every frame and label is known."""

import hashlib
import pickle
import shutil
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from gctr.datasets import Clip, load
from gctr.datasets.clip import DatasetError
from gctr.datasets.trees import Tree
from gctr.vision.video import VideoError, write_video
from tests.datasets.conftest import labels, picture, save

PICTURES = [picture(k) for k in range(6)]


def test_cdnet_counts_from_one(cdnet_set):
    clip = load(cdnet_set)
    assert (clip.name, clip.n_frames, clip.resolution_wh, clip.fps) == ("highway", 6, (32, 24), 25)
    assert np.array_equal(clip.read(), PICTURES)
    assert np.array_equal(clip.read(), PICTURES)
    for k in range(6):
        assert np.array_equal(clip.truth.mask(k), labels(k))
    assert clip.truth.evaluated == range(2, 5)  # their numbers 3 to 5, both included
    assert clip.truth.roi.dtype == bool
    assert clip.truth.roi[:, :16].all()
    assert not clip.truth.roi[:, 16:].any()


def test_sbi_counts_from_zero_and_may_claim_a_frame_too_many(tmp_path):
    root = tmp_path / "IBMtest2"
    for k in range(6):
        save(root / f"input/in{k:06d}.png", picture(k))
        save(root / f"groundtruth/gt{k:06d}.png", cv2.merge([labels(k)] * 3))
    (root / "temporalROI.txt").write_text("0 6")
    clip = load(root)
    assert np.array_equal(clip.read(), PICTURES)
    assert clip.truth.mask(5).shape == (24, 32)
    assert np.array_equal(clip.truth.mask(5), labels(5))
    assert clip.truth.evaluated == range(0, 6)
    assert clip.truth.roi is None


@pytest.mark.parametrize("wrap", ["", "dataset/baseline"])
def test_an_archive_reads_like_its_folder(tmp_path, cdnet_set, wrap):
    packed = tmp_path / "packed" / wrap / "highway"
    shutil.copytree(cdnet_set, packed)
    archive = Path(shutil.make_archive(str(tmp_path / "any"), "zip", tmp_path / "packed"))
    clip, folder = load(archive), load(cdnet_set)
    assert clip.name == "highway"
    assert np.array_equal(clip.read(), folder.read())
    assert np.array_equal(clip.truth.mask(3), folder.truth.mask(3))
    assert clip.truth.evaluated == folder.truth.evaluated


def test_a_frame_without_labels_or_beyond_the_end_is_told(cdnet_set):
    (cdnet_set / "groundtruth/gt000002.png").unlink()
    mask = load(cdnet_set).truth.mask
    with pytest.raises(DatasetError, match="no label picture of frame 1"):
        mask(1)
    for k in (-1, 6):
        with pytest.raises(IndexError, match="the clip has 6"):
            mask(k)


def mot_set(root: Path, picture_folder: str = "img1", truth: bool = True) -> Path:
    for k in range(6):
        save(root / picture_folder / f"{k + 1:06d}.png", picture(k))
    (root / "seqinfo.ini").write_text(
        f"[Sequence]\nname=PETS09-S2L1\nimDir={picture_folder}\nframeRate=7\nseqLength=6\nimWidth=32\nimHeight=24\n"
    )
    if truth:
        (root / "gt").mkdir()
        (root / "gt/gt.txt").write_text("1,3,2,3,10,20,1,-1,-1,-1\n6,3,4,3,10,20,1,-1,-1,-1\n")
    return root


@pytest.mark.parametrize("packed", [False, True])
def test_mot_gives_frames_rate_and_boxes(tmp_path, packed):
    root = mot_set(tmp_path / "PETS09-S2L1", "frames")
    source = shutil.make_archive(str(tmp_path / "mot"), "zip", tmp_path, root.name) if packed else root
    clip = load(source)
    assert (clip.name, clip.fps, clip.n_frames) == ("PETS09-S2L1", 7, 6)
    assert np.array_equal(clip.read(), PICTURES)
    corners = clip.truth.boxes[["frame", "track_id", "x0", "y0", "x1", "y1"]].to_numpy().tolist()
    assert corners == [[0, 3, 1, 2, 11, 22], [5, 3, 3, 2, 13, 22]]
    assert clip.truth.mask is None


def test_a_mot_test_sequence_has_no_truth(tmp_path):
    clip = load(mot_set(tmp_path / "MOT17-01", truth=False))
    assert clip.truth.boxes is None
    assert clip.n_frames == 6


def test_a_folder_of_pictures_is_ordered_by_number_and_takes_a_rate_and_boxes(tmp_path):
    root = tmp_path / "pictures"
    for k in range(6):
        save(root / f"shot {8 + k}.png", picture(k))
    (root / "notes.md").write_text("not a picture")
    (tmp_path / "gt.txt").write_text("2,3,2,3,10,20,1,-1,-1,-1\n")
    clip = load(root, fps=5, truth=tmp_path / "gt.txt")
    assert np.array_equal(clip.read(), PICTURES)
    assert [seconds for seconds, _ in clip.timed()] == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert clip.truth.boxes["frame"].tolist() == [1]


def test_faces_can_be_added_to_a_set_that_has_boxes(tmp_path):
    eyes = '<leftEye x="20" y="9"/><rightEye x="12" y="9"/>'
    faces = f'<dataset><frame number="2"><person id="3">{eyes}</person></frame></dataset>'
    (tmp_path / "faces.xml").write_text(faces)
    truth = load(mot_set(tmp_path / "MOT17-02"), truth=tmp_path / "faces.xml").truth
    assert truth.boxes["frame"].tolist() == [0, 5]
    assert truth.faces["frame"].tolist() == [2]


def test_boxes_can_be_added_to_a_set_that_has_masks(cdnet_set, tmp_path):
    (tmp_path / "gt.txt").write_text("2,3,2,3,10,20,1,-1,-1,-1\n")
    truth = load(cdnet_set, truth=tmp_path / "gt.txt").truth
    assert truth.boxes["frame"].tolist() == [1]
    assert np.array_equal(truth.mask(0), labels(0))


@pytest.mark.parametrize("kind", ["pictures", "video", "array", "synthetic"])
def test_a_clip_can_be_sent_to_another_process(cdnet_set, tmp_path, kind):
    write_video(tmp_path / "clip.mkv", PICTURES, 25)
    clip = {
        "pictures": lambda: load(cdnet_set),
        "video": lambda: load(tmp_path / "clip.mkv"),
        "array": lambda: Clip.from_array("array", np.stack(PICTURES), 25),
        "synthetic": lambda: load("synthetic", scene="crowded", resolution_wh=(320, 180)),
    }[kind]()
    sent = clip.head(4).read()
    arrived = pickle.loads(pickle.dumps(clip.head(4)))
    assert np.array_equal(arrived.read(), sent)
    if clip.truth.mask is not None:
        assert np.array_equal(arrived.truth.mask(2), clip.truth.mask(2))
    if clip.truth.boxes is not None:
        assert arrived.truth.boxes.equals(clip.head(4).truth.boxes)


def test_grey_pictures_come_as_three_equal_channels(tmp_path):
    save(tmp_path / "grey/0.pgm", labels(3))
    frame = next(iter(load(tmp_path / "grey")))
    assert np.array_equal(frame, cv2.merge([labels(3)] * 3))


def test_the_checksum_is_of_the_content_and_can_be_left_out(cdnet_set):
    assert load(cdnet_set).sha256 == Tree(cdnet_set).digest()
    assert load(cdnet_set, checksum=False).sha256 is None


def test_frames_are_decoded_only_when_asked_for(cdnet_set):
    clip = load(cdnet_set)
    (cdnet_set / "input/in000004.png").write_bytes(b"damaged since")
    assert np.array_equal(clip.head(3).read(), PICTURES[:3])
    with pytest.raises(DatasetError, match=r"in000004\.png is not a picture, or damaged"):
        clip.read()


def _other_size(root: Path) -> None:
    save(root / "input/in000003.png", picture(2, 40, 24))


def _bad_roi(root: Path) -> None:
    save(root / "ROI.bmp", np.zeros((10, 10), np.uint8))


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_other_size, r"in000003\.png is \(24, 40, 3\), the first picture \(24, 32, 3\)"),
        (_bad_roi, r"ROI\.bmp is \(10, 10\), the pictures are \(32, 24\)"),
        (lambda root: (root / "temporalROI.txt").write_text("all"), "should hold two frame numbers"),
        (lambda root: (root / "input/in000001.png").write_bytes(b""), r"in000001\.png is not a picture"),
        (
            lambda root: shutil.rmtree(root / "input") or (root / "input").mkdir(),
            "holds no pictures where its layout has them",
        ),
        (lambda root: (root / "input/in000001.png").rename(root / "input/first.png"), "no frame number"),
    ],
)
def test_a_damaged_set_is_told(cdnet_set, damage, says):
    damage(cdnet_set)
    with pytest.raises(DatasetError, match=says):
        load(cdnet_set).read()


def test_a_folder_of_nothing_known_is_told(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/readme.md").write_text("hello")
    with pytest.raises(DatasetError, match=r"in no known layout: neither CDnet .* nor a folder of pictures"):
        load(tmp_path / "notes")


def test_a_damaged_seqinfo_is_told(tmp_path):
    root = mot_set(tmp_path / "S")
    (root / "seqinfo.ini").write_text("frameRate=7")
    with pytest.raises(DatasetError, match=r"seqinfo\.ini is damaged"):
        load(root)
    (root / "seqinfo.ini").write_text("[Sequence]\nframeRate=fast\n")
    with pytest.raises(DatasetError, match=r"seqinfo\.ini is damaged"):
        load(root)


def test_a_picture_too_large_to_decode_is_told(tmp_path):
    """A header of 40 bytes may claim 60,000 x 60,000 pixels, which OpenCV refuses by an error of its own."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0))
    (tmp_path / "1.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    )
    with pytest.raises(DatasetError, match=r"1\.png cannot be decoded: .*; get the data again"):
        load(tmp_path)


@pytest.mark.parametrize("fps", [0, -1, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_told(cdnet_set, fps):
    with pytest.raises(DatasetError, match="frames a second"):
        load(cdnet_set, fps=fps)


# --- videos ------------------------------------------------------------------------------------------------------


def test_a_video_is_a_clip_with_its_checksum_and_boxes(tmp_path):
    path = tmp_path / "door.mkv"
    write_video(path, PICTURES, 12)
    box = '<objectlist><object id="1"><box xc="5" yc="6" w="4" h="2"/></object></objectlist>'
    (tmp_path / "door.xml").write_text(f'<dataset><frame number="2">{box}</frame></dataset>')
    clip = load(str(path), truth=tmp_path / "door.xml")
    assert (clip.name, clip.fps, clip.resolution_wh) == ("door.mkv", 12, (32, 24))
    assert clip.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert np.array_equal(clip.read(), PICTURES)
    assert np.array_equal(clip.head(2).read(), PICTURES[:2])
    assert clip.truth.boxes[["frame", "x0", "y0", "x1", "y1"]].to_numpy().tolist() == [[2, 3, 5, 7, 7]]
    assert load(path, checksum=False).sha256 is None


def test_an_address_is_a_clip_without_password_and_checksum(tmp_path, server):
    write_video(tmp_path / "clip.mkv", PICTURES, 12)
    server.files["clip.mkv"] = (tmp_path / "clip.mkv").read_bytes()
    clip = load(server.url.replace("://", "://user:secret@") + "/whole/clip.mkv")
    assert clip.name == f"{server.url}/whole/clip.mkv"
    assert clip.sha256 is None
    assert np.array_equal(clip.read(), PICTURES)
    assert "secret" not in repr(clip)


def test_a_generated_source_is_a_clip():
    clip = load("testsrc=size=64x48:rate=10:duration=0.5", format="lavfi")
    assert clip.read().shape == (5, 48, 64, 3)


def test_a_file_that_is_no_video_is_told(tmp_path):
    (tmp_path / "x.avi").write_bytes(b"hello" * 100)
    with pytest.raises(VideoError, match="not a video"):
        load(tmp_path / "x.avi")


def test_an_option_for_something_else_is_told(cdnet_set, tmp_path):
    write_video(tmp_path / "clip.mkv", PICTURES, 12)
    with pytest.raises(TypeError, match="frames_per_second"):
        load(cdnet_set, frames_per_second=3)
    with pytest.raises(DatasetError, match="fps is for a folder of pictures"):
        load(tmp_path / "clip.mkv", fps=5)
    with pytest.raises(DatasetError, match="format and options are for videos"):
        load(cdnet_set, format="v4l2")
