"""Bodies and options of writes through the raw door: what is refused, in which words.

upstream: apiserver/pkg/endpoints/handlers/{create,update,rest}.go and their tests, endpoints/apiserver_test.go,
apimachinery/pkg/apis/meta/v1/validation/validation_test.go, 1.28; recorded: workload-errors.
"""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from tests.scenario.api import APPS, CORE, STRATEGIC, Object, ask, config_map, deployment, pod, refusal, warnings

MAPS = f"{CORE}/configmaps"
UNREAD = "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: "
STRUCT = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
SCHEME = 'in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30"'
TYPES = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
NOT_OBJECT = f"json: cannot unmarshal array into Go value of type {STRUCT}"


def as_kind(kind: Any, version: Any) -> Object:
    return {"kind": kind, "apiVersion": version, "metadata": {"name": "a"}}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", UNREAD + "unexpected end of JSON input (<empty>)"),
        (None, UNREAD + "unexpected end of JSON input (<empty>)"),
        ("[]", UNREAD + f"{NOT_OBJECT} (5b5d)"),
        ('{"kind":1}', UNREAD + 'json: cannot unmarshal number into Go struct field .kind of type string ({"kind":1})'),
        ('{"metadata":{"name":"a"', UNREAD + 'unexpected end of JSON input ({"metadata":{"name":"a")'),
        ("{a", UNREAD + "invalid character 'a' looking for beginning of object key string ({a)"),
        ('{"a":NaN}', UNREAD + "invalid character 'N' looking for beginning of value ({\"a\":NaN})"),
        ("[" * 100_000, UNREAD + f"exceeded max depth ({'5b' * 30} ...)"),
        (
            as_kind("ConfigMap", "a/b/c"),
            "the object provided is unrecognized (must be of type ConfigMap): unexpected GroupVersion string: a/b/c",
        ),
        (
            as_kind("Foo", "v1"),
            f'Foo in version "v1" cannot be handled as a ConfigMap: no kind "Foo" is registered for version "v1" {SCHEME}',
        ),
        (
            as_kind("Pod", "v1"),
            'Pod in version "v1" cannot be handled as a ConfigMap: converting (v1.Pod) to (core.ConfigMap): unknown conversion',
        ),
        (config_map("a", data={"k": 1}), "json: cannot unmarshal number into Go struct field ConfigMap.data of type string"),
        (config_map("a", metadata=[]), "json: cannot unmarshal array into Go struct field ConfigMap.metadata of type v1.ObjectMeta"),
        (
            config_map("a", metadata={"name": "a", "namespace": "b"}),
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_that_is_no_config_map_is_a_bad_request(cluster: kl.Cluster, body: Any, message: str) -> None:
    code, reason, found = refusal(cluster, "POST", MAPS, body)
    assert (code, reason) == (400, "BadRequest")
    assert message in found


@pytest.mark.parametrize(
    ("number", "shown"), [("1.0", "1.0"), ("1e2", "1e2"), ("1.5", "1.5"), ("99999999999", "99999999999"), ("1" + "0" * 30, "1" + "0" * 30)]
)
def test_a_number_that_is_no_int32_is_shown_as_it_was_written(cluster: kl.Cluster, number: str, shown: str) -> None:
    found = refusal(cluster, "POST", f"{APPS}/deployments", f'{{"metadata":{{"name":"a"}},"spec":{{"replicas":{number}}}}}')
    cause = f"json: cannot unmarshal number {shown} into Go struct field DeploymentSpec.spec.replicas of type int32"
    assert found == (400, "BadRequest", f'Deployment in version "v1" cannot be handled as a Deployment: {cause}')


def test_a_known_version_that_is_not_the_urls_is_named(cluster: kl.Cluster) -> None:
    body = {**deployment("a"), "apiVersion": "apps/v1beta1"}
    message = "the API version in the data (apps/v1beta1) does not match the expected API version (apps/v1)"
    assert refusal(cluster, "POST", f"{APPS}/deployments", body) == (400, "BadRequest", message)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("metadata: {name: a\ndata: {}\n", "yaml: line 1: did not find expected ',' or '}'"),
        ("metadata:\n  name: a\n bad: x\n", "yaml: line 2: did not find expected key"),
        ("a: b: c\n", "yaml: mapping values are not allowed in this context"),
        ("a:\n\tb: c\n", "yaml: line 2: found character that cannot start any token"),
    ],
)
def test_yaml_is_refused_in_go_yamls_words(cluster: kl.Cluster, text: str, cause: str) -> None:
    _, _, message = refusal(cluster, "POST", MAPS, text, "application/yaml")
    assert message.startswith(f"the object provided is unrecognized (must be of type ConfigMap): {cause} (")


