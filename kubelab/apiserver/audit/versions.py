"""Events in the older versions of the audit group: v1beta1 and v1alpha1, whose times are also there in whole seconds.

upstream: staging/src/k8s.io/apiserver/pkg/apis/audit/{v1beta1,v1alpha1}/{types,conversion}.go, 1.20; spec/audit.md A2. Upstream's own order of fields.
"""

from __future__ import annotations

from kubelab.apiserver.audit.policy import GROUP, VERSIONS
from kubelab.store.log import Object

NAMES = tuple(f"{GROUP}/{version}" for version in VERSIONS)


def converted(event: Object, version: str) -> Object:
    """A v1 event as another version has it (``audit.k8s.io/v1beta1``, or ``v1beta1`` alone); raises ValueError for one that there is not."""
    wanted = version if "/" in version else f"{GROUP}/{version}"
    if wanted == NAMES[0]:
        return event
    if wanted not in NAMES:
        raise ValueError(f"{version!r} is no version of the audit group: use {', '.join(NAMES)}")
    head = {
        "kind": event["kind"],
        "apiVersion": wanted,
        "metadata": {"creationTimestamp": _seconds(event["stageTimestamp"])},
        "level": event["level"],
        "timestamp": _seconds(event["requestReceivedTimestamp"]),
    }
    made = {**head, **{name: part for name, part in event.items() if name not in head}}
    if wanted == NAMES[2] and "objectRef" in event:
        made["objectRef"] = _joined(event["objectRef"])
    return made


def _seconds(moment: str) -> str:
    """``2026-01-01T00:00:00.123456Z`` without its fraction."""
    return moment.partition(".")[0].removesuffix("Z") + "Z"


def _joined(reference: Object) -> Object:
    """v1alpha1 has the group within apiVersion."""
    group = reference.get("apiGroup", "")
    found = {name: part for name, part in reference.items() if name != "apiGroup"}
    if group:
        found["apiVersion"] = f"{group}/{reference.get('apiVersion', '')}"
    return found
