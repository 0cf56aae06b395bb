"""A node in a test: the real engine with kubelets and runtimes, in front of a small API server that stores what it is told."""

from __future__ import annotations

from typing import Any

from kubelab.apiserver.request import Request, Response
from kubelab.cri.effects import Log
from kubelab.engine.engine import Engine
from kubelab.kubelet import for_node, node_object
from kubelab.store.log import CallRecord, Manager, Object
from kubelab.world.clock import SECOND, parse_duration, parse_rfc3339, rfc3339
from kubelab.world.timing import Timing

START_NS = parse_rfc3339("2026-01-01T00:00:00Z")
MANAGER = Manager("test", "Update", "v1")


class SmallServer:
    """Create, update, patch and delete, without admission or validation; conditions merge by type."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.real = engine.server  # which answers informers
        self.faults: dict[str, Any] = {}
        self.calls: list[Request] = []
        self.refuse = ""  # a resource whose calls are answered with 500

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)

    def handle(self, request: Request, now_ns: int) -> Response:
        self.calls.append(request)
        store = self.engine.store
        key = (request.resource, request.namespace, request.name or (request.body or {}).get("metadata", {}).get("name", ""))
        found = store.head.get(*key)
        response = self._answer(request, key, found, now_ns)
        origin = request.origin
        record = CallRecord(
            now_ns, request.user.name, request.user_agent, request.verb, request.resource, request.subresource, request.namespace, key[2],
            response.code, "", "", origin.wait_ns, origin.latency_ns, origin.component, origin.key, 0, 0, origin.because, 0, "",
        )  # fmt: skip
        store.log.calls.append(record)
        return response

    def _answer(self, request: Request, key: tuple[str, str, str], found: Object | None, now_ns: int) -> Response:
        if request.resource == self.refuse:
            return Response(500, {"message": "an error on the server"})
        if request.verb == "create":
            if found is not None:
                return Response(409, {"message": "already exists"})
            meta = {"uid": self.engine.streams.uuid(), "creationTimestamp": rfc3339(now_ns), **request.body["metadata"]}
            return self._commit("ADDED", key, {**request.body, "metadata": meta}, None, now_ns)
        if found is None:
            return Response(404, {"message": "not found"})
        if request.verb == "update":
            return self._commit("MODIFIED", key, request.body, found, now_ns)
        if request.verb == "patch":
            wanted = (request.body.get("metadata") or {}).get("uid")
            if wanted and wanted != found["metadata"]["uid"]:
                return Response(409, {"message": "uid mismatch"})
            new = {**found, "status": merged(found.get("status") or {}, request.body.get("status") or {})}
            return self._commit("MODIFIED", key, new, found, now_ns)
        return self._delete(request, key, found, now_ns)

    def _delete(self, request: Request, key: tuple[str, str, str], found: Object, now_ns: int) -> Response:
        grace = (request.body or {}).get("gracePeriodSeconds", found["spec"].get("terminationGracePeriodSeconds", 30))
        if grace == 0 or not found["spec"].get("nodeName") or (found.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
            return self._commit("DELETED", key, found, found, now_ns)
        deletion = {"deletionTimestamp": rfc3339(now_ns + grace * SECOND), "deletionGracePeriodSeconds": grace}
        return self._commit("MODIFIED", key, {**found, "metadata": {**found["metadata"], **deletion}}, found, now_ns)

    def _commit(self, kind: str, key: tuple[str, str, str], obj: Object, old: Object | None, now_ns: int) -> Response:
        store = self.engine.store
        obj = {**obj, "metadata": {**obj["metadata"], "resourceVersion": str(store.revision + 1)}}
        commit = store.commit(now_ns, kind, key, obj, MANAGER, len(store.log.calls))
        return Response(200, obj, [commit])


def merged(old: Object, change: Object) -> Object:
    """A strategic merge of a pod's or node's status, as far as kubelets use it."""
    new = {field: item for field, item in {**old, **change}.items() if item is not None and not field.startswith("$")}
    if "podIPs" in change:
        new["podIPs"] = [entry for entry in change["podIPs"] if "$patch" not in entry]
    if "conditions" in change:
        by_type = {condition["type"]: condition for condition in old.get("conditions") or ()}
        for condition in change["conditions"]:
            if condition.get("$patch") == "delete":
                by_type.pop(condition["type"], None)
                continue
            both = {**by_type.get(condition["type"], {}), **condition}
            by_type[condition["type"]] = {name: item for name, item in both.items() if item is not None}
        order = [entry["type"] for entry in change.get("$setElementOrder/conditions", ())]
        new["conditions"] = sorted(
            by_type.values(), key=lambda condition: order.index(condition["type"]) if condition["type"] in order else -1
        )
    return new


class Node:
    """``nodes`` nodes named n0, n1, …; ``run`` lets virtual time pass; ``pod``, ``events``, ``patches`` look at what came of it."""

    def __init__(self, nodes: int = 1, **timing: Any) -> None:
        self.engine = Engine(seed=7, start_ns=START_NS, timing=Timing(**{"jitter": 0.0, **timing}), release="1.28", gates={})
        self.server = SmallServer(self.engine)
        self.engine.server = self.server  # type: ignore[assignment]
        for index in range(nodes):
            node = node_object(f"n{index}", index, START_NS)
            self.create("nodes", node)
            self.engine.machines[f"n{index}"] = {}
        self.run("1s")
        for index in range(nodes):
            for component in for_node(f"n{index}", self.engine.timing):
                self.engine.add(component)

    # -- what a user does ----------------------------------------------------------------------------------------------------
    def ask(self, verb: str, resource: str, name: str = "", body: Any = None, namespace: str = "default", **more: Any) -> Response:
        return self.engine.handle(Request(verb, resource, namespace, name, body=body, **more))

    def create(self, resource: str, obj: Object) -> Object:
        namespace = obj["metadata"].get("namespace", "")
        answer = self.ask("create", resource, obj["metadata"]["name"], obj, namespace)
        assert answer.ok, answer
        return answer.object

    def start(self, *pods: Object) -> None:
        for pod in pods:
            self.create("pods", pod)

    def delete(self, name: str, grace: int | None = None) -> None:
        assert self.ask("delete", "pods", name, None if grace is None else {"gracePeriodSeconds": grace}).ok

    def run(self, duration: str) -> None:
        until_ns = self.engine.now_ns + parse_duration(duration)
        wakes = self.engine.wakes
        while (due_ns := wakes.next_time_ns()) is not None and due_ns <= until_ns:
            self.engine.run_one()
        self.engine.now_ns = until_ns

    # -- what can be seen -----------------------------------------------------------------------------------------------------
    def pod(self, name: str = "web") -> Object | None:
        return self.engine.store.head.get("pods", "default", name)

    def status(self, name: str = "web") -> Object:
        pod = self.pod(name)
        assert pod is not None, f"pod {name} is gone"
        return pod.get("status") or {}

    def state(self, name: str = "web", container: str = "c", kind: str = "containerStatuses") -> Object:
        return next(item for item in self.status(name)[kind] if item["name"] == container)

    def condition(self, kind: str, name: str = "web") -> Object:
        return next(item for item in self.status(name)["conditions"] if item["type"] == kind)

    def events(self, *reasons: str) -> list[tuple[str, str]]:
        """(reason, message) in the order in which they were written."""
        written = [call.body for call in self.server.calls if call.resource == "events" and call.verb == "create"]
        return [(event["reason"], event["message"]) for event in written if not reasons or event["reason"] in reasons]

    def patches(self) -> list[Object]:
        return [call.body["status"] for call in self.server.calls if call.verb == "patch" and call.resource == "pods"]

    def output(self, name: str = "web", container: str = "c", node: str = "n0") -> str:
        tables = self.engine.machines[node]
        record = tables["records"][self.pod(name)["metadata"]["uid"]]  # type: ignore[index]
        lines: tuple[Log, ...] = tables["logs"].get(record.containers[container].current, ())
        return "".join(line.text for line in lines)

    def elapsed(self) -> float:
        return (self.engine.now_ns - START_NS) / SECOND


def container(name: str = "c", image: str = "nginx:1.25", **more: Any) -> Object:
    return {"name": name, "image": image, "imagePullPolicy": "IfNotPresent", **more}


def shell(script: str, name: str = "c", **more: Any) -> Object:
    return container(name, "busybox:1.36", command=["sh", "-c", script], **more)


def pod(*containers: Object, name: str = "web", node: str = "n0", **spec: Any) -> Object:
    """A bound pod as the API server shows it to a kubelet."""
    body = {"containers": list(containers) or [container()], "restartPolicy": "Always", "terminationGracePeriodSeconds": 30, **spec}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {**body, "nodeName": node},
        "status": {
            "phase": "Pending",
            "qosClass": "BestEffort",
            "conditions": [{"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": rfc3339(START_NS)}],
        },
    }
