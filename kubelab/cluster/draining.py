"""Cordon, uncordon and drain a node, as kubectl does them; a drain lets virtual time pass until the node is empty.

upstream: kubectl/pkg/drain/{drain,cordon,filters}.go, kubectl/pkg/cmd/drain/drain.go, 1.28.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from kubelab.apiserver.request import ListOptions
from kubelab.cluster import references, running
from kubelab.cluster.errors import ApiError
from kubelab.cluster.references import Reference
from kubelab.kinds.kind import Object
from kubelab.store.view import controller_uid
from kubelab.world.clock import SECOND, format_duration, parse_duration

if TYPE_CHECKING:
    from kubelab.cluster.handle import Cluster

AGENT = "kubectl"
RETRY_NS = 5 * SECOND
POLL_NS = SECOND
MIRROR = "kubernetes.io/config.mirror"
TERMINATING = "NamespaceTerminating"


class DrainError(RuntimeError):
    """A drain that was refused or did not end, in kubectl's words. ``said``: what kubectl would have printed before."""

    def __init__(self, node: str, errors: list[str], said: list[str]) -> None:
        self.node, self.errors, self.said = node, errors, said
        super().__init__(node, errors, said)  # what a copy is made from

    def __str__(self) -> str:
        shown = self.errors[0] if len(self.errors) == 1 else f"[{', '.join(self.errors)}]"
        return f'unable to drain node "{self.node}" due to error: {shown}'


class Flags(NamedTuple):
    """kubectl drain's flags. ``grace_period`` None: each pod's own. kubectl's own ``timeout`` is 0, for ever."""

    force: bool
    ignore_daemonsets: bool
    delete_emptydir_data: bool
    disable_eviction: bool
    grace_period: int | None
    pod_selector: str
    timeout: str | float

    @property
    def timeout_ns(self) -> int:
        return parse_duration(self.timeout)


@dataclass(slots=True)
class Leaving:
    """A pod on its way: the next attempt at its eviction, or (``granted``) the next look whether it is gone."""

    pod: Object
    due_ns: int
    granted: bool = False


@dataclass(slots=True)
class Drain:
    """A drain under way, and what it has said."""

    cluster: Cluster
    node: str
    flags: Flags
    lines: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def cordon(cluster: Cluster, node: str, *, unschedulable: bool) -> str:
    """Set ``spec.unschedulable``; says what kubectl says."""
    name, word = _name(node), "cordoned" if unschedulable else "uncordoned"
    found = references.parse("node", name)
    if bool(cluster._call("get", found).object["spec"].get("unschedulable")) == unschedulable:
        return f"node/{name} already {word}"
    body = {"spec": {"unschedulable": unschedulable or None}}
    cluster._call("patch", found, body=body, patch_type="strategic", agent=AGENT)
    return f"node/{name} {word}"


def drain(cluster: Cluster, node: str, flags: Flags) -> str:
    """Cordon, then evict all pods that a drain takes; what kubectl says, line by line."""
    if flags.timeout_ns <= 0:
        raise ValueError(f"timeout={flags.timeout!r}: give a duration greater than 0, such as '10m'")
    work = Drain(cluster, _name(node), flags)
    work.lines.append(cordon(cluster, node, unschedulable=True))
    pods = _chosen(work)
    if flags.disable_eviction:
        for pod in pods:
            _delete(work, pod)
    _leave(work, [Leaving(pod, cluster._engine.now_ns, granted=flags.disable_eviction) for pod in pods])
    if work.errors:
        raise DrainError(work.node, work.errors, work.lines)
    return "\n".join((*work.lines, f"node/{work.node} drained"))


def _name(node: str) -> str:
    return node.partition("/")[2] if node.startswith(("node/", "nodes/", "no/")) else node


# -- which pods -------------------------------------------------------------------------------------------------------------------
def _chosen(work: Drain) -> list[Object]:
    """The pods to take. Warnings are said; a pod that must not be taken without a flag refuses the whole drain."""
    options = ListOptions(work.flags.pod_selector, f"spec.nodeName={work.node}")
    found = work.cluster._call("list", Reference(references.kind_of("pods"), "", ""), list_options=options).object["items"]
    chosen: list[Object] = []
    refused: dict[str, list[str]] = {}
    warned: dict[str, list[str]] = {}
    for pod in found:
        place = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        takes, warning, error = _verdict(work, pod)
        if error:
            refused.setdefault(error, []).append(place)
        elif warning:
            warned.setdefault(warning, []).append(place)
        if takes:
            chosen.append(pod)
    if refused:
        raise DrainError(work.node, [f"cannot delete {words}: {', '.join(places)}" for words, places in refused.items()], work.lines)
    if warned:
        work.lines.append("Warning: " + "; ".join(f"{words}: {', '.join(places)}" for words, places in warned.items()))
    return chosen


def _verdict(work: Drain, pod: Object) -> tuple[bool, str, str]:
    """Whether a pod is taken, the warning of the last rule that has one, and the error of the first that refuses."""
    warning = ""
    for takes, said, error in _rules(work, pod):
        if not takes:
            return False, said, error
        warning = said
    return True, warning, ""


