"""What a pod asks for. Rows: upstream pkg/api/v1/resource/helpers_test.go TestPodResourceRequests, scheduler/framework/types_test.go, 1.28."""

from __future__ import annotations

import pytest

from kubelab.kinds.core.resources import DEFAULT_MEMORY, Request, spec_request


def containers(*cpus, always=()):
    out = []
    for at, cpu in enumerate(cpus):
        container = {"name": f"c{at}", "resources": {"requests": {"cpu": cpu}} if cpu else {}}
        if at in always:
            container["restartPolicy"] = "Always"
        out.append(container)
    return out


ROWS = [
    ("sum of containers", {"containers": containers("1", "2")}, 3000),
    ("a larger init container decides", {"containers": containers("1", "2"), "initContainers": containers("4")}, 4000),
    ("init containers run one after the other", {"containers": containers("1"), "initContainers": containers("2", "3")}, 3000),
    ("a sidecar counts beside containers", {"containers": containers("1"), "initContainers": containers("1", always=(0,))}, 2000),
    (
        "a sidecar counts for later init containers",
        {"containers": containers("1"), "initContainers": containers("2", "5", always=(0,))},
        7000,
    ),
    ("not for earlier ones", {"containers": containers("1"), "initContainers": containers("5", "2", always=(1,))}, 5000),
    ("overhead on top", {"containers": containers("1"), "initContainers": containers("2"), "overhead": {"cpu": "250m"}}, 2250),
    ("nothing", {"containers": containers(None)}, 0),
]


@pytest.mark.parametrize(("name", "spec", "milli_cpu"), ROWS, ids=[row[0] for row in ROWS])
def test_cpu(name, spec, milli_cpu):
    assert spec_request(spec).milli_cpu == milli_cpu


def test_defaults_count_by_container_and_not_where_zero_is_said():
    spec = {
        "containers": [
            {"name": "a", "resources": {}},
            {"name": "b", "resources": {"requests": {"cpu": "0", "memory": "1Mi"}}},
        ]
    }

    found = spec_request(spec)

    assert (found.milli_cpu, found.counted_milli_cpu) == (0, 100)
    assert (found.memory, found.counted_memory) == (1024 * 1024, DEFAULT_MEMORY + 1024 * 1024)


def test_other_resources():
    asked = {"example.com/gpu": "2", "hugepages-2Mi": "4Mi", "ephemeral-storage": "1Gi", "unknown": "1"}
    found = spec_request({"containers": [{"name": "a", "resources": {"requests": asked}}]})

    assert found.scalars == (("example.com/gpu", 2), ("hugepages-2Mi", 4 * 1024 * 1024))
    assert (found.ephemeral_storage, found.amount("example.com/gpu"), found.amount("pods")) == (1024**3, 2, 0)
    assert not found.empty
    assert Request().empty
