"""Group versions that upstream's scheme knows beside those that are served: a body of one of them is of the wrong version, not unknown.

upstream: pkg/apis/*/install/install.go, staging/src/k8s.io/api/*/*/register.go, 1.28; pkg/apis/*/*/register.go, 1.7.
"""

from __future__ import annotations

_WORKLOADS = ("Deployment", "DaemonSet", "ReplicaSet")
_RBAC = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
_REVIEWS = ("SubjectAccessReview", "SelfSubjectAccessReview", "LocalSubjectAccessReview", "SelfSubjectRulesReview")

KNOWN: dict[str, tuple[str, ...]] = {
    "apps/v1beta1": ("Deployment", "StatefulSet", "ControllerRevision", "Scale"),
    "apps/v1beta2": (*_WORKLOADS, "StatefulSet", "ControllerRevision", "Scale"),
    "extensions/v1beta1": (*_WORKLOADS, "Ingress", "NetworkPolicy", "Scale"),
    "authentication.k8s.io/v1alpha1": ("SelfSubjectReview",),
    "authentication.k8s.io/v1beta1": ("TokenReview", "SelfSubjectReview"),
    "authorization.k8s.io/v1beta1": _REVIEWS,
    "autoscaling/v2beta1": ("HorizontalPodAutoscaler",),
    "autoscaling/v2beta2": ("HorizontalPodAutoscaler",),
    "batch/v1beta1": ("CronJob",),
    "coordination.k8s.io/v1beta1": ("Lease",),
    "discovery.k8s.io/v1beta1": ("EndpointSlice",),
    "events.k8s.io/v1beta1": ("Event",),
    "networking.k8s.io/v1beta1": ("Ingress", "IngressClass"),
    "node.k8s.io/v1alpha1": ("RuntimeClass",),
    "node.k8s.io/v1beta1": ("RuntimeClass",),
    "policy/v1beta1": ("PodDisruptionBudget", "Eviction"),
    "rbac.authorization.k8s.io/v1alpha1": _RBAC,
    "rbac.authorization.k8s.io/v1beta1": _RBAC,
    "scheduling.k8s.io/v1alpha1": ("PriorityClass",),
    "scheduling.k8s.io/v1beta1": ("PriorityClass",),
    "storage.k8s.io/v1alpha1": ("VolumeAttachment", "CSIStorageCapacity"),
    "storage.k8s.io/v1beta1": ("StorageClass", "VolumeAttachment", "CSIDriver", "CSINode", "CSIStorageCapacity"),
}


KNOWN_1_7: dict[str, tuple[str, ...]] = {
    "batch/v2alpha1": ("Job", "CronJob", "ScheduledJob"),
    "extensions/v1beta1": ("ReplicationControllerDummy", "ThirdPartyResourceData"),
    "federation/v1beta1": ("Cluster",),
    "imagepolicy.k8s.io/v1alpha1": ("ImageReview",),
}


def is_known(api_version: str, kind: str, release: str = "1.28") -> bool:
    return kind in (KNOWN if release == "1.28" else KNOWN_1_7).get(api_version, ())
