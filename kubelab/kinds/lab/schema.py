"""The shapes of the lab's own kinds, in the form of data/schema-1.28.json (see kubelab/kinds/schema.py for the short keys)."""

from __future__ import annotations

from typing import Any

GROUP = "lab.kubelab.dev"
VERSION = "v1"

Row = dict[str, Any]

_TEXT: Row = {"t": "string"}
_TEXTS: Row = {"t": "list", "i": {"t": "string"}}
_TEXT_MAP: Row = {"t": "map", "i": {"t": "string"}}
_ANY: Row = {"t": "any"}
_AMOUNT: Row = {"t": "quantity", "p": 1}
_SELECTOR: Row = {"t": "struct", "r": "meta.v1.LabelSelector", "p": 1, "a": "atomic"}


def _struct(name: str, *, pointer: bool = False) -> Row:
    return {"t": "struct", "r": name, "p": 1} if pointer else {"t": "struct", "r": name}


def _top(kind: str, *, status: bool) -> dict[str, Row]:
    fields = {
        "apiVersion": _TEXT,
        "kind": _TEXT,
        "metadata": _struct("meta.v1.ObjectMeta"),
        "spec": _struct(f"lab.v1.{kind}Spec"),
    }
    return {**fields, "status": _struct(f"lab.v1.{kind}Status")} if status else fields


_CURVE = _struct("lab.v1.Curve", pointer=True)

SCHEMA: dict[str, dict[str, Any]] = {
    "kinds": {f"{GROUP}/{VERSION}/{kind}": f"lab.v1.{kind}" for kind in ("Clock", "Fault", "Usage")},
    "structs": {
        "lab.v1.Clock": _top("Clock", status=True),
        "lab.v1.ClockSpec": {"pace": _ANY, "advance": _ANY},
        "lab.v1.ClockStatus": {"now": _TEXT},
        "lab.v1.Fault": _top("Fault", status=True),
        "lab.v1.FaultSpec": {
            "type": _TEXT,
            "nodes": _TEXTS,
            "images": _TEXTS,
            "components": _TEXTS,
            "resources": _TEXTS,
            "selector": _SELECTOR,
            "start": _ANY,
            "duration": _ANY,
            "parameters": _TEXT_MAP,
        },
        "lab.v1.FaultStatus": {"phase": _TEXT, "startTime": _TEXT, "endTime": _TEXT},
        "lab.v1.Usage": _top("Usage", status=False),
        "lab.v1.UsageSpec": {
            "selector": _SELECTOR,
            "container": _TEXT,
            "cpu": _CURVE,
            "memory": _CURVE,
            "disk": _CURVE,
            "network": _CURVE,
        },
        "lab.v1.Curve": {
            "constant": _AMOUNT,
            "ramp": _struct("lab.v1.Ramp", pointer=True),
            "sine": _struct("lab.v1.Sine", pointer=True),
            "spikes": _struct("lab.v1.Spikes", pointer=True),
            "trace": {"t": "list", "i": _ANY, "a": "atomic", "l": "atomic"},
        },
        "lab.v1.Ramp": {"from": _AMOUNT, "to": _AMOUNT, "over": _ANY},
        "lab.v1.Sine": {"mean": _AMOUNT, "amplitude": _AMOUNT, "period": _ANY},
        "lab.v1.Spikes": {"base": _AMOUNT, "peak": _AMOUNT, "every": _ANY, "length": _ANY},
    },
}
