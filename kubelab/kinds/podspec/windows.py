"""Windows options of security contexts, and pods of host processes.

upstream: pkg/apis/core/validation/validation.go (validateWindowsSecurityContextOptions, validateWindowsHostProcessPod), 1.28.
"""

from __future__ import annotations

import re

from kubelab.kinds.field import FieldError, invalid
from kubelab.kinds.kind import Object
from kubelab.kinds.names import byte_length, is_dns1123_subdomain

_SPEC_KIB = 64
_DOMAIN_BYTES = 256
_USER_BYTES = 104
_DNS_LABEL = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_control = re.compile(r"[\x00-\x1f\x7f]").search
_net_bios = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}').fullmatch
_dns_domain = re.compile(rf"{_DNS_LABEL}(?:\.{_DNS_LABEL})*").fullmatch
_bad_user = re.compile(r'["/\\:;|=,+*?<>@\[\]]').search
_only_dots = re.compile(r"[. ]+").fullmatch


def validate_windows_options(options: Object | None, path: str) -> list[FieldError]:
    if not options:
        return []
    errors: list[FieldError] = []
    name, spec, user = options.get("gmsaCredentialSpecName"), options.get("gmsaCredentialSpec"), options.get("runAsUserName")
    if name is not None:
        errors += (invalid(f"{path}.gmsaCredentialSpecName", name, each) for each in is_dns1123_subdomain(name))
    if spec == "":
        errors.append(invalid(f"{path}.gmsaCredentialSpec", spec, "gmsaCredentialSpec cannot be an empty string"))
    elif spec is not None and byte_length(spec) > _SPEC_KIB * 1024:
        errors.append(invalid(f"{path}.gmsaCredentialSpec", spec, f"gmsaCredentialSpec size must be under {_SPEC_KIB} KiB"))
    if user is not None:
        errors += (invalid(f"{path}.runAsUserName", user, each) for each in _user_complaints(user))
    return errors


def _user_complaints(text: str) -> list[str]:
    """What is wrong with ``[DOMAIN\\]USER``."""
    parts = text.split("\\")
    if not text:
        return ["runAsUserName cannot be an empty string"]
    if _control(text):
        return ["runAsUserName cannot contain control characters"]
    if len(parts) > 2:
        return ["runAsUserName cannot contain more than one backslash"]
    domain, user, complaints = parts[0] if len(parts) == 2 else None, parts[-1], []
    if domain is not None and byte_length(domain) >= _DOMAIN_BYTES:
        complaints.append(f"runAsUserName's Domain length must be under {_DOMAIN_BYTES} characters")
    if domain is not None and not (_net_bios(domain) or _dns_domain(domain)):
        complaints.append("runAsUserName's Domain doesn't match the NetBios nor the DNS format")
    if not user:
        complaints.append("runAsUserName's User cannot be empty")
    elif byte_length(user) > _USER_BYTES:
        complaints.append(f"runAsUserName's User length must not be longer than {_USER_BYTES} characters")
    if _only_dots(user):
        complaints.append("runAsUserName's User cannot contain only periods or spaces")
    if _bad_user(user):
        complaints.append("runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]")
    return complaints


def validate_host_processes(spec: Object, path: str) -> list[FieldError]:
    """Either all containers are host processes, on the host's network, or none is."""
    pod_wide = _host_process(spec)
    errors: list[FieldError] = []
    count = host_processes = 0
    for part in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(part) or ()):
            own = _host_process(container)
            count += 1
            host_processes += bool(pod_wide if own is None else own)
            if pod_wide is not None and own is not None and own != pod_wide:
                at = f"{path}.{part}[{index}].securityContext.windowsOptions.hostProcess"
                was = "true" if pod_wide else "false"
                errors.append(invalid(at, own, f"pod hostProcess value must be identical if both are specified, was {was}"))
    if not host_processes:
        return errors
    if host_processes != count:
        detail = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        errors.append(invalid(path, "", detail))
    if not spec.get("hostNetwork"):
        detail = "hostNetwork must be true if pod contains any hostProcess containers"
        errors.append(invalid(f"{path}.hostNetwork", False, detail))
    return errors


def _host_process(holder: Object) -> bool | None:
    found: bool | None = ((holder.get("securityContext") or {}).get("windowsOptions") or {}).get("hostProcess")
    return found
