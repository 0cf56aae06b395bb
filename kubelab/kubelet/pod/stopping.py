"""Acts that stop containers and take a pod down: preStop hook ▸ TERM ▸ KILL when the grace is over ▸ sandbox, address, volumes.

upstream: pkg/kubelet/kuberuntime/kuberuntime_container.go killContainer, kuberuntime_manager.go killPodWithSyncResult,
pkg/kubelet/kubelet.go SyncTerminatedPod, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.cri.api import RUNNING
from kubelab.cri.runtime import SimulatedRuntime
from kubelab.engine.component import Scope
from kubelab.engine.plan import EventDraft, Key, Nudge, Plan
from kubelab.kubelet.addresses import release
from kubelab.kubelet.network_world import Around, local, shared
from kubelab.kubelet.pod import dns, hooks
from kubelab.kubelet.pod.probing import taken_up_again
from kubelab.kubelet.pod.seen import container_event, pod_nudge, spec_of
from kubelab.kubelet.pod.starting import tick_nudges
from kubelab.kubelet.pod.volumes import discard
from kubelab.kubelet.records import PodRecord, Stop
from kubelab.world.clock import SECOND

Object = dict[str, Any]
LEAST_GRACE_NS = 2 * SECOND  # upstream: minimumGracePeriodInSeconds
ANNOUNCED = "announced"  # containers whose end has been told of before the runtime could begin it
_NONE: dict[str, Any] = {}


def stop(scope: Scope, pod: Object, key: Key, name: str, grace_s: int, message: str) -> Plan:
    """Begin to stop a container; asked again with less grace, its end comes sooner."""
    record: PodRecord | None = scope.local.get("records", _NONE).get(key[1])
    instances = record.containers.get(name) if record is not None else None
    if instances is None:
        return Plan()
    around = Around(scope)
    runtime = around.runtime(scope.local)
    container_id = instances.current
    container = scope.local["containers"].get(container_id)
    if container is None or container.state != RUNNING:
        return Plan(nudge=(pod_nudge(scope, key),))
    stops = local(scope, "stops")
    known: Stop | None = stops.get(container_id)
    kill_ns = scope.now_ns + grace_s * SECOND
    events: list[EventDraft] = []
    if known is None:
        if not scope.local.get(ANNOUNCED, _NONE).pop(container_id, False):
            events.append(_killing(scope, pod, name, container_id, message))
        handler = (spec_of(pod, name).get("lifecycle") or _NONE).get("preStop")
        if handler and grace_s > 0:
            steady = container_id not in scope.local["states"]
            duration_ns, error = hooks.run_handler(scope, runtime, pod, spec_of(pod, name), container_id, handler)
            probes = taken_up_again(scope, container_id) if steady else ()
            if error:
                events.append(container_event(pod, name, "Warning", "FailedPreStopHook", "PreStopHook failed"))
            if duration_ns > 0 and container_id in scope.local["containers"]:
                until_ns = min(scope.now_ns + duration_ns, kill_ns)
                if duration_ns > grace_s * SECOND and not error:
                    error = "deadline"
                stops[container_id] = Stop(until_ns, kill_ns, error)
                term = _term_nudge(scope, key, name, container_id, until_ns)
                return Plan(events=tuple(events), nudge=(term, *around.pokes(), *probes))
    elif known.hook_until_ns > scope.now_ns:
        stops[container_id] = Stop(min(known.hook_until_ns, kill_ns), min(known.kill_ns, kill_ns), known.hook_error)
        return Plan(nudge=(_term_nudge(scope, key, name, container_id, stops[container_id].hook_until_ns),))
    else:
        kill_ns = min(known.kill_ns, kill_ns)
    return Plan(events=tuple(events), nudge=_term(scope, runtime, around, key, container_id, kill_ns))


def _killing(scope: Scope, pod: Object, name: str, container_id: str, message: str) -> EventDraft:
    """1.7 says which container by its id (upstream: killContainer, computePodContainerChanges, 1.7)."""
    if scope.release == "1.7":
        meta, why = pod["metadata"], "Need to kill Pod"
        if message:
            shown = f"{meta['name']}_{meta['namespace']}({meta['uid']})"
            why = f'pod "{shown}" container "{name}" is unhealthy, it will be killed and re-created.'
        return container_event(pod, name, "Normal", "Killing", f"Killing container with id containerd://{container_id}:{why}")
    return container_event(pod, name, "Normal", "Killing", message or f"Stopping container {name}")


def announce(scope: Scope, pod: Object, uid: str, name: str, message: str) -> Plan:
    """Tell that a container is to be stopped, though its runtime does not answer yet."""
    container_id = _running(scope, uid, name)
    if not container_id or container_id in scope.local.get("stops", _NONE) or container_id in local(scope, ANNOUNCED):
        return Plan()
    local(scope, ANNOUNCED)[container_id] = True
    return Plan(events=(_killing(scope, pod, name, container_id, message),))


def unannounce(scope: Scope, uid: str, name: str) -> None:
    """The runtime has not done it: the next attempt is told again."""
    scope.local.get(ANNOUNCED, _NONE).pop(_running(scope, uid, name), None)


def _running(scope: Scope, uid: str, name: str) -> str:
    record: PodRecord | None = scope.local.get("records", _NONE).get(uid)
    instances = record.containers.get(name) if record is not None else None
    container = scope.local.get("containers", _NONE).get(instances.current) if instances is not None else None
    return container.id if container is not None and container.state == RUNNING else ""


def _term_nudge(scope: Scope, key: Key, name: str, container_id: str, at_ns: int) -> Nudge:
    return Nudge(scope.name, ("term", *key[1:4], name, container_id), at_ns - scope.now_ns)


def hook_ended(scope: Scope, pod: Object, key: Key) -> Plan:
    """The preStop hook has ended, or used up the grace: TERM."""
    _, uid, namespace, pod_name, name, container_id = key
    known: Stop | None = scope.local.get("stops", _NONE).get(container_id)
    container = scope.local.get("containers", _NONE).get(container_id)
    if known is None or container is None or container.state != RUNNING or not 0 < known.hook_until_ns <= scope.now_ns:
        return Plan()
    around = Around(scope)
    events: tuple[EventDraft, ...] = ()
    if known.hook_error == "deadline":
        events = (container_event(pod, name, "Warning", "FailedPreStopHook", "PreStopHook failed"),)
    # of what the hook took, whole seconds count (upstream: executePreStopHook)
    kill_ns = scope.now_ns - (scope.now_ns - known.kill_ns) // SECOND * SECOND
    nudges = _term(scope, around.runtime(scope.local), around, ("pod", uid, namespace, pod_name), container_id, kill_ns)
    return Plan(events=events, nudge=nudges)


def _term(scope: Scope, runtime: SimulatedRuntime, around: Around, key: Key, container_id: str, kill_ns: int) -> tuple[Nudge, ...]:
    kill_ns = max(kill_ns, scope.now_ns + LEAST_GRACE_NS)
    known: Stop | None = scope.local["stops"].get(container_id)
    asked_ns = known.asked_ns or scope.now_ns if known is not None else scope.now_ns
    scope.local["stops"][container_id] = Stop(0, kill_ns, "", asked_ns)
    runtime.stop_container(container_id, kill_ns - scope.now_ns, scope.now_ns)
    nudges = (*tick_nudges(scope, runtime, container_id), *around.pokes())
    if scope.local["containers"][container_id].state != RUNNING:
        return (*nudges, pod_nudge(scope, key, scope.timing.container_stop_ns))
    return nudges


def tear_down(scope: Scope, uid: str) -> Plan:
    """Stop a pod's sandbox and give back its address. Its ended containers stay, for their logs, until the pod object is gone."""
    record: PodRecord | None = scope.local.get("records", _NONE).get(uid)
    if record is None:
        return Plan()
    around = Around(scope)
    around.runtime(scope.local).stop_pod_sandbox(record.sandbox, scope.now_ns)
    release(scope, uid)
    return Plan(nudge=around.pokes()) if around.poked else Plan()


