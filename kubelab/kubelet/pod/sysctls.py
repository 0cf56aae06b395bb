"""Which kernel parameters a pod may set: the safe ones, and those that its node allows: ``lab.kubelab.dev/allowed-unsafe-sysctls: kernel.msg*``.

upstream: pkg/kubelet/sysctl/{allowlist,safe_sysctls,namespace,util}.go, 1.28.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

Object = dict[str, Any]
ALLOWED = "lab.kubelab.dev/allowed-unsafe-sysctls"
SAFE = (
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
)
NAMESPACES = {"kernel.sem": "ipc"}
PREFIXES = {"kernel.shm": "ipc", "kernel.msg": "ipc", "fs.mqueue.": "ipc", "net.": "net"}
_NONE: dict[str, Any] = {}


def with_dots(name: str) -> str:
    """A name whose parts dots separate. Where slashes do, dots and slashes change places.

    >>> with_dots("net/ipv4/conf/eno2.100/rp_filter"), with_dots("net.ipv4.conf.eno2/100.rp_filter")
    ('net.ipv4.conf.eno2/100.rp_filter', 'net.ipv4.conf.eno2/100.rp_filter')
    """
    first = next((sign for sign in name if sign in "./"), ".")
    return name if first == "." else name.translate(str.maketrans("./", "/."))


def namespace_of(pattern: str) -> str:
    """The namespace of a parameter, or of a pattern's parameters (upstream: NamespacedBy); "" if it has none."""
    found = NAMESPACES.get(pattern, "")
    return found or next((namespace for prefix, namespace in PREFIXES.items() if pattern.startswith(prefix)), "")


@lru_cache(maxsize=256)
def allowlist(allowed: str) -> tuple[dict[str, str], dict[str, str]]:
    """Names and prefixes that may be set, with their namespaces; patterns of what has none are not followed (upstream: NewAllowlist)."""
    names = {name: namespace_of(name) for name in SAFE}
    prefixes: dict[str, str] = {}
    for pattern in filter(None, map(str.strip, allowed.split(","))):
        name = with_dots(pattern.removesuffix("*"))
        namespace = namespace_of(name)
        if namespace:
            (prefixes if pattern.endswith("*") else names)[name] = namespace
    return names, prefixes


def forbidden(node: Object, spec: Object) -> str:
    """Why a pod's parameters are refused; "" if they are not."""
    wanted = (spec.get("securityContext") or _NONE).get("sysctls")
    if not wanted:
        return ""
    names, prefixes = allowlist((node["metadata"].get("annotations") or _NONE).get(ALLOWED, ""))
    for entry in wanted:
        name = with_dots(entry["name"])
        namespace = names.get(name) or next((found for prefix, found in prefixes.items() if name.startswith(prefix)), "")
        if not namespace:
            return f'forbidden sysctl: "{name}" not allowlisted'
        if spec.get("hostIPC" if namespace == "ipc" else "hostNetwork"):
            return f'forbidden sysctl: "{name}" not allowed with host {namespace} enabled'
    return ""
