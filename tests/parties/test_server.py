"""The cloud over HTTP: what each party may do, what an attacker may try, and that the answer is one sentence."""

import contextlib
import gzip
import itertools
import json
import re
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gctr.parties.camera import CameraSettings
from gctr.parties.cloud import Cloud
from gctr.parties.envelope import open_message, seal
from gctr.parties.home import init, read_token
from gctr.parties.keyfile import read_key
from gctr.parties.messages import MAX_MESSAGE, MessageError, Patches, decode
from gctr.parties.processes import cloud_process
from gctr.parties.remote import CloudAway, RemoteCloud, unframe
from gctr.parties.serving import _listen, serve
from gctr.parties.station import drained, open_station
from gctr.parties.store import NotStored, Refused, StoreError
from gctr.parties.surveillance import Surveillance
from gctr.parties.tls import trust, write_certificate
from gctr.parties.tokens import Parties
from gctr.vision.coding import encode_plate

from .conftest import FRAMES, KnownFaces, make_street
from .served import background, header, plate, segment

ROLES = ("cam-1", "cam-2", "surveillance", "nobody")


class Site:
    """A served cloud, everybody's token, and a way to ask as anybody."""

    def __init__(self, home, url):
        self.home, self.url = home, url
        self.folder = home / "cloud"
        self.key = read_key(self.folder / "store.key", "store")
        self.certificate = home / "surveillance" / "cert.pem"
        parties = Parties(self.folder / "parties.json")
        self.tokens = {name: parties.issue(name, "camera") for name in ROLES[:2]}
        self.tokens["surveillance"] = read_token(home / "surveillance" / "surveillance.token")
        self.tokens["nobody"] = "gctr-camera-" + "A" * 43
        self.http = httpx.Client(base_url=url, verify=trust(self.certificate), trust_env=False)

    def ask(self, who, method, path, **more):
        headers = {"authorization": f"Bearer {self.tokens[who]}", **more.pop("headers", {})}
        return self.http.request(method, path, headers=headers, **more)

    def remote(self, who, **options):
        return RemoteCloud(self.url, self.tokens[who], self.certificate, **options)

    def expected(self, camera):
        return self.ask("surveillance", "GET", f"/v1/cameras/{camera}").json()["next_sequence"]

    def healthy(self):
        return self.http.get("/health").json() == {"status": "ok"}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    home = tmp_path_factory.mktemp("site")
    init(home)
    with cloud_process(home / "cloud") as served:
        site = Site(home, served.url)
        for camera in ROLES[:2]:
            remote = site.remote(camera)
            for message in [background(site.key, camera), *(segment(site.key, k, camera) for k in range(3))]:
                remote.put(message)
            remote.close()
        yield site
        site.http.close()


# --- what works ------------------------------------------------------------------------------------------------


def test_three_parties_over_the_network(tmp_path):
    street = make_street()
    init(tmp_path)
    settings = CameraSettings("street-1", segment_frames=10, face_margin=0.0)
    with cloud_process(tmp_path / "cloud") as served:
        with open_station(tmp_path / "camera", served.url, settings, detector=KnownFaces()) as (
            station,
            spool,
        ):
            station.register(street)
            run = {"name": "street", "sha256": street.sha256, "live": False}
            sent = list(station.run(street, **run))
            drained(spool)
            assert list(station.run(street, **run)) == [], "the same footage again is not sent twice"
        token = read_token(tmp_path / "surveillance" / "surveillance.token")
        cloud = RemoteCloud(served.url, token, tmp_path / "surveillance" / "cert.pem")
        keys = [read_key(tmp_path / "camera" / f"{name}.key", name) for name in ("store", "unmask")]
        shown = list(Surveillance(cloud, *keys).watch("street-1", unmask=True))
        cloud.close()
    assert (len(sent), len(shown)) == (3, FRAMES)
    for k, boxes in itertools.product(range(5, FRAMES), street.faces.values()):
        x0, y0, x1, y1 = boxes[k - 5]
        np.testing.assert_array_equal(shown[k].image[y0:y1, x0:x1], street.frames[k, y0:y1, x0:x1])
    assert not (tmp_path / "camera" / "enrol.token").exists()


