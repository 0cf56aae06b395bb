"""pods/eviction: delete a pod, if its disruption budget can spare it.

upstream: pkg/registry/core/pod/storage/eviction.go, staging/src/k8s.io/component-helpers/apps/poddisruptionbudget/helpers.go, 1.28.
Upstream's retries on conflicts have no counterpart: nothing comes between reading and writing here.
"""

from __future__ import annotations

from kubelab.apiserver import decoding, delete, status
from kubelab.apiserver.admission import chain
from kubelab.apiserver.managed import NOBODY
from kubelab.apiserver.request import Response
from kubelab.apiserver.work import Work
from kubelab.kinds import registry
from kubelab.kinds.kind import Kind
from kubelab.kinds.selectors import matches_selector
from kubelab.store.log import Manager, Object

BUDGETS = "poddisruptionbudgets.policy"
MAX_DISRUPTED_PODS = 2000
_VERSIONS = ("policy/v1", "policy/v1beta1")
_TWO_BUDGETS = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
_REFUSED = "Cannot evict pod as it would violate the pod's disruption budget."
_SINGULAR = Kind(kind="PodDisruptionBudget", plural="poddisruptionbudget", group="policy")


def evict(work: Work) -> Response:
    """Answers 201 with a Status, 429 while the budget allows none."""
    if work.request.verb != "create":
        raise status.method_not_allowed()
    eviction = _body(work)
    if (eviction["metadata"].get("name") or "") != work.request.name:
        raise status.bad_request("name in URL does not match name in Eviction object")
    _admit(work, eviction)
    options = dict(eviction.get("deleteOptions") or {})
    if work.request.options.dry_run:
        options["dryRun"] = ["All"]
    pod = work.stored()
    if not _ignores_budgets(pod):
        budgets = _budgets(work, pod)
        if len(budgets) > 1:
            failed = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": _TWO_BUDGETS, "code": 500}
            return work.answer(failed, 201)
        for budget in budgets:
            if not _is_spare(budget, pod):
                _charge(work, budget, pod, dry_run=bool(options.get("dryRun")))
    _delete(work, options)
    return work.answer(status.success(code=201), 201)


def _body(work: Work) -> Object:
    """The Eviction, of policy/v1 or policy/v1beta1."""
    kind = registry.by_kind("Eviction", "policy")
    assert kind is not None
    body = decoding.parse(work.request.body or {}, kind)
    given = body.get("apiVersion") or ""
    version = given.partition("/")[2] if given in _VERSIONS else kind.versions[0]
    inner = Work(work.server, work.request._replace(version=version, subresource="", body=body), kind, work.context)
    body = decoding.body(inner)
    work.warnings.extend(inner.warnings)
    return body


def _admit(work: Work, eviction: Object) -> None:
    work.operation, work.object = "CREATE", eviction
    chain.mutate(work)
    chain.review(work)


def _ignores_budgets(pod: Object) -> bool:
    phase = (pod.get("status") or {}).get("phase")
    return phase in ("Succeeded", "Failed", "Pending") or bool(pod["metadata"].get("deletionTimestamp"))


def _budgets(work: Work, pod: Object) -> list[Object]:
    """An empty selector is every pod, a missing one none."""
    labels = pod["metadata"].get("labels") or {}
    state = work.server.store.head
    found = state.in_namespace(BUDGETS, pod["metadata"]["namespace"])
    return [each for each in found if matches_selector(each["spec"].get("selector"), labels)]