def test_yaml_is_read_as_go_reads_it(cluster: kl.Cluster) -> None:
    text = 'metadata: {name: a, annotations: {}}\ndata: {d: "2020-01-01", 1: "x", "on": "y"}\nimmutable: no\n'
    code, found = cluster.request("POST", MAPS, text, content_type="application/yaml")
    assert (code, found["data"]) == (201, {"d": "2020-01-01", "1": "x", "on": "y"})
    code, found = cluster.request("POST", MAPS, "metadata: {name: b}\ndata: {d: 2020-01-01}\n", content_type="application/yaml")
    assert (code, found["data"]) == (201, {"d": "2020-01-01"}), "a date stays text"


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "application/merge-patch+json"])
def test_a_foreign_content_type_is_415(cluster: kl.Cluster, content_type: str) -> None:
    message = f"the body of the request was in an unknown format - accepted media types include: {TYPES}"
    for method, path in (("POST", MAPS), ("PUT", f"{MAPS}/a"), ("DELETE", f"{MAPS}/a")):
        assert refusal(cluster, method, path, "x", content_type) == (415, "UnsupportedMediaType", message)


def test_bodies_end_at_three_megabytes(cluster: kl.Cluster) -> None:
    found = refusal(cluster, "POST", MAPS, config_map("a", data={"k": "x" * 3_145_728}))
    assert found == (413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")
    _, status = cluster.request("POST", MAPS, " " * 3_145_729)
    assert status["code"] == 413 and "details" not in status


def test_broken_text_becomes_the_replacement_character(cluster: kl.Cluster) -> None:
    _, found = cluster.request("POST", MAPS, '{"metadata":{"name":"a"},"data":{"k":"\\ud83d\\ude00 \\ud800"}}')
    assert found["data"] == {"k": "\U0001f600 \ufffd"}
    _, found = cluster.request("POST", MAPS, b'{"metadata":{"name":"b"},"data":{"k":"\xff"}}')
    assert found["data"] == {"k": "\ufffd"}


@pytest.mark.parametrize("body", [{"a": {1}}, {"a": [object()]}, {None: 1}], ids=["set", "object", "key"])
def test_a_value_that_is_no_json_is_a_type_error_that_names_the_place(cluster: kl.Cluster, body: Any) -> None:
    with pytest.raises(TypeError, match="^body"):
        cluster.request("POST", MAPS, body)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("dryRun=Some", 'dryRun: Unsupported value: []string{"Some"}: supported values: "All"'),
        ("dryRun=", 'dryRun: Unsupported value: []string{""}: supported values: "All"'),
        ("dryRun=All&dryRun=x", 'dryRun: Unsupported value: []string{"All", "x"}: supported values: "All"'),
        ("fieldValidation=Maybe", 'fieldValidation: Unsupported value: "Maybe": supported values: "", "Ignore", "Strict", "Warn"'),
        ("fieldManager=" + "m" * 129, "fieldManager: Too long: must have at most 128 bytes"),
        ("fieldManager=a%0Ab", 'fieldManager: Invalid value: "a\\nb": invalid character U+000A (at position 1)'),
    ],
)
def test_options_are_validated(cluster: kl.Cluster, query: str, text: str) -> None:
    cluster.create(config_map("a"))
    for method, path, kind in (("POST", MAPS, "Create"), ("PUT", f"{MAPS}/a", "Update")):
        assert refusal(cluster, method, f"{path}?{query}", config_map("a")) == (
            422,
            "Invalid",
            f'{kind}Options.meta.k8s.io "" is invalid: {text}',
        )


