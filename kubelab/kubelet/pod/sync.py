"""The sync of a pod that shall run: status ▸ volumes ▸ sandbox ▸ containers in turn, as far as one look can decide it.

upstream: pkg/kubelet/kubelet.go SyncPod, pkg/kubelet/kuberuntime/kuberuntime_manager.go SyncPod and computePodActions,
pkg/kubelet/images/image_manager.go EnsureImageExists, 1.28. Upstream's worker blocks in a pull or hook; here the worker notes what it waits
for (``busy``) and is asked again when that has ended.
"""

from __future__ import annotations

from typing import Any

from kubelab.cri.api import EXITED, READY, RUNNING, Container
from kubelab.cri.reference import InvalidReference, invalid_image_name, parse
from kubelab.engine.plan import Act, Batch, Because, Call, EventDraft, Nudge, Plan, Reason, wait
from kubelab.kubelet.pod import probing, status
from kubelab.kubelet.pod.container_status import has_started, is_sidecar, restarts
from kubelab.kubelet.pod.seen import PodSeen, container_event, format_pod, pod_event
from kubelab.kubelet.pod.starting import SANDBOX_CHANGED, refresh_nudge
from kubelab.kubelet.pod.volumes import is_plain, is_refreshed, needs_mount
from kubelab.kubelet.records import Worker, next_backoff
from kubelab.world.clock import SECOND, format_duration, parse_rfc3339

Object = dict[str, Any]

REPORT = Reason("report-status", "{subject}: what the node sees differs from the status")
NEEDS_SANDBOX = Reason("needs-sandbox", "{subject} has no ready sandbox")
NEEDS_VOLUMES = Reason("needs-volumes", "{subject} has volumes to mount")
UNMOUNTED = Reason("unmounted-volumes", "{subject} waits for a volume: {text}")
START = Reason("start-container", "{subject}: container {container} is to run")
PULL = Reason("pull-image", "{subject}: container {container} needs image {image}")
BUSY = Reason("busy", "{subject}: waiting for container {container}")
BACKING_OFF = Reason("crash-loop-back-off", "{subject}: {text}")
UNFIT = Reason("container-unfit", "{subject}: {text}")
INITIALIZING = Reason("initializing", "{subject}: waiting for init container {container}")
ENDED = Reason("ended", "{subject}: all containers have ended, phase {phase}")
TOO_LONG = Reason("deadline-exceeded", "{subject} was active for longer than {seconds} s")
LEAST_GRACE_S = 2
NO_SECRETS = "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed."
NO_HINDRANCE = (
    404,
    422,
)  # a status that the API server does not take, as of a sidecar that restarts in a pod that does not: it is told later


class Draft:
    """A plan being put together; private to one call of ``plan``."""

    __slots__ = ("acts", "again_ns", "because", "events", "first", "nudges", "runs", "worker")

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.first: list[Call | Act] = []
        self.acts: list[Act] = []
        self.events: list[EventDraft] = []
        self.nudges: list[Nudge] = []
        self.because: list[Because] = []
        self.again_ns: int | None = None
        self.runs = False  # the pod is reported to run for the first time

    def look_again(self, after_ns: int) -> None:
        self.again_ns = after_ns if self.again_ns is None else min(self.again_ns, after_ns)


