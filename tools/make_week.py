#!/usr/bin/env python3
"""Make ``data/audit/week.jsonl.gz``: the audit log of a week of a small lab cluster, from a seed.

Two teams, a delivery pipeline, monitoring and an operator work from Monday to Sunday. The week holds what an analyst should find: a new
version of the monitoring that lists all pods without a limit, an operator that fights over one object, a rollout that does not come up,
someone without rights who keeps trying, and, in the night to Sunday, a token of the pipeline used from an address where it never was.

    .venv/bin/python tools/make_week.py [path]
"""

from __future__ import annotations

import gzip
import heapq
import json
import random
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

import kubelab as kl

ROOT = Path(__file__).resolve().parent.parent
SEED = 36
START = "2026-03-02T00:00:00Z"  # a Monday
MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0

POLICY = yaml.safe_load("""
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  resources: [{group: coordination.k8s.io, resources: [leases]}]
- level: None
  users: ["system:kube-scheduler", "system:kube-controller-manager"]
  verbs: [get, list, watch]
- level: None
  userGroups: ["system:nodes"]
  resources: [{group: "", resources: [nodes, nodes/status]}]
- level: None
  users: ["system:apiserver", "system:serviceaccount:kube-system:dynamic-provisioner"]
  verbs: [list, watch]
- level: None
  userGroups: ["system:nodes"]
  verbs: [list, watch]
- level: Metadata
""")

KUBECTL = "kubectl/v1.28.4 (linux/amd64) kubernetes/bae2c62"
LAPTOPS = {"alice": "10.20.0.11", "bob": "10.20.0.12", "carol": "10.20.0.13", "kubernetes-admin": "10.20.0.5"}
PIPELINE, MONITORING, OPERATOR = (
    f"system:serviceaccount:{name}" for name in ("ci:deployer", "monitoring:prometheus", "web:cache-operator")
)
ADDRESSES = {**LAPTOPS, PIPELINE: "10.244.7.21", MONITORING: "10.244.3.9", OPERATOR: "10.244.4.31"}
AGENTS = {
    PIPELINE: "argo-deployer/v2.9.3 (linux/amd64)",
    MONITORING: "Prometheus/2.48.0",
    OPERATOR: "cache-operator/v0.4.1 (linux/amd64) kubernetes/$Format",
}
GROUPS = {"alice": ["dev-web"], "bob": ["dev-data"], "carol": ["dev-web"], "kubernetes-admin": ["system:masters"]}
ELSEWHERE = "203.0.113.77"

SETTING = """
apiVersion: v1
kind: Namespace
metadata: {name: web}
---
apiVersion: v1
kind: Namespace
metadata: {name: data}
---
apiVersion: v1
kind: Namespace
metadata: {name: ci}
---
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: deployer, namespace: ci}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: prometheus, namespace: monitoring}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: cache-operator, namespace: web}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: developers, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: Group, name: dev-web, apiGroup: rbac.authorization.k8s.io}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: developers, namespace: data}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: Group, name: dev-data, apiGroup: rbac.authorization.k8s.io}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: deployer}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: admin}
subjects: [{kind: ServiceAccount, name: deployer, namespace: ci}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: monitoring}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: prometheus, namespace: monitoring}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: scrape}
rules:
- {apiGroups: [""], resources: [nodes], verbs: [get, list, watch]}
- {nonResourceURLs: [/metrics], verbs: [get]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: scrape}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: scrape}
subjects: [{kind: ServiceAccount, name: prometheus, namespace: monitoring}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: cache-operator, namespace: web}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: edit}
subjects: [{kind: ServiceAccount, name: cache-operator, namespace: web}]
---
apiVersion: v1
kind: Secret
metadata: {name: database, namespace: data}
stringData: {password: correct-horse}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: cache-state, namespace: web}
data: {generation: "0"}
"""


def deployment(name: str, image: str, replicas: int) -> dict[str, Any]:
    container = {"name": name, "image": image, "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "web", "labels": {"app": name}},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [container]}},
        },
    }


