"""The shapes of metrics.k8s.io, in the form of data/schema-1.28.json (see kubelab/kinds/schema.py for the short keys).

upstream: staging/src/k8s.io/metrics/pkg/apis/metrics/v1beta1/types.go, 1.28.
"""

from __future__ import annotations

from typing import Any

GROUP = "metrics.k8s.io"
VERSION = "v1beta1"

_TEXT = {"t": "string"}
_USAGE = {"t": "map", "i": {"t": "quantity"}, "z": 1}
_HEAD = {
    "apiVersion": _TEXT,
    "kind": _TEXT,
    "metadata": {"t": "struct", "r": "meta.v1.ObjectMeta"},
    "timestamp": {"t": "time", "z": 1},
    "window": {"t": "string", "g": "string", "z": 1},
}

SCHEMA: dict[str, dict[str, Any]] = {
    "kinds": {
        f"{GROUP}/{VERSION}/NodeMetrics": "metrics.v1beta1.NodeMetrics",
        f"{GROUP}/{VERSION}/PodMetrics": "metrics.v1beta1.PodMetrics",
    },
    "structs": {
        "metrics.v1beta1.NodeMetrics": {**_HEAD, "usage": _USAGE},
        "metrics.v1beta1.PodMetrics": {
            **_HEAD,
            "containers": {"t": "list", "i": {"t": "struct", "r": "metrics.v1beta1.ContainerMetrics"}, "z": 1},
        },
        "metrics.v1beta1.ContainerMetrics": {"name": {**_TEXT, "z": 1}, "usage": _USAGE},
    },
}
