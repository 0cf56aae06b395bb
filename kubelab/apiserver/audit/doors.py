"""What the audit takes from an HTTP request's headers, and the ID under which it knows each call.

upstream: staging/src/k8s.io/apiserver/pkg/endpoints/filters/{audit_init,authn_audit}.go, apimachinery/pkg/util/net/http.go (SourceIPs), 1.28.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Any

from kubelab.apiserver import reading
from kubelab.apiserver.request import Door, User
from kubelab.world.streams import Streams

PEER = "127.0.0.1"
META_VERSION = "meta.k8s.io/v1"


def audit_id(headers: Mapping[str, Any], seed: int, call: int) -> str:
    """The client's own ``Audit-ID`` as it is, else one that follows from the seed and the number of the call."""
    return (_header(headers, "audit-id") if headers else "") or made_id(seed, call)


def made_id(seed: int, call: int | str) -> str:
    """A version 4 UUID of its own for each call; it draws from no stream of the world.

    >>> made_id(0, 7) == made_id(0, 7) != made_id(0, 8)
    True
    """
    return Streams(seed).uuid(f"audit/{call}")


def door(method: str, headers: Mapping[str, Any], audit: str, caller: User | None, body: Any) -> Door:
    return Door(caller, audit, source_ips(headers), _header(headers, "accept"), _version(body) if method == "DELETE" else "")


def _version(body: Any) -> str:
    """The apiVersion of DeleteOptions; those that say none are taken for the generic ones."""
    if isinstance(body, str | bytes):
        try:
            body = reading.yaml_value(reading.text_of(body))[0]
        except (ValueError, RecursionError):
            return ""
    if not body or not isinstance(body, dict):
        return META_VERSION if body == {} else ""
    return str(body.get("apiVersion") or META_VERSION)


def source_ips(headers: Mapping[str, Any], peer: str = PEER) -> tuple[str, ...]:
    """X-Forwarded-For, X-Real-Ip if it is new, and the peer unless it is the last of them: only the last can be trusted.

    >>> source_ips({"X-Forwarded-For": "10.0.0.1, bad, 10.0.0.2", "X-Real-Ip": "10.0.0.9"})
    ('10.0.0.1', '10.0.0.2', '10.0.0.9', '127.0.0.1')
    """
    found = [ip for part in _header(headers, "x-forwarded-for").split(",") if (ip := _address(part.strip()))] if headers else []
    real = _address(_header(headers, "x-real-ip")) if headers else ""
    if real and real not in found:
        found.append(real)
    if not found or found[-1] != peer:
        found.append(peer)
    return tuple(found)


def _header(headers: Mapping[str, Any], wanted: str) -> str:
    for name, found in headers.items():
        if name.lower() == wanted:
            return str(found if isinstance(found, str) else next(iter(found), ""))
    return ""


def _address(text: str) -> str:
    """An IP address as Go prints it; leading zeros in its numbers are forgiven (ParseIPSloppy)."""
    if "%" in text:  # Go's parser knows no zones
        return ""
    try:
        if ":" not in text:
            text = ".".join(part.lstrip("0") or "0" for part in text.split(".")) if text else text
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)


def failed_authentication(headers: Mapping[str, Any], access_token: str = "", *, certificate: bool = False) -> str:
    """What the prepared status says of a failed authentication; it stays only where no Status could be written over it."""
    methods: list[str] = []
    given = _header(headers, "authorization").strip()
    scheme = given.split(" ")[0].lower() if " " in given else ""
    if scheme == "basic":
        methods.append("basic")
    if scheme == "bearer":
        methods.append("bearer")
    if access_token.strip():
        methods.append("access_token")
    if certificate:
        methods.append("x509")
    return f"Authentication failed, attempted: {', '.join(methods)}" if methods else "Authentication failed, no credentials provided"
