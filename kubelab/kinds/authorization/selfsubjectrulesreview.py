"""SelfSubjectRulesReview: all that I may do in a namespace.

upstream: pkg/registry/authorization/selfsubjectrulesreview/rest.go, 1.28. A review without a namespace is a bad request
(``no namespace on request``), which the request line answers.
"""

from __future__ import annotations

from kubelab.kinds.authorization.reviews import GROUP
from kubelab.kinds.kind import Context, Kind, Object


def prepare_create(obj: Object, ctx: Context) -> None:
    obj["status"] = {"resourceRules": None, "nonResourceRules": None, "incomplete": False}


KIND = Kind(
    kind="SelfSubjectRulesReview",
    plural="selfsubjectrulesreviews",
    group=GROUP,
    namespaced=False,
    verbs=("create",),
    prepare_create=prepare_create,
)
