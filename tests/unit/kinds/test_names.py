"""upstream: apimachinery/pkg/util/validation/validation_test.go, …/api/validation/objectmeta_test.go, 1.28."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from kubelab.kinds import names

LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric "
    "character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
VALID: list[tuple[Callable[[str], Any], list[str]]] = [
    (names.is_dns1123_label, ["a", "a1", "a-1", "a--1--2--b", "0", "1--a--b--2", "a" * 63]),
    (names.is_dns1035_label, ["a", "ab", "a1", "a--1--2--b", "a" * 63]),
    (names.is_dns1123_subdomain, ["a", "a.b", "0.0", "a.1.2.3-4", "a" * 253]),
    (
        names.is_qualified_name,
        ["simple", "1234", "1-num.2-num/3-num", "1.2.3.4/5678", "example.com/Uppercase_Is_OK_123", "a" * 253 + "/" + "b" * 63],
    ),
    (names.is_label_value, ["simple", "1-starts-with-num", "1234", "a" * 63, ""]),
    (names.is_port_name, ["telnet", "re-mail-ck", "pop3", "a", "1-a", "1-a-2-b-3"]),
    (names.is_config_map_key, ["a", "still.good", ".so.is.this", "THIS_IS_GOOD", "so_is_this_17"]),
    (names.is_percent, ["0%", "00000%", "01%", "100%", "101%"]),
    (names.is_ip, ["::1", "2001:4860:4860::8888", "::fff:1.1.1.1", "1.1.1.01", "0.0.0.0"]),
]
INVALID: list[tuple[Callable[[str], Any], list[str]]] = [
    (names.is_dns1123_label, ["", "A", "a-", "-a", "_", "a_b", ".", "a.", ".a", "a.b", " ", "a b", "1 ", "a" * 64, "a\n"]),
    (names.is_dns1035_label, ["0", "1a", "", "A-1", "-", "a-", "1_2", "a.b", "a b", "a" * 64]),
    (
        names.is_qualified_name,
        ["nospecialchars%^=@", "cantendwithadash-", "only/one/slash", "Example.com/abc", "example.com/", "/simple", "a" * 64],
    ),
    (
        names.is_label_value,
        ["nospecialchars%^=@", "Tama-nui-te-rā.is.Māori.sun", "\\backslashes\\are\\bad", "ends-with-dash-", ".dot", "a" * 64],
    ),
    (names.is_port_name, ["longerthan15characters", "", "12345", "1-2-3-4", "-begin", "end-", "two--hyphens", "whois++"]),
    (names.is_config_map_key, [".", "..", "..bad", "b*d", "bad!&bad"]),
    (names.is_percent, ["", "0", "0.0%", "hundred", " 1%", "1% ", "-1%", "+1%"]),
    (names.is_ip, ["[2001:db8:0:1]:80", "myhost.mydomain", "-1.0.0.0", "a", "1.2.3"]),
]


@pytest.mark.parametrize(("rule", "value"), [(rule, value) for rule, values in VALID for value in values])
def test_valid(rule: Callable[[str], Any], value: str) -> None:
    assert rule(value) == ()


@pytest.mark.parametrize(("rule", "value"), [(rule, value) for rule, values in INVALID for value in values])
def test_invalid(rule: Callable[[str], Any], value: str) -> None:
    assert rule(value)


MESSAGES = [
    (names.is_dns1123_label, "Bad.Name", (LABEL,)),
    (names.is_dns1123_label, "a.b", ("must not contain dots",)),
    (names.is_dns1123_label, "A" * 64, ("must be no more than 63 characters", LABEL)),
    (names.is_config_map_key, "..", ("must not be '..'",)),
    (names.is_config_map_key, "..a", ("must not start with '..'",)),
    (names.is_path_segment_name, "a/b", ("may not contain '/'",)),
    (names.is_path_segment_name, ".", ("may not be '.'",)),
    (names.is_port_number, 0, ("must be between 1 and 65535, inclusive",)),
    (names.is_port_name, "123", ("must contain at least one letter (a-z)",)),
]


@pytest.mark.parametrize(("rule", "value", "complaints"), MESSAGES)
def test_words(rule: Callable[[Any], Any], value: object, complaints: tuple[str, ...]) -> None:
    assert rule(value) == complaints


@pytest.mark.parametrize(
    ("base", "complaints"),
    [("web-", 0), ("-", 1), ("Web-", 1), ("web.-", 0)],  # maskTrailingDash replaces the last two characters
)
def test_a_prefix_may_end_with_a_dash(base: str, complaints: int) -> None:
    assert len(names.name_is_dns_subdomain(base, True)) == complaints


def test_generated_names_are_cut() -> None:  # apiserver/pkg/storage/names/generate.go
    assert names.generate_name("a" * 80, "bcdfg") == "a" * 58 + "bcdfg"


def owner(name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": "1", **fields}


METADATA = [
    ({}, ["metadata.name: Required value: name or generateName is required", "metadata.namespace: Required value"]),
    ({"name": "a", "namespace": "b", "generation": -1}, ["metadata.generation: Invalid value: -1: must be greater than or equal to 0"]),
    (
        {"name": "a", "namespace": "b", "labels": {"a/b/c": "x"}},
        [
            "metadata.labels: Invalid value: \"a/b/c\": a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must "
            "start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        ],
    ),
    (
        {"name": "a", "namespace": "b", "annotations": {"a": "x" * 262144}},
        ["metadata.annotations: Too long: must have at most 262144 bytes"],
    ),
    (
        {"name": "a", "namespace": "b", "ownerReferences": [owner("a", apiVersion="", uid="")]},
        [
            'metadata.ownerReferences.apiVersion: Invalid value: "": version must not be empty',
            'metadata.ownerReferences.uid: Invalid value: "": uid must not be empty',
        ],
    ),
    (
        {"name": "a", "namespace": "b", "finalizers": ["orphan", "foregroundDeletion"]},
        [
            'metadata.finalizers: Invalid value: []string{"orphan", "foregroundDeletion"}: '
            "finalizer orphan and foregroundDeletion cannot be both set"
        ],
    ),
]


@pytest.mark.parametrize(("meta", "errors"), METADATA)
def test_metadata(meta: dict[str, Any], errors: list[str]) -> None:  # TestValidateObjectMeta…
    assert [error.text() for error in names.validate_metadata(meta, True, names.name_is_dns_subdomain)] == errors


def test_two_controllers() -> None:  # objectmeta_test.go TestValidateObjectMetaOwnerReferences; core-errors:13 with kinds since 1.24
    references = [owner("a", controller=True), owner("b", controller=True)]
    errors = names.validate_owner_references(references, "metadata.ownerReferences")
    wanted = 'Only one reference can have Controller set to true. Found "true" in references for Pod/a and Pod/b'
    assert [error.detail for error in errors] == [wanted]


def test_a_namespace_on_a_cluster_scoped_kind() -> None:
    errors = names.validate_metadata({"name": "a", "namespace": "b"}, False, names.name_is_dns_subdomain)
    assert [error.text() for error in errors] == ["metadata.namespace: Forbidden: not allowed on this type"]


OLD = {"name": "a", "namespace": "b", "uid": "u", "resourceVersion": "1", "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z"}
UPDATES = [
    ({}, []),
    ({"resourceVersion": ""}, ['metadata.resourceVersion: Invalid value: "": must be specified for an update']),
    ({"generation": 1}, ["metadata.generation: Invalid value: 1: must not be decremented"]),
    ({"name": "x"}, ['metadata.name: Invalid value: "x": field is immutable']),
    ({"uid": "x"}, ['metadata.uid: Invalid value: "x": field is immutable']),
]


@pytest.mark.parametrize(("changes", "errors"), UPDATES)
def test_metadata_updates(changes: dict[str, Any], errors: list[str]) -> None:  # TestValidateObjectMetaUpdate…
    assert [error.text() for error in names.validate_metadata_update({**OLD, **changes}, OLD)] == errors


def test_no_new_finalizers_in_deletion() -> None:
    old = {**OLD, "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["a/b"]}
    new = {**old, "finalizers": ["a/b", "x/y"]}
    assert [error.text() for error in names.validate_metadata_update(new, old)] == [
        "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers "
        '[]string{"x/y"}'
    ]


def test_kubernetes_own_kinds_want_qualified_finalizers() -> None:
    errors = names.validate_kube_finalizers({"finalizers": ["kubernetes", "x/y", "mine"]})
    assert [error.text() for error in errors] == [
        'metadata.finalizers[2]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified'
    ]