def _is_spare(budget: Object, pod: Object) -> bool:
    """A pod that is not ready does not count: it may go if the budget says so, or if enough others are healthy."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    if any(each["type"] == "Ready" and each["status"] == "True" for each in conditions):
        return False
    if budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow":
        return True
    counts = budget.get("status") or {}
    desired: int = counts.get("desiredHealthy", 0)
    return desired > 0 and desired <= int(counts.get("currentHealthy", 0))


def _charge(work: Work, budget: Object, pod: Object, *, dry_run: bool) -> None:
    """Take one disruption from the budget, and note the pod so that its controller does not count it as healthy."""
    meta, counts = budget["metadata"], budget.get("status") or {}
    name, allowed = meta["name"], counts.get("disruptionsAllowed", 0)
    if counts.get("observedGeneration", 0) < meta.get("generation", 0):
        cause = {"reason": "DisruptionBudget", "message": f"The disruption budget {name} is still being processed by the server."}
        raise status.too_many_requests(_REFUSED, 10, [cause])
    if allowed < 0:
        raise status.forbidden(_SINGULAR, name, "pdb disruptions allowed is negative")
    disrupted = counts.get("disruptedPods") or {}
    if len(disrupted) > MAX_DISRUPTED_PODS:
        why = "DisruptedPods map too big - too many evictions not confirmed by PDB controller"
        raise status.forbidden(_SINGULAR, name, why)
    if not allowed:
        numbers = f"needs {counts.get('desiredHealthy', 0)} healthy pods and has {counts.get('currentHealthy', 0)} currently"
        cause = {"reason": "DisruptionBudget", "message": f"The disruption budget {name} {numbers}"}
        raise status.too_many_requests(_REFUSED, 0, [cause])
    if dry_run:
        return
    now = work.context.now
    written = {**counts, "disruptionsAllowed": allowed - 1, "disruptedPods": {**disrupted, pod["metadata"]["name"]: now}}
    if allowed == 1:
        written["conditions"] = _insufficient(counts, now)
    key = (BUDGETS, meta["namespace"], name)
    manager = Manager("kube-apiserver", "Update", budget["apiVersion"], "status")
    work.commit("MODIFIED", key, {**budget, "metadata": {**meta}, "status": written}, manager)


def _insufficient(counts: Object, now: str) -> list[Object]:
    """The conditions once the last disruption is spent (upstream: UpdateDisruptionAllowedCondition)."""
    conditions: list[Object] = list(counts.get("conditions") or ())
    at = next((i for i, each in enumerate(conditions) if each["type"] == "DisruptionAllowed"), len(conditions))
    since = conditions[at]["lastTransitionTime"] if at < len(conditions) and conditions[at]["status"] == "False" else now
    conditions[at : at + 1] = [
        {
            "type": "DisruptionAllowed",
            "status": "False",
            "observedGeneration": counts.get("observedGeneration", 0),
            "lastTransitionTime": since,
            "reason": "InsufficientPods",
            "message": "",
        }
    ]
    return conditions


def _delete(work: Work, options: Object) -> None:
    """Say in the pod why it goes, then delete it as a DELETE would."""
    request = work.request._replace(verb="delete", subresource="", body=options)
    deletion = Work(work.server, request, work.kind, work.context)
    delete.draft(deletion)
    pod = deletion.old
    assert pod is not None
    if not options.get("dryRun") and work.context.release != "1.7":
        deletion.old = _marked(work, pod)
    delete.prepare(deletion)
    if not deletion.finished:
        delete.commit(deletion)
    work.commits.extend(deletion.commits)


def _marked(work: Work, pod: Object) -> Object:
    """The pod with condition DisruptionTarget, which no field manager owns."""
    counts = pod.get("status") or {}
    conditions: list[Object] = list(counts.get("conditions") or ())
    at = next((i for i, each in enumerate(conditions) if each["type"] == "DisruptionTarget"), len(conditions))
    said = {"status": "True", "reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"}
    if at < len(conditions) and all(conditions[at].get(key) == value for key, value in said.items()):
        return pod
    was = conditions[at] if at < len(conditions) else {}
    since = was["lastTransitionTime"] if was.get("status") == "True" else work.context.now
    conditions[at : at + 1] = [{"type": "DisruptionTarget", "lastProbeTime": None, "lastTransitionTime": since, **said}]
    marked = {**pod, "metadata": {**pod["metadata"]}, "status": {**counts, "conditions": conditions}}
    work.commit("MODIFIED", work.key, marked, NOBODY)
    return marked
