"""Variables of containers.

upstream: third_party/forked/golang/expansion/expand_test.go, pkg/kubelet/kubelet_pods_test.go TestMakeEnvironmentVariables,
pkg/kubelet/envvars/envvars_test.go, pkg/fieldpath/fieldpath_test.go, pkg/api/v1/resource/helpers_test.go TestExtractResourceValue, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.kubelet.pod.environment import ConfigError, Place, expand, field_value, resource_value, skipped, variables
from kubelab.store.log import Commit, Manager
from kubelab.store.state import State
from kubelab.store.view import View

Object = dict[str, Any]
CONTEXT = {"VAR_A": "A", "VAR_B": "B", "VAR_C": "C", "VAR_REF": "$(VAR_A)", "VAR_EMPTY": ""}
EXPANSIONS = [
    # expand_test.go doExpansionTest
    ("$(VAR_A)", "A"),
    ("$(VAR_A)-$(VAR_A)", "A-A"),
    ("___$(VAR_B)___", "___B___"),
    ("$(VAR_A)_$(VAR_B)_$(VAR_C)", "A_B_C"),
    ("$$(VAR_B)_$(VAR_A)", "$(VAR_B)_A"),
    ("$$(VAR_A)_$$(VAR_B)", "$(VAR_A)_$(VAR_B)"),
    ("f000-$$VAR_A", "f000-$VAR_A"),
    ("foo\\$(VAR_C)bar", "foo\\Cbar"),
    ("$(VAR_A$(VAR_B))", "$(VAR_A$(VAR_B))"),
    ("$(VAR_A$(VAR_B)", "$(VAR_A$(VAR_B)"),
    ("$(VAR_REF)", "$(VAR_A)"),
    ("foo$(VAR_EMPTY)bar", "foobar"),
    ("foo$(VAR_Awhoops!", "foo$(VAR_Awhoops!"),
    ("f00__(VAR_A)__", "f00__(VAR_A)__"),
    ("$?_boo_$!", "$?_boo_$!"),
    ("$VAR_A", "$VAR_A"),
    ("$(VAR_DNE)", "$(VAR_DNE)"),
    ("$$$$$$(BIG_MONEY)", "$$$(BIG_MONEY)"),
    ("$$$$$$$(GOOD_ODDS)", "$$$$(GOOD_ODDS)"),
    ("$$$$$$$(VAR_A)", "$$$A"),
    ("${VAR_A}", "${VAR_A}"),
    ("$(VAR_B)_______$(A", "B_______$(A"),
    ("$(VAR_A)foobarzab$", "Afoobarzab$"),
    ("--$($($($($--", "--$($($($($--"),
    ("$(foo$$var)", "$(foo$$var)"),
]


@pytest.mark.parametrize(("text", "expected"), EXPANSIONS)
def test_references_are_expanded_once(text: str, expected: str) -> None:
    assert expand(text, CONTEXT) == expected


def view(*objects: tuple[str, Object]) -> View:
    state = State()
    for number, (resource, obj) in enumerate(objects, 1):
        meta = obj["metadata"]
        key = (resource, meta.get("namespace", ""), meta["name"])
        state.apply(Commit(number, 0, "ADDED", key, obj, None, 0, 0, Manager("test", "Update", "v1")))
    return View(state, {}, 0)


def named(name: str, namespace: str = "ns", **more: Any) -> Object:
    return {"metadata": {"name": name, "namespace": namespace}, **more}


def service(name: str, ip: str, *ports: Object, namespace: str = "ns") -> tuple[str, Object]:
    return ("services", named(name, namespace, spec={"clusterIP": ip, "ports": list(ports)}))


def env_of(container: Object, *objects: tuple[str, Object], **spec: Any) -> dict[str, str]:
    meta = {"name": "p", "namespace": "ns", "uid": "u", "labels": {"app": "web"}, "annotations": {"a": "b"}}
    pod = {"metadata": meta, "spec": {"containers": [container], "nodeName": "n0", "serviceAccountName": "sa", **spec}}
    node = {"status": {"allocatable": {"cpu": "4", "memory": "16Gi"}}}
    return variables(Place(view(*objects), pod, "10.244.0.2", "192.168.0.2", node), container)


def ref(**source: Object) -> Object:
    return {"name": "c", "env": [{"name": "A", "valueFrom": source}]}


DATA = ("configmaps", named("cm", data={"k": "v", "bad key": "x"}))
SECRET = ("secrets", named("s", data={"k": "cGFzcw=="}))
VALUES = [
    (ref(fieldRef={"fieldPath": "metadata.name"}), "p"),
    (ref(fieldRef={"fieldPath": "metadata.namespace"}), "ns"),
    (ref(fieldRef={"fieldPath": "metadata.labels['app']"}), "web"),
    (ref(fieldRef={"fieldPath": "metadata.annotations['a']"}), "b"),
    (ref(fieldRef={"fieldPath": "spec.nodeName"}), "n0"),
    (ref(fieldRef={"fieldPath": "spec.serviceAccountName"}), "sa"),
    (ref(fieldRef={"fieldPath": "status.podIP"}), "10.244.0.2"),
    (ref(fieldRef={"fieldPath": "status.hostIP"}), "192.168.0.2"),
    (ref(configMapKeyRef={"name": "cm", "key": "k"}), "v"),
    (ref(secretKeyRef={"name": "s", "key": "k"}), "pass"),
    (ref(resourceFieldRef={"resource": "limits.cpu"}), "4"),
    (ref(resourceFieldRef={"resource": "limits.memory", "divisor": "1Gi"}), "16"),
    ({**ref(resourceFieldRef={"resource": "requests.cpu"}), "resources": {"requests": {"cpu": "1500m"}}}, "2"),
    ({**ref(resourceFieldRef={"resource": "requests.cpu", "divisor": "1m"}), "resources": {"requests": {"cpu": "1500m"}}}, "1500"),
]


@pytest.mark.parametrize(("container", "expected"), VALUES)
def test_a_value_can_come_from_elsewhere(container: Object, expected: str) -> None:
    assert env_of(container, DATA, SECRET)["A"] == expected


MISSING = [
    (ref(configMapKeyRef={"name": "no", "key": "k"}), 'configmap "no" not found'),
    (ref(configMapKeyRef={"name": "cm", "key": "no"}), "couldn't find key no in ConfigMap ns/cm"),
    (ref(secretKeyRef={"name": "no", "key": "k"}), 'secret "no" not found'),
    (ref(secretKeyRef={"name": "s", "key": "no"}), "couldn't find key no in Secret ns/s"),
    ({"name": "c", "envFrom": [{"configMapRef": {"name": "no"}}]}, 'configmap "no" not found'),
]


@pytest.mark.parametrize(("container", "message"), MISSING)
def test_a_missing_source_is_an_error_in_upstreams_words(container: Object, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        env_of(container, DATA, SECRET)
    assert str(raised.value) == message


def test_an_optional_source_may_be_missing() -> None:
    optional = {"name": "no", "key": "k", "optional": True}
    assert "A" not in env_of(ref(configMapKeyRef=optional))


def test_later_variables_see_earlier_ones_and_env_wins_over_env_from() -> None:
    container = {
        "name": "c",
        "envFrom": [{"prefix": "P_", "configMapRef": {"name": "cm"}}],
        "env": [{"name": "X", "value": "$(P_k)/$(Y)"}, {"name": "Y", "value": "$(X)"}, {"name": "P_k", "value": "mine"}],
    }
    env = env_of(container, DATA)
    assert env == {"P_k": "mine", "X": "v/$(Y)", "Y": "v/$(Y)"}


def test_services_of_the_namespace_and_the_api_server_are_announced() -> None:
    web = service("my-web", "10.96.0.7", {"name": "http", "port": 80, "protocol": "TCP"}, {"name": "dns-x", "port": 53, "protocol": "UDP"})
    api = service("kubernetes", "10.96.0.1", {"name": "https", "port": 443}, namespace="default")
    headless = service("quiet", "None", {"port": 1})
    other = service("else", "10.96.0.9", {"port": 1}, namespace="other")
    env = env_of({"name": "c"}, web, api, headless, other)
    assert env["MY_WEB_SERVICE_HOST"] == "10.96.0.7"
    assert env["MY_WEB_SERVICE_PORT"] == env["MY_WEB_SERVICE_PORT_HTTP"] == "80"
    assert env["MY_WEB_SERVICE_PORT_DNS_X"] == "53"
    assert env["MY_WEB_PORT"] == env["MY_WEB_PORT_80_TCP"] == "tcp://10.96.0.7:80"
    assert env["MY_WEB_PORT_53_UDP"] == "udp://10.96.0.7:53"
    assert env["MY_WEB_PORT_53_UDP_PROTO"] == "udp"
    assert env["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert not [name for name in env if name.startswith(("QUIET", "ELSE"))]


def test_without_service_links_only_the_api_server_is_announced() -> None:
    web = service("web", "10.96.0.7", {"port": 80})
    api = service("kubernetes", "10.96.0.1", {"port": 443}, namespace="default")
    env = env_of({"name": "c"}, web, api, enableServiceLinks=False)
    assert "KUBERNETES_SERVICE_HOST" in env and "WEB_SERVICE_HOST" not in env


def test_a_service_named_as_the_api_servers_hides_it_in_its_namespace() -> None:
    # TestMakeEnvironmentVariables "master service in pod ns, service env vars"
    own = service("kubernetes", "1.2.3.4", {"port": 8084})
    api = service("kubernetes", "1.2.3.1", {"port": 8081}, namespace="default")
    assert env_of({"name": "c"}, own, api)["KUBERNETES_SERVICE_HOST"] == "1.2.3.4"
    assert "KUBERNETES_PORT_8081_TCP" not in env_of({"name": "c"}, own, api)
    assert env_of({"name": "c"}, own, api, enableServiceLinks=False)["KUBERNETES_SERVICE_HOST"] == "1.2.3.1"


def test_keys_that_cannot_name_a_variable_are_skipped_and_told() -> None:
    # TestMakeEnvironmentVariables "configmap_invalid_keys", "secret_invalid_keys"
    container = {"name": "c", "envFrom": [{"configMapRef": {"name": "cm"}}, {"secretRef": {"name": "s"}, "prefix": "a "}]}
    data = ("configmaps", named("cm", data={"1z": "abc", "1234": "abc", "key": "value"}))
    tail = "were skipped since they are considered invalid environment variable names."
    assert env_of(container, data, SECRET) == {"key": "value"}
    assert skipped(view(data, SECRET), {"metadata": named("p")["metadata"]}, container) == (
        f"Keys [1234, 1z] from the EnvFrom configMap ns/cm {tail}",
        f"Keys [a k] from the EnvFrom secret ns/s {tail}",
    )


def test_a_changed_service_changes_what_later_containers_get_and_own_variables_stay_their_own() -> None:
    """Containers of a namespace share the services' variables as long as the services are the same (upstream: getServiceEnvVarMap)."""
    before = service("my-web", "10.96.0.7", {"port": 80})
    after = service("my-web", "10.96.0.8", {"port": 80})
    own = {"name": "c", "env": [{"name": "MY_WEB_SERVICE_HOST", "value": "mine"}]}
    assert env_of(own, before)["MY_WEB_SERVICE_HOST"] == "mine"
    assert env_of({"name": "c"}, before)["MY_WEB_SERVICE_HOST"] == "10.96.0.7"
    assert env_of({"name": "c"}, after)["MY_WEB_SERVICE_HOST"] == "10.96.0.8"
    assert "MY_WEB_SERVICE_HOST" not in env_of({"name": "c"}, before, enableServiceLinks=False)


