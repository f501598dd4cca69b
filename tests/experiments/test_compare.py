"""Two sets of results compared: what counts as the same, and how a difference is told."""

import json
import shutil
from types import SimpleNamespace

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from typer.testing import CliRunner

from gctr.cli import app
from gctr.experiments import compare, measurements


@pytest.fixture
def pair(run, tmp_path) -> SimpleNamespace:
    """Two equal sets of results, and how to change a table in the second."""
    table = pd.DataFrame({"size": [10, 20], "speed": [1.0, 2.0], "note": ["at 5 dB", ""]})
    run.save_table(table, "t", timing=["speed"])
    run.save_figure(plt.figure(), "f")
    run.save_figure(plt.figure(), "fast", varies=True)
    run.save_verdict("H1", "holds", "0.40 of it", value=0.4)
    run.save_verdict("H4", "fails", "0.8 times", value=0.8, timing=True)
    shutil.copytree(run.folder, tmp_path / "other")

    def change(name: str, old: str, new: str, tolerance: compare.Tolerance = compare.DEFAULT) -> list[str]:
        path = tmp_path / "other" / "tables" / f"20_saves.synthetic.{name}.csv"
        path.write_text(path.read_text().replace(old, new))
        return compare.compare_results(run.folder, tmp_path / "other", "synthetic", tolerance)

    return SimpleNamespace(one=run.folder, two=tmp_path / "other", change=change)


def diff(*arguments: object) -> SimpleNamespace:
    done = CliRunner().invoke(app, ["results", "diff", *map(str, arguments)])
    return SimpleNamespace(code=done.exit_code, said=done.output)


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("t", "nothing", "changes"),
        ("t", "2.0", "250"),
        ("t", "5 dB", "5.01 dB"),
        ("claims", "0.4,", "0.401,"),
        ("claims", "0.8 times,0.8", "0.3 times,0.3"),
    ],
)
def test_results_agree_within_the_tolerance_and_whatever_the_speed(pair, table, old, new):
    assert pair.change(table, old, new) == []


@pytest.mark.parametrize(
    ("table", "old", "new", "difference"),
    [
        (
            "t",
            "20",
            "21",
            "t.csv, row 2: size was 20, is 21; 0.05 of it apart, allowed 0.02 of the number + 1e-06",
        ),
        ("t", "10", "11", "t.csv, row 1 (at 5 dB): size was 10, is 11"),
        ("t", "at 5 dB", "at 5 m", "row 1: note was at 5 dB, is at 5 m"),
        ("t", "size", "length", "t.csv: was 2 rows of size, speed, note, is 2 rows of length"),
        ("claims", "holds", "fails", "claims.csv, row 1 (H1, 0.40 of it): verdict was holds, is fails"),
        ("claims", "H4,fails", "H4,holds", "row 2 (H4, 0.8 times): verdict"),
        ("claims", "0.4,", "0.5,", "row 1 (H1, holds, 0.40 of it): value was 0.4, is 0.5"),
        ("claims", "0.4,", ",", "value was 0.4, is nan"),
    ],
)
def test_a_difference_is_told_by_file_row_and_column(pair, table, old, new, difference):
    (told,) = pair.change(table, old, new)
    assert difference in told


@pytest.mark.parametrize(
    ("table", "old", "new", "count"),
    [
        ("t", "5 dB", "5.01 dB", 1),
        ("claims", "0.4,", "0.400001,", 1),
        ("t", "2.0", "250", 0),
        ("claims", "0.8 times,0.8", "0.3 times,0.3", 0),
    ],
)
def test_exactly_the_same_means_every_digit_that_speed_does_not_decide(pair, table, old, new, count):
    assert len(pair.change(table, old, new, compare.EXACT)) == count


def test_exactly_the_same_means_the_same_pictures_save_those_that_vary(pair):
    for name in ("f", "fast"):
        (pair.two / "figures" / f"20_saves.synthetic.{name}.svg").write_bytes(b"<svg/>")
    assert pair.change("t", "", "") == []
    assert pair.change("t", "", "", compare.EXACT) == ["figures/20_saves.synthetic.f.svg: another picture"]


