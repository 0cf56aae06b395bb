"""The fields that a write cannot change, because the strategy of the resource resets them; nobody comes to own them by that write.

upstream: GetResetFields of pkg/registry/*/*/strategy.go and of the aggregator's and the extensions server's strategies, 1.28.
Spec: apimachinery, section 6.
"""

from __future__ import annotations

from kubelab.apiserver.apply.field_set import EMPTY, FieldSet, from_paths, union

_STATUS = from_paths([("f:status",)])
_SPEC = from_paths([("f:spec",)])
_SPEC_AND_METADATA = from_paths([("f:metadata",), ("f:spec",)])

_WITH_STATUS = frozenset(
    {
        ("", "Namespace"),
        ("", "Node"),
        ("", "PersistentVolume"),
        ("", "PersistentVolumeClaim"),
        ("", "Pod"),
        ("", "ReplicationController"),
        ("", "ResourceQuota"),
        ("", "Service"),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy"),
        ("apiextensions.k8s.io", "CustomResourceDefinition"),
        ("apiregistration.k8s.io", "APIService"),
        ("apps", "DaemonSet"),
        ("apps", "Deployment"),
        ("apps", "ReplicaSet"),
        ("apps", "StatefulSet"),
        ("autoscaling", "HorizontalPodAutoscaler"),
        ("batch", "CronJob"),
        ("batch", "Job"),
        ("flowcontrol.apiserver.k8s.io", "FlowSchema"),
        ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration"),
        ("internal.apiserver.k8s.io", "StorageVersion"),
        ("networking.k8s.io", "Ingress"),
        ("policy", "PodDisruptionBudget"),
        ("resource.k8s.io", "PodSchedulingContext"),
        ("resource.k8s.io", "ResourceClaim"),
        ("storage.k8s.io", "VolumeAttachment"),
    }
)

_OF_SUBRESOURCE: dict[tuple[str, str, str], FieldSet] = {
    ("", "Namespace", "finalize"): _STATUS,
    ("", "Pod", "status"): from_paths([("f:spec",), ("f:metadata", "f:deletionTimestamp"), ("f:metadata", "f:ownerReferences")]),
    ("apps", "Deployment", "status"): from_paths([("f:spec",), ("f:metadata", "f:labels")]),
    ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy", "status"): _SPEC_AND_METADATA,
    ("apiextensions.k8s.io", "CustomResourceDefinition", "status"): _SPEC_AND_METADATA,
    ("apiregistration.k8s.io", "APIService", "status"): _SPEC_AND_METADATA,
    ("certificates.k8s.io", "CertificateSigningRequest", ""): union(_SPEC, _STATUS),
    ("certificates.k8s.io", "CertificateSigningRequest", "status"): from_paths([("f:spec",), ("f:status", "f:conditions")]),
    ("certificates.k8s.io", "CertificateSigningRequest", "approval"): from_paths([("f:spec",), ("f:status", "f:certificate")]),
    ("flowcontrol.apiserver.k8s.io", "FlowSchema", "status"): _SPEC_AND_METADATA,
    ("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration", "status"): _SPEC_AND_METADATA,
    ("internal.apiserver.k8s.io", "StorageVersion", "status"): _SPEC_AND_METADATA,
    ("storage.k8s.io", "VolumeAttachment", "status"): _SPEC_AND_METADATA,
}


def reset_fields(api_version: str, kind: str, subresource: str) -> FieldSet:
    """What a write to this resource or subresource resets. Unknown kinds reset ``spec`` on their status and nothing else."""
    group = api_version.rpartition("/")[0]
    special = _OF_SUBRESOURCE.get((group, kind, subresource))
    if special is not None:
        return special
    if subresource == "status":
        return _SPEC
    return _STATUS if (group, kind) in _WITH_STATUS else EMPTY


def reset_of_custom(subresource: str, *, has_status: bool) -> FieldSet:
    """The same for a custom resource, whose definition says whether status is a subresource."""
    if subresource == "status":
        return _SPEC
    return _STATUS if has_status else EMPTY