FIELDS: list[tuple[str, Object, str]] = [
    # fieldpath_test.go TestExtractFieldPathAsString
    ("metadata.namespace", {}, "ns"),
    ("metadata.name", {}, "p"),
    ("metadata.labels", {"labels": {"key": "value"}}, 'key="value"'),
    ("metadata.labels", {"labels": {"key": "value\n"}}, 'key="value\\n"'),
    ("metadata.annotations", {"annotations": {"builder": "john-doe"}}, 'builder="john-doe"'),
    (
        "metadata.annotations['spec.pod.beta.kubernetes.io/statefulset-index']",
        {"annotations": {"spec.pod.beta.kubernetes.io/statefulset-index": "1"}},
        "1",
    ),
    ("metadata.annotations['Www.k8s.io/test']", {"annotations": {"Www.k8s.io/test": "1"}}, "1"),
    ("metadata.uid", {"uid": "b70b3269-858e-12a8-9cf2-1232a194038a"}, "b70b3269-858e-12a8-9cf2-1232a194038a"),
    ("metadata.labels['something']", {"labels": {"something": "label value"}}, "label value"),
    # fieldpath_test.go TestFormatMap, and what strconv.Quote does with other characters
    ("metadata.labels", {}, ""),
    ("metadata.annotations", {"annotations": {"b": 'a "b"', "a": "\t\\"}}, 'a="\\t\\\\"\nb="a \\"b\\""'),
    ("metadata.annotations", {"annotations": {"a": "ü\x01"}}, 'a="ü\\x01"'),
]


