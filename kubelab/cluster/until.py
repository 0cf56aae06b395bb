"""Conditions to run until: ``REF ready``, ``REF gone``, ``REF condition=NAME[=VALUE]``, ``REF .path=value``.

upstream: kubectl/pkg/polymorphichelpers/rollout_status.go, kubectl/pkg/cmd/wait, 1.28.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches
from textwrap import shorten
from typing import Any

from kubelab.cluster import references
from kubelab.cluster.references import Reference
from kubelab.kinds.kind import Object
from kubelab.store.state import State

Met = Callable[[State], bool]


def parse(text: str, namespace: str) -> Met:
    """A predicate of the newest state; ValueError says what would work."""
    ref_text, _, what = text.strip().partition(" ")
    what = what.strip()
    if not what:
        raise ValueError(f"cannot wait for {text!r}: write 'REF ready', 'REF gone', 'REF condition=NAME' or 'REF .path=value'")
    reference = references.parse(ref_text, namespace=namespace)
    if what == "gone":
        return lambda state: _get(state, reference) is None
    if what == "ready":
        return lambda state: is_ready(_get(state, reference))
    name, value = _wanted_condition(what)
    if name:
        return lambda state: _condition(_get(state, reference), name).lower() == value.lower()
    path, value = _wanted_path(what)
    if path:
        steps = _steps(path, text)
        return lambda state: _text(_follow(_get(state, reference), steps)) == value
    close = get_close_matches(what.lower(), ("ready", "gone", "condition="), n=1, cutoff=0.7)
    hint = f"did you mean '{ref_text} {close[0]}'? Write" if close and not what.startswith(close[0]) else "write"
    raise ValueError(f"cannot wait for {what!r}: {hint} 'ready', 'gone', 'condition=NAME[=VALUE]' or '.path=value'")


def _wanted_condition(what: str) -> tuple[str, str]:
    """Name and value of ``condition=NAME[=VALUE]``; empty if it is none."""
    if not what.startswith("condition="):
        return "", ""
    name, _, value = what.removeprefix("condition=").partition("=")
    return name, value or "True"


def _wanted_path(what: str) -> tuple[str, str]:
    """Path and value of ``.path=value``, which may also be written ``{.path}=value`` or ``jsonpath={.path}=value``; empty if it is none."""
    match = re.fullmatch(
        r"(?:jsonpath=)?(?P<quote>['\"]?)(?P<open>\{?)(?P<path>\.[^={}]+)(?(open)\}?)(?P=quote)==?(?P<value>[^}]*)\}?", what
    )
    return (match["path"].strip(), match["value"].strip().strip("'\"")) if match else ("", "")


def found(text: str, namespace: str, state: State) -> list[str]:
    """What stands where a condition or a value was waited for: a line, or none."""
    ref_text, _, what = text.strip().partition(" ")
    obj = _get(state, references.parse(ref_text, namespace=namespace))
    if obj is None:
        return []
    if what.strip() == "gone":
        return [f"{ref_text}: {_staying(obj)}"]
    name, value = _wanted_condition(what.strip())
    if name:
        there = [f"{item['type']}={item['status']}" for item in (obj.get("status") or {}).get("conditions") or ()]
        return [f"{ref_text}: wanted {name}={value}, its conditions are {', '.join(there) or 'none'}"]
    path, value = _wanted_path(what.strip())
    if not path:
        return []
    steps = _steps(path, text)
    at = _follow(obj, steps)
    if at is not None:
        shown = shorten(_text(at), 80, placeholder=" …")
        return [f"{ref_text}: wanted {path}={value}, found {shown}"]
    above = _follow(obj, steps[:-1])
    has = f", {''.join(f'.{step}' for step in steps[:-1]) or 'the object'} has {', '.join(above)}" if isinstance(above, dict) else ""
    return [f"{ref_text}: wanted {path}={value}, there is no such field{has}"]


def _get(state: State, reference: Reference) -> Object | None:
    return state.get(reference.kind.resource, reference.namespace, reference.name)


def _condition(obj: Object | None, name: str) -> str:
    for condition in ((obj or {}).get("status") or {}).get("conditions") or ():
        if condition["type"].lower() == name.lower():
            return str(condition["status"])
    return ""


def _steps(path: str, text: str) -> list[str | int]:
    steps: list[str | int] = []
    for part in re.finditer(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']+)'\]", path):
        steps.append(int(part[2]) if part[2] else part[1] or part[3])
    if not steps:
        raise ValueError(f"cannot read the path in {text!r}: write it as in .status.readyReplicas=3")
    return steps


def _follow(value: Any, steps: list[str | int]) -> Any:
    for step in steps:
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def _staying(obj: Object) -> str:
    meta = obj["metadata"]
    if not meta.get("deletionTimestamp"):
        return "it is there, and nobody has asked to delete it"
    kept = f": its finalizers {', '.join(meta['finalizers'])} keep it" if meta.get("finalizers") else ""
    return f"it is terminating since {meta['deletionTimestamp']}{kept}"


# -- as kubectl rollout status ends ---------------------------------------------------------------------------------------
def is_ready(obj: Object | None) -> bool:
    """Whether a rollout is complete; pods and nodes: condition Ready; jobs: Complete; claims: Bound; others: they exist."""
    if obj is None:
        return False
    kind = obj["kind"]
    if kind in ("Deployment", "StatefulSet", "DaemonSet"):
        return rollout_status(obj)[1]
    status = obj.get("status") or {}
    if kind in ("Pod", "Node"):
        return _condition(obj, "Ready") == "True"
    if kind in ("ReplicaSet", "ReplicationController"):
        replicas = obj["spec"].get("replicas", 1)
        seen = status.get("observedGeneration", 0) >= obj["metadata"].get("generation", 0)
        return seen and status.get("readyReplicas", 0) == replicas
    if kind == "Job":
        return _condition(obj, "Complete") == "True"
    if kind in ("PersistentVolumeClaim", "PersistentVolume"):
        return status.get("phase") == "Bound"
    if kind == "Namespace":
        return status.get("phase") == "Active"
    return True


def rollout_status(obj: Object) -> tuple[str, bool]:
    """kubectl's line about a rollout, and whether it is done."""
    return {"Deployment": _deployment, "StatefulSet": _statefulset, "DaemonSet": _daemonset}[obj["kind"]](obj)


