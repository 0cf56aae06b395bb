"""A pod's volumes: whether they can be mounted, what stands in them, and where a container sees them.

upstream: pkg/kubelet/volumemanager, pkg/volume/{configmap,secret,projected,downwardapi,emptydir}, 1.28. Contents live in the cluster-wide
table ``disks``: volume → path → text. A claim's volume is named by its PersistentVolume, so what was written there is there again on
whatever node the claim is mounted next.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from kubelab.cri.api import Mount
from kubelab.cri.shell.files import hosts_file
from kubelab.kubelet.pod import dns
from kubelab.kubelet.pod.environment import ConfigError, Place, config_map, field_value, resource_value, secret
from kubelab.store.view import View

Object = dict[str, Any]
ROOT_CA = "kube-root-ca.crt"
NO_KEY = "configmap references non-existent config key: {key}"
NO_SECRET_KEY = "references non-existent secret key: {key}"
NODE_HOSTS = (  # of a pod on the host's network: what the node's own file says
    "# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
    "fe00::0\tip6-localnet\nff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n{address}\t{name}\n"
)
WRITTEN = ("configMap", "secret", "projected", "downwardAPI")
_NONE: dict[str, Any] = {}
_VARIABLE = re.compile(r"\$\(([^)]+)\)")


class Unmountable(Exception):
    """A volume cannot be mounted yet; ``volume`` is its name in the pod."""

    def __init__(self, volume: str, message: str) -> None:
        super().__init__(message)
        self.volume = volume


def needs_mount(pod: Object) -> bool:
    """Whether mounting takes time: some volume is more than a directory that the kubelet fills itself."""
    return any(not any(kind in volume for kind in (*WRITTEN, "emptyDir", "hostPath")) for volume in pod["spec"].get("volumes") or ())


def is_plain(pod: Object) -> bool:
    """Whether there is nothing to check and nothing to write: no volumes, or only the service account's."""
    return all(_is_api_access(volume) for volume in pod["spec"].get("volumes") or ())


def is_refreshed(pod: Object) -> bool:
    """Whether the kubelet writes some of the pod's volumes anew from time to time."""
    return any(not _is_api_access(volume) and any(kind in volume for kind in WRITTEN) for volume in pod["spec"].get("volumes") or ())


def _is_api_access(volume: Object) -> bool:
    return volume["name"].startswith("kube-api-access-") and "projected" in volume


def volume_id(view: View, pod: Object, volume: Object, node: str) -> str:
    """Under which name the contents stand. Raises Unmountable for a claim that is missing or not bound."""
    meta = pod["metadata"]
    if "persistentVolumeClaim" in volume or "ephemeral" in volume:
        claim_name = (
            volume["persistentVolumeClaim"]["claimName"] if "persistentVolumeClaim" in volume else f"{meta['name']}-{volume['name']}"
        )
        claim = view.get("persistentvolumeclaims", meta["namespace"], claim_name)
        if claim is None:
            raise Unmountable(volume["name"], f"error processing PVC {meta['namespace']}/{claim_name}: PVC is not found")
        if (claim.get("status") or _NONE).get("phase") != "Bound" or not claim["spec"].get("volumeName"):
            raise Unmountable(volume["name"], f"error processing PVC {meta['namespace']}/{claim_name}: PVC is not bound")
        name = claim["spec"]["volumeName"]
        bound = view.get("persistentvolumes", "", name)
        return (_shared_place(bound["spec"], node) if bound is not None else "") or f"pv/{name}"
    return _shared_place(volume, node) or f"pod/{meta['uid']}/{volume['name']}"


def _shared_place(source: Object, node: str) -> str:
    """Where the contents stand that more than one volume may show: a path of the node, a directory of a file server."""
    for kind in ("hostPath", "local"):
        if kind in source:
            return f"host/{node}{source[kind].get('path', '')}"
    if "nfs" in source:
        return f"nfs/{source['nfs'].get('server', '')}{source['nfs'].get('path', '')}"
    return ""


