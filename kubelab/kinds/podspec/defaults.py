"""Defaults of pod specs and pod templates.

The functions change only the dict they are given: what lies deeper is replaced by a changed copy, never changed itself, so that a pod may
share the inside of its template.

upstream: pkg/apis/core/v1/{defaults,zz_generated.defaults,conversion}.go, 1.28.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from kubelab.kinds.kind import Object
from kubelab.kinds.quantity import QuantityError, parse, render

DEFAULT_GRACE_SECONDS = 30
DEFAULT_SCHEDULER = "default-scheduler"
TERMINATION_MESSAGE_PATH = "/dev/termination-log"

_IMAGE = re.compile(
    r"(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*(?::[0-9]+)?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-*)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-*)[a-z0-9]+)*)*"
    r"(?::(?P<tag>[\w][\w.-]{0,127}))?(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?"
).fullmatch


def default_pod_template(template: Object) -> None:
    """Defaults of a PodTemplateSpec, in place."""
    spec = dict(template.get("spec") or {})
    default_pod_spec(spec)
    template["spec"] = spec


def default_pod_spec(spec: Object) -> None:
    """Defaults of a PodSpec as it stands in any kind, in place (upstream: SetDefaults_PodSpec and what lies below)."""
    if not spec.get("dnsPolicy"):
        spec["dnsPolicy"] = "ClusterFirst"
    if not spec.get("restartPolicy"):
        spec["restartPolicy"] = "Always"
    if spec.get("securityContext") is None:
        spec["securityContext"] = {}
    if spec.get("terminationGracePeriodSeconds") is None:
        spec["terminationGracePeriodSeconds"] = DEFAULT_GRACE_SECONDS
    if not spec.get("schedulerName"):
        spec["schedulerName"] = DEFAULT_SCHEDULER
    _mirror_service_account(spec)
    if spec.get("overhead"):
        spec["overhead"] = default_resource_list(spec["overhead"])
    if spec.get("volumes"):
        spec["volumes"] = _each(spec["volumes"], _default_volume)
    for containers in ("containers", "initContainers", "ephemeralContainers"):
        if spec.get(containers):
            spec[containers] = _each(spec[containers], _default_container)


def default_pod(spec: Object) -> None:
    """What only a Pod's own spec gets, before ``default_pod_spec``, in place (upstream: SetDefaults_Pod)."""
    for containers in ("containers", "initContainers"):
        if spec.get(containers):
            spec[containers] = _each(spec[containers], _requests_from_limits)
    if spec.get("enableServiceLinks") is None:
        spec["enableServiceLinks"] = True
    if spec.get("hostNetwork"):
        for containers in ("containers", "initContainers"):
            if spec.get(containers):
                spec[containers] = _each(spec[containers], _host_ports)


def _mirror_service_account(spec: Object) -> None:
    """The deprecated field always shows what serviceAccountName says (upstream: conversion of PodSpec)."""
    name = spec.get("serviceAccountName") or spec.get("serviceAccount")
    if name:
        spec["serviceAccountName"] = spec["serviceAccount"] = name


def _each(items: list[Object], change: Any) -> list[Object]:
    """The list with each item changed; the list itself if nothing had to change."""
    changed = [change(item) for item in items]
    return items if all(new is old for new, old in zip(changed, items, strict=True)) else changed


def _default_container(container: Object) -> Object:
    new: Object = {}
    if not container.get("imagePullPolicy"):
        new["imagePullPolicy"] = _pull_policy(container.get("image") or "")
    if not container.get("terminationMessagePath"):
        new["terminationMessagePath"] = TERMINATION_MESSAGE_PATH
    if not container.get("terminationMessagePolicy"):
        new["terminationMessagePolicy"] = "File"
    if container.get("ports"):
        _put(new, container, "ports", _each(container["ports"], _default_port))
    if container.get("env"):
        _put(new, container, "env", _each(container["env"], _default_env))
    resources = container.get("resources")
    if resources is None:
        new["resources"] = {}
    elif resources:
        _put(new, container, "resources", default_resources(resources))
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe) is not None:
            _put(new, container, probe, _default_probe(container[probe]))
    if container.get("lifecycle"):
        _put(new, container, "lifecycle", _default_lifecycle(container["lifecycle"]))
    return {**container, **new} if new else container


def _put(new: Object, old: Object, key: str, value: Any) -> None:
    if value is not old.get(key):
        new[key] = value


@lru_cache(maxsize=4096)
def _pull_policy(image: str) -> str:
    """Always for the tag ``latest``, which is also what no tag means."""
    found = _IMAGE(image)
    if found is None:
        return "IfNotPresent"
    latest = found["tag"] == "latest" or (found["tag"] is None and found["digest"] is None)
    return "Always" if latest else "IfNotPresent"


def _default_port(port: Object) -> Object:
    return port if port.get("protocol") else {**port, "protocol": "TCP"}


def _default_env(variable: Object) -> Object:
    source = variable.get("valueFrom")
    if not source or not source.get("fieldRef"):
        return variable
    changed = _default_field_ref(source)
    return variable if changed is source else {**variable, "valueFrom": changed}


def _default_field_ref(holder: Object) -> Object:
    """An object with a ``fieldRef``."""
    reference = holder.get("fieldRef")
    if reference is None or reference.get("apiVersion"):
        return holder
    return {**holder, "fieldRef": {"apiVersion": "v1", **reference}}


