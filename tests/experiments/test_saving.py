"""Notebooks run for real, and what they save: whole files, the same bytes each time, provenance, honest verdicts."""

import base64
import getpass
import hashlib
import io
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from gctr import experiments
from gctr.experiments import provenance, report
from gctr.experiments.claims import combined
from gctr.experiments.figures import PAGE, photo_grid, short_number, svg_bytes
from gctr.experiments.parameters import assign_parameters
from gctr.experiments.pooled import pool_clips
from tests.experiments.written import SAVING, outputs, write_notebook

matplotlib.use("agg")


@pytest.fixture(scope="module")
def ran(workshop: Path) -> SimpleNamespace:
    """Three notebooks run, the one in the middle failing."""
    write_notebook(workshop / "notebooks", "20_saves", SAVING)
    write_notebook(
        workshop / "notebooks", "21_fails", ["before = 1", "value = 'a [/b] c'\nraise KeyError(value)", "1"]
    )
    write_notebook(workshop / "notebooks", "22_goes_on", ["print('went on')"])
    stale = workshop / "results" / "tables" / "20_saves.synthetic.renamed-since.csv"
    stale.parent.mkdir(parents=True)
    stale.write_text("x\n1\n")
    said = io.StringIO()
    console = Console(file=said, width=200)
    summary = experiments.run_notebooks(parameters={"slope": "7"}, build=workshop / "build", console=console)
    return SimpleNamespace(summary=summary, said=said.getvalue(), stale=stale)


# --- running ---------------------------------------------------------------------------------------------------


def test_a_failing_notebook_is_named_and_the_others_run(ran, workshop):
    good, bad, last = ran.summary.outcomes
    assert (good.error, last.error, ran.summary.ok) == (None, None, False)
    assert bad.error == "21_fails: cell [4] `value = 'a [/b] c'` raised KeyError: 'a [/b] c'"
    assert "went on" in outputs(last.executed)
    assert "KeyError" in outputs(bad.executed)


def test_progress_reaches_a_log_that_is_no_terminal(ran):
    lines = [line for line in ran.said.splitlines() if line.strip()]
    told = [line.split(" in ")[0].strip() for line in lines if re.match(r"\d/3 ", line)]
    assert [line[:4] for line in told] == ["1/3 ", "2/3 ", "3/3 "]
    assert {line[4:] for line in told} == {"20_saves done", "21_fails failed", "22_goes_on done"}
    assert "failed: 21_fails; the others' results are saved" in ran.said
    assert ran.summary.outcomes[1].error in ran.said


def test_the_kernel_is_this_interpreter_whatever_is_installed(ran):
    assert sys.executable in outputs(ran.summary.outcomes[0].executed)


def test_the_report_links_every_page_and_shows_the_verdict(ran, workshop):
    index = ran.summary.report.read_text()
    pages = re.findall(r"href='([^'#]+)'", index)
    assert pages == [f"{name}.synthetic.html" for name in ("20_saves", "21_fails", "22_goes_on")]
    assert all((ran.summary.report.parent / page).stat().st_size for page in pages)
    assert "slope 7" in index and "It is &lt;so&gt;." in index and index.count(">failed<") == 1
    assert re.search(r"<td>H1</td>.*?<span class='badge holds'>holds</span>", index)


def test_no_page_of_the_report_asks_another_host(ran):
    asks = r"<(?:script|img|link|iframe)\b[^>]*\b(?:src|href)\s*=\s*[\"']?\s*(?:https?:)?//|@import"
    asks += r"|\burl\([\"']?\s*(?:https?:)?//|\bimport\b[^;\n]*[\"']https?:|\bfetch\("
    pages = sorted(ran.summary.report.parent.glob("*.html"))
    assert len(pages) == 4
    for page in pages:
        assert not re.search(asks, page.read_text()), page.name


