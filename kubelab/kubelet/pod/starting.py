"""Acts that bring a pod up: mount its volumes, make its sandbox, create and start a container.

upstream: pkg/kubelet/kuberuntime/{kuberuntime_sandbox,kuberuntime_container}.go startContainer, pkg/kubelet/volumemanager/volume_manager.go
WaitForAttachAndMount, pkg/kubelet/kubelet_pods.go GeneratePodHostNameAndDomain, 1.28.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from kubelab.cri import disks
from kubelab.cri.api import Container, ContainerSpec, CriError, SandboxConfig
from kubelab.cri.runtime import SimulatedRuntime
from kubelab.engine.component import Scope
from kubelab.engine.plan import EventDraft, Key, Nudge, Plan
from kubelab.kubelet import static_pods
from kubelab.kubelet.addresses import NoAddress, allocate
from kubelab.kubelet.network_world import Around, local, shared
from kubelab.kubelet.pod import broken_disks, dns, hooks, resources, usages
from kubelab.kubelet.pod.environment import ConfigError, Place, expand, skipped, variables
from kubelab.kubelet.pod.identity import user_of, verify_non_root
from kubelab.kubelet.pod.seen import NO_RECORD, RETRY_NS, container_event, host_ip, pod_event, pod_nudge, relist_in_ns, spec_of
from kubelab.kubelet.pod.volumes import Unmountable, is_refreshed, mount_all, mounts, prepare
from kubelab.kubelet.records import Instances, PodRecord, Worker
from kubelab.world.clock import SECOND
from kubelab.world.streams import fnv64

Object = dict[str, Any]
SANDBOX_CHANGED = ("SandboxChanged", "Pod sandbox changed, it will be killed and re-created.")
GONE = Plan(error="the pod is no longer to run")
LONGEST_NAME = 64  # of a machine, to the kernel
MOUNT_RETRY_NS = SECOND // 2  # upstream: pkg/util/goroutinemap/exponentialbackoff, doubled up to 2m2s
MOUNT_RETRY_MAX_NS = 122 * SECOND
REFRESH_NS = 60 * SECOND
MOUNT_POLL_NS = 2 * SECOND
MOUNT_TIMEOUT_NS = 123 * SECOND  # upstream: podAttachAndMountTimeout 2m3s
_NONE: dict[str, Any] = {}


def wanted(scope: Scope, key: Key) -> tuple[Object, Worker] | None:
    """The pod of a key and its worker, if the pod still is to run."""
    _, uid, namespace, name = key[:4]
    pod, worker = static_pods.pod_of(scope, uid, namespace, name), scope.table("workers").get(uid)
    if pod is None or worker is None or pod["metadata"].get("deletionTimestamp") or worker.verdict:
        return None
    return pod, worker


def mount(scope: Scope, key: Key) -> Plan:
    """Mount all volumes of a pod, or say which cannot be and try again later."""
    found = wanted(scope, key)
    if found is None:
        return GONE
    pod, worker = found
    node = scope.view.get("nodes", "", pod["spec"]["nodeName"])
    place = Place(scope.view, pod, "", host_ip(scope, pod["spec"]["nodeName"]), node)
    if (full := broken_disks.no_directories(scope, pod)) is not None:
        return full
    try:
        broken_disks.check_volumes(scope, pod)
        mount_all(place, shared(scope, "disks"), pod["spec"]["nodeName"])
    except Unmountable as error:
        return _unmounted(scope, key, pod, worker, error)
    directories = [volume["emptyDir"] for volume in pod["spec"].get("volumes") or () if "emptyDir" in volume]
    if any("sizeLimit" in (each or _NONE) for each in directories) or (directories and any(map(_disk_limit, pod["spec"]["containers"]))):
        local(scope, "bounded")[key[1]] = True
    nudges = (refresh_nudge(key, pod, scope.now_ns),) if is_refreshed(pod) else ()
    again = scope.local.get("records", _NONE).get(key[1], NO_RECORD).sandbox
    events: tuple[EventDraft, ...] = (pod_event(pod, "Normal", *SANDBOX_CHANGED),) if again else ()
    if scope.release == "1.7" and not again:
        events = tuple(_mounted(scope, pod, volume) for volume in pod["spec"].get("volumes") or ())
    return Plan(note={"workers": {key[1]: worker._replace(mounted=True, mounts=(0, 0, ""))}}, events=events, nudge=nudges)


def _mounted(scope: Scope, pod: Object, volume: Object) -> EventDraft:
    """What 1.7 told of every volume, a claim's by its PersistentVolume (upstream: operation_generator.go GenerateMountVolumeFunc, 1.7)."""
    name, claim = volume["name"], volume.get("persistentVolumeClaim")
    if claim is not None:
        found = scope.view.get("persistentvolumeclaims", pod["metadata"]["namespace"], claim["claimName"])
        name = found["spec"].get("volumeName", name) if found is not None else name
    return pod_event(pod, "Normal", "SuccessfulMountVolume", f'MountVolume.SetUp succeeded for volume "{name}" ')


