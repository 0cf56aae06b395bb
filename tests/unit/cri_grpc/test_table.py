"""The table of the CRI's proto, and the tool that reads it."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from kubelab.cri.grpc.answering import ANSWERS
from kubelab.cri.grpc.table import api, json_name

TOOL = Path(__file__).parent.parent.parent.parent / "tools" / "make_cri_api.py"


@pytest.fixture
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_cri_api", TOOL)
    module = importlib.util.module_from_spec(spec)  # type: ignore[arg-type]
    spec.loader.exec_module(module)  # type: ignore[union-attr]
    return module


PROTO = """
syntax = "proto3"; // with "words" in it
package a.v1;
import "x.proto";
option (y) = true;
/* message Not {} */
service S { rpc One(Ask) returns (stream Answer) {}  rpc Two (Ask) returns (Answer) {} }
message Ask {
    enum Kind { NONE = 0; SOME = 1; }
    Kind kind = 3;
    // string gone = 4;
    map<string, Answer> parts = 1;
    string old_name = 7 [deprecated=true];
}
message Answer{ repeated uint64 counts = 2; }
"""


def test_a_proto_is_read(tool):
    assert tool.read(PROTO) == {
        "package": "a.v1",
        "services": {"S": {"One": ["Ask", "stream Answer"], "Two": ["Ask", "Answer"]}},
        "enums": {"Ask.Kind": {"NONE": 0, "SOME": 1}},
        "messages": {
            "Ask": {"3": "Ask.Kind kind", "1": "map<string, Answer> parts", "7": "string old_name"},
            "Answer": {"2": "repeated uint64 counts"},
        },
    }


@pytest.mark.parametrize(("old", "new", "words"), [
    ("repeated uint64 counts", "Lost counts", "types that are named and not there: Lost"),
    ("repeated uint64 counts = 2;", "oneof x { string a = 1; }", "message Answer: the table has no place for 'oneof'"),
    ("service S", "servant S", "'servant' is not known at the top of the file"),
    ("counts = 2; }", "counts = 2;", "the file ends within message Answer"),
])  # fmt: skip
def test_what_the_table_cannot_say_is_refused(tool, old, new, words):
    with pytest.raises(SystemExit) as caught:
        tool.read(PROTO.replace(old, new))
    assert str(caught.value) == words


@pytest.mark.parametrize(("name", "found"), [
    ("rx_bytes", "rxBytes"), ("uidMappings", "uidMappings"), ("CDI_devices", "CDIDevices"), ("usage_core_nano_seconds", "usageCoreNanoSeconds"), ("id", "id"),
])  # fmt: skip
def test_json_names_are_protocs(name, found):
    assert json_name(name) == found


def test_every_call_has_its_answer():
    assert sorted(ANSWERS) == sorted(name for name, method in api().methods.items() if not method.streams)
