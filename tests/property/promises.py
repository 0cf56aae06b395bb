"""What must hold in every world: at every instant, and once nothing moves any more. Each broken promise is a rule and words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import kubelab as kl
from kubelab.kinds.quantity import parse
from kubelab.store.state import State
from kubelab.world.clock import SECOND, parse_rfc3339
from tests.invariants import complaints

Object = dict[str, Any]
Broken = tuple[str, str]
OVER = ("Succeeded", "Failed")
MINUTE = 60 * SECOND
REVISION = "deployment.kubernetes.io/revision"


def always(cluster: kl.Cluster) -> Iterator[Broken]:
    yield from (("invariant", text) for text in complaints(cluster))
    state = cluster._engine.store.head
    yield from _requests_fit(state)
    yield from _one_daemon_per_node(state)
    yield from _one_job_at_a_time(state)


def at_rest(cluster: kl.Cluster) -> Iterator[Broken]:
    state = cluster._engine.store.head
    yield from _nothing_half_deleted(state)
    yield from _owners_are_there(state)
    yield from _a_daemon_on_every_node(state)
    yield from _statuses_tell_the_truth(state)
    yield from _endpoints_are_the_ready_pods(state)
    yield from _budgets_count_right(state)
    yield from _quotas_count_right(state)
    yield from _jobs_are_accounted_for(state)
    yield from _histories_are_kept_short(state)
    yield from _autoscaled_within_bounds(state)
    yield from _schedules_are_kept(cluster)


# -- at every instant --------------------------------------------------------------------------------------------------------------
def _pods(state: State) -> list[Object]:
    return list(state.all("pods").values())


def _phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase", "Pending"))


def _is_live(pod: Object) -> bool:
    return "deletionTimestamp" not in pod["metadata"] and _phase(pod) not in OVER


def _condition(obj: Object, kind: str) -> str:
    return next((str(each["status"]) for each in (obj.get("status") or {}).get("conditions") or () if each["type"] == kind), "")


def _owned(state: State, owner: Object, resource: str = "pods") -> list[Object]:
    uid = owner["metadata"]["uid"]
    found = (state.objects[key[0]][key[1:]] for key in state.dependents.get(uid, {}) if key[0] == resource)
    return [obj for obj in found if any(each["uid"] == uid and each.get("controller") for each in obj["metadata"]["ownerReferences"])]


def _name(obj: Object) -> str:
    return f"{obj['kind'].lower()}/{obj['metadata']['name']}"


def _requests_fit(state: State) -> Iterator[Broken]:
    """The requests of the pods that are bound to a node are no more than it has to give."""
    asked: dict[str, int] = {}
    for pod in _pods(state):
        node = pod["spec"].get("nodeName")
        if node and _phase(pod) not in OVER:
            requests = (((each.get("resources") or {}).get("requests") or {}).get("cpu") or "0" for each in pod["spec"]["containers"])
            asked[node] = asked.get(node, 0) + sum(parse(text).milli() for text in requests)
    for name, milli in asked.items():
        node = state.get("nodes", "", name)
        if node is not None and milli > parse(node["status"]["allocatable"]["cpu"]).milli():
            yield "requests", f"the pods of {name} ask for {milli}m of cpu, and it has {node['status']['allocatable']['cpu']}"


def _one_daemon_per_node(state: State) -> Iterator[Broken]:
    """Failed pods are taken away (with surge upstream makes another pod at each sync while a failed one is backed off)."""
    for daemon_set in state.all("daemonsets.apps").values():
        if not _surge(daemon_set):
            failed = Counter(pod["spec"].get("nodeName", "") for pod in _owned(state, daemon_set) if _phase(pod) == "Failed")
            for node, count in failed.items():
                if count > 3:
                    yield "failed daemons", f"{count} failed pods of {_name(daemon_set)} pile up on {node}"


def _surge(daemon_set: Object) -> Any:
    return ((daemon_set["spec"].get("updateStrategy") or {}).get("rollingUpdate") or {}).get("maxSurge") or 0


class Watcher:
    """What must hold after every single change: read from the log, not from what is left when somebody looks."""

    def __init__(self) -> None:
        self.seen = 0
        self.live: dict[str, dict[tuple[str, ...], str]] = {}  # by owner's uid: pods that are neither over nor going, with their node

    def broken(self, cluster: kl.Cluster) -> list[Broken]:
        store, found = cluster._engine.store, []
        for commit in store.log.since(self.seen):
            self.seen = commit.revision
            if commit.key[0] != "pods":
                continue
            pod = commit.object
            owner = next((each for each in pod["metadata"].get("ownerReferences") or () if each.get("controller")), None)
            if owner is None or owner["kind"] not in ("DaemonSet", "Job"):
                continue
            mine = self.live.setdefault(owner["uid"], {})
            mine.pop(commit.key, None)
            if commit.type != "DELETED" and _is_live(pod):
                mine[commit.key] = pod["spec"].get("nodeName") or _wanted_node(pod)
            if commit.type == "ADDED":
                found += _crowd(store.head, owner, pod["metadata"]["namespace"], mine)
        return found


def _wanted_node(pod: Object) -> str:
    """The node that a daemon pod is confined to."""
    affinity = (pod["spec"].get("affinity") or {}).get("nodeAffinity") or {}
    for term in (affinity.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ():
        for field in term.get("matchFields") or ():
            return str(field["values"][0])
    return ""


def _crowd(state: State, owner: Object, namespace: str, live: dict[tuple[str, ...], str]) -> Iterator[Broken]:
    if owner["kind"] == "Job":
        job = state.get("jobs.batch", namespace, owner["name"])
        if job is not None and job["metadata"]["uid"] == owner["uid"] and len(live) > (job["spec"].get("parallelism") or 0):
            yield "parallelism", f"{_name(job)} has {len(live)} pods at once"
        return
    daemon_set = state.get("daemonsets.apps", namespace, owner["name"])
    if daemon_set is not None and daemon_set["metadata"]["uid"] == owner["uid"]:
        for node, count in Counter(live.values()).items():
            if count > (2 if _surge(daemon_set) else 1):
                yield "daemons", f"{node} has {count} live pods of {_name(daemon_set)}"


def _is_over(job: Object) -> bool:
    return "True" in (_condition(job, "Complete"), _condition(job, "Failed"))


def _one_job_at_a_time(state: State) -> Iterator[Broken]:
    for cron_job in state.all("cronjobs.batch").values():
        policy = cron_job["spec"].get("concurrencyPolicy")
        live = [job for job in _owned(state, cron_job, "jobs.batch") if not _is_over(job) and "deletionTimestamp" not in job["metadata"]]
        if policy in ("Forbid", "Replace") and len(live) > 1:
            yield "concurrency", f"{_name(cron_job)} ({policy}) has {len(live)} unfinished jobs at once"


# -- at rest ---------------------------------------------------------------------------------------------------------------------------
def _nothing_half_deleted(state: State) -> Iterator[Broken]:
    for resource, objects in state.objects.items():
        for obj in objects.values():
            if "deletionTimestamp" in obj["metadata"]:
                yield "half deleted", f"{resource} {obj['metadata']['name']} waits for {obj['metadata'].get('finalizers') or 'its node'}"


def _owners_are_there(state: State) -> Iterator[Broken]:
    uids = {obj["metadata"]["uid"]: True for objects in state.objects.values() for obj in objects.values()}
    for resource, objects in state.objects.items():
        for obj in objects.values():
            for owner in obj["metadata"].get("ownerReferences") or ():
                if owner["uid"] not in uids:
                    yield "orphan", f"{resource} {obj['metadata']['name']}: its owner {owner['kind']} {owner['name']} is gone"


def _tolerates(spec: Object, taint: Object) -> bool:
    for each in spec.get("tolerations") or ():
        same_key = not each.get("key") or each["key"] == taint["key"]
        same_value = each.get("operator") == "Exists" or each.get("value", "") == taint.get("value", "")
        if same_key and same_value and each.get("effect", taint["effect"]) == taint["effect"]:
            return True
    return False


def _a_daemon_on_every_node(state: State) -> Iterator[Broken]:
    for daemon_set in state.all("daemonsets.apps").values():
        spec = daemon_set["spec"]["template"]["spec"]
        wanted = spec.get("nodeSelector") or {}
        pods = [pod for pod in _owned(state, daemon_set) if _is_live(pod)]
        having = Counter(pod["spec"].get("nodeName") for pod in pods if _condition(pod, "Ready") == "True")
        for node in state.all("nodes").values():
            taints = [each for each in node["spec"].get("taints") or () if not each["key"].startswith("node.kubernetes.io/")]
            fits = wanted.items() <= (node["metadata"].get("labels") or {}).items() and all(_tolerates(spec, each) for each in taints)
            count = having.get(node["metadata"]["name"], 0)
            if fits and count != 1:
                yield "daemons", f"{node['metadata']['name']} has {count} ready pods of {_name(daemon_set)}"
            if not fits and count and not taints:
                yield "daemons", f"{node['metadata']['name']} is not meant for {_name(daemon_set)}, and has {count} of its pods"


def _statuses_tell_the_truth(state: State) -> Iterator[Broken]:
    for resource in ("replicasets.apps", "replicationcontrollers", "statefulsets.apps"):
        for owner in state.all(resource).values():
            pods = [pod for pod in _owned(state, owner) if _is_live(pod)]
            status, ready = owner["status"], sum(_condition(pod, "Ready") == "True" for pod in pods)
            if (status["replicas"], status.get("readyReplicas", 0)) != (len(pods), ready):
                yield "status", f"{_name(owner)} says {status}, and has {len(pods)} pods, {ready} of them ready"
            if status.get("observedGeneration", 0) != owner["metadata"]["generation"]:
                yield "status", f"{_name(owner)} has observed generation {status.get('observedGeneration')}"
    for deployment in state.all("deployments.apps").values():
        sets = _owned(state, deployment, "replicasets.apps")
        total, status = sum(each["status"]["replicas"] for each in sets), deployment["status"]
        if status.get("replicas", 0) != total or status["observedGeneration"] != deployment["metadata"]["generation"]:
            yield "status", f"{_name(deployment)} says {status}, and its ReplicaSets have {total} pods"


def _endpoints_are_the_ready_pods(state: State) -> Iterator[Broken]:
    for (namespace, name), service in state.all("services").items():
        selector = service["spec"].get("selector")
        if not selector:
            continue
        ready = sorted(
            pod["metadata"]["name"]
            for pod in _pods(state)
            if _is_live(pod) and _condition(pod, "Ready") == "True" and selector.items() <= (pod["metadata"].get("labels") or {}).items()
        )
        endpoints = state.get("endpoints", namespace, name) or {}
        told = sorted(each["targetRef"]["name"] for subset in endpoints.get("subsets") or () for each in subset.get("addresses") or ())
        slices = [each for each in state.all("endpointslices.discovery.k8s.io").values() if _serves(each, name)]
        sliced = sorted(each["targetRef"]["name"] for one in slices for each in one["endpoints"] or () if each["conditions"]["ready"])
        if told != ready or sliced != ready:
            yield "endpoints", f"service/{name}: ready are {ready}, its Endpoints say {told}, its slices {sliced}"


def _serves(slice_: Object, name: str) -> bool:
    return bool((slice_["metadata"].get("labels") or {}).get("kubernetes.io/service-name") == name)


def _budgets_count_right(state: State) -> Iterator[Broken]:
    for budget in state.all("poddisruptionbudgets.policy").values():
        labels, status = budget["spec"]["selector"]["matchLabels"], budget.get("status") or {}
        pods = [pod for pod in _pods(state) if labels.items() <= (pod["metadata"].get("labels") or {}).items()]
        healthy = sum(_is_live(pod) and _condition(pod, "Ready") == "True" for pod in pods)
        if pods and status.get("currentHealthy") != healthy:
            yield "budget", f"{_name(budget)} says {status}, and {healthy} pods are healthy"
        if status.get("disruptionsAllowed", 0) > max(0, healthy - status.get("desiredHealthy", 0)):
            yield "budget", f"{_name(budget)} allows too much: {status}"


def _quotas_count_right(state: State) -> Iterator[Broken]:
    live = sum(_phase(pod) not in OVER for pod in _pods(state) if pod["metadata"]["namespace"] == "default")
    for quota in state.all("resourcequotas").values():
        used = ((quota.get("status") or {}).get("used") or {}).get("pods")
        if used is not None and int(used) != live:
            yield "quota", f"{_name(quota)} says {used} pods are used, and there are {live}"


def _jobs_are_accounted_for(state: State) -> Iterator[Broken]:
    for job in state.all("jobs.batch").values():
        status, wanted = job.get("status") or {}, job["spec"].get("completions")
        if status.get("uncountedTerminatedPods", {}).get("succeeded") or status.get("uncountedTerminatedPods", {}).get("failed"):
            yield "job", f"{_name(job)} has not counted {status['uncountedTerminatedPods']}"
        if _condition(job, "Complete") == "True" and wanted is not None and status.get("succeeded", 0) < wanted:
            yield "job", f"{_name(job)} is complete, and {status.get('succeeded', 0)} of {wanted} have succeeded"
        if _is_over(job) and (status.get("active") or any(_is_live(pod) for pod in _owned(state, job))):
            yield "job", f"{_name(job)} is over, and has live pods: {status}"
        if not _is_over(job) and not job["spec"].get("suspend") and "ownerReferences" not in job["metadata"]:
            yield "job", f"{_name(job)} does not end: {status}"
        for pod in _owned(state, job):
            if _phase(pod) in OVER and pod["metadata"].get("finalizers"):
                yield "job", f"pod {pod['metadata']['name']} keeps its finalizer"


def _histories_are_kept_short(state: State) -> Iterator[Broken]:
    for deployment in state.all("deployments.apps").values():
        newest = (deployment["metadata"].get("annotations") or {}).get(REVISION)
        sets = _owned(state, deployment, "replicasets.apps")
        old = [each for each in sets if not each["spec"]["replicas"] and each["metadata"]["annotations"].get(REVISION) != newest]
        if len(old) > deployment["spec"]["revisionHistoryLimit"] and _condition(deployment, "Progressing") == "True":
            yield "history", f"{_name(deployment)} keeps {len(old)} old ReplicaSets"
    for resource in ("statefulsets.apps", "daemonsets.apps"):
        for owner in state.all(resource).values():
            revisions = _owned(state, owner, "controllerrevisions.apps")
            if len(revisions) > owner["spec"]["revisionHistoryLimit"] + 2:
                yield "history", f"{_name(owner)} keeps {len(revisions)} revisions"


def _autoscaled_within_bounds(state: State) -> Iterator[Broken]:
    for scaler in state.all("horizontalpodautoscalers.autoscaling").values():
        target = state.get("deployments.apps", scaler["metadata"]["namespace"], scaler["spec"]["scaleTargetRef"]["name"])
        if target is None or not target["spec"]["replicas"]:
            continue
        low, high = scaler["spec"].get("minReplicas") or 1, scaler["spec"]["maxReplicas"]
        if not low <= target["spec"]["replicas"] <= high:
            yield "autoscaler", f"{_name(target)} has {target['spec']['replicas']} replicas, not {low} to {high}"


def _schedules_are_kept(cluster: kl.Cluster) -> Iterator[Broken]:
    """A CronJob that has been there for longer than its schedule's period has started a Job."""
    engine = cluster._engine
    for cron_job in engine.store.head.all("cronjobs.batch").values():
        age_ns = engine.now_ns - parse_rfc3339(cron_job["metadata"]["creationTimestamp"])
        if age_ns > 10 * MINUTE and not (cron_job.get("status") or {}).get("lastScheduleTime"):
            yield "schedule", f"{_name(cron_job)} ({cron_job['spec']['schedule']}) has never started a Job"
