"""The CRI's messages, enums and services, as read from upstream's proto.

upstream: staging/src/k8s.io/cri-api/pkg/apis/runtime/v1/api.proto, 1.28; ``tools/make_cri_api.py`` writes the table.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import NamedTuple


class Field(NamedTuple):
    """A field: ``name`` is the proto's JSON name, ``kind`` a scalar's, an enum's or a message's name; a map's is its value's, keys are texts."""

    name: str
    number: int
    kind: str
    repeated: bool
    map: bool


class Method(NamedTuple):
    """An RPC: its path on the wire, the names of its messages, and whether its answer is a stream."""

    path: str
    request: str
    answer: str
    streams: bool


class Api(NamedTuple):
    """The whole: ``methods`` by the RPC's name."""

    package: str
    messages: dict[str, tuple[Field, ...]]
    enums: dict[str, dict[str, int]]
    methods: dict[str, Method]


@cache
def api() -> Api:
    """The table, read once."""
    raw = json.loads((files("kubelab.cri") / "data" / "cri-api.json").read_text(encoding="utf-8"))
    messages = {name: tuple(_field(int(number), text) for number, text in fields.items()) for name, fields in raw["messages"].items()}
    methods = {}
    for service, rpcs in raw["services"].items():
        for name, (request, answer) in rpcs.items():
            path = f"/{raw['package']}.{service}/{name}"
            methods[name] = Method(path, request, answer.removeprefix("stream "), answer.startswith("stream "))
    return Api(raw["package"], messages, raw["enums"], methods)


def _field(number: int, text: str) -> Field:
    kind, _, name = text.rpartition(" ")
    repeated, is_map = kind.startswith("repeated "), kind.startswith("map<")
    if is_map:
        key, _, kind = kind.removeprefix("map<").removesuffix(">").partition(", ")
        assert key == "string", f"{text}: keys of the CRI's maps are texts"
    return Field(json_name(name), number, kind.removeprefix("repeated "), repeated, is_map)


def json_name(name: str) -> str:
    """``rx_bytes`` → ``rxBytes``, as protoc does it: an underscore goes, and what follows is a capital."""
    head, *rest = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in rest)