def test_a_restarted_camera_goes_on_with_new_numbers(tmp_path):
    street = make_street()
    init(tmp_path)
    settings = CameraSettings(segment_frames=15, face_margin=0.0)
    with cloud_process(tmp_path / "cloud") as served:
        for _ in range(2):
            with open_station(tmp_path / "camera", served.url, settings, detector=KnownFaces()) as (
                station,
                spool,
            ):
                station.register(street)
                list(station.run(street, name="live", sha256=None, live=True))
                drained(spool)
        token = read_token(tmp_path / "surveillance" / "surveillance.token")
        cloud = RemoteCloud(served.url, token, tmp_path / "surveillance" / "cert.pem")
        segments = cloud.segments("cam-1")
        cloud.close()
    assert [(s.sequence, s.first_frame) for s in segments] == [(0, 0), (1, 15), (2, 30), (3, 45)]


def test_the_remote_cloud_answers_as_the_local_one(site):
    local, remote = Cloud(site.folder, site.key), site.remote("surveillance")
    assert remote.cameras() == local.cameras() == ["cam-1", "cam-2"]
    assert remote.segments("cam-1") == local.segments("cam-1")
    assert remote.standing("cam-1") == local.standing("cam-1")
    assert remote.background("cam-1", 1) == local.background("cam-1", 1)
    assert remote.segment("cam-1", 2) == local.segment("cam-1", 2)
    assert remote.at_frame("cam-1", 3) == local.at_frame("cam-1", 3)
    assert (
        open_message(site.key, remote.compose("cam-1", 1))[1]
        == open_message(site.key, local.compose("cam-1", 1))[1]
    )
    sealed = decode(open_message(site.key, remote.patches("cam-1", 0, 7))[1], Patches)
    assert [patch.track_id for patch in sealed.patches] == [7]
    assert decode(open_message(site.key, remote.patches("cam-1", 0, 8))[1], Patches).patches == []
    for ask in (lambda: remote.segment("cam-1", 99), lambda: remote.partial("cam-1", 0, 0, 7)):
        with pytest.raises(NotStored):
            ask()
    local.close()
    remote.close()


def test_a_range_of_compositions_is_streamed(site):
    remote = site.remote("surveillance")
    headers = [open_message(site.key, message)[0] for message in remote.compositions("cam-1", 1, 9)]
    assert [(header.kind, header.sequence) for header in headers] == [("composition", 1), ("composition", 2)]
    remote.close()


def test_segments_are_found_by_time(site):
    remote = site.remote("surveillance")
    all_of_them = remote.segments("cam-1")
    times = [info.captured for info in all_of_them]
    assert remote.page("cam-1", since=times[1]) == all_of_them[1:]
    assert remote.page("cam-1", since=times[1], first=2) == all_of_them[2:], "the next page"
    assert remote.page("cam-1", until=times[1]) == all_of_them[:1]
    assert remote.page("cam-1", first=1, last=1) == [all_of_them[1]]
    assert remote.page("cam-1", limit=2) == all_of_them[:2]
    remote.close()


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_a_byte_range_is_the_slice(site, data):
    whole = site.ask("surveillance", "GET", "/v1/cameras/cam-1/segments/0").content
    start = data.draw(st.integers(0, len(whole) - 1))
    stop = data.draw(st.integers(start + 1, len(whole)))
    forms = {
        f"bytes={start}-{stop - 1}": whole[start:stop],
        f"bytes={start}-": whole[start:],
        f"bytes=-{stop}": whole[-stop:],
    }
    for text, part in forms.items():
        answer = site.ask("surveillance", "GET", "/v1/cameras/cam-1/segments/0", headers={"range": text})
        assert (answer.status_code, answer.content) == (206, part)
        assert answer.headers["content-range"].endswith(f"/{len(whole)}")


@pytest.mark.parametrize(
    "text", ["bytes=9-1", "bytes=99999999-", "items=0-1", "bytes=0-1,3-4", "bytes=", "bytes=-0", "bytes=x-y"]
)
def test_a_range_that_cannot_be_given_is_refused(site, text):
    answer = site.ask("surveillance", "GET", "/v1/cameras/cam-1/segments/0", headers={"range": text})
    assert answer.status_code == 416


def test_a_duplicate_is_acknowledged_and_a_gap_is_told(site):
    camera = site.remote("cam-2")
    again = camera.send(site.ask("surveillance", "GET", "/v1/cameras/cam-2/segments/1").content)
    assert (again.order, again.missing) == ("duplicate", [])
    assert camera.send(segment(site.key, 5, "cam-2")).missing == [(3, 4)]
    assert camera.send(segment(site.key, 4, "cam-2")).order == "late"
    assert camera.send(segment(site.key, 3, "cam-2")).missing == []
    camera.close()


# --- who may do what -------------------------------------------------------------------------------------------

