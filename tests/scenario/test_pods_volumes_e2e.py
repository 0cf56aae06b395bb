"""Volumes, environment and expansion with the outcomes that upstream's end-to-end tests expect.

upstream: test/e2e/common/storage/*.go, test/e2e/common/node/{expansion,downwardapi,configmap,secrets}.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from tests.builders import container, pod
from tests.scenario.e2e import AGNHOST, config_map, events, is_ready, run_once, script, secret, waiting

Object = dict[str, Any]


def once(*containers: Object, **spec: Any) -> Object:
    return pod("p", *containers, restartPolicy="Never", **spec)


def field(name: str, path: str) -> Object:
    return {"name": name, "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}}


def mount(name: str, path: str, **more: Any) -> Object:
    return {"name": name, "mountPath": path, **more}


EXPANSIONS = [
    ("should allow composing env vars into new env vars", ["env"], [("FOO", "foo-value"), ("BAR", "$(FOO);;bar")], "BAR=foo-value;;bar"),
    (
        "should allow substituting values in a container's command",
        ['TEST_VAR=wrong echo "$(TEST_VAR)"'],
        [("TEST_VAR", "test-value")],
        "test-value",
    ),
]


@pytest.mark.parametrize(("title", "command", "env", "said"), EXPANSIONS, ids=[row[0] for row in EXPANSIONS])
def test_expansion(cluster: kl.Cluster, title: str, command: list[str], env: list[tuple[str, str]], said: str) -> None:
    variables = [{"name": name, "value": value} for name, value in env]
    assert said in run_once(cluster, once(script(command[0], env=variables))).splitlines()


def test_a_sub_path_may_be_named_by_the_pod(cluster: kl.Cluster) -> None:
    """upstream: should allow substituting values in a volume subpath."""
    mounts = [mount("workdir", "/logscontainer", subPathExpr="$(POD_NAME)"), mount("workdir", "/testcontainer")]
    work = script(
        "test -d /testcontainer/p; echo $?; echo x > /logscontainer/f; cat /testcontainer/p/f",
        env=[field("POD_NAME", "metadata.name")],
        volumeMounts=mounts,
    )
    assert run_once(cluster, once(work, volumes=[{"name": "workdir", "emptyDir": {}}])) == "0\nx\n"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("..", "unable to provision SubPath `..`: must not contain '..'"),
        ("/tmp", "error SubPath `/tmp` must not be an absolute path"),
        ("", "missing value for POD_NAME"),
    ],
)
def test_a_bad_sub_path_keeps_the_container_from_starting(cluster: kl.Cluster, value: str, message: str) -> None:
    """upstream: should fail substituting values in a volume subpath with backticks, with absolute path; verify missing."""
    env = [{"name": "POD_NAME", "value": value}]
    work = script("sleep 600", env=env, volumeMounts=[mount("workdir", "/v", subPathExpr="$(POD_NAME)")])
    cluster.apply(pod("p", work, volumes=[{"name": "workdir", "emptyDir": {}}]))
    cluster.run("20s")
    assert (cluster["pod/p"]["status"]["phase"], waiting(cluster, "p")) == ("Pending", "CreateContainerConfigError")
    assert f"Error: {message}" in events(cluster, "p", "Failed")


def test_the_downward_api_tells_a_pod_about_itself(cluster: kl.Cluster) -> None:
    """upstream: downwardapi.go should provide …, container's limits.cpu/memory and requests.cpu/memory as env vars."""
    env = [
        field("POD_NAME", "metadata.name"),
        field("POD_NAMESPACE", "metadata.namespace"),
        *(
            {"name": name, "valueFrom": {"resourceFieldRef": {"resource": resource}}}
            for name, resource in (
                ("CPU_LIMIT", "limits.cpu"),
                ("MEMORY_LIMIT", "limits.memory"),
                ("CPU_REQUEST", "requests.cpu"),
                ("MEMORY_REQUEST", "requests.memory"),
            )
        ),
    ]
    resources = {"requests": {"memory": "32Mi", "cpu": "250m"}, "limits": {"memory": "64Mi", "cpu": "1250m"}}
    said = run_once(cluster, once(script("env", env=env, resources=resources))).splitlines()
    for line in ("POD_NAME=p", "POD_NAMESPACE=default", "CPU_LIMIT=2", "MEMORY_LIMIT=67108864", "CPU_REQUEST=1", "MEMORY_REQUEST=33554432"):
        assert line in said