def test_a_page_shows_what_a_control_says_and_no_progress_bar(tmp_path):
    def shown(text: str) -> dict:
        view = {"model_id": "m", "version_major": 2, "version_minor": 0}
        data = {"application/vnd.jupyter.widget-view+json": view, "text/plain": text}
        return {"output_type": "display_data", "metadata": {}, "data": data}

    executed = write_notebook(tmp_path, "20_saves.synthetic", ["go()"])
    notebook = json.loads(executed.read_text())
    notebook["cells"][-1]["outputs"] = [
        shown("sizes:   0%|          | 0/20 [00:00<?, ?it/s]"),
        shown("frame 3: 40% of it masked"),
    ]
    executed.write_text(json.dumps(notebook))
    page = report.write_page(executed, tmp_path).read_text()
    assert "frame 3: 40% of it masked" in page and "0/20" not in page
    assert "<title>20_saves.synthetic</title>" in page


def test_no_notebook_has_a_formula_that_pages_would_show_as_tex():
    for path in Path(report.PACKAGE.parent / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text())["cells"]
        prose = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
        assert not re.search(r"\$[^$\n]+\$|\\\(|\\\[|\\begin\{", prose), path.name


def test_the_report_can_be_sent_alone(run, tmp_path):
    run.save_figure(plt.figure(), "f")
    (run.folder / "figures" / "20_saves.synthetic.f.png").rename(
        run.folder / "figures" / "05_bandwidth.synthetic.rates.png"
    )
    run.save_verdict("H1", "fails", "1.4 <times>", value=1.4, low=1.2, high=1.6, unit="1", n=7)
    other = experiments.start("20_saves", {"dataset": "gate.mp4", "slope": 1, "sigmas": [], "fast": True})
    other.save_verdict("H1", "holds", "0.4")
    page = report.write_index(tmp_path / "build").read_text()
    assert not re.search(r"(?:src|href)=['\"](?!#|data:)", page)
    assert page.count("src='data:image/png;base64,") == 1
    assert "1.4 &lt;times&gt;" in page and "<b>1.4 [1.2, 1.6]</b>" in page
    assert "Measured on synthetic" in page and "Measured on gate" in page
    assert report.write_index(tmp_path / "build").read_text() == page


def test_what_a_finished_run_no_longer_saves_is_removed(ran):
    assert not ran.stale.exists()


def test_running_again_gives_the_same_bytes(ran, workshop):
    names = ["tables/20_saves.synthetic.line.csv", "tables/20_saves.synthetic.claims.csv"]
    names += [f"figures/20_saves.synthetic.line.{kind}" for kind in ("svg", "png")]
    before = [(workshop / "results" / name).read_bytes() for name in names]
    shutil.rmtree(workshop / "results")
    assert experiments.run_notebooks(
        ["20"], {"slope": 7}, build=workshop / "build", console=Console(quiet=True)
    ).ok
    assert [(workshop / "results" / name).read_bytes() for name in names] == before


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.978444, "0.9784"),
        (648.0, "648"),
        (12046.3, "12,046"),
        (-1500.0, "-1,500"),
        (2e-15, "2e-15"),
        (0.0, "0"),
    ],
)
def test_tables_show_four_digits(value, text, run):
    assert short_number(value) == text
    assert text in repr(pd.DataFrame({"x": [value, 1 / 3]}))


@pytest.mark.parametrize("shape", [(360, 640, 3), (240, 320), (64, 32)])
def test_photographs_fill_their_figure(shape, run):
    figure, axes = photo_grid(shape, 2, 2)
    for ax in axes.flat:
        experiments.show_photo(ax, np.zeros(shape[:2], np.uint8), "title")
    figure.draw_without_rendering()
    assert figure.get_figwidth() == PAGE
    widths = [ax.get_window_extent().width for ax in axes[0]]
    assert sum(widths) > 0.9 * figure.bbox.width
    plt.close(figure)


def test_by_hand_the_same_files_come_out(ran, workshop, run):
    run.save_table(pd.DataFrame({"x": [1, 2], "y": [7 / 3, 1e9]}), "line")
    figure, (left, right) = plt.subplots(1, 2)
    left.plot([0, 1], [0, 7])
    left.set(xlabel="time / s", ylabel="way / m")
    experiments.show_photo(right, np.full((90, 160, 3), (0, 0, 255), np.uint8))
    figure.savefig(io.BytesIO(), bbox_inches="tight")  # however often it was looked at
    run.save_figure(figure, "line")
    for name in ("tables/20_saves.synthetic.line.csv", "figures/20_saves.synthetic.line.svg"):
        assert (run.folder / name).read_bytes() == (workshop / "results" / name).read_bytes(), name


