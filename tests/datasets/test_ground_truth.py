"""Ground truth in its formats, each against a few lines written by hand, and against damage and malice."""

import gzip

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.datasets import ground_truth
from gctr.datasets.clip import DatasetError
from gctr.datasets.ground_truth import parse_truth, read_truth

CORNERS = ["x0", "y0", "x1", "y1"]

MOT15 = b"""1,9,499,158,31,75,1,-4.1554,-7.3591,0
1,15,1,1,32,88,0,-11.306,-5.5995,0
2,9,497.5,158,31,75,1,-4.1744,-7.3156,0
"""
MOT17 = b"""1,1,912,484,97,109,0,7,1
1,2,100,200,30,40,1,1,0.5
3,2,101,201,30,40,1,1,0.5
"""
CVML = b"""<?xml version="1.0" encoding="utf-8"?>
<dataset><frame number="0"><objectlist>
 <object id="9"><orientation>90</orientation><box h="75" w="31" xc="514.5" yc="195.5"/>
  <hypothesislist><hypothesis id="1"/></hypothesislist></object>
 <object id="15"><appearance>visible</appearance></object></objectlist>
 <grouplist><group id="77"><members>9,15</members><box h="9" w="9" xc="9" yc="9"/></group></grouplist></frame>
<frame number="3"><objectlist><object id="9"><box h="10" w="20" xc="50" yc="60"/></object></objectlist></frame>
<frame number="4"><objectlist/></frame></dataset>
"""
VIRAT = b"""0 385 3455 1 663 76 132 1
0 385 3456 2 664 76 132 1
4 100 10 500 300 200 100 2
"""
CHOKEPOINT = b"""<?xml version="1.0"?><!DOCTYPE GroundTruth>
<dataset name="P1E_S1_C1"><frame number="00000000"/>
<frame number="00000041"><person id="0003"><leftEye x="420" y="200"/><rightEye x="400" y="200"/></person>
<person id="0007"/></frame></dataset>
"""
MEVA = b"""- { meta: "training kpf" }
- { geom: {id1: 561, id0: 1, ts0: 942, ts1: 31.4, g0: 0 548 36 635, keyframe: true } }
- {'geom': {'g0': '1578 321 1650 488', 'id0': 1, 'id1': 39, 'ts0': 8483}}
"""
MEVA_TYPES = b"""- { types: { id1: 561, cset3: { vehicle: 1.0 } } }
- {'types': {'id1': 39, 'cset3': {'person': 1.0}}}
"""


def rows(table) -> list[tuple]:
    return [tuple(row) for row in table[["frame", "track_id", *CORNERS]].to_numpy().tolist()]


def test_mot15_counts_frames_and_pixels_from_one_and_keeps_ignored_people():
    boxes = parse_truth("SEQ/gt/gt.txt", MOT15).boxes
    assert rows(boxes) == [
        (0, 9, 498, 157, 529, 232),
        (0, 15, 0, 0, 32, 88),
        (1, 9, 496.5, 157, 527.5, 232),
    ]
    assert set(boxes["label"]) == {"person"}


def test_mot17_labels_its_classes():
    boxes = parse_truth("gt.txt", MOT17).boxes
    assert rows(boxes)[0] == (0, 1, 911, 483, 1008, 592)
    assert boxes["label"].tolist() == ["static person", "person", "person"]
    assert boxes["frame"].tolist() == [0, 0, 2]


def test_cvml_gives_boxes_by_their_centre_and_leaves_groups_out():
    boxes = parse_truth("fight.xml", CVML).boxes
    assert rows(boxes) == [(0, 9, 499, 158, 530, 233), (3, 9, 40, 55, 60, 65)]


def test_virat_is_told_from_mot_by_its_name():
    boxes = parse_truth("VIRAT_S_000001.viratdata.objects.txt", VIRAT).boxes
    assert rows(boxes) == [
        (10, 4, 500, 300, 700, 400),
        (3455, 0, 1, 663, 77, 795),
        (3456, 0, 2, 664, 78, 796),
    ]
    assert boxes["label"].tolist() == ["car", "person", "person"]


def test_chokepoint_gives_a_face_box_around_the_eyes():
    truth = parse_truth("P1E_S1_C1.xml", CHOKEPOINT)
    assert truth.boxes is None
    assert rows(truth.faces) == [(41, 3, 390, 182, 430, 232)]
    assert truth.faces["identity"].tolist() == ["0003"]


def test_meva_is_read_in_both_of_its_spellings_with_labels_from_beside(tmp_path):
    path = tmp_path / "2018-03-05.13-10-00.school.G336.geom.yml"
    path.write_bytes(MEVA)
    assert read_truth(path).boxes["label"].tolist() == ["object", "object"]
    (tmp_path / "2018-03-05.13-10-00.school.G336.types.yml").write_bytes(MEVA_TYPES)
    boxes = read_truth(path).boxes
    assert rows(boxes) == [(942, 561, 0, 548, 36, 635), (8483, 39, 1578, 321, 1650, 488)]
    assert boxes["label"].tolist() == ["vehicle", "person"]


