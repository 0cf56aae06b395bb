"""Equality as Go's typed objects have it: an absent list and an empty one are the same, an absent pointer and a zero are not.

upstream: apimachinery/pkg/api/equality/semantic.go; which fields are pointers: staging/src/k8s.io/api/*/*/types.go, 1.28.
"""

from __future__ import annotations

from typing import Any

from kubelab.kinds.field import FieldError, invalid
from kubelab.kinds.names import IMMUTABLE

_MAPS_AND_PLAIN_STRUCTS = frozenset(
    "allocatable annotations attachmentMetadata binaryData capacity data deprecatedTopology disruptedPods labels limits matchLabels "
    "metadata nodeSelector overhead parameters podFixed requests resources spec status stringData volumeAttributes".split()
)
_PLAIN_NUMBERS = frozenset(
    "attached globalDefault hostIPC hostNetwork hostPID hostPort initialDelaySeconds minReadySeconds nodePort partition paused "
    "publishNotReadyAddresses readOnly stdin stdinOnce tty".split()
)
_TEXT_POINTERS = frozenset(("ingressClassName", "storageClassName", "holderIdentity"))


def same(new: Any, old: Any) -> bool:
    """Whether two JSON values are semantically equal.

    >>> same({"args": []}, {}), same({"ttlSecondsAfterFinished": 0}, {}), same({"storageClassName": ""}, {})
    (True, False, False)
    """
    if new is old or new == old:
        return True
    if isinstance(new, dict) and isinstance(old, dict):
        return _same_fields(new, old)
    if isinstance(new, list) and isinstance(old, list):
        return len(new) == len(old) and all(map(same, new, old))
    return not new and not old and isinstance(new or [], list) and isinstance(old or [], list)


def _same_fields(new: dict[str, Any], old: dict[str, Any]) -> bool:
    for key, value in new.items():
        if key in old:
            if not same(value, old[key]):
                return False
        elif not _absent(key, value):
            return False
    return all(key in new or _absent(key, value) for key, value in old.items())


def _absent(key: str, value: Any) -> bool:
    """Whether ``value`` under ``key`` says no more than the key's absence."""
    if value is None:
        return True
    if isinstance(value, dict):
        return key in _MAPS_AND_PLAIN_STRUCTS and all(_absent(name, item) for name, item in value.items())
    if isinstance(value, list):
        return not value
    if isinstance(value, str):
        return not value and key not in _TEXT_POINTERS
    return not value and key in _PLAIN_NUMBERS


def immutable(field: str, new: Any, old: Any, shown: Any = None) -> list[FieldError]:
    """upstream: ValidateImmutableField. ``shown`` prints in place of ``new`` (a ``Go`` value for structs)."""
    return [] if same(new, old) else [invalid(field, new if shown is None else shown, IMMUTABLE)]


def spec_changed(obj: dict[str, Any], old: dict[str, Any]) -> bool:
    """The usual rule for metadata.generation: any change of spec."""
    return not same(obj.get("spec"), old.get("spec"))


def never_changed(obj: dict[str, Any], old: dict[str, Any]) -> bool:
    """For kinds whose generation is 1 from creation on."""
    return False
