"""Public keys, epochs, rotation, and the ledger: RFC 9180 through one library, checked with another."""

import multiprocessing

import numpy as np
import pytest
from Crypto.Protocol import HPKE
from Crypto.PublicKey import ECC
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gctr.parties import local
from gctr.parties.camera import Camera, CameraSettings
from gctr.parties.custody import RECIPIENT, camera_sealer, read_opener, rotate
from gctr.parties.envelope import open_message
from gctr.parties.keyfile import KeyFileError, new_key, public_of, read_key, write_key, write_public
from gctr.parties.keys import KeyRing, PatchSealer, UnmaskError, _wrapping_context, open_patches
from gctr.parties.ledger import LedgerError, NonceLedger, NonceReuseError
from gctr.parties.messages import Patches, decode
from gctr.parties.surveillance import Surveillance
from gctr.vision.masking import hide_faces, reveal_faces

from .conftest import FRAMES, KnownFaces
from .test_keys import HEADER, KEY, patch

PRIVATE = new_key("unmask-private")


def test_any_object_comes_back_exactly_through_mask_and_seal():
    @settings(max_examples=1000, deadline=None)
    @given(
        st.integers(0, 1 << 30),
        st.integers(1, 40),
        st.integers(1, 40),
        st.integers(0, 1 << 40),
        st.booleans(),
    )
    def check(seed, width, height, track_id, public):
        image = np.random.default_rng(seed).integers(0, 256, (48, 48, 3), dtype=np.uint8)
        masked, patches = hide_faces(image, [(3, 5, 3 + width, 5 + height)])
        sealer = PatchSealer(public_of(PRIVATE) if public else KEY)
        sealed = sealer.seal(HEADER, {track_id: [(7, patches[0])]})
        ring = KeyRing(PRIVATE if public else KEY)
        opened = open_patches(ring, HEADER, sealed, wrapped=sealer.wrapped("cam-1"))
        assert not np.array_equal(masked, image) or (width, height) == (1, 1)
        np.testing.assert_array_equal(reveal_faces(masked, opened[7]), image)

    check()


def test_another_library_unwraps_the_secret():
    sealer = PatchSealer(public_of(PRIVATE), epoch=5)
    wrapped = sealer.wrapped("cam-1")
    key = ECC.construct(curve="Curve25519", seed=PRIVATE.secret)
    cipher = HPKE.new(
        receiver_key=key,
        aead_id=HPKE.AEAD.AES256_GCM,
        enc=wrapped[:32],
        info=_wrapping_context("cam-1", 5),
    )
    assert cipher.unseal(wrapped[32:]) == sealer._secret


def test_a_stolen_camera_unmasks_nothing():
    public = public_of(PRIVATE)
    sealer = PatchSealer(public)
    sealed, wrapped = sealer.seal(HEADER, {3: [(0, patch(1))]}), sealer.wrapped("cam-1")
    for stolen in (public, new_key("unmask-private"), KEY):
        with pytest.raises(UnmaskError, match="stays masked"):
            open_patches(KeyRing(stolen), HEADER, sealed, wrapped=wrapped)
    again = PatchSealer(public)  # the same camera, started again
    with pytest.raises(UnmaskError):
        open_patches(KeyRing(PRIVATE), HEADER, sealed, wrapped=again.wrapped("cam-1"))


@pytest.mark.parametrize("change", [{"camera": "cam-2"}, {"epoch": 1}], ids=str)
def test_a_wrapped_secret_is_of_one_camera_and_epoch(change):
    sealer = PatchSealer(public_of(PRIVATE))
    sealed = sealer.seal(HEADER, {3: [(0, patch(1))]})
    with pytest.raises(UnmaskError, match="sealed to another public key, or its key was altered"):
        open_patches(KeyRing(PRIVATE), replace(HEADER, **change), sealed, wrapped=sealer.wrapped("cam-1"))


@given(st.integers(0, 79), st.integers(1, 255))
def test_an_altered_wrapped_secret_is_refused(place, flip):
    sealer = PatchSealer(public_of(PRIVATE))
    wrapped = bytearray(sealer.wrapped("cam-1"))
    wrapped[place] ^= flip
    with pytest.raises(UnmaskError):
        open_patches(
            KeyRing(PRIVATE), HEADER, sealer.seal(HEADER, {3: [(0, patch(1))]}), wrapped=bytes(wrapped)
        )


def test_a_whole_clip_is_unmasked_with_the_private_key_alone(street, cloud, store_key):
    settings = CameraSettings(segment_frames=10, face_margin=0.0)
    camera = Camera(store_key, PatchSealer(public_of(PRIVATE)), settings, KnownFaces())
    cloud.put(camera.register(street))
    list(camera.run(street.timed(), cloud))
    seen = 0
    for shown in Surveillance(cloud, store_key, KeyRing(PRIVATE)).watch("cam-1", unmask=True):
        for x0, y0, x1, y1 in shown.revealed:
            true = street.frames[shown.number, y0:y1, x0:x1]
            np.testing.assert_array_equal(shown.image[y0:y1, x0:x1], true)
            seen += 1
    assert seen >= 2 * (FRAMES - 5)
    header, body = open_message(store_key, cloud.patches("cam-1", 1))
    alone = decode(body, Patches)  # the sealed faces alone carry what opens them
    assert open_patches(KeyRing(PRIVATE), header, alone.patches, wrapped=alone.wrapped)


