"""What a pod's worker looks at before it decides, and the texts that kubelet events need.

upstream: pkg/kubelet/kubelet.go (the PLEG's relist drives a pod's syncs), pkg/kubelet/pleg/generic.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kubelab.cri.api import RUNNING, Container, Sandbox
from kubelab.engine.component import Scope, Tables
from kubelab.engine.plan import EventDraft, Key, Nudge, reference
from kubelab.kubelet import static_pods
from kubelab.kubelet.records import PodRecord, Stop, Worker
from kubelab.world.clock import SECOND, rfc3339
from kubelab.world.timing import Timing

if TYPE_CHECKING:
    from kubelab.kubelet.pod.preemption import Turn

Object = dict[str, Any]
NO_RECORD = PodRecord("", "")
RETRY_NS = 10 * SECOND  # upstream: backOffPeriod, spread by wait.Jitter(…, 0.5)
_NONE: dict[str, Any] = {}


@dataclass(frozen=True, slots=True)
class PodSeen:
    """A pod and everything about it on its node, at one instant.

    ``present``: the object still exists under this uid (else ``pod`` is its last state). ``relist_ns``: until the PLEG looks next.
    ``retry_ns``: until the next look after a failure (0 where nothing has failed). ``verdict``: why a new pod is not admitted.
    ``shown``: of a static pod, what the API server has of it. ``turn``: what other pods have to do before this one is admitted.
    ``missing_secrets``: those to pull images with that are not there.
    """

    key: Key
    pod: Object
    present: bool
    fresh: bool
    worker: Worker
    record: PodRecord
    sandboxes: Mapping[str, Sandbox]
    containers: Mapping[str, Container]
    images: Mapping[str, Any]
    image_refs: Mapping[str, str]
    stops: Mapping[str, Stop]
    host_ip: str
    now_ns: int
    timing: Timing
    retry_ns: int
    verdict: tuple[str, str] | None
    shown: static_pods.Shown | None = None
    turn: Turn | None = None
    missing_secrets: tuple[str, ...] = ()

    @property
    def uid(self) -> str:
        return str(self.key[1])

    def current(self, name: str) -> Container | None:
        """The latest instance of a container, of whatever sandbox."""
        instances = self.record.containers.get(name)
        return self.containers.get(instances.current) if instances is not None else None

    def running(self) -> list[Container]:
        """The containers that run now, in the order of their start."""
        found = [self.containers.get(instances.current) for instances in self.record.containers.values()]
        return [container for container in found if container is not None and container.state == RUNNING]


def observe(scope: Scope, key: Key, verdict_of: Any) -> PodSeen | None:
    """``verdict_of(scope, pod)`` is asked once, when a pod is seen first."""
    _, uid, namespace, name = key
    pod = scope.view.get("pods", namespace, name)
    present = pod is not None and pod["metadata"]["uid"] == uid
    worker = scope.memory.get("workers", _NONE).get(uid)
    tables = scope.local
    record = tables.get("records", _NONE).get(uid, NO_RECORD)
    shown = None
    if not present:
        static = static_pods.observed(scope, key, pod, worker) if tables.get(static_pods.TABLE) else None
        if static is not None:
            (pod, shown), present = static, True
            if worker is None and static_pods.is_blocked(scope, pod):
                return None
        else:
            pod = worker.pod if worker is not None else _orphan(scope, key, record)
    if pod is None:
        return None
    fresh, verdict, turn = worker is None, None, None
    if worker is None:
        if shown is None and present and static_pods.is_mirror(pod):
            return None
        verdict = verdict_of(scope, pod, known=record is not NO_RECORD) if present else None
        if verdict is not None and not isinstance(verdict[0], str):
            verdict, turn = None, verdict
        started = (pod.get("status") or _NONE).get("startTime") or rfc3339(scope.now_ns)
        worker = Worker(pod, scope.now_ns, started)
    evicted = scope.memory.get("evicted")
    if evicted and uid in evicted and worker.verdict is None:
        message, disruption, grace_s, *reason = evicted[uid]
        worker = worker._replace(verdict=(reason[0] if reason else "Evicted", message), disruption=disruption, grace_s=grace_s)
    failed = worker.reasons or worker.crashes or worker.images
    retry_ns = int(RETRY_NS * (1 + scope.streams.uniform(scope.name) / 2)) if failed else 0
    return PodSeen(
        key,
        pod,
        present,
        fresh,
        worker,
        record,
        tables.get("sandboxes", _NONE),
        tables.get("containers", _NONE),
        tables.get("images", _NONE),
        tables.get("image_refs", _NONE),
        tables.get("stops", _NONE),
        host_ip(scope, pod["spec"].get("nodeName", "")),
        scope.now_ns,
        scope.timing,
        retry_ns,
        verdict,
        shown,
        turn,
        _missing_secrets(scope, pod) if "imagePullSecrets" in pod["spec"] else (),
    )


def _missing_secrets(scope: Scope, pod: Object) -> tuple[str, ...]:
    """upstream: getPullSecretsForPod in pkg/kubelet/kubelet_pods.go."""
    names = (each.get("name") for each in pod["spec"]["imagePullSecrets"] or ())
    return tuple(name for name in names if name and scope.view.get("secrets", pod["metadata"]["namespace"], name) is None)


def _orphan(scope: Scope, key: Key, record: PodRecord) -> Object | None:
    """A pod of which only the machine knows (its object went while no kubelet ran), as far as it takes to stop it."""
    if record is NO_RECORD:
        return None
    _, uid, namespace, name = key
    containers = [{"name": container, "image": ""} for container in record.containers]
    node = scope.name.partition("/")[2]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": ""},
        "spec": {"containers": containers, "nodeName": node, "terminationGracePeriodSeconds": 1},
    }


def orphan_keys(scope: Scope) -> list[Key]:
    """The pods on the machine whose objects are gone."""
    present = {pod["metadata"]["uid"] for pod in scope.view.on_node(scope.name.partition("/")[2])}
    sandboxes = scope.local.get("sandboxes", _NONE)
    out: list[Key] = []
    for uid, record in scope.local.get("records", _NONE).items():
        sandbox = sandboxes.get(record.sandbox)
        if (
            uid not in present
            and sandbox is not None
            and not static_pods.find(scope.local, uid, sandbox.config.namespace, sandbox.config.name)
        ):
            out.append(("pod", uid, sandbox.config.namespace, sandbox.config.name))
    return out


def host_ip(scope: Scope, node_name: str) -> str:
    """The node's InternalIP."""
    node = scope.view.get("nodes", "", node_name)
    for address in ((node or _NONE).get("status") or _NONE).get("addresses") or ():
        if address["type"] == "InternalIP":
            return str(address["address"])
    return ""