def forget(scope: Scope, pod: Object) -> Plan:
    """The pod object is gone: remove its containers, sandbox, and the volumes that only it had."""
    uid = pod["metadata"]["uid"]
    record: PodRecord | None = scope.local.get("records", _NONE).pop(uid, None)
    around = Around(scope)
    if record is not None:
        runtime = around.runtime(scope.local)
        for container_id in scope.local["members"].get(record.sandbox, ()):
            for table in ("stops", "finite", "messages"):
                scope.local.get(table, _NONE).pop(container_id, None)
        for instances in record.containers.values():
            for container_id in (instances.current, instances.previous):
                runtime.remove_container(container_id, scope.now_ns)
        runtime.remove_pod_sandbox(record.sandbox, scope.now_ns)
        if record.attempt:  # those before it, which the machine's reboots have left (upstream: evictSandboxes)
            for sandbox_id in [name for name, sandbox in scope.local["sandboxes"].items() if sandbox.config.uid == uid]:
                runtime.remove_pod_sandbox(sandbox_id, scope.now_ns)
        release(scope, uid)
    if pod["spec"].get("volumes") or "hostAliases" in pod["spec"] or not dns.is_usual(pod):
        discard(pod, shared(scope, "disks"))
    if scope.local.get("bounded"):
        scope.local["bounded"].pop(uid, None)
    return Plan(nudge=around.pokes()) if around.poked else Plan()
