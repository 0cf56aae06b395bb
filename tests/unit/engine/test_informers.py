"""Who lists and watches what, beside a recorded control plane of 1.20.2 and upstream's source of 1.28."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

import kubelab as kl
from kubelab.engine import informers
from kubelab.kinds import registry

BUSY = Path(__file__).parents[3] / "data" / "audit" / "real-busy-minute.jsonl.gz"
Row = tuple[str, str]  # the client, as its user agent ends, and the path

NOT_SERVED_HERE = ("admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io", "certificates.k8s.io")
GONE_SINCE = {
    "/apis/extensions/v1beta1/ingresses",  # 1.22
    "/apis/policy/v1beta1/podsecuritypolicies",  # 1.25
    "/apis/events.k8s.io/v1/events",  # 1.21: garbagecollector.ignoredResources has both groups of events
}
NEW_SINCE = {
    ("scheduler", "/api/v1/namespaces"),  # 1.22: plugins/interpodaffinity/plugin.go, namespaceSelector
    ("scheduler", "/apis/storage.k8s.io/v1/csidrivers"),  # 1.21: plugins/volumebinding, CSIStorageCapacity
}
VERSIONS = {
    "autoscaling/v1": "autoscaling/v2",
    "batch/v1beta1": "batch/v1",
    "discovery.k8s.io/v1beta1": "discovery.k8s.io/v1",
    "policy/v1beta1": "policy/v1",
}


@pytest.fixture(scope="module")
def cluster() -> kl.Cluster:
    return kl.Cluster(1, audit_policy="Metadata")


def client(event: dict[str, Any]) -> str:
    agent = event["userAgent"]
    return "" if agent.startswith("kube-apiserver/") else agent.rpartition("/")[2]


def asked(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Lists and watches of the control plane's informers, when they were over or, the watches, began."""
    stage = {"list": "ResponseComplete", "watch": "ResponseStarted"}
    return [
        event
        for event in events
        if event["userAgent"].startswith("kube-")
        and stage.get(event["verb"]) == event["stage"]
        and "resourceVersion=" in event["requestURI"]
    ]


def recorded() -> list[dict[str, Any]]:
    return asked([json.loads(line) for line in gzip.decompress(BUSY.read_bytes()).splitlines()])


def rows(events: list[dict[str, Any]], verb: str) -> set[Row]:
    return {(client(event), urlsplit(event["requestURI"]).path) for event in events if event["verb"] == verb}


def today(row: Row) -> Row:
    who, path = row
    for old, new in VERSIONS.items():
        path = path.replace(f"/apis/{old}/", f"/apis/{new}/")
    return who, path


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_processes_ask_for_what_a_real_control_plane_asks_for(cluster: kl.Cluster, verb: str):
    real = {
        today(row) for row in rows(recorded(), verb) if row[1] not in GONE_SINCE and not any(group in row[1] for group in NOT_SERVED_HERE)
    }
    real = {row for row in real if "flowcontrol" not in row[1]}
    ours = {row for row in rows(asked(cluster.audit_events()), verb) if "lab.kubelab.dev" not in row[1]}
    assert ours - real == NEW_SINCE
    assert real - ours == set()


@pytest.mark.parametrize("verb", ["list", "watch"])
def test_queries_have_the_recorded_shape(cluster: kl.Cluster, verb: str):
    def shapes(events: list[dict[str, Any]]) -> dict[str, set[tuple[tuple[str, str], ...]]]:
        found: dict[str, set[tuple[tuple[str, str], ...]]] = {}
        for event in events:
            if event["verb"] == verb:
                query = parse_qsl(urlsplit(event["requestURI"]).query)
                varying = ("timeout", "timeoutSeconds", *(("resourceVersion",) if verb == "watch" else ()))
                key = "apiserver" if not client(event) else client(event)
                found.setdefault(key, set()).add(tuple((name, "" if name in varying else text) for name, text in query))
        return found

    assert shapes(asked(cluster.audit_events())) == shapes(recorded())