# --- parameters ------------------------------------------------------------------------------------------------


def test_an_unknown_parameter_stops_before_anything_runs(ran, workshop, tmp_path):
    with pytest.raises(
        ValueError, match=r"unknown parameter slop; known are 20_saves: dataset, slope, sigmas, fast"
    ):
        experiments.run_notebooks(["20"], {"slop": 3}, build=tmp_path / "build")
    assert not (tmp_path / "build").exists()


def test_an_unknown_notebook_is_refused_with_those_there_are(ran, workshop):
    with pytest.raises(ValueError, match="no notebook '07'; there are: 20_saves, 21_fails, 22_goes_on"):
        experiments.run_notebooks(["07"])


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("slope", "3", 3),
        ("sigmas", "1,3", [1, 3]),
        ("sigmas", "[0.25]", [0.25]),
        ("fast", "true", True),
        ("fast", "False", False),
        ("dataset", "12", "12"),
    ],
)
def test_text_is_read_in_the_type_of_the_default(tmp_path, name, text, value):
    path = write_notebook(tmp_path, "20_saves", [])
    assert assign_parameters([path], {name: text}) == {path: {name: value}}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("slope", 1.5),
        ("slope", "steep"),
        ("slope", True),
        ("sigmas", ["a"]),
        ("sigmas", 1),
        ("fast", 1),
        ("dataset", 3),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(tmp_path, name, value):
    path = write_notebook(tmp_path, "20_saves", [])
    with pytest.raises(ValueError, match=f"parameter {name} takes a value of type"):
        assign_parameters([path], {name: value})


@pytest.mark.parametrize("cell", ["x = f()", "x, y = 1, 2", "print(3)", "x ="])
def test_a_parameters_cell_holds_literals_only(tmp_path, cell):
    path = write_notebook(tmp_path, "20_saves", [], parameters=cell)
    with pytest.raises(ValueError, match="may only hold name = literal"):
        experiments.declared_parameters(path)


def test_a_run_needs_the_value_of_every_declared_parameter(run):
    with pytest.raises(ValueError, match="no value for fast, sigmas"):
        experiments.start("20_saves", {"dataset": "synthetic", "slope": 2})


# --- saving ----------------------------------------------------------------------------------------------------


def test_provenance_tells_all_and_no_name_or_path(ran, workshop):
    text = (workshop / "results" / "provenance" / "20_saves.synthetic.json").read_text()
    record = json.loads(text)
    assert record["parameters"] == {"dataset": "synthetic", "slope": 7, "sigmas": [0.5, 1.0], "fast": False}
    assert record["versions"]["python"] == platform.python_version()
    assert record["versions"]["numpy"] == np.__version__
    assert record["machine"]["threads"] == os.cpu_count()
    files = {
        path.relative_to(workshop / "results").as_posix() for path in (workshop / "results").glob("[tf]*/20*")
    }
    assert set(record["files"]) == files
    for name, sha256 in record["files"].items():
        assert hashlib.sha256((workshop / "results" / name).read_bytes()).hexdigest() == sha256
    private = [platform.node(), str(Path.home()), str(workshop), sys.prefix]
    assert not [word for word in private if len(word) > 3 and word in text]
    assert re.search(rf"\b{re.escape(getpass.getuser())}\b", text) is None


def test_paths_and_logins_among_the_parameters_stay_private(run):
    values = {"dataset": "rtsp://admin:secret@camera.lan/1", "slope": 1, "fast": False}
    other = experiments.start("20_saves", values | {"sigmas": ["/footage/anna/gate.mp4"]})
    other.save_table(pd.DataFrame({"x": [1]}), "t")
    (path,) = (run.folder / "provenance").iterdir()
    written = path.name + path.read_text()
    assert "gate.mp4" in written
    assert not [word for word in ("secret", "admin", "camera.lan", "anna") if word in written]


@given(st.text(min_size=1), st.text(alphabet=st.characters(categories=["L"]), min_size=6))
def test_a_label_is_safe_in_a_file_name_and_keeps_secrets(text, secret):
    for dataset in (text, f"rtsp://user:{secret}@{secret}.example/{text}"):
        try:
            label = experiments.dataset_label(dataset)
        except ValueError as error:
            assert "no letter or digit" in str(error)
        else:
            assert re.fullmatch(r"[a-z0-9_][a-z0-9_-]*", label)
            assert dataset == text or secret.lower() not in label