def relist_in_ns(tables: Tables, timing: Timing, now_ns: int) -> int:
    """How long until the PLEG of this machine looks at the runtime next; each node has its own phase."""
    period = timing.relist_ns
    if period <= 0:
        return 0
    return period - (now_ns - int(tables.get("pleg", _NONE).get("phase", 0))) % period


def pod_key(pod: Object) -> Key:
    meta = pod["metadata"]
    return ("pod", meta["uid"], meta["namespace"], meta["name"])


def pod_nudge(scope: Scope, key: Key, after_ns: int = 0) -> Nudge:
    """Ask this kubelet's worker of a pod to look again."""
    return Nudge(scope.name, key, after_ns)


def format_pod(pod: Object) -> str:
    """upstream: pkg/kubelet/util/format/pod.go Pod."""
    meta = pod["metadata"]
    return f"{meta['name']}_{meta['namespace']}({meta['uid']})"


def container_event(pod: Object, name: str, kind: str, reason: str, message: str) -> EventDraft:
    """An event about one container of a pod.

    upstream: pkg/kubelet/container/ref.go GenerateContainerRef.
    """
    group = "initContainers" if any(item["name"] == name for item in pod["spec"].get("initContainers") or ()) else "containers"
    return EventDraft(reference(pod, f"spec.{group}{{{name}}}"), kind, reason, message)


def pod_event(pod: Object, kind: str, reason: str, message: str) -> EventDraft:
    return EventDraft(reference(pod), kind, reason, message)


def spec_of(pod: Object, name: str) -> Object:
    """The entry of a container in its pod's spec."""
    spec = pod["spec"]
    return next(item for item in (*spec["containers"], *(spec.get("initContainers") or ())) if item["name"] == name)