def _rules(work: Drain, pod: Object) -> Iterator[tuple[bool, str, str]]:
    flags, meta = work.flags, pod["metadata"]
    finished = (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    owner = next((each for each in meta.get("ownerReferences") or () if each.get("controller")), None)
    if owner is not None and owner["kind"] == "DaemonSet" and not finished:
        yield _daemon(work, meta["namespace"], owner["name"])
    if MIRROR in (meta.get("annotations") or {}):
        yield False, "", ""
    if not finished and any("emptyDir" in volume for volume in pod["spec"].get("volumes") or ()):
        if flags.delete_emptydir_data:
            yield True, "deleting Pods with local storage", ""
        else:
            yield False, "", "Pods with local storage (use --delete-emptydir-data to override)"
    if finished or controller_uid(pod) is not None:
        yield True, "", ""
    elif flags.force:
        yield True, "deleting Pods that declare no controller", ""
    else:
        yield False, "", "Pods declare no controller (use --force to override)"


def _daemon(work: Drain, namespace: str, name: str) -> tuple[bool, str, str]:
    try:
        work.cluster._call("get", Reference(references.kind_of("daemonsets"), namespace, name))
    except ApiError as error:
        if error.code == 404 and work.flags.force:
            return True, error.message, ""
        return False, "", error.message
    if not work.flags.ignore_daemonsets:
        return False, "", "DaemonSet-managed Pods (use --ignore-daemonsets to ignore)"
    return False, "ignoring DaemonSet-managed Pods", ""


# -- their way out ----------------------------------------------------------------------------------------------------------------
def _leave(work: Drain, leaving: list[Leaving]) -> None:
    """All at once: each is evicted again every 5 s while a budget refuses it, and then looked for every second until it is gone."""
    engine = work.cluster._engine
    limit_ns = engine.now_ns + work.flags.timeout_ns
    while leaving:
        due_ns = min(entry.due_ns for entry in leaving)
        if due_ns > limit_ns:
            running.advance(engine, limit_ns, work.cluster._world.start_ns)
            work.errors += [_timed_out(entry, work.flags.timeout_ns) for entry in leaving]
            return
        running.advance(engine, due_ns, work.cluster._world.start_ns)
        leaving = [entry for entry in leaving if entry.due_ns > due_ns or not _goes(work, entry)]


def _goes(work: Drain, entry: Leaving) -> bool:
    """Whether a pod needs no more attention: it is gone, or it cannot be evicted."""
    meta, now_ns = entry.pod["metadata"], work.cluster._engine.now_ns
    if not entry.granted:
        work.lines.append(f"evicting pod {meta['namespace']}/{meta['name']}")
        try:
            work.cluster._call("create", _reference(entry.pod), subresource="eviction", body=_eviction(work, entry.pod), agent=AGENT)
        except ApiError as error:
            return _refused(work, entry, error)
        entry.granted = True
    found = _current(work, entry.pod)
    if found is None or found["metadata"]["uid"] != meta["uid"]:
        word = "deleted" if work.flags.disable_eviction else "evicted"
        work.lines.append(f"pod/{meta['name']} {word}")
        return True
    entry.due_ns = now_ns + POLL_NS
    return False


def _refused(work: Drain, entry: Leaving, error: ApiError) -> bool:
    meta, now_ns = entry.pod["metadata"], work.cluster._engine.now_ns
    what = f'pods/"{meta["name"]}" -n "{meta["namespace"]}"'
    if error.code == 404:
        return True
    if error.code == 429:
        work.lines.append(f"error when evicting {what} (will retry after 5s): {error.message}")
        entry.due_ns = now_ns + RETRY_NS
        return False
    if error.code == 403 and any(cause.get("reason") == TERMINATING for cause in error.causes):
        entry.granted = meta.get("deletionTimestamp") is not None
        entry.pod = _current(work, entry.pod) or entry.pod
        entry.due_ns = now_ns + (POLL_NS if entry.granted else RETRY_NS)
        return False
    work.errors.append(f"error when evicting {what}: {error.message}")
    return True


def _timed_out(entry: Leaving, timeout_ns: int) -> str:
    meta, words = entry.pod["metadata"], f"global timeout reached: {format_duration(timeout_ns)}"
    if entry.granted:
        return f'error when waiting for pod "{meta["name"]}" in namespace "{meta["namespace"]}" to terminate: {words}'
    return f'error when evicting pods/"{meta["name"]}" -n "{meta["namespace"]}": {words}'


def _eviction(work: Drain, pod: Object) -> Object:
    meta = {"name": pod["metadata"]["name"], "namespace": pod["metadata"]["namespace"]}
    version = "policy/v1" if work.cluster._engine.release == "1.28" else "policy/v1beta1"
    return {"apiVersion": version, "kind": "Eviction", "metadata": meta, "deleteOptions": _options(work)}


def _options(work: Drain) -> Object:
    return {} if work.flags.grace_period is None else {"gracePeriodSeconds": work.flags.grace_period}


def _delete(work: Drain, pod: Object) -> None:
    try:
        work.cluster._call("delete", _reference(pod), body=_options(work), agent=AGENT)
    except ApiError as error:
        if error.code != 404:
            raise DrainError(work.node, [error.message], work.lines) from None


def _current(work: Drain, pod: Object) -> Object | None:
    try:
        return dict(work.cluster._call("get", _reference(pod), agent=AGENT).object)
    except ApiError as error:
        if error.code != 404:
            raise
        return None


def _reference(pod: Object) -> Reference:
    return Reference(references.kind_of("pods"), pod["metadata"]["namespace"], pod["metadata"]["name"])
