"""A container's environment variables, and the expansion of ``$(NAME)`` in values, commands and arguments.

upstream: pkg/kubelet/kubelet_pods.go makeEnvironmentVariables, pkg/kubelet/envvars/envvars.go, third_party/forked/golang/expansion,
pkg/fieldpath, pkg/api/v1/resource/helpers.go ExtractContainerResourceValue, 1.28.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import is_
from typing import Any

from kubelab.kinds import quantity
from kubelab.kinds.field import go_quote
from kubelab.kinds.names import is_env_var_name
from kubelab.store.view import View

Object = dict[str, Any]
_NONE: dict[str, Any] = {}
_KEEP = 1024
_known: dict[tuple[str, bool], tuple[tuple[Object | None, ...], dict[str, str]]] = {}  # by namespace, and whether its services are in
_REFERENCE = re.compile(r"\$(?:\$|\(([^)]*)\))")


class ConfigError(Exception):
    """A container cannot be configured: ``CreateContainerConfigError`` with this text."""


@dataclass(frozen=True, slots=True)
class Place:
    """What a downward reference can ask for."""

    view: View
    pod: Object
    ip: str
    host_ip: str
    node: Object | None


def expand(text: str, env: Mapping[str, str]) -> str:
    """Replace ``$(NAME)`` by the variable's value, if there is one; ``$$`` is a dollar sign.

    >>> expand("$(A)-$(B)-$$(A)", {"A": "1"})
    '1-$(B)-$(A)'
    """
    if "$" not in text:
        return text
    return _REFERENCE.sub(lambda found: "$" if found[0] == "$$" else env.get(found[1], found[0]), text)


def variables(place: Place, container: Object) -> dict[str, str]:
    """The environment of a container, to be read only. Raises ConfigError."""
    env = service_variables(place.view, place.pod)
    if not container.get("envFrom") and not container.get("env"):
        return env
    env = dict(env)
    for source in container.get("envFrom") or ():
        env.update(_all_of(place, source))
    for entry in container.get("env") or ():
        name = entry["name"]
        if "valueFrom" in entry:
            value = _referred(place, container, entry["valueFrom"])
            if value is None:
                continue
            env[name] = value
        else:
            env[name] = expand(entry.get("value") or "", env)
    return env


def _all_of(place: Place, source: Object) -> dict[str, str]:
    namespace, prefix = place.pod["metadata"]["namespace"], source.get("prefix", "")
    if "configMapRef" in source:
        reference = source["configMapRef"]
        data = config_map(place.view, namespace, reference["name"], optional=bool(reference.get("optional")))
    elif "secretRef" in source:
        reference = source["secretRef"]
        data = secret(place.view, namespace, reference["name"], optional=bool(reference.get("optional")))
    else:
        return {}
    return {prefix + key: text for key, text in data.items() if not is_env_var_name(prefix + key)}


def skipped(view: View, pod: Object, container: Object) -> tuple[str, ...]:
    """For each source of envFrom with keys that cannot name a variable: the message of the event about them."""
    namespace, texts = pod["metadata"]["namespace"], list[str]()
    for source in container.get("envFrom") or ():
        kind, resource = ("configMap", "configmaps") if "configMapRef" in source else ("secret", "secrets")
        name = (source.get(f"{kind}Ref") or _NONE).get("name", "")
        found = view.get(resource, namespace, name) or _NONE
        keys = sorted(source.get("prefix", "") + key for key in found.get("data") or ())
        invalid = [key for key in keys if is_env_var_name(key)]
        if invalid:
            texts.append(
                f"Keys [{', '.join(invalid)}] from the EnvFrom {kind} {namespace}/{name} were skipped since they are considered invalid "
                "environment variable names."
            )
    return tuple(texts)


def config_map(view: View, namespace: str, name: str, *, optional: bool, binary: bool = False) -> Mapping[str, str]:
    """A ConfigMap's data, for files with its ``binaryData``. Raises ConfigError if it is missing and needed."""
    found = view.get("configmaps", namespace, name)
    if found is None:
        if optional:
            return _NONE
        raise ConfigError(f'configmap "{name}" not found')
    data: Mapping[str, str] = found.get("data") or _NONE
    return {**data, **_decoded(found["binaryData"])} if binary and found.get("binaryData") else data


def secret(view: View, namespace: str, name: str, *, optional: bool) -> Mapping[str, str]:
    """A Secret's data as text. Raises ConfigError if it is missing and needed."""
    found = view.get("secrets", namespace, name)
    if found is None:
        if optional:
            return _NONE
        raise ConfigError(f'secret "{name}" not found')
    return _decoded(found.get("data") or _NONE)


def _decoded(data: Mapping[str, str]) -> dict[str, str]:
    return {key: base64.b64decode(text).decode("utf-8", "replace") for key, text in data.items()}


def _referred(place: Place, container: Object, source: Object) -> str | None:
    """The value of a valueFrom; None: optional and absent."""
    meta = place.pod["metadata"]
    if "fieldRef" in source:
        return field_value(place, source["fieldRef"]["fieldPath"])
    if "resourceFieldRef" in source:
        return resource_value(place, container, source["resourceFieldRef"])
    kind = "ConfigMap" if "configMapKeyRef" in source else "Secret"
    reference = source["configMapKeyRef" if kind == "ConfigMap" else "secretKeyRef"]
    optional = bool(reference.get("optional"))
    read = config_map if kind == "ConfigMap" else secret
    data = read(place.view, meta["namespace"], reference["name"], optional=optional)
    if reference["key"] not in data:
        if optional:
            return None
        raise ConfigError(f"couldn't find key {reference['key']} in {kind} {meta['namespace']}/{reference['name']}")
    return data[reference["key"]]