@pytest.mark.parametrize("purpose", ["unmask-private", "unmask-public"])
def test_a_pair_of_keys_in_files(tmp_path, purpose):
    write_key(tmp_path / "p.key", PRIVATE)
    write_public(tmp_path / "p.pub", public_of(PRIVATE))
    assert (tmp_path / "p.pub").stat().st_mode & 0o777 == 0o644
    path = tmp_path / ("p.key" if purpose == "unmask-private" else "p.pub")
    assert read_key(path, purpose) == (PRIVATE if purpose == "unmask-private" else public_of(PRIVATE))
    path.chmod(0o644)
    if purpose == "unmask-private":
        with pytest.raises(KeyFileError, match="read by others"):
            read_key(path, purpose)
    else:
        assert read_key(path, purpose) == public_of(PRIVATE)
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="where the store key"):
        read_key(path, "store")
    with pytest.raises(KeyFileError, match="is a secret"):
        write_public(tmp_path / "published", PRIVATE)
    with pytest.raises(KeyFileError, match="not overwritten"):
        write_public(tmp_path / "p.pub", public_of(new_key("unmask-private")))


def test_a_rotated_key_opens_its_own_epoch_only(tmp_path):
    ledger = NonceLedger(tmp_path / "nonces.sqlite")
    old = camera_sealer(tmp_path, ledger, "cam-1")
    assert rotate(tmp_path).name == "unmask.1.key"
    new = camera_sealer(tmp_path, ledger, "cam-1")
    assert (old.epoch, new.epoch) == (0, 1)
    later = replace(HEADER, epoch=1)
    sealed = [
        (HEADER, old.seal(HEADER, {3: [(0, patch(1))]})),
        (later, new.seal(later, {3: [(0, patch(1))]})),
    ]
    ring = read_opener(tmp_path / "unmask.key")
    assert all(open_patches(ring, header, patches) for header, patches in sealed)
    (tmp_path / "unmask.key").rename(tmp_path / "offline")
    rest = read_opener(tmp_path / "unmask.1.key")
    assert open_patches(rest, *sealed[1])
    with pytest.raises(UnmaskError, match="no unmask key of epoch 0 is here"):
        open_patches(rest, *sealed[0])
    ledger.close()


def test_each_start_with_a_public_key_is_a_new_epoch(tmp_path):
    write_public(tmp_path / RECIPIENT, public_of(PRIVATE))
    for epoch in range(3):
        ledger = NonceLedger(tmp_path / "nonces.sqlite")
        assert camera_sealer(tmp_path, ledger, "cam-1").epoch == epoch
        ledger.close()
    with pytest.raises(KeyFileError, match="is a new epoch already"):
        rotate(tmp_path)


def test_a_folder_with_a_public_key_holds_no_secret_of_the_faces(tmp_path, street, monkeypatch):
    monkeypatch.setattr(local, "Camera", lambda *keys, **rest: Camera(*keys, KnownFaces(), **rest))
    folder = tmp_path / "street"
    write_public(folder / "keys" / RECIPIENT, public_of(PRIVATE))
    write_key(tmp_path / "private.key", PRIVATE)
    local.protect(street, folder, CameraSettings(segment_frames=10))
    assert sorted(p.name for p in (folder / "keys").iterdir()) == [RECIPIENT, "store.key"]
    _, system = local.open_folder(folder, tmp_path / "private.key")
    assert any(shown.revealed for shown in system.watch("cam-1", unmask=True))
    assert local.audit_log(folder).verify().entries == 1


def _claim_in_another_process(path, answers):
    try:
        NonceLedger(path).claim([(bytes(32), bytes(12))])
        answers.put("claimed")
    except NonceReuseError:
        answers.put("refused")


def test_a_nonce_is_refused_the_second_time_after_a_restart_too(tmp_path):
    path = tmp_path / "nonces.sqlite"
    ledger = NonceLedger(path)
    ledger.claim([(bytes(32), bytes(12)), (bytes(32), bytes(11) + b"1"), (bytes(31) + b"1", bytes(12))])
    ledger.close()
    assert path.stat().st_mode & 0o777 == 0o600
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_claim_in_another_process, args=(path, answers))
    process.start()
    assert answers.get(timeout=60) == "refused"
    process.join()


def test_a_generator_that_repeats_stops_the_camera(tmp_path, monkeypatch):
    monkeypatch.setattr("gctr.parties.keys.os.urandom", lambda n: bytes(n))
    ledger = NonceLedger(tmp_path / "nonces.sqlite")
    PatchSealer(KEY, ledger=ledger).seal(HEADER, {3: [(0, patch(1))]})
    PatchSealer(KEY, ledger=ledger).seal(replace(HEADER, sequence=5), {3: [(0, patch(1))]})  # another key
    with pytest.raises(NonceReuseError, match="nothing was sealed"):
        PatchSealer(KEY, ledger=ledger).seal(HEADER, {9: [(0, patch(1))], 3: [(0, patch(2))]})
    ledger.claim([(PatchSealer(KEY)._secret, bytes(12))])  # a refusal records nothing of its batch
    ledger.close()


def test_a_ledger_holds_no_key(tmp_path):
    ledger = NonceLedger(tmp_path / "nonces.sqlite")
    ledger.claim([(KEY.secret, bytes(12))])
    ledger.close()
    assert not any(KEY.secret in file.read_bytes() for file in tmp_path.iterdir())


def test_a_damaged_ledger_stops_the_camera(tmp_path):
    (tmp_path / "nonces.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(LedgerError, match="nothing was sealed"):
        NonceLedger(tmp_path / "nonces.sqlite")
