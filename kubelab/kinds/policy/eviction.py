"""Eviction: the body of a POST to pods/NAME/eviction; it is never stored and has no resource of its own (no verbs).

upstream: staging/src/k8s.io/api/policy/v1/types.go, pkg/registry/core/pod/storage/eviction.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.kind import Kind

KIND = Kind(kind="Eviction", plural="evictions", group="policy", versions=("v1", "v1beta1"), verbs=())
