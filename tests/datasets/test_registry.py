"""The registry that is shipped, and what is said of one that is damaged."""

import re

import pytest

from gctr.datasets import list_datasets, list_models
from gctr.datasets.clip import DatasetError
from gctr.datasets.registry import entry, parse_registry

# Written down here a second time, from the data's own description: a slip in the registry must not pass unseen.
KNOWN_SHA256 = {
    "pets09_s2l1/vtest.avi": "45cddc9490be69345cbdab64ca583be65987e864ca408038e648db99e10516cf",
    "pets09_s2l1/gt.txt": "9759f51a2429b17e1f4dfdd76cf9731ca02097069298914b51d35bb9045baf1d",
    "yunet_n_640_640.onnx": "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31",
    "FastestDet.onnx": "31cb14c017fce347cb4c846ec62fdf00d76bb3beecdf4be21e7116ac67feb880",
    "mobilefacenet_foamliu.onnx": "b7120c095d60094f28a4a54ba6a8bf51b297a6273fb40ef6350dfec1f63d9507",
}
ENTRIES = list_datasets() + list_models()


def test_the_promised_sets_and_models_are_registered():
    assert [e.name for e in list_datasets()] == [
        "synthetic",
        "pets2009-s2l1",
        "sbi2015-ibmtest2",
        "sbi2015-caviar2",
        "cdnet-highway",
        "intel-car-detection",
        "orl-faces",
        "london-faces",
    ]
    assert [e.name for e in list_models()] == ["yunet", "fastestdet", "mobilefacenet"]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: e.name)
def test_every_entry_says_what_a_user_must_know(entry):
    assert entry.title
    assert entry.licence
    assert entry.citation
    assert entry.size > 0 or entry.name == "synthetic"
    for file in entry.files:
        assert re.fullmatch("[0-9a-f]{64}", file.checksum), file.path
        assert bool(file.sha256) != bool(file.tree_sha256), "a file is verified one way"
        assert (file.folder is not None) == bool(file.tree_sha256)
        assert bool(file.url) != bool(file.by_hand), "it has an address, or says how it is had"
        assert file.url is None or file.url.startswith("https://")
        assert not file.path.startswith(("/", ".."))


def test_known_checksums_stand_in_the_registry():
    found = {file.path: file.sha256 for e in ENTRIES for file in e.files}
    assert KNOWN_SHA256.items() <= found.items()


def test_names_are_told_apart_and_misspelt_ones_are_helped():
    assert entry("yunet").layout == "model"
    with pytest.raises(DatasetError, match="did you mean 'pets2009-s2l1'"):
        entry("pets2009-s2l2")
    with pytest.raises(DatasetError, match=r"known are cdnet-highway, .*yunet"):
        entry("qqq")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("datasets = {", "damaged"),
        ("[datasets.x]\ntitle = 'x'\nlayout = 'video'\n[models]", "licence"),
        ("[datasets.x]\ntitle = 'x'\nlicence = 'y'\nlayout = 'tape'\n[models]", "tape"),
        ("[datasets.x]\ntitle = 'x'\nlicence = 'y'\nlayout = 'video'\nlicense = 'z'\n[models]", "license"),
    ],
)
def test_a_damaged_registry_is_told(text, says):
    with pytest.raises(DatasetError, match=says):
        parse_registry(text.encode())
