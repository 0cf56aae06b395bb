"""The shape of an audit policy, in the form of data/schema-1.28.json (see kubelab/kinds/schema.py for the short keys).

upstream: staging/src/k8s.io/apiserver/pkg/apis/audit/v1/types.go, 1.28.
"""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

_TEXT: Row = {"t": "string"}
_TEXTS: Row = {"t": "list", "g": "[]string", "i": {"t": "string"}}
_STAGES: Row = {"t": "list", "g": "[]v1.Stage", "i": {"t": "string", "g": "v1.Stage"}}
_MAYBE: Row = {"t": "boolean", "p": 1}

SCHEMA: dict[str, dict[str, Any]] = {
    "kinds": {},
    "structs": {
        "audit.v1.Policy": {
            "kind": _TEXT,
            "apiVersion": _TEXT,
            "metadata": {"t": "struct", "r": "meta.v1.ObjectMeta"},
            "rules": {"t": "list", "g": "[]v1.PolicyRule", "i": {"t": "struct", "r": "audit.v1.PolicyRule"}, "z": 1},
            "omitStages": _STAGES,
            "omitManagedFields": {"t": "boolean"},
        },
        "audit.v1.PolicyRule": {
            "level": {"t": "string", "g": "v1.Level", "z": 1},
            "users": _TEXTS,
            "userGroups": _TEXTS,
            "verbs": _TEXTS,
            "resources": {"t": "list", "g": "[]v1.GroupResources", "i": {"t": "struct", "r": "audit.v1.GroupResources"}},
            "namespaces": _TEXTS,
            "nonResourceURLs": _TEXTS,
            "omitStages": _STAGES,
            "omitManagedFields": _MAYBE,
        },
        "audit.v1.GroupResources": {"group": _TEXT, "resources": _TEXTS, "resourceNames": _TEXTS},
    },
}
