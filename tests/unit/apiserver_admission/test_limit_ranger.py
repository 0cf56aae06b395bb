"""LimitRanger: defaults and bounds.

upstream: plugin/pkg/admission/limitranger/admission_test.go, 1.28; recorded: core-errors 29, 30.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.apiserver_authorization import builders as b

Object = dict[str, Any]
NOTE = "kubernetes.io/limit-ranger"


def with_limits(*limits: Object) -> Any:
    server = b.with_namespaces("test")
    b.create(
        server, {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "abc", "namespace": "test"}, "spec": {"limits": [*limits]}}
    )
    return server


def amounts(cpu: str = "", memory: str = "") -> Object:
    return {key: value for key, value in (("cpu", cpu), ("memory", memory)) if value}


def pod(requests: Object | None = None, limits: Object | None = None, *, count: int = 1, **spec: Any) -> Object:
    resources = {"requests": requests or {}, "limits": limits or {}}
    containers = [{"name": f"foo-{i}", "image": "foo:V0", "resources": resources} for i in range(count)]
    return b.pod("p", "test", **{**spec, "containers": containers})


BOTH = (
    {"type": "Pod", "max": amounts("200m", "4Gi"), "min": amounts("50m", "2Mi")},
    {
        "type": "Container",
        "max": amounts("100m", "2Gi"),
        "min": amounts("25m", "1Mi"),
        "default": amounts("75m", "10Mi"),
        "defaultRequest": amounts("50m", "5Mi"),
    },
)


def test_a_pod_without_resources_gets_the_defaults_and_a_note() -> None:
    """upstream: TestMergePodResourceRequirements"""
    stored = b.create(with_limits(*BOTH), pod())
    assert stored["spec"]["containers"][0]["resources"] == {"requests": amounts("50m", "5Mi"), "limits": amounts("75m", "10Mi")}
    note = "LimitRanger plugin set: cpu, memory request for container foo-0; cpu, memory limit for container foo-0"
    assert stored["metadata"]["annotations"] == {NOTE: note}


def test_what_a_pod_says_itself_stays() -> None:
    init = [{"name": "first", "image": "x", "resources": {"requests": amounts("", "5Mi")}}]
    stored = b.create(with_limits(*BOTH), pod(amounts("", "5Mi"), initContainers=init))
    cpu = "cpu request for container foo-0; cpu, memory limit for container foo-0"
    first = "cpu request for init container first; cpu, memory limit for init container first"
    assert stored["metadata"]["annotations"][NOTE] == f"LimitRanger plugin set: {cpu}; {first}"


def container(**bounds: Object) -> Object:
    return {"type": "Container", **bounds}


def whole(**bounds: Object) -> Object:
    return {"type": "Pod", **bounds}


# upstream: TestPodLimitFunc: limits, pod, what is said ("" admits)
ROWS = [
    (container(min=amounts("50m")), pod(amounts("100m")), ""),
    (container(min=amounts("50m")), pod(amounts("100m"), amounts("200m")), ""),
    (container(max=amounts("2")), pod(amounts("500m"), amounts("1")), ""),
    (container(maxLimitRequestRatio=amounts("1.5")), pod(amounts("500m"), amounts("750m")), ""),
    (whole(min=amounts("100m")), pod(amounts("75m"), count=2), ""),
    (whole(max=amounts("2")), pod({}, amounts("1"), count=2), ""),
    (whole(max=amounts("", "2Gi"), maxLimitRequestRatio=amounts("", "1.5")), pod(amounts("", "300Mi"), amounts("", "450Mi"), count=3), ""),
    (container(min=amounts("50m")), pod(amounts("40m")), "minimum cpu usage per Container is 50m, but request is 40m"),
    (whole(min=amounts("50m")), pod(), "minimum cpu usage per Pod is 50m.  No request is specified"),
    (whole(max=amounts("2")), pod(), "maximum cpu usage per Pod is 2.  No limit is specified"),
    (container(max=amounts("1")), pod(amounts("2"), amounts("4")), "maximum cpu usage per Container is 1, but limit is 4"),
    (whole(max=amounts("2")), pod(amounts("1"), amounts("2"), count=2), "maximum cpu usage per Pod is 2, but limit is 4"),
    (
        container(maxLimitRequestRatio=amounts("1.25")),
        pod(amounts("1"), amounts("4")),
        "cpu max limit to request ratio per Container is 1250m, but provided ratio is 4.000000",
    ),
    (
        whole(maxLimitRequestRatio=amounts("2")),
        pod(),
        "cpu max limit to request ratio per Pod is 2, but no request is specified or request is 0",
    ),
    (
        whole(min=amounts("1", "1Gi")),
        pod(amounts("500m")),
        "[minimum cpu usage per Pod is 1, but request is 500m, minimum memory usage per Pod is 1Gi.  No request is specified]",
    ),
]


@pytest.mark.parametrize("limit, obj, why", ROWS)
def test_bounds_hold_as_upstream_words_them(limit: Object, obj: Object, why: str) -> None:
    answer = b.send(with_limits(limit), "create", obj)
    assert answer.object.get("message", "") == (f'pods "p" is forbidden: {why}' if why else "")


def claim(size: str) -> Object:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "c", "namespace": "test"}, "spec": spec}


CLAIMS = [
    ("5Gi", ""),
    ("500Mi", "minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 500Mi"),
    ("50Gi", "maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 50Gi"),
]


@pytest.mark.parametrize("size, why", CLAIMS)
def test_claims_have_bounds_too(size: str, why: str) -> None:
    """upstream: TestPersistentVolumeClaimLimitFunc"""
    server = with_limits({"type": "PersistentVolumeClaim", "min": {"storage": "1Gi"}, "max": {"storage": "10Gi"}})
    answer = b.send(server, "create", claim(size))
    assert answer.object.get("message", "") == (f'persistentvolumeclaims "c" is forbidden: {why}' if why else "")
