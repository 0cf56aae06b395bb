"""A pod's resolv.conf, and its own name.

upstream: pkg/kubelet/network/dns/dns_test.go, 1.28: TestMergeDNSOptions, TestGetPodDNS, TestGetPodDNSCustom, TestFormDNSSearchFitsLimits,
TestFormDNSNameserversFitsLimits; test/e2e/network/dns.go "should support configurable pod DNS nameservers"; names:
pkg/kubelet/util/util_test.go TestGetNodenameForKernel, pkg/kubelet/kubelet_pods_test.go TestManagedHostsFileContent, TestTruncatePodHostname.
"""

from __future__ import annotations

from typing import Any

import pytest

import kubelab as kl
from kubelab.cri.shell.files import hosts_file
from kubelab.kubelet.pod.dns import Dns, fitting, merged, of_pod
from kubelab.kubelet.pod.starting import hostname_of
from kubelab.kubelet.pod.volumes import hosts_of_pod

Object = dict[str, Any]
HOST = Dns(("8.8.8.8",), ("host.domain",))
CLUSTER = ("testNS.svc.kubernetes.io", "svc.kubernetes.io", "kubernetes.io", "host.domain")


@pytest.mark.parametrize(("more", "want"), [
    ([], ["ndots:5", "debug"]),
    ([{"name": "single-request"}, {"name": "attempts", "value": "3"}], ["ndots:5", "debug", "single-request", "attempts:3"]),
    (
        [{"name": "ndots", "value": "3"}, {"name": "debug"}, {"name": "single-request"}, {"name": "attempts", "value": "3"}],
        ["ndots:3", "debug", "single-request", "attempts:3"],
    ),
])  # fmt: skip
def test_options_are_merged(more: list[Object], want: list[str]) -> None:
    assert list(merged(["ndots:5", "debug"], more)) == want


MORE = {"nameservers": ["10.0.0.11"], "searches": ["my.domain"], "options": [{"name": "ndots", "value": "3"}, {"name": "debug"}]}
NONE = {"nameservers": ["203.0.113.1"], "searches": ["my.domain", "second.domain"], "options": MORE["options"]}
OPTIONS = ("ndots:3", "debug")


@pytest.mark.parametrize(("policy", "host_network", "config", "want"), [
    # TestGetPodDNS
    ("ClusterFirst", False, None, Dns(("10.0.0.10",), CLUSTER, ("ndots:5",))),
    ("ClusterFirst", True, None, HOST),
    ("ClusterFirstWithHostNet", True, None, Dns(("10.0.0.10",), CLUSTER, ("ndots:5",))),
    ("Default", False, None, HOST),
    # TestGetPodDNSCustom
    ("None", False, None, Dns()),
    ("None", False, NONE, Dns(("203.0.113.1",), ("my.domain", "second.domain"), OPTIONS)),
    ("ClusterFirst", False, MORE, Dns(("10.0.0.10", "10.0.0.11"), (*CLUSTER, "my.domain"), OPTIONS)),
    ("ClusterFirstWithHostNet", True, MORE, Dns(("10.0.0.10", "10.0.0.11"), (*CLUSTER, "my.domain"), OPTIONS)),
    ("Default", False, MORE, Dns(("8.8.8.8", "10.0.0.11"), ("host.domain", "my.domain"), OPTIONS)),
])  # fmt: skip
def test_policies(policy: str, host_network: bool, config: Object | None, want: Dns) -> None:
    spec = {"dnsPolicy": policy, "hostNetwork": host_network, **({"dnsConfig": config} if config else {})}
    assert of_pod({"metadata": {"namespace": "testNS"}, "spec": spec}, HOST, "kubernetes.io", "10.0.0.10") == want


START = ["testNS.svc.TEST", "svc.TEST", "TEST"]
LONG = ["A" * 128, *(["A" * 127] * 15)]  # 2048 characters
MANY = [*START, *map(str, range(4, 34))]
TOLD = "Search Line limits were exceeded, some search paths have been omitted, the applied search line is: "


@pytest.mark.parametrize(("given", "want", "is_told"), [
    (START, START, False),
    ([*START, "AAA", "BBB"], [*START, "AAA", "BBB"], False),
    ([*START, "AAA", "B" * 256, "BBB"], [*START, "AAA", "BBB"], True),
    (LONG, LONG, False),
    ([*LONG, "B"], LONG, True),
    (MANY[:-1], MANY[:-1], False),
    (MANY, MANY[:-1], True),
])  # fmt: skip
def test_search_paths_fit_limits(given: list[str], want: list[str], is_told: bool) -> None:
    found = fitting(Dns(searches=tuple(given)))
    assert list(found.searches) == want
    assert found.told == ((TOLD + " ".join(want),) if is_told else ())