def _disk_limit(container: Object) -> Any:
    return ((container.get("resources") or _NONE).get("limits") or _NONE).get("ephemeral-storage")


def refresh_nudge(key: Key, pod: Object, now_ns: int) -> Nudge:
    """When the kubelet looks again at the ConfigMaps and Secrets that it wrote: every 60 to 90 s, each pod in its own rhythm.

    upstream: syncFrequency 1m and resyncInterval's jitter, pkg/kubelet/pod_workers.go.
    """
    spread = fnv64(f"{key[1]} {now_ns}") % REFRESH_NS // 2
    return Nudge(f"kubelet/{pod['spec']['nodeName']}", ("refresh", *key[1:4]), REFRESH_NS + spread)


def refresh(scope: Scope, key: Key) -> Plan:
    """Write the pod's ConfigMap, Secret and downward volumes anew, so that changes arrive. What is missing now keeps its last contents."""
    found = wanted(scope, key)
    if found is None:
        return Plan()
    pod, _ = found
    node_name = pod["spec"]["nodeName"]
    record: PodRecord = scope.local.get("records", _NONE).get(key[1], NO_RECORD)
    place = Place(scope.view, pod, record.ip, host_ip(scope, node_name), scope.view.get("nodes", "", node_name))
    with suppress(Unmountable):
        mount_all(place, shared(scope, "disks"), node_name)
    return Plan(nudge=(refresh_nudge(key, pod, scope.now_ns),))


def _unmounted(scope: Scope, key: Key, pod: Object, worker: Worker, error: Unmountable) -> Plan:
    tries, since_ns, _ = worker.mounts
    since_ns = since_ns or scope.now_ns
    delay_ns = min(MOUNT_RETRY_NS << min(tries, 16), MOUNT_POLL_NS)
    events: tuple[EventDraft, ...] = ()
    if str(error).startswith("MountVolume"):
        delay_ns = min(MOUNT_RETRY_NS << min(tries, 16), MOUNT_RETRY_MAX_NS)
        events = (pod_event(pod, "Warning", "FailedMount", str(error)),)
    if scope.now_ns - since_ns >= MOUNT_TIMEOUT_NS:
        names = " ".join(volume["name"] for volume in pod["spec"].get("volumes") or ())
        unprocessed = "" if events else error.volume
        text = (
            f"Unable to attach or mount volumes: unmounted volumes=[{error.volume}], unattached volumes=[{names}], "
            f"failed to process volumes=[{unprocessed}]: timed out waiting for the condition"
        )
        events += (pod_event(pod, "Warning", "FailedMount", text),)
        since_ns = scope.now_ns
    note = {"workers": {key[1]: worker._replace(mounts=(tries + 1, since_ns, str(error)))}}
    return Plan(note=note, events=events, error=str(error), nudge=(pod_nudge(scope, key, delay_ns),))


def sandbox(scope: Scope, key: Key) -> Plan:
    """Make the pod's sandbox with its address; one that it had before is removed, with its containers stopped."""
    found = wanted(scope, key)
    if found is None:
        return GONE
    pod, uid = found[0], key[1]
    if (full := broken_disks.no_directories(scope, pod)) is not None:
        return full
    meta, spec = pod["metadata"], pod["spec"]
    try:
        hostname = hostname_of(pod)
    except ValueError as error:
        return Plan(error=str(error), events=(pod_event(pod, "Warning", *_no_sandbox(str(error))),))
    around = Around(scope)
    runtime = around.runtime(scope.local)
    records = local(scope, "records")
    record: PodRecord = records.get(uid, NO_RECORD)
    attempt = record.attempt + 1 if record.sandbox else 0
    if record.sandbox:
        runtime.stop_pod_sandbox(record.sandbox, scope.now_ns)
    if spec.get("hostNetwork"):
        ip = host_ip(scope, spec["nodeName"])
        shared(scope, "pod_ips")[ip] = spec["nodeName"]
    else:
        try:
            ip = allocate(scope, uid, spec["nodeName"])
        except NoAddress as error:
            return Plan(error=str(error), events=(pod_event(pod, "Warning", *_no_sandbox(str(error))),))
    linux, cgroup_parent, request_milli = resources.of_pod(pod)
    config = SandboxConfig(
        meta["name"], meta["namespace"], uid, attempt, hostname, ip, meta.get("labels") or _NONE, meta.get("annotations") or _NONE,
        linux=linux, cgroup_parent=cgroup_parent, cpu_request_milli=request_milli,
    )  # fmt: skip
    sandbox_id = runtime.run_pod_sandbox(config, scope.now_ns)
    records[uid] = PodRecord(sandbox_id, ip, attempt, record.containers)
    events = () if dns.is_usual(pod) else tuple(pod_event(pod, "Warning", dns.REASON, text) for text in dns.of_pod(pod).told)
    return Plan(nudge=around.pokes(), events=events) if around.poked or events else Plan()


