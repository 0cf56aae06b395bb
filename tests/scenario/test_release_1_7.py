"""A cluster of 1.7: one thing under two groups, nodes that are lost, words of the scheduler, worlds that are saved and forked."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

import kubelab as kl

Object = dict[str, Any]
APPS = "/apis/apps/v1beta1/namespaces/default/deployments"
EXTENSIONS = "/apis/extensions/v1beta1/namespaces/default/deployments"


def workload(api: str, kind: str, name: str, image: str = "nginx:1.13", **spec: Any) -> Object:
    pod = {"terminationGracePeriodSeconds": 0, "containers": [{"name": "c", "image": image}]}
    template = {"metadata": {"labels": {"app": name}}, "spec": pod}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, "spec": {"template": template, **spec}}


def bare(name: str, cpu: str = "1", **spec: Any) -> Object:
    container = {"name": "c", "image": "nginx:1.13", "resources": {"requests": {"cpu": cpu}}}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container], **spec}}


@pytest.fixture
def cluster() -> kl.Cluster:
    return kl.Cluster(3, seed=3, release="1.7")


def test_what_one_group_writes_the_other_reads_on_every_path(cluster: kl.Cluster) -> None:
    code, made = cluster.request("POST", EXTENSIONS, workload("extensions/v1beta1", "Deployment", "web"))
    assert (code, made["apiVersion"], made["metadata"]["selfLink"]) == (201, "extensions/v1beta1", f"{EXTENSIONS}/web")
    code, read = cluster.request("GET", f"{APPS}/web")
    assert (code, read["apiVersion"], read["metadata"]["selfLink"]) == (200, "apps/v1beta1", f"{APPS}/web")
    assert read["metadata"]["uid"] == made["metadata"]["uid"] and read["spec"] == made["spec"]
    assert "revisionHistoryLimit" not in read["spec"]

    listed = cluster.request("GET", APPS)[1]
    assert (listed["kind"], listed["apiVersion"], listed["metadata"]["selfLink"]) == ("DeploymentList", "apps/v1beta1", APPS)
    assert "apiVersion" not in listed["items"][0]
    events = cluster.request("GET", f"{APPS}?watch=true")[1]
    assert [(event["type"], event["object"]["apiVersion"]) for event in events] == [("ADDED", "apps/v1beta1")]

    # an update through apps has that group's defaults, as upstream's decoder has them
    code, patched = cluster.request("PATCH", f"{APPS}/web", {"spec": {"replicas": 2}}, content_type="application/merge-patch+json")
    assert (code, patched["apiVersion"], patched["spec"]["replicas"]) == (200, "apps/v1beta1", 2)
    assert cluster.request("GET", f"{EXTENSIONS}/web")[1]["spec"]["replicas"] == 2
    body = {**cluster.request("GET", f"{APPS}/web")[1]}
    assert cluster.request("PUT", f"{EXTENSIONS}/web", body)[1]["message"] == (
        "the API version in the data (apps/v1beta1) does not match the expected API version (extensions/v1beta1)"
    )


def test_controllers_name_things_as_then(cluster: kl.Cluster) -> None:
    cluster.apply(workload("apps/v1beta1", "Deployment", "web"))
    cluster.apply(workload("apps/v1beta1", "StatefulSet", "zk", serviceName="zk"))
    cluster.run("20s")
    sets, pods = cluster.list("rs"), cluster.list("pods", selector="app=web")
    name = sets[0]["metadata"]["name"]
    assert name.removeprefix("web-").isdigit()
    assert sets[0]["metadata"]["ownerReferences"][0]["apiVersion"] == "extensions/v1beta1"
    assert pods[0]["metadata"]["ownerReferences"][0]["apiVersion"] == "extensions/v1beta1"
    revision = cluster.list("controllerrevisions")[0]
    assert revision["metadata"]["name"] == f"zk-{revision['metadata']['labels']['controller.kubernetes.io/hash']}"
    assert (revision["apiVersion"], revision["metadata"]["ownerReferences"][0]["apiVersion"]) == ("apps/v1beta1", "apps/v1beta1")
    assert cluster["pod/zk-0"]["metadata"]["labels"] == {"app": "zk", "controller-revision-hash": revision["metadata"]["name"]}
    assert cluster["sts/zk"]["status"] == {
        "observedGeneration": 1,
        "replicas": 1,
        "readyReplicas": 1,
        "currentReplicas": 1,
        "currentRevision": revision["metadata"]["name"],
        "updateRevision": revision["metadata"]["name"],
    }
    about = {event["involvedObject"]["kind"]: event["involvedObject"].get("apiVersion") for event in cluster.list("events", namespace=None)}
    assert (about["Deployment"], about["StatefulSet"], about["ReplicaSet"], about["Pod"]) == ("extensions", "apps", "extensions", "v1")
    calls = cluster.frames.calls()
    refused = calls[(calls["code"] == 403) & (calls["user"] != "kubernetes-admin")]
    assert refused.empty, refused.to_string()


def test_a_job_replaces_its_failures_for_ever(cluster: kl.Cluster) -> None:
    """No back-off limit, no finalizers; a deadline is seen when a pod changes. upstream: pkg/controller/job/jobcontroller.go, 1.7."""
    for name, command, more in (
        ("bad", "false", {}),
        ("late", "sleep 1000", {"activeDeadlineSeconds": 1}),
        ("good", "sleep 5", {"completions": 2}),
    ):
        pod = {"restartPolicy": "Never", "containers": [{"name": "c", "image": "busybox", "command": command.split()}]}
        cluster.apply({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": {"template": {"spec": pod}, **more}})
    cluster.run("1m")
    bad, late, good = (cluster[f"job/{name}"] for name in ("bad", "late", "good"))
    assert bad["status"]["failed"] > 10 and bad["status"]["active"] == 1 and "conditions" not in bad["status"]
    assert "backoffLimit" not in bad["spec"]
    assert [(each["type"], each["reason"]) for each in late["status"]["conditions"]] == [("Failed", "DeadlineExceeded")]
    assert good["status"]["succeeded"] == 2 and [each["type"] for each in good["status"]["conditions"]] == ["Complete"]
    pods = cluster.list("pods")
    assert all("finalizers" not in pod["metadata"] for pod in pods)
    assert not [pod for pod in pods if pod["metadata"]["labels"]["job-name"] == "late"]


@pytest.mark.parametrize(
    ("api", "kind", "version"),
    [
        ("apps/v1beta1", "StatefulSet", "apps"),
        ("extensions/v1beta1", "DaemonSet", "extensions"),
        ("extensions/v1beta1", "ReplicaSet", "extensions"),
        ("v1", "ReplicationController", "v1"),
    ],
)
def test_a_pod_says_who_made_it(cluster: kl.Cluster, api: str, kind: str, version: str) -> None:
    """upstream: getPodsAnnotationSet in pkg/controller/controller_utils.go, GetReference in client-go/pkg/api/v1/ref/ref.go, 1.7."""
    cluster.apply(workload(api, kind, "web"))
    cluster.run("10s")
    reference = json.loads(cluster.list("pods")[0]["metadata"]["annotations"]["kubernetes.io/created-by"])["reference"]
    owner = cluster[f"{kind.lower()}/web"]["metadata"]
    assert (reference["kind"], reference["name"], reference["uid"], reference["apiVersion"]) == (kind, "web", owner["uid"], version)
    assert list(reference) == ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion"]


def test_endpoints_of_then(cluster: kl.Cluster) -> None:
    """upstream: pkg/controller/endpoint/endpoints_controller.go, 1.7."""
    tolerant = {"service.alpha.kubernetes.io/tolerate-unready-endpoints": "true"}
    for name, spec, notes in (("bare", {}, {}), ("ready", {"ports": [{"port": 80}]}, {}), ("all", {"ports": [{"port": 80}]}, tolerant)):
        meta = {"name": name, "annotations": notes}
        body = {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"clusterIP": "None", "selector": {"app": "web"}, **spec}}
        cluster.apply(body)
    slow = {"name": "c", "image": "nginx:1.13", "readinessProbe": {"httpGet": {"port": 80}, "initialDelaySeconds": 600}}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [slow]}}
    cluster.apply({"apiVersion": "apps/v1beta1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": template}})
    cluster.run("30s")
    assert cluster["endpoints/bare"].get("subsets", []) == []
    assert [sorted(subset) for subset in cluster["endpoints/ready"]["subsets"]] == [["notReadyAddresses", "ports"]]
    assert [sorted(subset) for subset in cluster["endpoints/all"]["subsets"]] == [["addresses", "ports"]]


def test_a_network_policy_is_never_changed(cluster: kl.Cluster) -> None:
    """upstream: ValidateNetworkPolicyUpdate in pkg/apis/networking/validation/validation.go, 1.7."""
    body = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "n"}, "spec": {"podSelector": {}}}
    cluster.apply(body)
    with pytest.raises(kl.ApiError, match="spec: Forbidden: updates to networkpolicy spec are forbidden."):
        cluster.apply({**body, "spec": {"podSelector": {"matchLabels": {"app": "web"}}}})
    cluster.apply({**body, "metadata": {"name": "n", "labels": {"app": "web"}}})


def test_a_parallel_set_comes_up_at_once_and_goes_at_once(cluster: kl.Cluster) -> None:
    cluster.apply(workload("apps/v1beta1", "StatefulSet", "web", replicas=5, serviceName="web", podManagementPolicy="Parallel"))
    cluster.run("1s")
    assert len(cluster.list("pods")) == 5
    cluster.run(until="sts/web ready")
    cluster.scale("sts/web", 1)
    cluster.run("2s")
    assert [pod["metadata"]["name"] for pod in cluster.list("pods")] == ["web-0"]


def test_a_rollback_is_asked_for_and_told(cluster: kl.Cluster) -> None:
    cluster.apply(workload("apps/v1beta1", "Deployment", "web", "nginx:1.12"))
    cluster.run(until="deploy/web ready")
    cluster.apply(workload("apps/v1beta1", "Deployment", "web", "nginx:1.13"))
    cluster.run(until="deploy/web ready")
    asked = {"kind": "DeploymentRollback", "apiVersion": "apps/v1beta1", "name": "web", "rollbackTo": {"revision": 0}}
    note = {"kubernetes.io/change-cause": "back"}
    code, answer = cluster.request("POST", f"{APPS}/web/rollback", {**asked, "updatedAnnotations": note})
    expected = {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "message": 'rollback request for deployment "web" succeeded',
        "code": 200,
    }
    assert (code, answer) == (201, expected)
    assert cluster["deploy/web"]["spec"]["rollbackTo"] == {} and cluster["deploy/web"]["metadata"]["annotations"].items() >= note.items()
    cluster.run("10s")
    deployment = cluster["deploy/web"]
    assert "rollbackTo" not in deployment["spec"] and deployment["spec"]["template"]["spec"]["containers"][0]["image"] == "nginx:1.12"
    assert 'Rolled back deployment "web" to revision 1' in [event["message"] for event in cluster.list("events")]
    for body, words in (
        ({**asked, "name": ""}, 'DeploymentRollback.extensions "" is invalid: name: Required value: name is required'),
        ({**asked, "name": "nope"}, 'deployments.apps "nope" not found'),
        ({**asked, "rollbackTo": {"revision": -1}}, "rollback.version: Invalid value: -1: must be greater than or equal to 0"),
    ):
        assert cluster.request("POST", f"{APPS}/web/rollback", body)[1]["message"].endswith(words)


def test_deletion_orphans_unless_asked_otherwise(cluster: kl.Cluster) -> None:
    for name, query in (("kept", ""), ("gone", "?propagationPolicy=Background"), ("old", "?orphanDependents=false")):
        cluster.apply(workload("extensions/v1beta1", "Deployment", name))
        cluster.run(until=f"deploy/{name} ready")
        cluster.request("DELETE", f"{EXTENSIONS}/{name}{query}")
    cluster.run("20s")
    assert [item["metadata"]["name"].rpartition("-")[0] for item in cluster.list("rs")] == ["kept"]
    assert "ownerReferences" not in cluster.list("rs")[0]["metadata"]


def test_pods_of_a_lost_node_are_deleted_after_five_minutes(cluster: kl.Cluster) -> None:
    web = workload("apps/v1beta1", "Deployment", "web", replicas=3)
    web["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 30
    cluster.apply([web, workload("extensions/v1beta1", "DaemonSet", "agent")])
    cluster.run(until="deploy/web ready")
    assert not cluster.request("GET", "/api/v1/namespaces/kube-node-lease")[1].get("spec")
    node = cluster.list("pods", selector="app=web")[0]["spec"]["nodeName"]
    cluster.fault("NodeCrash", nodes=[node])
    cluster.run("60s")
    conditions = {each["type"]: each["status"] for each in cluster[f"node/{node}"]["status"]["conditions"]}
    assert conditions == dict.fromkeys(("OutOfDisk", "MemoryPressure", "DiskPressure", "Ready"), "Unknown")
    assert "taints" not in cluster[f"node/{node}"]["spec"] and len(cluster.list("pods")) == 6
    cluster.run("5m")
    lost = [pod for pod in cluster.list("pods") if pod["spec"].get("nodeName") == node]
    assert {pod["status"]["reason"] for pod in lost} == {"NodeLost"}
    going = {pod["metadata"]["labels"]["app"]: "deletionTimestamp" in pod["metadata"] for pod in lost}
    assert going == {"web": True, "agent": False}
    told = [event for event in cluster.list("events", namespace=None) if event["reason"] in ("NodeControllerEviction", "DeletingAllPods")]
    assert {event["source"]["component"] for event in told} == {"controllermanager"}
    assert f"Node {node} event: Deleting all Pods from Node {node}." in [event["message"] for event in told]
    for fault in cluster.list("faults"):
        cluster.delete(fault)
    cluster.run("60s")
    assert cluster[f"node/{node}"]["status"]["conditions"][-1]["status"] == "True"
    assert not [pod for pod in cluster.list("pods") if "deletionTimestamp" in pod["metadata"]]


def test_the_kubelet_reports_by_the_nodes_status(cluster: kl.Cluster) -> None:
    cluster.run("2m")
    calls = cluster.frames.calls()
    beats = calls[(calls["user"] == "system:node:node-1") & (calls["resource"] == "nodes") & (calls["subresource"] == "status")]
    assert len(beats[beats["verb"] == "patch"]) >= 12
    assert not calls["resource"].astype(str).str.contains("leases").any()


def test_the_kubelet_tells_more_of_mounts_and_ends(cluster: kl.Cluster) -> None:
    """upstream: operation_generator.go, pkg/kubelet/kuberuntime/kuberuntime_{container,manager}.go, pkg/kubelet/prober/prober.go, 1.7."""
    pod = bare("web")
    pod["spec"]["containers"][0]["livenessProbe"] = {"httpGet": {"port": 81}, "failureThreshold": 1}
    pod["spec"]["volumes"] = [{"name": "data", "emptyDir": {}}]
    cluster.apply(pod)
    cluster.run("20s")
    uid = cluster["pod/web"]["metadata"]["uid"]
    cluster.delete("pod/web")
    cluster.run("40s")
    told = {}
    for event in cluster.list("events"):
        told.setdefault(event["reason"], []).append(event["message"])
    mounts = told["SuccessfulMountVolume"]
    assert mounts[0] == 'MountVolume.SetUp succeeded for volume "data" ' and "default-token-" in mounts[1] and len(mounts) == 2
    assert re.fullmatch(
        r"Liveness probe failed: Get http://([\d.]+:81)/: dial tcp \1: getsockopt: connection refused", told["Unhealthy"][0]
    )
    ends = [re.fullmatch(r"Killing container with id containerd://[0-9a-f]{64}:(.*)", message) for message in told["Killing"]]
    assert all(ends)
    assert ends[0].group(1) == f'pod "web_default({uid})" container "c" is unhealthy, it will be killed and re-created.'
    assert ends[-1].group(1) == "Need to kill Pod"


def test_a_sync_that_fails_is_told_of(cluster: kl.Cluster) -> None:
    """upstream: pkg/kubelet/pod_workers.go managePodLoop, pkg/kubelet/volumemanager/volume_manager.go WaitForAttachAndMount, 1.7."""
    crashing, waiting = bare("crashing"), bare("waiting")
    crashing["spec"]["containers"][0] |= {"image": "busybox", "command": ["false"]}
    waiting["spec"]["volumes"] = [{"name": "s", "secret": {"secretName": "none"}}]
    cluster.apply([crashing, waiting])
    cluster.run("3m")
    told = {(event["involvedObject"]["name"], event["reason"]): event for event in cluster.list("events")}
    restarts, failed = told["crashing", "BackOff"], told["crashing", "FailedSync"]
    assert restarts["count"] == failed["count"] > 1
    assert (failed["type"], failed["message"], "fieldPath" in failed["involvedObject"]) == ("Warning", "Error syncing pod", False)
    uid = cluster["pod/waiting"]["metadata"]["uid"]
    mounts = [event["message"] for event in cluster.list("events") if event["reason"] == "FailedMount"]
    assert mounts == [
        'MountVolume.SetUp failed for volume "s" : secrets "none" not found',
        f'Unable to mount volumes for pod "waiting_default({uid})": timeout expired waiting for volumes to attach/mount for pod '
        '"default"/"waiting". list of unattached/unmounted volumes=[s]',
    ]
    assert told["waiting", "FailedSync"]["count"] == 1


def test_the_scheduler_counts_every_failed_predicate(cluster: kl.Cluster) -> None:
    cluster.apply([bare("large", "9"), bare("elsewhere", "9", nodeSelector={"disk": "ssd"}), bare("fits")])
    cluster.run("10s")
    said = {pod["metadata"]["name"]: pod["status"]["conditions"][-1].get("message") for pod in cluster.list("pods")}
    head = "No nodes are available that match all of the following predicates:: "
    assert said["large"] == head + "Insufficient cpu (3)."
    assert said["elsewhere"] == head + "Insufficient cpu (3), MatchNodeSelector (3)."
    assert "Successfully assigned fits to" in " ".join(event["message"] for event in cluster.list("events"))
    for node in ("node-1", "node-2", "node-3"):
        cluster.cordon(node)
        assert "taints" not in cluster[f"node/{node}"]["spec"]
    cluster.apply(bare("late"))
    cluster.run("10s")
    assert cluster["pod/late"]["status"]["conditions"][-1]["message"] == "no nodes available to schedule pods"


def test_a_daemon_set_asks_for_room_first(cluster: kl.Cluster) -> None:
    cluster.apply(bare("big", "3800m", nodeName="node-2"))
    agent = workload("extensions/v1beta1", "DaemonSet", "agent")
    agent["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "500m"}}
    cluster.apply(agent)
    cluster.run("20s")
    status = cluster["ds/agent"]["status"]
    assert (status["desiredNumberScheduled"], status["currentNumberScheduled"]) == (3, 2)
    words = 'failed to place pod on "node-2": Node didn\'t have enough resource: cpu, requested: 500, used: 3800, capacity: 4000'
    assert words in [event["message"] for event in cluster.list("events")]


def test_claims_accounts_and_budgets(cluster: kl.Cluster) -> None:
    claims = [{"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]
    cluster.apply(workload("apps/v1beta1", "StatefulSet", "zk", serviceName="zk", volumeClaimTemplates=claims))
    cluster.apply(
        {
            "apiVersion": "policy/v1beta1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "zk"},
            "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "zk"}}},
        }
    )
    cluster.run(until="sts/zk ready")
    cluster.run("5s")
    assert cluster.list("pv")[0]["spec"]["flexVolume"] == {"driver": "lab.kubelab.dev/dynamic", "fsType": "ext4"}
    assert "volumeBindingMode" not in cluster["sc/standard"] and "csi" not in cluster.list("pv")[0]["spec"]
    pod = cluster["pod/zk-0"]
    account = cluster["serviceaccount/default"]
    token = account["secrets"][0]["name"]
    assert {"name": token, "secret": {"secretName": token, "defaultMode": 420}} in pod["spec"]["volumes"]
    assert cluster[f"secret/{token}"]["type"] == "kubernetes.io/service-account-token"
    assert [each["key"] for each in pod["spec"]["tolerations"]] == [
        "node.alpha.kubernetes.io/notReady",
        "node.alpha.kubernetes.io/unreachable",
    ]
    eviction = {"apiVersion": "policy/v1beta1", "kind": "Eviction", "metadata": {"name": "zk-0", "namespace": "default"}}
    code, answer = cluster.request("POST", "/api/v1/namespaces/default/pods/zk-0/eviction", eviction)
    assert (code, answer["reason"]) == (429, "TooManyRequests")


def test_a_namespace_goes_with_all_it_holds(cluster: kl.Cluster) -> None:
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}})
    cluster.apply(workload("apps/v1beta1", "Deployment", "web"), namespace="n")
    cluster.apply({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": [{"port": 80}]}}, namespace="n")
    cluster.run("20s")
    cluster.delete("namespace/n")
    cluster.run("2m")
    assert "n" not in [each["metadata"]["name"] for each in cluster.list("namespaces")]
    assert cluster.list("pods", namespace="n") == [] and cluster.list("services", namespace="n") == []


def test_the_autoscaler_asks_heapster(cluster: kl.Cluster) -> None:
    web = workload("apps/v1beta1", "Deployment", "web")
    web["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100m"}}
    selector = {"matchLabels": {"app": "web"}}
    target = {"apiVersion": "extensions/v1beta1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 3, "targetCPUUtilizationPercentage": 50}
    usage = {"selector": selector, "cpu": {"constant": "300m"}}
    cluster.apply(web)
    cluster.apply({"apiVersion": "lab.kubelab.dev/v1", "kind": "Usage", "metadata": {"name": "busy"}, "spec": usage})
    cluster.apply({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}, "spec": spec})
    cluster.run("4m")
    autoscaler = cluster["hpa/web"]
    assert (autoscaler["apiVersion"], autoscaler["status"]["desiredReplicas"]) == ("autoscaling/v1", 3)
    calls = cluster.frames.calls()
    asked = calls[(calls["resource"] == "services") & (calls["subresource"] == "proxy")]
    assert set(asked["name"]) == {"http:heapster:"} and set(asked["code"]) == {200}


def test_the_autoscaler_waits_after_a_change(cluster: kl.Cluster) -> None:
    """At most 4 or twice as many, then 3 minutes of rest. upstream: pkg/controller/podautoscaler/horizontal.go, 1.7."""
    web = workload("apps/v1beta1", "Deployment", "web")
    web["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "100m"}}
    target = {"apiVersion": "extensions/v1beta1", "kind": "Deployment", "name": "web"}
    spec = {"scaleTargetRef": target, "maxReplicas": 20, "targetCPUUtilizationPercentage": 10}
    usage = {"selector": {"matchLabels": {"app": "web"}}, "cpu": {"constant": "300m"}}
    cluster.apply(web)
    cluster.apply({"apiVersion": "lab.kubelab.dev/v1", "kind": "Usage", "metadata": {"name": "busy"}, "spec": usage})
    cluster.apply({"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "web"}, "spec": spec})
    cluster.run("10m")
    told = [event["message"] for event in cluster.list("events") if event["reason"] == "SuccessfulRescale"]
    reason = "reason: cpu resource utilization (percentage of request) above target"
    assert told == [f"New size: {size}; {reason}" for size in (4, 8, 16)]
    calls = cluster.frames.calls()
    at = calls[(calls["verb"] == "update") & (calls["subresource"] == "scale")]["elapsed"].tolist()
    assert all(180 < later - sooner <= 210 for sooner, later in itertools.pairwise(at))
    conditions = json.loads(cluster["hpa/web"]["metadata"]["annotations"]["autoscaling.alpha.kubernetes.io/conditions"])
    assert {each["type"]: each["reason"] for each in conditions}["ScalingLimited"] == "ScaleUpLimit"


@pytest.mark.parametrize(
    ("path", "method", "body", "content_type", "headers", "code"),
    [
        (f"{APPS}?dryRun=All", "POST", workload("apps/v1beta1", "Deployment", "x", foo=1), "", {}, 201),
        (f"{APPS}/x", "PATCH", {"metadata": {"name": "x"}}, "application/apply-patch+yaml", {}, 415),
        (APPS, "GET", None, "", {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}, 406),
        (APPS, "GET", None, "", {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}, 200),
    ],
)
def test_what_came_later_is_not_read(
    cluster: kl.Cluster, path: str, method: str, body: Any, content_type: str, headers: dict[str, str], code: int
) -> None:
    found, answer = cluster.request(method, path, body, content_type=content_type, headers=headers)
    assert found == code, answer
    if method == "POST":
        assert "foo" not in answer["spec"] and "managedFields" not in answer["metadata"]
        assert cluster["deploy/x"]["metadata"]["uid"] == answer["metadata"]["uid"]
    if code == 200:
        assert answer["kind"] == "DeploymentList"


def test_a_scale_is_of_the_workloads_group(cluster: kl.Cluster) -> None:
    cluster.apply(workload("apps/v1beta1", "Deployment", "web"))
    for path, version in ((APPS, "apps/v1beta1"), (EXTENSIONS, "extensions/v1beta1")):
        scale = cluster.request("GET", f"{path}/web/scale")[1]
        assert (scale["apiVersion"], scale["status"]["selector"], scale["status"]["targetSelector"]) == (version, {"app": "web"}, "app=web")
        scale["spec"]["replicas"] = 2
        assert cluster.request("PUT", f"{path}/web/scale", scale)[0] == 200
        assert cluster.request("PUT", f"{path}/web/scale", {**scale, "apiVersion": "autoscaling/v1"})[0] == 400
    assert cluster["deploy/web"]["spec"]["replicas"] == 2
    assert cluster.request("GET", "/apis/apps/v1beta1/namespaces/default/statefulsets/x/scale")[0] == 404


def test_a_policy_needs_its_gate() -> None:
    with pytest.raises(ValueError, match="feature 'AdvancedAuditing' must be enabled to set an audit policy"):
        kl.Cluster(1, release="1.7", audit_policy="Metadata")
    cluster = kl.Cluster(1, release="1.7", audit_policy="RequestResponse", feature_gates={"AdvancedAuditing": True})
    cluster.apply(workload("apps/v1beta1", "Deployment", "web"))
    cluster.run("10s")
    seen = {
        (event["verb"], event["objectRef"]["resource"], event["objectRef"].get("apiGroup"), event["requestObject"].get("apiVersion"))
        for event in cluster.audit_events()
        if event.get("requestObject") and event["verb"] == "create" and event["stage"] == "ResponseComplete"
    }
    assert ("create", "deployments", "apps", "apps/v1beta1") in seen
    assert ("create", "replicasets", "extensions", "extensions/v1beta1") in seen
    agents = {event["userAgent"] for event in cluster.audit_events() if event["user"]["username"].startswith("system:node:")}
    assert agents == {"kubelet/v1.7.0 (linux/amd64) kubernetes/d3ada01"}


def test_two_runs_a_fork_and_a_file_say_the_same(tmp_path: Path) -> None:
    def run(cluster: kl.Cluster) -> list[Any]:
        cluster.apply(workload("apps/v1beta1", "StatefulSet", "zk", replicas=2, serviceName="zk"))
        cluster.apply(workload("extensions/v1beta1", "Deployment", "web", replicas=3))
        cluster.run("30s")
        return list(cluster._engine.store.log.commits)

    first, second = (kl.Cluster(3, seed=5, release="1.7") for _ in range(2))
    file = first.save(tmp_path / "world.klab")
    fork, loaded = first.fork(), kl.load(file)
    expected = [(commit.revision, commit.type, commit.object) for commit in run(first)]
    for other in (second, fork, loaded):
        assert [(commit.revision, commit.type, commit.object) for commit in run(other)] == expected


def test_a_manifest_of_1_7_is_refused_today() -> None:
    cluster = kl.Cluster(1)
    for api, kind in (("extensions/v1beta1", "Deployment"), ("apps/v1beta1", "StatefulSet"), ("extensions/v1beta1", "Ingress")):
        with pytest.raises(kl.ManifestError, match=f'no matches for kind "{kind}" in version "{api}"'):
            cluster.apply(workload(api, kind, "x"))
    assert cluster.request("POST", APPS, workload("apps/v1beta1", "Deployment", "x"))[0] == 404


def test_a_scheduler_of_1_7_reads_no_configuration_of_today() -> None:
    with pytest.raises(ValueError, match="reads no KubeSchedulerConfiguration"):
        kl.Cluster(1, release="1.7", scheduler_config={"profiles": []})
