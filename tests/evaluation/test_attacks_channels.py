"""Tampering, traffic and ghosts: attacks that no confidentiality stops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gctr.evaluation.attacks import traffic
from gctr.evaluation.attacks.ghosts import find_ghosts, ghost_table
from gctr.evaluation.attacks.tampering import tamper
from gctr.evaluation.statistics import Findings
from tests.evaluation.attacked import BOX, make_frame, make_plate


def test_only_tags_stop_tampering():
    table = tamper(trials=10, size=4000).set_index(["mode", "alteration"])
    assert (table.accepted["bucket_gcm"] == 0).all()
    for mode in ("gctr", "ctr", "bucket_ctr"):
        assert (table.accepted[mode] == 10).all()
        assert table.controlled[mode, "bit flip"] == 10
    assert (table.controlled["gctr"][["splice", "replay elsewhere"]] == 10).all()


sizes = st.lists(st.integers(1, 1 << 24), min_size=1, max_size=50).map(np.array)


@given(sizes)
def test_padding_never_cuts_and_is_a_class(values):
    for pad in traffic.PADDINGS.values():
        padded = pad(values)
        assert (padded >= values).all()
        assert np.array_equal(pad(padded), padded)


@given(sizes)
def test_padding_costs_no_more_than_it_says(values):
    assert (traffic.pad_padme(values) <= 1.12 * values + 1).all()
    assert (traffic.pad_power(values) < 2 * values).all()


def test_padme_gives_the_sizes_of_its_paper():
    # 9 has exponent 3, two low bits of which one is cleared: 10 (Nikitin et al. 2019, section 4)
    assert traffic.pad_padme(np.array([9, 64, 65, 1000])).tolist() == [10, 64, 72, 1024]


@pytest.fixture(scope="module")
def walk():
    """Nobody for 15 frames, then somebody for 15, twice."""
    plate = make_plate()
    images = [make_frame(k).image if k // 15 % 2 else plate for k in range(60)]
    return plate, images


def test_sizes_tell_presence_until_all_are_one(walk):
    plate, images = walk
    recorded, bodies = traffic.record_traffic(((k / 10, image) for k, image in enumerate(images)), plate)
    assert len(bodies) == len(images) == recorded.sizes.size
    assert all(size > body.size for size, body in zip(recorded.sizes, bodies, strict=True))
    people = np.arange(60) // 15 % 2
    padding = traffic.price_padding(recorded, people).set_index("padding")
    assert padding["presence (AUC)"]["none"] > 0.9
    assert padding["presence (AUC)"]["one size"] == 0.5
    assert padding.overhead["none"] == 0
    assert 0 < padding.overhead["Padmé"] <= 0.12
    assert padding.overhead["one size"] == pytest.approx(recorded.sizes.max() / recorded.sizes.mean() - 1)


def test_sizes_drawn_at_random_tell_nothing():
    rng = np.random.default_rng(0)
    people = np.repeat(rng.integers(0, 3, 20), 10).astype(float)
    random = traffic.Traffic(rng.integers(100, 10_000, 200), np.arange(200.0), people, people / 10)
    assert (traffic.read_traffic(random)["p_value"] > 0.01).all()


def test_who_stands_still_becomes_a_ghost(walk):
    plate, _ = walk
    haunted = find_ghosts(make_frame().image, plate, BOX.astype(float))
    assert (haunted.people, haunted.present) == (1, 1)
    assert not find_ghosts(plate, plate, BOX.astype(float)).pixels.any()


def test_ghosts_lie_where_people_stand(walk):
    plate, images = walk
    boxes = [BOX.astype(float)] * len(images)
    table = ghost_table(images, boxes, plate, 10, (0.5, 6), starts=2).set_index(["seconds", "start"])
    busy = table.loc[0.5, 5.5]
    assert busy.people_seen == 1
    assert busy.inside > 0.9
    assert busy.p_value < 0.05  # a quarter of the picture is box: few shifts are worse
    assert table.ghost_pixels[0.5, 0.0] == 0


def test_findings_are_corrected_together():
    findings = Findings()
    for p in (0.004, 0.004, 0.004):
        findings.add("x", "ctr", "y", 0, 0, p)
    assert not findings.table().rejected.any()  # each alone would be, at 0.01
    findings.add("x", "gctr", "y", 1, 0, 1e-9)
    assert findings.table().rejected.tolist() == [False, False, False, True]