def test_the_password_of_a_camera_does_not_change_its_label():
    labels = {experiments.dataset_label(f"rtsp://{login}10.0.0.7/live") for login in ("", "a:b@", "c:d@")}
    assert len(labels) == 1 and labels != {experiments.dataset_label("rtsp://10.0.0.8/live")}


def test_a_table_keeps_numbers_to_six_digits_and_a_named_index(run):
    run.save_table(pd.DataFrame({"x": [1 / 3, 123456789.0]}, index=pd.Index(["a", "b"], name="k")), "named")
    assert (
        run.folder / "tables/20_saves.synthetic.named.csv"
    ).read_bytes() == b"k,x\na,0.333333\nb,1.23457e+08\n"
    filtered = pd.DataFrame({"n": [1, 2, 123456789]}).iloc[1:]
    assert run.save_table(filtered, "plain") is filtered
    assert (run.folder / "tables/20_saves.synthetic.plain.csv").read_bytes() == b"n\n2\n123456789\n"


@pytest.mark.parametrize("name", ["claims", "../up", "Big", "a.b", ""])
def test_names_that_would_clash_or_escape_are_refused(run, name):
    with pytest.raises(ValueError):
        run.save_table(pd.DataFrame({"x": [1]}), name)
    assert not run.folder.exists()


def test_a_photograph_is_in_the_svg_as_jpeg_in_its_own_colours(run):
    figure, ax = plt.subplots()
    experiments.show_photo(ax, np.full((270, 480, 3), (0, 0, 255), np.uint8))  # red, in BGR
    svg = svg_bytes(figure)
    (coded,) = re.findall(rb'href="data:image/jpeg;base64,([^"]+)"', svg)
    assert b"image/png" not in svg
    photo = cv2.imdecode(np.frombuffer(base64.b64decode(coded), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(photo.astype(int) - (0, 0, 255)).max() < 8


def test_a_process_killed_while_it_writes_leaves_the_old_file(tmp_path):
    target = tmp_path / "table.csv"
    target.write_bytes(b"old")
    code = (
        "import os, sys; from pathlib import Path; from gctr.experiments.files import write_result\n"
        "os.replace = lambda *paths: os.kill(os.getpid(), 9)\n"
        "write_result(Path(sys.argv[1]), b'new')"
    )
    assert subprocess.run([sys.executable, "-c", code, str(target)], check=False).returncode == -9
    assert target.read_bytes() == b"old"


def test_a_full_disk_is_an_error_and_leaves_the_old_file(tmp_path):
    target = tmp_path / "table.csv"
    target.write_bytes(b"old")
    code = (
        "import resource, sys; from pathlib import Path; from gctr.experiments.files import write_result\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
        "write_result(Path(sys.argv[1]), bytes(100_000))"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, str(target)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1 and "OSError" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"] and target.read_bytes() == b"old"


def git(folder: Path, *command: str) -> str:
    plain = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "-C", str(folder), *command]
    return subprocess.run(plain, capture_output=True, text=True, check=True).stdout.strip()


def test_the_commit_is_noted_with_changes_outside_results(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "ROOT", tmp_path)
    assert provenance.commit() is None
    git(tmp_path, "init", "-q")
    (tmp_path / "code.py").write_text("1")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "table.csv").write_text("1")
    assert provenance.commit() == {"hash": git(tmp_path, "rev-parse", "HEAD"), "dirty": False}
    (tmp_path / "code.py").write_text("2")
    assert provenance.commit()["dirty"]


# --- verdicts --------------------------------------------------------------------------------------------------


def test_verdicts_add_up_and_one_condition_is_replaced(run):
    run.save_verdict("H1", "holds", "0.4", value=0.4, n=5, condition="noise")
    run.save_verdict("H1", "holds", "0.9", condition="clean")
    run.save_verdict("H1", "fails", "1.2", value=1.2, condition="clean")
    shown = run.save_verdict("H4", "fails", "0.8 times", timing=True)
    assert list(shown.iloc[0]) == ["H4", "GCTR is faster than CTR", "fails", "0.8 times"]
    table = experiments.claims_table("synthetic", run.folder).set_index("claim")
    assert list(table.index) == [f"H{n}" for n in range(1, 11)]
    assert table.loc["H1", "verdict"] == "holds under conditions"
    assert table.loc["H1", "measured"] == "0.4 (noise); 1.2 (clean)"
    assert (table.loc["H2", "verdict"], table.loc["H2", "notebook"]) == ("not measured yet", "")
    assert list(experiments.read_verdicts("synthetic", run.folder)["n"].fillna(0)) == [5, 0, 0]


def test_of_other_footage_nothing_is_read(run):
    run.save_verdict("H1", "holds", "0.4")
    assert set(experiments.claims_table("pets2009-s2l1", run.folder)["verdict"]) == {"not measured yet"}


@pytest.mark.parametrize(("claim", "verdict"), [("H11", "holds"), ("H1", "true"), ("h1", "fails")])
def test_claims_and_verdicts_are_those_listed(run, claim, verdict):
    with pytest.raises(ValueError, match="claims are H1, "):
        run.save_verdict(claim, verdict, "x")


@pytest.mark.parametrize(
    ("verdicts", "together"),
    [
        ([], "not measured yet"),
        (["holds", "holds"], "holds"),
        (["holds", "not measured yet"], "holds"),
        (["holds", "fails"], "holds under conditions"),
        (["fails", "fails"], "fails"),
    ],
)
def test_measurements_of_one_claim_are_combined(verdicts, together):
    assert combined(verdicts) == together


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.2, 0.99, "holds"), (0.2, 1.0, "holds under conditions"), (1.0, 1.2, "fails"), (0.9, 0.9, "holds")],
)
def test_a_saving_holds_if_every_ratio_is_below_one(low, high, verdict):
    assert experiments.saving_verdict(low, high) == verdict


