"""Validation of Pods: on create, on update, of a new status.

upstream: pkg/apis/core/validation/validation.go (ValidatePodCreate, ValidatePodUpdate, ValidatePodStatusUpdate), 1.28.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.core.pod_template import validate_pod_spec
from kubelab.kinds.equality import same
from kubelab.kinds.field import FieldError, Go, duplicate, forbidden, go_quote, invalid, required
from kubelab.kinds.go_diff import spec_diff
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.names import (
    is_dns1123_subdomain,
    is_ip,
    is_qualified_name,
    parse_ip,
    range_error,
    validate_kube_finalizers,
)
from kubelab.kinds.podspec.scheduling import validate_added_tolerations, validate_narrower_affinity
from kubelab.kinds.podspec.validation import MAX_INT32, validate_pod_annotations, validate_seccomp_agreement

_UPDATABLE = ",".join(
    (
        "`spec.containers[*].image`",
        "`spec.initContainers[*].image`",
        "`spec.activeDeadlineSeconds`",
        "`spec.tolerations` (only additions to existing tolerations)",
        "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
    )
)
_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
_MIRROR = "kubernetes.io/config.mirror"
_SYSTEM_CONDITIONS = ("PodScheduled", "Ready", "Initialized")


def validate_pod(pod: Object, ctx: Context) -> list[FieldError]:
    """A pod about to be created."""
    spec = pod.get("spec") or {}
    errors = _validate_metadata_and_spec(pod, ctx)
    if spec.get("ephemeralContainers"):
        errors.append(forbidden("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        errors.append(forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"))
    return errors + validate_seccomp_agreement(pod["metadata"].get("annotations"), spec, "spec")


def _validate_metadata_and_spec(pod: Object, ctx: Context) -> list[FieldError]:
    meta, spec = pod["metadata"], pod.get("spec") or {}
    errors = validate_kube_finalizers(meta)
    if meta.get("annotations"):
        errors += validate_pod_annotations(meta["annotations"], spec, "metadata.annotations", ctx)
    errors += validate_pod_spec(spec, "spec", ctx, pod_name=meta.get("name") or "", is_pod=True)
    if not spec.get("serviceAccountName"):
        errors += _validate_tokens_without_account(spec)
    for part in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(part) or ()):
            errors += _validate_image_space(container, f"spec.{part}[{index}]")
    return errors


def _validate_tokens_without_account(spec: Object) -> list[FieldError]:
    return [
        forbidden(
            f"spec.volumes[{index}].projected.sources[{place}].serviceAccountToken",
            "must not be specified when serviceAccountName is not set",
        )
        for index, volume in enumerate(spec.get("volumes") or ())
        for place, source in enumerate((volume.get("projected") or {}).get("sources") or ())
        if source.get("serviceAccountToken") is not None
    ]


def _validate_image_space(container: Object, path: str) -> list[FieldError]:
    image = container.get("image") or ""
    return [] if image == image.strip() else [invalid(f"{path}.image", image, "must not have leading or trailing whitespace")]


def validate_pod_update(pod: Object, old: Object, ctx: Context) -> list[FieldError]:
    """A changed pod. A spec that is the old one is not looked at again."""
    spec, old_spec = pod.get("spec") or {}, old.get("spec") or {}
    if spec is old_spec:
        return validate_kube_finalizers(pod["metadata"]) + _validate_annotation_updates(pod, old, ctx)
    errors = _validate_metadata_and_spec(pod, ctx) + _validate_annotation_updates(pod, old, ctx)
    for part in ("containers", "initContainers"):
        new_containers, old_containers = spec.get(part) or [], old_spec.get(part) or []
        if len(new_containers) != len(old_containers):
            return [*errors, forbidden(f"spec.{part}", "pod updates may not add or remove containers")]
        for index, container in enumerate(new_containers):
            if not container.get("image"):
                errors.append(required(f"spec.{part}[{index}].image"))
            errors += _validate_image_space(container, f"spec.{part}[{index}]")
    stop, found = _validate_deadline_update(spec, old_spec)
    errors += found
    if stop:
        return errors
    errors += validate_added_tolerations(spec.get("tolerations") or [], old_spec.get("tolerations") or [], "spec.tolerations")
    errors += _validate_gate_updates(spec.get("schedulingGates") or [], old_spec.get("schedulingGates") or [])
    return errors + _validate_spec_update(spec, old_spec)


def _validate_deadline_update(spec: Object, old: Object) -> tuple[bool, list[FieldError]]:
    """Whether validation stops here, and what it found."""
    path, new_deadline, old_deadline = "spec.activeDeadlineSeconds", spec.get("activeDeadlineSeconds"), old.get("activeDeadlineSeconds")
    if new_deadline is None:
        if old_deadline is None:
            return False, []
        return False, [invalid(path, None, "must not update from a positive integer to nil value")]
    if not 0 <= new_deadline <= MAX_INT32:
        return True, [invalid(path, new_deadline, range_error(0, MAX_INT32))]
    if old_deadline is not None and old_deadline < new_deadline:
        return True, [invalid(path, new_deadline, "must be less than or equal to previous value")]
    return False, []


def _validate_gate_updates(new: Sequence[Object], old: Sequence[Object]) -> list[FieldError]:
    known = [gate.get("name") for gate in old]
    return [
        forbidden(f"spec.schedulingGates[{index}].name", f"only deletion is allowed, but found new scheduling gate '{gate.get('name')}'")
        for index, gate in enumerate(new)
        if gate.get("name") not in known
    ]


def _validate_spec_update(spec: Object, old: Object) -> list[FieldError]:
    """All but the few updatable fields must be as they were."""
    munged = dict(spec)
    for part in ("containers", "initContainers"):
        if spec.get(part):
            pairs = zip(spec[part], old[part], strict=True)
            munged[part] = [{**container, "image": before.get("image")} for container, before in pairs]
    for field in ("activeDeadlineSeconds", "schedulingGates", "tolerations"):
        munged.pop(field, None)
        if field in old:
            munged[field] = old[field]
    if (old.get("terminationGracePeriodSeconds") or 0) < 0 and spec.get("terminationGracePeriodSeconds") == 1:
        munged["terminationGracePeriodSeconds"] = old["terminationGracePeriodSeconds"]
    errors: list[FieldError] = []
    if old.get("schedulingGates"):
        errors, munged = _validate_gated_update(munged, old)
    if not same(munged, old):
        diff = spec_diff("core.PodSpec", old, munged)
        errors.append(forbidden("spec", f"pod updates may not change fields other than {_UPDATABLE}\n{diff}"))
    return errors


def _validate_gated_update(munged: Object, old: Object) -> tuple[list[FieldError], Object]:
    """A gated pod's node selector and node affinity may become narrower."""
    errors: list[FieldError] = []
    selector, old_selector = munged.get("nodeSelector") or {}, old.get("nodeSelector") or {}
    if any(selector.get(key) != value for key, value in old_selector.items()):
        detail = "only additions to spec.nodeSelector are allowed (no mutations or deletions)"
        errors.append(invalid("spec.nodeSelector", selector, detail))
    munged = {**munged, "nodeSelector": old.get("nodeSelector")}
    affinity, old_affinity = munged.get("affinity") or {}, old.get("affinity") or {}
    node_affinity = old_affinity.get("nodeAffinity")
    errors += validate_narrower_affinity(affinity.get("nodeAffinity"), node_affinity, "spec.affinity.nodeAffinity")
    kept = {**affinity, "nodeAffinity": node_affinity} if node_affinity else {k: v for k, v in affinity.items() if k != "nodeAffinity"}
    munged["affinity"] = kept or old.get("affinity")
    return errors, {key: value for key, value in munged.items() if value is not None}


