"""A sweep: rows that can be trusted, whatever machine they came from and whoever died on the way."""

import os
from io import StringIO

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from gctr.cli import app
from gctr.datasets import Clip, Truth, load
from gctr.evaluation.exposure import EXPOSED, exposure, observe, shown_by_camera, truth_of
from gctr.experiments import scale, scale_cluster, scale_costs, scale_point, scale_trial
from gctr.experiments.scale_bench import COUNTS, MEASURED, TIMING
from gctr.experiments.scale_point import Job
from gctr.parties.camera import Camera, CameraSettings
from gctr.parties.keyfile import new_key
from gctr.vision.background import register_plate
from gctr.vision.video import write_video

FRAMES, SIZE = 24, (160, 128)


def walking(n_frames=FRAMES):
    """Yield pictures in which a textured block walks over a grey slope."""
    width, height = SIZE
    block = np.random.default_rng(3).integers(0, 255, (48, 32, 3), np.uint8)
    for k in range(n_frames):
        image = np.repeat(np.linspace(60, 140, width, dtype=np.uint8)[None, :, None], height, 0).repeat(3, 2)
        x = 4 * (k % 30)
        if k >= 8:
            image[40:88, x : x + 32] = block
        yield image


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    path = tmp_path_factory.mktemp("footage") / "walk.mp4"
    write_video(path, walking(), 25)
    return path


@pytest.fixture(scope="module")
def broken(video):
    path = video.with_name("broken.mp4")
    path.write_bytes(video.read_bytes()[:300])
    return path


def job(video, **parameters):
    return Job("walk", str(video), parameters)


# --- one clip at one point ---------------------------------------------------------------------------------------


class Sizes:
    """Takes messages and notes how long they are."""

    def __init__(self):
        self.sizes = []

    def put(self, message):
        self.sizes.append(len(message))


def test_a_row_counts_every_byte_of_every_message(video):
    row = scale_point.protect_point(job(video, segment_frames=10, qp=30))
    camera, sent = (
        Camera(new_key("store"), new_key("unmask"), CameraSettings(segment_frames=10, qp=30)),
        Sizes(),
    )
    clip = load(video)
    sent.put(camera.register(clip))
    list(camera.run(clip.timed(), sent))
    assert row["bytes"] == sum(sent.sizes)
    assert row["segments"] == len(sent.sizes) - 1 == 3
    assert row["background_bytes"] == sent.sizes[0]
    kinds = ("background", "video", "faces", "positions", "headers")
    assert sum(row[f"{kind}_bytes"] for kind in kinds) == row["bytes"]
    assert row["video_bytes"] > 0 and 0 < row["roi_share"] < 1
    assert (row["n_frames"], row["film_s"], row["bytes_per_frame"]) == (
        FRAMES,
        FRAMES / 25,
        row["bytes"] / FRAMES,
    )


def test_a_row_is_the_same_twice_except_for_the_machine(video):
    rows = [scale_point.protect_point(job(video, segment_frames=10)) for _ in range(2)]
    first, second = ({k: v for k, v in row.items() if k not in TIMING} for row in rows)
    assert first == second
    assert all(rows[0][name] > 0 for name in TIMING)


def test_exposed_faces_are_those_of_the_whole_clip_judged_at_once():
    """An aimless detector leaves faces open: the count by segments equals the count over all frames at once."""
    parameters = {"frames": 60, "segment_frames": 25, "face_threshold": 0.99, "policy": "face"}
    row = scale_point.protect_point(Job("synthetic", "synthetic", parameters, judge=True))
    clip = load("synthetic").head(60)
    settings = CameraSettings(segment_frames=25, face_threshold=0.99, policy="face")
    seen = observe(clip.timed(), register_plate(clip), settings)
    faces = truth_of(clip.truth.faces)
    assert row["faces_judged"] == len(faces) > 5
    assert row["faces_exposed"] == int((exposure(faces, shown_by_camera(seen)) > EXPOSED).sum())


def test_without_truth_nobody_judges(video):
    row = scale_point.protect_point(Job("walk", str(video), {"frames": 10}, judge=True))
    assert row["faces_judged"] is None and row["faces_exposed"] is None


def test_a_clip_played_twice_is_twice_as_long(video):
    clip = scale_point.open_clip(str(video), {"frames": 10, "loops": 3})
    times = [seconds for seconds, _ in clip.timed()]
    assert clip.n_frames == len(times) == 30
    assert np.diff(times) == pytest.approx(np.full(29, 0.04))


