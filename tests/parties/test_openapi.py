"""Thousands of requests made from the interface's own description: no answer outside it, no failure inside."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import checks

from gctr.parties.cloud import Cloud
from gctr.parties.keyfile import new_key
from gctr.parties.limits import Limits
from gctr.parties.messages import MESSAGE_TYPE, STREAM_TYPE
from gctr.parties.openapi import describe
from gctr.parties.server import make_app
from gctr.parties.tokens import Parties

from .served import background, segment

KEY = new_key("store")
schemathesis.serializer.alias(MESSAGE_TYPE, "application/octet-stream")
WANTED = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
]


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cloud")
    cloud = Cloud(folder, KEY)
    for message in [background(KEY), *(segment(KEY, k) for k in range(3))]:
        cloud.put(message)
    parties = Parties(folder / "parties.json")
    app = make_app(cloud, parties, Limits(requests=1e9))
    app.state.tokens = {role: parties.issue(role, role) for role in ("camera", "surveillance", "enrol")}
    yield app
    cloud.close()


OPERATIONS = [(method, path) for path, calls in describe()["paths"].items() for method in calls]


@pytest.mark.parametrize("method,path", OPERATIONS)
def test_every_answer_is_described(app, method, path):
    operation = schemathesis.openapi.from_asgi("/openapi.json", app)[path][method]

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(case=operation.as_strategy(), role=st.sampled_from(["camera", "surveillance"]))
    def ask(case, role):
        if "camera" in case.path_parameters and role == "camera":
            case.path_parameters["camera"] = "camera"  # its own name: beyond the door
        headers = {"authorization": f"Bearer {app.state.tokens[role]}"}
        case.call_and_validate(headers=headers, checks=WANTED)

    ask()


def test_the_description_names_the_kinds_of_bodies_that_are_sent():
    kinds = {
        kind
        for calls in describe()["paths"].values()
        for call in calls.values()
        for answer in call["responses"].values()
        for kind in answer["content"]
    }
    assert {MESSAGE_TYPE, STREAM_TYPE} <= kinds
