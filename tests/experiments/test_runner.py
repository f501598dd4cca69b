"""Notebooks run side by side, once: what is up to date, why something runs again, who waits for whom."""

import io
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from gctr import experiments
from gctr.experiments import freshness, modules
from gctr.experiments.grid import Values, points
from gctr.experiments.kernels import execute
from gctr.experiments.turns import Turns
from gctr.vision.video import write_video
from tests.experiments.written import SAVING, write_notebook

READS = [
    "import pandas as pd",
    "import os",
    "print(sorted(os.listdir(os.environ['GCTR_RESULTS'] + '/tables')))",
]


def run(workshop: Path, *names: str, **options: object) -> tuple[dict[str, str], str]:
    """Run notebooks and return why each ran, and what was said."""
    said = io.StringIO()
    console = Console(file=said, width=300)
    summary = experiments.run_notebooks(names or None, build=workshop / "build", console=console, **options)
    assert summary.ok, said.getvalue()
    return {
        outcome.notebook + outcome.folder: outcome.reason for outcome in summary.outcomes
    }, said.getvalue()


@pytest.fixture(scope="module")
def shop(workshop: Path) -> Path:
    """Two notebooks that have run: one saves, one reads what it saved."""
    write_notebook(workshop / "notebooks", "20_saves", SAVING)
    reader = write_notebook(workshop / "notebooks", "10_reads", READS, 'dataset = "synthetic"')
    content = json.loads(reader.read_text())
    content["metadata"]["gctr"] = {"reads": ["tables/*.{dataset}.claims.csv"]}
    reader.write_text(json.dumps(content))
    first, said = run(workshop)
    assert first == {"10_reads": "not run here yet", "20_saves": "not run here yet"}
    assert said.index("20_saves done") < said.index("10_reads done")
    return workshop


# --- up to date ------------------------------------------------------------------------------------------------


def test_the_second_time_nothing_runs_and_no_file_changes(shop):
    before = {path: path.stat().st_mtime_ns for path in shop.rglob("*") if path.is_file()}
    reasons, said = run(shop)
    assert reasons == {"10_reads": "", "20_saves": ""}
    assert "2/2 10_reads is up to date" in said and "nothing to do: all results are up to date" in said
    assert {path: path.stat().st_mtime_ns for path in shop.rglob("*") if path.is_file()} == before


def test_a_parameter_runs_a_notebook_again_and_what_reads_its_results(shop):
    reasons, _ = run(shop, parameters={"slope": "5"}, jobs=1)
    assert reasons == {
        "10_reads": "tables/20_saves.synthetic.claims.csv changed",
        "20_saves": "slope 2 → 5",
    }
    assert run(shop, "20", parameters={"slope": 5})[0] == {"20_saves": ""}
    assert run(shop, "20", parameters={"slope": 5}, force=True)[0] == {"20_saves": "asked to"}


@pytest.mark.parametrize("damage", ["changed", "gone"])
def test_a_result_that_is_not_as_it_was_saved_is_made_again(shop, damage):
    run(shop)
    table = shop / "results" / "tables" / "20_saves.synthetic.line.csv"
    table.write_text("x\n1\n") if damage == "changed" else table.unlink()
    reasons, _ = run(shop, "20")
    assert damage in reasons["20_saves"] and "20_saves.synthetic.line.csv" in reasons["20_saves"]
    assert table.read_text().startswith("x,y")


def test_results_elsewhere_are_not_up_to_date(shop, monkeypatch, tmp_path):
    run(shop)
    monkeypatch.setenv("GCTR_RESULTS", str(tmp_path / "elsewhere"))
    assert experiments.build_dir() != shop / "build" and experiments.build_dir().name.startswith("results-")
    executed = shop / "build" / "notebooks" / "20_saves.synthetic.ipynb"
    now = freshness.fingerprint(shop / "notebooks" / "20_saves.ipynb", {}, tmp_path / "elsewhere")
    assert "is gone" in freshness.why_stale(executed, now, tmp_path / "elsewhere")


