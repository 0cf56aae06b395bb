"""Addresses in Endpoints and EndpointSlices: the faulty one among good ones is named by its place, however often it was looked at before.

upstream: pkg/apis/core/validation/validation_test.go (TestValidateEndpointsCreate), pkg/apis/discovery/validation/validation_test.go
(TestValidateEndpointSlice), 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.kinds import registry
from kubelab.kinds.kind import Context

NOW = Context("2026-01-01T00:00:00Z", 0)
GOOD = "10.10.1.1"
LOOPBACK = "may not be in the loopback range (127.0.0.0/8, ::1/128)"

FAULTS = [
    ({"ip": "127.0.0.1"}, "ip", LOOPBACK),
    ({"ip": "169.254.169.254"}, "ip", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"),
    ({"ip": "224.0.0.1"}, "ip", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"),
    ({"ip": "[2001:0db8:85a3:0042:1000:8a2e:0370:7334]"}, "ip", "must be a valid IP address"),
    ({"ip": GOOD, "nodeName": "Not_A_Node"}, "nodeName", "a lowercase RFC 1123 subdomain"),
    ({"ip": GOOD, "hostname": "Not_A_Label"}, "hostname", "a lowercase RFC 1123 label"),
]


def found(resource: str, obj: dict[str, Any]) -> list[tuple[str, str]]:
    kind = registry.by_resource(resource)
    return [(error.field, error.detail) for error in kind.validate({"metadata": {"name": "a", "namespace": "b"}, **obj}, NOW)]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(("address", "part", "words"), FAULTS)
def test_endpoints(address: dict[str, Any], part: str, words: str, times: int) -> None:
    for _ in range(times):
        errors = found("endpoints", {"subsets": [{"addresses": [{"ip": GOOD}, address], "ports": [{"port": 1, "protocol": "TCP"}]}]})
    assert [path for path, _ in errors] == [f"subsets[0].addresses[1].{part}"] * len(errors)
    assert any(words in detail for _, detail in errors)


@pytest.mark.parametrize(
    ("endpoint", "path", "words"),
    [
        ({"addresses": ["127.0.0.1"]}, "endpoints[1].addresses[0]", LOOPBACK),
        ({"addresses": []}, "endpoints[1].addresses", "must contain at least 1 address"),
        ({"addresses": ["2001:db8::1"]}, "endpoints[1].addresses[0]", "must be a valid IPv4 address"),
        ({"addresses": [GOOD], "nodeName": "Not_A_Node"}, "endpoints[1].nodeName", "a lowercase RFC 1123 subdomain"),
        ({"addresses": [GOOD], "deprecatedTopology": {"--": "a"}}, "endpoints[1].deprecatedTopology", "name part must consist of"),
        (
            {"addresses": [GOOD], "hints": {"forZones": [{"name": "bad/zone"}]}},
            "endpoints[1].hints.forZones[0].name",
            "a valid label must be an empty string",
        ),
    ],
)
def test_slices(endpoint: dict[str, Any], path: str, words: str) -> None:
    errors = found("endpointslices.discovery.k8s.io", {"addressType": "IPv4", "endpoints": [{"addresses": [GOOD]}, endpoint], "ports": []})
    assert errors[0][0] == path and words in errors[0][1]


def test_the_same_address_may_be_right_in_one_slice_and_wrong_in_another() -> None:
    for kind, wrong in (("IPv6", True), ("IPv4", False), ("IPv6", True)):
        errors = found("endpointslices.discovery.k8s.io", {"addressType": kind, "endpoints": [{"addresses": [GOOD]}], "ports": []})
        assert bool(errors) is wrong
