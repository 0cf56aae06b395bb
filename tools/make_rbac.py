"""Write the bootstrap roles and bindings of a Kubernetes tree as compact facts.

Usage: python tools/make_rbac.py TREE kubelab/kinds/data/rbac-1.28.json
Reads: plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata/*.yaml, which upstream's tests hold equal to policy.go,
controller_policy.go and namespace_policy.go. Read back by kubelab/kinds/rbac/bootstrap.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import yaml

FILES = {
    "ClusterRole": ("cluster-roles.yaml", "controller-roles.yaml"),
    "ClusterRoleBinding": ("cluster-role-bindings.yaml", "controller-role-bindings.yaml"),
    "Role": ("namespace-roles.yaml",),
    "RoleBinding": ("namespace-role-bindings.yaml",),
}
COMMON_LABELS = {"kubernetes.io/bootstrapping": "rbac-defaults"}
COMMON_ANNOTATIONS = {"rbac.authorization.kubernetes.io/autoupdate": "true"}


def main(tree: str, target: str) -> None:
    folder = Path(tree, "plugin/pkg/auth/authorizer/rbac/bootstrappolicy/testdata")
    facts: dict[str, list[dict[str, Any]]] = {}
    for kind, names in FILES.items():
        items = [item for name in names for item in yaml.safe_load((folder / name).read_text())["items"]]
        facts[kind] = [compact(item) for item in items]
    Path(target).write_text(json.dumps(facts, separators=(",", ":"), sort_keys=True) + "\n")


def compact(item: dict[str, Any]) -> dict[str, Any]:
    metadata = item["metadata"]
    if metadata["annotations"] != COMMON_ANNOTATIONS or not COMMON_LABELS.items() <= metadata["labels"].items():
        raise SystemExit(f"{metadata['name']}: labels or annotations that the loader does not add")
    extra = {key: value for key, value in metadata["labels"].items() if key not in COMMON_LABELS}
    fields = {
        "name": metadata["name"],
        "namespace": metadata.get("namespace"),
        "labels": extra,
        "rules": item.get("rules"),
        "aggregationRule": item.get("aggregationRule"),
        "roleRef": item.get("roleRef"),
        "subjects": item.get("subjects"),
    }
    return {key: value for key, value in fields.items() if value}


if __name__ == "__main__":
    main(*sys.argv[1:])
