"""A pod's resolv.conf: the cluster's name server, the node's, or what the pod says.

upstream: pkg/kubelet/network/dns/dns.go, pkg/apis/core/validation (MaxDNSNameservers and alike), 1.28; containerd
internal/cri/server parseDNSOptions (the file). The node's own file names one server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

Object = dict[str, Any]
DOMAIN, CLUSTER_SERVER, NODES_SERVER = "cluster.local", "10.96.0.10", "192.168.0.1"
MOST_SERVERS, MOST_SEARCHES, MOST_CHARACTERS, LONGEST = 3, 32, 2048, 253
REASON = "DNSConfigForming"


class Dns(NamedTuple):
    """``told``: messages of events about what had to be left out."""

    servers: tuple[str, ...] = ()
    searches: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    told: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """The file.

        >>> print(Dns(("1.2.3.4",), ("a", "b"), ("ndots:2",)).text, end="")
        search a b
        nameserver 1.2.3.4
        options ndots:2
        """
        lines = [f"search {' '.join(self.searches)}"] if self.searches else []
        lines += [f"nameserver {server}" for server in self.servers]
        lines += [f"options {' '.join(self.options)}"] if self.options else []
        return "".join(f"{line}\n" for line in lines)


HOST = Dns((NODES_SERVER,))


def is_usual(pod: Object) -> bool:
    """Whether a pod has the cluster's DNS and nothing else, as almost all have."""
    spec = pod["spec"]
    return "dnsConfig" not in spec and spec.get("dnsPolicy", "ClusterFirst") == "ClusterFirst" and not spec.get("hostNetwork")


def of_pod(pod: Object, host: Dns = HOST, domain: str = DOMAIN, server: str = CLUSTER_SERVER) -> Dns:
    """upstream: GetPodDNS."""
    spec, policy = pod["spec"], pod["spec"].get("dnsPolicy", "ClusterFirst")
    if policy == "None":
        base = Dns()
    elif policy == "Default" or (policy == "ClusterFirst" and spec.get("hostNetwork")):
        base = host
    else:
        own = (f"{pod['metadata']['namespace']}.svc.{domain}", f"svc.{domain}", domain)
        base = Dns((server,), _once((*own, *host.searches)), ("ndots:5",))
    more = spec.get("dnsConfig")
    if more:
        base = Dns(
            _once((*base.servers, *(more.get("nameservers") or ()))),
            _once((*base.searches, *(more.get("searches") or ()))),
            merged(base.options, more.get("options") or ()),
        )
    return fitting(base)


def _once(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words))


def merged(options: Sequence[str], more: Iterable[Object]) -> tuple[str, ...]:
    """Options with the pod's own, which win (in the order in which they come, where upstream has none)."""
    found: dict[str, str] = {}
    for option in options:
        name, _, value = option.partition(":")
        found[name] = value
    for each in more:
        found[each["name"]] = each.get("value") or ""
    return tuple(f"{name}:{value}" if value else name for name, value in found.items())


def fitting(dns: Dns) -> Dns:
    """No more than resolvers take (upstream: formDNSConfigFitsLimits)."""
    told = []
    servers = dns.servers[:MOST_SERVERS]
    if servers != dns.servers:
        line = " ".join(servers)
        told.append(f"Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: {line}")
    searches = tuple(each for each in dns.searches[:MOST_SEARCHES] if len(each) <= LONGEST)
    while len(" ".join(searches)) > MOST_CHARACTERS:
        searches = searches[:-1]
    if searches != dns.searches:
        line = " ".join(searches)
        told.append(f"Search Line limits were exceeded, some search paths have been omitted, the applied search line is: {line}")
    return dns._replace(servers=servers, searches=searches, told=tuple(told))
