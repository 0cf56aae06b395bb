"""Usage objects in a cluster: what a user sees of CPU, memory and their ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import kubelab as kl

Object = dict[str, Any]
MIB = 1 << 20


def _usage(name: str, **spec: Any) -> Object:
    selector = {"matchLabels": {"app": "a"}}
    return {
        "apiVersion": "lab.kubelab.dev/v1",
        "kind": "Usage",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"selector": selector, **spec},
    }


def _pod(name: str = "a", limits: Object | None = None, image: str = "nginx", **labels: str) -> Object:
    container: Object = {"name": "main", "image": image, "resources": {"limits": limits} if limits else {}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": "default", "labels": labels or {"app": "a"}},
        "spec": {"containers": [container]},
    }


def _stats(c: kl.Cluster, name: str = "a") -> Object:
    found: list[Object] = c.cri("node-1").list_container_stats(labels={"io.kubernetes.pod.name": name})
    return found[0]


def test_memory_ends_at_the_limit_and_the_container_comes_back() -> None:
    c = kl.Cluster(nodes=1, seed=1)
    c.apply([_usage("leak", memory={"ramp": {"from": "28Mi", "to": "228Mi", "over": "200s"}}), _pod(limits={"memory": "128Mi"})])
    c.run(until="pod/a ready")
    started = c["pod/a"]["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    c.run("103s")
    status = c["pod/a"]["status"]["containerStatuses"][0]
    ended = status["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], status["restartCount"]) == (137, "OOMKilled", 1)
    seconds = [int(text[14:16]) * 60 + int(text[17:19]) for text in (started, ended["finishedAt"])]
    assert seconds[1] - seconds[0] == 100
    assert not [event for event in c.list("events") if "OOM" in event["reason"] or "OOM" in event["message"]]
    c.run("250s")
    assert any(event["reason"] == "BackOff" for event in c.list("events"))


def test_a_usage_made_later_counts_from_then_on_and_ends_when_it_is_deleted() -> None:
    c = kl.Cluster(nodes=1, seed=1)
    c.apply(_pod())
    c.run(until="pod/a ready")
    c.run("30s")
    assert _stats(c)["cpu"]["usageNanoCores"] == {"value": 1_000_000}
    c.apply(_usage("busy", cpu={"constant": "500m"}))
    c.run("10s")
    assert _stats(c)["cpu"]["usageNanoCores"] == {"value": 500_000_000}
    c.delete("usage/busy")
    c.run("10s")
    assert _stats(c)["cpu"]["usageNanoCores"] == {"value": 1_000_000}


def test_a_label_brings_a_pod_under_a_usage() -> None:
    c = kl.Cluster(nodes=1, seed=1)
    c.apply([_usage("busy", cpu={"constant": 2}), _pod(app="other")])
    c.run(until="pod/a ready")
    c.patch("pod/a", {"metadata": {"labels": {"app": "a"}}})
    c.run("10s")
    assert _stats(c)["cpu"]["usageNanoCores"] == {"value": 2_000_000_000}


def test_reading_changes_nothing_and_a_crashed_kubelet_loses_nothing() -> None:
    c = kl.Cluster(nodes=1, seed=1)
    sine = {"sine": {"mean": "2", "amplitude": "2", "period": "1m"}}
    c.apply([_usage("wave", cpu=sine), _pod("a"), _pod("b"), _pod("d")])
    c.run("60s")
    other = c.fork()
    other.fault("ComponentCrash", components=["kubelet/node-1"], duration="20s")
    for _ in range(6):
        c.run("20s")
        c.cri("node-1").list_pod_sandbox_stats()
    other.run("120s")
    mine, its = c.cri("node-1").list_container_stats(), other.cri("node-1").list_container_stats()
    assert [item["cpu"] for item in mine] == [item["cpu"] for item in its]
    assert sum(item["cpu"]["usageNanoCores"]["value"] for item in mine) <= 4_000_000_000


def test_a_selector_that_matches_nothing_is_said() -> None:
    c = kl.Cluster(nodes=1, seed=1)
    c.apply(_usage("nobody", cpu={"constant": 1}))
    c.run("1m")
    (event,) = [event for event in c.list("events") if event["reason"] == "MatchesNothing"]
    assert event["message"] == "selector app=a matches no pod in namespace default: nothing is used"


def test_a_program_says_what_it_uses() -> None:
    @kl.programs.register
    class Hungry(kl.Program):
        image = "example.com/hungry"

        def usage(self, life: Any) -> Object:
            return {"cpu": {"constant": life.env["CORES"]}}

    pod = _pod(image="example.com/hungry:1")
    pod["spec"]["containers"][0]["env"] = [{"name": "CORES", "value": "1500m"}]
    c = kl.Cluster(nodes=1, seed=1)
    c.apply(pod)
    c.run(until="pod/a ready")
    c.run("10s")
    assert _stats(c)["cpu"]["usageNanoCores"] == {"value": 1_500_000_000}
    kl.programs.unregister("hungry")


def test_new_limits_count_at_once() -> None:
    c = kl.Cluster(nodes=1, seed=1)
    c.apply([_usage("busy", cpu={"constant": 1}), _pod(limits={"cpu": "500m", "memory": "64Mi"})])
    c.run(until="pod/a ready")
    c.run("10s")
    runtime = c.cri("node-1")
    runtime.update_container_resources(_stats(c)["attributes"]["id"], {"cpuQuota": 25_000})
    c.run("10s")
    assert _stats(c)["cpu"]["usageNanoCores"] == {"value": 250_000_000}
    with pytest.raises(Exception, match="linux.cpus is no field"):
        runtime.update_container_resources(_stats(c)["attributes"]["id"], {"cpus": 1})


def test_images_take_more_room_unpacked_and_give_it_back() -> None:
    c = kl.Cluster(nodes=1, seed=1)
    c.run("1s")

    def used() -> int:
        return int(c.cri("node-1").image_fs_info()["imageFilesystems"][0]["usedBytes"]["value"])

    assert used() == 0
    c.apply(_pod())
    c.run(until="pod/a ready")
    assert used() > c.cri("node-1").list_images()[0]["size"]


def test_every_metric_is_described() -> None:
    c = kl.Cluster(nodes=1, seed=1)
    c.apply(_pod())
    c.run(until="pod/a ready")
    described = {item["name"]: item["labelKeys"] for item in c.cri("node-1").list_metric_descriptors()}
    (pod,) = c.cri("node-1").list_pod_sandbox_metrics()
    metrics = [*pod["metrics"], *pod["containerMetrics"][0]["metrics"]]
    assert {metric["name"] for metric in metrics} == set(described)
    assert all(len(metric["labelValues"]) == len(described[metric["name"]]) for metric in metrics)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("seconds,cores\n0,0.5\n10,1\n", [[0, 0.5], [10, 1]]),
        ("0,1\n0,2\n", "line 2: 0 s does not come after 0 s"),
        ("0,1\n5,many\n", "line 2: '5,many' is not seconds and a value"),
        ("seconds,cores\n", "holds no points"),
        ("0,nan\n1,1\n", "line 1: '0,nan' is not seconds and a value"),
    ],
)
def test_a_trace_out_of_a_file(tmp_path: Path, text: str, found: Any) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    if isinstance(found, list):
        assert kl.usage_trace(path) == found
    else:
        with pytest.raises(ValueError, match=found):
            kl.usage_trace(path)
