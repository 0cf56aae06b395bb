"""Probes: startup, liveness, readiness; by exec, HTTP, TCP, gRPC. Each has its own ticks, and results that hold until a threshold is passed.

upstream: pkg/kubelet/prober/{worker,prober,prober_manager}.go, pkg/probe/{http,tcp,grpc,exec}, 1.28. A probe whose program cannot change its
answer is not asked again once it has succeeded: its result is what it would be anyway.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from kubelab.cri.api import RUNNING, Container, CriError
from kubelab.cri.effects import HttpAnswer
from kubelab.cri.runtime import SimulatedRuntime
from kubelab.engine.component import Scope
from kubelab.engine.plan import Act, EventDraft, Key, Nudge, Plan, Reason, step
from kubelab.kubelet import static_pods
from kubelab.kubelet.network_world import Around
from kubelab.kubelet.pod.container_status import has_started
from kubelab.kubelet.pod.environment import expand
from kubelab.kubelet.pod.hooks import port_of, unreached, url_of
from kubelab.kubelet.pod.seen import PodSeen, container_event, pod_nudge, spec_of
from kubelab.kubelet.pod.starting import tick_nudges
from kubelab.kubelet.records import PodRecord, ProbeState, Worker
from kubelab.world.clock import SECOND, format_duration

if TYPE_CHECKING:
    from kubelab.kubelet.pod.sync import Draft

Object = dict[str, Any]
KINDS = ("startup", "readiness", "liveness")
UNDECIDED_NS = 600 * SECOND
MOST_REDIRECTS = 10
_NONE: dict[str, Any] = {}

ASK = Reason("probe", "{subject}: {kind} probe of container {container}")


def start(seen: PodSeen, draft: Draft) -> None:
    """Begin the probes of containers that run and are not probed yet (in place on the draft)."""
    spec = seen.pod["spec"]
    for container in (*spec["containers"], *(spec.get("initContainers") or ())):
        if not ("readinessProbe" in container or "livenessProbe" in container or "startupProbe" in container):
            continue
        current = seen.current(container["name"])
        if current is None or current.state != RUNNING:
            continue
        _start(seen, draft, container, current)


def _start(seen: PodSeen, draft: Draft, container: Object, current: Container) -> None:
    name = container["name"]
    started = has_started(container, current, seen.worker)
    for kind in KINDS:
        probe = container.get(f"{kind}Probe")
        if probe is None or (kind != "startup" and not started):
            continue
        known = draft.worker.probes.get((name, kind))
        if known is not None and known.container == current.id:
            continue
        state = ProbeState(current.id, draft.worker.started_ns)
        if known is not None:
            state = replace(state, last=known.last, run=known.run, successes=known.successes, failures=known.failures)
        draft.worker = draft.worker._replace(probes={**draft.worker.probes, (name, kind): state})
        key = ("first-probe", seen.key[1], seen.key[2], seen.key[3], name, kind)
        due_ns = (
            seen.now_ns
            if kind == "readiness" and _delay_over(probe, current, seen.now_ns)
            else _next_tick(probe, state, current, seen.now_ns)
        )
        draft.nudges.append(Nudge(f"kubelet/{seen.pod['spec']['nodeName']}", key, due_ns - seen.now_ns))


def _delay_over(probe: Object, current: Container, now_ns: int) -> bool:
    """upstream: whole seconds since startedAt, which itself is cut to seconds."""
    return (now_ns - current.started_ns // SECOND * SECOND) // SECOND >= int(probe.get("initialDelaySeconds") or 0)


def _next_tick(probe: Object, state: ProbeState, current: Container, now_ns: int) -> int:
    """The first tick after now at which the probe's initial delay is over."""
    period_ns = max(1, int(probe.get("periodSeconds") or 10)) * SECOND
    allowed_ns = current.started_ns // SECOND * SECOND + int(probe.get("initialDelaySeconds") or 0) * SECOND
    after_ns = max(now_ns + 1, allowed_ns)
    return state.base_ns + -(-(after_ns - state.base_ns) // period_ns) * period_ns


# -- one attempt --------------------------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ProbeSeen:
    """A probe that is to be made now."""

    key: Key


def observe(scope: Scope, key: Key) -> ProbeSeen | None:
    """None if the probe's container no longer runs, or the probe has done its work."""
    _, uid, namespace, pod_name, name, kind = key
    worker: Worker | None = scope.table("workers").get(uid)
    if worker is None or worker.done:
        return None
    pod = static_pods.pod_of(scope, uid, namespace, pod_name)
    if pod is None:
        return None
    if "deletionTimestamp" in pod["metadata"] and kind != "readiness":
        return None
    state, current = worker.probes.get((name, kind)), _current(scope, uid, name)
    if state is None or current is None or current.state != RUNNING or state.container != current.id or state.on_hold:
        return None
    if kind == "startup" and state.result == "success":
        return None
    return ProbeSeen(key)


def _current(scope: Scope, uid: str, name: str) -> Container | None:
    record: PodRecord | None = scope.local.get("records", _NONE).get(uid)
    instances = record.containers.get(name) if record is not None else None
    return scope.local["containers"].get(instances.current) if instances is not None else None


def plan(seen: ProbeSeen) -> Plan:
    key = seen.key
    return step(Act("probe", key, because=ASK(f"pod/{key[3]}", kind=key[5], container=key[4])))


def probe(scope: Scope, key: Key) -> Plan:
    """Ask once, weigh the answer, and come back at the next tick."""
    if observe(scope, key) is None:
        return Plan()
    _, uid, namespace, pod_name, name, kind = key
    worker: Worker = scope.memory["workers"][uid]
    pod = scope.view.get("pods", namespace, pod_name) or worker.pod
    container, current = spec_of(pod, name), _current(scope, uid, name)
    assert current is not None
    spec, state = container[f"{kind}Probe"], worker.probes[(name, kind)]
    around = Around(scope)
    runtime = around.runtime(scope.local)
    steady = current.id not in scope.local["states"]
    verdict, output = ask(scope, runtime, pod, container, current, spec)
    nudges = list(around.pokes())
    if steady and current.id in scope.local["states"]:
        nudges += [nudge for nudge in taken_up_again(scope, current.id) if nudge.key[1:] != key[1:]]
    if current.id in scope.local["exits"] or current.id in scope.local["wakes"]:
        nudges.extend(tick_nudges(scope, runtime, current.id))
    events: tuple[EventDraft, ...] = ()
    title = kind.capitalize()
    if verdict == "error":
        events = (container_event(pod, name, "Warning", "Unhealthy", f"{title} probe errored: {output}"),)
        after = state
    else:
        if verdict == "failure":
            events = (container_event(pod, name, "Warning", "Unhealthy", f"{title} probe failed: {output}"),)
        elif verdict == "warning":
            events = (container_event(pod, name, "Warning", "ProbeWarning", f"{title} probe warning: {output}"),)
        verdict = "success" if verdict == "warning" else verdict
        after = counted(weigh(state, kind, spec, verdict), state, spec, verdict, scope.now_ns)
    note = {"workers": {uid: worker._replace(probes={**worker.probes, (name, kind): after})}} if after is not state else {}
    if after.result != state.result:
        nudges.append(pod_nudge(scope, ("pod", uid, namespace, pod_name)))
    again = _again(scope, key, spec, after, current)
    if again is not None:
        nudges.append(again)
    return Plan(note=note, events=events, nudge=tuple(nudges))


def weigh(state: ProbeState, kind: str, spec: Object, verdict: str) -> ProbeState:
    """A probe's state after one more answer (upstream: worker.go doProbe)."""
    run = state.run + 1 if state.last == verdict else 1
    threshold = int(spec.get("failureThreshold") or 3) if verdict == "failure" else int(spec.get("successThreshold") or 1)
    if run < threshold:
        return replace(state, last=verdict, run=run)
    hold = kind != "readiness" and verdict == "failure"
    return replace(state, last=verdict, run=0 if hold else min(run, threshold), result=verdict, on_hold=hold)


def counted(after: ProbeState, before: ProbeState, spec: Object, verdict: str, now_ns: int) -> ProbeState:
    """One more answer, and those that nobody asked for before it (upstream: ProberResults)."""
    successes = before.successes + max(0, unasked(before, spec, now_ns) - 1) + (verdict == "success")
    return replace(after, successes=successes, failures=before.failures + (verdict == "failure"), asked_ns=now_ns)


def unasked(state: ProbeState, spec: Object, now_ns: int) -> int:
    """The ticks since the last answer of a probe whose answer cannot change: each would have been a success."""
    if not state.asked_ns or not state.result == "success" == state.last:
        return 0
    return (now_ns - state.asked_ns) // (max(1, int(spec.get("periodSeconds") or 10)) * SECOND)


def _again(scope: Scope, key: Key, spec: Object, state: ProbeState, current: Container) -> Nudge | None:
    """The next attempt; none for a probe on hold, a startup probe that has succeeded, or an answer that cannot change.

    Until a probe has succeeded (for ten minutes at most) its next look counts as something still moving.
    """
    kind = key[5]
    steady = current.id not in scope.local["states"] and state.result == "success" == state.last
    if state.on_hold or steady or (kind == "startup" and state.result == "success"):
        return None
    undecided = (state.result if kind != "liveness" else state.last) != "success" and scope.now_ns - current.started_ns < UNDECIDED_NS
    name = "first-probe" if undecided else "probe"
    return Nudge(scope.name, (name, *key[1:]), _next_tick(spec, state, current, scope.now_ns) - scope.now_ns)


def taken_up_again(scope: Scope, container_id: str) -> tuple[Nudge, ...]:
    """Somebody has changed a container whose answers could not change until now: its probes go on at their next ticks."""
    container = scope.local["containers"].get(container_id)
    worker: Worker | None = scope.table("workers").get(container.spec.pod_uid) if container is not None else None
    if container is None or worker is None or container_id not in scope.local["states"]:
        return ()
    nudges = []
    for (name, kind), state in worker.probes.items():
        if state.container == container_id and kind != "startup" and state.result == "success" == state.last:
            meta, probe_ = worker.pod["metadata"], spec_of(worker.pod, name)[f"{kind}Probe"]
            after_ns = _next_tick(probe_, state, container, scope.now_ns) - scope.now_ns
            nudges.append(Nudge(scope.name, ("probe", meta["uid"], meta["namespace"], meta["name"], name, kind), after_ns))
    return tuple(nudges)


# -- the four ways of asking ------------------------------------------------------------------------------------------------------
def ask(scope: Scope, runtime: SimulatedRuntime, pod: Object, container: Object, current: Container, spec: Object) -> tuple[str, str]:
    """("success" | "warning" | "failure" | "error", output)."""
    timeout_ns = int(spec.get("timeoutSeconds") or 1) * SECOND
    if "exec" in spec:
        declared = {entry["name"]: entry.get("value") or "" for entry in container.get("env") or ()}
        argv = tuple(expand(word, declared) for word in spec["exec"].get("command") or ())
        return _exec(scope, runtime, current, argv, timeout_ns)
    ip = _address(scope, pod)
    if "httpGet" in spec:
        return _http(scope, runtime, pod, container, current, spec["httpGet"], ip)
    if "tcpSocket" in spec:
        port, host = port_of(spec["tcpSocket"].get("port"), container), spec["tcpSocket"].get("host") or ip
        if isinstance(port, str):
            return "error", port
        return ("success", "") if _tcp(scope, runtime, current, host, ip, port) else ("failure", unreached(runtime, host, port))
    port = int(spec["grpc"]["port"])
    if _tcp(scope, runtime, current, ip, ip, port):
        return "success", ""
    text = f'timeout: failed to connect service "{ip}:{port}" within {format_duration(timeout_ns)}: context deadline exceeded'
    return "failure", text


def _address(scope: Scope, pod: Object) -> str:
    held = scope.local.get("address_of", _NONE).get(pod["metadata"]["uid"])
    return str(held[0]) if held else str((pod.get("status") or _NONE).get("podIP", ""))


def _exec(scope: Scope, runtime: SimulatedRuntime, current: Container, argv: tuple[str, ...], timeout_ns: int) -> tuple[str, str]:
    try:
        result = runtime.exec_sync(current.id, argv, scope.now_ns, timeout_ns)
    except CriError as error:
        return (
            ("failure", error.message)
            if error.code == "DeadlineExceeded"
            else ("error", f"rpc error: code = {error.code} desc = {error.message}")
        )
    return ("success" if result.exit_code == 0 else "failure"), result.output + result.stderr


def _http(
    scope: Scope, runtime: SimulatedRuntime, pod: Object, container: Object, current: Container, get: Object, ip: str
) -> tuple[str, str]:
    port, host = port_of(get.get("port"), container), get.get("host") or ip
    if isinstance(port, str):
        return "error", port
    path, url = url_of(get, host, port)
    answer: HttpAnswer | None = None
    for _ in range(MOST_REDIRECTS):
        if host == ip:
            answer = runtime.probe_http(current.id, port, path, scope.now_ns) or runtime.http(ip, port, path, scope.now_ns)
        else:
            answer = runtime.around.http(ip, runtime.around.resolve(host) or host, port, path, scope.now_ns)
        if answer is None:
            return "failure", f'Get "{url}": {unreached(runtime, host, port)}'
        if not answer.location:
            break
        there = urlsplit(answer.location)
        if there.hostname not in (None, host):
            return "warning", f"Probe terminated redirects, Response body: {answer.body}"
        port = there.port or (port if there.hostname is None else 443 if there.scheme == "https" else 80)
        asked = there.path + (f"?{there.query}" if there.query else "")
        path, url = url_of({"path": asked, "scheme": there.scheme or get.get("scheme")}, host, port)
    if answer is None or answer.location:
        return "failure", f'Get "{path}": stopped after {MOST_REDIRECTS} redirects'
    if 300 <= answer.code < 400:
        return "warning", f"Probe terminated redirects, Response body: {answer.body}"
    if 200 <= answer.code < 300:
        return "success", answer.body
    return "failure", f"HTTP probe failed with statuscode: {answer.code}"


def _tcp(scope: Scope, runtime: SimulatedRuntime, current: Container, host: str, ip: str, port: int) -> bool:
    if host == ip:
        return runtime.probe_tcp(current.id, port, scope.now_ns) or runtime.tcp(ip, port, scope.now_ns)
    return runtime.around.tcp(ip, runtime.around.resolve(host) or host, port, scope.now_ns)
