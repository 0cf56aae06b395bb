"""Probes and lifecycle hooks.

upstream: pkg/apis/core/validation/validation.go (validateProbe, validateHandler, validateLifecycle …), 1.28.
"""

from __future__ import annotations

from kubelab.kinds.field import FieldError, forbidden, invalid, not_supported, required
from kubelab.kinds.kind import Object
from kubelab.kinds.names import NEGATIVE, is_http_header_name, is_port_name, is_port_number

_PROBE_NUMBERS = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")


def validate_probes(container: Object, path: str) -> list[FieldError]:
    """The three probes of a container."""
    errors: list[FieldError] = []
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        probe, at = container.get(name), f"{path}.{name}"
        if probe is None:
            continue
        errors += _validate_probe(probe, at)
        if name != "readinessProbe":
            if (probe.get("successThreshold") or 0) != 1:
                errors.append(invalid(f"{at}.successThreshold", probe.get("successThreshold") or 0, "must be 1"))
        elif probe.get("terminationGracePeriodSeconds") is not None:
            seconds = probe["terminationGracePeriodSeconds"]
            errors.append(invalid(f"{at}.terminationGracePeriodSeconds", seconds, "must not be set for readinessProbes"))
    return errors


def _validate_probe(probe: Object, path: str) -> list[FieldError]:
    errors = _validate_handler(probe, path)
    for name in _PROBE_NUMBERS:
        if (probe.get(name) or 0) < 0:
            errors.append(invalid(f"{path}.{name}", probe[name], NEGATIVE))
    seconds = probe.get("terminationGracePeriodSeconds")
    if seconds is not None and seconds <= 0:
        errors.append(invalid(f"{path}.terminationGracePeriodSeconds", seconds, "must be greater than 0"))
    return errors


def validate_lifecycle(lifecycle: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for hook in ("postStart", "preStop"):
        if lifecycle.get(hook) is not None:
            errors += _validate_handler(lifecycle[hook], f"{path}.{hook}")
    return errors


def _validate_handler(handler: Object, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    found = 0
    for name in _HANDLERS:
        action, at = handler.get(name), f"{path}.{name}"
        if action is None:
            continue
        if found:
            errors.append(forbidden(at, "may not specify more than 1 handler type"))
            continue
        found += 1
        errors += _validate_action(name, action, at)
    return errors if found else [required(path, "must specify a handler type")]


def _validate_action(name: str, action: Object, path: str) -> list[FieldError]:
    match name:
        case "exec":
            return [] if action.get("command") else [required(f"{path}.command")]
        case "httpGet":
            return _validate_http_get(action, path)
    return validate_port_or_name(action.get("port") or 0, f"{path}.port")


def _validate_http_get(action: Object, path: str) -> list[FieldError]:
    errors = [] if action.get("path") else [required(f"{path}.path")]
    errors += validate_port_or_name(action.get("port") or 0 if action.get("port") != "" else "", f"{path}.port")
    scheme = action.get("scheme") or ""
    if scheme not in ("HTTP", "HTTPS"):
        errors.append(not_supported(f"{path}.scheme", scheme, ("HTTP", "HTTPS")))
    for header in action.get("httpHeaders") or ():
        name = header.get("name") or ""
        errors += (invalid(f"{path}.httpHeaders", name, each) for each in is_http_header_name(name))
    return errors


def validate_port_or_name(port: int | str, path: str) -> list[FieldError]:
    """upstream: ValidatePortNumOrName."""
    complaints = is_port_name(port) if isinstance(port, str) else is_port_number(port)
    return [invalid(path, port, each) for each in complaints]
