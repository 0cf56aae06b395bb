"""networking.k8s.io and discovery.k8s.io: rows of pkg/apis/{networking,discovery}/validation/validation_test.go, 1.28."""

from __future__ import annotations

import pytest

from kubelab.kinds.networking.networkpolicy import parse_cidr
from tests.unit.kinds_groups.builders import (
    NOW_NS,
    agree,
    context,
    create_errors,
    kind_of,
    merged,
    object_of,
    prepared,
    status_errors,
    update_errors,
)

V1 = "networking.k8s.io/v1"


def network_policy(**spec):
    return object_of(V1, "NetworkPolicy", spec={"podSelector": {"matchLabels": {"a": "b"}}, **spec})


def ports(**port):
    return network_policy(ingress=[{"ports": [port]}])


def peer(**fields):
    return network_policy(ingress=[{"from": [fields]}])


PORT, PEER = "spec.ingress[0].ports[0]", "spec.ingress[0].from[0]"

# upstream: TestValidateNetworkPolicy
POLICIES = [
    (network_policy(), []),
    (network_policy(podSelector={}), []),
    (ports(port=80), []),
    (ports(port="http", protocol="SCTP"), []),
    (ports(port=32000, endPort=32768), []),
    (peer(podSelector={}, namespaceSelector={}), []),
    (peer(ipBlock={"cidr": "192.168.0.0/16", "except": ["192.168.3.0/24", "192.168.4.0/24"]}), []),
    (peer(ipBlock={"cidr": "fd00:192:168::/48", "except": ["fd00:192:168:3::/64"]}), []),
    (network_policy(egress=[{"to": [{"podSelector": {"matchLabels": {"c": "d"}}}]}], policyTypes=["Egress"]), []),
    (peer(), [f"{PEER}: Required value: must specify a peer"]),
    (peer(ipBlock={}), [f"{PEER}.ipBlock.cidr: Required value"]),
    (peer(ipBlock={"cidr": "192.168.5.6"}), [f'{PEER}.ipBlock.cidr: Invalid value: "192.168.5.6": not a valid CIDR']),
    (
        peer(ipBlock={"cidr": "192.168.8.0/24", "except": ["192.168.9.1/24"]}),
        [f'{PEER}.ipBlock.except[0]: Invalid value: "192.168.9.1/24": must be a strict subset of `cidr`'],
    ),
    (
        peer(ipBlock={"cidr": "192.168.8.0/24", "except": ["192.168.0.0/16"]}),
        [f'{PEER}.ipBlock.except[0]: Invalid value: "192.168.0.0/16": must be a strict subset of `cidr`'],
    ),
    (peer(ipBlock={"cidr": "192.168.0.0/16", "except": ["no"]}), [f'{PEER}.ipBlock.except[0]: Invalid value: "no": not a valid CIDR']),
    (
        peer(ipBlock={"cidr": "192.168.0.0/16"}, podSelector={}),
        [f"{PEER}: Forbidden: may not specify both ipBlock and another peer"],
    ),
    (peer(podSelector={"matchLabels": {"invalid key!": "v"}}), [f"{PEER}.podSelector.matchLabels: Invalid value: "]),
    (ports(protocol="ICMP", port=80), [f'{PORT}.protocol: Unsupported value: "ICMP": supported values: "TCP", "UDP", "SCTP"']),
    (ports(port=123456789), [f"{PORT}.port: Invalid value: 123456789: must be between 1 and 65535, inclusive"]),
    (ports(port="!@#$"), [f'{PORT}.port: Invalid value: "!@#$": must contain only alpha-numeric', f"{PORT}.port: Invalid value: "]),
    (ports(port="dns", endPort=65535), [f"{PORT}.endPort: Invalid value: 65535: may not be specified when `port` is non-numeric"]),
    (ports(endPort=65535), [f"{PORT}.endPort: Invalid value: 65535: may not be specified when `port` is not specified"]),
    (ports(port=30000, endPort=20000), [f"{PORT}.endPort: Invalid value: 30000: must be greater than or equal to `port`"]),
    (ports(port=30000, endPort=65536), [f"{PORT}.endPort: Invalid value: 65536: must be between 1 and 65535, inclusive"]),
    (
        network_policy(policyTypes=["foo", "bar", "baz"]),
        ['spec.policyTypes: Invalid value: []networking.PolicyType{"foo", "bar", "baz"}: may not specify more than two policyTypes'],
    ),
    (network_policy(policyTypes=["foo"]), ['spec.policyTypes[0]: Unsupported value: "foo": supported values: "Ingress", "Egress"']),
]


@pytest.mark.parametrize(("body", "expected"), POLICIES)
def test_network_policy(body, expected):
    assert agree(create_errors(body), expected), create_errors(body)


