"""What a real API server 1.20.2 answered for the kinds of these groups, word for word; where 1.28 differs, its words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.kinds_groups.builders import create_errors, kind_of, merged, prepared, summary, update_errors

FOLDER = Path(__file__).parents[2] / "data" / "transcripts"
GROUPS = {"apps", "batch", "policy", "rbac.authorization.k8s.io", "networking.k8s.io"}

STATEFULSET_UPDATE_1_20 = "'replicas', 'template', and 'updateStrategy' are forbidden"
STATEFULSET_UPDATE_1_28 = (
    "'replicas', 'ordinals', 'template', 'updateStrategy', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
)
# upstream: pkg/apis/apps/validation/validation.go and pkg/apis/core/validation/validation.go, 1.28
CHANGED_SINCE = {
    ("workload-errors", 9): ("{Partition:1}", "{Partition:1, MaxUnavailable:(*intstr.IntOrString)(nil)}"),
    ("workload-errors", 10): (STATEFULSET_UPDATE_1_20, STATEFULSET_UPDATE_1_28),
    ("workload-errors", 11): (STATEFULSET_UPDATE_1_20, STATEFULSET_UPDATE_1_28),
    ("workload-errors", 12): (STATEFULSET_UPDATE_1_20, STATEFULSET_UPDATE_1_28),
    ("workload-errors", 27): (
        'Invalid value: intstr.IntOrString{Type:0, IntVal:0, StrVal:""}: cannot be 0',
        "Required value: cannot be 0 when maxSurge is 0",
    ),
    ("workload-errors", 43): ("cpu limit, ", "cpu limit of 1, "),
}


def lines(session: str) -> list[tuple[int, dict[str, Any]]]:
    texts = (FOLDER / f"{session}.jsonl").read_text().splitlines()
    return [(number, json.loads(text)) for number, text in enumerate(texts, 1)]


def refusals() -> list[Any]:
    """The creates and patches that were refused as Invalid, with the object that was there."""
    rows, stored = [], {}
    for session in ("workload-errors", "security-errors"):
        for number, line in lines(session):
            group = line["path"].split("/")[2] if line["path"].startswith("/apis/") else ""
            body = line.get("body")
            if group not in GROUPS or not isinstance(body, dict):
                continue
            if line["method"] == "POST":
                version = "/".join(line["path"].split("/")[2:4])
                body = {"apiVersion": version, "kind": "Deployment", **body}
            if line["code"] == 201:
                stored[f"{line['path']}/{body['metadata'].get('name')}"] = body
            if line["code"] == 422 and "/scale" not in line["path"] and line["method"] in ("POST", "PATCH"):
                said = line["response"]["message"].partition(" is invalid: ")[2]
                rows.append(pytest.param(session, number, stored.get(line["path"]), body, said, id=f"{session}:{number}"))
    return rows


@pytest.mark.parametrize(("session", "number", "old", "body", "said"), refusals())
def test_a_refused_write_gets_the_recorded_words(session, number, old, body, said):
    before, after = CHANGED_SINCE.get((session, number), ("", ""))
    expected = said.replace(before, after) if before else said
    if (session, number) == ("workload-errors", 43):
        expected = expected.replace("memory limit]", "memory limit of 1Gi]")
    texts = create_errors(body) if old is None else update_errors(old, body)
    assert summary(texts) == expected


# upstream: pkg/apis/{apps,batch}/v1/defaults.go, 1.28: what 1.20 did not set yet
NEWER_DEFAULTS = {
    "StatefulSet": {
        "spec": {"persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"}},
        "status": {"availableReplicas": 0},
    },
    "DaemonSet": {"spec": {"updateStrategy": {"rollingUpdate": {"maxSurge": 0}}}},
    "Job": {"spec": {"completionMode": "NonIndexed", "suspend": False}},
}
VOLATILE = ("managedFields", "uid", "resourceVersion", "creationTimestamp", "generation")


def created() -> list[Any]:
    rows = [line for _, line in lines("defaults") if line["path"].split("/")[2] in GROUPS]
    return [pytest.param(line["body"], line["response"], id=line["body"]["kind"]) for line in rows]


@pytest.mark.parametrize(("body", "stored"), created())
def test_a_created_object_gets_the_recorded_defaults(body, stored):
    mine = without_volatile(prepared(body))
    theirs = merged(without_volatile(stored), NEWER_DEFAULTS.get(body["kind"], {}))
    assert without_generated_labels(mine) == without_generated_labels(theirs)


def without_volatile(obj: dict[str, Any]) -> dict[str, Any]:
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key not in VOLATILE}}


def without_generated_labels(obj: dict[str, Any]) -> dict[str, Any]:
    """A Job's labels carry its uid, and since 1.27 a prefix; test_batch checks them."""
    if obj["kind"] != "Job":
        return obj
    nothing = {"labels": None}
    return merged(obj, {"metadata": nothing, "spec": {"selector": None, "template": {"metadata": nothing}}})


TABLES = json.loads((FOLDER.parent / "real-api" / "tables.json").read_text())


def recorded_tables() -> list[Any]:
    return [pytest.param(path, table, id=path.rsplit("/", 1)[-1]) for path, table in TABLES.items() if path.split("/")[2] in GROUPS]


@pytest.mark.parametrize(("path", "table"), recorded_tables())
def test_columns_are_the_recorded_ones(path, table):
    kinds = {"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet", "replicasets": "ReplicaSet"}
    kinds |= {"controllerrevisions": "ControllerRevision", "jobs": "Job", "networkpolicies": "NetworkPolicy"}
    kinds |= {"poddisruptionbudgets": "PodDisruptionBudget", "clusterrolebindings": "ClusterRoleBinding"}
    plural = path.rsplit("/", 1)[-1]
    kind = kind_of({"apiVersion": "/".join(path.split("/")[2:4]), "kind": kinds[plural]})
    mine = [(column.name, column.type, column.format, column.priority) for column in kind.columns]
    assert mine == [(c["name"], c["type"], c["format"], c["priority"]) for c in table["columnDefinitions"]]