def _no_sandbox(why: str) -> tuple[str, str]:
    return "FailedCreatePodSandBox", f"Failed to create pod sandbox: {why}"


def hostname_of(pod: Object) -> str:
    """upstream: GeneratePodHostNameAndDomain, GetNodenameForKernel. Raises ValueError for a name that is too long."""
    spec = pod["spec"]
    if spec.get("hostNetwork"):
        return str(spec.get("nodeName", ""))
    name = str(spec.get("hostname") or pod["metadata"]["name"][:63].rstrip("-."))
    if not spec.get("setHostnameAsFQDN") or not spec.get("subdomain"):
        return name
    whole = f"{name}.{domain_of(pod)}"
    if len(whole) > LONGEST_NAME:
        raise ValueError(
            f"failed to construct FQDN from pod hostname and cluster domain, FQDN {whole} is too long ({LONGEST_NAME} characters is the max, "
            f"{len(whole)} characters requested)"
        )
    return whole


def domain_of(pod: Object) -> str:
    """The domain of a pod with a subdomain; "" for others, and for those on the node's own network."""
    spec = pod["spec"]
    sub = spec.get("subdomain")
    return f"{sub}.{pod['metadata']['namespace']}.svc.{dns.DOMAIN}" if sub and not spec.get("hostNetwork") else ""


def run(scope: Scope, key: Key, name: str, pulled: bool) -> Plan:
    """Create and start a container, and run its postStart hook."""
    found = wanted(scope, key)
    record: PodRecord = scope.local.get("records", _NONE).get(key[1], NO_RECORD)
    if found is None or not record.sandbox:
        return GONE
    pod, worker = found
    container = spec_of(pod, name)
    around = Around(scope)
    runtime = around.runtime(scope.local)
    before = record.containers.get(name)
    restarts = before.restarts + 1 if before is not None else 0
    events: list[EventDraft] = []
    if not pulled:
        events.append(container_event(pod, name, "Normal", "Pulled", f'Container image "{container["image"]}" already present on machine'))
    if "envFrom" in container:
        events.extend(pod_event(pod, "Warning", "InvalidEnvironmentVariableNames", text) for text in skipped(scope.view, pod, container))
    try:
        spec = container_spec(scope, pod, container, record, restarts)
        if disks.is_full(scope.local):
            return _failed(scope, key, pod, worker, name, events, "CreateContainerError", disks.create_error(f"{name} {restarts} {key[1]}"))
        container_id = runtime.create_container(record.sandbox, spec, scope.now_ns)
    except (ConfigError, Unmountable) as error:
        return _failed(scope, key, pod, worker, name, events, "CreateContainerConfigError", str(error))
    except CriError as error:
        return _failed(scope, key, pod, worker, name, events, "CreateContainerError", error.message)
    if scope.memory.get("usages"):
        runtime.set_usage(container_id, usages.asked_of(scope.memory["usages"].values(), pod, name), scope.now_ns)
    _remember_instance(scope, runtime, key[1], record, name, Instances(container_id, before.current if before else "", restarts))
    events.append(container_event(pod, name, "Normal", "Created", f"Created container {name}"))
    try:
        runtime.start_container(container_id, scope.now_ns)
    except CriError as error:
        return _failed(scope, key, pod, worker, name, events, "RunContainerError", error.message)
    events.append(container_event(pod, name, "Normal", "Started", f"Started container {name}"))
    note: dict[str, dict[str, Worker]] = {}
    if name in worker.reasons:
        worker = worker._replace(reasons={other: reason for other, reason in worker.reasons.items() if other != name})
        note = {"workers": {key[1]: worker}}
    if pod["spec"].get("restartPolicy", "Always") != "Always" or container not in pod["spec"]["containers"]:
        local(scope, "finite")[container_id] = True
    if scope.local["containers"][container_id].program != "forever":
        path, policy = (
            container.get("terminationMessagePath") or "/dev/termination-log",
            container.get("terminationMessagePolicy") or "File",
        )
        local(scope, "messages")[container_id] = (path, policy)
        if _disk_limit(container):  # its log counts
            local(scope, "bounded")[key[1]] = True
    nudges = [*tick_nudges(scope, runtime, container_id), *around.pokes()]
    plan = hooks.post_start(scope, runtime, key, pod, container, container_id, worker) if "lifecycle" in container else None
    nudges.append(pod_nudge(scope, key, relist_in_ns(scope.local, scope.timing, scope.now_ns)))
    mine = Plan(events=tuple(events), nudge=tuple(nudges), note=note)
    return mine if plan is None else mine.then(plan)