@pytest.mark.parametrize(("given", "want"), [("1 2", "1 2"), ("1 2 3", "1 2 3"), ("1 2 3 4", "1 2 3")])
def test_name_servers_fit_limits(given: str, want: str) -> None:
    found = fitting(Dns(tuple(given.split())))
    told = f"Nameserver limits were exceeded, some nameservers have been omitted, the applied nameserver line is: {want}"
    assert " ".join(found.servers) == want
    assert found.told == ((told,) if given != want else ())


def test_the_example_of_the_documentation() -> None:
    """The page "DNS for Services and Pods": what ``cat /etc/resolv.conf`` prints in its pod."""
    c = kl.Cluster(nodes=1)
    config = {"nameservers": ["192.0.2.1"], "searches": ["ns1.svc.cluster-domain.example", "my.dns.search.suffix"],
              "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}]}  # fmt: skip
    container = {"name": "test", "image": "nginx"}
    for name, more in (("dns-example", {"dnsPolicy": "None", "dnsConfig": config}), ("usual", {}), ("host", {"dnsPolicy": "Default"})):
        c.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [container], **more}})
    c.run("20s")
    assert c.exec("pod/dns-example", "cat /etc/resolv.conf") == (
        "search ns1.svc.cluster-domain.example my.dns.search.suffix\nnameserver 192.0.2.1\noptions ndots:2 edns0\n"
    )
    assert c.exec("pod/usual", "cat /etc/resolv.conf") == (
        "search default.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n"
    )
    assert c.exec("pod/host", "cat /etc/resolv.conf") == "nameserver 192.168.0.1\n"
    c.delete("pod/dns-example")
    c.run("1m")
    assert not [name for name in c._engine.machines[""]["disks"] if "etc-hosts" in name and "192.0.2.1" in str(name)]


def test_what_is_left_out_is_told() -> None:
    c = kl.Cluster(nodes=1)
    searches = [f"domain-{number}" for number in range(30)]
    spec = {
        "containers": [{"name": "c", "image": "nginx"}],
        "dnsConfig": {"nameservers": ["1.1.1.1", "2.2.2.2", "3.3.3.3"], "searches": searches},
    }
    c.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": spec})
    c.run("20s")
    told = [event["message"] for event in c.list("events") if event["reason"] == "DNSConfigForming"]
    assert told[0].endswith("the applied nameserver line is: 10.96.0.10 1.1.1.1 2.2.2.2")
    assert told[1].startswith(TOLD)


# -- names ----------------------------------------------------------------------------------------------------------------------
LONG_SUB = "a" * 40


@pytest.mark.parametrize(("name", "more", "want"), [
    # TestGetNodenameForKernel
    ("pod", {}, "pod"),
    ("pod", {"setHostnameAsFQDN": True}, "pod"),
    ("pod", {"subdomain": "sub"}, "pod"),
    ("pod", {"subdomain": "sub", "setHostnameAsFQDN": True}, "pod.sub.ns.svc.cluster.local"),
    ("pod", {"subdomain": LONG_SUB, "setHostnameAsFQDN": False}, "pod"),
    ("pod", {"subdomain": LONG_SUB, "setHostnameAsFQDN": True}, None),
    # TestTruncatePodHostname
    ("test.pod.hostname", {}, "test.pod.hostname"),
    ("1234567.1234567.1234567.1234567.1234567.1234567.1234567.1234567.", {}, "1234567.1234567.1234567.1234567.1234567.1234567.1234567.1234567"),
    ("1234567.1234567.1234567.1234567.1234567.1234567.1234567.123456.1234567.", {},
     "1234567.1234567.1234567.1234567.1234567.1234567.1234567.123456"),
])  # fmt: skip
def test_host_names(name: str, more: Object, want: str | None) -> None:
    pod = {"metadata": {"name": name, "namespace": "ns"}, "spec": more}
    if want is None:
        with pytest.raises(
            ValueError, match=r"failed to construct FQDN .* is too long \(64 characters is the max, 65 characters requested\)"
        ):
            hostname_of(pod)
        return
    assert hostname_of(pod) == want


@pytest.mark.parametrize(("hostname", "domain", "line"), [
    # TestManagedHostsFileContent
    ("podFoo", "", "203.0.113.1\tpodFoo\n"),
    ("podFoo", "domainFoo", "203.0.113.1\tpodFoo.domainFoo\tpodFoo\n"),
    ("podFoo.domainFoo", "domainFoo", "203.0.113.1\tpodFoo.domainFoo\tpodFoo\n"),
])  # fmt: skip
def test_hosts_files(hostname: str, domain: str, line: str) -> None:
    assert hosts_file("203.0.113.1", hostname, domain).endswith(f"fe00::2\tip6-allrouters\n{line}")