@pytest.mark.parametrize(("path", "meta", "expected"), FIELDS)
def test_fields_are_written_as_upstream_writes_them(path: str, meta: Object, expected: str) -> None:
    pod = {"metadata": {"name": "p", "namespace": "ns", "uid": "u", **meta}, "spec": {"containers": []}}
    assert field_value(Place(view(), pod, "", "", None), path) == expected


def test_an_unknown_field_is_an_error() -> None:
    pod = {"metadata": {"name": "p", "namespace": "ns", "uid": "u"}, "spec": {"containers": []}}
    with pytest.raises(ConfigError, match="unsupported fieldPath: metadata.whoops"):
        field_value(Place(view(), pod, "", "", None), "metadata.whoops")


AMOUNTS: list[tuple[str, str, Object, Object, str]] = [
    # helpers_test.go TestExtractResourceValue: resource, divisor, requests, limits, value
    ("limits.cpu", "", {}, {"cpu": "9"}, "9"),
    ("requests.cpu", "", {}, {}, "0"),
    ("requests.cpu", "", {"cpu": "8"}, {}, "8"),
    ("requests.cpu", "", {"cpu": "100m"}, {}, "1"),
    ("requests.cpu", "100m", {"cpu": "1200m"}, {}, "12"),
    ("requests.memory", "", {"memory": "100Mi"}, {}, "104857600"),
    ("requests.memory", "1Mi", {"memory": "100Mi"}, {"memory": "1Gi"}, "100"),
    ("limits.memory", "", {"memory": "10Mi"}, {"memory": "100Mi"}, "104857600"),
]


