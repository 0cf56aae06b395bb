"""events.k8s.io/v1 Event: the same stored object as the core Event, under other field names; so this module has no kind of its own.

upstream: pkg/apis/events/v1/conversion.go, staging/src/k8s.io/api/events/v1/types.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.kind import Conversion, Object

GROUP, VERSION = "events.k8s.io", "v1"
API_VERSION = f"{GROUP}/{VERSION}"
CORE_NAMES = {
    "regarding": "involvedObject",
    "note": "message",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
    "reportingController": "reportingComponent",
}
_EVENTS_NAMES = {core: name for name, core in CORE_NAMES.items()}
SELECTABLE = {
    "reason": "reason",
    "type": "type",
    "reportingController": "reportingComponent",
    **{
        f"regarding.{part}": f"involvedObject.{part}"
        for part in ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
    },
}
"""Field selectors of events.k8s.io, and the core Event's field that each means."""


def to_core(event: Object) -> Object:
    """An events.k8s.io/v1 Event as the core/v1 Event that is stored."""
    core = {CORE_NAMES.get(key, key): value for key, value in event.items()}
    return {**core, "apiVersion": "v1", "kind": "Event"}


def from_core(event: Object) -> Object:
    """A core/v1 Event as events.k8s.io/v1 shows it."""
    shown = {_EVENTS_NAMES.get(key, key): value for key, value in event.items()}
    return {**shown, "apiVersion": API_VERSION, "kind": "Event"}


CONVERSION = Conversion(to_core, from_core)