def test_a_watch_says_its_time_twice_and_within_five_to_ten_minutes(cluster: kl.Cluster):
    for event in asked(cluster.audit_events()):
        if event["verb"] == "watch":
            query = dict(parse_qsl(urlsplit(event["requestURI"]).query))
            seconds = int(query["timeoutSeconds"])
            assert 300 <= seconds < 600
            assert query["timeout"] == f"{seconds // 60}m{seconds % 60}s"


def test_users_and_agents_are_those_of_the_processes(cluster: kl.Cluster):
    def who(events: list[dict[str, Any]], old: str, new: str) -> set[tuple[str, str]]:
        return {(event["user"]["username"], event["userAgent"].replace(old, new)) for event in events}

    ours = who(asked(cluster.audit_events()), "kubernetes/855e7c4", "kubernetes/none")
    assert {(user, agent.replace("v1.28.0", "v1.20.2")) for user, agent in ours} == who(recorded(), "", "")


def test_the_api_server_has_its_loopback_token_s_groups(cluster: kl.Cluster):
    def found(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [event["user"] for event in asked(events) if event["user"]["username"] == "system:apiserver"]

    real, ours = found(recorded())[0], found(cluster.audit_events())[0]
    assert ours["groups"] == real["groups"] and ours.keys() == real.keys() and len(ours["uid"]) == len(real["uid"])


# upstream: pkg/kubelet/kubelet.go, config/apiserver.go (a bare reflector), volume_host.go, runtimeclass/runtimeclass_manager.go, 1.28
KUBELET = [
    ("/api/v1/nodes", "metadata.name=node-1", True),
    ("/api/v1/services", None, True),
    ("/apis/storage.k8s.io/v1/csidrivers", None, True),
    ("/apis/node.k8s.io/v1/runtimeclasses", None, True),
    ("/api/v1/pods", "spec.nodeName=node-1", False),
]


def test_a_kubelet_asks_for_its_node_its_pods_and_three_kinds(cluster: kl.Cluster):
    events = [event for event in cluster.audit_events() if event["user"]["username"] == "system:node:node-1"]
    watches = [urlsplit(event["requestURI"]) for event in events if event["verb"] == "watch" and event["stage"] == "ResponseStarted"]
    found = [(url.path, dict(parse_qsl(url.query))) for url in watches]
    assert sorted((path, query.get("fieldSelector"), "timeout" in query) for path, query in found) == sorted(KUBELET, key=str)
    lists = [event["requestURI"] for event in events if event["verb"] == "list" and event["stage"] == "ResponseComplete"]
    assert "/api/v1/pods?fieldSelector=spec.nodeName%3Dnode-1&limit=500&resourceVersion=0" in lists and len(lists) == len(KUBELET)


@pytest.mark.parametrize("process", list(informers.TABLE))
def test_what_is_served_is_spelled_as_it_is_served(process: str):
    served = {kind.resource for kind in registry.all_kinds()}
    known_absent = {"customresourcedefinitions", "apiservices", "flowschemas", "prioritylevelconfigurations", "csistoragecapacities"}
    known_absent |= {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"}
    missing = {one.resource for one in informers.TABLE[process]} - served
    assert {name.partition(".")[0] for name in missing} <= known_absent


def test_the_manager_watches_all_that_the_collector_can_delete_but_events(cluster: kl.Cluster):
    frame = cluster.frames.watches().query("component == 'kube-controller-manager'")
    collected = {kind.resource for kind in registry.all_kinds() if {"delete", "list", "watch"} <= set(kind.verbs)}
    assert set(frame["resource"]) == collected - {"events"}
    as_metadata = set(frame[frame["agent"].astype(str).str.endswith("/metadata-informers")]["resource"])
    assert as_metadata == {"clocks.lab.kubelab.dev", "faults.lab.kubelab.dev", "usages.lab.kubelab.dev"}
