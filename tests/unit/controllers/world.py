"""A world with the workload controllers and a stand-in for scheduler and kubelet: pods get a node, become ready, and go at once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from kubelab.apiserver.request import Options, Request, User
from kubelab.controllers import deployment, replicaset, statefulset
from kubelab.engine.component import Controller, Identity, Watch
from kubelab.engine.engine import Engine
from kubelab.engine.plan import NOTHING, Plan, delete, step, update_status
from kubelab.store.log import Object
from kubelab.world.clock import SECOND, parse_rfc3339, rfc3339
from kubelab.world.timing import Timing

MASTERS = ("system:masters", "system:authenticated")
START_NS = parse_rfc3339("2026-01-01T00:00:00Z")


def pod_keys(change: Any, scope: Any) -> Any:
    meta = change.object["metadata"]
    return () if change.type == "DELETED" else ((meta["namespace"], meta["name"]),)


def see_pod(scope: Any, key: Any) -> Any:
    return scope.view.get("pods", *key), scope.now_ns


def run_pod(seen: Any) -> Plan:
    """An image called ``broken`` never starts."""
    pod, now_ns = seen
    if pod is None:
        return NOTHING
    if pod["metadata"].get("deletionTimestamp"):
        return step(delete("pods", pod, options={"gracePeriodSeconds": 0}, accept=(404,)))
    if pod["status"].get("phase") != "Pending" or pod["spec"]["containers"][0]["image"] == "broken":
        return NOTHING
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": rfc3339(now_ns)}
    return step(update_status("pods", {**pod, "status": {**pod["status"], "phase": "Running", "conditions": [ready]}}))


KUBELET = Controller(
    "kubelet", Identity("kubelet", MASTERS, "kubelet", "kubelet"), (Watch("pods", pod_keys),), see_pod, run_pod, 50, qps=1e6, burst=10**6
)


class World:
    """An engine with one namespace."""

    def __init__(self, **figures: Any) -> None:
        self.engine = Engine(
            seed=1, start_ns=START_NS, timing=Timing(client_qps=1e6, client_burst=10**6, **figures), release="1.28", gates={}
        )
        for each in (deployment.CONTROLLER, replicaset.CONTROLLER, statefulset.CONTROLLER):
            self.engine.add(replace(each, identity=replace(each.identity, groups=MASTERS)))
        self.engine.add(KUBELET)
        self.request(
            "create", "namespaces", "default", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}, namespace=""
        )
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": "default"}}
        self.request("create", "serviceaccounts", "default", account)

    def request(self, verb: str, resource: str, name: str, body: Any = None, *, patch_type: str = "", namespace: str = "default") -> Object:
        user = User("admin", MASTERS)
        call = Request(verb, resource, namespace, name, body=body, patch_type=patch_type, options=Options(), user=user, user_agent="test")
        response = self.engine.handle(call)
        assert response.code < 400, response.object
        return response.object

    def get(self, resource: str, name: str) -> Object:
        return self.request("get", resource, name)

    def patch(self, resource: str, name: str, body: Any) -> None:
        self.request("patch", resource, name, body, patch_type="strategic")

    def settle(self) -> None:
        """Until nothing moves; at most a virtual minute."""
        end_ns = self.engine.now_ns + 60 * SECOND
        while self.engine.moving and self.engine.wakes.heap[0][0] < end_ns:
            self.engine.run_one()

    def story(self, component: str, since: int = 0) -> list[str]:
        """The accepted calls of a component in words; events and refused ones aside."""
        calls = [call for call in self.engine.store.log.calls[since:] if call.component == component and call.resource != "events"]
        return [
            f"{call.verb} {call.resource.partition('.')[0]}{'/' + call.subresource if call.subresource else ''} {call.name}"
            for call in calls
            if call.code < 400
        ]

    @property
    def here(self) -> int:
        """The place in the log of calls from which a story goes on."""
        return len(self.engine.store.log.calls)


def workload(kind: str, name: str, image: str = "nginx:1", **spec: Any) -> Object:
    containers = [{"name": "c", "image": image}]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"terminationGracePeriodSeconds": 0, "containers": containers}}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": name}}, "template": template, **spec},
    }


def image(name: str) -> Object:
    return {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": name}]}}}}