@pytest.mark.parametrize("group", ["containers", "initContainers"])
@pytest.mark.parametrize(("resource", "divisor", "requests", "limits", "expected"), AMOUNTS)
def test_amounts_are_counted_in_units_of_the_divisor(
    group: str, resource: str, divisor: str, requests: Object, limits: Object, expected: str
) -> None:
    main = {"name": "foo", "resources": {"requests": requests, "limits": limits}}
    spec = {"containers": [{"name": "main"}], "initContainers": []} | {group: [main]}
    reference = {"containerName": "foo", "resource": resource} | ({"divisor": divisor} if divisor else {})
    place = Place(view(), {"metadata": {"name": "p", "namespace": "ns"}, "spec": spec}, "", "", None)
    assert resource_value(place, None, reference) == expected


MERGED: list[tuple[bool, str, str, str]] = [
    # kubelet_resources.go defaultPodLimitsForDownwardAPI and helpers.go MergeContainerResourceLimits:
    # by a variable or a volume, of which container, which limit, value
    (True, "main", "limits.cpu", "4"),
    (True, "zero", "limits.cpu", "4"),
    (True, "init", "limits.cpu", "0"),
    (False, "init", "limits.cpu", "4"),
    (True, "main", "limits.ephemeral-storage", "0"),
    (True, "main", "limits.hugepages-2Mi", "0"),
    (True, "main", "requests.cpu", "0"),
]


@pytest.mark.parametrize(("by_variable", "name", "resource", "expected"), MERGED)
def test_an_absent_limit_is_what_the_node_has(by_variable: bool, name: str, resource: str, expected: str) -> None:
    mains = [{"name": "main"}, {"name": "zero", "resources": {"limits": {"cpu": "0"}}}]
    spec = {"containers": mains, "initContainers": [{"name": "init"}]}
    node = {"status": {"allocatable": {"cpu": "4", "memory": "16Gi", "hugepages-2Mi": "8Mi"}}}
    place = Place(view(), {"metadata": {"name": "p", "namespace": "ns"}, "spec": spec}, "", "", node)
    assert resource_value(place, mains[0] if by_variable else None, {"containerName": name, "resource": resource}) == expected


def test_amounts_of_a_container_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="container no not found"):
        env_of(ref(resourceFieldRef={"containerName": "no", "resource": "limits.cpu"}))