def stateful_set(name: str) -> dict[str, Any]:
    found = deployment(name, "postgres:15.4", 2)
    found["kind"] = "StatefulSet"
    found["metadata"]["namespace"] = "data"
    found["spec"]["serviceName"] = name
    return found


class Week:
    """The cluster, what is going to happen when, and the chance behind it."""

    def __init__(self) -> None:
        self.chance = random.Random(SEED)
        self.cluster = kl.Cluster(nodes=4, seed=SEED, start=START)
        self.cluster.audit.reload(POLICY)  # the week begins when the cluster is there
        self.due: list[tuple[float, int, Callable[[], None]]] = []
        self.versions = {"shop": 1, "search": 1, "mail": 1}

    def at(self, when: float, do: Callable[[], None]) -> None:
        heapq.heappush(self.due, (when, len(self.due), do))

    def call(self, user: str, method: str, path: str, body: Any = None, kind: str = "", address: str = "") -> tuple[int, Any]:
        """One call as that user's client makes it."""
        headers = {"User-Agent": AGENTS.get(user, KUBECTL), "X-Forwarded-For": address or ADDRESSES[user]}
        if user.startswith("system:serviceaccount:"):
            namespace = user.split(":")[2]
            groups = ["system:serviceaccounts", f"system:serviceaccounts:{namespace}"]
        else:
            groups = GROUPS[user]
        return self.cluster.request(method, path, body, user=user, groups=groups, headers=headers, content_type=kind)

    def run(self) -> None:
        while self.due:
            when, _, do = heapq.heappop(self.due)
            if when >= 7 * DAY:
                break
            if when > self.cluster.elapsed:
                self.cluster.run(when - self.cluster.elapsed)
            do()
        self.cluster.run(7 * DAY - self.cluster.elapsed)

    # -- what people and machines do -------------------------------------------------------------------------------------
    def set_up(self) -> None:
        self.cluster.apply(SETTING)
        for name, replicas in (("shop", 4), ("search", 3), ("mail", 2)):
            self.cluster.apply(deployment(name, f"registry.example.com/{name}:1", replicas))
        self.cluster.apply(stateful_set("ledger"))

    def release(self, name: str, image: str = "") -> None:
        """The pipeline brings a new version: a server-side apply, then looking until it is there."""
        self.versions[name] += 1
        body = deployment(name, image or f"registry.example.com/{name}:{self.versions[name]}", 4 if name == "shop" else 3)
        path = f"/apis/apps/v1/namespaces/web/deployments/{name}"
        self.call(PIPELINE, "PATCH", f"{path}?fieldManager=deployer&force=true", json.dumps(body), "application/apply-patch+yaml")
        now = self.cluster.elapsed
        for look in range(6):
            self.at(now + 2 + 5 * look, lambda: self.call(PIPELINE, "GET", path) and None)

    def look_around(self, user: str, namespace: str) -> None:
        """A developer looks at pods, now and then at a log."""
        code, found = self.call(user, "GET", f"/api/v1/namespaces/{namespace}/pods?limit=500")
        if code == 200 and found["items"] and self.chance.random() < 0.5:
            name = self.chance.choice(found["items"])["metadata"]["name"]
            self.call(user, "GET", f"/api/v1/namespaces/{namespace}/pods/{name}")
            self.call(user, "GET", f"/api/v1/namespaces/{namespace}/pods/{name}/log?tailLines=20")

    def scrape(self) -> None:
        self.call(MONITORING, "GET", "/api/v1/nodes?resourceVersion=0")
        self.call(MONITORING, "GET", "/api/v1/pods?limit=500&resourceVersion=0")
        self.call(MONITORING, "GET", "/metrics")

    def scrape_all(self) -> None:
        """The new version: everything, each time, from storage."""
        self.call(MONITORING, "GET", "/api/v1/pods")

    def fight(self) -> None:
        """Two instances of the operator write the same object; one of them has read it too early."""
        path = "/api/v1/namespaces/web/configmaps/cache-state"
        _, mine = self.call(OPERATOR, "GET", path)
        _, theirs = self.call(OPERATOR, "GET", path)
        for held in (mine, theirs):
            held["data"] = {"generation": str(self.chance.randrange(1_000_000))}
            self.call(OPERATOR, "PUT", path, held, "application/json")

    def reconcile(self) -> None:
        self.call(OPERATOR, "GET", "/api/v1/namespaces/web/configmaps/cache-state")

    def try_without_right(self) -> None:
        self.call("bob", "GET", "/api/v1/namespaces/web/secrets")
        self.call("bob", "DELETE", "/api/v1/namespaces/web/pods/shop-0")

    def night_visit(self) -> None:
        """The pipeline's token, from elsewhere."""
        visit = [
            ("GET", "/api/v1/secrets"),
            ("GET", "/api/v1/namespaces/data/secrets/database"),
            ("GET", "/apis/apps/v1/deployments"),
            ("POST", "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews"),
            ("GET", "/api/v1/namespaces/kube-system/secrets"),
            ("DELETE", "/apis/apps/v1/namespaces/data/statefulsets/ledger"),
        ]
        now = self.cluster.elapsed
        review = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": "data"}}
        for number, (method, path) in enumerate(visit):
            body = review if method == "POST" else None
            self.at(now + 7.0 * number, lambda m=method, p=path, b=body: self.call(PIPELINE, m, p, b, address=ELSEWHERE) and None)

    def put_back(self) -> None:
        self.cluster.apply(stateful_set("ledger"))


