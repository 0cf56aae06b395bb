"""Stories of usage: pods with limits, and the curves that drive them."""

from __future__ import annotations

from typing import Any

from tests import builders

Object = dict[str, Any]
LAB = "lab.kubelab.dev/v1"


def pod(name: str = "web", *, requests: Object | None = None, limits: Object | None = None, **spec: Any) -> Object:
    resources = {**({"requests": requests} if requests else {}), **({"limits": limits} if limits else {})}
    return builders.pod(name, builders.container(resources=resources), labels={"app": name}, **spec)


def usage(app: str, **curves: Object) -> Object:
    return {
        "apiVersion": LAB,
        "kind": "Usage",
        "metadata": {"name": f"of-{app}", "namespace": "default"},
        "spec": {"selector": {"matchLabels": {"app": app}}, **curves},
    }


def series(text: str) -> dict[str, tuple[float, int | None]]:
    """A Prometheus page: series → (value, timestamp in ms)."""
    found: dict[str, tuple[float, int | None]] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, _, rest = line.rpartition("} ") if "}" in line else line.partition(" ")
        value, *time = rest.split()
        found[f"{name}}}" if "}" in line else name] = (float(value), int(time[0]) if time else None)
    return found
