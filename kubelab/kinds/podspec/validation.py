"""Validation of a whole PodSpec and of a pod template.

upstream: pkg/apis/core/validation/validation.go (ValidatePodSpec, ValidatePodTemplateSpec, ValidatePodSpecificAnnotations), 1.28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from kubelab.kinds.field import FieldError, Go, duplicate, forbidden, go_quote, invalid, not_supported, required
from kubelab.kinds.go_values import pointer
from kubelab.kinds.kind import Context, Object
from kubelab.kinds.names import (
    is_dns1123_label,
    is_dns1123_subdomain,
    is_qualified_name,
    name_is_dns_subdomain,
    parse_ip,
    range_error,
    validate_annotations,
    validate_labels,
)
from kubelab.kinds.podspec.containers import validate_containers, validate_init_containers
from kubelab.kinds.podspec.paths import validate_descending_path
from kubelab.kinds.podspec.resources import validate_resource_requirements
from kubelab.kinds.podspec.scheduling import validate_affinity, validate_spread_constraints, validate_tolerations
from kubelab.kinds.podspec.security import validate_operating_system, validate_pod_security_context
from kubelab.kinds.podspec.volumes import validate_volumes
from kubelab.kinds.podspec.windows import validate_host_processes

RESTART_POLICIES = ("Always", "OnFailure", "Never")
DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
MAX_INT32 = 2**31 - 1


def validate_pod_template(template: Object, path: str, ctx: Context) -> list[FieldError]:
    """A PodTemplateSpec: labels, annotations, spec (upstream: ValidatePodTemplateSpec)."""
    meta, spec = template.get("metadata") or {}, template.get("spec") or {}
    errors: list[FieldError] = []
    if meta.get("labels"):
        errors += validate_labels(meta["labels"], f"{path}.labels")
    if meta.get("annotations"):
        errors += validate_annotations(meta["annotations"], f"{path}.annotations")
        errors += validate_pod_annotations(meta["annotations"], spec, f"{path}.annotations", ctx)
    errors += validate_pod_spec(spec, f"{path}.spec", ctx)
    errors += validate_seccomp_agreement(meta.get("annotations"), spec, f"{path}.spec")
    if spec.get("ephemeralContainers"):
        errors.append(forbidden(f"{path}.spec.ephemeralContainers", "ephemeral containers not allowed in pod template"))
    return errors


def validate_pod_spec(spec: Object, path: str, ctx: Context, *, pod_name: str = "", is_pod: bool = False) -> list[FieldError]:
    """A PodSpec. ``is_pod`` and ``pod_name``: it is a Pod's own and not a template's."""
    errors: list[FieldError] = []
    volumes: Mapping[str, Object] = {}
    if spec.get("volumes"):
        volumes, errors = validate_volumes(spec["volumes"], f"{path}.volumes", ctx, pod_name=pod_name)
    if spec.get("resourceClaims"):
        errors += _validate_resource_claims(spec["resourceClaims"], f"{path}.resourceClaims", pod_name)
    containers = spec.get("containers") or []
    claims = [claim.get("name") or "" for claim in spec.get("resourceClaims") or ()]
    errors += validate_containers(containers, volumes, claims, f"{path}.containers", ctx)
    if spec.get("initContainers"):
        errors += validate_init_containers(spec["initContainers"], containers, volumes, claims, f"{path}.initContainers", ctx)
    if spec.get("hostNetwork"):
        errors += _validate_host_network(containers, f"{path}.containers", is_pod=is_pod)
    for field, supported in (("restartPolicy", RESTART_POLICIES), ("dnsPolicy", DNS_POLICIES)):
        if spec.get(field) not in supported:
            errors.append(not_supported(f"{path}.{field}", spec[field], supported) if spec.get(field) else required(f"{path}.{field}"))
    if spec.get("nodeSelector"):
        errors += validate_labels(spec["nodeSelector"], f"{path}.nodeSelector")
    if spec.get("securityContext") or spec.get("shareProcessNamespace"):
        errors += validate_pod_security_context(spec.get("securityContext") or {}, spec, f"{path}.securityContext")
    if spec.get("affinity"):
        errors += validate_affinity(spec["affinity"], f"{path}.affinity")
    if spec.get("dnsConfig") is not None or spec.get("dnsPolicy") == "None":
        errors += _validate_dns_config(spec.get("dnsConfig"), spec.get("dnsPolicy"), f"{path}.dnsConfig")
    if spec.get("readinessGates"):
        errors += _validate_readiness_gates(spec["readinessGates"], f"{path}.readinessGates")
    if spec.get("schedulingGates"):
        errors += _validate_scheduling_gates(spec["schedulingGates"], f"{path}.schedulingGates")
    if spec.get("topologySpreadConstraints"):
        errors += validate_spread_constraints(spec["topologySpreadConstraints"], f"{path}.topologySpreadConstraints")
    errors += _validate_host_processes(spec, containers, path)
    if spec.get("hostUsers") is False:
        errors += _validate_host_users(spec, path)
    return errors + _validate_rest(spec, path)


def _validate_host_processes(spec: Object, containers: Sequence[Object], path: str) -> list[FieldError]:
    """Most pods know nothing of Windows: look closer only where a security context speaks of it."""
    holders = (spec, *containers, *(spec.get("initContainers") or ()))
    if not any((holder.get("securityContext") or {}).get("windowsOptions") for holder in holders):
        return []
    return validate_host_processes(spec, path)


def _validate_rest(spec: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for field in ("serviceAccountName", "nodeName"):
        if spec.get(field) and (complaints := is_dns1123_subdomain(spec[field])):
            errors += (invalid(f"{path}.{field}", spec[field], each) for each in complaints)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= MAX_INT32:
        errors.append(invalid(f"{path}.activeDeadlineSeconds", deadline, range_error(1, MAX_INT32)))
    for field in ("hostname", "subdomain"):
        if spec.get(field) and (complaints := is_dns1123_label(spec[field])):
            errors += (invalid(f"{path}.{field}", spec[field], each) for each in complaints)
    if spec.get("tolerations"):
        errors += validate_tolerations(spec["tolerations"], f"{path}.tolerations")
    if spec.get("hostAliases"):
        errors += _validate_host_aliases(spec["hostAliases"], f"{path}.hostAliases")
    if spec.get("priorityClassName"):
        errors += _validate_name(spec["priorityClassName"], f"{path}.priorityClassName")
    if spec.get("runtimeClassName") is not None:
        errors += _validate_name(spec["runtimeClassName"], f"{path}.runtimeClassName")
    policy = spec.get("preemptionPolicy")
    if policy is not None and policy not in ("PreemptLowerPriority", "Never"):
        at, supported = f"{path}.preemptionPolicy", ("PreemptLowerPriority", "Never")
        errors.append(not_supported(at, policy, supported) if policy else required(at))
    if spec.get("overhead"):
        errors += validate_resource_requirements({"limits": spec["overhead"]}, f"{path}.overhead")
    if spec.get("os") is not None:
        errors += validate_operating_system(spec, path)
    return errors


def _validate_resource_claims(claims: Sequence[Object], path: str, pod_name: str) -> list[FieldError]:
    errors: list[FieldError] = []
    names: list[str] = []
    for index, claim in enumerate(claims):
        at, name, source = f"{path}[{index}]", claim.get("name") or "", claim.get("source") or {}
        direct, template = source.get("resourceClaimName"), source.get("resourceClaimTemplateName")
        if not name:
            errors.append(required(f"{at}.name"))
        elif name in names:
            errors.append(duplicate(f"{at}.name", name))
        elif complaints := is_dns1123_label(name):
            errors += (invalid(f"{at}.name", name, each) for each in complaints)
        elif pod_name and template is not None:
            final = f"{pod_name}-{name}"
            errors += (invalid(f"{at}.name", final, f"final ResourceClaim name: {each}") for each in is_dns1123_subdomain(final))
        names.append(name)
        shown = Go(
            f"core.ClaimSource{{ResourceClaimName:{pointer('string', direct)}, ResourceClaimTemplateName:{pointer('string', template)}}}"
        )
        if direct is not None and template is not None:
            detail = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
            errors.append(invalid(f"{at}.source", shown, detail))
        if direct is None and template is None:
            detail = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
            errors.append(invalid(f"{at}.source", shown, detail))
        for field, value in (("resourceClaimName", direct), ("resourceClaimTemplateName", template)):
            if value is not None:
                errors += (invalid(f"{at}.source.{field}", value, each) for each in is_dns1123_subdomain(value))
    return errors


def _validate_name(name: str, path: str) -> list[FieldError]:
    return [invalid(path, name, each) for each in name_is_dns_subdomain(name, False)]


def _validate_host_network(containers: Sequence[Object], path: str, *, is_pod: bool) -> list[FieldError]:
    detail = "must match `containerPort` when `hostNetwork` is true"
    return [
        invalid(f"{path}[{index}].ports[{place}].hostPort", port.get("hostPort") or 0, detail)
        for index, container in enumerate(containers)
        for place, port in enumerate(container.get("ports") or ())
        if (is_pod or port.get("hostPort")) and (port.get("hostPort") or 0) != (port.get("containerPort") or 0)
    ]


def _validate_host_users(spec: Object, path: str) -> list[FieldError]:
    fields = (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC"))
    return [forbidden(f"{path}.{shown}", "when `pod.Spec.HostUsers` is false") for field, shown in fields if spec.get(field)]


def _validate_dns_config(config: Object | None, policy: str | None, path: str) -> list[FieldError]:
    if policy == "None":
        if config is None:
            return [required(path, "must provide `dnsConfig` when `dnsPolicy` is None")]
        if not config.get("nameservers"):
            return [required(f"{path}.nameservers", "must provide at least one DNS nameserver when `dnsPolicy` is None")]
    config = config or {}
    servers, searches = config.get("nameservers") or [], config.get("searches") or []
    errors: list[FieldError] = []
    if len(servers) > 3:
        errors.append(invalid(f"{path}.nameservers", servers, "must not have more than 3 nameservers"))
    for index, server in enumerate(servers):
        if parse_ip(server) is None:
            errors.append(invalid(f"{path}.nameservers[{index}]", server, "must be valid IP address"))
    if len(searches) > 32:
        errors.append(invalid(f"{path}.searches", searches, "must not have more than 32 search paths"))
    if len(" ".join(searches)) > 2048:
        detail = "must not have more than 2048 characters (including spaces) in the search list"
        errors.append(invalid(f"{path}.searches", searches, detail))
    for index, search in enumerate(searches):
        bare = search.removesuffix(".")
        errors += (invalid(f"{path}.searches[{index}]", bare, each) for each in is_dns1123_subdomain(bare))
    for index, option in enumerate(config.get("options") or ()):
        if not option.get("name"):
            errors.append(required(f"{path}.options[{index}]", "must not be empty"))
    return errors


def _validate_readiness_gates(gates: Sequence[Object], path: str) -> list[FieldError]:
    return [
        invalid(f"{path}[{index}].conditionType", gate.get("conditionType") or "", each)
        for index, gate in enumerate(gates)
        for each in is_qualified_name(gate.get("conditionType") or "")
    ]


def _validate_scheduling_gates(gates: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    names: list[str] = []
    for index, gate in enumerate(gates):
        name = gate.get("name") or ""
        errors += (invalid(f"{path}[{index}]", name, each) for each in is_qualified_name(name))
        if name in names:
            errors.append(duplicate(f"{path}[{index}]", name))
        names.append(name)
    return errors


def _validate_host_aliases(aliases: Sequence[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for alias in aliases:
        if parse_ip(alias.get("ip") or "") is None:
            errors.append(invalid(f"{path}.ip", alias.get("ip") or "", "must be valid IP address"))
        for name in alias.get("hostnames") or ():
            errors += (invalid(f"{path}.hostnames", name, each) for each in is_dns1123_subdomain(name))
    return errors


_MIRROR = "kubernetes.io/config.mirror"
_DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/"


def validate_pod_annotations(annotations: Mapping[str, str], spec: Object, path: str, ctx: Context) -> list[FieldError]:
    """Annotations that mean something to a pod (upstream: ValidatePodSpecificAnnotations)."""
    errors: list[FieldError] = []
    if _MIRROR in annotations and not spec.get("nodeName"):
        detail = "must set spec.nodeName if mirror pod annotation is set"
        errors.append(invalid(f"{path}[{_MIRROR}]", annotations[_MIRROR], detail))
    cost = annotations.get(_DELETION_COST)
    if cost is not None and not _is_deletion_cost(cost):
        errors.append(invalid(f"{path}[{_DELETION_COST}]", cost, "must be a 32bit integer"))
    for key, profile in annotations.items():
        if key == _SECCOMP_POD or key.startswith(_SECCOMP_CONTAINER):
            errors += _validate_seccomp_annotation(profile, f"{path}.{key}")
    for key, profile in annotations.items():
        if key.startswith(_APP_ARMOR):
            errors += _validate_app_armor(key, profile, spec, path)
    return errors


def _is_deletion_cost(text: str) -> bool:
    """A 32-bit number without plus sign and leading zeros (a minus sign excuses them)."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or (text[0] == "0" and text != "0"):
        return False
    return -(2**31) <= int(text) < 2**31