@pytest.mark.parametrize(("aliases", "end"), [
    # TestManagedHostsFileContent, TestNodeHostsFileContent
    ([], ""),
    ([("123.45.67.89", "foo bar baz")], "\n# Entries added by HostAliases.\n123.45.67.89\tfoo\tbar\tbaz\n"),
    (
        [("123.45.67.89", "foo bar baz"), ("456.78.90.123", "park doo boo")],
        "\n# Entries added by HostAliases.\n123.45.67.89\tfoo\tbar\tbaz\n456.78.90.123\tpark\tdoo\tboo\n",
    ),
])  # fmt: skip
def test_aliases_of_hosts(aliases: list[tuple[str, str]], end: str) -> None:
    spec = {"nodeName": "n0", "hostAliases": [{"ip": ip, "hostnames": names.split()} for ip, names in aliases]}
    own = hosts_of_pod({"spec": spec}, "203.0.113.1", "podFoo", "domainFoo")
    assert own == hosts_file("203.0.113.1", "podFoo", "domainFoo") + end
    of_host = hosts_of_pod({"spec": {**spec, "hostNetwork": True}}, "192.0.2.7", "podFoo", "")
    assert of_host.startswith("# Kubernetes-managed hosts file (host network).\n127.0.0.1\tlocalhost\n")
    assert of_host.endswith(f"\n192.0.2.7\tn0\n{end}")


def test_whose_hosts_file_a_container_sees() -> None:
    # test/e2e/common/node/kubelet_etc_hosts.go: should test kubelet managed /etc/hosts file
    c = kl.Cluster(nodes=1)
    c.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "own"}, "data": {"hosts": "mine\n"}})
    plain = {"name": "c", "image": "busybox:1.36", "command": ["sleep", "3600"]}
    mounted = {**plain, "name": "m", "volumeMounts": [{"name": "v", "mountPath": "/etc/hosts", "subPath": "hosts"}]}
    spec = {
        "containers": [plain, mounted],
        "volumes": [{"name": "v", "configMap": {"name": "own"}}],
        "hostAliases": [{"ip": "192.0.2.1", "hostnames": ["x"]}],
    }
    c.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "own"}, "spec": spec})
    c.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "host"}, "spec": {**spec, "hostNetwork": True}})
    c.run("20s")
    managed = "# Kubernetes-managed hosts file.\n"
    assert c.exec("pod/own", "cat /etc/hosts", container="c").startswith(managed)
    assert c.exec("pod/own", "cat /etc/hosts", container="m") == "mine\n"
    shown = c.exec("pod/host", "cat /etc/hosts", container="c")
    assert not shown.startswith(managed) and shown.endswith("\n192.0.2.1\tx\n")
    assert c.exec("pod/host", "cat /etc/hosts", container="m") == "mine\n"


def test_a_stateful_pod_knows_its_whole_name() -> None:
    """The ZooKeeper tutorial: ``kubectl exec zk-0 -- hostname -f``."""
    c = kl.Cluster(nodes=1)
    spec = {"hostname": "zk-0", "subdomain": "zk-hs", "containers": [{"name": "c", "image": "busybox:1.36", "command": ["sleep", "3600"]}]}
    c.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "zk-0"}, "spec": spec})
    c.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "whole"}, "spec": {**spec, "setHostnameAsFQDN": True}})
    c.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "long"},
              "spec": {**spec, "subdomain": LONG_SUB, "setHostnameAsFQDN": True}})  # fmt: skip
    c.run("20s")
    whole = "zk-0.zk-hs.default.svc.cluster.local\n"
    assert [c.exec("pod/zk-0", f"hostname{flag}") for flag in ("", " -f", " --fqdn", " -s")] == ["zk-0\n", whole, whole, "zk-0\n"]
    assert [c.exec("pod/whole", f"hostname{flag}") for flag in ("", " -f")] == [whole, whole]
    assert c.exec("pod/zk-0", "cat /etc/hosts").endswith("\tzk-0.zk-hs.default.svc.cluster.local\tzk-0\n")
    told = {event["message"] for event in c.list("events") if event["reason"] == "FailedCreatePodSandBox"}
    assert len(told) == 1
    assert told.pop().startswith("Failed to create pod sandbox: failed to construct FQDN from pod hostname and cluster domain, FQDN zk-0.")
