"""One folder, three parties: made, killed, gone on with, refused."""

import multiprocessing
import os
import signal
import time

import msgspec
import numpy as np
import pytest

from gctr.parties import camera, local
from gctr.parties.camera import Camera, CameraSettings
from gctr.parties.cloud import StoreError
from gctr.parties.keyfile import KeyFileError
from gctr.parties.local import FolderError, open_folder, protect
from gctr.parties.plates import PlateError, Registered
from gctr.vision.coding import decode_still, encode_plate, encode_still

from .conftest import FRAMES, KnownFaces, make_street

SETTINGS = CameraSettings(segment_frames=5, face_margin=0.0)


@pytest.fixture(autouse=True)
def known_faces(monkeypatch):
    monkeypatch.setattr(local, "Camera", lambda *keys, **rest: Camera(*keys, KnownFaces(), **rest))


def images(folder, unmask=False):
    _, surveillance = open_folder(folder, folder / "keys" / "unmask.key" if unmask else None)
    return np.stack([shown.image for shown in surveillance.watch("cam-1", unmask=unmask)])


def test_a_folder_is_made_and_read(tmp_path, street):
    result = protect(street, tmp_path, SETTINGS)
    assert len(result.sent) == FRAMES // 5
    assert len(images(tmp_path)) == FRAMES
    assert sorted(p.name for p in tmp_path.iterdir()) == ["camera", "cloud", "keys"]


def test_an_interrupted_run_goes_on_and_gives_the_same(tmp_path, street):
    class StopHere(Exception):
        pass

    def stop_after_two(sent):
        if sent.sequence == 1:
            raise StopHere

    protect(street, tmp_path / "whole", SETTINGS)
    with pytest.raises(StopHere):
        protect(street, tmp_path / "halved", SETTINGS, on_sent=stop_after_two)
    assert len(images(tmp_path / "halved")) == 10
    result = protect(street, tmp_path / "halved", SETTINGS)
    assert (result.kept, [sent.sequence for sent in result.sent]) == (2, [2, 3, 4, 5])
    np.testing.assert_array_equal(images(tmp_path / "halved", True), images(tmp_path / "whole", True))


def test_a_finished_run_does_nothing_the_second_time(tmp_path, street):
    protect(street, tmp_path, SETTINGS)
    assert protect(street, tmp_path, SETTINGS).sent == []


def _protect_in_another_process(folder, acknowledged):
    local.Camera = lambda *keys, **rest: Camera(*keys, KnownFaces(), **rest)
    protect(make_street(), folder, SETTINGS, on_sent=lambda sent: acknowledged.send(sent.sequence))


def test_a_killed_run_loses_nothing_that_was_acknowledged(tmp_path, street):
    context = multiprocessing.get_context("spawn")
    for number, delay in enumerate(np.random.default_rng(5).uniform(0, 0.05, 6)):
        folder = tmp_path / str(number)
        reader, writer = context.Pipe(duplex=False)
        process = context.Process(target=_protect_in_another_process, args=(folder, writer))
        process.start()
        first = reader.recv()
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        acknowledged = [first]
        writer.close()
        while reader.poll():
            try:
                acknowledged.append(reader.recv())
            except EOFError:
                break
        cloud, _ = open_folder(folder)
        stored = [segment.sequence for segment in cloud.segments("cam-1")]
        assert stored[: len(acknowledged)] == acknowledged
        cloud.close()
        protect(street, folder, SETTINGS)
        assert len(images(folder)) == FRAMES


def test_other_footage_or_settings_are_refused(tmp_path, street):
    protect(street, tmp_path, SETTINGS)
    with pytest.raises(FolderError, match="other settings"):
        protect(street, tmp_path, CameraSettings(segment_frames=6))
    other = make_street(2)
    object.__setattr__(other, "sha256", "1" * 64)
    with pytest.raises(FolderError, match="other footage"):
        protect(other, tmp_path, SETTINGS)


def test_another_encoder_s_plate_is_noticed(tmp_path, street, monkeypatch):
    protect(street, tmp_path, SETTINGS)
    monkeypatch.setattr(camera, "encode_plate", lambda plate, qp: encode_plate(plate, qp=qp + 1))
    with pytest.raises(PlateError, match="codes the plate differently"):
        protect(street, tmp_path, SETTINGS)


def test_a_damaged_plate_is_noticed(tmp_path, street):
    protect(street, tmp_path, SETTINGS)
    (file,) = (tmp_path / "camera" / "plates").iterdir()
    data = file.read_bytes()
    known = msgspec.msgpack.decode(data, type=Registered)
    other = encode_still(np.roll(decode_still(known.still), 3, axis=1))
    file.write_bytes(msgspec.msgpack.encode(msgspec.structs.replace(known, still=other)))
    with pytest.raises(PlateError, match="is damaged"):
        protect(street, tmp_path, SETTINGS)
    file.write_bytes(data[:-9])
    with pytest.raises(PlateError, match="is damaged: restore it"):
        protect(street, tmp_path, SETTINGS)


def test_a_folder_without_a_store_is_named(tmp_path):
    with pytest.raises(FolderError, match="gctr protect VIDEO -o"):
        open_folder(tmp_path)


def test_unmasking_needs_the_key_file(tmp_path, street):
    protect(street, tmp_path, SETTINGS)
    (tmp_path / "keys" / "unmask.key").rename(tmp_path / "elsewhere.key")
    with pytest.raises(KeyFileError, match="cannot read the unmask key"):
        images(tmp_path, unmask=True)
    with pytest.raises(KeyFileError, match="holds the store key"):
        open_folder(tmp_path, tmp_path / "keys" / "store.key")


def test_a_lost_segment_is_an_error_not_a_gap(tmp_path, street):
    protect(street, tmp_path, SETTINGS)
    max((tmp_path / "cloud" / "blobs").iterdir(), key=lambda file: file.stat().st_size).unlink()
    with pytest.raises(StoreError, match="the store lost"):
        images(tmp_path)