def test_dry_run_may_be_said_twice(cluster: kl.Cluster) -> None:
    code, found = cluster.request("POST", f"{MAPS}?dryRun=All&dryRun=All", config_map("a"))
    assert code == 201 and "resourceVersion" not in found["metadata"]
    assert cluster.request("GET", f"{MAPS}/a")[0] == 404


@pytest.mark.parametrize(
    ("meta", "message"),
    [
        ({"name": "b"}, "the name of the object (b) does not match the name on the URL (a)"),
        ({}, "the name of the object (a based on URL) was undeterminable: name must be provided"),
        ({"name": "a", "namespace": "x"}, "the namespace of the provided object does not match the namespace sent on the request"),
    ],
)
def test_a_put_must_be_of_the_object_that_its_url_names(cluster: kl.Cluster, meta: Object, message: str) -> None:
    cluster.create(config_map("a"))
    assert refusal(cluster, "PUT", f"{MAPS}/a", config_map("a", metadata=meta)) == (400, "BadRequest", message)


def test_versions_and_uids_of_a_put_must_be_the_stored_ones(cluster: kl.Cluster) -> None:
    uid = cluster.create(config_map("a"))["metadata"]["uid"]
    stale = config_map("a", metadata={"name": "a", "resourceVersion": "1"})
    text = "the object has been modified; please apply your changes to the latest version and try again"
    assert refusal(cluster, "PUT", f"{MAPS}/a", stale) == (409, "Conflict", f'Operation cannot be fulfilled on configmaps "a": {text}')
    odd = config_map("a", metadata={"name": "a", "resourceVersion": "x"})
    assert refusal(cluster, "PUT", f"{MAPS}/a", odd) == (500, "", 'strconv.ParseUint: parsing "x": invalid syntax')
    other = config_map("a", metadata={"name": "a", "uid": "other"})
    text = "StorageError: invalid object, Code: 4, Key: /registry/configmaps/default/a, ResourceVersion: 0, "
    text += f"AdditionalErrorMsg: Precondition failed: UID in precondition: other, UID in object meta: {uid}"
    assert refusal(cluster, "PUT", f"{MAPS}/a", other) == (409, "Conflict", f'Operation cannot be fulfilled on configmaps "a": {text}')


@pytest.mark.parametrize(("version", "code"), [("1", 500), ("0", 201), ("x", 201)])
def test_only_a_real_resource_version_stops_a_creation(cluster: kl.Cluster, version: str, code: int) -> None:
    """upstream: storage/etcd3/store.go Create looks at numbers above nought alone."""
    found, answer = cluster.request("POST", MAPS, config_map("a", metadata={"name": "a", "resourceVersion": version}))
    assert found == code
    if code == 500:
        assert answer["message"] == "resourceVersion should not be set on objects to be created" and "reason" not in answer


