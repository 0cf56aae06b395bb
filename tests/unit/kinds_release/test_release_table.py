"""What 1.7 serves: the table of docs/release-1.7.md is drawn from the code, and rows of upstream's discovery are held against it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kubelab as kl
from kubelab.kinds import registry, schema
from kubelab.kinds.gates import refuse
from kubelab.kinds.kind import Kind

PAGE = Path(__file__).parents[3] / "docs" / "release-1.7.md"
BEGIN, END = "<!-- drawn from kinds/release.py -->", "<!-- end -->"


def drawn() -> str:
    """The table of served groups and versions."""
    lines = ["| group/version | resources | kept in the store as |", "|---|---|---|"]
    groups = kl.Cluster(0, release="1.7").request("GET", "/apis")[1]["groups"]
    places = [("", "v1"), *((group["name"], each["version"]) for group in groups for each in group["versions"])]
    for group, version in places:
        kinds = [kind for kind in registry.all_kinds("1.7") if kind.group == group and version in kind.versions and kind.verbs]
        stored = dict.fromkeys(kind.api_version for kind in kinds)
        named = ", ".join(_named(kind) for kind in kinds)
        lines.append(f"| {f'{group}/{version}' if group else version} | {named} | {', '.join(stored)} |")
    return "\n".join(lines)


def _named(kind: Kind) -> str:
    own = [name for name in kind.subresources if name != "status"]
    return kind.plural + (f" ({', '.join(own)})" if own else "")


def test_the_page_has_the_table_that_the_code_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text[text.index(BEGIN) + len(BEGIN) : text.index(END)].strip() == drawn()


# upstream: api/swagger-spec/{apps_v1beta1,extensions_v1beta1}.json and pkg/registry/*/*/storage/storage.go (ShortNames, Categories), 1.7
APPS = {
    "controllerrevisions": ((), ()),
    "deployments": (("deploy",), ("all",)),
    "deployments/rollback": ((), ()),
    "deployments/scale": ((), ()),
    "deployments/status": ((), ()),
    "statefulsets": (("sts",), ("all",)),
    "statefulsets/status": ((), ()),
}
EXTENSIONS = {
    "daemonsets": (("ds",), ()),
    "daemonsets/status": ((), ()),
    "deployments": (("deploy",), ("all",)),
    "deployments/rollback": ((), ()),
    "deployments/scale": ((), ()),
    "deployments/status": ((), ()),
    "ingresses": (("ing",), ()),
    "ingresses/status": ((), ()),
    "networkpolicies": ((), ()),
    "replicasets": (("rs",), ("all",)),
    "replicasets/scale": ((), ()),
    "replicasets/status": ((), ()),
    "replicationcontrollers": ((), ()),
    "replicationcontrollers/scale": ((), ()),
}


@pytest.fixture(scope="module")
def cluster() -> kl.Cluster:
    return kl.Cluster(1, release="1.7")


@pytest.mark.parametrize(("group", "expected"), [("apps", APPS), ("extensions", EXTENSIONS)])
def test_discovery_of_the_betas(cluster: kl.Cluster, group: str, expected: dict[str, Any]) -> None:
    code, found = cluster.request("GET", f"/apis/{group}/v1beta1")
    rows = {row["name"]: (tuple(row.get("shortNames", ())), tuple(row.get("categories", ()))) for row in found["resources"]}
    assert code == 200 and rows == expected
    assert all(row["singularName"] == "" and "group" not in row for row in found["resources"])


# upstream: cmd/kube-apiserver/app/aggregator.go apiVersionPriorities, 1.7 (those of groups that the lab has)
GROUPS = [
    "extensions/v1beta1",
    "apps/v1beta1",
    "authentication.k8s.io/v1",
    "authorization.k8s.io/v1",
    "autoscaling/v1",
    "batch/v1",
    "networking.k8s.io/v1",
    "policy/v1beta1",
    "rbac.authorization.k8s.io/v1beta1",
    "storage.k8s.io/v1",
]


def test_groups_come_in_their_order_with_the_preferred_version(cluster: kl.Cluster) -> None:
    groups = cluster.request("GET", "/apis")[1]["groups"]
    assert [group["preferredVersion"]["groupVersion"] for group in groups if "kubelab" not in group["name"]] == GROUPS
    assert all(group["serverAddressByClientCIDRs"] is None for group in groups)


def test_what_is_only_connected_to_has_no_verbs_and_services_no_deletecollection(cluster: kl.Cluster) -> None:
    rows = {row["name"]: row["verbs"] for row in cluster.request("GET", "/api/v1")[1]["resources"]}
    assert rows["pods/exec"] == rows["pods/attach"] == rows["nodes/proxy"] == []
    assert rows["pods/log"] == ["get"] and rows["pods/eviction"] == ["create"]
    assert rows["services"] == ["create", "delete", "get", "list", "patch", "proxy", "update", "watch"]
    assert "serviceaccounts/token" not in rows


def test_the_version_is_that_of_the_release(cluster: kl.Cluster) -> None:
    found = cluster.request("GET", "/version")[1]
    assert (found["gitVersion"], found["gitCommit"]) == ("v1.7.0", "d3ada0119e776222f11ec7945e6d860061339aad")


@pytest.mark.parametrize(
    "path", ["/apis/apps/v1", "/apis/events.k8s.io/v1", "/apis/metrics.k8s.io/v1beta1", "/livez", "/apis/batch/v2alpha1"]
)
def test_what_came_later_or_is_alpha_is_not_there(cluster: kl.Cluster, path: str) -> None:
    code, found = cluster.request("GET", path)
    assert (code, found["message"]) == (404, "the server could not find the requested resource")


def test_a_kind_of_two_groups_is_one_thing_in_the_store() -> None:
    one, other = registry.by_resource("deployments.apps", "1.7"), registry.by_resource("deployments.extensions", "1.7")
    assert one.resource == other.resource == "deployments.apps"
    assert (one.asked, other.asked) == ("deployments.apps", "deployments.extensions")
    assert one.api_version == other.api_version == "extensions/v1beta1"
    assert registry.lookup("deploy", "1.7") is other
    assert registry.by_kind("ReplicaSet", "apps", "1.7") is None


def test_the_kinds_of_today_are_untouched() -> None:
    assert all(kind.release == "1.28" and kind.asked == kind.resource and not kind.stored_version for kind in registry.all_kinds())


@pytest.mark.parametrize(
    ("group", "version", "kind", "part", "missing"),
    [
        ("", "v1", "Pod", "core.v1.PodSpec", ("enableServiceLinks", "ephemeralContainers", "priority", "topologySpreadConstraints")),
        ("apps", "v1beta1", "StatefulSet", "apps.v1beta1.StatefulSetSpec", ("minReadySeconds", "ordinals")),
        ("networking.k8s.io", "v1", "NetworkPolicy", "networking.v1.NetworkPolicySpec", ("egress", "policyTypes")),
        ("extensions", "v1beta1", "Ingress", "extensions.v1beta1.IngressSpec", ("ingressClassName", "defaultBackend")),
    ],
)
def test_fields_that_came_later_are_not_in_the_schema(group: str, version: str, kind: str, part: str, missing: tuple[str, ...]) -> None:
    assert schema.for_kind(group, version, kind, "1.7") is not None
    assert not set(missing) & set(schema.struct(f"1.7:{part}").fields)


# upstream: pkg/features/kube_features.go, 1.7
@pytest.mark.parametrize(
    ("gates", "words"),
    [
        ({"AdvancedAuditing": True}, ""),
        ({"TaintBasedEvictions": False}, ""),
        ({"StatefulSetStartOrdinal": True}, "unrecognized feature gate: StatefulSetStartOrdinal"),
        (
            {"RotateKubeletClientCertificate": True},
            "RotateKubeletClientCertificate=true decides nothing here: the gates that do are AdvancedAuditing",
        ),
    ],
)
def test_gates_are_those_of_the_release(gates: dict[str, bool], words: str) -> None:
    assert refuse(gates, "1.7") == words