def _validate_seccomp_annotation(profile: str, path: str) -> list[FieldError]:
    if profile in ("runtime/default", "docker/default", "unconfined"):
        return []
    if profile.startswith("localhost/"):
        return validate_descending_path(profile.removeprefix("localhost/"), path)
    return [invalid(path, profile, "must be a valid seccomp profile")]


def validate_seccomp_agreement(annotations: Mapping[str, str] | None, spec: Object, path: str) -> list[FieldError]:
    """Old annotations and the fields that followed them say the same (upstream: validateSeccompAnnotationsAndFields)."""
    if not annotations:
        return []
    holders = [(_SECCOMP_POD, spec, path)]
    for part in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(part) or ()):
            holders.append((f"{_SECCOMP_CONTAINER}{container.get('name') or ''}", container, f"{path}.{part}[{index}]"))
    errors: list[FieldError] = []
    for key, holder, at in holders:
        profile = (holder.get("securityContext") or {}).get("seccompProfile")
        if profile is not None and key in annotations:
            errors += _compare_seccomp(annotations[key], profile, f"{at}.securityContext.seccompProfile")
    return errors


def _compare_seccomp(annotation: str, profile: Object, path: str) -> list[FieldError]:
    agrees = {
        "Unconfined": annotation == "unconfined",
        "RuntimeDefault": annotation in ("runtime/default", "docker/default"),
        "Localhost": annotation.startswith("localhost/"),
    }
    if not agrees.get(profile.get("type") or "", True):
        return [forbidden(f"{path}.type", "seccomp type in annotation and field must match")]
    if profile.get("type") == "Localhost" and annotation.removeprefix("localhost/") != profile.get("localhostProfile"):
        return [forbidden(f"{path}.localhostProfile", "seccomp profile in annotation and field must match")]
    return []


def _validate_app_armor(key: str, profile: str, spec: Object, path: str) -> list[FieldError]:
    name = key.removeprefix(_APP_ARMOR)
    containers = (each for part in ("initContainers", "containers", "ephemeralContainers") for each in spec.get(part) or ())
    errors: list[FieldError] = []
    if all(container.get("name") != name for container in containers):
        errors.append(invalid(f"{path}[{key}]", name, "container not found"))
    if profile not in ("", "runtime/default", "unconfined") and not profile.startswith("localhost/"):
        errors.append(invalid(f"{path}[{key}]", profile, f"invalid AppArmor profile name: {go_quote(profile)}"))
    return errors