def test_network_policy_defaults():
    """upstream: pkg/apis/networking/v1/defaults_test.go; recorded: defaults:7"""
    spec = prepared(network_policy(egress=[{"ports": [{"port": 53}]}]))["spec"]
    assert spec["policyTypes"] == ["Ingress", "Egress"]
    assert spec["egress"] == [{"ports": [{"protocol": "TCP", "port": 53}]}]
    assert prepared(network_policy())["spec"]["policyTypes"] == ["Ingress"]


def test_networks_are_read_sloppily():
    """upstream: netutils.ParseCIDRSloppy"""
    assert str(parse_cidr("010.1.2.3/8")) == "10.0.0.0/8"
    assert parse_cidr("10.0.0.0/33") is None
    assert parse_cidr("10.0.0.0") is None


def backend(**service):
    return {"service": {"name": "default-backend", "port": {"number": 80}, **service}}


def ingress(**spec):
    return object_of(V1, "Ingress", spec={"defaultBackend": backend(), **spec})


def rule(host="foo.bar.com", path="/foo", path_type="ImplementationSpecific", **route):
    route = {"path": path, "pathType": path_type, "backend": backend(), **route}
    return {"host": host, "http": {"paths": [{key: value for key, value in route.items() if value is not None}]}}


ROUTE = "spec.rules[0].http.paths[0]"

# upstream: TestValidateIngress, TestValidateIngressTLS, TestValidateIngressCreate, TestValidateIngressRuleValue
INGRESSES = [
    (ingress(), []),
    (ingress(rules=[rule()]), []),
    (ingress(rules=[rule(path="", path_type="ImplementationSpecific")]), []),
    (ingress(rules=[rule("*.bar.com")], tls=[{"hosts": ["*.bar.com"], "secretName": "s"}]), []),
    (object_of(V1, "Ingress", spec={}), ["spec: Invalid value: []networking.IngressRule(nil): either `defaultBackend` or `rules` must be"]),
    (ingress(rules=[rule("1.2.3.4")]), ['spec.rules[0].host: Invalid value: "1.2.3.4": must be a DNS name, not an IP address']),
    (ingress(rules=[rule("foo.*.com")]), ['spec.rules[0].host: Invalid value: "foo.*.com": a wildcard DNS-1123 subdomain must start with']),
    (ingress(rules=[rule("foobar:80")]), ['spec.rules[0].host: Invalid value: "foobar:80": a lowercase RFC 1123 subdomain']),
    (ingress(rules=[{"http": {"paths": []}}]), ["spec.rules[0].http.paths: Required value"]),
    (ingress(rules=[rule(path_type=None)]), [f"{ROUTE}.pathType: Required value: pathType must be specified"]),
    (
        ingress(rules=[rule(path_type="x")]),
        [f'{ROUTE}.pathType: Unsupported value: "x": supported values: "Exact", "ImplementationSpecific", "Prefix"'],
    ),
    (ingress(rules=[rule(path="foo", path_type="Exact")]), [f'{ROUTE}.path: Invalid value: "foo": must be an absolute path']),
    (ingress(rules=[rule(path="", path_type="Prefix")]), [f'{ROUTE}.path: Invalid value: "": must be an absolute path']),
    (
        ingress(rules=[rule(path="/foo/./bar", path_type="Prefix")]),
        [f"{ROUTE}.path: Invalid value: \"/foo/./bar\": must not contain '/./'"],
    ),
    (ingress(rules=[rule(path="/foo/..", path_type="Exact")]), [f"{ROUTE}.path: Invalid value: \"/foo/..\": cannot end with '/..'"]),
    (ingress(defaultBackend=backend(name="")), ["spec.defaultBackend.service.name: Required value"]),
    (ingress(defaultBackend=backend(name="x-1_")), ['spec.defaultBackend.service.name: Invalid value: "x-1_": a DNS-1035 label']),
    (ingress(defaultBackend=backend(port={})), ["spec.defaultBackend: Required value: port name or number is required"]),
    (
        ingress(defaultBackend=backend(port={"name": "a", "number": 1})),
        ['spec.defaultBackend: Invalid value: "": cannot set both port name & port number'],
    ),
    (
        ingress(defaultBackend={**backend(), "resource": {"kind": "k", "name": "n"}}),
        ['spec.defaultBackend: Invalid value: "": cannot set both resource and service backends'],
    ),
    (ingress(defaultBackend={}), ['spec.defaultBackend: Invalid value: "": resource or service backend is required']),
    (ingress(tls=[{"hosts": ["test.*.com"]}]), ['spec.tls[0].hosts[0]: Invalid value: "test.*.com": a wildcard DNS-1123']),
    (ingress(tls=[{"secretName": "invalid name"}]), ['spec.tls[0].secretName: Invalid value: "invalid name": a lowercase RFC 1123']),
    (
        merged(ingress(ingressClassName="foo"), {"metadata": {"annotations": {"kubernetes.io/ingress.class": "bar"}}}),
        ['annotations.kubernetes.io/ingress.class: Invalid value: "bar": must match `ingressClassName` when both are specified'],
    ),
]


