"""Policies from texts, files and objects; each refusal in upstream's words.

upstream: staging/src/k8s.io/apiserver/pkg/audit/policy/reader_test.go, pkg/apis/audit/validation/validation_test.go, 1.28.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from kubelab.apiserver.audit.policy import AuditPolicy, AuditResources, AuditRule, PolicyError, as_object, from_object, load, validate

TEXT = """
apiVersion: audit.k8s.io/{version}
kind: Policy
rules:
  - level: None
    nonResourceURLs:
      - /healthz*
      - /version
  - level: RequestResponse
    users: ["tim"]
    userGroups: ["testers", "developers"]
    verbs: ["patch", "delete", "create"]
    resources:
      - group: ""
      - group: "rbac.authorization.k8s.io"
        resources: ["clusterroles", "clusterrolebindings"]
    namespaces: ["default", "kube-system"]
  - level: Metadata
"""
EXPECTED = (
    AuditRule("None", non_resource_urls=("/healthz*", "/version")),
    AuditRule(
        "RequestResponse",
        ("tim",),
        ("testers", "developers"),
        ("patch", "delete", "create"),
        (AuditResources(), AuditResources("rbac.authorization.k8s.io", ("clusterroles", "clusterrolebindings"))),
        ("default", "kube-system"),
    ),
    AuditRule("Metadata"),
)
SCHEME = 'in scheme "k8s.io/apiserver/pkg/audit/scheme.go:30"'


@pytest.mark.parametrize("version", ["v1", "v1beta1", "v1alpha1"])
def test_each_version_reads_as_upstreams_own_example(version: str, tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text(TEXT.format(version=version))
    for source in (TEXT.format(version=version), path, str(path)):
        loaded = load(source)
        assert loaded.policy == AuditPolicy(EXPECTED, version=version)
        assert loaded.warning == ""
    assert load(as_object(load(path).policy)).policy.rules == EXPECTED


def test_an_unknown_field_is_dropped_and_told() -> None:
    """upstream: reader_test.go policyWithUnknownField."""
    text = """
apiVersion: audit.k8s.io/v1
kind: Policy
rules:
- level: None
  resources:
  - group: coordination.k8s.io
    resources:
    - "leases"
    verbs: ["watch", "get", "list"] # invalid indentation on verbs
