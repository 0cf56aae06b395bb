"""What the ``parameters`` of a Fault may say, by type: texts, as they stand in a manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from kubelab.kinds.field import FieldError, invalid, not_supported
from kubelab.kinds.lab.durations import validate_duration

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


def _delay(path: str, text: str) -> list[FieldError]:
    return validate_duration(text, path)


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
PARAMETERS: dict[str, dict[str, Check]] = {
    "ApiError": {**_CALLS, "code": _one_of(*CODES)},
    "ApiSlow": {**_CALLS, "delay": _delay},
    "DiskFull": {"fill": _share},
    "DiskLost": {"volumes": _one_of("all", "emptyDir", "local")},
    "NodePartition": {"direction": _one_of("both", "in", "out"), "from": _one_of("all", "api-server", "nodes")},
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
    return errors
