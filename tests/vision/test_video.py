"""Video in and out. Oracles: `cv2.VideoCapture`, which has its own FFmpeg, and files whose content is known."""

import os
import resource
import socket
import struct
import subprocess
import sys
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.vision import containers
from gctr.vision.video import (
    MAX_PIXELS,
    TruncatedVideoWarning,
    VideoError,
    read_video,
    write_timed_video,
    write_video,
)


def gradient(k: int, width: int = 64, height: int = 48) -> np.ndarray:
    """A smooth BGR picture that differs from frame to frame."""
    y, x = np.mgrid[:height, :width]
    return np.stack([(2 * x + 3 * k) % 256, (2 * y + k) % 256, (x + y + 5 * k) % 256], axis=-1).astype(
        np.uint8
    )


def encode(
    path: Path,
    frames: list[np.ndarray],
    codec: str = "mjpeg",
    pix_fmt: str = "yuvj420p",
    rate: int = 25,
    pts_ms: list[int] | None = None,
) -> Path:
    """Write a file with PyAV alone, not with the code under test."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pix_fmt
        if pts_ms:
            stream.codec_context.time_base = Fraction(1, 1000)
        for k, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="bgr24")
            if pts_ms:
                frame.pts, frame.time_base = pts_ms[k], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def opencv_frames(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (got := capture.read())[0]:
        frames.append(got[1])
    return frames


def worst(a: np.ndarray, b: np.ndarray) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b).max())


# --- lossless and lossy round trips ---------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    width=st.integers(1, 70), height=st.integers(1, 50), n=st.integers(1, 4), seed=st.integers(0, 2**32 - 1)
)
def test_mkv_gives_every_byte_back_at_any_size(tmp_path_factory, width, height, n, seed):
    frames = np.random.default_rng(seed).integers(0, 256, (n, height, width, 3), dtype=np.uint8)
    path = tmp_path_factory.mktemp("mkv") / "noise.mkv"
    assert write_video(path, frames, 25) == n
    source = read_video(path)
    assert source.resolution_wh == (width, height)
    assert np.array_equal(np.stack(list(source)), frames)


def test_mp4_is_close_to_the_source_and_equals_what_opencv_sees(tmp_path):
    frames = [gradient(k) for k in range(10)]
    path = tmp_path / "clip.mp4"
    write_video(path, frames, 12.5, crf=10)
    source = read_video(path)
    assert (source.fps, source.resolution_wh, source.n_frames) == (12.5, (64, 48), 10)
    decoded = list(source)
    assert max(map(worst, decoded, opencv_frames(path))) <= 2
    # A gradient wraps around at one edge, where 4:2:0 smears; nearly all pixels must be close.
    assert np.mean(np.abs(np.stack(decoded).astype(int) - np.stack(frames)) > 24) < 0.05


def test_mp4_says_which_colours_it_holds(tmp_path):
    path = tmp_path / "clip.mp4"
    write_video(path, [gradient(0)], 25)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (5, 1)  # BT.601, limited
    red = np.zeros((48, 64, 3), np.uint8)
    red[:] = (0, 0, 255)
    write_video(path, [red], 25, crf=1)
    assert worst(next(iter(read_video(path))), red) <= 6


def test_mp4_repeats_the_last_row_and_column_of_an_odd_size(tmp_path):
    path = tmp_path / "odd.mp4"
    write_video(path, [gradient(k, 33, 21) for k in range(3)], 25, crf=1)
    frame = next(iter(read_video(path)))
    assert frame.shape == (22, 34, 3)
    # The pair shares its chroma sample and its luma.
    assert worst(frame[:, 32], frame[:, 33]) <= 8
    assert worst(frame[20], frame[21]) <= 8


def test_fps_is_kept_exactly(tmp_path):
    path = tmp_path / "ntsc.mkv"
    write_video(path, [gradient(0)] * 3, 30000 / 1001)
    assert read_video(path).fps == pytest.approx(30000 / 1001, abs=1e-9)


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_frames_written_with_their_times_keep_them(tmp_path, suffix):
    times = [0.0, 0.04, 0.2, 0.21, 1.0]
    path = tmp_path / f"vfr{suffix}"
    assert write_timed_video(path, [(t, gradient(k)) for k, t in enumerate(times)]) == 5
    assert [seconds for seconds, _ in read_video(path).timed()] == pytest.approx(times, abs=1e-3)


def test_two_frames_at_one_time_are_refused(tmp_path):
    with pytest.raises(VideoError, match="not shown after the one before"):
        write_timed_video(tmp_path / "same.mkv", [(0.0, gradient(0)), (0.0001, gradient(1))])
    assert list(tmp_path.iterdir()) == []


# --- reading against OpenCV -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "name"),
    [
        ("mjpeg", "yuvj420p", "full-range.avi"),
        ("ffv1", "gray", "grey.mkv"),
        ("ffv1", "gray16le", "grey-16.mkv"),
        ("ffv1", "yuv420p10le", "ten-bit.mkv"),
        ("rawvideo", "bgr24", "raw.avi"),
        ("libx264", "yuv444p", "high.mp4"),
        ("mpeg4", "yuv420p", "part2.avi"),
    ],
)
def test_every_pixel_format_of_odd_size_reads_as_opencv_reads_it(tmp_path, codec, pix_fmt, name):
    path = encode(tmp_path / name, [gradient(k, 67, 49) for k in range(4)], codec, pix_fmt)
    ours, theirs = list(read_video(path)), opencv_frames(path)
    assert len(ours) == len(theirs) == 4
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == np.uint8
        assert worst(a, b) <= 2


def test_grey_footage_comes_as_three_equal_channels(tmp_path):
    path = encode(tmp_path / "grey.mkv", [gradient(0)], "ffv1", "gray")
    frame = next(iter(read_video(path)))
    assert frame.shape == (48, 64, 3)
    assert (frame[..., 0] == frame[..., 1]).all()
    assert (frame[..., 1] == frame[..., 2]).all()


@pytest.mark.parametrize(
    ("degrees", "matrix"), [(90, (0, 1, -1, 0)), (180, (-1, 0, 0, -1)), (270, (0, -1, 1, 0))]
)
def test_a_phone_held_upright_gives_upright_pictures(tmp_path, degrees, matrix):
    path = tmp_path / f"{degrees}.mp4"
    write_video(path, [gradient(k) for k in range(3)], 25)
    data = bytearray(path.read_bytes())
    # The display matrix in the track header: version and flags, 5 words, 8 reserved bytes, 4 half words.
    at = data.find(b"tkhd") + 4 + 4 + 20 + 8 + 8
    a, b, c, d = (value << 16 for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    source = read_video(path)
    assert source.resolution_wh == ((64, 48) if degrees == 180 else (48, 64))
    for ours, theirs in zip(source, opencv_frames(path), strict=True):
        assert worst(ours, theirs) <= 2


def test_a_variable_frame_rate_keeps_its_times(tmp_path):
    times = [0, 40, 200, 210, 1000]
    path = encode(
        tmp_path / "vfr.mkv", [gradient(k) for k in range(5)], "ffv1", "bgr0", rate=1000, pts_ms=times
    )
    assert [round(1000 * seconds) for seconds, _ in read_video(path).timed()] == times


def test_times_start_at_zero_wherever_the_stream_starts(tmp_path):
    times = [5000, 5040, 5080]
    path = encode(
        tmp_path / "late.mkv", [gradient(k) for k in range(3)], "ffv1", "bgr0", rate=1000, pts_ms=times
    )
    assert [round(1000 * seconds) for seconds, _ in read_video(path).timed()] == [0, 40, 80]


def test_times_grow_even_where_two_recordings_were_spliced(tmp_path):
    part = encode(tmp_path / "part.ts", [gradient(k) for k in range(10)], "mpeg2video", "yuv420p")
    path = tmp_path / "spliced.ts"
    path.write_bytes(part.read_bytes() * 2)
    times = [seconds for seconds, _ in read_video(path).timed()]
    assert len(times) == 20
    assert times[:10] == pytest.approx([k / 25 for k in range(10)], abs=1e-4)
    assert (np.diff(times) > 0).all()


def test_every_pass_starts_anew_and_passes_do_not_disturb_each_other(tmp_path):
    path = tmp_path / "clip.mkv"
    write_video(path, [gradient(k) for k in range(6)], 25)
    source = read_video(path)
    first, second = iter(source), iter(source)
    for k in range(3):
        assert np.array_equal(next(first), gradient(k))
    assert np.array_equal(next(second), gradient(0))
    assert np.array_equal(next(first), gradient(3))
    assert len(list(source)) == 6


def test_a_pass_that_is_given_up_closes_the_file(tmp_path):
    path = tmp_path / "clip.mkv"
    write_video(path, [gradient(k) for k in range(6)], 25)
    descriptors = Path("/proc/self/fd")
    if not descriptors.is_dir():
        pytest.skip("open files are counted on Linux only, which CI runs")
    before = len(list(descriptors.iterdir()))
    frames = iter(read_video(path))
    next(frames)
    frames.close()
    del frames
    assert len(list(descriptors.iterdir())) == before


def test_memory_does_not_grow_with_length(tmp_path):
    path = tmp_path / "long.mp4"
    still = gradient(0, 640, 480)
    write_video(path, (still for _ in range(500)), 25)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert sum(1 for _ in read_video(path)) == 500  # 460 MB, were they held
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 150e6


def test_a_generated_source_is_read_like_a_camera():
    source = read_video("testsrc=size=64x48:rate=10:duration=1", format="lavfi")
    assert (source.fps, source.resolution_wh) == (10.0, (64, 48))
    assert len(list(source)) == 10


def test_a_colon_in_a_file_name_is_no_protocol(tmp_path):
    path = tmp_path / "12:30:00 Kamera ö.mkv"
    write_video(path, [gradient(0)], 25)
    assert np.array_equal(next(iter(read_video(path))), gradient(0))


# --- what is no video -----------------------------------------------------------------------------------------


def _write(data: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(data) and None


def _audio(path: Path) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _header_only(path: Path) -> None:
    encode(path, [gradient(0)] * 3, "rawvideo", "bgr24")
    path.write_bytes(path.read_bytes().partition(b"movi")[0])


def _tracks_only(path: Path) -> None:
    """A Matroska file that was cut before its first frame."""
    write_video(path, [gradient(k) for k in range(3)], 25)
    path.write_bytes(path.read_bytes().partition(b"\x1f\x43\xb6\x75")[0])


def _headless_frames(path: Path) -> None:
    """A sound container whose pictures have lost their headers."""
    encode(path, [gradient(k) for k in range(3)])
    path.write_bytes(path.read_bytes().replace(b"\xff\xc0", b"\x00\x00"))


def _cut_index(path: Path) -> None:
    """An mp4 whose end, which holds the index, was never written."""
    write_video(path, [gradient(k) for k in range(20)], 25)
    path.write_bytes(path.read_bytes()[:2000])


def _huge_raw(path: Path) -> None:
    encode(path, [gradient(0)] * 3, "rawvideo", "bgr24")
    data = bytearray(path.read_bytes())
    at = data.find(b"strf") + 12
    data[at : at + 8] = struct.pack("<ii", 12000, 12000)
    path.write_bytes(data)


def _huge_png(path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10**5))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)


@pytest.mark.parametrize(
    ("name", "make", "says"),
    [
        ("missing.mp4", lambda path: None, "No such file"),
        ("folder.mp4", Path.mkdir, "Is a directory"),
        ("empty.mp4", _write(b""), "empty"),
        ("noise.mp4", _write(np.random.default_rng(1).bytes(10**5)), "not a video"),
        ("noise.bin", _write(np.random.default_rng(2).bytes(10**6)), "not a video"),
        ("zeros.avi", _write(bytes(10**6)), "not a video"),
        ("gt.txt", _write(b"1,9,499,158,31.03,75.17,1,-4,-7,0\n" * 99), "not a video"),
        ("sound.wav", _audio, "not a video"),
        ("header.avi", _header_only, "no frame that can be decoded|not a video"),
        ("tracks.mkv", _tracks_only, "damaged"),
        ("headless.avi", _headless_frames, "no frame that can be decoded"),
        ("cut.mp4", _cut_index, "damaged"),
        ("huge.avi", _huge_raw, str(MAX_PIXELS)),
        ("huge.png", _huge_png, str(MAX_PIXELS)),
    ],
)
def test_what_is_no_video_is_told_in_one_clear_sentence(tmp_path, name, make, says):
    make(tmp_path / name)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(VideoError, match=says) as caught:
        read_video(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 200e6


def test_a_file_that_may_not_be_read_is_told(tmp_path):
    path = tmp_path / "private.mkv"
    write_video(path, [gradient(0)], 25)
    path.chmod(0)
    was = os.geteuid()
    if was == 0:
        os.seteuid(65534)  # root may read everything; nobody may not
    try:
        with pytest.raises(VideoError, match=r"cannot open .*Permission denied"):
            read_video(path)
    finally:
        os.seteuid(was)


def test_a_song_with_a_cover_picture_is_no_video(tmp_path):
    path = tmp_path / "song.mp3"
    cover = cv2.imencode(".jpg", gradient(0))[1].tobytes()
    picture = b"\x00image/jpeg\x00\x03\x00" + cover
    frame = b"APIC" + struct.pack(">IH", len(picture), 0) + picture
    size = bytes((len(frame) >> shift) & 127 for shift in (21, 14, 7, 0))
    silence = (b"\xff\xfb\x10\xc4" + bytes(100)) * 20
    path.write_bytes(b"ID3\x03\x00\x00" + size + frame + silence)
    with av.open(str(path)) as container:
        assert container.streams.video, "the cover must be there for the test to mean anything"
    with pytest.raises(VideoError, match="no stream of moving pictures"):
        read_video(path)


# --- cut and damaged ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "codec", "pix_fmt"),
    [("cut.avi", "mjpeg", "yuvj420p"), ("cut.mkv", "ffv1", "bgr0"), ("cut.mkv", "libx264", "yuv420p")],
)
def test_a_cut_file_gives_its_whole_frames_then_warns(tmp_path, name, codec, pix_fmt):
    rng = np.random.default_rng(3)
    frames = [rng.integers(0, 256, (48, 64, 3), dtype=np.uint8) for _ in range(40)]
    path = encode(tmp_path / name, frames, codec, pix_fmt)
    whole = list(read_video(path))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    got = []
    with pytest.warns(TruncatedVideoWarning, match=rf"{name} was cut short or is damaged: \d+ frames read"):
        got.extend(read_video(path))
    assert 10 <= len(got) < 30
    for ours, before in zip(got[:-1], whole, strict=False):
        assert np.array_equal(ours, before)


def test_a_cut_mp4_whose_index_stands_in_front_gives_its_frames_then_warns(tmp_path):
    path = tmp_path / "fast.mp4"
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for k in range(60):
            picture = np.random.default_rng(k).integers(0, 256, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="bgr24")))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.warns(TruncatedVideoWarning, match="of 60 declared"):
        assert 0 < sum(1 for _ in read_video(path)) < 60


def test_a_damaged_packet_is_passed_over_and_told(tmp_path):
    pictures = [cv2.imencode(".jpg", gradient(k))[1].tobytes() for k in range(6)]
    broken = bytearray(pictures[3])
    at = broken.find(b"\xff\xc0")
    broken[at + 5 : at + 9] = struct.pack(">HH", 12000, 12000)  # in the middle of the stream: a bomb
    path = tmp_path / "stream.mjpeg"
    path.write_bytes(b"".join([*pictures[:3], bytes(broken), *pictures[4:]]))
    with pytest.warns(TruncatedVideoWarning, match="5 frames read .* 1 packets could not be decoded"):
        assert len(list(read_video(path))) == 5


def test_a_picture_size_that_changes_is_told(tmp_path):
    pictures = [cv2.imencode(".jpg", gradient(k, 64 if k < 3 else 80))[1].tobytes() for k in range(5)]
    path = tmp_path / "two-sizes.mjpeg"
    path.write_bytes(b"".join(pictures))
    with pytest.raises(VideoError, match=r"\(64, 48\) to \(80, 48\) at frame 3"):
        list(read_video(path))


@settings(max_examples=40, deadline=None)
@given(
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(1, 255)), min_size=1, max_size=20)
)
def test_flipped_bits_give_frames_or_a_video_error_never_another(tmp_path_factory, flips):
    path = tmp_path_factory.mktemp("flip") / "clip.mkv"
    write_video(path, [gradient(k) for k in range(4)], 25)
    data = bytearray(path.read_bytes())
    for where, mask in flips:
        data[int(where * len(data))] ^= mask
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncatedVideoWarning)
        try:
            for frame in read_video(path):
                assert frame.dtype == np.uint8
                assert frame.ndim == 3
        except VideoError as error:
            assert "\n" not in str(error)


# --- addresses ------------------------------------------------------------------------------------------------


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path))) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


def test_an_address_is_read_like_a_file(tmp_path, server):
    write_video(tmp_path / "clip.mkv", [gradient(k) for k in range(5)], 25)
    source = read_video(f"{server}/clip.mkv")
    assert np.array_equal(np.stack(list(source)), np.stack([gradient(k) for k in range(5)]))


def test_an_address_with_nothing_behind_it_is_told(server):
    with pytest.raises(VideoError, match=r"/none\.mkv cannot be read as video"):
        read_video(f"{server}/none.mkv")


@pytest.mark.parametrize(
    "address",
    [
        "rtsp://admin:s3cret@127.0.0.1:9/live/1",
        "rtsp://admin:s3@cret@127.0.0.1:9/live/1",
        "http://127.0.0.1:9/video.cgi?user=admin&pwd=s3cret",
        "rtsp://127.0.0.1:9/user=admin&password=s3cret&channel=1.sdp",
    ],
)
def test_no_message_repeats_a_password(address):
    with pytest.raises(VideoError) as caught:
        read_video(address)
    chain = f"{caught.value!r} {caught.value.__cause__!r}"
    assert "127.0.0.1:9" in chain
    assert "cret" not in chain


def test_a_source_shows_itself_without_its_password(tmp_path, server):
    write_video(tmp_path / "clip.mkv", [gradient(0)], 25)
    source = read_video(server.replace("://", "://admin:s3cret@") + "/clip.mkv")
    assert source.name == f"{server}/clip.mkv"
    assert "s3cret" not in repr(source)


def test_an_address_that_stays_silent_is_given_up(monkeypatch):
    monkeypatch.setattr(containers, "TIMEOUT_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(VideoError, match=r"no answer for 0\.3 s"):
            read_video(f"http://127.0.0.1:{port}/clip.mkv")


def test_a_linux_camera_is_known_by_its_device():
    address = containers.Address.parse("/dev/video7", None, {})
    assert (address.url, address.format, address.live) == ("/dev/video7", "v4l2", True)


CAMERA = """
import sys, time, av, numpy as np
for _ in range(300):  # the reader opens twice: to look at the first frame, and to read
    try:
        with av.open(sys.argv[1], "w", format="rtsp", options={"rtsp_transport": "tcp"}) as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            stream.options = {"tune": "zerolatency", "g": "5"}
            for k in range(40):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 6 * k, np.uint8), format="bgr24")
                frame.pts = k
                container.mux(stream.encode(frame))
                time.sleep(0.01)
            container.mux(stream.encode(None))
    except OSError:
        time.sleep(0.1)
