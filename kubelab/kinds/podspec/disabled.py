"""Fields of a pod spec behind a gate that is off: they go, unless the old object has them.

upstream: pkg/api/pod/util.go DropDisabledPodFields, DropDisabledTemplateFields, dropDisabledFields, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.gates import enabled
from kubelab.kinds.kind import Context, Object

POD = ("spec",)
TEMPLATE = ("spec", "template", "spec")
JOB_TEMPLATE = ("spec", "jobTemplate", "spec", "template", "spec")


def drop_disabled_pod_fields(obj: Object, old: Object | None, ctx: Context, path: tuple[str, ...]) -> None:
    """Restart policies of init containers (gate SidecarContainers), in place on the way down; what is shared is not changed."""
    spec = _at(obj, path)
    if not spec or not _has_sidecars(spec) or enabled(ctx, "SidecarContainers") or _has_sidecars(_at(old, path)):
        return
    inner = obj
    for name in path:
        inner[name] = inner = {**inner[name]}
    inner["initContainers"] = [{name: item for name, item in each.items() if name != "restartPolicy"} for each in spec["initContainers"]]


def _at(obj: Object | None, path: tuple[str, ...]) -> Object:
    for name in path:
        obj = (obj or {}).get(name)
    return obj or {}


def _has_sidecars(spec: Object) -> bool:
    return any(container.get("restartPolicy") for container in spec.get("initContainers") or ())