def default_resources(resources: Object) -> Object:
    """Limits and requests rounded up to thousandths."""
    new: Object = {}
    for part in ("limits", "requests"):
        if resources.get(part):
            _put(new, resources, part, default_resource_list(resources[part]))
    return {**resources, **new} if new else resources


def default_resource_list(amounts: dict[str, str]) -> dict[str, str]:
    """upstream: SetDefaults_ResourceList."""
    rounded = {}
    for name, amount in amounts.items():
        try:
            found = parse(amount)
        except QuantityError:
            continue
        if found.nano % 1_000_000:
            rounded[name] = render(found.milli() * 1_000_000, found.format)
    return {**amounts, **rounded} if rounded else amounts


_PROBE = (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3))


def _default_probe(probe: Object) -> Object:
    new: Object = {name: number for name, number in _PROBE if not probe.get(name)}
    if probe.get("httpGet"):
        _put(new, probe, "httpGet", _default_http_get(probe["httpGet"]))
    if probe.get("grpc") and probe["grpc"].get("service") is None:
        new["grpc"] = {**probe["grpc"], "service": ""}
    return {**probe, **new} if new else probe


def _default_http_get(action: Object) -> Object:
    if action.get("path") and action.get("scheme"):
        return action
    return {**action, "path": action.get("path") or "/", "scheme": action.get("scheme") or "HTTP"}


def _default_lifecycle(lifecycle: Object) -> Object:
    new: Object = {}
    for hook in ("postStart", "preStop"):
        handler = lifecycle.get(hook)
        if handler and handler.get("httpGet"):
            action = _default_http_get(handler["httpGet"])
            if action is not handler["httpGet"]:
                new[hook] = {**handler, "httpGet": action}
    return {**lifecycle, **new} if new else lifecycle


def _requests_from_limits(container: Object) -> Object:
    resources = container.get("resources") or {}
    limits = resources.get("limits")
    if not limits:
        return container
    requests = resources.get("requests") or {}
    missing = {name: amount for name, amount in limits.items() if name not in requests}
    return {**container, "resources": {**resources, "requests": {**requests, **missing}}} if missing else container


def _host_ports(container: Object) -> Object:
    ports = container.get("ports")
    if not ports:
        return container
    changed = [port if port.get("hostPort") else {**port, "hostPort": port.get("containerPort", 0)} for port in ports]
    return {**container, "ports": changed}


_MODE = 0o644
_VOLUME_DEFAULTS: dict[str, dict[str, Any]] = {
    "secret": {"defaultMode": _MODE},
    "configMap": {"defaultMode": _MODE},
    "downwardAPI": {"defaultMode": _MODE},
    "projected": {"defaultMode": _MODE},
    "hostPath": {"type": ""},
    "iscsi": {"iscsiInterface": "default"},
    "rbd": {"pool": "rbd", "user": "admin", "keyring": "/etc/ceph/keyring"},
    "scaleIO": {"storageMode": "ThinProvisioned", "fsType": "xfs"},
    "azureDisk": {"cachingMode": "ReadWrite", "kind": "Shared", "fsType": "ext4", "readOnly": False},
}


def _default_volume(volume: Object) -> Object:
    if not any(key != "name" and value is not None for key, value in volume.items()):
        return {**volume, "emptyDir": {}}
    new: Object = {}
    for kind, source in volume.items():
        defaults = _VOLUME_DEFAULTS.get(kind)
        if defaults is None or source is None:
            continue
        changed = source if all(source.get(key) is not None for key in defaults) else {**defaults, **source}
        if kind == "downwardAPI" and changed.get("items"):
            changed = _with(changed, "items", _each(changed["items"], _default_field_ref))
        if kind == "projected" and changed.get("sources"):
            changed = _with(changed, "sources", _each(changed["sources"], _default_projection))
        _put(new, volume, kind, changed)
    template = (volume.get("ephemeral") or {}).get("volumeClaimTemplate")
    if template is not None:
        spec = default_claim_spec(template.get("spec") or {})
        if spec is not template.get("spec"):
            new["ephemeral"] = {**volume["ephemeral"], "volumeClaimTemplate": {**template, "spec": spec}}
    return {**volume, **new} if new else volume


def _with(holder: Object, key: str, value: Any) -> Object:
    return holder if value is holder[key] else {**holder, key: value}


def _default_projection(source: Object) -> Object:
    new: Object = {}
    downward, token = source.get("downwardAPI"), source.get("serviceAccountToken")
    if downward and downward.get("items"):
        _put(new, source, "downwardAPI", _with(downward, "items", _each(downward["items"], _default_field_ref)))
    if token is not None and token.get("expirationSeconds") is None:
        new["serviceAccountToken"] = {"expirationSeconds": 3600, **token}
    return {**source, **new} if new else source


def default_claim_spec(spec: Object) -> Object:
    """Defaults of a PersistentVolumeClaimSpec, as a changed copy (upstream: SetDefaults_PersistentVolumeClaimSpec)."""
    new: Object = {}
    if spec.get("volumeMode") is None:
        new["volumeMode"] = "Filesystem"
    if spec.get("resources") is None:
        new["resources"] = {}
    else:
        _put(new, spec, "resources", default_resources(spec["resources"]))
    return {**spec, **new} if new else spec
