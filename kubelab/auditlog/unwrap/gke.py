"""GKE: entries of Cloud Logging as events (facts: falcosecurity/plugins plugins/k8saudit-gke/pkg/k8sauditgke/convert.go).

An entry tells of a call that has ended; it knows no stage, groups or latency. Its status is gRPC's; where it is fine, upstream's usual answer
to the verb is inferred, as Falco does.
"""

from __future__ import annotations

from typing import Any

from kubelab.auditlog.unwrap.found import Found, skipped, table, words

#: google.rpc.Code as the HTTP code and the reason of a Status.
CODES = {
    1: (499, ""),
    3: (400, "BadRequest"),
    4: (504, "Timeout"),
    5: (404, "NotFound"),
    6: (409, "AlreadyExists"),
    7: (403, "Forbidden"),
    8: (429, "TooManyRequests"),
    9: (400, ""),
    10: (409, "Conflict"),
    11: (400, ""),
    12: (501, ""),
    13: (500, "InternalError"),
    14: (503, "ServiceUnavailable"),
    16: (401, "Unauthorized"),
}
VERBS = ("get", "list", "watch", "create", "update", "patch", "delete", "deletecollection")


def is_entry(value: dict[str, Any]) -> bool:
    return isinstance(value.get("protoPayload"), dict)


def converted(entry: dict[str, Any], server: str) -> Found:
    """The event of an entry; entries of other services (``container.googleapis.com``) are no calls of Kubernetes."""
    payload = entry["protoPayload"]
    labels = table(table(entry.get("resource")).get("labels"))
    server = words(labels.get("cluster_name")) or server
    if payload.get("serviceName") != "k8s.io":
        return skipped(f"an entry of {words(payload.get('serviceName')) or 'another service'}, no call of Kubernetes", server)
    ref, verb = _reference(words(payload.get("methodName")), words(payload.get("resourceName")))
    request, response = payload.get("request") or None, payload.get("response") or None
    caller = table(payload.get("requestMetadata"))
    address = words(caller.get("callerIp"))
    event: dict[str, Any] = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "level": "RequestResponse" if response else "Request" if request else "Metadata",
        "auditID": words(table(entry.get("operation")).get("id")) or words(entry.get("insertId")) or None,
        "requestURI": _uri(ref, verb, words(payload.get("resourceName"))),
        "verb": verb,
        "user": {"username": words(table(payload.get("authenticationInfo")).get("principalEmail"))},
        "sourceIPs": [address] if address else [],
        "userAgent": caller.get("callerSuppliedUserAgent"),
        "objectRef": ref,
        "responseStatus": _status(table(payload.get("status")), table(response), verb, ref),
        "requestObject": request,
        "responseObject": response,
        "requestReceivedTimestamp": entry.get("timestamp"),
        "annotations": _annotations(entry, payload),
    }
    return Found({key: value for key, value in event.items() if value not in (None, [], {})}, server)


def _reference(method: str, name: str) -> tuple[dict[str, str] | None, str]:
    """``objectRef`` and verb: the method says resource and subresource, the resource name says group, version, namespace and name."""
    *_, verb = method.split(".")
    parts = name.split("/") if name else []
    if len(parts) < 3:
        return None, verb
    group, version, rest = parts[0], parts[1], parts[2:]
    marker = f".{version}."
    resource, *_ = method.partition(marker)[2].split(".") if marker in method else [""]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2 and resource != "namespaces":
        namespace, rest = rest[1], rest[2:]
    elif rest[0] == "namespaces" and len(rest) > 1 and verb != "create":
        namespace = rest[1]
    found = {
        "resource": rest[0],
        "namespace": namespace,
        "name": rest[1] if len(rest) > 1 else "",
        "apiGroup": "" if group == "core" else group,
        "apiVersion": version,
        "subresource": "/".join(rest[2:]),
    }
    return {key: value for key, value in found.items() if value}, verb


def _uri(ref: dict[str, str] | None, verb: str, name: str) -> str:
    """The path that a client asks; the name of what is created stands in its body only."""
    if ref is None:
        return f"/{name}" if name else ""
    group = ref.get("apiGroup", "")
    path = f"/apis/{group}/{ref['apiVersion']}" if group else f"/api/{ref['apiVersion']}"
    if ref.get("namespace") and ref["resource"] != "namespaces":
        path += f"/namespaces/{ref['namespace']}"
    own = "" if verb == "create" and not ref.get("subresource") else ref.get("name", "")
    return "/".join(part for part in (path, ref["resource"], own, ref.get("subresource", "")) if part)


def _status(status: dict[str, Any], response: dict[str, Any], verb: str, ref: dict[str, str] | None) -> dict[str, Any]:
    code = status.get("code") or 0
    is_status = response.get("kind") == "Status" or words(response.get("@type")).endswith(".Status")
    if is_status and isinstance(response.get("code"), int):
        return {"metadata": {}, **{key: value for key, value in response.items() if key in ("status", "reason", "message", "code")}}
    if code == 0:
        switched = (ref or {}).get("subresource") in ("exec", "attach", "portforward")
        return {"metadata": {}, "code": 101 if switched else 201 if verb == "create" else 200}
    http, reason = CODES.get(code, (500, ""))
    told = {"metadata": {}, "status": "Failure", "code": http, "reason": reason, "message": words(status.get("message"))}
    return {key: value for key, value in told.items() if value != ""}


def _annotations(entry: dict[str, Any], payload: dict[str, Any]) -> dict[str, str]:
    found = {key: value for key, value in table(entry.get("labels")).items() if isinstance(value, str)}
    granted = payload.get("authorizationInfo")
    if "authorization.k8s.io/decision" not in found and isinstance(granted, list) and granted and isinstance(granted[0], dict):
        found["authorization.k8s.io/decision"] = "allow" if granted[0].get("granted") else "forbid"
    return found
