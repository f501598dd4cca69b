"""The measurements of the cloud under load: that they count rightly, and that cost grows with what is asked."""

import pytest

from gctr.evaluation import load, load_growth, load_site


@pytest.fixture(scope="module")
def footage():
    return load_site.make_footage((320, 240), n_frames=10)


def test_ingest_counts_every_segment_and_splits_its_time(footage):
    table = load.ingest((1, 3), segments=4, footage=footage)
    assert list(table["cameras"]) == [1, 3]
    assert list(table["segments"]) == [4, 12]
    assert list(table["times_real_time"]) == pytest.approx(list(4 * 10 / 25 / table["wall_s"]))
    per_camera = table["server_cpu_s"] / (table["cameras"] * 4 * 10 / 25)
    assert list(table["cores_per_camera"]) == pytest.approx(list(per_camera))
    shares = load.stage_shares(table)
    assert list(shares.columns) == list(load.STAGES)
    assert (shares > 0).all(axis=None) and shares.sum(axis=1).tolist() == pytest.approx([1, 1])


def test_two_cameras_and_a_reader_get_every_answer(footage):
    table = load.mixed_load(4.0, footage=footage).set_index("request")
    assert len(table) == 6
    assert (table["failed"] == 0).all()
    assert (table["n"] >= 1).all()
    assert (table["p50_ms"] <= table["p99_ms"]).all()


def test_the_work_of_a_request_does_not_grow_with_the_store():
    costs = load_growth.request_costs((200, 5000), asks=40)
    steps = costs.pivot(index="request", columns="segments", values="steps")
    assert (steps[5000] <= 1.2 * steps[200] + 0.02).all(), steps
    assert len(load_growth.plot_costs(costs).axes[0].containers) == len(steps)


def test_a_restarted_cloud_answers_about_its_last_segment():
    times = load_growth.restart((0, 2000), repeats=1)
    assert list(times["segments"]) == [0, 2000]
    assert (times["seconds"] > 0).all()