def test_without_limits_the_downward_api_gives_what_the_node_has(cluster: kl.Cluster) -> None:
    """upstream: should provide default limits.cpu/memory from node allocatable."""
    env = [{"name": "CPU_LIMIT", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]
    assert "CPU_LIMIT=4" in run_once(cluster, once(script("env", env=env))).splitlines()


def test_labels_in_a_downward_volume_follow_the_pod(cluster: kl.Cluster) -> None:
    """upstream: downwardapi_volume.go should update labels on modification."""
    items = [{"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}]
    looks = container(
        AGNHOST,
        args=["mounttest", "--break_on_expected_content=false", "--retry_time=180", "--file_content_in_loop=/etc/podinfo/labels"],
        volumeMounts=[mount("podinfo", "/etc/podinfo")],
    )
    obj = once(looks, labels={"key1": "value1"}, volumes=[{"name": "podinfo", "downwardAPI": {"items": items}}])
    cluster.create(obj)
    cluster.run("10s")
    assert 'key1="value1"' in cluster.logs("pod/p")
    cluster.patch("pod/p", {"metadata": {"labels": {"key3": "value3"}}})
    cluster.run("2m")
    assert 'key3="value3"' in cluster.logs("pod/p")


def test_config_maps_and_secrets_in_the_environment_and_in_files(cluster: kl.Cluster) -> None:
    """upstream: configmap.go, secrets.go should be consumable via the environment; configmap_volume.go with mappings."""
    cluster.apply(config_map("c1", {"data-1": "value-1", "data_2": "value-2"}))
    cluster.apply(secret("s1", {"secret-1": "hidden"}))
    env = [{"name": "CONFIG", "valueFrom": {"configMapKeyRef": {"name": "c1", "key": "data-1"}}}]
    sources = [{"configMapRef": {"name": "c1"}}, {"prefix": "p_", "secretRef": {"name": "s1"}}]
    mounts = [mount("v", "/etc/v"), mount("s", "/etc/s")]
    volumes = [
        {"name": "v", "configMap": {"name": "c1", "items": [{"key": "data-1", "path": "path/to/data-2"}]}},
        {"name": "s", "secret": {"secretName": "s1"}},
    ]
    work = script("env; cat /etc/v/path/to/data-2; echo; cat /etc/s/secret-1", env=env, envFrom=sources, volumeMounts=mounts)
    said = run_once(cluster, once(work, volumes=volumes)).splitlines()
    for line in ("CONFIG=value-1", "data_2=value-2", "p_secret-1=hidden"):
        assert line in said
    assert said[-2:] == ["value-1", "hidden"]


def test_several_sources_in_one_projected_volume(cluster: kl.Cluster) -> None:
    """upstream: projected_combined.go should project all components that make up the projection API."""
    cluster.apply(config_map("c1", {"a": "config"}))
    cluster.apply(secret("s1", {"b": "hidden"}))
    sources = [
        {"downwardAPI": {"items": [{"path": "podname", "fieldRef": {"fieldPath": "metadata.name"}}]}},
        {"secret": {"name": "s1", "items": [{"key": "b", "path": "secret-data"}]}},
        {"configMap": {"name": "c1", "items": [{"key": "a", "path": "configmap-data"}]}},
    ]
    work = script("cat /all/podname /all/secret-data /all/configmap-data", volumeMounts=[mount("all", "/all")])
    assert run_once(cluster, once(work, volumes=[{"name": "all", "projected": {"sources": sources}}])) == "phiddenconfig"


def test_optional_sources_come_change_and_go_in_a_running_pod(cluster: kl.Cluster) -> None:
    """upstream: configmap_volume.go optional updates should be reflected in volume."""
    cluster.apply(config_map("del", {"data-1": "value-1"}))
    cluster.apply(config_map("upd", {"data-1": "value-1"}))
    text = "while true; do for f in /d/data-1 /u/data-3 /c/data-1; do echo $f $(cat $f 2>/dev/null); done; sleep 10; done"
    volumes = [
        {"name": "d", "configMap": {"name": "del", "optional": True}},
        {"name": "u", "configMap": {"name": "upd"}},
        {"name": "c", "configMap": {"name": "create", "optional": True}},
    ]
    cluster.apply(pod("p", script(text, volumeMounts=[mount(name, f"/{name}") for name in "duc"]), volumes=volumes))
    cluster.run("15s")
    assert cluster.logs("pod/p").splitlines()[:3] == ["/d/data-1 value-1", "/u/data-3", "/c/data-1"]
    cluster.delete("configmap/del")
    cluster.patch("configmap/upd", {"data": {"data-1": None, "data-3": "value-3"}})
    cluster.apply(config_map("create", {"data-1": "value-1"}))
    cluster.run("2m30s")
    assert cluster.logs("pod/p").splitlines()[-3:] == ["/d/data-1", "/u/data-3 value-3", "/c/data-1 value-1"]


def test_a_missing_key_is_told_and_a_missing_map_is_waited_for(cluster: kl.Cluster) -> None:
    """upstream: configmap.go should fail to create …; test/e2e/common/storage Should fail non-optional pod creation due to configMap object
    does not exist."""
    cluster.apply(config_map("c1", {"data-1": "value-1"}))
    env = [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "c1", "key": "nope"}}}]
    cluster.apply(pod("key", script("env", env=env)))
    cluster.apply(pod("p", script("sleep 600", volumeMounts=[mount("v", "/v")]), volumes=[{"name": "v", "configMap": {"name": "late"}}]))
    cluster.run("30s")
    assert waiting(cluster, "key") == "CreateContainerConfigError"
    assert events(cluster, "key", "Failed")[0] == "Error: couldn't find key nope in ConfigMap default/c1"
    assert waiting(cluster, "p") == "ContainerCreating"
    assert 'MountVolume.SetUp failed for volume "v" : configmap "late" not found' in events(cluster, "p", "FailedMount")
    cluster.apply(config_map("late", {"a": "b"}))
    cluster.run("3m")
    assert is_ready(cluster["pod/p"])


def test_what_is_immutable_stays(cluster: kl.Cluster) -> None:
    """upstream: configmap_volume.go, secrets_volume.go should be immutable if `immutable` field is set."""
    cluster.apply(config_map("c1", {"a": "b"}, immutable=True))
    with pytest.raises(kl.ApiError, match="field is immutable when `immutable` is set"):
        cluster.patch("configmap/c1", {"data": {"a": "c"}})
    with pytest.raises(kl.ApiError, match="field is immutable when `immutable` is set"):
        cluster.patch("configmap/c1", {"immutable": False})


def test_containers_of_a_pod_share_an_empty_dir(cluster: kl.Cluster) -> None:
    """upstream: empty_dir.go pod should support shared volumes between containers."""
    main = script(
        "echo hello > /usr/share/volumeshare/shareddata.txt; sleep 600", "main", volumeMounts=[mount("v", "/usr/share/volumeshare")]
    )
    sub = script("sleep 5; cat /tmp/share/shareddata.txt; sleep 600", "sub", volumeMounts=[mount("v", "/tmp/share")])
    cluster.apply(pod("p", main, sub, volumes=[{"name": "v", "emptyDir": {}}]))
    cluster.run("20s")
    assert cluster.logs("pod/p", container="sub") == "hello\n"