WRITE, ALL_READ = {"cam-1"}, {"cam-1", "surveillance"}
RULES = [
    ("GET", "/metrics", {"surveillance"}),
    ("GET", "/v1/cameras", {"surveillance"}),
    ("POST", "/v1/cameras", set()),
    ("GET", "/v1/cameras/cam-1", ALL_READ),
    ("GET", "/v1/cameras/cam-1/segments", ALL_READ),
    ("GET", "/v1/cameras/cam-1/backgrounds/1", ALL_READ),
    ("PUT", "/v1/cameras/cam-1/backgrounds/1", WRITE),
    ("PUT", "/v1/cameras/cam-1/segments/0", WRITE),
    ("GET", "/v1/cameras/cam-1/segments/0", {"surveillance"}),
    ("GET", "/v1/cameras/cam-1/segments/0/composition", {"surveillance"}),
    ("GET", "/v1/cameras/cam-1/segments/0/objects/7?frame=0", {"surveillance"}),
    ("GET", "/v1/cameras/cam-1/segments/0/patches", {"surveillance"}),
    ("GET", "/v1/cameras/cam-1/compositions?first=0&last=1", {"surveillance"}),
    ("GET", "/v1/cameras/cam-1/frames/0", {"surveillance"}),
]


@pytest.mark.parametrize(
    "method,path,allowed", RULES, ids=lambda value: str(value) if isinstance(value, str) else ""
)
def test_each_role_does_its_own_and_nothing_else(site, method, path, allowed):
    for who in ROLES:
        status = site.ask(who, method, path, content=b"x").status_code
        expected = {401} if who == "nobody" else {200, 404, 422} if who in allowed else {403}
        assert status in expected, who
    assert site.http.request(method, path, content=b"x").status_code == 401, "no token at all"


def test_the_rules_cover_every_route(site):
    described = site.http.get("/openapi.json").json()["paths"]
    ours = {(method, re.sub(r"\?.*", "", path)) for method, path, _ in RULES}
    filled = {"camera": "cam-1", "sequence": "0", "version": "1", "track_id": "7", "number": "0"}
    routes = {
        (method.upper(), path.format(**filled)) for path, calls in described.items() for method in calls
    }
    assert routes - ours == {("GET", "/health")}


def test_a_stolen_token_writes_nothing_of_another_camera(site):
    foreign = segment(site.key, 9, "cam-1")
    assert site.ask("cam-2", "PUT", "/v1/cameras/cam-1/segments/9", content=foreign).status_code == 403
    answer = site.ask("cam-2", "PUT", "/v1/cameras/cam-2/segments/9", content=foreign)
    assert (answer.status_code, "the message segment 9 of cam-1" in answer.json()["error"]) == (422, True)
    moved = segment(site.key, 9, "cam-2")
    assert site.ask("cam-2", "PUT", "/v1/cameras/cam-2/segments/8", content=moved).status_code == 422
    assert site.expected("cam-1") == 3


def test_an_enrolment_token_registers_one_camera_once(site):
    token = read_token(site.home / "camera" / "enrol.token")
    remote = RemoteCloud(site.url, token, site.certificate)
    with pytest.raises(Refused, match="there is a camera 'cam-1' already"):
        remote.enrol("cam-1")
    own = remote.enrol("cam-9")
    with pytest.raises(StoreError, match="does not know"):
        remote.enrol("cam-8")
    camera = RemoteCloud(site.url, own, site.certificate)
    camera.put(background(site.key, "cam-9"))
    for client in (remote, camera):
        client.close()


def test_tokens_are_nowhere_at_rest(site):
    files = [path.read_bytes() for path in site.folder.rglob("*") if path.is_file()]
    for name in ROLES[:3]:
        secret = site.tokens[name][-43:].encode()
        assert not any(secret in content for content in files)
    assert (site.folder / "parties.json").is_file()


def test_a_revoked_token_is_refused_at_once(site):
    parties = site.folder / "parties.json"
    token = Parties(parties).issue("cam-7", "camera")
    site.tokens["cam-7"] = token
    assert site.ask("cam-7", "GET", "/v1/cameras/cam-7").status_code == 200
    kept = [party for party in json.loads(parties.read_text()) if party["name"] != "cam-7"]
    parties.write_text(json.dumps(kept))
    assert site.ask("cam-7", "GET", "/v1/cameras/cam-7").status_code == 401