def mount_all(place: Place, disks: dict[str, Mapping[str, str]], node: str) -> None:
    """Check every volume and fill those that the kubelet writes. Raises Unmountable."""
    for volume in place.pod["spec"].get("volumes") or ():
        name = volume_id(place.view, place.pod, volume, node)
        if _is_api_access(volume):
            continue
        if any(kind in volume for kind in WRITTEN):
            try:
                disks[name] = contents(place, volume)
            except ConfigError as error:
                raise Unmountable(volume["name"], f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}') from error


def contents(place: Place, volume: Object) -> dict[str, str]:
    """Path → text of a volume that the kubelet writes. Raises ConfigError."""
    namespace = place.pod["metadata"]["namespace"]
    if "configMap" in volume:
        source = volume["configMap"]
        optional = bool(source.get("optional"))
        return _items(config_map(place.view, namespace, source["name"], optional=optional, binary=True), source, optional, NO_KEY)
    if "secret" in volume:
        source = volume["secret"]
        optional = bool(source.get("optional"))
        return _items(secret(place.view, namespace, source["secretName"], optional=optional), source, optional, NO_SECRET_KEY)
    if "downwardAPI" in volume:
        return _downward(place, volume["downwardAPI"])
    out: dict[str, str] = {}
    for source in (volume.get("projected") or _NONE).get("sources") or ():
        out.update(_projected(place, namespace, source))
    return out


def _projected(place: Place, namespace: str, source: Object) -> dict[str, str]:
    if "configMap" in source:
        inner = source["configMap"]
        optional = bool(inner.get("optional")) or inner["name"] == ROOT_CA
        return _items(config_map(place.view, namespace, inner["name"], optional=optional, binary=True), inner, optional, NO_KEY)
    if "secret" in source:
        inner = source["secret"]
        optional = bool(inner.get("optional"))
        return _items(secret(place.view, namespace, inner["name"], optional=optional), inner, optional, NO_SECRET_KEY)
    if "downwardAPI" in source:
        return _downward(place, source["downwardAPI"])
    token = source.get("serviceAccountToken") or _NONE
    return {token["path"]: f"{namespace}/{place.pod['spec'].get('serviceAccountName', 'default')}"} if token else {}


def _items(data: Mapping[str, str], source: Object, optional: bool, complaint: str) -> dict[str, str]:
    items = source.get("items")
    if not items:
        return dict(data)
    out: dict[str, str] = {}
    for item in items:
        if item["key"] in data:
            out[item["path"]] = data[item["key"]]
        elif not optional:
            raise ConfigError(complaint.format(key=item["key"]))
    return out


def _downward(place: Place, source: Object) -> dict[str, str]:
    out: dict[str, str] = {}
    for item in source.get("items") or ():
        if "fieldRef" in item:
            out[item["path"]] = field_value(place, item["fieldRef"]["fieldPath"])
        elif "resourceFieldRef" in item:
            out[item["path"]] = resource_value(place, None, item["resourceFieldRef"])
    return out


def mounts(view: View, pod: Object, container: Object, node: str, env: Mapping[str, str], expand: Any) -> tuple[Mount, ...]:
    """What a container mounts, longest path first, so that the first match of a path is the innermost."""
    out = _files_of_the_kubelet(pod, container)
    wanted = container.get("volumeMounts")
    if not wanted:
        return tuple(out)
    by_name = {volume["name"]: volume for volume in pod["spec"].get("volumes") or ()}
    for entry in wanted:
        volume = by_name.get(entry["name"])
        if volume is None or _is_api_access(volume):
            continue
        sub_path = entry.get("subPath") or _expanded(entry.get("subPathExpr") or "", env, expand)
        if sub_path.startswith("/"):
            raise ConfigError(f"error SubPath `{sub_path}` must not be an absolute path")
        if ".." in sub_path.split("/"):
            raise ConfigError(f"unable to provision SubPath `{sub_path}`: must not contain '..'")
        readonly = bool(entry.get("readOnly")) or any(kind in volume for kind in WRITTEN)
        out.append(Mount(entry["mountPath"].rstrip("/") or "/", volume_id(view, pod, volume, node), readonly, sub_path))
    out.sort(key=lambda mount: -len(mount.container_path))
    return tuple(out)


