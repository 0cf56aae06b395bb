"""SelfSubjectReview: who am I? Answered and never stored (``kubectl auth whoami``).

upstream: pkg/registry/authentication/selfsubjectreview/rest.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.kind import Kind

KIND = Kind(kind="SelfSubjectReview", plural="selfsubjectreviews", group="authentication.k8s.io", namespaced=False, verbs=("create",))
