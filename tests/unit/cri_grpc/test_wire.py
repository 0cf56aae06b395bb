"""The wire of the CRI against what protoc's own classes and real programs wrote.

``wire.json``: every message with every field set, made by ``tools/make_cri_wire.py`` with protoc's classes; ``recorded.json``: what containerd 1.6.20 answered
and crictl asked (``json`` is protobuf's own reading). upstream: staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, 1.28.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from kubelab.cri.grpc import messages
from kubelab.cri.grpc.table import api

DATA = Path(__file__).parent.parent.parent / "data" / "cri"
WIRE = json.loads((DATA / "wire.json").read_text(encoding="utf-8"))
RECORDED = json.loads((DATA / "recorded.json").read_text(encoding="utf-8"))
SMALL = ("bool", "string", "int32", "uint32")


def in_json(message: str, content: dict[str, Any]) -> dict[str, Any]:
    """A dict of ours in protobuf's JSON: 64-bit numbers are texts, bytes base64."""
    fields = {field.name: field for field in api().messages[message]}

    def one(kind: str, value: Any) -> Any:
        if kind in api().messages:
            return in_json(kind, value)
        if kind == "bytes":
            return base64.b64encode(value).decode()
        return value if kind in SMALL or kind in api().enums else str(value)

    found = {}
    for name, value in content.items():
        field = fields[name]
        if field.map:
            found[name] = {key: one(field.kind, part) for key, part in value.items()}
        else:
            found[name] = [one(field.kind, part) for part in value] if field.repeated else one(field.kind, value)
    return found


def no_zeros(found: Any) -> Any:
    """Without ``{"value": "0"}`` against ``{}``: protobuf's JSON leaves the zero of a wrapper out."""
    if isinstance(found, dict):
        return {} if found == {"value": "0"} else {key: no_zeros(part) for key, part in found.items()}
    return [no_zeros(part) for part in found] if isinstance(found, list) else found


def test_there_is_a_row_for_every_message():
    assert [row["message"] for row in WIRE] == sorted(api().messages)


@pytest.mark.parametrize("row", [*WIRE, *RECORDED], ids=lambda row: f"{row.get('from', 'protoc')} {row['message']}")
def test_bytes_are_read_as_protobuf_reads_them(row):
    wire = bytes.fromhex(row["wire"])
    assert no_zeros(in_json(row["message"], messages.decode_given(row["message"], wire))) == no_zeros(row["json"])


@pytest.mark.parametrize("row", WIRE, ids=lambda row: row["message"])
def test_bytes_are_written_as_protoc_writes_them(row):
    wire = bytes.fromhex(row["wire"])
    content = messages.decode(row["message"], wire)
    ours = messages.message_class(row["message"])(**content).SerializeToString(deterministic=True)
    assert ours == wire
    assert messages.decode(row["message"], messages.encode(row["message"], content)) == content


def test_a_message_from_the_wire_has_all_but_the_messages_that_were_not_sent():
    wire = messages.encode("ContainerStats", {"attributes": {"id": "1"}, "cpu": {"timestamp": 5, "usageNanoCores": {"value": 0}}})
    assert messages.decode("ContainerStats", wire) == {
        "attributes": {"id": "1", "labels": {}, "annotations": {}},
        "cpu": {"timestamp": 5, "usageNanoCores": {"value": 0}},
    }
    assert messages.decode_given("ContainerStats", wire) == {
        "attributes": {"id": "1"},
        "cpu": {"timestamp": 5, "usageNanoCores": {"value": 0}},
    }


@pytest.mark.parametrize(("wire", "found"), [
    (b"", "CONTAINER_CREATED"),
    (b"\x08\x02", "CONTAINER_EXITED"),
    (b"\x08\x2a", 42),  # of a newer runtime
], ids=["zero", "known", "unknown"])  # fmt: skip
def test_enums_are_names_and_unknown_ones_their_numbers(wire, found):
    assert messages.decode("ContainerStateValue", wire) == {"state": found}


def test_fields_of_newer_programs_are_passed_over():
    wire = messages.encode("VersionResponse", {"version": "0.1.0"}) + bytes([0xF8, 0x07, 0x01, 0xA2, 0x06, 0x03]) + b"new"
    assert messages.decode("VersionResponse", wire)["version"] == "0.1.0"


@pytest.mark.parametrize(
    "wire", [b"\x0a", b"\x0a\x05ab", b"\xff\xff\xff", b"\x0a\x01\xff", b"\x07"], ids=["cut", "short", "tag", "no text", "group"]
)
def test_bytes_that_are_no_message(wire):
    with pytest.raises(messages.DecodeError):
        messages.decode("VersionResponse", wire)


@pytest.mark.parametrize(("content", "words"), [
    ({"stat": {}}, 'ContainerFilter: Protocol message ContainerFilter has no "stat" field.'),
    ({"state": {"state": "GONE"}}, 'ContainerFilter: unknown enum label "GONE"'),
    ({"id": 5}, "ContainerFilter: bad argument type for built-in operation"),
    ({"labelSelector": {"a": 1}}, "ContainerFilter: bad argument type for built-in operation"),
])  # fmt: skip
def test_a_dict_that_is_no_such_message(content, words):
    with pytest.raises(messages.NotSuch) as caught:
        messages.encode("ContainerFilter", content)
    assert str(caught.value) == words


@pytest.mark.parametrize(("value", "fits"), [(2**64 - 1, True), (2**64, False), (-1, False), (0, True)])
def test_numbers_that_do_not_fit(value, fits):
    if fits:
        assert messages.decode("UInt64Value", messages.encode("UInt64Value", {"value": value})) == {"value": value}
    else:
        with pytest.raises(messages.NotSuch):
            messages.encode("UInt64Value", {"value": value})


def test_paths_and_streams_are_those_of_the_proto():
    methods = api().methods
    assert (methods["Version"].path, methods["ImageFsInfo"].path) == (
        "/runtime.v1.RuntimeService/Version",
        "/runtime.v1.ImageService/ImageFsInfo",
    )
    assert [name for name, method in methods.items() if method.streams] == ["GetContainerEvents"]
    assert len(methods) == 34