def working_hours(chance: random.Random, per_day: float) -> Iterator[float]:
    """Instants of a Poisson process between 8 and 18 o'clock from Monday to Friday."""
    for day in range(5):
        when = day * DAY + 8 * HOUR
        while (when := when + chance.expovariate(per_day / (10 * HOUR))) < day * DAY + 18 * HOUR:
            yield when


def plan(week: Week) -> None:
    """Who does what when."""
    chance = week.chance
    for user, namespace, per_day in (("alice", "web", 160), ("carol", "web", 90), ("bob", "data", 120)):
        for when in working_hours(chance, per_day):
            week.at(when, lambda u=user, n=namespace: week.look_around(u, n))
    for when in working_hours(chance, 6):
        name = chance.choice(list(week.versions))
        week.at(when, lambda n=name: week.release(n))
    for number in range(int(7 * DAY / (5 * MINUTE))):
        week.at(number * 5 * MINUTE + chance.uniform(0, 5), week.scrape)
    for number in range(int(7 * DAY / (5 * MINUTE))):
        week.at(number * 5 * MINUTE + chance.uniform(0, 30), week.reconcile)
    for number in range(int(5 * HOUR / 20)):  # Wednesday, from ten until it is rolled back
        week.at(2 * DAY + 10 * HOUR + number * 20.0, week.scrape_all)
    for number in range(180):  # Thursday afternoon
        week.at(3 * DAY + 14 * HOUR + number * 10.0, week.fight)
    week.at(1 * DAY + 11.4 * HOUR, lambda: week.release("search", "nginx:1.161"))  # the image does not exist
    week.at(1 * DAY + 11.9 * HOUR, lambda: week.release("search"))
    for when in working_hours(chance, 3):
        week.at(when, week.try_without_right)
    week.at(6 * DAY + 3.2 * HOUR, week.night_visit)
    week.at(6 * DAY + 8.1 * HOUR, week.put_back)


def directly(event: dict[str, Any]) -> dict[str, Any]:
    """An event as if its client had come without a proxy: the address that it named is the one that the server saw."""
    return {**event, "sourceIPs": event["sourceIPs"][:1]}


def main() -> None:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "data" / "audit" / "week.jsonl.gz"
    week = Week()
    week.set_up()
    plan(week)
    week.run()
    lines = (json.dumps(directly(event), separators=(",", ":"), ensure_ascii=False) for event in week.cluster.audit_events())
    text = "".join(f"{line}\n" for line in lines).encode()
    count = text.count(b"\n")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(gzip.compress(text, 9, mtime=0))
    print(f"{target.name}: {count:,} events, {len(text) / 1e6:.1f} MB, {target.stat().st_size / 1e6:.2f} MB compressed")


if __name__ == "__main__":
    main()