def plan(seen: PodSeen) -> Plan:
    """What to do for a pod that is neither deleted nor rejected."""
    worker, pod = seen.worker, seen.pod
    subject = f"pod/{pod['metadata']['name']}"
    if seen.fresh and (pod.get("status") or {}).get("phase") in status.TERMINAL and not seen.running():
        return _known_to_have_ended(seen)
    if worker.busy:
        return wait(BUSY(subject, container=worker.busy))
    killed = _being_killed(seen)
    if killed:
        return _wait_for_kill(seen, killed, BUSY(subject, container=killed))
    deadline_ns = _deadline_in_ns(seen)
    if deadline_ns is not None and deadline_ns <= 0:
        return Plan(
            note={"workers": {seen.uid: worker._replace(verdict=status.DEADLINE)}},
            events=(pod_event(pod, "Normal", *status.DEADLINE),),
            again_ns=0,
            because=(TOO_LONG(subject, seconds=pod["spec"]["activeDeadlineSeconds"]),),
        )
    new = status.generate(pod, worker, seen.record, seen.containers, seen.images, seen.host_ip, seen.now_ns)
    draft = Draft(worker._replace(pod=pod, resumed=False, pulled="") if worker.resumed or worker.pod is not pod else worker)
    if new["phase"] in status.TERMINAL or _only_sidecars_left(seen):
        return _end(seen, draft, new, subject)
    if deadline_ns is not None:
        draft.look_again(deadline_ns)
    _act(seen, draft, subject)
    if seen.missing_secrets and (draft.first or draft.acts):
        text = NO_SECRETS.format(", ".join(seen.missing_secrets))
        draft.events.insert(0, pod_event(pod, "Warning", "FailedToRetrieveImagePullSecret", text))
    if not (worker.resumed and draft.acts):
        _report(seen, draft, new, subject)
    probing.start(seen, draft)
    return _finished(seen, draft)


def _known_to_have_ended(seen: PodSeen) -> Plan:
    """A kubelet that has just started finds a pod that is reported as ended: nothing is left but to take it down."""
    act = Act("tear-down", (seen.uid,))
    return Plan((Batch((act,)),) if seen.record.sandbox else (), note={"workers": {seen.uid: seen.worker._replace(done=True)}})


def _report(seen: PodSeen, draft: Draft, new: Object, subject: str) -> None:
    body = status.patch_body(seen.pod, new)
    if body is not None:
        draft.worker = draft.worker._replace(reported=status.digest(new))
        draft.runs = new["phase"] == "Running" and (seen.pod.get("status") or {}).get("phase") == "Pending"
        meta = seen.pod["metadata"]
        because = REPORT(subject)
        call = Call("patch", "pods", meta["namespace"], meta["name"], "status", body, "strategic", NO_HINDRANCE, because=because)
        draft.first.insert(0, call)


def _end(seen: PodSeen, draft: Draft, new: Object, subject: str) -> Plan:
    """A pod that has run to its end: stop what is left of it; or report it and take it down."""
    if seen.running() or new["phase"] not in status.TERMINAL:
        return Plan(note={"workers": {seen.uid: draft.worker._replace(grace_s=_grace_s(seen.pod))}}, again_ns=0)
    new = status.generate(seen.pod, draft.worker, seen.record, seen.containers, seen.images, seen.host_ip, seen.now_ns, ended=True)
    body = status.patch_body(seen.pod, new)
    meta = seen.pod["metadata"]
    because = ENDED(subject, phase=new["phase"])
    calls: list[Call | Act] = []
    if body is not None:
        calls.append(Call("patch", "pods", meta["namespace"], meta["name"], "status", body, "strategic", (404,), because=because))
    calls.append(Act("tear-down", (seen.uid,), because=because))
    note, remember = {"workers": {seen.uid: draft.worker}}, {"workers": {seen.uid: draft.worker._replace(done=True)}}
    return Plan((Batch(tuple(calls)),), note=note, remember=remember, because=(because,))


def _only_sidecars_left(seen: PodSeen) -> bool:
    """upstream: computePodActions, where the regular containers have ended and only restartable init containers run."""
    spec = seen.pod["spec"]
    if not any(is_sidecar(container) for container in spec.get("initContainers") or ()):
        return False
    ended = [seen.current(container["name"]) for container in spec["containers"]]
    return all(
        current is not None and current.state == EXITED and not restarts(seen.pod, container, current)
        for container, current in zip(spec["containers"], ended, strict=True)
    )


def _grace_s(pod: Object) -> int:
    return max(1, int(pod["spec"].get("terminationGracePeriodSeconds") or 1))


