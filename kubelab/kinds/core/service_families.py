"""Address families of a Service on a cluster that has IPv4 alone: what such a cluster refuses before it allocates anything.

upstream: pkg/registry/core/service/storage/alloc.go (initIPFamilyFields), 1.28.
"""

from __future__ import annotations

from kubelab.kinds.core.service_fields import needs_cluster_ip
from kubelab.kinds.core.service_validation import validate_cluster_ips
from kubelab.kinds.field import FieldError, invalid
from kubelab.kinds.kind import Object

_FIELDS = ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "type")
_SEVERAL = "must be 'RequireDualStack' or 'PreferDualStack' when multiple {} are specified"


def family_errors(spec: Object, before: Object) -> list[FieldError]:
    """Findings in upstream's order; it stops after each group. ``before`` is the stored spec, or empty."""
    if not needs_cluster_ip(spec) or (before and all(spec.get(name) == before.get(name) for name in _FIELDS)):
        return []
    addresses: list[str] = spec.get("clusterIPs") or ([spec["clusterIP"]] if spec.get("clusterIP") else [])
    if errors := validate_cluster_ips({**spec, "clusterIPs": addresses}):
        return errors
    headless = spec.get("clusterIP") == "None" and not spec.get("selector")
    policy = spec.get("ipFamilyPolicy") or ("RequireDualStack" if headless else "SingleStack")
    families: list[str] = list(spec.get("ipFamilies") or ())
    if policy == "SingleStack" and not before:
        errors = [
            invalid("spec.ipFamilyPolicy", policy, _SEVERAL.format(what))
            for what, found in (("cluster IPs", addresses), ("IP families", families))
            if len(found) == 2
        ]
    for index, address in enumerate(addresses[len(families) :], len(families)):
        if ":" in address:
            errors.append(invalid(f"spec.clusterIPs[{index}]", addresses, "IPv6 is not configured on this cluster"))
    if errors or headless:
        return errors
    if policy == "RequireDualStack":
        errors.append(invalid("spec.ipFamilyPolicy", policy, "this cluster is not configured for dual-stack services"))
    for index, family in enumerate(families):
        if family != "IPv4":
            errors.append(invalid(f"spec.ipFamilies[{index}]", family, "not configured on this cluster"))
    return errors