def test_parties_that_are_added_from_several_sides_all_stay(tmp_path):
    """`gctr cloud invite` beside a cloud that registers cameras; each has its own view of the file."""
    path = tmp_path / "parties.json"

    def add(side):
        return [Parties(path).issue(f"cam-{side}-{k}", "camera") for k in range(8)]

    with ThreadPoolExecutor(4) as pool:
        tokens = [token for some in pool.map(add, range(4)) for token in some]
    assert len({Parties(path).recognise(token).name for token in tokens}) == 32


# --- attacks ---------------------------------------------------------------------------------------------------


def test_damaged_traffic_is_refused_and_changes_nothing(site):
    """What somebody on the way could do if TLS were off: 60 messages cut, flipped, spliced or repeated inside."""
    rng, whole = np.random.default_rng(3), segment(site.key, 3, "cam-1")
    other = segment(site.key, 4, "cam-1")
    for k in range(60):
        data, at = bytearray(whole), int(rng.integers(1, len(whole)))
        damaged = [data[:at], data, data[:at] + other[at:], data[:at] + data[at // 2 :]][k % 4]
        if damaged is data:
            data[at] ^= 1 << int(rng.integers(8))
        answer = site.ask("cam-1", "PUT", "/v1/cameras/cam-1/segments/3", content=bytes(damaged))
        assert answer.status_code == 422, (k, answer.text)
        assert set(answer.json()) == {"error"}
    assert site.expected("cam-1") == 3


@pytest.mark.parametrize(
    "path",
    [
        "/v1/cameras/..%2f..%2fcloud/segments/0",
        "/v1/cameras/%2e%2e/segments",
        "/v1/cameras/cam-1/segments/..%2f..%2fstore.key",
        "/v1/cameras/cam-1/segments/0%00",
        "/v1/cameras/cam-1/backgrounds/..%5c..%5cstore.key",
        "/v1/cameras/CAM-1/segments/0",
        "/v1/cameras/cam-1/segments/-1",
        "/v1/cameras/cam-1/segments/99999999999999999999999",
        "/v1/cameras/cam-1/segments/%D9%A3",
        "/../../store.key",
        "//etc/passwd",
    ],
)
def test_no_path_leads_out_of_the_store(site, path):
    raw = f"GET {path} HTTP/1.1\r\n{as_surveillance(site)}\r\n"
    answer = spoken(site, raw.encode())
    assert answer.split(b" ")[1] == b"404", answer[:80]
    assert b"gctr store key" not in answer


def as_surveillance(site):
    return f"host: x\r\nauthorization: Bearer {site.tokens['surveillance']}\r\nconnection: close\r\n"


def spoken(site, raw):
    """Say raw bytes inside TLS; return the answer, empty if the cloud hung up."""
    port = int(site.url.rsplit(":", 1)[1])
    answer = b""
    context = trust(site.certificate)
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secure,
        contextlib.suppress(ConnectionError, ssl.SSLError),
    ):
        secure.sendall(raw)
        while part := secure.recv(65536):
            answer += part
    return answer


CLOSE = b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
HEADS = {
    "header": b"GET /health" + CLOSE + b"big: " + b"a" * 70_000 + b"\r\n\r\n",
    "address": b"GET /" + b"a" * 70_000 + CLOSE + b"\r\n",
    "many": b"GET /health" + CLOSE + b"".join(b"h%d: 1\r\n" % k for k in range(9000)) + b"\r\n",
    "noise": b"\x16\x03\x01" * 1000,
    "two lengths": b"PUT /" + CLOSE + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_an_oversized_or_twisted_head_is_refused(site, head):
    answer = spoken(site, head)
    assert answer == b"" or answer.split(b" ")[1][:1] == b"4", answer[:80]
    assert site.healthy()


def test_a_body_is_refused_by_its_announcement(site):
    put = ("cam-1", "PUT", "/v1/cameras/cam-1/segments/3")
    assert site.ask(*put, content=iter([b"x"])).status_code == 411
    for length in (str(MAX_MESSAGE + 1), "9" * 30):
        head = f"{put[1]} {put[2]} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {site.tokens['cam-1']}\r\n"
        answer = spoken(site, f"{head}connection: close\r\ncontent-length: {length}\r\n\r\n".encode())
        assert answer.split(b" ")[1] in (b"413", b"400"), answer[:80]
    bomb = gzip.compress(bytes(50_000_000))
    assert site.ask(*put, content=bomb, headers={"content-encoding": "gzip"}).status_code == 415
    assert site.healthy()


def test_a_picture_that_decodes_larger_than_announced_is_refused(site):
    """A key packet of 2048x2048 px behind a header of 64x48: it must not become a background."""
    bomb = seal(site.key, header("background", "cam-1", version=2), encode_plate(plate((2048, 2048))))
    answer = site.ask("cam-1", "PUT", "/v1/cameras/cam-1/backgrounds/2", content=bomb)
    assert (answer.status_code, "is no picture" in answer.json()["error"]) == (422, True)


@pytest.mark.parametrize(
    "stamp", [("x", "1"), ("2", "1"), ("nan", "nan"), ("-1", "1"), ("1", "1e300"), ("1",)]
)
def test_a_clock_that_makes_no_sense_is_refused(site, stamp):
    headers = dict(zip(("gctr-captured", "gctr-sent"), stamp, strict=False))
    answer = site.ask("cam-1", "PUT", "/v1/cameras/cam-1/segments/3", content=b"x", headers=headers)
    assert answer.status_code == 400


@pytest.mark.parametrize(
    "query", ["first=-1", "limit=0", "limit=1001", "since=nan", "first=1&first=2", "what=1", "first=x"]
)
def test_a_query_outside_its_limits_is_refused(site, query):
    assert site.ask("surveillance", "GET", f"/v1/cameras/cam-1/segments?{query}").status_code == 422


def test_metrics_count_and_tell_no_secret(site):
    text = site.ask("surveillance", "GET", "/metrics").text
    assert re.search(r'gctr_arrivals_total\{order="next"\} [1-9]', text)
    assert re.search(r'gctr_ingest_stage_seconds_total\{stage="open"\} 0\.\d+', text)
    assert 'gctr_camera_segments{camera="cam-1"} 3.0' in text
    assert not any(token in text for token in site.tokens.values())
    assert site.key.secret.hex() not in text


def test_a_client_trusts_this_cloud_alone(site, tmp_path):
    other, _ = write_certificate(tmp_path)
    stranger = RemoteCloud(site.url, site.tokens["surveillance"], other, patience=0.0)
    with pytest.raises(CloudAway, match=r"certificate|CERTIFICATE"):
        stranger.cameras()
    stranger.close()
    context = trust(site.certificate)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    assert httpx.get(site.url + "/health", verify=context).status_code == 200


def test_an_address_or_certificate_that_is_none_is_named(tmp_path):
    with pytest.raises(StoreError, match="https://cloud:door is no address of a cloud"):
        RemoteCloud("https://cloud:door", "token")
    (tmp_path / "cert.pem").write_bytes(b"no certificate")
    for path in (tmp_path / "cert.pem", tmp_path / "none.pem"):
        with pytest.raises(StoreError, match=f"{path} gives no certificate"):
            RemoteCloud("https://cloud", "token", path)


def test_without_tls_the_cloud_stays_on_loopback(site):
    with pytest.raises(StoreError, match="loopback only"):
        serve(site.folder, host="0.0.0.0", tls=False)


def test_answers_do_not_wait_for_acknowledgements():
    """With Nagle's algorithm on, an answer in two writes waits 40 ms for the client's delayed acknowledgement."""
    listener = _listen("127.0.0.1", 0)
    assert listener.proto == socket.IPPROTO_TCP, "asyncio sets TCP_NODELAY only then"
    listener.close()


def test_a_port_that_is_taken_is_named(site):
    with pytest.raises(StoreError, match="cannot listen on"):
        serve(site.folder, port=int(site.url.rsplit(":", 1)[1]))


def test_a_cloud_that_is_away_is_named_after_patience(site):
    remote = RemoteCloud("https://127.0.0.1:9", "token", site.certificate, patience=0.2)
    with pytest.raises(CloudAway, match="was not reached"):
        remote.cameras()
    remote.close()


def test_an_init_overwrites_nothing(site):
    with pytest.raises(StoreError, match="exists already"):
        init(site.home)
    modes = {path.name: path.stat().st_mode & 0o777 for path in Path(site.folder).iterdir()}
    assert (modes["store.key"], modes["key.pem"]) == (0o600, 0o600)
    assert not list(site.home.rglob("unmask*")), "the cloud's command makes no unmask key"


def test_an_answer_that_lies_is_refused():
    framed = [b"\x00\x00\x00\x02ab\x00", b"\x00\x00\x01c"]
    assert list(unframe(iter(framed))) == [b"ab", b"c"]
    for stream in ([b"\x00\x00\x00\x05ab"], [b"\xff\xff\xff\xff"], [b"\x00\x00"]):
        with pytest.raises(MessageError):
            list(unframe(iter(stream)))