def test_what_changed_is_named_and_a_long_list_cut(shop, monkeypatch):
    run(shop)
    path, results = shop / "notebooks" / "20_saves.ipynb", shop / "results"
    executed = shop / "build" / "notebooks" / "20_saves.synthetic.ipynb"
    now = freshness.fingerprint(path, {}, results)
    assert {"gctr/experiments/run.py", "notebooks/20_saves.ipynb"} < set(now["code"])
    assert freshness.why_stale(executed, now, results) == ""
    changed = now | {"code": now["code"] | {"gctr/experiments/run.py": "0"}}
    assert freshness.why_stale(executed, changed, results) == "gctr/experiments/run.py changed"
    older = now | {"versions": now["versions"] | {"numpy": "1.0"}}
    was, _, to = freshness.why_stale(executed, older, results).partition(" → ")
    assert was.startswith("numpy ") and to == '"1.0"'
    everything = now | {"code": dict.fromkeys(now["code"], "0")}
    assert freshness.why_stale(executed, everything, results).endswith(f"and {len(now['code']) - 2} more")


def test_live_footage_is_never_up_to_date(shop):
    path, results = shop / "notebooks" / "20_saves.ipynb", shop / "results"
    executed = shop / "build" / "notebooks" / "20_saves.synthetic.ipynb"
    now = freshness.fingerprint(path, {"dataset": "no-such-footage.mp4"}, results)
    assert freshness.why_stale(executed, now, results) == "its footage has no checksum"


def test_footage_in_a_file_counts_by_its_content(tmp_path):
    path, video = write_notebook(tmp_path / "notebooks", "20_saves", []), tmp_path / "gate.mkv"

    def checksum() -> str:
        return freshness.fingerprint(path, {"dataset": str(video)}, tmp_path)["data"]["gate"]

    write_video(video, np.zeros((3, 32, 32, 3), np.uint8), 10)
    before = checksum()
    os.utime(video, (0, 0))
    assert checksum() == before
    write_video(video, np.full((3, 32, 32, 3), 200, np.uint8), 10)
    assert checksum() != before


# --- which code counts -----------------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package gctr, read and never imported."""
    files = {
        "__init__": "",
        "a/__init__": "from gctr.a.first import one\nfrom .second import two as zwei\nHERE = 1",
        "a/first": "from gctr.b import thing\none = 1",
        "a/second": "two = 2",
        "b": "def late():\n    from gctr.a import second\n",
        "c": '"""Mentions gctr.a.first only."""\n_CODE = "import gctr.b"\n',
    }
    for name, text in files.items():
        path = tmp_path / "gctr" / f"{name}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.setattr(modules, "PACKAGE", tmp_path / "gctr")
    cached = (modules._path, modules._tree, modules._passed_on)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


@pytest.mark.parametrize(
    ("source", "files"),
    [
        ("from gctr.a import one", ["a/first", "a/second", "b"]),  # b's late import counts
        ("from gctr.a import zwei", ["a/second"]),  # not its neighbour
        ("from gctr.a import HERE", ["a/__init__", "a/first", "a/second", "b"]),
        ("import gctr.b", ["a/second", "b"]),
        ("from gctr.c import x", ["a/second", "b", "c"]),  # the string counts, the docstring does not
        ("%magic\nimport gctr.b", []),
        ("import numpy", []),
    ],
)
def test_imports_are_followed_to_what_they_read(package, source, files):
    assert list(modules.files_behind([source], [])) == [f"gctr/{name}.py" for name in files]


def test_modules_run_by_the_command_line_are_named_in_the_metadata(package):
    assert list(modules.files_behind([], ["gctr.a.second"])) == ["gctr/a/second.py"]


# --- turns -----------------------------------------------------------------------------------------------------