@pytest.mark.parametrize(("body", "expected"), INGRESSES)
def test_ingress(body, expected):
    assert agree(create_errors(body), expected), create_errors(body)


def test_what_an_old_ingress_has_wrong_may_stay():
    """upstream: TestValidateIngressUpdate"""
    old = ingress(tls=[{"secretName": "invalid name"}])
    assert update_errors(old, {"spec": {"tls": [{"secretName": "other name"}]}}) == []
    assert len(update_errors(ingress(), {"spec": {"tls": [{"secretName": "other name"}]}})) == 1


def test_ingress_status_and_cells():
    """upstream: TestValidateIngressStatusUpdate, TestPrintIngress"""
    points = {"loadBalancer": {"ingress": [{"ip": "abc"}, {"hostname": "127.0.0.1"}]}}
    assert agree(
        status_errors(ingress(), points), ["status.loadBalancer.ingress[0].ip: Invalid", "status.loadBalancer.ingress[1].hostname: "]
    )
    obj = prepared(ingress(rules=[rule(f"{name}.com") for name in "abcd"], tls=[{}]))
    obj = merged(obj, {"status": {"loadBalancer": {"ingress": [{"ip": "2.2.2.2"}, {"hostname": "h"}, {"ip": "1.1.1.1"}]}}})
    cells = [column.cell(obj, NOW_NS) for column in kind_of(obj).columns]
    assert cells == ["x", "<none>", "a.com,b.com,c.com + 1 more...", "1.1.1.1,2.2.2.2,h", "80, 443", "0s"]


def test_the_old_class_annotation_warns():
    body = merged(ingress(), {"metadata": {"annotations": {"kubernetes.io/ingress.class": "bar"}}})
    words = "annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"
    assert kind_of(body).warnings(body, None, context()) == [words]


def ingress_class(controller="foo.co/bar", **parameters):
    spec = {"controller": controller}
    return object_of(V1, "IngressClass", spec={**spec, "parameters": {"kind": "k", "name": "n", **parameters}} if parameters else spec)


