"""TokenRequest: a token for a service account: the body of a POST to serviceaccounts/NAME/token. It is never stored and has no resource.

upstream: pkg/apis/authentication/validation/validation.go, pkg/apis/authentication/v1/defaults.go, 1.28.
"""

from __future__ import annotations

from kubelab.kinds.field import FieldError, invalid
from kubelab.kinds.kind import Context, Kind, Object

_HOUR = 60 * 60
_SHORTEST = 10 * 60
_LONGEST = 1 << 32


def default(obj: Object, ctx: Context) -> None:
    spec = obj["spec"] = {**(obj.get("spec") or {})}
    if spec.get("expirationSeconds") is None:
        spec["expirationSeconds"] = _HOUR


def validate(obj: Object, ctx: Context) -> list[FieldError]:
    seconds = obj["spec"]["expirationSeconds"]
    if seconds < _SHORTEST:
        return [invalid("spec.expirationSeconds", seconds, "may not specify a duration less than 10 minutes")]
    if seconds > _LONGEST:
        return [invalid("spec.expirationSeconds", seconds, "may not specify a duration larger than 2^32 seconds")]
    return []


KIND = Kind(kind="TokenRequest", plural="tokenrequests", group="authentication.k8s.io", verbs=(), default=default, validate=validate)