def _remember_instance(scope: Scope, runtime: SimulatedRuntime, uid: str, record: PodRecord, name: str, instances: Instances) -> None:
    """Keep the last two instances of a container; older ones are removed, as the kubelet's garbage collection does."""
    before = record.containers.get(name)
    if before is not None and before.previous:
        left: Container | None = scope.local["containers"].get(before.previous)
        runtime.remove_container(before.previous, scope.now_ns)
        if left is not None and left.sandbox_id != record.sandbox and not scope.local["members"].get(left.sandbox_id):
            runtime.remove_pod_sandbox(left.sandbox_id, scope.now_ns)  # upstream: evictSandboxes
    if before is not None:
        for table in ("stops", "finite", "messages"):
            scope.local.get(table, _NONE).pop(before.current, None)
    local(scope, "records")[uid] = PodRecord(record.sandbox, record.ip, record.attempt, {**record.containers, name: instances})


def tick_nudges(scope: Scope, runtime: SimulatedRuntime, container_id: str) -> tuple[Nudge, ...]:
    """Tell containerd when a container's program has to go on, or that it has ended already."""
    tables, node = scope.local, scope.name.partition("/")[2]
    if container_id in tables["exits"]:
        return (Nudge(f"containerd/{node}", ("tick",)),)
    ooms = tables["ooms"].values()
    full: tuple[Nudge, ...] = (Nudge(f"containerd/{node}", ("idle-tick",), max(0, min(ooms) - scope.now_ns)),) if ooms else ()
    due_ns = min(tables["wakes"].get(container_id, -1), tables["kills"].get(container_id, -1), key=lambda at: (at < 0, at))
    if due_ns < 0:
        return full
    key: Key = ("tick",) if container_id in tables.get("finite", _NONE) or container_id in tables["kills"] else ("idle-tick",)
    return (Nudge(f"containerd/{node}", key, max(0, due_ns - scope.now_ns)), *full)


def _failed(scope: Scope, key: Key, pod: Object, worker: Worker, name: str, events: list[EventDraft], reason: str, message: str) -> Plan:
    """A start that failed: noted for the status; the worker looks again, the first time at once."""
    first = name not in worker.reasons
    events.append(container_event(pod, name, "Warning", "Failed", f"Error: {message}"))
    delay_ns = 0 if first else int(RETRY_NS * (1 + scope.streams.uniform(scope.name) / 2))
    note = {"workers": {key[1]: worker._replace(reasons={**worker.reasons, name: (reason, message)})}}
    return Plan(note=note, events=tuple(events), nudge=(pod_nudge(scope, key, delay_ns),))


def not_created(scope: Scope, key: Key, name: str, message: str) -> Plan:
    """The runtime has not created a container."""
    found = wanted(scope, key)
    return GONE if found is None else _failed(scope, key, *found, name, [], "CreateContainerError", message)


def container_spec(scope: Scope, pod: Object, container: Object, record: PodRecord, attempt: int) -> ContainerSpec:
    """The runtime's configuration of a container. Raises ConfigError, Unmountable."""
    meta, spec = pod["metadata"], pod["spec"]
    node_name = spec["nodeName"]
    host = host_ip(scope, node_name)
    place = Place(scope.view, pod, host if spec.get("hostNetwork") else record.ip, host, scope.view.get("nodes", "", node_name))
    env = variables(place, container)
    verify_non_root(pod, container)
    mounted = mounts(scope.view, pod, container, node_name, env, expand)
    domain = domain_of(pod) if "subdomain" in spec else ""
    if mounted:
        prepare(pod, record.ip, hostname_of(pod), mounted, shared(scope, "disks"), domain)
    linux = resources.of_container(pod, container, place.node)
    return ContainerSpec(
        container["name"],
        container["image"],
        tuple(expand(word, env) for word in container.get("command") or ()),
        tuple(expand(word, env) for word in container.get("args") or ()),
        env,
        container.get("workingDir") or "",
        tuple(port["containerPort"] for port in container.get("ports") or ()),
        mounted,
        meta["namespace"],
        meta["name"],
        meta["uid"],
        hostname_of(pod),
        attempt,
        linux.memory_limit,
        meta.get("labels") or _NONE,
        meta.get("annotations") or _NONE,
        "",
        linux,
        domain=domain,
        user=user_of(pod, container),
    )
