"""What happens in a random world, drawn from its seed as commands of a text scenario (tests/scenario/runner.py).

Topology, workloads, what users do, what fate does, and how it is all healed: every knob is drawn, and every command is text, so that a world
that goes wrong is a scenario already.
"""

from __future__ import annotations

import kubelab as kl
from kubelab.world.streams import Streams
from tests.property.swarm_workloads import KINDS, Story, apply, patch

IMAGES = ("nginx:1.25", "nginx:1.24", "nginx:1.23", "nginx:1.161")
MENDED, NEVER = "nginx:1.24", "nginx:1.161"
FAULTS = (
    "NodeCrash",
    "NodePartition",
    "NodeShutdown",
    "RuntimeHang",
    "DiskFull",
    "ComponentCrash",
    "WatchLag",
    "ApiError",
    "ApiSlow",
    "ImageBroken",
)
COMPONENTS = (
    "statefulset-controller",
    "deployment-controller",
    "replicaset-controller",
    "daemon-set-controller",
    "job-controller",
    "cronjob-controller",
    "replicationcontroller-controller",
    "horizontal-pod-autoscaler-controller",
    "disruption-controller",
    "endpoint-controller",
    "endpointslice-controller",
    "garbage-collector-controller",
    "resourcequota-controller",
    "node-lifecycle-controller",
    "taint-eviction-controller",
    "pod-garbage-collector-controller",
    "ttl-after-finished-controller",
    "scheduler",
    "kubelet/node-1",
    "kubelet/node-2",
)
RESOURCES = (
    "pods",
    "deployments.apps",
    "replicasets.apps",
    "statefulsets.apps",
    "daemonsets.apps",
    "jobs.batch",
    "cronjobs.batch",
    "endpoints",
    "endpointslices.discovery.k8s.io",
    "controllerrevisions.apps",
    "poddisruptionbudgets.policy",
    "nodes",
)


def beginning(seed: int) -> tuple[Story, list[str]]:
    """The topology and the workloads."""
    story = Story(Streams(seed))
    story.nodes = 2 + story.draw.below("nodes", 5)
    story.faults = [kind for kind in FAULTS if story.maybe("allowed")]
    planes = story.one("planes", 0, 0, 0, 2, 3)
    first = f"cluster nodes={story.nodes} seed={seed % 1000}" + (f" control_planes={planes}" if planes else "")
    story.loops = story.maybe("instant", 4)
    first += " timing=instant" if story.loops else ""
    commands = [first]
    if story.maybe("taint", 4):
        taint = [{"key": "dedicated", "value": "batch", "effect": story.one("effect", "NoSchedule", "PreferNoSchedule")}]
        commands.append(patch("node/node-1", {"spec": {"taints": taint}}))
    if story.maybe("quota", 4):
        hard = {"pods": str(10 + story.draw.below("hard", 30))}
        commands.append(apply({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "all"}, "spec": {"hard": hard}}))
        story.mends["quota"] = patch("quota/all", {"spec": {"hard": {"pods": "1000"}}})
    for index in range(2 + story.draw.below("workloads", 4)):
        make = story.one("kind", *KINDS)
        commands += make(story, index)
    return story, commands


# -- what happens --------------------------------------------------------------------------------------------------------------------
def next_command(story: Story, cluster: kl.Cluster) -> str:
    """What a user or fate does next; "" for nothing."""
    target = story.one("target", *story.rollouts) if story.rollouts else ""
    what = story.draw.below("what", 20)
    if what < 3 and target and not target.startswith("daemonset"):
        return f"scale {target} {story.draw.below('replicas', 8)}"
    if what < 6 and target:
        return f"image {target} c={story.one('image', *IMAGES)}"
    if what < 8 and target:
        return f"{story.one('how', 'kill', 'kill', 'evict')} app={target.partition('/')[2]} {story.draw.below('which', 9)}"
    if what == 8 and target:
        return story.one("again", f"restart {target}", f"undo {target}", _recreate(story, cluster, target))
    if what == 9 and target.startswith("deployment"):
        return _toggled(story, target, "paused")
    if what == 10 and story.batch:
        return _toggled(story, story.one("batch", *story.batch), "suspend")
    if what < 13:
        return _with_node(story)
    if what == 13:
        return "reload"
    if what > 13 and story.faults:
        kind = story.one("fault", *story.faults)
        return "" if story.loops and kind in ("DiskFull", "NodeShutdown") else _fault(story, cluster, kind)
    return ""


