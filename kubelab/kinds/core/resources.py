"""What a pod asks of a node: its effective request, as the scheduler sums it and the kubelet admits it.

upstream: pkg/api/v1/resource/helpers.go PodRequests, pkg/scheduler/framework/types.go calculateResource, 1.28; spec "Resources and scores".
"""

from __future__ import annotations

from typing import Any, NamedTuple

from kubelab.kinds import quantity
from kubelab.world.codec import value

Object = dict[str, Any]

# What a container without a request counts for where usage is weighed (upstream: pkg/scheduler/util/pod_resources.go).
DEFAULT_MILLI_CPU = 100
DEFAULT_MEMORY = 200 * 1024 * 1024


@value
class Request(NamedTuple):
    """An amount of each resource: cpu in thousandths, memory and ephemeral storage in bytes; ``scalars`` are (name, amount), sorted by name.

    ``counted_milli_cpu`` and ``counted_memory``: the same with a default for each container that asks for none.
    """

    milli_cpu: int = 0
    memory: int = 0
    ephemeral_storage: int = 0
    scalars: tuple[tuple[str, int], ...] = ()
    counted_milli_cpu: int = 0
    counted_memory: int = 0

    def amount(self, resource: str) -> int:
        """The amount of one resource by its Kubernetes name; 0 if it is not asked for."""
        match resource:
            case "cpu":
                return self.milli_cpu
            case "memory":
                return self.memory
            case "ephemeral-storage":
                return self.ephemeral_storage
        return dict(self.scalars).get(resource, 0)

    @property
    def empty(self) -> bool:
        return not (self.milli_cpu or self.memory or self.ephemeral_storage or self.scalars)


def pod_request(pod: Object) -> Request:
    """The effective request: containers and sidecars run together, each init container beside the sidecars before it; plus overhead.

    >>> pod_request({"spec": {"containers": [{"name": "a", "resources": {"requests": {"cpu": "1", "memory": "1Ki"}}}]}})[:2]
    (1000, 1024)
    """
    return spec_request(pod["spec"])


def spec_request(spec: Object) -> Request:
    """The effective request of a pod spec."""
    running: dict[str, int] = {}
    sidecars: dict[str, int] = {}
    starting: dict[str, int] = {}
    counted_cpu = counted_memory = starting_cpu = starting_memory = 0
    for container in spec["containers"]:
        requests = _requests(container)
        _add(running, requests)
        counted_cpu += requests.get("cpu", DEFAULT_MILLI_CPU)
        counted_memory += requests.get("memory", DEFAULT_MEMORY)
    for container in spec.get("initContainers") or ():
        requests = _requests(container)
        if container.get("restartPolicy") == "Always":
            _add(running, requests)
            _add(sidecars, requests)
            now = dict(sidecars)
        else:
            now = dict(requests)
            _add(now, sidecars)
        starting_cpu = max(starting_cpu, now.get("cpu", DEFAULT_MILLI_CPU))
        starting_memory = max(starting_memory, now.get("memory", DEFAULT_MEMORY))
        _raise_to(starting, now)
    _raise_to(running, starting)
    overhead = amounts(spec.get("overhead") or {})
    _add(running, overhead)
    return Request(
        running.pop("cpu", 0),
        running.pop("memory", 0),
        running.pop("ephemeral-storage", 0),
        tuple(sorted(item for item in running.items() if is_scalar_resource(item[0]))),
        max(counted_cpu, starting_cpu) + overhead.get("cpu", 0),
        max(counted_memory, starting_memory) + overhead.get("memory", 0),
    )


def amounts(resource_list: Object) -> dict[str, int]:
    """A ResourceList in integers: cpu in thousandths, all else in whole units."""
    return {name: quantity.milli(text) if name == "cpu" else quantity.value(text) for name, text in resource_list.items()}


def is_scalar_resource(name: str) -> bool:
    """Extended resources, huge pages, attachable volumes: what is counted besides cpu, memory, ephemeral storage and pods.

    upstream: pkg/scheduler/util/utils.go IsScalarResourceName.
    """
    return "/" in name or name.startswith(("hugepages-", "attachable-volumes-"))


def _requests(container: Object) -> dict[str, int]:
    resources = container.get("resources")
    requests = resources.get("requests") if resources else None
    return amounts(requests) if requests else {}


def _add(total: dict[str, int], more: dict[str, int]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, 0) + amount


def _raise_to(total: dict[str, int], floor: dict[str, int]) -> None:
    for name, amount in floor.items():
        if total.get(name, -1) < amount:
            total[name] = amount
