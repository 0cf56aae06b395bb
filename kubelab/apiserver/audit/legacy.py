"""The legacy text format: one line per event.

upstream: staging/src/k8s.io/apiserver/pkg/audit/format.go, 1.28, 1.7; plugin/pkg/audit/log/backend.go.
"""

from __future__ import annotations

from collections.abc import Sequence

from kubelab.kinds.field import go_quote
from kubelab.store.log import Object


def line(event: Object, *, release: str = "1.28") -> str:
    """An event as text, without its line's end; 1.7 does not say the user agent.

    >>> line({"auditID": "7", "stage": "RequestReceived", "verb": "get", "user": {}, "requestURI": "/healthz",
    ...     "requestReceivedTimestamp": "2026-01-01T00:00:00.500000Z"}).partition(" AUDIT: ")[0]
    '2026-01-01T00:00:00.5Z'
    """
    user = event.get("user") or {}
    name = user.get("username") or "<none>"
    groups = _quoted(user["groups"]) if user.get("username") and user.get("groups") else "<none>"
    acting = event.get("impersonatedUser")
    as_user = "<self>" if acting is None else acting.get("username", "")
    as_groups = _quoted(acting["groups"]) if acting is not None and acting.get("groups") is not None else "<lookup>"
    status = event.get("responseStatus")
    addresses = event.get("sourceIPs") or ["<unknown>"]
    parts = [
        ("id", event["auditID"]),
        ("stage", event["stage"]),
        ("ip", addresses[0]),
        ("method", event["verb"]),
        ("user", name),
        ("groups", groups),
        ("as", as_user),
        ("asgroups", as_groups),
        *((("user-agent", event.get("userAgent", "")),) if release != "1.7" else ()),
        ("namespace", (event.get("objectRef") or {}).get("namespace") or "<none>"),
        ("uri", event["requestURI"]),
    ]
    response = "<deferred>" if status is None else str(status.get("code", 0))
    said = " ".join(f"{key}={go_quote(str(text))}" for key, text in parts)
    return f'{_nano(event["requestReceivedTimestamp"])} AUDIT: {said} response="{response}"'


def _quoted(texts: Sequence[str]) -> str:
    return ",".join(go_quote(text) for text in texts)


def _nano(moment: str) -> str:
    """RFC3339Nano: no zeros at the end of the fraction."""
    whole, point, fraction = moment.removesuffix("Z").partition(".")
    fraction = fraction.rstrip("0")
    return f"{whole}.{fraction}Z" if point and fraction else f"{whole}Z"
