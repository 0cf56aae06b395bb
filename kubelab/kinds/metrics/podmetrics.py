"""PodMetrics: the usage of a pod's containers over the last window, as metrics-server serves it.

upstream: staging/src/k8s.io/metrics/pkg/apis/metrics/v1beta1/types.go, 1.28; kubernetes-sigs/metrics-server pkg/api/pod.go, 0.7.
"""

from __future__ import annotations

from kubelab.kinds.kind import Kind
from kubelab.kinds.metrics.columns import COLUMNS
from kubelab.kinds.metrics.schema import GROUP, VERSION

KIND = Kind(
    kind="PodMetrics",
    plural="pods",
    group=GROUP,
    versions=(VERSION,),
    namespaced=True,
    verbs=("get", "list"),
    columns=COLUMNS,
)