def test_missing_surplus_and_empty_files_are_told(pair):
    tables = pair.two / "tables"
    (tables / "20_saves.synthetic.t.csv").rename(tables / "20_saves.synthetic.u.csv")
    (pair.two / "figures" / "20_saves.synthetic.f.svg").write_bytes(b"")
    assert compare.compare_results(pair.one, pair.two, "synthetic") == [
        "tables/20_saves.synthetic.t.csv: missing in the second",
        "tables/20_saves.synthetic.u.csv: missing in the first",
        "figures/20_saves.synthetic.f.svg: empty in the second",
    ]


def test_a_number_typed_into_a_result_is_found(pair):
    assert diff(pair.one, pair.two).code == 0
    pair.change("claims", "0.4,", "0.3999,")
    done = diff(pair.two, pair.one, "synthetic")
    assert done.code == 1
    told = "20_saves.synthetic.claims.csv: not the file that 20_saves.synthetic.json tells of"
    assert told in done.said and compare.check_hashes(pair.one) == []


def test_the_command_explains_how_the_two_were_made(pair):
    record = pair.two / "provenance" / "20_saves.synthetic.json"
    content = json.loads(record.read_text())
    content["parameters"]["slope"], content["versions"]["numpy"] = 9, "1.0"
    record.write_text(json.dumps(content))
    assert "made differently" not in diff(pair.one, pair.two).said  # the same results need no explanation
    pair.change("t", "20", "21")
    done = diff(pair.one, pair.two, "synthetic", "--tolerance", "0.001")
    assert done.code == 1 and "1 of it apart" not in done.said
    assert "made differently: 20_saves: parameters slope 7 → 9" in done.said
    assert "20_saves: versions numpy" in done.said
    assert "4 files" not in done.said and "differences; tolerance 0.001 of the number + 1e-06" in done.said


def test_a_wider_tolerance_and_one_dataset_of_several(pair):
    pair.change("t", "20", "21")
    record = pair.two / "provenance" / "20_saves.synthetic.json"
    content = json.loads(record.read_text())
    del content["files"]["tables/20_saves.synthetic.t.csv"]
    record.write_text(json.dumps(content))
    assert diff(pair.one, pair.two, "--tolerance", "0.1").code == 0
    assert diff(pair.one, pair.two).code == 1
    assert diff(pair.one, pair.two, "pets2009-s2l1").code == 1  # nothing compared is nothing shown


def test_a_folder_without_results_is_refused(pair, tmp_path):
    done = diff(pair.one, tmp_path / "nowhere")
    assert done.code == 1 and "holds no results" in done.said


@pytest.mark.parametrize("content", ["", '{"files": {}', "[]", '{"files": {}}'])
def test_a_damaged_record_is_named(pair, content):
    (pair.two / "provenance" / "20_saves.synthetic.json").write_text(content)
    done = diff(pair.one, pair.two)
    assert done.code == 1 and "20_saves.synthetic.json is no whole record of a run" in done.said


def test_claims_that_speed_decides_are_known_in_the_results_on_all_footage(run, tmp_path):
    run.save_verdict("H1", "holds", "0.40 of it", value=0.4)
    run.save_verdict("H4", "fails", "0.8", value=0.8, timing=True)
    run.across().save_table(measurements(["synthetic"], run.folder), "measurements")
    shutil.copytree(run.folder, tmp_path / "other")
    table = tmp_path / "other" / "tables" / "20_saves.all.measurements.csv"
    table.write_text(table.read_text().replace(",0.8,", ",0.3,"))
    assert compare.compare_results(run.folder, tmp_path / "other", "all") == []
    table.write_text(table.read_text().replace(",0.4,", ",0.6,"))
    assert len(compare.compare_results(run.folder, tmp_path / "other", "all")) == 1