def test_memory_does_not_grow_with_the_clip(monkeypatch):
    """Ten times the frames, which would be 260 MB more if they were held."""

    def noise(n_frames):
        empty = np.full((480, 640, 3), 90, np.uint8)
        play = lambda: ((k / 25, empty.copy()) for k in range(n_frames))  # noqa: E731
        return Clip(
            name="n", fps=25, resolution_wh=(640, 480), n_frames=n_frames, open_timed=play, truth=Truth()
        )

    monkeypatch.setattr(scale_point, "load", lambda source: noise(int(source)))
    peaks = [
        scale_point.protect_point(Job("n", str(n), {"segment_frames": 20}))["peak_mb"]
        for n in (100, 100, 380)
    ]
    assert peaks[2] - peaks[1] < 80


def test_a_truncated_clip_says_so_in_its_row(video, tmp_path):
    write_video(tmp_path / "whole.mkv", walking(60), 25)
    data = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) * 2 // 3])
    row = scale_point.protect_point(job(tmp_path / "cut.mkv"))
    assert "cut short" in row["note"] and row["n_frames"] < 60


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [("qp", "30", 30), ("face_margin", "0.5", 0.5), ("mask", "blur", "blur"), ("frames", "7", 7)],
)
def test_values_take_the_parameter_s_type(name, text, value):
    assert scale_point.read_value(name, text) == value
    assert type(scale_point.read_value(name, text)) is type(value)


@pytest.mark.parametrize(("name", "text"), [("qp", "low"), ("colour", "red"), ("frames", "1.5")])
def test_a_value_that_cannot_be_is_named(name, text):
    with pytest.raises(ValueError, match=name):
        scale_point.read_value(name, text)


# --- many --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def cluster():
    with scale_cluster.cluster_processes(2) as processes:
        yield processes


@pytest.fixture(scope="module")
def jobs(video, broken):
    return scale.plan([str(video), str(broken), "no-such.mp4"], {"qp": [24, 30], "segment_frames": [6, 12]})


def test_a_sweep_survives_its_workers_and_its_clips(jobs, video, cluster):
    """One worker is killed half-way; two clips of three are bad. Every row is as if it had been made here, alone."""
    rows, steps = [], []

    def kill(number, row):
        rows.append(number)
        if len(rows) == 3:
            cluster.workers[1].kill()

    with scale_cluster.connect(cluster.address, workers=2) as client:
        table = scale.sweep(client, jobs, on_row=kill, on_step=steps.append)
        left = client.scheduler_info(n_workers=-1)["workers"]
    assert len(left) == 1, "the kill was real"
    assert sorted(rows) == list(range(12)), "every job ended once"
    assert list(table["clip"]) == [str(video)] * 4 + [j.clip for j in jobs[4:]], "in the order of the plan"
    for k in range(4):
        alone = scale_point.protect_point(jobs[k])
        assert {
            name: table.loc[k, name] for name in MEASURED if "judged" not in name and "exposed" not in name
        } == {name: alone[name] for name in MEASURED if "judged" not in name and "exposed" not in name}
    assert (table["error"][:4] == "").all()
    assert table["error"][4:8].str.contains("broken.mp4").all()
    assert table["error"][8:].str.contains("no-such.mp4").all()
    assert table.loc[4:, list(COUNTS)].isna().all(axis=None)
    told = pd.DataFrame(steps).groupby("job")["frames"].sum()
    assert (told[[0, 1, 2, 3]] >= FRAMES).all(), "progress was told; what a dead worker did is told twice"


def deadly(number, job, topic):
    """Kill the worker that touches the second clip."""
    if job.clip == "deadly":
        os._exit(1)
    return {"bytes": 7}


def test_a_clip_that_kills_every_worker_it_meets_is_a_row(monkeypatch):
    monkeypatch.setattr(scale, "_work", deadly)
    with scale_cluster.connect(workers=2) as client:
        table = scale.sweep(client, scale.plan(["tame", "deadly", "mild"], {}))
    assert list(table["bytes"][[0, 2]]) == [7, 7]
    assert "KilledWorker" in table["error"][1]


def test_a_cluster_that_dies_ends_the_sweep_with_a_word(monkeypatch):
    monkeypatch.setattr(scale, "_work", deadly)
    monkeypatch.setattr(scale, "PATIENCE", 1.0)
    with (
        scale_cluster.cluster_processes(1) as dying,
        scale_cluster.connect(dying.address, workers=1) as client,
        pytest.raises(scale_cluster.ClusterError, match=r"no worker for 1 s: .* run the same again"),
    ):
        scale.sweep(client, scale.plan(["deadly"], {}))


