"""The end of a pod: stop its containers in parallel, report, take it down, confirm its deletion.

upstream: pkg/kubelet/pod_workers.go, pkg/kubelet/kubelet.go SyncTerminatingPod and SyncTerminatedPod,
pkg/kubelet/status/status_manager.go syncPod, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.engine.plan import NOTHING, Act, Batch, Call, Plan, Reason
from kubelab.kubelet.pod import status
from kubelab.kubelet.pod.seen import PodSeen

Object = dict[str, Any]
NOT_FOUND = (404, 409)

STOPPING = Reason("stopping-containers", "{subject}: stopping {containers}, grace {grace} s")
STOPPED = Reason("containers-stopped", "{subject}: no container runs any more")
REJECTED = Reason("rejected", "{subject} is not admitted: {reason}")
CONFIRM = Reason("confirm-deletion", "{subject} is stopped and taken down, and its object is terminating")
GONE = Reason("object-gone", "{subject}: its object is gone")


def is_ending(seen: PodSeen) -> bool:
    """Whether the pod must stop: deleted, rejected, evicted, out of time, or run to its end."""
    worker = seen.worker
    return not seen.present or worker.verdict is not None or worker.grace_s > 0 or "deletionTimestamp" in seen.pod["metadata"]


def plan(seen: PodSeen) -> Plan:
    running = seen.running()
    if running:
        return _stop(seen, [container.spec.name for container in running])
    if not seen.present:
        return _forget(seen)
    return _stopped(seen)


def grace_s(seen: PodSeen) -> int:
    """upstream: calculateEffectiveGracePeriod: it may only fall, and is at least 1."""
    known = seen.worker.grace_s
    for wanted in (seen.pod["metadata"].get("deletionGracePeriodSeconds"), 0 if not seen.present else None):
        if wanted is not None and (known == 0 or wanted < known):
            known = wanted
    if known == 0 and seen.present:
        known = seen.pod["spec"].get("terminationGracePeriodSeconds") or 0
    return max(1, int(known))


def _stop(seen: PodSeen, names: list[str]) -> Plan:
    pod, worker = seen.pod, seen.worker
    subject, grace = f"pod/{pod['metadata']['name']}", grace_s(seen)
    because = STOPPING(subject, containers=", ".join(names), grace=grace)
    anew = grace < worker.grace_s or worker.grace_s == 0
    new = [name for name in names if anew or seen.record.containers[name].current not in seen.stops]
    calls: list[Call | Act] = []
    if seen.present:
        now = status.generate(pod, worker, seen.record, seen.containers, seen.images, seen.host_ip, seen.now_ns, ending=True)
        calls += _report(seen, now, because)
    calls += [Act("stop", (*seen.key, name, grace, ""), because=because) for name in new]
    noted = worker._replace(pod=pod, grace_s=grace) if worker.grace_s != grace or worker.pod is not pod else worker
    note = {} if noted is worker and not seen.fresh else {"workers": {seen.uid: noted}}
    batches = (Batch(tuple(calls)),) if calls else ()
    return Plan(batches, because=(because,), note=note)


def _report(seen: PodSeen, new: Object, because: Any) -> list[Call | Act]:
    body = status.patch_body(seen.pod, new)
    if body is None:
        return []
    meta = seen.pod["metadata"]
    return [Call("patch", "pods", meta["namespace"], meta["name"], "status", body, "strategic", NOT_FOUND, because=because)]


def _stopped(seen: PodSeen) -> Plan:
    """Nothing runs: the last status, the sandbox, and, if the object waits for it, the DELETE that removes it."""
    pod, worker = seen.pod, seen.worker
    meta = pod["metadata"]
    subject = f"pod/{meta['name']}"
    deleted = "deletionTimestamp" in meta
    if worker.done and not deleted:
        return NOTHING
    because = REJECTED(subject, reason=worker.verdict[0]) if worker.rejected and worker.verdict else STOPPED(subject)
    calls: list[Call | Act] = [] if worker.done else _report(seen, _last_status(seen), because)
    if not worker.done and seen.record.sandbox:
        calls.append(Act("tear-down", (seen.uid,), because=because))
    batches = [Batch(tuple(calls))] if calls else []
    if deleted:
        options = {"gracePeriodSeconds": 0, "preconditions": {"uid": meta["uid"]}}
        confirm = Call("delete", "pods", meta["namespace"], meta["name"], body=options, accept=NOT_FOUND, because=CONFIRM(subject))
        batches.append(Batch((confirm,)))
    note = {"workers": {seen.uid: worker}} if seen.fresh else {}
    remember = {"workers": {seen.uid: worker._replace(pod=pod, busy="", done=True)}}
    return Plan(tuple(batches), because=(because,), note=note, remember=remember)


def _last_status(seen: PodSeen) -> Object:
    if seen.worker.rejected:
        return status.rejection(seen.pod, seen.worker)
    return status.generate(seen.pod, seen.worker, seen.record, seen.containers, seen.images, seen.host_ip, seen.now_ns, ended=True)


def _forget(seen: PodSeen) -> Plan:
    because = GONE(f"pod/{seen.pod['metadata']['name']}")
    return Plan((Batch((Act("forget", (seen.pod,), because=because),)),), because=(because,), note={"workers": {seen.uid: None}})
