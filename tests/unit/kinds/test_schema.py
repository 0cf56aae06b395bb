"""Facts of upstream's types as the schema tells them. upstream: staging/src/k8s.io/api/*/v1/types.go, 1.28."""

from __future__ import annotations

from kubelab.kinds import registry, schema


def test_merge_keys_and_list_types() -> None:
    spec, container = schema.struct("core.v1.PodSpec"), schema.struct("core.v1.Container")
    assert (spec.fields["containers"].merge_key, spec.fields["containers"].patch_strategy) == ("name", "merge")
    assert spec.fields["volumes"].patch_strategy == "merge,retainKeys"
    assert spec.fields["topologySpreadConstraints"].map_keys == ("topologyKey", "whenUnsatisfiable")
    assert spec.fields["nodeSelector"].map_type == "atomic"
    assert spec.fields["tolerations"].list_type == ""
    assert (container.fields["ports"].list_type, container.fields["ports"].map_keys) == ("map", ("containerPort", "protocol"))


def test_go_types_pointers_and_omission() -> None:
    spec = schema.struct("apps.v1.DeploymentSpec")
    assert (spec.fields["replicas"].go, spec.fields["replicas"].pointer) == ("int32", True)
    assert not spec.fields["paused"].pointer
    assert (spec.fields["template"].ref, spec.fields["template"].required) == ("core.v1.PodTemplateSpec", True)
    assert spec.fields["selector"].map_type == "atomic"
    assert schema.struct("core.v1.Secret").fields["data"].go == "map[string][]uint8"
    assert not schema.struct("core.v1.Container").fields["name"].omit_empty


def test_old_versions_that_are_the_same_share_the_schema() -> None:
    assert schema.for_kind("policy", "v1beta1", "PodDisruptionBudget") is schema.for_kind("policy", "v1", "PodDisruptionBudget")
    assert schema.for_kind("apps", "v9", "Deployment") is None


def test_every_registered_kind_has_a_schema() -> None:
    missing = [kind.qualified() for kind in registry.all_kinds() if schema.for_kind(kind.group, kind.versions[0], kind.kind) is None]
    assert missing == []


def test_kubectls_words() -> None:
    words = {
        "po": "pods",
        "Pod": "pods",
        "pods": "pods",
        "svc": "services",
        "sts": "statefulsets.apps",
        "deployments.apps": "deployments.apps",
    }
    words |= {"deployment.v1.apps": "deployments.apps", "ev": "events", "ns": "namespaces", "quota": "resourcequotas"}
    found = {word: registry.lookup(word) for word in words}
    assert {word: kind.resource if kind else None for word, kind in found.items()} == words
    assert registry.lookup("widgets") is None


def test_look_ups() -> None:
    pod = registry.by_resource("pods")
    assert registry.by_gvr("", "v1", "pods") is pod is registry.by_kind("Pod")
    assert registry.by_gvr("", "v2", "pods") is None
    assert [kind.group for kind in registry.all_kinds()] == sorted(kind.group for kind in registry.all_kinds())