"""
    loaded = load(text)
    assert loaded.policy.rules == (AuditRule("None", resources=(AuditResources("coordination.k8s.io", ("leases",)),)),)
    head = "Audit policy contains errors, falling back to lenient decoding: strict decoding error: "
    assert loaded.warning == head + 'unknown field "rules[0].resources[0].verbs"'


HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: Policy\nrules:\n- level: None\n", "unknown group version field audit.k8s.io/__internal, Kind=Policy in policy"),
        ("rules:\n- level: None\n", "unknown group version field audit.k8s.io/__internal, Kind=Policy in policy"),
        ("\n", "unknown group version field audit.k8s.io/__internal, Kind=Policy in policy"),
        (HEAD, "loaded illegal policy with 0 rules"),
        (HEAD + "rules: []\n", "loaded illegal policy with 0 rules"),
        (
            "apiVersion: audit.k8s.io/v9\nkind: Policy\n",
            f'failed decoding: no kind "Policy" is registered for version "audit.k8s.io/v9" {SCHEME}',
        ),
        ("apiVersion: v1\nkind: Pod\n", f'failed decoding: no kind "Pod" is registered for version "v1" {SCHEME}'),
        (
            "apiVersion: audit.k8s.io/v1\nkind: Event\n",
            "failed decoding: converting (v1.Event) to (audit.Policy): unknown conversion",
        ),
        (
            HEAD + "rules: none\n",
            "failed decoding: json: cannot unmarshal string into Go struct field Policy.rules of type []v1.PolicyRule",
        ),
        (
            HEAD + "rules:\n- level: 1\n",
            "failed decoding: json: cannot unmarshal number into Go struct field PolicyRule.rules.level of type v1.Level",
        ),
        (
            HEAD + "rules:\n- level: None\n  users: tim\n",
            "failed decoding: json: cannot unmarshal string into Go struct field PolicyRule.rules.users of type []string",
        ),
        (
            HEAD + "rules:\n- level: None\n  omitManagedFields: 'yes'\n",
            "failed decoding: json: cannot unmarshal string into Go struct field PolicyRule.rules.omitManagedFields of type bool",
        ),
        ("a: [\n", "failed decoding: error converting YAML to JSON: yaml: line 1: did not find expected node content"),
        ('{"apiVersion": \n', "failed decoding: couldn't get version/kind; json parse error: unexpected end of JSON input"),
    ],
)
def test_what_is_no_policy_is_refused_in_upstreams_words(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as refused:
        load(text)
    assert str(refused.value) == message
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    with pytest.raises(PolicyError) as refused:
        load(path)
    assert str(refused.value) == f"loading audit policy file: {message}: from file {path}"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("", "loading audit policy file: file path not specified"),
        (
            "/nowhere/policy.yaml",
            'loading audit policy file: failed to read file path "/nowhere/policy.yaml": open /nowhere/policy.yaml: no such file or directory',
        ),
        ("a\0b", 'loading audit policy file: failed to read file path "a\\x00b": open a\0b: invalid argument'),
    ],
)
def test_a_file_that_cannot_be_read_is_named(source: str, message: str) -> None:
    with pytest.raises(PolicyError) as refused:
        load(source)
    assert str(refused.value) == message


def test_a_folder_is_no_policy(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=f'failed to read file path "{tmp_path}": read {tmp_path}: is a directory'):
        load(tmp_path)


def test_binary_data_and_other_things_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_bytes(b"\x1f\x8b\x08\x00\x00\x00")
    with pytest.raises(PolicyError, match="loading audit policy file: failed decoding: .*from file"):
        load(path)
    with pytest.raises(PolicyError, match="42 is no audit policy: give a file, YAML text, a dict, or a level"):
        load(42)  # type: ignore[arg-type]
    with pytest.raises(PolicyError, match="is no JSON value"):
        load({"apiVersion": "audit.k8s.io/v1", "rules": [{"level": object()}]})


# -- validation_test.go -----------------------------------------------------------------------------------------------------
VALID: list[dict[str, Any]] = [
    {
        "level": "Metadata",
        "users": ["system:kube-proxy"],
        "verbs": ["watch"],
        "resources": [{"group": "", "resources": ["endpoints", "services"]}],
        "namespaces": [],
    },
    {"level": "Metadata"},
    {"level": "None", "userGroups": ["system:serviceaccounts", "system:nodes"]},
    {
        "level": "RequestResponse",
        "verbs": ["get"],
        "resources": [{"group": "rbac.authorization.k8s.io", "resources": ["roles", "rolebindings"]}],
        "namespaces": ["kube-system"],
    },
    {"level": "Metadata", "userGroups": ["developers"], "nonResourceURLs": ["/logs*", "/healthz*", "/metrics", "*"]},
    {"level": "Metadata", "omitStages": ["RequestReceived"]},
]
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric "
    "character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
STAGES = "allowed stages are RequestReceived,ResponseStarted,ResponseComplete,Panic"
SLASH = "non-resource URL rules must begin with a '/' character"
LAST = "non-resource URL wildcards '*' must be the final character of the rule"
BOTH = "rules cannot apply to both regular resources and non-resource URLs"
INVALID: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["rules[0].level: Required value"]),
    ({"verbs": ["get"], "resources": [{"resources": ["secrets"]}], "namespaces": ["kube-system"]}, ["rules[0].level: Required value"]),
    (
        {"level": "FooBar"},
        ['rules[0].level: Unsupported value: "FooBar": supported values: "None", "Metadata", "Request", "RequestResponse"'],
    ),
    (
        {"level": "Metadata", "namespaces": ["default"], "nonResourceURLs": ["/logs*"]},
        [f'rules[0].nonResourceURLs: Invalid value: []string{{"/logs*"}}: {BOTH}'],
    ),
    (
        {"level": "Metadata", "resources": [{"resources": ["secrets"]}], "nonResourceURLs": ["/logs*"]},
        [f'rules[0].nonResourceURLs: Invalid value: []string{{"/logs*"}}: {BOTH}'],
    ),
    (
        {"level": "Metadata", "resources": [{"group": "rbac.authorization.k8s.io/v1beta1", "resources": ["roles"]}]},
        [f'rules[0].resources.group: Invalid value: "rbac.authorization.k8s.io/v1beta1": {SUBDOMAIN}'],
    ),
    ({"level": "Metadata", "nonResourceURLs": ["logs", "/healthz*"]}, [f'rules[0].nonResourceURLs[0]: Invalid value: "logs": {SLASH}']),
    ({"level": "Metadata", "nonResourceURLs": ["", "/healthz*"]}, [f'rules[0].nonResourceURLs[0]: Invalid value: "": {SLASH}']),
    (
        {"level": "Metadata", "nonResourceURLs": ["/logs/*/*", "/metrics"]},
        [f'rules[0].nonResourceURLs[0]: Invalid value: "/logs/*/*": {LAST}'],
    ),
    (
        {"level": "Metadata", "nonResourceURLs": ["/logs/*.log", "/metrics"]},
        [f'rules[0].nonResourceURLs[0]: Invalid value: "/logs/*.log": {LAST}'],
    ),
    (
        {"level": "Metadata", "verbs": ["get"], "resources": [{"resourceNames": ["leader"]}], "namespaces": ["kube-system"]},
        ['rules[0].resources.resourceNames: Invalid value: []string{"leader"}: using resourceNames requires at least one resource'],
    ),
    ({"level": "Metadata", "omitStages": ["foo"]}, [f'rules[0].omitStages[0]: Invalid value: "foo": {STAGES}']),
]


def policy(*rules: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": list(rules), **more}


@pytest.mark.parametrize("rule", VALID)
def test_upstreams_valid_rules_are_valid(rule: dict[str, Any]) -> None:
    assert validate(from_object(policy(rule)).policy) == []


def test_all_valid_rules_together_and_an_empty_policy_are_valid() -> None:
    assert validate(from_object(policy(*VALID)).policy) == []
    assert validate(AuditPolicy()) == validate(AuditPolicy(omit_stages=("RequestReceived",))) == []


@pytest.mark.parametrize(("rule", "messages"), INVALID)
def test_upstreams_invalid_rules_say_why(rule: dict[str, Any], messages: list[str]) -> None:
    with pytest.raises(PolicyError) as refused:
        load(policy(rule))
    assert str(refused.value) == messages[0]


def test_several_errors_stand_in_brackets_in_upstreams_order() -> None:
    rule = {"level": "X", "nonResourceURLs": ["logs"], "resources": [{"resourceNames": ["a"]}], "omitStages": ["foo"]}
    with pytest.raises(PolicyError) as refused:
        load(policy(*VALID, rule, omitStages=["bar"]))
    assert str(refused.value) == (
        f'[omitStages[0]: Invalid value: "bar": {STAGES}, '
        'rules[6].level: Unsupported value: "X": supported values: "None", "Metadata", "Request", "RequestResponse", '
        f'rules[6].nonResourceURLs[0]: Invalid value: "logs": {SLASH}, '
        'rules[6].resources.resourceNames: Invalid value: []string{"a"}: using resourceNames requires at least one resource, '
        f'rules[6].omitStages[0]: Invalid value: "foo": {STAGES}, '
        f'rules[6].nonResourceURLs: Invalid value: []string{{"logs"}}: {BOTH}]'
    )


def test_the_object_that_was_given_stays_as_it_was() -> None:
    given = policy({"level": "Metadata", "unknown": 1})
    assert "unknown field" in load(given).warning
    assert given["rules"] == [{"level": "Metadata", "unknown": 1}]