def test_no_turn_is_shared_with_an_exclusive_one():
    turns, inside, wrong = Turns(), [0, 0], []

    def take(seed: int) -> None:
        chance = random.Random(seed)
        with turns.notebook() as turn:
            for _ in range(60):
                alone = chance.random() < 0.3
                turn.take(alone=alone)
                inside[alone] += 1
                wrong.extend([list(inside)] if inside[1] > 1 or (inside[1] and inside[0]) else [])
                time.sleep(chance.random() / 2000)
                inside[alone] -= 1

    threads = [threading.Thread(target=take, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong and not any(thread.is_alive() for thread in threads)


def test_a_cell_that_measures_time_runs_alone_and_the_others_at_once(workshop):
    note = "import time\nt = time.time(); time.sleep(0.5)\n"
    note += "print('{kind}', t, time.time(), file=open('{log}', 'a'))"
    log = workshop / "log"
    for name, kinds in (("30_one", "SSSSA"), ("31_two", "SASSS")):
        path = write_notebook(
            workshop / "notebooks",
            name,
            [note.format(log=log, kind=kind) for kind in kinds],
            'dataset = "synthetic"',
        )
        content = json.loads(path.read_text())
        for cell, kind in zip(content["cells"][2:], kinds, strict=True):
            cell["metadata"] = {"tags": ["alone"]} if kind == "A" else {}
        path.write_text(json.dumps(content))
    run(workshop, "30", "31", jobs=2)
    spans = [line.split() for line in log.read_text().splitlines()]
    spans = [(kind, float(begin), float(end)) for kind, begin, end in spans]
    overlaps = [
        one[0] + two[0]
        for one, two in itertools.combinations(sorted(spans, key=lambda span: span[1]), 2)
        if two[1] < one[2]
    ]
    assert len(spans) == 10 and "SS" in overlaps and not [pair for pair in overlaps if "A" in pair]


def test_tables_with_timings_come_from_cells_that_run_alone():
    for path in sorted(experiments.notebooks_dir().glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        timed = any("timing=[" in "".join(cell["source"]) for cell in cells)
        alone = any("alone" in cell["metadata"].get("tags", []) for cell in cells)
        assert alone or not timed, f"{path.stem} saves timings, and no cell of it has the tag 'alone'"


# --- interruptions ---------------------------------------------------------------------------------------------


def _start(workshop: Path, *names: str) -> subprocess.Popen:
    code = "import signal, sys; from pathlib import Path; from gctr.experiments import run_notebooks; "
    # A shell's background jobs ignore the signal, and pass that on.
    code += "signal.signal(signal.SIGINT, signal.default_int_handler); "
    code += "run_notebooks(sys.argv[2:], build=Path(sys.argv[1]), jobs=1)"
    command = [sys.executable, "-W", "ignore", "-c", code, str(workshop / "build"), *names]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def test_a_kernel_whose_cells_have_ended_is_not_interrupted(tmp_path):
    """It said "ERROR | KeyboardInterrupt caught in kernel" of a run without any error."""
    told = tmp_path / "interrupted"
    listen = f"import signal\nsignal.signal(signal.SIGINT, lambda *_: open({str(told)!r}, 'w'))"
    # After a cell ipykernel puts back the handler that it found before it: the second cell finds this one.
    later = f"import asyncio\nasyncio.get_event_loop().call_soon(exec, {listen!r})"
    path = write_notebook(tmp_path, "36_listens", [later, "import time\ntime.sleep(0.1)"])
    assert execute(path, tmp_path / "executed.ipynb", {}, {}, lambda index, tags: None) is None
    assert not told.exists()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_was_stopped_goes_on_and_leaves_no_kernel(workshop, how):
    ready = workshop / f"ready-{how}"
    wait = "import os, pathlib, time\n" + f"pathlib.Path('{ready}').write_text(str(os.getpid()))\n"
    wait += f"time.sleep(0 if os.path.exists('{ready}-now') else 600)"
    first, second = f"4{how % 7}_first", f"5{how % 7}_second"
    write_notebook(workshop / "notebooks", first, ["1"], 'dataset = "synthetic"')
    write_notebook(workshop / "notebooks", second, [wait], 'dataset = "synthetic"')
    process = _start(workshop, first, second)
    _wait_until(lambda: ready.exists() and ready.read_text())
    process.send_signal(how)
    process.communicate(timeout=60)
    kernel = int(ready.read_text())
    _wait_until(lambda: not _alive(kernel))
    Path(f"{ready}-now").touch()
    assert run(workshop, first, second)[0] == {first: "", second: "not run here yet"}


def _wait_until(happened, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text() if Path("/proc").is_dir() else True


# --- grids -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "folders"),
    [
        ({"slope": "3"}, [""]),
        ({"slope": "3,4"}, ["slope=3", "slope=4"]),
        ({"slope": Values([3, 4])}, ["slope=3", "slope=4"]),
        ({"sigmas": "1,3"}, [""]),
        ({"sigmas": "1,3;2"}, ["sigmas=1-3-", "sigmas=2"]),
        (
            {"slope": "3,4", "fast": "true,false"},
            [f"slope={s},fast={f}" for s in (3, 4) for f in (True, False)],
        ),
        ({"dataset": "a,b"}, ["", ""]),
        ({"dataset": '"a,b"'}, [""]),
    ],
)
def test_several_values_make_a_point_each(tmp_path, given, folders):
    path = write_notebook(tmp_path, "20_saves", [])
    found = [point.folder for point in points([path], {"dataset": "synthetic", **given})]
    assert len(found) == len(folders)
    assert all(one.startswith(two) for one, two in zip(found, folders, strict=True)), found
    assert len(set(found)) == len(set(folders))


@pytest.mark.parametrize(
    ("given", "error"),
    [({"slope": "3,steep"}, "slope takes a value of type int"), ({"slop": "1,2"}, "unknown parameter slop")],
)
def test_a_grid_with_a_wrong_value_is_refused_before_anything_runs(tmp_path, given, error):
    path = write_notebook(tmp_path, "20_saves", [])
    with pytest.raises(ValueError, match=error):
        points([path], given)


def test_again_takes_the_parameters_of_the_results_there_are(shop):
    run(shop, "20", parameters={"slope": 9})
    assert run(shop, "20", parameters={"slope": 9})[0] == {"20_saves": ""}
    assert run(shop, "20", again=True)[0] == {"20_saves": ""}
    assert run(shop, "20", parameters={"slope": 8}, again=True)[0] == {"20_saves": "slope 9 → 8"}
    assert run(shop, "20")[0] == {"20_saves": "slope 8 → 2"}
    with pytest.raises(ValueError, match="no results of nowhere"):
        experiments.run_notebooks(dataset="nowhere", again=True)


def test_a_grid_keeps_its_points_apart_and_joins_their_tables(shop):
    run(shop)
    plain = (shop / "results" / "tables" / "20_saves.synthetic.line.csv").read_bytes()
    reasons, said = run(shop, "20", parameters={"slope": "3,4"})
    assert set(reasons) == {"20_savesslope=3", "20_savesslope=4"} and all(reasons.values())
    joined = pd.read_csv(shop / "results" / "grid" / "tables" / "20_saves.synthetic.line.csv")
    assert list(joined["slope"]) == [3, 3, 4, 4] and joined["y"][0] == 1 and joined["x"][3] == 2
    assert (shop / "results" / "tables" / "20_saves.synthetic.line.csv").read_bytes() == plain
    assert "joined: " in said
    again, _ = run(shop, "20", parameters={"slope": "4,5"})
    assert again == {"20_savesslope=4": "", "20_savesslope=5": "not run here yet"}
