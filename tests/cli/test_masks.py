"""`gctr mask`, `unmask`, `grant`, `audit`, `keys` from the shell."""

import av
import cv2
import numpy as np
import pytest
from skimage import data

from gctr.vision.video import read_video, write_video
from tests.cli.shell import gctr


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Eight frames in which a photographed face moves, 160x160 px, with a tone, lossless."""
    photograph = cv2.cvtColor(data.astronaut(), cv2.COLOR_RGB2BGR)
    small = cv2.resize(photograph, (160, 160), interpolation=cv2.INTER_AREA)
    folder = tmp_path_factory.mktemp("clip")
    write_video(folder / "silent.mkv", [np.roll(small, k, axis=1) for k in range(8)], 8)
    with av.open(str(folder / "silent.mkv")) as pictures, av.open(str(folder / "clip.mkv"), "w") as out:
        video = out.add_stream_from_template(pictures.streams.video[0])
        sound = out.add_stream("pcm_s16le", rate=8000, layout="mono")
        tone = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), format="s16", layout="mono")
        tone.sample_rate, tone.pts = 8000, 0
        for packet in pictures.demux(pictures.streams.video[0]):
            if packet.dts is not None:
                packet.stream = video
                out.mux(packet)
        out.mux(sound.encode(tone))
        out.mux(sound.encode(None))
    return folder / "clip.mkv"


def frames(path):
    return np.stack(list(read_video(path)))


def test_a_sealed_video_is_unmasked_exactly_and_every_step_is_logged(clip, tmp_path):
    out = tmp_path / "masked.mkv"
    gctr("mask", clip, "-o", out, "--sealed", "--keep-audio")
    assert (frames(out) != frames(clip)).any()
    with av.open(str(out)) as container:
        assert container.streams.audio
    gctr("grant", out, "--track", "1", "-o", tmp_path / "grant", "--reason", "case 17")
    gctr("unmask", out, "-o", tmp_path / "one.mkv", "--grant", tmp_path / "grant")
    gctr("unmask", out, "-o", tmp_path / "clear.mkv", "--reason", "appeal")
    np.testing.assert_array_equal(frames(tmp_path / "clear.mkv"), frames(clip))
    assert "3 entries" in gctr("audit", "verify", out)
    log = tmp_path / "masked.mkv.audit.jsonl"
    log.write_bytes(log.read_bytes().replace(b"appeal", b"a meal").replace(b"case 17", b"case 18"))
    gctr("audit", "verify", out, code=1)


def test_without_its_key_a_sealed_video_stays_masked(clip, tmp_path):
    gctr("mask", clip, "-o", tmp_path / "m.mkv", "--sealed")
    gctr("keys", "pair", tmp_path / "p.key", tmp_path / "p.pub")
    gctr("unmask", tmp_path / "m.mkv", "-o", tmp_path / "c.mkv", "--key", tmp_path / "p.key", code=1)
    assert not (tmp_path / "c.mkv").exists()


def test_boxes_go_out_and_in(clip, tmp_path):
    gctr("mask", clip, "-o", tmp_path / "a.mkv", "--boxes-out", tmp_path / "boxes.json")
    gctr("mask", clip, "-o", tmp_path / "b.mkv", "--boxes-in", tmp_path / "boxes.json")
    np.testing.assert_array_equal(frames(tmp_path / "a.mkv"), frames(tmp_path / "b.mkv"))


def test_a_photograph_is_masked(clip, tmp_path):
    cv2.imwrite(str(tmp_path / "photo.png"), frames(clip)[0])
    gctr("mask", tmp_path / "photo.png", "-o", tmp_path / "masked.png", "-k", "pixelate", "--ellipse")
    assert (cv2.imread(str(tmp_path / "masked.png")) != frames(clip)[0]).any()


@pytest.mark.parametrize(
    "options", [("--sealed",), ("--keep-audio",), ("--frames", 3), ("--boxes-out", "boxes.json")], ids=str
)
def test_what_a_photograph_cannot_have_is_refused_not_left_out(clip, tmp_path, options):
    cv2.imwrite(str(tmp_path / "photo.png"), frames(clip)[0])
    said = gctr("mask", tmp_path / "photo.png", "-o", tmp_path / "masked.png", *options, code=2)
    assert f"a photograph takes no {options[0]}" in said
    assert not (tmp_path / "masked.png").exists()


def test_a_key_without_sealing_is_refused(clip, tmp_path):
    said = gctr("mask", clip, "-o", tmp_path / "m.mkv", "--key", tmp_path / "p.pub", code=2)
    assert "give --sealed too" in said and list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "known"),
    [(("-k", "glitter"), "solid, pixelate"), (("--detector", "eyes"), "centerface, yunet")],
    ids=str,
)
def test_unknown_choices_are_named(clip, tmp_path, options, known):
    assert known in gctr("mask", clip, "-o", tmp_path / "m.mkv", *options, code=2)


def test_a_reason_with_brackets_is_shown_as_it_was_given(clip, tmp_path):
    out = tmp_path / "masked.mkv"
    gctr("mask", clip, "-o", out, "--sealed")
    gctr("grant", out, "--track", "1", "-o", tmp_path / "g", "--reason", "[/b][red]x")
    assert "[/b][red]x" in "".join(gctr("audit", "show", out).split())