def _validate_annotation_updates(pod: Object, old: Object, ctx: Context) -> list[FieldError]:
    new_annotations = pod["metadata"].get("annotations") or {}
    old_annotations = old["metadata"].get("annotations") or {}
    if new_annotations is old_annotations or new_annotations == old_annotations:
        return []
    errors: list[FieldError] = []
    for key, value in old_annotations.items():
        if new_annotations.get(key) == value:
            continue
        if key.startswith(_APP_ARMOR):
            errors.append(forbidden(f"metadata.annotations[{key}]", "may not remove or update AppArmor annotations"))
        if key == _MIRROR:
            errors.append(forbidden(f"metadata.annotations[{key}]", "may not remove or update mirror pod annotation"))
    for key in new_annotations:
        if key in old_annotations:
            continue
        if key.startswith(_APP_ARMOR):
            errors.append(forbidden(f"metadata.annotations[{key}]", "may not add AppArmor annotations"))
        if key == _MIRROR:
            errors.append(forbidden(f"metadata.annotations[{key}]", "may not add mirror pod annotation"))
    return errors + validate_pod_annotations(new_annotations, pod.get("spec") or {}, "metadata.annotations", ctx)


def validate_pod_status(pod: Object, old: Object, ctx: Context) -> list[FieldError]:
    """A pod with a new status."""
    status, old_status = pod.get("status") or {}, old.get("status") or {}
    errors = validate_kube_finalizers(pod["metadata"]) + _validate_annotation_updates(pod, old, ctx)
    for index, condition in enumerate(status.get("conditions") or ()):
        name = condition.get("type") or ""
        if name not in _SYSTEM_CONDITIONS:
            errors += (invalid(f"metadata.conditions[{index}].Type", name, each) for each in is_qualified_name(name))
    if (pod.get("spec") or {}).get("nodeName") != (old.get("spec") or {}).get("nodeName"):
        errors.append(forbidden("status.nodeName", "may not be changed directly"))
    nominated = status.get("nominatedNodeName")
    if nominated and nominated != old_status.get("nominatedNodeName"):
        errors += (invalid("status.nominatedNodeName", nominated, each) for each in is_dns1123_subdomain(nominated))
    policy = (old.get("spec") or {}).get("restartPolicy")
    for part in ("containerStatuses", "initContainerStatuses"):
        errors += _validate_transitions(status.get(part) or (), old_status.get(part) or (), f"status.{part}", policy)
    ephemeral = "ephemeralContainerStatuses"
    errors += _validate_transitions(status.get(ephemeral) or (), old_status.get(ephemeral) or (), f"status.{ephemeral}", "Never")
    errors += _validate_claim_statuses(status.get("resourceClaimStatuses") or (), pod.get("spec") or {})
    return errors + _validate_addresses(status)