def _finished(seen: PodSeen, draft: Draft) -> Plan:
    batches = [Batch(tuple(draft.first))] if draft.first else []
    batches += [Batch((act,)) for act in draft.acts]
    known = seen.worker is draft.worker and not seen.fresh
    note: dict[str, dict[str, Any]] = {} if known else {"workers": {seen.uid: draft.worker}}
    if draft.runs:
        note["pod_starts"] = {seen.uid: seen.now_ns - draft.worker.started_ns}
    return Plan(
        tuple(batches),
        draft.again_ns,
        tuple(draft.because),
        tuple(draft.events),
        note=note,
        nudge=tuple(draft.nudges),
    )


def _deadline_in_ns(seen: PodSeen) -> int | None:
    """upstream: pkg/kubelet/active_deadline.go."""
    seconds = seen.pod["spec"].get("activeDeadlineSeconds")
    started = (seen.pod.get("status") or {}).get("startTime")
    if seconds is None or not started:
        return None
    return parse_rfc3339(started) + int(seconds) * SECOND - seen.now_ns


def _being_killed(seen: PodSeen) -> str:
    """The container that the kubelet is stopping although the pod goes on; "" if none."""
    if not seen.stops:
        return ""
    for name, instances in seen.record.containers.items():
        if instances.current in seen.stops and seen.containers[instances.current].state == RUNNING:
            return name
    return ""


def _wait_for_kill(seen: PodSeen, name: str, because: Because) -> Plan:
    """The end of a kill is told; a kubelet that has just started takes up the kill that the one before it began."""
    if not seen.fresh:
        return wait(because)
    act = Act("stop", (*seen.key, name, _grace_s(seen.pod), ""), because=because)
    return Plan((Batch((act,)),), because=(because,), note={"workers": {seen.uid: seen.worker}})


# -- what to do on the machine -----------------------------------------------------------------------------------------------
def _act(seen: PodSeen, draft: Draft, subject: str) -> None:
    sandbox = seen.sandboxes.get(seen.record.sandbox)
    ready = sandbox is not None and sandbox.state == READY
    if not ready:
        if _is_over(seen):
            return
        _make_sandbox(seen, draft, subject)
    elif seen.fresh and is_refreshed(seen.pod):
        draft.nudges.append(refresh_nudge(seen.key, seen.pod, seen.now_ns))
    sandbox_id = seen.record.sandbox if ready else ""
    if "initContainers" in seen.pod["spec"] and not _initialized(seen, draft, sandbox_id, subject):
        return
    _start_containers(seen, draft, sandbox_id, subject)


def _is_over(seen: PodSeen) -> bool:
    """A pod that never restarts gets no second sandbox once it has had containers (upstream: computePodActions)."""
    return bool(seen.record.sandbox and seen.record.containers) and seen.pod["spec"].get("restartPolicy") == "Never"


def _make_sandbox(seen: PodSeen, draft: Draft, subject: str) -> None:
    """Mount what is to be mounted, then make the sandbox; that another one was there is told (by the mount, if there is one)."""
    pod = seen.pod
    act = Act("sandbox", seen.key, seen.timing.sandbox_ns, NEEDS_SANDBOX(subject))
    if draft.worker.mounted or is_plain(pod):
        if seen.record.sandbox:
            draft.events.append(pod_event(pod, "Normal", *SANDBOX_CHANGED))
        draft.first.append(act)
        return
    duration_ns = seen.timing.mount_ns if needs_mount(pod) else 0
    missing = seen.worker.mounts[2]
    because = UNMOUNTED(subject, text=missing) if missing else NEEDS_VOLUMES(subject)
    draft.because.append(because)
    draft.first.append(Act("mount", seen.key, duration_ns, because))
    draft.acts.append(act)