def field_value(place: Place, path: str) -> str:
    """upstream: podFieldSelectorRuntimeValue, fieldpath.ExtractFieldPathAsString."""
    pod = place.pod
    meta, spec = pod["metadata"], pod["spec"]
    if path.endswith("]") and "['" in path:
        group, _, key = path[:-2].partition("['")
        return str((meta.get(group.removeprefix("metadata.")) or _NONE).get(key, ""))
    if path in ("metadata.labels", "metadata.annotations"):
        pairs = meta.get(path[9:]) or _NONE
        return "\n".join(f"{key}={go_quote(pairs[key])}" for key in sorted(pairs))
    simple = {
        "metadata.name": meta["name"],
        "metadata.namespace": meta["namespace"],
        "metadata.uid": meta["uid"],
        "spec.nodeName": spec.get("nodeName", ""),
        "spec.serviceAccountName": spec.get("serviceAccountName", ""),
        "status.hostIP": place.host_ip,
        "status.hostIPs": place.host_ip,
        "status.podIP": place.ip,
        "status.podIPs": place.ip,
    }
    if path not in simple:
        raise ConfigError(f"unsupported fieldPath: {path}")
    return str(simple[path])


def resource_value(place: Place, container: Object | None, reference: Object) -> str:
    """A container's request or limit in units of the divisor, rounded up; an absent limit is the node's allocatable, except that of another
    init container that a variable names. Without a container of its own (a volume) the reference names one.

    upstream: pkg/kubelet/kubelet_pods.go containerResourceRuntimeValue, kubelet_resources.go defaultPodLimitsForDownwardAPI.
    """
    name, spec = reference.get("containerName"), place.pod["spec"]
    kind, _, resource = reference["resource"].partition(".")
    is_open = kind == "limits" and resource in ("cpu", "memory", "ephemeral-storage") and place.node is not None
    if name:
        mains, inits = spec["containers"], spec.get("initContainers") or ()
        found = next((entry for entry in (*mains, *inits) if entry["name"] == name), None)
        if found is None:
            raise ConfigError(f"container {name} not found")
        is_open = is_open and (container is None or any(entry is found for entry in mains))
        container = found
    text = (((container or _NONE).get("resources") or _NONE).get(kind) or _NONE).get(resource)
    amount = quantity.parse(str(text or "0")).nano
    if not amount and is_open and place.node is not None:
        allocatable = (place.node.get("status") or _NONE).get("allocatable") or _NONE
        amount = quantity.parse(str(allocatable.get(resource) or "0")).nano
    divisor = quantity.parse(str(reference.get("divisor") or "1")).nano or quantity.NANO
    return str(-(-amount // divisor))


def service_variables(view: View, pod: Object) -> dict[str, str]:
    """NAME_SERVICE_HOST and its kin for the services of the pod's namespace (unless enableServiceLinks is false) and the API server.

    A service of the pod's namespace that is named as the API server's hides that one.

    upstream: getServiceEnvVarMap, envvars.FromServices. As long as these services are the same the result is, and all containers share it.
    """
    master = view.get("services", "default", "kubernetes")
    namespace, links = pod["metadata"]["namespace"], bool(pod["spec"].get("enableServiceLinks", True))
    listed = view.list("services", namespace) if links else []
    services = (master, *listed)
    known, env = _known.get((namespace, links), ((), {}))
    if len(known) == len(services) and all(map(is_, known, services)):
        return env
    if len(_known) >= _KEEP:
        _known.clear()
    env = _variables_of(master, listed)
    _known[(namespace, links)] = (services, env)
    return env


def _variables_of(master: Object | None, services: Sequence[Object]) -> dict[str, str]:
    env: dict[str, str] = {}
    is_hidden = False
    for service in services:
        if service is not master and _add_service(env, service):
            is_hidden = is_hidden or service["metadata"]["name"] == "kubernetes"
    if master is not None and not is_hidden:
        _add_service(env, master)
    return env


def _add_service(env: dict[str, str], service: Object) -> bool:
    """In place on a private dict; False for a service without address, which has no variables."""
    spec = service["spec"]
    address, ports = spec.get("clusterIP"), spec.get("ports") or ()
    if address in (None, "", "None") or not ports:
        return False
    served = tuple((str(port["port"]), port.get("protocol", "TCP"), port.get("name") or "") for port in ports)
    env.update(_lines_of_service(service["metadata"]["name"], address, served))
    return True


@lru_cache(maxsize=1024)
def _lines_of_service(service: str, address: str, ports: tuple[tuple[str, str, str], ...]) -> tuple[tuple[str, str], ...]:
    """``ports``: number, protocol, name. Every container of a namespace has the same lines, so they share the texts."""
    name = service.replace("-", "_").upper()
    lines = [(f"{name}_SERVICE_HOST", address), (f"{name}_SERVICE_PORT", ports[0][0])]
    lines += ((f"{name}_SERVICE_PORT_{port_name.replace('-', '_').upper()}", port) for port, _, port_name in ports if port_name)
    for at, (port, protocol, _) in enumerate(ports):
        prefix = f"{name}_PORT_{port}_{protocol}"
        url = f"{protocol.lower()}://{address}:{port}"
        if at == 0:
            lines.append((f"{name}_PORT", url))
        lines += [(prefix, url), (f"{prefix}_PROTO", protocol.lower()), (f"{prefix}_PORT", port), (f"{prefix}_ADDR", address)]
    return tuple(lines)
