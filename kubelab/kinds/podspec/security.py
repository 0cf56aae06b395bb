"""Security contexts of pods and containers, and what the operating system of a pod rules out.

upstream: pkg/apis/core/validation/validation.go (ValidateSecurityContext, validatePodSpecSecurityContext, validateLinux, validateWindows),
1.28. Privileged containers are allowed, as kubeadm and every other installer start the API server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from kubelab.kinds.field import FieldError, Go, duplicate, forbidden, invalid, not_supported, required
from kubelab.kinds.go_values import pointer
from kubelab.kinds.kind import Object
from kubelab.kinds.names import byte_length, is_user_or_group_id
from kubelab.kinds.podspec.paths import validate_descending_path
from kubelab.kinds.podspec.windows import validate_windows_options

_SYSCTL_SEGMENT = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_SYSCTL = f"({_SYSCTL_SEGMENT}[\\./])*{_SYSCTL_SEGMENT}"
_sysctl_matches = re.compile(_SYSCTL).fullmatch
_SECCOMP_TYPES = ("Localhost", "RuntimeDefault", "Unconfined")
_NOT_ON_WINDOWS = "cannot be set for a windows pod"
_NOT_ON_LINUX = "windows options cannot be set for a linux pod"


def validate_security_context(context: Object, path: str) -> list[FieldError]:
    """A container's security context."""
    errors = _validate_ids(context, path, ("runAsUser", "runAsGroup"))
    mount = context.get("procMount")
    if mount is not None and mount not in ("Default", "Unmasked"):
        errors.append(not_supported(f"{path}.procMount", mount, ("Default", "Unmasked")))
    errors += _validate_seccomp(context.get("seccompProfile"), f"{path}.seccompProfile")
    if context.get("allowPrivilegeEscalation") is False:
        if context.get("privileged"):
            errors.append(invalid(path, _go_context(context), "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
        if "CAP_SYS_ADMIN" in ((context.get("capabilities") or {}).get("add") or ()):
            detail = "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"
            errors.append(invalid(path, _go_context(context), detail))
    return errors + validate_windows_options(context.get("windowsOptions"), f"{path}.windowsOptions")


_GO_CONTEXT = (
    ("Capabilities", "capabilities", "core.Capabilities"),
    ("Privileged", "privileged", "bool"),
    ("SELinuxOptions", "seLinuxOptions", "core.SELinuxOptions"),
    ("WindowsOptions", "windowsOptions", "core.WindowsSecurityContextOptions"),
    ("RunAsUser", "runAsUser", "int64"),
    ("RunAsGroup", "runAsGroup", "int64"),
    ("RunAsNonRoot", "runAsNonRoot", "bool"),
    ("ReadOnlyRootFilesystem", "readOnlyRootFilesystem", "bool"),
    ("AllowPrivilegeEscalation", "allowPrivilegeEscalation", "bool"),
    ("ProcMount", "procMount", "core.ProcMountType"),
    ("SeccompProfile", "seccompProfile", "core.SeccompProfile"),
)


def _go_context(context: Object) -> Go:
    return Go("core.SecurityContext{" + ", ".join(f"{name}:{pointer(kind, context.get(key))}" for name, key, kind in _GO_CONTEXT) + "}")


def validate_pod_security_context(context: Object, spec: Object, path: str) -> list[FieldError]:
    """A pod's security context."""
    errors = _validate_ids(context, path, ("fsGroup", "runAsUser", "runAsGroup"))
    for index, group in enumerate(context.get("supplementalGroups") or ()):
        errors += (invalid(f"{path}.supplementalGroups[{index}]", group, each) for each in is_user_or_group_id(group))
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        detail = "ShareProcessNamespace and HostPID cannot both be enabled"
        errors.append(invalid(f"{path}.shareProcessNamespace", True, detail))
    if context.get("sysctls"):
        errors += _validate_sysctls(context["sysctls"], f"{path}.sysctls")
    policy = context.get("fsGroupChangePolicy")
    if policy is not None and policy not in ("Always", "OnRootMismatch"):
        errors.append(not_supported(f"{path}.fsGroupChangePolicy", policy, ("Always", "OnRootMismatch")))
    errors += _validate_seccomp(context.get("seccompProfile"), f"{path}.seccompProfile")
    return errors + validate_windows_options(context.get("windowsOptions"), f"{path}.windowsOptions")


def _validate_ids(context: Object, path: str, names: tuple[str, ...]) -> list[FieldError]:
    return [
        invalid(f"{path}.{name}", context[name], each)
        for name in names
        if context.get(name) is not None
        for each in is_user_or_group_id(context[name])
    ]


def _validate_seccomp(profile: Object | None, path: str) -> list[FieldError]:
    if profile is None:
        return []
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    errors: list[FieldError] = []
    if not kind:
        errors.append(required(f"{path}.type", "type is required when seccompProfile is set"))
    elif kind not in _SECCOMP_TYPES:
        errors.append(not_supported(f"{path}.type", kind, _SECCOMP_TYPES))
    if kind == "Localhost":
        if local is None:
            errors.append(required(f"{path}.localhostProfile", "must be set when seccomp type is Localhost"))
        else:
            errors += validate_descending_path(local, f"{path}.localhostProfile")
    elif local is not None:
        shown = Go(f'core.SeccompProfile{{Type:"{kind}", LocalhostProfile:(*string)(0xc000000000)}}')
        errors.append(invalid(f"{path}.localhostProfile", shown, "can only be set when seccomp type is Localhost"))
    return errors


def _validate_sysctls(sysctls: list[Object], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    names: list[str] = []
    for index, sysctl in enumerate(sysctls):
        at, name = f"{path}[{index}].name", sysctl.get("name") or ""
        if not name:
            errors.append(required(at))
        elif byte_length(name) > 253 or not _sysctl_matches(name):
            errors.append(invalid(at, name, f"must have at most 253 characters and match regex ^{_SYSCTL}$"))
        elif name in names:
            errors.append(duplicate(at, name))
        names.append(name)
    return errors


def validate_operating_system(spec: Object, path: str) -> list[FieldError]:
    """``spec.os`` and what it rules out."""
    name = spec["os"].get("name") or ""
    if not name:
        return [required(f"{path}.os.name", "cannot be empty")]
    if name not in ("linux", "windows"):
        return [not_supported(f"{path}.os", name, ("linux", "windows"))]
    return _validate_linux(spec, path) if name == "linux" else _validate_windows(spec, path)


def _contexts(spec: Object, path: str) -> Iterator[tuple[Object, str]]:
    """The security contexts of all containers, in upstream's visiting order."""
    for part in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(part) or ()):
            if container.get("securityContext"):
                yield container["securityContext"], f"{path}.{part}[{index}].securityContext"


def _validate_linux(spec: Object, path: str) -> list[FieldError]:
    own = (spec.get("securityContext") or {}, f"{path}.securityContext")
    return [
        forbidden(f"{at}.windowsOptions", _NOT_ON_LINUX)
        for context, at in (own, *_contexts(spec, path))
        if context.get("windowsOptions") is not None
    ]


_POD_NOT_ON_WINDOWS = (
    ("securityContext", "seLinuxOptions"),
    ("", "hostUsers"),
    ("", "hostPID"),
    ("", "hostIPC"),
    ("securityContext", "seccompProfile"),
    ("securityContext", "fsGroup"),
    ("securityContext", "fsGroupChangePolicy"),
    ("securityContext", "sysctls"),
    ("", "shareProcessNamespace"),
    ("securityContext", "runAsUser"),
    ("securityContext", "runAsGroup"),
    ("securityContext", "supplementalGroups"),
)
_CONTAINER_NOT_ON_WINDOWS = (
    "seLinuxOptions",
    "seccompProfile",
    "capabilities",
    "readOnlyRootFilesystem",
    "privileged",
    "allowPrivilegeEscalation",
    "procMount",
    "runAsUser",
    "runAsGroup",
)
_ONLY_IF_TRUE = ("hostPID", "hostIPC", "sysctls")


def _validate_windows(spec: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for part, name in _POD_NOT_ON_WINDOWS:
        holder = spec.get(part) or {} if part else spec
        value = holder.get(name)
        if value is not None and (value or name not in _ONLY_IF_TRUE):
            errors.append(forbidden(f"{path}.{part}.{name}" if part else f"{path}.{name}", _NOT_ON_WINDOWS))
    for context, at in _contexts(spec, path):
        errors += (forbidden(f"{at}.{name}", _NOT_ON_WINDOWS) for name in _CONTAINER_NOT_ON_WINDOWS if context.get(name) is not None)
    return errors
