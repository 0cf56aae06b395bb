"""User agents as clients send them, from the short names that call records (and managedFields) have; and where a call comes from.

upstream: client-go/rest/config.go (buildUserAgent, AddUserAgent), cmd/kube-controller-manager/app/controllermanager.go,
cmd/kube-scheduler/app/options/options.go, 1.28; recorded ones: `kube-scheduler/v1.20.2 (linux/amd64) kubernetes/none/scheduler`.
"""

from __future__ import annotations

import re
from functools import lru_cache

VERSION = "v1.28.0"
COMMIT = "855e7c4"  # the first seven of discovery's gitCommit
OLDER = {"1.7": ("v1.7.0", "d3ada01")}
KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kubectl")
MAX_LENGTH, TRUNCATED = 1024, "...TRUNCATED"
_LOOSE_BYTE = re.compile("[\udc80-\udcff]")


@lru_cache(maxsize=4096)
def full(agent: str, user: str, *, electing: bool = False, release: str = "1.28") -> str:
    """The user agent of a component or of the Python handle. ``electing``: the client with which a replica asks for its lease; the one client
    of 1.7's scheduler bore that name (plugin/cmd/kube-scheduler/app/configurator.go createClient, 1.7).

    >>> full("kube-controller-manager", "system:serviceaccount:kube-system:job-controller")
    'kube-controller-manager/v1.28.0 (linux/amd64) kubernetes/855e7c4/system:serviceaccount:kube-system:job-controller'
    """
    command = "kubectl" if agent.startswith("kubectl-") else agent
    if command not in KUBERNETES:
        return agent
    version, commit = (VERSION, COMMIT) if release == "1.28" else OLDER[release]
    text = f"{command}/{version} (linux/amd64) kubernetes/{commit}"
    if electing:
        return f"{text}/leader-election"
    if command == "kube-scheduler":
        return f"{text}/{'leader-election' if release == '1.7' else 'scheduler'}"
    if command == "kube-controller-manager":
        return f"{text}/{user}" if user.startswith("system:serviceaccount:") else f"{text}/{command}"
    return text


def cut(agent: str) -> str:
    """Upstream keeps 1,024 bytes; of a character that is cut in two, Go's encoder writes a U+FFFD for each byte."""
    if len(agent) * 4 <= MAX_LENGTH:
        return agent
    data = agent.encode("utf-8", "surrogatepass")
    if len(data) <= MAX_LENGTH:
        return agent
    return _LOOSE_BYTE.sub("\ufffd", data[:MAX_LENGTH].decode("utf-8", "surrogateescape")) + TRUNCATED
