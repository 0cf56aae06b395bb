"""What the ``parameters`` of a Fault may say, by type: texts, as they stand in a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubelab.kinds.field import FieldError, invalid, not_supported
from kubelab.kinds.lab.durations import validate_duration
from kubelab.world.clock import parse_duration

Check = Callable[[str, str], list[FieldError]]
VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")
CODES = ("429", "500", "503", "504")


def words(text: str) -> tuple[str, ...]:
    """The parts of a comma-separated list."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def share_of(text: str) -> float:
    """``0.25`` or ``25%``; ValueError for anything else."""
    share = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    if not 0 < share <= 1:
        raise ValueError(text)
    return share


def _share(path: str, text: str) -> list[FieldError]:
    try:
        share_of(text)
    except ValueError:
        return [invalid(path, text, "must be a share such as '0.25' or '25%', greater than 0 and at most 1")]
    return []


def priorities_of(text: str) -> tuple[tuple[int, int], ...]:
    """``0=20,1000=10``: from a priority on, so many seconds; lowest first. ValueError for anything else."""
    found = [part.split("=") for part in words(text)]
    if not found or any(len(part) != 2 for part in found) or len({priority for priority, _ in found}) != len(found):
        raise ValueError(text)
    periods = sorted((int(priority), int(seconds)) for priority, seconds in found)
    if any(seconds < 0 for _, seconds in periods):
        raise ValueError(text)
    return tuple(periods)


def _priorities(path: str, text: str) -> list[FieldError]:
    try:
        priorities_of(text)
    except ValueError:
        return [invalid(path, text, "must say from which priority on pods have how many seconds, such as '0=20,2000000000=10'")]
    return []


def _delay(path: str, text: str) -> list[FieldError]:
    return validate_duration(text, path)


def _grace(path: str, text: str) -> list[FieldError]:
    return validate_duration(text, path, positive=False)


def _verbs(path: str, text: str) -> list[FieldError]:
    unknown = [word for word in words(text) if word not in VERBS]
    if not words(text):
        return [invalid(path, text, "must name verbs, separated by commas")]
    return [not_supported(path, word, VERBS) for word in unknown]


def _names(path: str, text: str) -> list[FieldError]:
    return [] if words(text) else [invalid(path, text, "must hold names, separated by commas")]


def _one_of(*choices: str) -> Check:
    def check(path: str, text: str) -> list[FieldError]:
        return [] if text in choices else [not_supported(path, text, choices)]

    return check


_CALLS: dict[str, Check] = {"share": _share, "users": _names, "verbs": _verbs}
SHUTDOWN_GRACE = {"grace": "30s", "critical": "10s"}
"""The kubelet's shutdownGracePeriod, and shutdownGracePeriodCriticalPods, which is a part of it."""

PARAMETERS: dict[str, dict[str, Check]] = {
    "ApiError": {**_CALLS, "code": _one_of(*CODES)},
    "ApiSlow": {**_CALLS, "delay": _delay},
    "DiskFull": {"fill": _share},
    "DiskLost": {"volumes": _one_of("all", "emptyDir", "local")},
    "NodePartition": {"direction": _one_of("both", "in", "out"), "from": _one_of("all", "api-server", "nodes")},
    "NodeShutdown": {"critical": _grace, "grace": _grace, "priorities": _priorities},
    "WatchLag": {"delay": _delay},
}
"""Type → name → what is wrong with a value. Types that are not here take none."""


def validate_parameters(kind: str, parameters: Mapping[str, Any], path: str) -> list[FieldError]:
    """Every parameter must be one of the type's, with a value that it can use."""
    known = PARAMETERS.get(kind, {})
    errors: list[FieldError] = []
    for name, text in parameters.items():
        check = known.get(name)
        if check is None:
            takes = f"takes {', '.join(sorted(known))}" if known else "takes no parameters"
            errors.append(invalid(f"{path}[{name}]", text, f"{kind} {takes}"))
        else:
            errors += check(f"{path}[{name}]", str(text))
    return errors or _shutdown(kind, parameters, path)


def _shutdown(kind: str, parameters: Mapping[str, Any], path: str) -> list[FieldError]:
    """upstream: ValidateKubeletConfiguration, pkg/kubelet/apis/config/validation/validation.go."""
    if kind != "NodeShutdown":
        return []
    if "priorities" in parameters:
        doubled = [name for name in SHUTDOWN_GRACE if name in parameters]
        return [invalid(f"{path}[{name}]", parameters[name], "may not stand beside priorities") for name in doubled]
    grace_ns, critical_ns = (parse_duration(str(parameters.get(name, default))) for name, default in SHUTDOWN_GRACE.items())
    if critical_ns > grace_ns:
        critical = parameters.get("critical", SHUTDOWN_GRACE["critical"])
        return [invalid(f"{path}[critical]", critical, "must be at most grace, of which it is the last part")]
    return []