"""


def test_an_rtsp_camera_is_read_until_it_ends():
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"rtsp://127.0.0.1:{free.getsockname()[1]}/live"
    camera = subprocess.Popen([sys.executable, "-c", CAMERA, address])
    try:
        source = read_video(address, options={"rtsp_flags": "listen", "listen_timeout": "60"})
        assert (source.name, source.resolution_wh) == (address, (64, 48))
        times, frames = zip(*source.timed(), strict=True)
    finally:
        camera.kill()
        camera.wait()
    assert 30 <= len(frames) <= 40
    assert times[0] == 0
    assert (np.diff(times) > 0).all()
    brightness = [float(frame.mean()) for frame in frames]
    assert (np.diff(brightness) > 0).all()


# --- writing, all or nothing ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_frames_that_break_off_leave_the_old_file_and_nothing_else(tmp_path, suffix):
    path = tmp_path / f"clip{suffix}"
    path.write_bytes(b"what stood here before")

    def frames() -> Iterator[np.ndarray]:
        yield gradient(0)
        raise OSError("the camera is gone")

    with pytest.raises(OSError, match="the camera is gone"):
        write_video(path, frames(), 25)
    assert path.read_bytes() == b"what stood here before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_a_full_disk_leaves_nothing(tmp_path, suffix):
    noise = np.random.default_rng(5).integers(0, 256, (60, 48, 64, 3), dtype=np.uint8)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(VideoError, match=r"cannot write .*clip"):
            write_video(tmp_path / f"clip{suffix}", noise, 25, crf=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("frames", "fps", "name", "says"),
    [
        ([], 25, "a.mkv", "no frame to write"),
        ([gradient(0)], 0, "a.mkv", "frames a second"),
        ([gradient(0)], float("nan"), "a.mkv", "frames a second"),
        ([gradient(0)], 0.0004, "a.mkv", "frames a second"),
        ([gradient(0)], 25, "a.wmv", "name it .mkv"),
        ([gradient(0)], 25, "no/folder/a.mkv", "cannot write"),
        ([gradient(0), gradient(0, 32)], 25, "a.mp4", "frame 1 is"),
        ([gradient(0)[:, :, 0]], 25, "a.mkv", r"must be \(H, W, 3\)"),
        ([gradient(0).astype(float)], 25, "a.mkv", "uint8"),
    ],
)
def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path, frames, fps, name, says):
    with pytest.raises(VideoError, match=says):
        write_video(tmp_path / name, frames, fps)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_taken_by_a_folder_or_lies_under_a_file_is_told(tmp_path):
    (tmp_path / "folder.mkv").mkdir()
    (tmp_path / "file").write_bytes(b"kept")
    for path in (tmp_path / "folder.mkv", tmp_path / "file" / "a.mkv"):
        with pytest.raises(VideoError, match=f"cannot write {path}"):
            write_video(path, [gradient(0)], 25)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "folder.mkv"]


def test_pictures_need_not_be_contiguous(tmp_path):
    wide = gradient(0, 128, 96)
    view = wide[::2, ::-2]
    write_video(tmp_path / "view.mkv", [view], 25)
    assert np.array_equal(next(iter(read_video(tmp_path / "view.mkv"))), view)