def _validate_claim_statuses(statuses: Sequence[Object], spec: Object) -> list[FieldError]:
    known = [claim.get("name") for claim in spec.get("resourceClaims") or ()]
    errors: list[FieldError] = []
    names: list[str] = []
    for index, status in enumerate(statuses):
        path, name, claim = f"status.resourceClaimStatuses[{index}].name", status.get("name") or "", status.get("resourceClaimName")
        if name not in known:
            errors.append(invalid(path, name, "must match the name of an entry in `spec.resourceClaims`"))
        if name in names:
            errors.append(duplicate(path, name))
        names.append(name)
        if claim is not None:
            errors += (invalid(path, claim, each) for each in is_dns1123_subdomain(claim))
    return errors


def _validate_transitions(new: Sequence[Object], old: Sequence[Object], path: str, policy: str | None) -> list[FieldError]:
    """A container that will not be restarted stays terminated."""
    errors: list[FieldError] = []
    if policy == "Always":
        return errors
    for index, before in enumerate(old):
        ended = (before.get("state") or {}).get("terminated")
        if ended is None or (ended.get("exitCode") and policy == "OnFailure"):
            continue
        for after in new:
            if after.get("name") == before.get("name") and (after.get("state") or {}).get("terminated") is None:
                errors.append(forbidden(f"{path}[{index}].state", "may not be transitioned to non-terminated state"))
    return errors


def _validate_addresses(status: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    host_ips = status.get("hostIPs") or []
    if host_ips and (status.get("hostIP") or "") != host_ips[0].get("ip"):
        errors.append(invalid("status.hostIPs[0].ip", host_ips[0].get("ip") or "", "must be equal to `hostIP`"))
    for field in ("podIPs", "hostIPs"):
        addresses = [each.get("ip") or "" for each in status.get(field) or ()]
        for index, address in enumerate(addresses):
            errors += (invalid(f"status.{field}[{index}]", address, each) for each in is_ip(address))
        if len(addresses) < 2:
            continue
        families = [found.version for found in map(parse_ip, addresses) if found is not None]
        if len(addresses) > 2 or sorted(families) != [4, 6]:
            shown = Go(f"[]core.{_ADDRESS_TYPES[field]}{{{', '.join(_go_address(field, each) for each in addresses)}}}")
            errors.append(invalid(f"status.{field}", shown, "may specify no more than one IP for each IP family"))
        for index, address in enumerate(addresses):
            if address in addresses[:index]:
                errors.append(duplicate(f"status.{field}[{index}]", Go(_go_address(field, address))))
    return errors


def _go_address(field: str, address: str) -> str:
    return f"core.{_ADDRESS_TYPES[field]}{{IP:{go_quote(address)}}}"


_ADDRESS_TYPES = {"podIPs": "PodIP", "hostIPs": "HostIP"}
