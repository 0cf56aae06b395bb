"""Upstream's own rows for resources, taints, node affinity, pod affinity and topology spreading, in the ``.jsonl`` files beside this one.

Each row names its source. Pods without a namespace stand in ``default``, where upstream's rows leave it empty.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kubelab.scheduler.framework import Skip, Status
from kubelab.scheduler.plugins import inter_pod_affinity, node_affinity, node_resources_fit, pod_topology_spread, taint_toleration
from tests.unit.scheduler import builders as b

HERE = Path(__file__).parent
SHORT = {
    "near": inter_pod_affinity.AFFINITY.reasons[0],
    "anti": inter_pod_affinity.ANTI_AFFINITY.reasons[0],
    "existing": inter_pod_affinity.EXISTING_ANTI_AFFINITY.reasons[0],
    "conflict": node_affinity.CONFLICT.reasons[0],
}
NAMESPACES = {"subteam1.team1": {"team": "team1"}, "subteam2.team1": {"team": "team1"}, "subteam1.team2": {"team": "team2"}}


def rows(file, *kinds):
    found = [json.loads(line) for line in (HERE / file).read_text(encoding="utf-8").splitlines()]
    return [pytest.param(row, id=row["name"]) for row in found if not kinds or row["kind"] in kinds]


def pod(name, row):
    more = {key: row[key] for key in ("affinity", "nodeSelector", "tolerations") if key in row}
    if "spread" in row:
        more["topologySpreadConstraints"] = row["spread"]
    made = b.pod(name, namespace=row.get("namespace") or "default", labels=row["labels"], node=row.get("node", ""), **more)
    if row.get("terminating"):
        made["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    return made


def node(row):
    taints = [each if isinstance(each, list) else [each["key"], each.get("value", ""), each["effect"]] for each in row.get("taints", ())]
    made = b.node(row["name"], taints=taints)
    made["metadata"]["labels"] = row["labels"]
    return made


def cluster_of(row):
    namespaces = [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "uid": name, "labels": labels}}
        for name, labels in NAMESPACES.items()
    ]
    cluster = b.cluster_of(*map(node, row["nodes"]), *namespaces, *(pod(f"p{at}", each) for at, each in enumerate(row["pods"])))
    return cluster, cluster.entry_of(pod("new", {**row["pod"], "node": ""})), [cluster.nodes[each["name"]] for each in row["nodes"]]


def reason(status):
    return status.reasons[0] if status else ""


def expected(row):
    return [SHORT.get(each, each) for each in row["expected"]]


@pytest.mark.parametrize("row", rows("upstream_rows.jsonl", "taint-filter"))
def test_taint_filter(row):
    _, entry, nodes = cluster_of(row)

    assert [reason(taint_toleration.filter(entry, each)) for each in nodes] == expected(row)


@pytest.mark.parametrize("row", rows("upstream_rows.jsonl", "taint-score"))
def test_taint_score(row):
    _, entry, nodes = cluster_of(row)

    assert taint_toleration.normalize([taint_toleration.score(entry, each) for each in nodes]) == row["expected"]


@pytest.mark.parametrize("row", rows("upstream_rows.jsonl", "node-affinity-filter"))
def test_node_affinity_filter(row):
    _, entry, nodes = cluster_of(row)
    only = node_affinity.pre_filter(entry)
    if isinstance(only, Status):
        assert [reason(only)] == expected(row)
        return

    assert sorted(only or ()) == sorted(row.get("only") or ())
    assert [reason(node_affinity.filter(entry, each)) for each in nodes] == expected(row)


@pytest.mark.parametrize("row", rows("upstream_rows.jsonl", "node-affinity-score"))
def test_node_affinity_score(row):
    _, entry, nodes = cluster_of(row)

    assert node_affinity.normalize([node_affinity.score(entry, each) for each in nodes]) == row["expected"]


@pytest.mark.parametrize("row", rows("upstream_rows.jsonl", "affinity-filter"))
def test_affinity_filter(row):
    cluster, entry, nodes = cluster_of(row)
    state = inter_pod_affinity.pre_filter(entry, cluster)
    found = [""] * len(nodes) if isinstance(state, Skip) else [reason(inter_pod_affinity.filter(state, each)) for each in nodes]

    assert found == expected(row)


@pytest.mark.parametrize("row", rows("upstream_rows.jsonl", "affinity-score"))
def test_affinity_score(row):
    cluster, entry, nodes = cluster_of(row)
    state = inter_pod_affinity.pre_score(entry, cluster)
    if isinstance(state, Skip):
        assert not any(row["expected"])
        return
    found = inter_pod_affinity.scores(state, cluster, [each.index for each in nodes])

    assert found == row["expected"]
    assert found == inter_pod_affinity.normalize([inter_pod_affinity.score(state, each) for each in nodes])


@pytest.mark.parametrize("row", rows("spread_filter.jsonl"))
def test_spread_filter(row):
    cluster, entry, nodes = cluster_of(row)
    state = pod_topology_spread.pre_filter(entry, cluster)
    codes = {None: "", pod_topology_spread.NO_MATCH: "U", pod_topology_spread.NO_LABEL: "UU"}

    assert {each.name: codes[pod_topology_spread.filter(state, each)] for each in nodes} == row["expected"]


# upstream: nodeports/node_ports_test.go TestNodePorts, 1.28: wanted, used, whether they conflict
PORTS = [
    ("other port", ["UDP/127.0.0.1/8080"], ["UDP/127.0.0.1/9090"], False),
    ("same udp port", ["UDP/127.0.0.1/8080"], ["UDP/127.0.0.1/8080"], True),
    ("same tcp port", ["TCP/127.0.0.1/8080"], ["TCP/127.0.0.1/8080"], True),
    ("different host ip", ["TCP/127.0.0.1/8080"], ["TCP/127.0.0.2/8080"], False),
    ("different protocol", ["UDP/127.0.0.1/8080"], ["TCP/127.0.0.1/8080"], False),
    ("second udp port", ["UDP/127.0.0.1/8000", "UDP/127.0.0.1/8080"], ["UDP/127.0.0.1/8080"], True),
    ("first tcp port", ["TCP/127.0.0.1/8001", "UDP/127.0.0.1/8080"], ["TCP/127.0.0.1/8001", "UDP/127.0.0.1/8081"], True),
    ("wanted on all addresses", ["TCP/0.0.0.0/8001"], ["TCP/127.0.0.1/8001"], True),
    ("one of two on all addresses", ["TCP/10.0.10.10/8001", "TCP/0.0.0.0/8001"], ["TCP/127.0.0.1/8001"], True),
    ("used on all addresses", ["TCP/127.0.0.1/8001"], ["TCP/0.0.0.0/8001"], True),
    ("used on all addresses by another protocol", ["UDP/127.0.0.1/8001"], ["TCP/0.0.0.0/8001"], False),
    ("used on all addresses by both", ["UDP/127.0.0.1/8001"], ["TCP/0.0.0.0/8001", "UDP/0.0.0.0/8001"], True),
]


def with_ports(name, texts, node=""):
    made = b.pod(name, node=node)
    split = [text.split("/") for text in texts]
    made["spec"]["containers"][0]["ports"] = [{"protocol": protocol, "hostIP": ip, "hostPort": int(port)} for protocol, ip, port in split]
    return made


@pytest.mark.parametrize(("name", "wanted", "used", "conflicts"), PORTS, ids=[row[0] for row in PORTS])
def test_host_ports(name, wanted, used, conflicts):
    decision = b.place(with_ports("new", wanted), b.node("n1"), with_ports("old", used, "n1"))

    assert (decision.plugins == ("NodePorts",)) == conflicts


def asking(name, row, node=""):
    made = b.pod(name, node=node)
    made["spec"]["containers"] = [{"name": f"c{at}", "resources": {"requests": each}} for at, each in enumerate(row["containers"])]
    made["spec"]["initContainers"] = [{"name": f"i{at}", "resources": {"requests": each}} for at, each in enumerate(row.get("init", ()))]
    if "overhead" in row:
        made["spec"]["overhead"] = row["overhead"]
    return made


@pytest.mark.parametrize("row", rows("fit_rows.jsonl"))
def test_resources(row):
    cpu, memory, pods, extended, storage, huge_pages = map(str, row["node"])
    has = {"example.com/aaa": extended, "ephemeral-storage": storage, "hugepages-2Mi": huge_pages}
    cluster = b.cluster_of(
        b.node("n1", cpu=f"{cpu}m", memory=memory, pods=pods, **has), *(asking(f"p{at}", each, "n1") for at, each in enumerate(row["pods"]))
    )
    status = node_resources_fit.filter(cluster.entry_of(asking("new", row["pod"])), cluster.order[0])

    assert sorted(status.reasons if status else ()) == sorted(row["expected"])