@pytest.mark.parametrize(
    ("path", "body", "place", "value"),
    [
        (
            f"{APPS}/statefulsets",
            {"spec": {"selector": {"matchLabels": {"a": "b"}}, "template": {"metadata": {"labels": {"a": "b"}}}}},
            ["spec", "serviceName"],
            "",
        ),
        (f"{CORE}/limitranges", {"spec": {}}, ["spec", "limits"], None),
        (f"{CORE}/events", {"involvedObject": {"namespace": "default"}}, ["reportingComponent"], ""),
        ("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", {"addressType": "IPv4"}, ["endpoints"], None),
        ("/api/v1/nodes?dryRun=All", {}, ["status", "nodeInfo", "machineID"], ""),
        (f"{APPS}/controllerrevisions", {"revision": 0, "data": {}}, ["revision"], 0),
    ],
    ids=lambda value: str(value)[:40],
)
def test_go_writes_what_may_not_be_left_out(cluster: kl.Cluster, path: str, body: Object, place: list[str], value: Any) -> None:
    code, found = cluster.request("POST", path, {"metadata": {"name": "a"}, **body})
    assert code == 201, found
    for name in place[:-1]:
        found = found[name]
    assert place[-1] in found and found[place[-1]] == value


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        ({"ipFamilies": ["IPv6"]}, 'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster'),
        (
            {"ipFamilyPolicy": "RequireDualStack"},
            'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack services',
        ),
        ({"clusterIP": "fd00::1"}, 'spec.clusterIPs[0]: Invalid value: []string{"fd00::1"}: IPv6 is not configured on this cluster'),
        (
            {"clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.8"]},
            'spec.clusterIPs: Invalid value: []string{"10.96.0.8"}: first value must match `clusterIP`',
        ),
        (
            {"clusterIPs": ["10.96.0.8"]},
            'spec.clusterIPs: Invalid value: []string{"10.96.0.8"}: must be empty when `clusterIP` is not specified',
        ),
        (
            {"ipFamilies": ["IPv4", "IPv6"]},
            "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified",
        ),
    ],
    ids=str,
)
def test_a_cluster_with_ipv4_alone_refuses_other_families(cluster: kl.Cluster, spec: Object, text: str) -> None:
    """upstream: pkg/registry/core/service/storage/storage_test.go (TestCreateInitIPFields), alloc.go."""
    body = {"metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}], **spec}}
    assert refusal(cluster, "POST", f"{CORE}/services", body) == (422, "Invalid", f'Service "s" is invalid: {text}')


def test_an_owner_named_twice_is_kept_once(cluster: kl.Cluster) -> None:
    """upstream: apiserver/pkg/endpoints/handlers/rest_test.go TestDedupOwnerReferences; test/integration/apiserver dedup tests."""
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "1"}
    body = config_map("a", metadata={"name": "a", "ownerReferences": [owner, {**owner, "uid": "2"}, owner]})
    found = warnings(cluster, "POST", f"{MAPS}?dryRun=All", body)
    assert found == [
        ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests "
        "as early as 1.24; please fix your requests; duplicate UID(s) observed: 1"
    ]
    _, answer = cluster.request("POST", f"{MAPS}?dryRun=All", body)
    assert [each["uid"] for each in answer["metadata"]["ownerReferences"]] == ["1", "2"]


ADDRESSES = [  # upstream: pkg/apis/core/v1/conversion.go Convert_v1_PodStatus_To_core_PodStatus
    ({"podIP": "10.0.0.1"}, "10.0.0.1", ["10.0.0.1"]),
    ({"podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}, "10.0.0.1", ["10.0.0.1", "fd00::1"]),
    ({"podIP": "10.0.0.1", "podIPs": [{"ip": "10.0.0.2"}, {"ip": "fd00::1"}]}, "10.0.0.1", ["10.0.0.1"]),
]


@pytest.mark.parametrize(("status", "first", "all_of_them"), ADDRESSES)
def test_pod_ip_and_pod_ips_agree(cluster: kl.Cluster, status: Object, first: str, all_of_them: list[str]) -> None:
    ask(cluster, "POST", f"{CORE}/pods", pod("a"))
    answer = ask(cluster, "PATCH", f"{CORE}/pods/a/status", {"status": status}, STRATEGIC)["status"]
    assert (answer["podIP"], [each["ip"] for each in answer["podIPs"]]) == (first, all_of_them)


RANGES = [  # upstream: pkg/apis/core/v1/conversion.go Convert_v1_NodeSpec_To_core_NodeSpec
    ({"podCIDR": "10.1.0.0/24"}, ["10.1.0.0/24"]),
    ({"podCIDRs": ["10.1.0.0/24"]}, ["10.1.0.0/24"]),
    ({"podCIDR": "10.1.0.0/24", "podCIDRs": ["10.2.0.0/24", "fd00::/64"]}, ["10.1.0.0/24"]),
]


@pytest.mark.parametrize(("spec", "ranges"), RANGES)
def test_pod_cidr_and_pod_cidrs_agree(spec: Object, ranges: list[str]) -> None:
    answer = ask(kl.Cluster(0), "POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n"}, "spec": spec})[
        "spec"
    ]
    assert (answer["podCIDR"], answer["podCIDRs"]) == (ranges[0], ranges)