def test_the_matrix_says_what_each_line_counts(run):
    run.save_verdict("H1", "holds", "0.4", value=0.4, low=0.3, high=0.5, unit="of whole frames' bytes")
    run.save_verdict("H10", "fails", "12 frames/s", value=12, unit="frames/s", condition="live")
    figure = experiments.matrix_figure(experiments.measurements(["synthetic"], run.folder))
    texts = [text.get_text() for text in figure.axes[0].texts]
    for expected in ("the number", "of whole frames' bytes", "0.3–0.5", "frames/s", "12"):
        assert texts.count(expected) == 1


def test_clips_are_pooled_by_clip_and_what_needs_no_clip_is_left_out():
    about = {"condition": "", "unit": "1"}
    values = {"a": (0.2, "holds"), "b": (0.4, "holds"), "c": (1.2, "fails")}
    rows = [{"claim": "H1", "dataset": d, "value": v, "verdict": w} | about for d, (v, w) in values.items()]
    rows += [{"claim": "H8", "dataset": d, "value": 0.5, "verdict": "holds"} | about for d in values]
    rows += [
        {"claim": "H2", "dataset": d, "value": v, "verdict": "holds"} | about for d, v in (("a", 1), ("b", 2))
    ]
    rows += [{"claim": "H2", "dataset": "c", "value": None, "verdict": "not measured yet"} | about]
    (found,) = pool_clips(pd.DataFrame(rows)).to_dict("records")
    assert (found["claim"], found["clips"], found["holds"], found["fails"]) == ("H1", 3, 2, 1)
    assert found["mean"] == pytest.approx(0.6)
    # Of three clips drawn with replacement all are the least, or the most, once in 27 times, which 99 % must cover.
    assert (found["low"], found["high"]) == pytest.approx((0.2, 1.2))
    assert (found["least"], found["most"]) == (0.2, 1.2)


def test_a_claim_of_the_paper_holds_only_if_every_part_was_measured_and_holds(run):
    for claim in ("H7", "H8", "H9", "H4"):
        run.save_verdict(claim, "holds", "x")
    table = experiments.paper_table(experiments.claims_table("synthetic", run.folder)).set_index("paper")
    assert (table.loc["2", "verdict"], table.loc["3", "verdict"]) == ("not measured yet", "holds")
    run.save_verdict("H6", "fails", "x")
    table = experiments.paper_table(experiments.claims_table("synthetic", run.folder)).set_index("paper")
    assert table.loc["2", "verdict"] == "fails"
