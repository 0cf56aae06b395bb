"""The swarm: random worlds under random trouble, in two phases.

Phase one: faults of the kinds that this seed allows (some are off in every run), while users scale, update, break, write, evict and delete:
nothing wrong may happen. Phase two: all faults are healed and all images mended; the world must settle with every workload ready, and what
was written and acknowledged must be there.

Every knob is drawn from the seed; a failure prints seed and story. ``python -m tests.property.swarm 100`` runs a hundred seeds,
``python -m tests.property.swarm 7 8`` those from 7 up to 8.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import kubelab as kl
from kubelab.cluster import leaders
from kubelab.engine.trouble import Cut, Hang
from kubelab.world.streams import Streams
from tests.builders import claim_template, deployment, image_patch, job, statefulset
from tests.invariants import Mutations, complaints

Object = dict[str, Any]
FAULTS = (
    "NodeCrash",
    "ComponentCrash",
    "ImageBroken",
    "WatchLag",
    "ApiError",
    "NodePartition",
    "RuntimeHang",
    "DiskFull",
    "ApiSlow",
    "LeaderCrash",
)
NODE_FAULTS = ("NodeCrash", "NodePartition", "RuntimeHang", "DiskFull")
BINARIES = ("kube-controller-manager", "kube-scheduler")
COMPONENTS = (
    "statefulset-controller",
    "deployment-controller",
    "replicaset-controller",
    "scheduler",
    "job-controller",
    "disruption-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "persistentvolume-binder",
    "dynamic-provisioner",
    "node-lifecycle-controller",
    "taint-eviction-controller",
    "kubelet/node-1",
)
RESOURCES = ("pods", "statefulsets.apps", "replicasets.apps", "jobs.batch", "persistentvolumeclaims", "endpointslices.discovery.k8s.io")
IMAGES = ("nginx:1.25", "nginx:1.24", "nginx:1.161")
MENDED = "nginx:1.24"
READINESS = {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 2}
LIVENESS = {"exec": {"command": ["cat", "/etc/hostname"]}, "periodSeconds": 5}


@dataclass(slots=True)
class Story:
    """What was done, for the report of a failure. ``written``: by pod, the lines that its volume must hold. ``rollouts``: the workloads
    that become ready again and again; ``jobs``: those that must complete."""

    seed: int
    lines: list[str] = field(default_factory=list)
    written: dict[str, list[str]] = field(default_factory=dict)
    rollouts: list[str] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"seed {self.seed}\n" + "\n".join(self.lines)


class Broken(AssertionError):
    """An invariant does not hold; carries the story."""


def one_world(seed: int, *, sabotage: Callable[[kl.Cluster], None] | None = None) -> Story:
    """A whole world for one seed; raises Broken."""
    draw = Streams(seed)
    story = Story(seed)
    allowed = [kind for kind in FAULTS if draw.below("allowed", 2)]
    nodes, planes = 2 + draw.below("nodes", 4), draw.below("control planes", 4)
    cluster = kl.Cluster(nodes, seed=seed, control_planes=planes or None)
    story.lines.append(f"cluster nodes={nodes} control_planes={planes or None} faults={','.join(allowed)}")
    if sabotage is not None:
        sabotage(cluster)
    _workloads(cluster, draw, story)
    mutations = Mutations()
    for _ in range(4 + draw.below("steps", 8)):
        try:
            _act(cluster, draw, story, allowed)
        except kl.ApiError as error:
            if error.code < 500:
                raise Broken(f"{story}\nrefused: {error}") from None
            story.lines.append(f"  refused: {error.message}")
        seconds = 1 + draw.below("pause", 40) * (1 if draw.below("patient", 4) else 12)
        story.lines.append(f"run {seconds}s")
        mutations.watch(cluster._engine.store)
        cluster.run(seconds)
        _check(cluster, story, mutations)
    _heal(cluster, story)
    _settles(cluster, story)
    _check(cluster, story, mutations)
    return story


def _workloads(cluster: kl.Cluster, draw: Streams, story: Story) -> None:
    for index in range(1 + draw.below("workloads", 3)):
        replicas = 1 + draw.below("replicas", 5)
        kind = draw.below("kind", 5)
        if kind < 2:
            obj = _stateful(f"db-{index}", replicas, draw)
        elif kind < 4:
            obj = deployment(f"web-{index}", replicas)
        else:
            obj = job(
                f"sums-{index}", replicas, parallelism=1 + draw.below("parallelism", 3), script=f"sleep {1 + draw.below('sleep', 20)}"
            )
        name = f"{obj['kind'].lower()}/{obj['metadata']['name']}"
        if kind < 4:
            _watched(obj, draw)
            story.rollouts.append(name)
        else:
            story.jobs.append(name)
        cluster.apply(obj)
        story.lines.append(f"apply {name} replicas={replicas} {_says(obj)}")
        if kind < 4 and draw.below("budget", 2):
            budget = {"maxUnavailable": 1} if draw.below("budgeted", 2) else {"minAvailable": "50%"}
            cluster.apply(_budget(obj, budget))
            story.lines.append(f"apply pdb/{obj['metadata']['name']} {budget}")


def _stateful(name: str, replicas: int, draw: Streams) -> Object:
    policy = ("OrderedReady", "Parallel")[draw.below("policy", 2)]
    obj = statefulset(name, replicas, podManagementPolicy=policy)
    if draw.below("claims", 2):
        obj["spec"]["volumeClaimTemplates"] = [claim_template()]
        obj["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
    return obj


def _watched(obj: Object, draw: Streams) -> None:
    """Probes (in place on the manifest)."""
    container = obj["spec"]["template"]["spec"]["containers"][0]
    if draw.below("readiness", 2):
        container |= {"ports": [{"containerPort": 80}], "readinessProbe": READINESS}
    if draw.below("liveness", 2):
        container["livenessProbe"] = LIVENESS


def _says(obj: Object) -> str:
    container = obj["spec"]["template"]["spec"]["containers"][0]
    marks = [name for name in ("readinessProbe", "livenessProbe", "volumeMounts") if name in container]
    return " ".join([obj["spec"].get("podManagementPolicy", ""), *marks]).strip()


def _budget(obj: Object, bounds: Object) -> Object:
    meta = {"name": obj["metadata"]["name"]}
    return {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": meta,
        "spec": {"selector": obj["spec"]["selector"], **bounds},
    }


# -- phase one -----------------------------------------------------------------------------------------------------------------
def _act(cluster: kl.Cluster, draw: Streams, story: Story, allowed: list[str]) -> None:
    """One thing that a user or fate does."""
    what = draw.below("what", 7)
    target = story.rollouts[draw.below("target", len(story.rollouts))] if story.rollouts else ""
    pods = [pod for pod in cluster.list("pods") if "deletionTimestamp" not in pod["metadata"]]
    pod = pods[draw.below("pod", len(pods))] if pods else None
    if what == 0 and target:
        replicas = draw.below("replicas", 7)
        story.lines.append(f"scale {target} {replicas}")
        cluster.scale(target, replicas)
    elif what == 1 and target:
        image = IMAGES[draw.below("image", len(IMAGES))]
        story.lines.append(f"image {target} {image}")
        cluster.patch(target, image_patch(image))
    elif what == 2 and pod is not None:
        story.lines.append(f"delete pod/{pod['metadata']['name']}")
        cluster.delete(pod)
    elif what == 3 and pod is not None:
        _evict(cluster, story, pod)
    elif what == 4:
        for pod in pods:
            _write(cluster, story, pod)
    elif allowed:
        _break(cluster, draw, story, allowed[draw.below("fault", len(allowed))])


def _evict(cluster: kl.Cluster, story: Story, pod: Object) -> None:
    """An eviction is granted only while the budget that covers the pod says so."""
    meta = pod["metadata"]
    budgets = [budget for budget in cluster.list("pdb") if budget["spec"]["selector"]["matchLabels"].items() <= meta["labels"].items()]
    spent = [budget for budget in budgets if (budget.get("status") or {}).get("disruptionsAllowed", 0) == 0]
    free = (pod.get("status") or {}).get("phase") in ("Pending", "Succeeded", "Failed") or not _is_ready(pod)
    body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": meta["name"], "namespace": "default"}}
    code, answer = cluster.request("POST", f"/api/v1/namespaces/default/pods/{meta['name']}/eviction", body)
    story.lines.append(f"evict pod/{meta['name']}: {code}")
    if code == 201 and spent and not free:
        raise Broken(f"{story}\nthe eviction of {meta['name']} was granted though {spent[0]['status']}")
    if code not in (201, 429, 500):
        raise Broken(f"{story}\nthe eviction of {meta['name']} was answered with {answer}")


def _write(cluster: kl.Cluster, story: Story, pod: Object) -> None:
    """Append a line to the file on the claim of a running pod; what was acknowledged must stay."""
    name = pod["metadata"]["name"]
    if not _is_ready(pod) or not any("persistentVolumeClaim" in volume for volume in pod["spec"].get("volumes") or ()):
        return
    line = f"line-{len(story.lines)}"
    try:
        cluster.exec(f"pod/{name}", ["sh", "-c", f"echo {line} >> /data/log"])
    except (kl.ApiError, kl.ExecError):
        return  # the node is down or full, though the pod still seems ready
    story.written.setdefault(name, []).append(line)
    story.lines.append(f"write {line} in pod/{name}")


def _is_ready(pod: Object) -> bool:
    return any(item["type"] == "Ready" and item["status"] == "True" for item in (pod.get("status") or {}).get("conditions") or ())


def _break(cluster: kl.Cluster, draw: Streams, story: Story, kind: str) -> None:
    fields: Object = {"duration": f"{(1 + draw.below('duration', 60)) * (1 if draw.below('lasting', 4) else 10)}s"}
    if kind in NODE_FAULTS:
        fields["nodes"] = [f"node-{1 + draw.below('node', len(cluster.list('nodes')))}"]
        _how(kind, fields, draw)
    elif kind == "LeaderCrash":
        replicas = [name for name in cluster._engine.runners if name.startswith(BINARIES)]
        if not replicas:
            return
        kind, fields["components"] = "ComponentCrash", [replicas[draw.below("replica", len(replicas))]]
    elif kind in ("ComponentCrash", "WatchLag"):
        others = [name for name in cluster._engine.runners if name != "fault-controller"]
        names = COMPONENTS if draw.below("usual", 2) else others
        fields["components"] = [names[draw.below("component", len(names))]]
    elif kind == "ImageBroken":
        fields["images"] = ["nginx:1.25"]
    else:
        fields["resources"] = [RESOURCES[draw.below("resource", len(RESOURCES))]]
        if kind == "ApiSlow":
            fields["delay"] = f"{1 + draw.below('delay', 20)}s"
        elif draw.below("some", 2):
            fields["share"] = "30%"
    story.lines.append(f"fault {kind} {fields}")
    cluster.fault(kind, **fields)


def _how(kind: str, fields: Object, draw: Streams) -> None:
    """The variants of a fault of nodes (in place)."""
    if kind == "NodePartition":
        fields["from_"] = ("all", "all", "api-server", "nodes")[draw.below("from", 4)]
        fields["direction"] = ("both", "both", "in", "out")[draw.below("direction", 4)]
    elif kind == "DiskFull":
        fields["fill"] = ("100%", "95%")[draw.below("fill", 2)]


def beyond_trouble(cluster: kl.Cluster) -> Iterator[str]:
    """Who is cut off says nothing; where the runtime hangs nothing begins; who has not been elected does not work."""
    engine = cluster._engine
    for trouble in engine.trouble.values():
        if isinstance(trouble, Cut) and trouble.direction != "in":
            for call in reversed(engine.store.log.calls):
                if call.time_ns <= trouble.begun_ns:
                    break
                if call.component.startswith("kubelet/") and call.component.partition("/")[2] in trouble.machines:
                    yield f"{call.component} is cut off, and its {call.verb} of {call.resource} {call.name} has arrived"
        elif isinstance(trouble, Hang):
            for node in trouble.machines:
                for container in engine.machines[node].get("containers", {}).values():
                    if container.created_ns > trouble.begun_ns:
                        yield f"the runtime of {node} hangs, and a container of {container.spec.pod_name} was created"
    for binary in BINARIES:
        if leaders.leader(engine, binary) == "":
            yield from (f"nobody leads, and {name} works" for name in leaders.led(binary) if engine.runners[name].alive)


def _check(cluster: kl.Cluster, story: Story, mutations: Mutations) -> None:
    found = [*complaints(cluster), *mutations.complaints(cluster._engine.store), *beyond_trouble(cluster)]
    if found:
        raise Broken(f"{story}\n" + "\n".join(found))


# -- phase two -----------------------------------------------------------------------------------------------------------------
def _heal(cluster: kl.Cluster, story: Story) -> None:
    story.lines.append("heal")
    for fault in cluster.list("faults"):
        cluster.delete(fault)
    cluster.run("5s")
    for name in story.rollouts:
        cluster.patch(name, image_patch(MENDED))
    for pod in cluster.list("pods"):  # the forced-rollback trap: a broken pod of an ordered set must be deleted by hand
        if any("nginx:1.161" in item["image"] for item in pod["spec"]["containers"]):
            cluster.delete(pod)


def _settles(cluster: kl.Cluster, story: Story) -> None:
    try:
        for name in (*story.rollouts, *story.jobs):
            cluster.run(until=f"{name} ready", timeout="30m")
        cluster.settle("2h")
    except kl.Unsettled as error:
        raise Broken(f"{story}\nhealed, but not settled: {error}") from None
    for pod, lines in story.written.items():
        cluster.scale(f"statefulset/{pod.rpartition('-')[0]}", 6)
        cluster.run(until=f"pod/{pod} ready", timeout="30m")
        found = cluster.exec(f"pod/{pod}", ["cat", "/data/log"]).split()
        if found != lines:
            raise Broken(f"{story}\nthe volume of {pod} has lost what was written: {found}")


def main(arguments: list[str]) -> None:
    numbers = [int(word) for word in arguments] or [20]
    seeds = range(numbers[0]) if len(numbers) == 1 else range(numbers[0], numbers[1] + 1)
    for seed in seeds:
        one_world(seed)
        print(f"seed {seed} well", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
