"""Whatever arrives at a served runtime is answered or refused in the CRI's own words, and the world stays whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import kubelab as kl
from kubelab.cri.grpc import messages
from kubelab.cri.grpc.table import Field, api
from tests.invariants import complaints

ROWS = {
    row["message"]: bytes.fromhex(row["wire"])
    for row in json.loads((Path(__file__).parent.parent / "data" / "cri" / "wire.json").read_text())
}
CALLS = {name: method for name, method in api().methods.items() if not method.streams}
SOME = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXTS = st.sampled_from(["", "x", "web", "nginx:1.25", "busybox:1.36", "Ä/☸", "0" * 64, "@", ":", "a@sha256:" + "1" * 64])
IDS = st.sampled_from(["<0>", "<1>", "<2>"])
NUMBERS = {
    "int32": st.sampled_from([0, 1, -1, 2**31 - 1, -(2**31)]),
    "int64": st.sampled_from([0, 1, -1, 1000, 2**63 - 1, -(2**63)]),
    "uint32": st.sampled_from([0, 1, 2**32 - 1]),
    "uint64": st.sampled_from([0, 1, 2**64 - 1]),
}


@pytest.fixture
def served() -> Iterator[tuple[kl.Cluster, Any]]:
    cluster = kl.Cluster(1, seed=9)
    containers = [{"name": "c", "image": "nginx:1.25"}, {"name": "s", "image": "busybox:1.36", "command": ["sh", "-c", "sleep 1d"]}]
    cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": containers}})
    cluster.run("30s")
    with cluster.cri("node-1").serve() as server, grpc.insecure_channel(server.address.replace("unix://", "unix:")) as channel:
        yield cluster, channel


def ask(channel: Any, name: str, wire: bytes) -> tuple[str, str]:
    """The code and words of a refusal; what is answered can be read."""
    method = CALLS[name]
    try:
        messages.decode(method.answer, channel.unary_unary(method.path)(wire, timeout=30))
    except grpc.RpcError as error:
        return error.code().name, error.details()
    return "OK", ""


def contents(message: str) -> Any:
    """Dicts of a message: any of its fields, none of them sensible; ids are numbers of sandboxes and containers in brackets."""

    def one(field: Field) -> Any:
        if field.kind in api().messages:
            return contents(field.kind)
        if field.kind in api().enums:
            return st.sampled_from(sorted(api().enums[field.kind]))
        if field.kind in NUMBERS:
            return NUMBERS[field.kind]
        if field.kind == "bool":
            return st.booleans()
        return (TEXTS | IDS) if field.name.lower().endswith("id") else TEXTS

    def part(field: Field) -> Any:
        if field.map:
            return st.dictionaries(TEXTS, one(field), max_size=2)
        return st.lists(one(field), max_size=2) if field.repeated else one(field)

    fields = api().messages[message]
    return st.fixed_dictionaries({}, optional={field.name: part(field) for field in fields})


@pytest.mark.parametrize("name", sorted(CALLS))
def test_a_request_with_everything_in_it(served, name):
    cluster, channel = served
    code, words = ask(channel, name, ROWS[CALLS[name].request])
    assert "Exception calling application" not in words, words
    assert code in ("OK", "NOT_FOUND", "INVALID_ARGUMENT", "UNKNOWN", "UNIMPLEMENTED")
    assert complaints(cluster.run("10s")) == []


def named(content: Any, ids: list[str]) -> Any:
    """A dict with real ids."""
    if isinstance(content, dict):
        return {key: named(part, ids) for key, part in content.items()}
    if isinstance(content, list):
        return [named(part, ids) for part in content]
    return ids[int(content[1:-1])] if isinstance(content, str) and content in ("<0>", "<1>", "<2>") else content


@SOME
@given(data=st.data())
def test_any_request(served, data):
    cluster = served[0].fork()
    door = cluster.cri("node-1")
    ids = [each["id"] for each in (*door.list_containers(), *door.list_pod_sandbox())]
    with door.serve() as server, grpc.insecure_channel(server.address.replace("unix://", "unix:")) as channel:
        for name in data.draw(st.lists(st.sampled_from(sorted(CALLS)), min_size=1, max_size=3)):
            content = named(data.draw(contents(CALLS[name].request)), ids)
            _, words = ask(channel, name, messages.encode(CALLS[name].request, content))
            assert "Exception calling application" not in words, (words, name, content)
        cluster.run("10s")
        assert complaints(cluster) == []


@SOME
@given(name=st.sampled_from(sorted(CALLS)), wire=st.binary(max_size=40))
def test_any_bytes(served, name, wire):
    _, channel = served
    _, words = ask(channel, name, wire)
    assert "Exception calling application" not in words, words