def _files_of_the_kubelet(pod: Object, container: Object) -> list[Mount]:
    """The hosts file where the pod adds to it, resolv.conf where it is not the usual one, and the seal on a read-only root."""
    out, spec = [], pod["spec"]
    own = [entry["mountPath"] for entry in container.get("volumeMounts") or ()]
    if (spec.get("hostAliases") or spec.get("hostNetwork")) and "/etc/hosts" not in own:
        out.append(Mount("/etc/hosts", f"pod/{pod['metadata']['uid']}/etc-hosts", False, "hosts"))
    if not dns.is_usual(pod) and "/etc/resolv.conf" not in own:
        out.append(Mount("/etc/resolv.conf", f"pod/{pod['metadata']['uid']}/etc-hosts", False, "resolv.conf"))
    if (container.get("securityContext") or _NONE).get("readOnlyRootFilesystem"):
        out.append(Mount("/", "", True))
    return out


def _expanded(expression: str, env: Mapping[str, str], expand: Any) -> str:
    """upstream: pkg/kubelet/container/helpers.go ExpandContainerVolumeMounts."""
    missing = sorted({name for name in _VARIABLE.findall(expression) if not env.get(name)})
    if missing:
        raise ConfigError(f"missing value for {', '.join(missing)}")
    return str(expand(expression, env))


def prepare(pod: Object, ip: str, hostname: str, mounted: tuple[Mount, ...], disks: dict[str, Mapping[str, str]], domain: str = "") -> None:
    """Make what a container's mounts need on the volumes: directories of sub-paths, the hosts file, resolv.conf."""
    for mount in mounted:
        if not mount.sub_path:
            continue
        held = disks.get(mount.volume, _NONE)
        sub = mount.sub_path.strip("/")
        if mount.container_path == "/etc/hosts" and mount.volume.endswith("/etc-hosts"):
            if sub not in held:
                text = hosts_of_pod(pod, ip, hostname, domain)
                disks[mount.volume] = {**held, sub: text}
        elif mount.container_path == "/etc/resolv.conf" and mount.volume.endswith("/etc-hosts"):
            disks[mount.volume] = {**held, sub: dns.of_pod(pod).text}
        elif sub not in held and not mount.readonly and not any(path.startswith(f"{sub}/") for path in held):
            disks[mount.volume] = {**held, f"{sub}/": ""}


def hosts_of_pod(pod: Object, ip: str, hostname: str, domain: str) -> str:
    """upstream: pkg/kubelet/kubelet_pods.go ensureHostsFile, hostsEntriesFromHostAliases."""
    spec = pod["spec"]
    text = NODE_HOSTS.format(address=ip, name=spec.get("nodeName", "")) if spec.get("hostNetwork") else hosts_file(ip, hostname, domain)
    aliases = ["\t".join((entry["ip"], *(entry.get("hostnames") or ()))) + "\n" for entry in spec.get("hostAliases") or ()]
    return "".join((text, "\n# Entries added by HostAliases.\n", *aliases)) if aliases else text


def discard(pod: Object, disks: dict[str, Mapping[str, str]]) -> None:
    """A pod is gone: what only it had is gone too."""
    prefix = f"pod/{pod['metadata']['uid']}/"
    disks.pop(f"{prefix}etc-hosts", None)
    for volume in pod["spec"].get("volumes") or ():
        disks.pop(prefix + volume["name"], None)
