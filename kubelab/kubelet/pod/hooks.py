"""Lifecycle hooks: postStart after a container's start, preStop before it is told to stop; by exec or HTTP. Each blocks what follows it.

upstream: pkg/kubelet/lifecycle/handlers.go, pkg/kubelet/kuberuntime/kuberuntime_container.go, 1.28 (the sleep action is of 1.29).
"""

from __future__ import annotations

from typing import Any

from kubelab.cri.api import CriError
from kubelab.cri.runtime import SimulatedRuntime
from kubelab.engine.component import Scope
from kubelab.engine.plan import Key, Nudge, Plan
from kubelab.kinds.field import go_quote
from kubelab.kubelet.pod.seen import container_event, format_pod, pod_nudge
from kubelab.kubelet.records import Worker
from kubelab.world.clock import SECOND

Object = dict[str, Any]
FOREVER_NS = 365 * 24 * 3600 * SECOND
_NONE: dict[str, Any] = {}


def port_of(port: Any, container: Object) -> int | str:
    """A port by the name of one of the container's ports, or by number; a text says why there is none.

    upstream: pkg/probe/util.go ResolveContainerPort.
    """
    named = next((entry["containerPort"] for entry in container.get("ports") or () if entry.get("name") == port), port)
    try:
        number = int(named)
    except ValueError:
        return f'strconv.Atoi: parsing "{port}": invalid syntax'
    return number if 0 < number < 65536 else f"invalid port number: {number}"


def run_handler(
    scope: Scope, runtime: SimulatedRuntime, pod: Object, container: Object, container_id: str, handler: Object
) -> tuple[int, str]:
    """(how long the handler takes, its error text or "")."""
    name = container["name"]
    if "exec" in handler:
        argv = tuple(handler["exec"].get("command") or ())
        try:
            result = runtime.exec_sync(container_id, argv, scope.now_ns)
        except CriError as error:
            return 0, _exec_error(argv, name, pod, f"rpc error: code = {error.code} desc = {error.message}", "")
        if result.exit_code == 0:
            return FOREVER_NS if result.duration_ns is None else result.duration_ns, ""
        why = f"command '{' '.join(argv)}' exited with {result.exit_code}: {result.stderr}"
        return result.duration_ns or 0, _exec_error(argv, name, pod, why, result.output + result.stderr)
    if "sleep" in handler:
        return int(handler["sleep"]["seconds"]) * SECOND, ""
    if "httpGet" in handler:
        return 0, _http(scope, runtime, pod, container, container_id, handler["httpGet"])
    return 0, f"Cannot run handler: invalid handler: {handler}"


def _exec_error(argv: tuple[str, ...], name: str, pod: Object, why: str, output: str) -> str:
    head = f'Exec lifecycle hook ([{" ".join(argv)}]) for Container "{name}" in Pod "{format_pod(pod)}" failed'
    return f"{head} - error: {why}, message: {go_quote(output)}"


def url_of(get: Object, host: str, port: int) -> tuple[str, str]:
    """Of an httpGet action: the path that is asked for, and the whole address.

    upstream: pkg/probe/http/request.go formatURL.
    """
    scheme, path = str(get.get("scheme") or "HTTP").lower(), get.get("path") or ""
    path = path if not path or path[0] in "/?#" else "/" + path
    asked, place = path.partition("#")[0], f"[{host}]" if ":" in host else host
    return asked if asked.startswith("/") else "/" + asked, f"{scheme}://{place}:{port}{path}"


def unreached(runtime: SimulatedRuntime, host: str, port: int) -> str:
    """Why nobody answers there, as Go's net package says it."""
    is_name = host != "localhost" and ":" not in host and not host.replace(".", "").isdigit()
    if is_name and runtime.around.resolve(host) is None:
        return f"dial tcp: lookup {host}: no such host"
    return f"dial tcp {host}:{port}: connect: connection refused"


def _http(scope: Scope, runtime: SimulatedRuntime, pod: Object, container: Object, container_id: str, get: Object) -> str:
    port, host = port_of(get.get("port"), container), get.get("host") or ""
    if isinstance(port, str):
        why = port
    else:
        target = host or scope.local.get("address_of", _NONE).get(pod["metadata"]["uid"], ("",))[0]
        path, url = url_of(get, target, port)
        if not host or host in ("localhost", "127.0.0.1"):
            answer = runtime.probe_http(container_id, port, path, scope.now_ns)
        else:
            answer = runtime.around.http("", runtime.around.resolve(host) or host, port, path, scope.now_ns)
        if answer is not None:
            return ""
        why = f'Get "{url}": {unreached(runtime, target, port)}'
    return (
        f'HTTP lifecycle hook ({get.get("path", "")}) for Container "{container["name"]}" in Pod "{format_pod(pod)}" failed - error: {why}'
    )


# -- postStart ----------------------------------------------------------------------------------------------------------------
def post_start(
    scope: Scope, runtime: SimulatedRuntime, key: Key, pod: Object, container: Object, container_id: str, worker: Worker
) -> Plan | None:
    """Begin a container's postStart hook; None if it has none. The pod's worker is busy until it ends, and then goes on where it was."""
    handler = (container.get("lifecycle") or _NONE).get("postStart")
    if not handler:
        return None
    duration_ns, error = run_handler(scope, runtime, pod, container, container_id, handler)
    name = container["name"]
    return Plan(
        note={"workers": {key[1]: worker._replace(busy=name)}},
        nudge=(Nudge(scope.name, ("post-start", key[1], key[2], key[3], name, container_id, error), duration_ns),),
    )


def post_start_ended(scope: Scope, key: Key) -> Plan:
    """The hook has ended: the next container may start; if it failed, this one is killed."""
    _, uid, namespace, pod_name, name, container_id, error = key
    worker = scope.table("workers").get(uid)
    if worker is None or worker.busy != name:
        return Plan()
    pod_key: Key = ("pod", uid, namespace, pod_name)
    if not error:
        return Plan(note={"workers": {uid: worker._replace(busy="", resumed=True)}}, nudge=(pod_nudge(scope, pod_key),))
    reasons = {**worker.reasons, name: ("PostStartHookError", error)}
    return Plan(
        note={"workers": {uid: worker._replace(busy="", reasons=reasons)}},
        events=(container_event(worker.pod, name, "Warning", "FailedPostStartHook", "PostStartHook failed"),),
        nudge=(Nudge(scope.name, ("kill", uid, namespace, pod_name, name, container_id, "FailedPostStartHook")),),
    )
