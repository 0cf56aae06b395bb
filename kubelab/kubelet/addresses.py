"""Addresses of pods: each node hands out those of its podCIDR in turn.

upstream: the host-local IPAM plug-in (containernetworking/plugins), round robin over the range; pkg/controller/nodeipam gives the range.
"""

from __future__ import annotations

from typing import Any

from kubelab.engine.component import Scope
from kubelab.kubelet.network_world import local, shared

Object = dict[str, Any]
FIRST, LAST = 2, 254


class NoAddress(Exception):
    """All addresses of the node's range are taken."""


def pod_range(index: int) -> str:
    """The first three numbers of the addresses of the pods of node number ``index``.

    >>> pod_range(3), pod_range(300)
    ('10.244.3', '10.245.44')
    """
    return f"10.{(244 + index // 256) % 256}.{index % 256}"


def node_address(index: int) -> str:
    """The InternalIP of node number ``index``."""
    return f"192.168.{index // 250 % 256}.{index % 250 + 2}"


def _prefix(scope: Scope, node_name: str) -> str:
    node = scope.view.get("nodes", "", node_name)
    cidr = ((node or {}).get("spec") or {}).get("podCIDR")
    if cidr:
        return str(cidr).split("/")[0].rpartition(".")[0]
    return pod_range(list(scope.machines).index(node_name) if node_name in scope.machines else 0)


def allocate(scope: Scope, uid: str, node_name: str) -> str:
    """The next free address of the node. Raises NoAddress. An address that the pod had before is given back."""
    release(scope, uid)
    table = local(scope, "addresses_taken")
    last = int(local(scope, "address_turn").get("last", FIRST - 1))
    for step in range(1, LAST - FIRST + 2):
        number = FIRST + (last - FIRST + step) % (LAST - FIRST + 1)
        if number not in table:
            break
    else:
        raise NoAddress("no IP addresses available in range set")
    table[number] = uid
    scope.local["address_turn"]["last"] = number
    ip = f"{_prefix(scope, node_name)}.{number}"
    local(scope, "address_of")[uid] = (ip, number)
    shared(scope, "pod_ips")[ip] = node_name
    return ip


def release(scope: Scope, uid: str) -> None:
    """Give a pod's address back."""
    held = scope.local.get("address_of", {}).pop(uid, None)
    if held is not None:
        ip, number = held
        scope.local["addresses_taken"].pop(number, None)
        shared(scope, "pod_ips").pop(ip, None)
