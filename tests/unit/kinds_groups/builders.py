"""Objects and answers for the tables of this folder: what a strategy alone says, without a request line."""

from __future__ import annotations

import copy
from typing import Any

from kubelab.kinds.decode import check
from kubelab.kinds.kind import Context, Kind, Object
from kubelab.kinds.names import name_is_dns_subdomain, validate_metadata, validate_metadata_update
from kubelab.kinds.registry import by_kind
from kubelab.kinds.schema import for_kind
from kubelab.world.clock import parse_rfc3339

NOW = "2026-01-01T00:00:00Z"
NOW_NS = parse_rfc3339(NOW)
UID = "11111111-2222-4333-8444-555555555555"


def context(**gates: bool) -> Context:
    return Context(NOW, NOW_NS, "1.28", gates)


def kind_of(body: Object) -> Kind:
    group = body["apiVersion"].rpartition("/")[0]
    kind = by_kind(body["kind"], group)
    assert kind is not None, f"no kind {body['kind']} in group {group!r}"
    return kind


def decoded(body: Object) -> Object:
    """A private copy of a body as the request line hands it to a strategy."""
    kind, obj = kind_of(body), copy.deepcopy(body)
    shape = for_kind(kind.group, body["apiVersion"].rpartition("/")[2], kind.kind)
    assert shape is not None, f"no schema for {kind.kind}"
    found = check(obj, shape)
    assert not found.errors, found.errors
    return obj


def prepared(body: Object, **gates: bool) -> Object:
    """The object as it would be stored: decoded, with name, namespace and uid, defaulted, prepared."""
    kind, obj = kind_of(body), decoded(body)
    metadata = obj.setdefault("metadata", {})
    metadata["uid"] = UID
    metadata["creationTimestamp"] = NOW
    if kind.namespaced:
        metadata.setdefault("namespace", "default")
    kind.default(obj, context(**gates))
    kind.prepare_create(obj, context(**gates))
    return obj


def create_errors(body: Object, **gates: bool) -> list[str]:
    """What a create answers, finding by finding, metadata first."""
    kind, obj = kind_of(body), prepared(body, **gates)
    errors = validate_metadata(obj["metadata"], kind.namespaced, kind.validate_name or name_is_dns_subdomain)
    return [error.text() for error in (*errors, *kind.validate(obj, context(**gates)))]


def update_errors(old: Object, change: Object, **gates: bool) -> list[str]:
    """What an update answers that merges ``change`` into the object created from ``old``."""
    kind, stored = kind_of(old), prepared(old, **gates)
    stored["metadata"]["resourceVersion"] = "1"
    obj = decoded(merged(stored, change))
    kind.default(obj, context(**gates))
    kind.prepare_update(obj, stored, context(**gates))
    errors = validate_metadata_update(obj["metadata"], stored["metadata"])
    return [error.text() for error in (*errors, *kind.validate_update(obj, stored, context(**gates)))]


def status_errors(old: Object, status: Object, before: Object | None = None) -> list[str]:
    """What an update of the status answers, over an object whose status was ``before``."""
    kind, stored = kind_of(old), prepared(old)
    stored = {**stored, "status": {**stored.get("status", {}), **(before or {})}}
    obj = decoded({**stored, "status": status})
    assert kind.prepare_status is not None
    kind.prepare_status(obj, stored, context())
    return [error.text() for error in kind.validate_status(obj, stored, context())]


def merged(target: Any, change: Any) -> Any:
    """A JSON merge patch applied to a copy."""
    if not isinstance(change, dict):
        return copy.deepcopy(change)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in change.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return copy.deepcopy(result)


def summary(texts: list[str]) -> str:
    """Findings as a Status message shows them: one bare, several in brackets, equal ones once."""
    distinct = list(dict.fromkeys(texts))
    return distinct[0] if len(distinct) == 1 else f"[{', '.join(distinct)}]"


def template(app: str = "web", **pod: Any) -> Object:
    spec = {"containers": [{"name": "c", "image": "nginx:1"}], **pod}
    return {"metadata": {"labels": {"app": app}}, "spec": spec}


def workload(kind: str, name: str = "web", **spec: Any) -> Object:
    """A valid apps/v1 object; ``spec`` replaces or (None) removes fields."""
    fields = {"selector": {"matchLabels": {"app": "web"}}, "template": template(), **spec}
    fields = {key: value for key, value in fields.items() if value is not None}
    return {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": fields}


def job(**spec: Any) -> Object:
    pod = {"metadata": {"labels": {"app": "web"}}, "spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": "x"}]}}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": pod, **spec}}


def cron_job(**spec: Any) -> Object:
    fields = {"schedule": "* * * * *", "jobTemplate": {"spec": {"template": job()["spec"]["template"]}}, **spec}
    return {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"}, "spec": fields}


def object_of(api_version: str, kind: str, name: str = "x", **fields: Any) -> Object:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name}, **fields}


def agree(texts: list[str], expected: list[str]) -> bool:
    """Whether the findings begin as expected, one by one and in order."""
    return len(texts) == len(expected) and all(text.startswith(start) for text, start in zip(texts, expected, strict=True))