def _toggled(story: Story, reference: str, name: str) -> str:
    on = story.one("on", True, False)
    if on:
        story.mends[f"{name} {reference}"] = patch(reference, {"spec": {name: False}})
    return patch(reference, {"spec": {name: on}})


def _recreate(story: Story, cluster: kl.Cluster, target: str) -> str:
    """Delete a workload, and make it anew in the end."""
    try:
        obj = cluster[target]
    except kl.ApiError:
        return ""
    spec = {key: part for key, part in obj["spec"].items() if key != "paused"}
    clean = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": {"name": obj["metadata"]["name"]}, "spec": spec}
    story.mends[f"again {target}"] = apply(clean)
    return f"delete {target} {story.one('cascade', 'background', 'foreground')}"


def _with_node(story: Story) -> str:
    node = f"node-{1 + story.draw.below('node', story.nodes)}"
    how = story.one("with node", "cordon", "drain", "uncordon", "taint")
    if how == "taint":
        taint = {"key": "maintenance", "value": "now", "effect": story.one("effect", "NoSchedule", "NoExecute")}
        story.mends[f"taint {node}"] = patch(f"node/{node}", {"spec": {"taints": None}})
        return patch(f"node/{node}", {"spec": {"taints": [taint]}})
    if how != "uncordon":
        story.mends[f"uncordon {node}"] = f"uncordon {node}"
    return f"drain {node} ignore_daemonsets force delete_emptydir_data timeout=30s" if how == "drain" else f"{how} {node}"


def _fault(story: Story, cluster: kl.Cluster, kind: str) -> str:
    seconds = (1 + story.draw.below("duration", 60)) * story.one("lasting", 1, 1, 1, 10)
    words = [f"fault {kind} duration={seconds}s"]
    if kind in ("NodeCrash", "NodePartition", "NodeShutdown", "RuntimeHang", "DiskFull"):
        words.append(f"nodes=node-{1 + story.draw.below('node', story.nodes)}")
        if kind == "NodePartition":
            words += [
                f"from_={story.one('from', 'all', 'api-server', 'nodes')}",
                f"direction={story.one('direction', 'both', 'in', 'out')}",
            ]
    elif kind in ("ComponentCrash", "WatchLag"):
        replicas = [name for name in cluster._engine.runners if name.startswith(("kube-controller-manager", "kube-scheduler"))]
        leader = bool(replicas) and kind == "ComponentCrash" and story.maybe("leader")
        words.append(f"components={story.one('component', *(replicas if leader else COMPONENTS))}")
    elif kind == "ImageBroken":
        words.append("images=nginx:1.25")
    else:
        words.append(f"resources={story.one('resource', *RESOURCES)}")
        words.append(f"delay={1 + story.draw.below('delay', 20)}s" if kind == "ApiSlow" else f"share={story.one('share', '30%', '100%')}")
    return " ".join(words)


def pause(story: Story) -> str:
    return f"run {(1 + story.draw.below('pause', 40)) * story.one('patience', 1, 1, 1, 12)}s"


# -- and all is well again -------------------------------------------------------------------------------------------------------------
def healing(story: Story) -> list[str]:
    """Faults end, what users did is taken back, images exist. A broken pod of an ordered set must go by hand: the forced-rollback trap."""
    commands = ["heal", "run 5s", *story.mends.values(), "run 5s"]
    commands += [f"image {target} c={MENDED}" for target in story.rollouts]
    return [*commands, "run 15s", f"rid {NEVER}", "run 10s"]


def resting(story: Story) -> list[str]:
    waits = [f"run until {target} ready" for target in story.rollouts]
    quiet = [patch(target, {"spec": {"suspend": True}}) for target in story.batch if target.startswith("cronjob")]
    return [*waits, *(["run 11m", *quiet] if quiet else []), "run 40m", *(["run 25m"] if story.restless else ["settle 2h"]), "check rest"]
