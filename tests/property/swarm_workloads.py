"""What a random world of the swarm has: workloads of every kind with their company, drawn from the seed as commands of a text scenario."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from kubelab.world.streams import Streams
from tests.builders import claim_template, deployment, job, statefulset

Object = dict[str, Any]


@dataclass(slots=True)
class Story:
    """The draws of one world. ``rollouts``: references that must become ready in the end; ``mends``: commands that take back what users did."""

    draw: Streams
    nodes: int = 0
    rollouts: list[str] = field(default_factory=list)
    batch: list[str] = field(default_factory=list)
    budgets: int = 0
    faults: list[str] = field(default_factory=list)
    mends: dict[str, str] = field(default_factory=dict)
    loops: bool = False  # pods would be made and refused without end on a node that refuses all: a surging DaemonSet, no limits at all
    restless: bool = False  # something goes on for ever: a CronJob, an autoscaler

    def one(self, name: str, *choices: Any) -> Any:
        return choices[self.draw.below(name, len(choices))]

    def maybe(self, name: str, of: int = 2) -> bool:
        return self.draw.below(name, of) == 0


def apply(*objects: Object) -> str:
    return "apply <<YAML\n" + "\n---\n".join(json.dumps(obj) for obj in objects) + "\nYAML"


def patch(reference: str, body: Object) -> str:
    return f"patch {reference} '{json.dumps(body)}'"


def _container(story: Story, obj: Object) -> Object:
    found: Object = obj["spec"]["template"]["spec"]["containers"][0]
    if story.maybe("requests"):
        found["resources"] = {"requests": {"cpu": story.one("cpu", "50m", "100m", "300m")}}
    if story.maybe("readiness", 3):
        found |= {"ports": [{"containerPort": 80}], "readinessProbe": {"httpGet": {"path": "/", "port": 80}, "periodSeconds": 2}}
    if story.maybe("liveness", 4):
        found["livenessProbe"] = {"exec": {"command": ["cat", "/etc/hostname"]}, "periodSeconds": 5}
    return found


def _grace(story: Story, obj: Object) -> None:
    if story.maybe("grace"):
        least = 1 if obj["kind"] == "StatefulSet" else 0  # without grace a pod is gone at once, though a hanging node still runs it
        obj["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = story.one("seconds of grace", least, 1, 5)


def _with_company(story: Story, obj: Object) -> list[Object]:
    """A workload with a service and a budget, perhaps."""
    name, labels = obj["metadata"]["name"], {"app": obj["metadata"]["name"]}
    found = [obj]
    if story.maybe("service"):
        headless = {"clusterIP": "None"} if obj["kind"] == "StatefulSet" or story.maybe("headless", 4) else {}
        spec = {"selector": labels, "ports": [{"port": 80}], **headless}
        found.append({"apiVersion": "v1", "kind": "Service", "metadata": {"name": name}, "spec": spec})
    if story.maybe("budget", 3):
        bounds = story.one("bounds", {"maxUnavailable": 1}, {"minAvailable": "50%"}, {"minAvailable": 1}, {"maxUnavailable": "30%"})
        spec = {"selector": {"matchLabels": labels}, **bounds}
        found.append({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": name}, "spec": spec})
        story.budgets += 1
    return found


def _deployment(story: Story, index: int) -> list[str]:
    name = f"web-{index}"
    obj = deployment(name, story.draw.below("replicas", 7))
    spec = obj["spec"]
    spec["strategy"] = story.one(
        "strategy",
        {"type": "Recreate"},
        *({"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": down}} for surge, down in _BOUNDS),
    )
    spec["revisionHistoryLimit"] = story.one("history", 10, 1, 2)
    spec["minReadySeconds"] = story.one("min ready", 0, 0, 3)
    spec["progressDeadlineSeconds"] = story.one("deadline", 600, 60)
    container = _container(story, obj)
    _grace(story, obj)
    story.rollouts.append(f"deployment/{name}")
    found = _with_company(story, obj)
    if story.maybe("autoscaled", 4):
        container.setdefault("resources", {"requests": {"cpu": "100m"}})
        found += _autoscaler(story, name)
    return [apply(*found)]


_BOUNDS = ((1, 0), (0, 1), ("25%", "25%"), ("50%", 0), (2, 2))


def _autoscaler(story: Story, name: str) -> list[Object]:
    story.restless = True
    metric = {"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}}
    low = 1 + story.draw.below("least", 2)
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": low,
        "maxReplicas": low + 1 + story.draw.below("most", 5),
        "metrics": [metric],
        "behavior": {"scaleDown": {"stabilizationWindowSeconds": story.one("window", 0, 60, 300)}},
    }
    curve = story.one(
        "curve",
        {"constant": "80m"},
        {"sine": {"mean": "60m", "amplitude": "50m", "period": "5m"}},
        {"spikes": {"base": "10m", "peak": "200m", "every": "3m", "length": "30s"}},
    )
    usage = {"selector": {"matchLabels": {"app": name}}, "cpu": curve}
    return [
        {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name}, "spec": spec},
        {"apiVersion": "lab.kubelab.dev/v1", "kind": "Usage", "metadata": {"name": name}, "spec": usage},
    ]


def _stateful_set(story: Story, index: int) -> list[str]:
    name = f"db-{index}"
    obj = statefulset(name, story.draw.below("replicas", 6), podManagementPolicy=story.one("policy", "OrderedReady", "Parallel"))
    spec = obj["spec"]
    spec["revisionHistoryLimit"] = story.one("history", 10, 1)
    spec["minReadySeconds"] = story.one("min ready", 0, 0, 3)
    if story.maybe("partition", 3):
        spec["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": {"partition": story.draw.below("at", 4)}}
        story.mends[f"partition {name}"] = patch(f"statefulset/{name}", {"spec": {"updateStrategy": {"rollingUpdate": {"partition": 0}}}})
    if story.maybe("ordinals", 4):
        spec["ordinals"] = {"start": story.one("start", 1, 5)}
    if story.maybe("claims"):
        spec["volumeClaimTemplates"] = [claim_template()]
        spec["template"]["spec"]["containers"][0]["volumeMounts"] = [{"name": "data", "mountPath": "/data"}]
        spec["persistentVolumeClaimRetentionPolicy"] = {
            "whenDeleted": story.one("when deleted", "Retain", "Delete"),
            "whenScaled": story.one("when scaled", "Retain", "Delete"),
        }
    _container(story, obj)
    _grace(story, obj)
    story.rollouts.append(f"statefulset/{name}")
    return [apply(*_with_company(story, obj))]


def _daemon_set(story: Story, index: int) -> list[str]:
    name = f"agent-{index}"
    obj = deployment(name, 1)
    del obj["spec"]["replicas"]
    obj["kind"] = "DaemonSet"
    bounds = story.one(
        "rolling",
        {"maxUnavailable": 1},
        {"maxUnavailable": "50%"},
        {"maxSurge": 1, "maxUnavailable": 0},
        {"maxSurge": "50%", "maxUnavailable": 0},
    )
    story.loops = story.loops or "maxSurge" in bounds
    obj["spec"]["updateStrategy"] = {"type": "RollingUpdate", "rollingUpdate": bounds}
    obj["spec"]["revisionHistoryLimit"] = story.one("history", 10, 1)
    if (
        "maxSurge" not in bounds
    ):  # upstream looks again for the first pod that becomes available alone (one delayed key) and may wait for ever
        obj["spec"]["minReadySeconds"] = story.one("min ready", 0, 0, 3)
    pod = obj["spec"]["template"]["spec"]
    if story.maybe("zone", 3):
        pod["nodeSelector"] = {"topology.kubernetes.io/zone": "zone-a"}
    if story.maybe("tolerant", 3):
        pod["tolerations"] = [{"operator": "Exists"}]
    _grace(story, obj)
    story.rollouts.append(f"daemonset/{name}")
    return [apply(obj)]


def _job_spec(story: Story, name: str) -> Object:
    script = story.one("script", "sleep 1", "sleep 15", "sleep 40", "exit 3", "sleep 5; exit 42")
    completions = 1 + story.draw.below("completions", 6)
    obj = job(name, completions, parallelism=1 + story.draw.below("parallelism", 4), script=script)
    spec = obj["spec"]
    spec["template"]["spec"]["restartPolicy"] = restart = story.one("restart", "Never", "OnFailure")
    spec["backoffLimit"] = story.one("backoff", 0, 1, 3)
    if story.maybe("indexed"):
        spec["completionMode"] = "Indexed"
    if restart == "Never" and story.maybe("failure policy"):
        rule = story.one(
            "rule",
            {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [42]}},
            {"action": "Count", "onExitCodes": {"operator": "NotIn", "values": [0]}},
            {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        )
        spec["podFailurePolicy"] = {"rules": [rule]}
    if story.maybe("job deadline", 4):
        spec["activeDeadlineSeconds"] = story.one("active", 20, 100)
    if story.maybe("ttl", 4):
        spec["ttlSecondsAfterFinished"] = story.one("after", 0, 30)
    return obj


def _job(story: Story, index: int) -> list[str]:
    name = f"sums-{index}"
    obj = _job_spec(story, name)
    if story.maybe("suspended", 4):
        obj["spec"]["suspend"] = True
        story.mends[f"resume {name}"] = patch(f"job/{name}", {"spec": {"suspend": False}})
    story.batch.append(f"job/{name}")
    return [apply(obj)]


def _cron_job(story: Story, index: int) -> list[str]:
    name = f"tick-{index}"
    spec = {
        "schedule": story.one("schedule", "* * * * *", "*/2 * * * *", "*/5 * * * *"),
        "concurrencyPolicy": story.one("concurrency", "Allow", "Forbid", "Replace"),
        "successfulJobsHistoryLimit": story.one("kept", 3, 1, 0),
        "failedJobsHistoryLimit": story.one("failed kept", 1, 0),
        "jobTemplate": {"spec": _job_spec(story, name)["spec"]},
    }
    if story.maybe("starting deadline"):
        spec["startingDeadlineSeconds"] = story.one("starting", 15, 100)
    story.restless = True
    story.batch.append(f"cronjob/{name}")
    return [apply({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": name}, "spec": spec})]


def _bare(story: Story, index: int) -> list[str]:
    """A ReplicaSet or ReplicationController of nobody's."""
    name = f"bare-{index}"
    obj = deployment(name, story.draw.below("replicas", 5))
    if story.maybe("old kind"):
        obj |= {"apiVersion": "v1", "kind": "ReplicationController"}
        obj["spec"]["selector"] = {"app": name}
    else:
        obj["kind"] = "ReplicaSet"
    _container(story, obj)
    return [apply(*_with_company(story, obj))]


KINDS = (_deployment, _deployment, _stateful_set, _stateful_set, _daemon_set, _job, _job, _cron_job, _bare)
