"""Making the pods that a job wants active, and taking away those that it does not.

upstream: manageJob, deleteJobPods, deleteActivePods in pkg/controller/job/job_controller.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.controllers.common.deletion_order import youngest_first
from kubelab.controllers.common.events import pod_created, pod_deleted, pod_not_created, pod_not_deleted
from kubelab.controllers.common.pod_facts import is_terminating, phase
from kubelab.controllers.common.pod_template import pod_from_template
from kubelab.controllers.common.slow_start import slow_start
from kubelab.controllers.job.counting import Tally
from kubelab.controllers.job.facts import FINALIZER, has_limit_per_index, is_suspended, is_tracked, replaces_only_failed
from kubelab.controllers.job.indexes import duplicates, is_indexed, next_indexes, with_index
from kubelab.controllers.job.per_index import with_failures
from kubelab.engine.plan import NOTHING, Batch, Because, Call, Plan, Reason, create, delete, patch
from kubelab.store.log import Object

MAX_PER_SYNC = 500

TOO_FEW = Reason("TooFewPods", "{subject} has {pods} active pods and wants {wanted}")
TOO_MANY = Reason("TooManyPods", "{subject} has {pods} active pods and wants {wanted}")
ENDED = Reason("JobEnded", "{subject} has ended: its active pods go")
RELEASE = Reason("PodCounted", "{subject} is counted")


def wanted_active(job: Object, counts: Tally) -> int:
    """How many pods shall be active now."""
    spec = job["spec"]
    if is_suspended(job):
        return 0
    parallelism, completions = int(spec.get("parallelism", 1)), spec.get("completions")
    if completions is None:
        return len(counts.active) if counts.succeeded > 0 else parallelism
    return max(0, min(int(completions) - counts.succeeded, parallelism))


def held_places(job: Object, pods: Sequence[Object]) -> int:
    """Where only failed pods are replaced, a pod that terminates keeps its place until it has ended."""
    return len(_ending(pods)) if replaces_only_failed(job) and not is_suspended(job) else 0


def _ending(pods: Sequence[Object]) -> list[Object]:
    return [pod for pod in pods if is_terminating(pod) and phase(pod) not in ("Succeeded", "Failed")]


def free_indexes(job: Object, counts: Tally, pods: Sequence[Object], wanted: int) -> list[int]:
    """The indexes that pods are missing for, as many as are wanted and as one sync makes."""
    taken = [*counts.active, *_ending(pods)] if replaces_only_failed(job) else counts.active
    settled = [*counts.done, *(counts.failed_indexes or ())]
    return next_indexes(settled, taken, _missing(counts, wanted), job["spec"]["completions"])


def _missing(counts: Tally, wanted: int) -> int:
    return min(wanted - len(counts.active), MAX_PER_SYNC)


def surplus_pods(job: Object, counts: Tally, wanted: int) -> list[Object]:
    """Active pods to be taken away: of an Indexed job first those whose index is not theirs alone."""
    count = len(counts.active) - wanted
    chosen = duplicates(counts.active, job["spec"].get("completions") or 0) if is_indexed(job) and not is_suspended(job) else []
    if count > len(chosen):
        rest = [pod for pod in counts.active if pod not in chosen]
        chosen += youngest_first(rest)[: count - len(chosen)]
    return chosen[:MAX_PER_SYNC]


def take_away(job: Object, pods: Sequence[Object], wanted: int, active: int) -> Plan:
    """Their finalizers first, so that they do not count as failed; then they are deleted."""
    because = TOO_MANY(_subject(job), pods=active, wanted=wanted)
    refused = (pod_not_deleted(job),)
    freed = tuple(
        patch("pods", pod, finalizer_patch(), accept=(404,), on_refusal=refused, because=because) for pod in pods if is_tracked(pod)
    )
    first = Plan((Batch(freed),)) if freed else NOTHING
    return first.then(Plan((Batch(tuple(_delete(job, pod, because) for pod in pods)),)))


def end_active(job: Object, pods: Sequence[Object]) -> Plan:
    because = ENDED(_subject(job))
    return Plan((Batch(tuple(_delete(job, pod, because) for pod in pods)),))


def _delete(job: Object, pod: Object, because: Because) -> Call:
    return delete("pods", pod, accept=(404,), on_success=(pod_deleted(job, pod),), on_refusal=(pod_not_deleted(job),), because=because)


def release(pods: Sequence[Object]) -> Plan:
    """The finalizers of counted pods go, all at once."""
    calls = (patch("pods", pod, finalizer_patch(), accept=(404,), because=RELEASE(f"pod/{pod['metadata']['name']}")) for pod in pods)
    return Plan((Batch(tuple(calls)),))


def finalizer_patch() -> Object:
    return {"metadata": {"$deleteFromPrimitiveList/finalizers": [FINALIZER]}}


def make(job: Object, counts: Tally, wanted: int, indexes: Sequence[int]) -> Plan:
    """The missing pods, in batches of 1, 2, 4 …; ``indexes``: those of an Indexed job's."""
    pod = pod_from_template(job["spec"]["template"], job)
    present = pod["metadata"].get("finalizers") or []
    if FINALIZER not in present:
        pod["metadata"]["finalizers"] = [*present, FINALIZER]
    because = TOO_FEW(_subject(job), pods=len(counts.active), wanted=wanted)
    if is_indexed(job):
        bodies = [with_index(pod, job["metadata"]["name"], index) for index in indexes]
    else:
        bodies = [pod] * _missing(counts, wanted)
    if has_limit_per_index(job):
        bodies = [with_failures(body, job, counts.awaiting.get(index)) for body, index in zip(bodies, indexes, strict=True)]
    refused = (pod_not_created(job),)
    calls = [
        create(
            "pods",
            body,
            job["metadata"]["namespace"],
            on_success=(pod_created(job),),
            on_refusal=refused,
            ignore_terminating=True,
            because=because,
        )
        for body in bodies
    ]
    return Plan(tuple(Batch(tuple(batch)) for batch in slow_start(calls)))


def _subject(job: Object) -> str:
    return f"job/{job['metadata']['name']}"
