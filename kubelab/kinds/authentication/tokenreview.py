"""TokenReview: whose token is this? Answered and never stored.

upstream: pkg/registry/authentication/tokenreview/storage.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.kind import Kind

KIND = Kind(kind="TokenReview", plural="tokenreviews", group="authentication.k8s.io", namespaced=False, verbs=("create",))