def _start_containers(seen: PodSeen, draft: Draft, sandbox_id: str, subject: str) -> None:
    pod = seen.pod
    for container in pod["spec"]["containers"]:
        current = seen.current(container["name"])
        if current is not None and current.state == RUNNING and current.sandbox_id == sandbox_id:
            _kill_if_unhealthy(seen, draft, container, current, subject)
        elif not sandbox_id or restarts(pod, container, current):
            if current is not None and not restarts(pod, container, current):
                continue
            if not _start(seen, draft, container, current, subject):
                return


def _initialized(seen: PodSeen, draft: Draft, sandbox_id: str, subject: str) -> bool:
    """Whether the containers may start; which init containers have to be started or killed is planned.

    From the last to the first: those before one that is known have been run, even if nothing is left of them (upstream:
    computeInitContainerActions; what an earlier sandbox has left counts for nothing).
    """
    inits, spec = seen.pod["spec"]["initContainers"], seen.pod["spec"]
    found = [seen.current(container["name"]) for container in inits]
    here = [current if current is not None and current.sandbox_id == sandbox_id else None for current in found]
    mains = (seen.current(container["name"]) for container in spec["containers"])
    initialized = known = any(current is not None and current.sandbox_id == sandbox_id for current in mains)
    starts: list[int] = []
    for at in range(len(inits) - 1, -1, -1):
        container, current = inits[at], here[at]
        sidecar = is_sidecar(container)
        if current is None:
            starts += [at] if known and sidecar else []
            continue
        if known and not sidecar:
            continue
        if current.state == EXITED and (sidecar or current.exit_code != 0):
            starts.append(at)
        elif current.state == EXITED or (sidecar and has_started(container, current, seen.worker)):
            initialized = initialized or at == len(inits) - 1
            starts += [at + 1] if not known and at + 1 < len(inits) else []
        elif current.state == RUNNING and not sidecar:
            draft.because.append(INITIALIZING(subject, container=container["name"]))
        if sidecar and current.state == RUNNING:
            _kill_if_unhealthy(seen, draft, container, current, subject)
        known = True
    for at in reversed(starts if known else [0]):
        if not _start(seen, draft, inits[at], found[at], subject):
            return False
    return initialized


def _kill_if_unhealthy(seen: PodSeen, draft: Draft, container: Object, current: Container, subject: str) -> None:
    """A failed liveness or startup probe, or an image that is no longer the one in the spec."""
    name, sidecar = container["name"], is_sidecar(container)
    text, grace_s = "", None
    for kind in ("liveness", "startup"):
        probe = seen.worker.probes.get((name, kind))
        if probe is not None and probe.container == current.id and probe.result == "failure":
            again = "" if sidecar or seen.pod["spec"].get("restartPolicy") == "Never" else ", will be restarted"
            text = f"{'Init container' if sidecar else 'Container'} {name} failed {kind} probe{again}"
            grace_s = (container.get(f"{kind}Probe") or {}).get("terminationGracePeriodSeconds")
            break
    if not sidecar and current.spec.image != container["image"]:
        text = f"Container {name} definition changed, will be restarted"
    if text:
        because = UNFIT(subject, text=text)
        draft.because.append(because)
        if grace_s is None:  # upstream: setTerminationGracePeriod
            grace_s = seen.pod["spec"].get("terminationGracePeriodSeconds", LEAST_GRACE_S)
        draft.acts.append(Act("stop", (*seen.key, name, int(grace_s), text), because=because))


# -- starting one container ---------------------------------------------------------------------------------------------------
def _start(seen: PodSeen, draft: Draft, container: Object, current: Container | None, subject: str) -> bool:
    """Plan the start of a container; False if the following ones must wait for its image or its postStart hook."""
    name = container["name"]
    if name != seen.worker.pulled:
        if current is not None and current.state == EXITED and _backs_off(seen, draft, container, current, subject):
            return True
        verdict = _image_verdict(seen, container)
        if verdict == "pull":
            if _pull_backs_off(seen, draft, container):
                return True
            because = PULL(subject, container=name, image=container["image"])
            draft.acts.append(Act("request-pull", (*seen.key, name, container["image"]), because=because))
            return False
        if verdict:
            _image_failure(seen, draft, container, verdict)
            return True
    because = START(subject, container=name)
    duration_ns = seen.timing.container_create_ns + seen.timing.container_start_ns
    pulled = name == seen.worker.pulled
    draft.acts.append(Act("run", (*seen.key, name, pulled), duration_ns, because))
    return "postStart" not in (container.get("lifecycle") or {})


