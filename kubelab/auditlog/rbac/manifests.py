"""Roles and bindings as objects, and as YAML that ``kubectl apply`` takes.

upstream: pkg/apis/rbac/validation/validation.go, staging/src/k8s.io/apimachinery/pkg/api/validation/path/name.go, 1.28.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from kubelab.auditlog.rbac.rules import Atom, compacted
from kubelab.auditlog.rbac.usage import split_account

GROUP = "rbac.authorization.k8s.io"
LABELS = {"app.kubernetes.io/managed-by": "kubelab"}
Object = dict[str, Any]
_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9._/-]*(?::[A-Za-z0-9._/-]+)*\Z").match
_SIMPLE = re.compile(r"[a-z0-9.-]{1,200}\Z").match
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def subject_of(user: str) -> Object:
    """A service account under its own kind, anybody else as a User."""
    account = split_account(user)
    if account is None:
        return {"kind": "User", "apiGroup": GROUP, "name": user}
    return {"kind": "ServiceAccount", "name": account[1], "namespace": account[0]}


def name_for(user: str) -> str:
    """A name for the roles of a user, that no other user has.

    >>> name_for("alice"), name_for("system:serviceaccount:shop:robot"), name_for("Alice@example.com")
    ('minimal:alice', 'minimal:shop:robot', 'minimal:alice-example.com-cdbc73c2')
    """
    account = split_account(user)
    if account is not None and all(_SIMPLE(part) for part in account):
        return f"minimal:{account[0]}:{account[1]}"
    if _SIMPLE(user):
        return f"minimal:{user}"
    slug = re.sub(r"[^a-z0-9.]+", "-", user.lower()).strip("-.")[:200]
    return f"minimal:{slug}-{hashlib.sha256(user.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def objects_of(atoms: Iterable[Atom], subject: Object, name: str, labels: Mapping[str, str]) -> list[Object]:
    """A ClusterRole for what is not of one namespace, a Role for each namespace, and their bindings; cluster-wide first."""
    places: dict[str, list[Atom]] = {}
    for atom in atoms:
        places.setdefault(atom.namespace, []).append(atom)
    found: list[Object] = []
    for namespace, inside in sorted(places.items()):
        kind = "Role" if namespace else "ClusterRole"
        meta: Object = {"name": name, **({"namespace": namespace} if namespace else {}), "labels": dict(labels)}
        head = {"apiVersion": f"{GROUP}/v1"}
        found.append({**head, "kind": kind, "metadata": meta, "rules": compacted(inside)})
        reference = {"apiGroup": GROUP, "kind": kind, "name": name}
        bound = {"metadata": {**meta, "labels": dict(labels)}, "subjects": [dict(subject)], "roleRef": reference}
        found.append({**head, "kind": f"{kind}Binding", **bound})
    return found


class _Writer(yaml.SafeDumper):
    """Quotes every text that some YAML reader may take for something else (``1e3``, ``on``, a date)."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(writer: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    plain = _PLAIN(text) and text.lower() not in _WORDS
    return writer.represent_scalar("tag:yaml.org,2002:str", text, style=None if plain else '"')


_Writer.add_representer(str, _text)


def to_yaml(objects: Iterable[Object]) -> str:
    """One document for each object."""
    return yaml.dump_all(objects, Dumper=_Writer, sort_keys=False, explicit_start=True, allow_unicode=False, width=160)