def _observed(obj: Object) -> bool:
    return bool((obj.get("status") or {}).get("observedGeneration", 0) >= obj["metadata"].get("generation", 0))


def _deployment(obj: Object) -> tuple[str, bool]:
    name, spec, status = obj["metadata"]["name"], obj["spec"], obj.get("status") or {}
    if not _observed(obj):
        return "Waiting for deployment spec update to be observed...", False
    for condition in status.get("conditions") or ():
        if condition["type"] == "Progressing" and condition.get("reason") == "ProgressDeadlineExceeded":
            return f'error: deployment "{name}" exceeded its progress deadline', False
    updated, total, available = (status.get(key, 0) for key in ("updatedReplicas", "replicas", "availableReplicas"))
    wanted = spec.get("replicas", 1)
    head = f'Waiting for deployment "{name}" rollout to finish: '
    if updated < wanted:
        return f"{head}{updated} out of {wanted} new replicas have been updated...", False
    if total > updated:
        return f"{head}{total - updated} old replicas are pending termination...", False
    if available < updated:
        return f"{head}{available} of {updated} updated replicas are available...", False
    return f'deployment "{name}" successfully rolled out', True


def _statefulset(obj: Object) -> tuple[str, bool]:
    spec, status = obj["spec"], obj.get("status") or {}
    strategy = spec.get("updateStrategy") or {}
    if strategy.get("type") == "OnDelete":
        return "rollout status is only available for RollingUpdate strategy type", _observed(obj) and _all_ready(spec, status)
    if not status.get("observedGeneration") or not _observed(obj):
        return "Waiting for statefulset spec update to be observed...", False
    wanted, ready = spec.get("replicas", 1), status.get("readyReplicas", 0)
    if ready < wanted:
        return f"Waiting for {wanted - ready} pods to be ready...", False
    partition = (strategy.get("rollingUpdate") or {}).get("partition") or 0
    updated = status.get("updatedReplicas", 0)
    if partition:
        if updated < wanted - partition:
            head = "Waiting for partitioned roll out to finish: "
            return f"{head}{updated} out of {wanted - partition} new pods have been updated...", False
        return f"partitioned roll out complete: {updated} new pods have been updated...", True
    if status.get("updateRevision") != status.get("currentRevision"):
        return f"waiting for statefulset rolling update to complete {updated} pods at revision {status.get('updateRevision')}...", False
    current = status.get("currentReplicas", 0)
    return f"statefulset rolling update complete {current} pods at revision {status.get('currentRevision')}...", True


def _all_ready(spec: Object, status: Object) -> bool:
    return bool(status.get("readyReplicas", 0) >= spec.get("replicas", 1))


def _daemonset(obj: Object) -> tuple[str, bool]:
    name, status = obj["metadata"]["name"], obj.get("status") or {}
    if (obj["spec"].get("updateStrategy") or {}).get("type") == "OnDelete":
        ready = status.get("numberReady", 0) >= status.get("desiredNumberScheduled", 0)
        return "rollout status is only available for RollingUpdate strategy type", _observed(obj) and ready
    if not _observed(obj):
        return "Waiting for daemon set spec update to be observed...", False
    wanted, updated = status.get("desiredNumberScheduled", 0), status.get("updatedNumberScheduled", 0)
    head = f'Waiting for daemon set "{name}" rollout to finish: '
    if updated < wanted:
        return f"{head}{updated} out of {wanted} new pods have been updated...", False
    available = status.get("numberAvailable", 0)
    if available < wanted:
        return f"{head}{available} of {wanted} updated pods are available...", False
    return f'daemon set "{name}" successfully rolled out', True