def _backs_off(seen: PodSeen, draft: Draft, container: Object, current: Container, subject: str) -> bool:
    """Whether a container that ended must wait; if not, its next delay is noted. The first restart is immediate.

    upstream: doBackOff, which counts by the container's hash: another image starts anew. A container that the kubelet itself has just
    killed is judged by the instance before it.
    """
    name, pod = container["name"], seen.pod
    judged: Container | None = current
    if current.id in seen.stops:
        judged = seen.containers.get(seen.record.containers[name].previous)
    if judged is None:
        return False
    known = seen.worker.crashes.get(name) if judged.spec.image == container["image"] else None
    since_ns = judged.finished_ns
    if known is not None and known.active_since(since_ns, seen.now_ns):
        text = f"back-off {format_duration(known.delay_ns)} restarting failed container={name} pod={format_pod(pod)}"
        draft.events.append(
            container_event(pod, name, "Warning", "BackOff", f"Back-off restarting failed container {name} in pod {format_pod(pod)}")
        )
        draft.because.append(BACKING_OFF(subject, text=text))
        _fail(draft, name, "CrashLoopBackOff", text)
        draft.look_again(seen.retry_ns)
        return True
    draft.worker = draft.worker._replace(crashes={**draft.worker.crashes, name: next_backoff(known, since_ns, seen.now_ns)})
    return False


def _fail(draft: Draft, name: str, reason: str, message: str) -> None:
    draft.worker = draft.worker._replace(reasons={**draft.worker.reasons, name: (reason, message)})


def _image_verdict(seen: PodSeen, container: Object) -> str:
    """ "" to start at once, "pull", or the reason why neither is possible."""
    image = container["image"]
    policy = container.get("imagePullPolicy", "IfNotPresent")
    if policy == "IfNotPresent" and image in seen.image_refs:
        return ""
    try:
        present = image in seen.image_refs or str(parse(image)) in seen.image_refs
    except InvalidReference:
        return "InvalidImageName"
    if policy == "Always" or (policy == "IfNotPresent" and not present):
        return "pull"
    return "" if present else "ErrImageNeverPull"


def _image_failure(seen: PodSeen, draft: Draft, container: Object, reason: str) -> None:
    name, image, pod = container["name"], container["image"], seen.pod
    if reason == "InvalidImageName":
        message = invalid_image_name(image) or ""
        draft.events.append(container_event(pod, name, "Warning", "InspectFailed", message))
    else:
        message = f'Container image "{image}" is not present with pull policy of Never'
        draft.events.append(container_event(pod, name, "Warning", "ErrImageNeverPull", message))
    draft.events.append(container_event(pod, name, "Warning", "Failed", f"Error: {reason}"))
    first = name not in seen.worker.reasons
    _fail(draft, name, reason, message)
    draft.look_again(0 if first else seen.retry_ns)


def _pull_backs_off(seen: PodSeen, draft: Draft, container: Object) -> bool:
    name, image, pod = container["name"], container["image"], seen.pod
    known = seen.worker.images.get(image)
    if known is None or not known.active(seen.now_ns):
        return False
    message = f'Back-off pulling image "{image}"'
    draft.events.append(container_event(pod, name, "Normal", "BackOff", message))
    draft.events.append(container_event(pod, name, "Warning", "Failed", "Error: ImagePullBackOff"))
    _fail(draft, name, "ImagePullBackOff", message)
    draft.look_again(seen.retry_ns)
    return True