# upstream: TestValidateIngressClass, TestValidateIngressClassUpdate
CLASSES = [
    (ingress_class(), []),
    (ingress_class(scope="Namespace", namespace="a"), []),
    (ingress_class(""), ["spec.controller: Required value"]),
    (ingress_class("foo.co"), ['spec.controller: Invalid value: "foo.co": must be a domain-prefixed path (such as "acme.io/foo")']),
    (ingress_class(f"foo.co/{'a' * 250}"), ["spec.controller: Too long: must have at most 250 bytes"]),
    (ingress_class(kind=""), ["spec.parameters.kind: Required value: kind is required"]),
    (ingress_class(scope="bad"), ['spec.parameters.scope: Unsupported value: "bad": supported values: "Cluster", "Namespace"']),
    (ingress_class(scope="Namespace"), ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"]),
    (ingress_class(namespace="a"), ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"]),
]


@pytest.mark.parametrize(("body", "expected"), CLASSES)
def test_ingress_class(body, expected):
    assert agree(create_errors(body), expected), create_errors(body)


def test_the_controller_of_a_class_is_fixed():
    assert agree(
        update_errors(ingress_class(), {"spec": {"controller": "foo.co/x"}}), ['spec.controller: Invalid value: "foo.co/x": field is']
    )


def endpoint_slice(address_type="IPv4", endpoints=({"addresses": ["10.1.2.3"]},), port=None):
    fields = {"addressType": address_type, "endpoints": list(endpoints), "ports": [port or {"name": "http", "port": 80}]}
    return object_of("discovery.k8s.io/v1", "EndpointSlice", **fields)


FIRST = "endpoints[0]"

# upstream: TestValidateEndpointSlice, TestValidateEndpointSliceUpdate
SLICES = [
    (endpoint_slice(), []),
    (endpoint_slice("IPv6", [{"addresses": ["a00:100::4"]}]), []),
    (endpoint_slice("FQDN", [{"addresses": ["foo.example.com", "example.com."]}]), []),
    (endpoint_slice(""), ["addressType: Required value"]),
    (endpoint_slice("other"), ['addressType: Unsupported value: "other": supported values: "FQDN", "IPv4", "IPv6"']),
    (endpoint_slice(endpoints=[{}]), [f"{FIRST}.addresses: Required value: must contain at least 1 address"]),
    (endpoint_slice(endpoints=[{"addresses": ["10.1.1.1"] * 101}]), [f"{FIRST}.addresses: Too many: 101: must have at most 100 items"]),
    (
        endpoint_slice(endpoints=[{"addresses": ["127.0.0.1"]}]),
        [f'{FIRST}.addresses[0]: Invalid value: "127.0.0.1": may not be in the loop'],
    ),
    (endpoint_slice(endpoints=[{"addresses": ["0.0.0.0"]}]), [f'{FIRST}.addresses[0]: Invalid value: "0.0.0.0": may not be unspecified']),
    (endpoint_slice(endpoints=[{"addresses": ["169.254.1.1"]}]), [f"{FIRST}.addresses[0]: Invalid"]),
    (
        endpoint_slice("IPv6", [{"addresses": ["1.2.3.4"]}]),
        [f'{FIRST}.addresses[0]: Invalid value: "1.2.3.4": must be a valid IPv6 address'],
    ),
    (
        endpoint_slice("IPv4", [{"addresses": ["10.1.2"]}]),
        [f'{FIRST}.addresses[0]: Invalid value: "10.1.2": must be a valid IPv4', f"{FIRST}.addresses[0]: Invalid"],
    ),
    (
        endpoint_slice("FQDN", [{"addresses": ["example"]}]),
        [f'{FIRST}.addresses[0]: Invalid value: "example": should be a domain with at least two segments separated by dots'],
    ),
    (endpoint_slice(endpoints=[{"addresses": ["10.1.2.3"], "hostname": "A"}]), [f'{FIRST}.hostname: Invalid value: "A": ']),
    (endpoint_slice(endpoints=[{"addresses": ["10.1.2.3"], "nodeName": "n*"}]), [f'{FIRST}.nodeName: Invalid value: "n*": ']),
    (
        endpoint_slice(endpoints=[{"addresses": ["10.1.2.3"], "hints": {"forZones": [{"name": "a"}, {"name": "a"}]}}]),
        [f'{FIRST}.hints.forZones[1].name: Duplicate value: "a"'],
    ),
    (endpoint_slice(port={"name": "almost_valid", "port": 80}), ['ports[0].name: Invalid value: "almost_valid": ']),
    (
        endpoint_slice(port={"name": "a", "protocol": "x"}),
        ['ports[0].protocol: Unsupported value: "x": supported values: "SCTP", "TCP", "UDP"'],
    ),
    (endpoint_slice(port={"name": "a", "appProtocol": "--"}), ['ports[0].appProtocol: Invalid value: "--": ']),
]


@pytest.mark.parametrize(("body", "expected"), SLICES)
def test_endpoint_slice(body, expected):
    assert agree(create_errors(body), expected), create_errors(body)


def test_an_address_type_is_fixed():
    assert 'addressType: Invalid value: "IPv6": field is immutable' in update_errors(endpoint_slice(), {"addressType": "IPv6"})


def test_an_empty_slice_shows_its_lists_as_null():
    """recorded: real-api/objects.json.gz, the slice web-dd72x"""
    obj = prepared(object_of("discovery.k8s.io/v1", "EndpointSlice", addressType="IPv6"))
    assert (obj["endpoints"], obj["ports"]) == (None, None)
    assert [column.cell(obj, NOW_NS) for column in kind_of(obj).columns] == ["x", "IPv6", "<unset>", "<unset>", "0s"]


def test_the_generation_of_a_slice_counts_labels_and_all_but_metadata():
    """upstream: pkg/registry/discovery/endpointslice/strategy_test.go (TestPrepareForUpdate)"""
    old = prepared(endpoint_slice())
    changed = kind_of(old).spec_changed
    assert not changed(merged(old, {"metadata": {"annotations": {"a": "b"}}}), old)
    assert changed(merged(old, {"metadata": {"labels": {"a": "b"}}}), old)
    assert changed(merged(old, {"endpoints": [{"addresses": ["10.1.2.4"]}]}), old)


def test_cells_of_a_slice_and_a_policy():
    """recorded: real-api/tables.json"""
    endpoints = [{"addresses": [f"10.1.0.{last}"]} for last in (4, 10, 8, 9)]
    obj = prepared(endpoint_slice(endpoints=endpoints))
    assert [column.cell(obj, NOW_NS) for column in kind_of(obj).columns][1:4] == ["IPv4", "80", "10.1.0.4,10.1.0.10,10.1.0.8 + 1 more..."]
    policy = prepared(network_policy(podSelector={}))
    assert [column.cell(policy, NOW_NS) for column in kind_of(policy).columns] == ["x", "<none>", "0s"]
