"""upstream: pkg/apis/core/validation/validation_test.go (TestValidateServiceCreate, TestValidateServiceUpdate), defaults_test.go,
pkg/registry/core/service/storage/storage_test.go, 1.28; recorded: core-errors:14-19.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kubelab.kinds.core.service_fields import settle_create, settle_update
from kubelab.kinds.kind import Object
from tests.unit.kinds.builders import CONTEXT, cells, core, create_errors, created, kind_named, settled, update_errors

PORT = {"port": 80}


def service(**spec: Any) -> Object:
    return core("Service", spec={"ports": [PORT], **spec})


DEFAULTS = [  # TestSetDefaultService…
    ({}, {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster"}),
    ({"type": "NodePort"}, {"externalTrafficPolicy": "Cluster", "internalTrafficPolicy": "Cluster"}),
    ({"type": "LoadBalancer"}, {"allocateLoadBalancerNodePorts": True}),
    ({"type": "ExternalName"}, {"internalTrafficPolicy": None}),
    ({"sessionAffinity": "ClientIP"}, {"sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 10800}}}),
    ({"ports": [{"port": 80}]}, {"ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]}),
    ({"ports": [{"port": 80, "targetPort": "http"}]}, {"ports": [{"port": 80, "protocol": "TCP", "targetPort": "http"}]}),
]


@pytest.mark.parametrize(("spec", "wanted"), DEFAULTS)
def test_defaults(spec: dict[str, Any], wanted: dict[str, Any]) -> None:
    found = settled(service(**spec))["spec"]
    assert {key: found.get(key) for key in wanted} == wanted


CREATE: list[tuple[Object, list[str]]] = [
    (service(), []),
    (service(ports=[]), ["spec.ports: Required value"]),
    (service(ports=[], clusterIP="None", clusterIPs=["None"]), []),
    (service(ports=[{"port": 80}, {"port": 81}]), ["spec.ports[0].name: Required value", "spec.ports[1].name: Required value"]),
    (service(ports=[{"port": 80, "name": "a"}, {"port": 81, "name": "a"}]), ['spec.ports[1].name: Duplicate value: "a"']),
    (
        service(ports=[{"port": 0, "protocol": "INVALID", "targetPort": "-"}]),
        [
            "spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            'spec.ports[0].protocol: Unsupported value: "INVALID": supported values: "SCTP", "TCP", "UDP"',
            'spec.ports[0].targetPort: Invalid value: "-": must contain at least one letter (a-z)',
            'spec.ports[0].targetPort: Invalid value: "-": must not begin or end with a hyphen',
        ],
    ),
    (service(ports=[{"port": 80, "nodePort": 30000}]), ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]),
    (
        service(type="NodePort", ports=[{"name": "a", "port": 1, "nodePort": 30000}, {"name": "b", "port": 2, "nodePort": 30000}]),
        ["spec.ports[1].nodePort: Duplicate value: 30000"],
    ),
    (
        service(ports=[{"name": "a", "port": 1}, {"name": "b", "port": 1}]),
        [
            'spec.ports[1]: Duplicate value: core.ServicePort{Name:"", Protocol:"TCP", AppProtocol:(*string)(nil), Port:1, '
            'TargetPort:intstr.IntOrString{Type:0, IntVal:0, StrVal:""}, NodePort:0}'
        ],
    ),
    (service(type="Odd"), ['spec.type: Unsupported value: "Odd": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"']),
    (service(type="ExternalName", ports=[]), ["spec.externalName: Required value"]),
    (service(type="ExternalName", externalName="a.b."), []),
    (
        service(type="ExternalName", externalName="a", clusterIP="None", clusterIPs=["None"]),
        ["spec.clusterIPs: Forbidden: may not be set for ExternalName services"],
    ),
    (
        service(type="LoadBalancer", clusterIP="None", clusterIPs=["None"]),
        ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for LoadBalancer services"],
    ),
    (
        service(type="LoadBalancer", ports=[{"port": 10250}]),
        ["spec.ports[0]: Invalid value: 10250: may not expose port 10250 externally since it is used by kubelet"],
    ),
    (
        service(clusterIP="1.2.3", clusterIPs=["1.2.3"]),
        ['spec.clusterIPs[0]: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ),
    (
        service(clusterIP="1.2.3.4", clusterIPs=["1.2.3.5"]),
        ['spec.clusterIPs: Invalid value: []string{"1.2.3.5"}: first value must match `clusterIP`'],
    ),
    (
        service(clusterIP="::1", clusterIPs=["::1"], ipFamilies=["IPv4"]),
        ['spec.clusterIPs[0]: Invalid value: "::1": expected an IPv4 value as indicated by `ipFamilies[0]`'],
    ),
    (service(externalIPs=["127.0.0.1"]), ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)']),
    (service(sessionAffinity="X"), ['spec.sessionAffinity: Unsupported value: "X": supported values: "ClientIP", "None"']),
    (
        service(sessionAffinity="ClientIP", sessionAffinityConfig={"clientIP": {"timeoutSeconds": 86401}}),
        ["spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than 0 and less than 86400"],
    ),
    (
        service(externalTrafficPolicy="Local"),
        ["spec.externalTrafficPolicy: Invalid value: \"Local\": may only be set when `type` is 'NodePort' or 'LoadBalancer'"],
    ),
    (service(internalTrafficPolicy="Odd"), ['spec.internalTrafficPolicy: Unsupported value: "Odd": supported values: "Cluster", "Local"']),
    (
        service(loadBalancerSourceRanges=["1.2.3.4"]),
        [
            "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
            'spec.LoadBalancerSourceRanges: Invalid value: "[1.2.3.4]": must be a list of IP ranges. For example, 10.240.0.0/24,10.250.0.0/24 ',
        ],
    ),
    (service(loadBalancerClass="a/b"), ["spec.loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "errors"), CREATE)
def test_create(body: Object, errors: list[str]) -> None:
    assert create_errors(body) == errors


def test_names_start_with_a_letter() -> None:  # core-errors:14
    assert create_errors(core("Service", name="1bad", spec={"ports": [PORT]})) == [
        "metadata.name: Invalid value: \"1bad\": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
        "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is "
        "'[a-z]([-a-z0-9]*[a-z0-9])?')"
    ]


ADDRESSED = service(clusterIP="10.0.0.1", clusterIPs=["10.0.0.1"], ipFamilies=["IPv4"], ipFamilyPolicy="SingleStack")


def test_an_address_may_not_change_once_set() -> None:  # core-errors:19
    changed = {**ADDRESSED["spec"], "clusterIP": "10.0.0.77", "clusterIPs": ["10.0.0.77"]}
    assert update_errors(ADDRESSED, spec=changed) == ['spec.clusterIPs[0]: Invalid value: []string{"10.0.0.77"}: may not change once set']


def test_what_only_the_old_type_needed_is_dropped() -> None:  # TestDropTypeDependentFields
    old = created({**ADDRESSED, "spec": {**ADDRESSED["spec"], "type": "NodePort", "ports": [{"port": 80, "nodePort": 30001}]}})
    new = settled({**old, "spec": {**old["spec"], "type": "ClusterIP"}})
    kind_named("Service").prepare_update(new, old, CONTEXT)
    assert "externalTrafficPolicy" not in new["spec"]
    assert "nodePort" not in new["spec"]["ports"][0]
    external = settled({**old, "spec": {**old["spec"], "type": "ExternalName", "externalName": "a"}})
    kind_named("Service").prepare_update(external, old, CONTEXT)
    assert not {"clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"} & set(external["spec"])


def test_fields_settle_before_allocation() -> None:  # TestNormalizeClusterIPs, TestPatchAllocatedValues, TestCreateInitIPFields
    fresh = service(clusterIP="None", selector={"a": "b"})
    settle_create(fresh)
    assert (fresh["spec"]["clusterIPs"], fresh["spec"]["ipFamilyPolicy"], fresh["spec"]["ipFamilies"]) == (
        ["None"],
        "SingleStack",
        ["IPv4"],
    )
    selectorless = service(clusterIP="None")
    settle_create(selectorless)
    assert (selectorless["spec"]["ipFamilyPolicy"], selectorless["spec"]["ipFamilies"]) == ("RequireDualStack", ["IPv4", "IPv6"])


def test_a_replacement_without_allocated_values_keeps_them() -> None:
    old = copy.deepcopy(ADDRESSED)
    old["spec"] |= {"type": "NodePort", "ports": [{"name": "a", "port": 1, "nodePort": 30001}, {"name": "b", "port": 2, "nodePort": 30002}]}
    new = service(type="NodePort", ports=[{"name": "b", "port": 2}, {"name": "c", "port": 3, "nodePort": 30001}, {"name": "a", "port": 1}])
    settle_update(new, old)
    assert (new["spec"]["clusterIP"], new["spec"]["clusterIPs"]) == ("10.0.0.1", ["10.0.0.1"])
    assert [port.get("nodePort") for port in new["spec"]["ports"]] == [30002, 30001, None]


def test_a_changed_cluster_ip_takes_the_list_with_it() -> None:
    new = copy.deepcopy(ADDRESSED)
    new["spec"]["clusterIP"] = "10.0.0.77"
    settle_update(new, ADDRESSED)
    assert new["spec"]["clusterIPs"] == ["10.0.0.77"]


ROWS = [  # printers_test.go TestPrintService; a server always prints wide (pkg/printers/storage/storage.go)
    ({"type": "ClusterIP", "clusterIPs": ["10.9.8.7"]}, {}, ["x", "ClusterIP", "10.9.8.7", "<none>", "80/TCP", "0s", "<none>"]),
    (
        {"type": "NodePort", "clusterIPs": ["10.9.8.7"], "ports": [{"port": 8888, "nodePort": 9999, "protocol": "TCP"}]},
        {},
        ["x", "NodePort", "10.9.8.7", "<none>", "8888:9999/TCP", "0s", "<none>"],
    ),
    ({"type": "LoadBalancer", "externalIPs": ["1.1.1.1"]}, {}, ["x", "LoadBalancer", "<none>", "1.1.1.1", "80/TCP", "0s", "<none>"]),
    ({"type": "LoadBalancer"}, {}, ["x", "LoadBalancer", "<none>", "<pending>", "80/TCP", "0s", "<none>"]),
    (
        {"type": "LoadBalancer", "selector": {"b": "2", "a": "1"}},
        {"loadBalancer": {"ingress": [{"ip": "2.2.2.2"}, {"hostname": "a.example.com"}]}},
        ["x", "LoadBalancer", "<none>", "2.2.2.2,a.example.com", "80/TCP", "0s", "a=1,b=2"],
    ),
    ({"type": "ExternalName", "externalName": "e", "ports": []}, {}, ["x", "ExternalName", "<none>", "e", "<none>", "0s", "<none>"]),
]


@pytest.mark.parametrize(("spec", "status", "row"), ROWS)
def test_rows(spec: dict[str, Any], status: dict[str, Any], row: list[str]) -> None:
    ports = [{"port": 80, "protocol": "TCP"}]
    body = core("Service", metadata={"creationTimestamp": CONTEXT.now}, spec={"ports": ports, **spec}, status=status)
    assert cells(body) == row