def test_an_empty_file_of_boxes_is_a_clip_without_any():
    assert len(parse_truth("gt.txt", b"").boxes) == 0
    assert len(parse_truth("gt.txt", b"\n\n").boxes) == 0
    assert len(parse_truth("x.xml", b"<dataset><frame number='0'/></dataset>").boxes) == 0


# --- damage and malice ------------------------------------------------------------------------------------------

LAUGHS = (
    b'<!DOCTYPE d [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (97 + k, b"&%c;" % (96 + k) * 10) for k in range(1, 9))
    + b"]><dataset><frame number='0'>&i;</frame></dataset>"
)
OUTSIDE = b'<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]><dataset><frame number="0">&x;</frame></dataset>'


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("gt.txt", b"not,numbers,at,all,in,here\n"),
        ("gt.txt", b"1,9,499\n"),  # too few columns
        ("gt.txt", MOT15 + b"3,9,499\n"),  # cut in the middle of a line
        ("gt.txt", MOT15.replace(b"499", b"nan")),
        ("gt.txt", MOT15.replace(b"499", b"inf")),
        ("gt.txt", MOT15.replace(b"499", b"1e300")),
        ("gt.txt", b"0,9,499,158,31,75,1,-1,-1,-1\n"),  # frame 0, where the format counts from 1
        ("gt.txt", b"1,9,499,158,-31,75,1,-1,-1,-1\n"),  # a width below 0
        ("gt.txt", b"999999999999,9,499,158,31,75,1,-1,-1,-1\n"),
        ("gt.txt", gzip.compress(MOT15)),
        ("gt.txt", b"\x00" * 1000),
        ("a.viratdata.objects.txt", b"0 385 3455 1 663\n"),
        ("a.xml", b""),
        ("a.xml", CVML[:300]),
        ("a.xml", CVML.replace(b'xc="514.5"', b'xc="far"')),
        ("a.xml", CVML.replace(b'xc="514.5"', b"")),
        ("a.xml", CVML.replace(b'number="0"', b'number="-1"')),
        ("a.xml", CVML.replace(b'id="9"', b'id="' + b"9" * 5000 + b'"')),
        ("a.xml", b"<html><body/></html>"),
        ("a.xml", LAUGHS),
        ("a.xml", OUTSIDE),
        ("a.geom.yml", b"- { geom: {id1: 561, ts0: here, g0: 0 548 36 635 } }\n"),
        ("a.geom.yml", b"- { geom: {id1: 561, ts0: 3, g0: 36 548 0 635 } }\n"),
        ("a.json", b"{}"),
    ],
)
def test_damage_and_malice_are_told_in_one_sentence(name, data):
    with pytest.raises(
        DatasetError, match=f"truth {name} is damaged, hostile or of another format"
    ) as caught:
        parse_truth(name, data)
    assert len(str(caught.value)) < 400


def test_entities_are_refused_not_expanded():
    with pytest.raises(DatasetError, match="Entit"):
        parse_truth("a.xml", LAUGHS)


def test_a_file_that_is_too_large_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(ground_truth, "MAX_BYTES", 10)
    path = tmp_path / "gt.txt"
    path.write_bytes(MOT15)
    with pytest.raises(DatasetError, match="10 are read at most"):
        read_truth(path)
    with pytest.raises(DatasetError, match="10 are read at most"):
        parse_truth("gt.txt", MOT15)


def test_labels_that_are_too_large_are_refused_too(tmp_path, monkeypatch):
    monkeypatch.setattr(ground_truth, "MAX_BYTES", len(MEVA))
    path, types = tmp_path / "a.geom.yml", tmp_path / "a.types.yml"
    path.write_bytes(MEVA)
    types.write_bytes(MEVA_TYPES + b"#" * len(MEVA))
    with pytest.raises(DatasetError, match=r"a\.types\.yml is .* are read at most"):
        read_truth(path)
    with pytest.raises(DatasetError, match="are read at most"):
        parse_truth(path.name, MEVA, types.read_bytes())


def test_a_file_that_is_missing_is_told(tmp_path):
    with pytest.raises(DatasetError, match=r"cannot read truth .*gt\.txt: No such file"):
        read_truth(tmp_path / "gt.txt")


@settings(max_examples=300, deadline=None)
@given(
    which=st.sampled_from(
        [
            ("gt.txt", MOT15),
            ("a.xml", CVML),
            ("b.xml", CHOKEPOINT),
            ("v.viratdata.objects.txt", VIRAT),
            ("m.geom.yml", MEVA),
        ]
    ),
    at=st.integers(0, 10**4),
    junk=st.binary(min_size=0, max_size=6),
    cut=st.integers(0, 20),
)
def test_any_edit_gives_sound_boxes_or_a_dataset_error(which, at, junk, cut):
    name, data = which
    at %= len(data)
    try:
        truth = parse_truth(name, data[:at] + junk + data[at + cut :])
    except DatasetError:
        return
    table = truth.boxes if truth.boxes is not None else truth.faces
    corners = table[CORNERS].to_numpy(float)
    assert np.isfinite(corners).all()
    assert (corners[:, :2] <= corners[:, 2:]).all()
    assert (table["frame"] >= 0).all()
