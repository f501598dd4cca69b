"""Three parties from the shell: a cloud in its own process, a camera and a surveillance system that talk to it."""

import pytest

from gctr.parties.home import open_cloud
from gctr.parties.processes import cloud_process
from gctr.vision.video import read_video, write_video
from tests.cli.shell import gctr

from ..parties.conftest import make_street


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A street of 20 frames that a camera sent to a served cloud."""
    home = tmp_path_factory.mktemp("site")
    write_video(home / "street.mkv", make_street().frames[:20], 10)
    gctr("cloud", "init", home / "here")
    with cloud_process(home / "here" / "cloud") as served:
        send = (
            "camera",
            "run",
            home / "street.mkv",
            "--home",
            home / "here" / "camera",
            "--cloud",
            served.url,
        )
        assert "sent up to segment 3 of cam-1" in gctr(*send, "--segment", 5)
        assert "sent up to segment 3 of cam-1" in gctr(*send, "--segment", 5), "again sends nothing new"
        yield home, served.url


def test_the_surveillance_system_lists_shows_and_unmasks(site, tmp_path):
    home, url = site
    own = home / "here" / "surveillance"
    reach = ("--home", own, "--cloud", url)
    assert "cam-1 │ 4 │ none │ [1]" in gctr("surveillance", "list", *reach)
    assert "│ 15-19 │" in gctr("surveillance", "list", "cam-1", *reach)
    gctr("surveillance", "show", "cam-1", *reach, "-o", tmp_path / "masked.mkv")
    assert len(list(read_video(tmp_path / "masked.mkv"))) == 20
    gctr("surveillance", "show", "cam-1", *reach, "-o", tmp_path / "part.mkv", "--first", 1, "--last", 2)
    assert len(list(read_video(tmp_path / "part.mkv"))) == 10
    unmask = ("surveillance", "unmask", "cam-1", *reach, "-o", tmp_path / "faces.mkv", "--reason", "test")
    gctr(*unmask, code=1)  # the key is not here yet
    (own / "unmask.key").write_bytes((home / "here" / "camera" / "unmask.key").read_bytes())
    (own / "unmask.key").chmod(0o600)
    gctr(*unmask)
    assert len(list(read_video(tmp_path / "faces.mkv"))) == 20
    assert '"reason":"test"' in (own / "audit.jsonl").read_text()
    gctr("surveillance", "show", "nobody", *reach, "-o", tmp_path / "none.mkv", code=1)


def test_the_store_is_kept_from_the_shell(site, tmp_path):
    home, _ = site
    cloud = home / "here" / "cloud"
    assert "the store is whole" in gctr("cloud", "verify", cloud)
    assert "0 swept" in gctr("cloud", "repair", cloud)
    assert "hold 1" in gctr("cloud", "hold", cloud, "cam-1", "1-2", "--purpose", "incident [/7]")
    assert "incident [/7]" in gctr("cloud", "hold", cloud)
    assert "deleted 0 segments" in gctr("cloud", "retain", cloud, "--days", 1)
    assert "deleted 2 segments" in gctr("cloud", "retain", cloud, "--days", 0)
    assert [s.sequence for s in open_cloud(cloud).segments("cam-1")] == [1, 2]
    assert "incident" not in gctr("cloud", "hold", cloud, "--end", 1)
    gctr("cloud", "invite", cloud, "reader-2", "-o", tmp_path / "reader.token", "--surveillance")
    assert (tmp_path / "reader.token").stat().st_mode & 0o777 == 0o600
    gctr("cloud", "init", home / "here", code=1)
    gctr("cloud", "verify", tmp_path, code=1)


def test_a_damaged_store_is_told_and_repaired(tmp_path):
    gctr("cloud", "init", tmp_path)
    cloud = tmp_path / "cloud"
    (cloud / "blobs").mkdir()
    (cloud / "blobs" / ("0" * 64 + ".msg")).write_bytes(b"stray")
    assert "unknown" in gctr("cloud", "verify", cloud, code=1)
    assert "1 set aside" in gctr("cloud", "repair", cloud)
    gctr("cloud", "verify", cloud)
    for file in cloud.glob("index.sqlite*"):
        file.write_bytes(b"not a database" * 300)
    assert "the index was damaged" in gctr("cloud", "repair", cloud)
    gctr("cloud", "verify", cloud)