def test_a_table_that_was_cut_short_is_taken_up(jobs):
    rows = {k: {"clip": j.clip, **j.parameters, "note": "", "error": ""} for k, j in enumerate(jobs)}
    rows[2]["error"], rows[0]["bytes"] = "it failed", 77
    text = scale.as_table(jobs, {k: rows[k] for k in (0, 2, 5)}).to_csv(index=False)
    found = scale.take_up(jobs, pd.read_csv(StringIO(text)))
    assert sorted(found) == [0, 5], "what failed is done again"
    assert found[0]["bytes"] == 77
    with pytest.raises(ValueError, match="another sweep"):
        scale.take_up(jobs, pd.DataFrame({"qp": [1]}))


@pytest.mark.parametrize(
    ("clips", "grid", "what"),
    [
        ([], {}, "at least one clip"),
        (["a"], {"sharpness": [1]}, "sharpness"),
        (["a"], {"mode": ["rot13"]}, "rot13"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused_before_it_runs(clips, grid, what):
    with pytest.raises(ValueError, match=what):
        scale.plan(clips, grid)


def test_a_cluster_that_is_not_there_is_named():
    with (
        pytest.raises(scale_cluster.ClusterError, match="no Dask cluster with workers at tcp"),
        scale_cluster.connect("tcp://127.0.0.1:9"),
    ):
        pass


def test_the_command_writes_a_table_and_goes_on_with_it(video, tmp_path):
    out = tmp_path / "new" / "table.csv"
    command = [
        "sweep",
        str(video),
        "no-such.mp4",
        "-p",
        "frames",
        "8,12",
        "-p",
        "qp",
        "30",
        "--workers",
        "1",
        "-o",
    ]
    first = CliRunner().invoke(app, [*command, str(out)])
    assert first.exit_code == 1, "something failed"
    table = pd.read_csv(out)
    assert list(table["n_frames"][:2]) == [8, 12] and table["error"].notna().sum() == 2
    table.loc[0, "bytes"] = 1  # a mark that a second run would wipe out
    table.to_csv(out, index=False)
    again = CliRunner().invoke(app, [*command, str(out)])
    assert again.exit_code == 1
    assert pd.read_csv(out).loc[0, "bytes"] == 1, "rows that are there are not done again"
    assert "2 rows, 2 failed" in again.output


# --- trials and costs --------------------------------------------------------------------------------------------


def test_trials_compare_rows_and_tell_the_speed_up():
    rows = pd.DataFrame({"clip": ["a"], "bytes": [5], **{name: [1.0] for name in TIMING}})
    other = rows.assign(bytes=6)
    trials = [
        scale_trial.Trial(2, False, 5.0, rows),
        scale_trial.Trial(2, True, 8.0, rows.assign(fps=9.0)),
        scale_trial.Trial(1, False, 10.0, other),
    ]
    table = scale_trial.compare_trials(trials)
    assert list(table["workers"]) == [1, 2, 2]
    assert list(table["same_rows"]) == [False, True, True]
    assert list(table["speedup"]) == [1.0, 2.0, 1.25]


def test_ten_thousand_cameras_are_one_times_ten_thousand():
    load = {"cameras": 8, "megabytes": 8.0, "wall_s": 5.0, "times_real_time": 2.0, "cores_per_camera": 0.01}
    loads = pd.DataFrame([load, load | {"wall_s": 2.5, "times_real_time": 4.0}, load | {"cameras": 1}])
    rows = pd.DataFrame({"cpu_s": [3.0, 9.0], "film_s": [10.0, 10.0], "error": ["", "failed"]})
    table = scale_costs.extrapolate(loads, rows, segment_s=2, cameras=1000, busy=0.5, days=10)
    totals = table.set_index("quantity")["total"]
    assert totals["processor of the camera"] == pytest.approx(300)
    assert totals["processor of the cloud"] == pytest.approx(10)
    assert totals["segments"] == 500
    assert totals["network, all busy"] == pytest.approx(8.0 * 8 / 8 / 10 * 1000 / 1000), "0.8 Mbit/s each"
    assert totals["stored a day"] == pytest.approx(0.1 * 86400 / 1e3 * 0.5 * 1000 / 1e3)
    assert totals["stored for 10 days"] == pytest.approx(0.1 * 86400 / 1e3 * 0.5 * 1000 * 10 / 1e6)
    clouds = table.set_index("quantity").loc["clouds like the one measured"]
    assert (clouds["total_low"], clouds["total_high"]) == pytest.approx((1000 / 32, 1000 / 16))
    assert clouds["arithmetic"] == "0.0469 x 1,000"
