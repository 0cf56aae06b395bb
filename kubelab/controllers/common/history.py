"""ControllerRevisions: the past templates of a StatefulSet or DaemonSet, numbered; names follow from their data.

upstream: pkg/controller/history/controller_history.go, newRevision and getPatch in pkg/controller/statefulset/stateful_set_utils.go, 1.28.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kubelab.controllers.common.owners import controller_reference
from kubelab.controllers.common.pod_facts import created_ns
from kubelab.controllers.common.template_hash import encodes, fnv32, safe_encode
from kubelab.engine.plan import Call, Reason, create, update
from kubelab.store.log import Object

REVISIONS = "controllerrevisions.apps"
HASH_LABEL = "controller.kubernetes.io/hash"
_PREFIX_LIMIT = 223
_ESCAPES = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029"))

NEW_TEMPLATE = Reason("NewTemplate", "no revision has the template of {subject}")
OLD_TEMPLATE = Reason("OldTemplate", "{subject} has again the template of {revision}")
HISTORY_LIMIT = Reason("HistoryLimit", "{subject} is beyond the revisionHistoryLimit of {limit}")


@dataclass(frozen=True, slots=True)
class Resolved:
    """The revision that a template has: ``revision`` itself, the calls that make it so, and the collisions met on the way."""

    revision: Object
    calls: tuple[Call, ...]
    collision_count: int


def resolve_revision(
    owner: Object, data: Object, revisions: Sequence[Object], collision_count: int, named: Callable[[str], Object | None]
) -> Resolved:
    """The revision with ``data``. Newest equal: nothing to do; an older one equal: it becomes the newest; none: a new one.

    ``revisions``: the owner's, sorted; ``named``: any revision of the owner's namespace by name, to avoid collisions.
    """
    if revisions and revisions[-1].get("data") == data:
        return Resolved(revisions[-1], (), collision_count)
    number = revisions[-1].get("revision", 0) + 1 if revisions else 1
    subject = f"{owner['kind'].lower()}/{owner['metadata']['name']}"
    for revision in reversed(revisions):
        if revision.get("data") == data:
            newest = {**revision, "revision": number}
            because = OLD_TEMPLATE(subject, revision=revision["metadata"]["name"])
            return Resolved(newest, (update(REVISIONS, newest, because=because),), collision_count)
    while True:
        draft = new_revision(owner, data, number, collision_count)
        present = named(draft["metadata"]["name"])
        if present is None:
            meta = {key: part for key, part in draft["metadata"].items() if key != "namespace"}
            call = create(REVISIONS, {**draft, "metadata": meta}, owner["metadata"]["namespace"], because=NEW_TEMPLATE(subject))
            return Resolved(draft, (call,), collision_count)
        if present.get("data") == data:
            return Resolved(present, (), collision_count)
        collision_count += 1


def new_revision(owner: Object, data: Object, number: int, collision_count: int) -> Object:
    """A ControllerRevision of ``owner``: labels of its template and the hash, annotations of the owner itself."""
    if not encodes(owner):
        return _first_beta_revision(owner, data, number, collision_count)
    hash_ = revision_hash(data, collision_count)
    labels = (owner["spec"]["template"].get("metadata") or {}).get("labels") or {}
    meta: Object = {
        "name": revision_name(owner["metadata"]["name"], hash_),
        "namespace": owner["metadata"]["namespace"],
        "labels": {**labels, HASH_LABEL: hash_},
        "ownerReferences": [controller_reference(owner)],
    }
    if owner["metadata"].get("annotations"):
        meta["annotations"] = owner["metadata"]["annotations"]
    return {"apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": meta, "data": data, "revision": number}


def _first_beta_revision(owner: Object, data: Object, number: int, collision_count: int) -> Object:
    """As 1.7 had it: the hash in digits, the collision count in it only after a collision, the selector's labels, no annotations.

    upstream: NewControllerRevision, CreateControllerRevision in pkg/controller/history/controller_history.go, 1.7. The label keeps the hash
    without collisions.
    """
    text = canonical_json(data)
    bare, hash_ = (str(fnv32(f"{text}{probe}".encode())) for probe in ("", collision_count or ""))
    meta: Object = {
        "name": revision_name(owner["metadata"]["name"], hash_),
        "namespace": owner["metadata"]["namespace"],
        "labels": {**((owner["spec"].get("selector") or {}).get("matchLabels") or {}), HASH_LABEL: bare},
        "ownerReferences": [controller_reference(owner)],
    }
    return {"apiVersion": owner["apiVersion"], "kind": "ControllerRevision", "metadata": meta, "data": data, "revision": number}


def revision_name(prefix: str, hash_: str) -> str:
    return f"{prefix[:_PREFIX_LIMIT]}-{hash_}"


def revision_hash(data: Object, collision_count: int) -> str:
    """FNV-1 over the data's canonical JSON and the collision count in decimal, in the letters of generated names."""
    return _hash(canonical_json(data), collision_count)


@lru_cache(maxsize=256)
def _hash(text: str, collision_count: int) -> str:
    return safe_encode(fnv32(f"{text}{collision_count}".encode()))


def canonical_json(value: Any) -> str:
    """JSON as Go marshals maps: sorted keys, no spaces, ``<``, ``>`` and ``&`` escaped."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for char, escape in _ESCAPES:
        if char in text:
            text = text.replace(char, escape)
    return text


def sorted_revisions(revisions: Sequence[Object]) -> list[Object]:
    """By number, then age, then name."""
    if len(revisions) < 2:
        return list(revisions)
    return sorted(revisions, key=lambda revision: (revision.get("revision", 0), created_ns(revision), revision["metadata"]["name"]))


def template_data(template: Object) -> Object:
    """What a revision stores of a pod template: a patch that replaces it. Shares the template's parts."""
    return {"spec": {"template": {**as_encoded(template), "$patch": "replace"}}}


def template_of(revision: Object) -> Object:
    """The template that a revision stores."""
    return {key: part for key, part in revision["data"]["spec"]["template"].items() if key != "$patch"}


def as_encoded(template: Object) -> Object:
    """A template with the fields that Go's encoding always writes, however empty they are."""
    meta = template.get("metadata") or {}
    if "creationTimestamp" not in meta:
        meta = {"creationTimestamp": None, **meta}
    spec = template["spec"]
    changed: Object = {}
    for field in ("containers", "initContainers"):
        containers = spec.get(field)
        if containers and not all("resources" in container for container in containers):
            changed[field] = [container if "resources" in container else {**container, "resources": {}} for container in containers]
    return {**template, "metadata": meta, "spec": {**spec, **changed} if changed else spec}
