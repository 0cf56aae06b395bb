"""Whether a node takes a pod that was bound to it.

upstream: pkg/kubelet/lifecycle/predicate_test.go TestGeneralPredicates, TestRemoveMissingExtendedResources, TestRejectPodAdmissionBasedOnOSField;
pkg/kubelet/sysctl/allowlist_test.go; pkg/scheduler/framework/plugins/noderesources/fit_test.go, 1.28.
"""

from __future__ import annotations

from typing import Any

import pytest

from kubelab.engine.component import Scope
from kubelab.kinds.core.resources import pod_request
from kubelab.kubelet import static_pods
from kubelab.kubelet.pod.admission import count, judge
from kubelab.kubelet.pod.sysctls import namespace_of, with_dots
from kubelab.kubelet.static_pods import TOLERATION

Object = dict[str, Any]


class View:
    def __init__(self, node: Object, pods: list[Object]) -> None:
        self.node, self.pods = node, pods

    def get(self, resource: str, namespace: str, name: str) -> Object:
        return self.node

    def on_node(self, name: str) -> list[Object]:
        return self.pods


def asking(name: str = "p", *, ports: tuple[Any, ...] = (), **more: Any) -> Object:
    """A pod; ``cpu``, ``memory`` and alike are what its one container asks for, in units."""
    spec = {key: more.pop(key) for key in ("tolerations", "securityContext", "hostNetwork", "hostIPC", "os", "priority") if key in more}
    labels = more.pop("labels", {})
    requests = {key.replace("__", "/").replace("_", "-"): str(amount) for key, amount in more.items()}
    found = [port if isinstance(port, dict) else {"hostPort": port, "containerPort": port} for port in ports]
    container = {"name": "c", "image": "i", "resources": {"requests": requests}, "ports": found}
    meta = {"name": name, "namespace": "default", "uid": name, "labels": labels}
    return {"metadata": meta, "spec": {"nodeName": "n", "containers": [container], **spec}}


def judged(pod: Object, *others: Object, taints: tuple[Object, ...] = (), unsafe: str = "", **allocatable: Any) -> Any:
    amounts = {"cpu": "10m", "memory": "20", "pods": "32", **{key.replace("__", "/"): str(each) for key, each in allocatable.items()}}
    notes = {"lab.kubelab.dev/allowed-unsafe-sysctls": unsafe}
    node = {"metadata": {"name": "n", "annotations": notes}, "spec": {"taints": list(taints)}, "status": {"allocatable": amounts}}
    scope = Scope(View(node, list(others)), {}, 0, None, None, "kubelet/n", "1.28", {}, {}, {})  # type: ignore[arg-type]
    for other in others:
        count(scope, other["metadata"]["uid"], pod_request(other))
    return judge(scope, pod, known=False)


def out_of(resource: str, requested: int, used: int, capacity: int) -> tuple[str, str]:
    told = f"Node didn't have enough resource: {resource}, requested: {requested}, used: {used}, capacity: {capacity}"
    return (f"OutOf{resource}", told)


def taint(key: str, effect: str) -> Object:
    return {"key": key, "effect": effect}


NINE = asking("other", cpu="9m", memory=19)
ROWS: list[tuple[str, Any, Any]] = [
    # TestGeneralPredicates (the first reason is what a pod is told)
    ("no resources/port/host requested always fits", judged(asking(), NINE), None),
    ("not enough cpu and memory resource", judged(asking(cpu="8m", memory=10), asking("o", cpu="5m", memory=19)), out_of("cpu", 8, 5, 10)),
    ("not enough memory", judged(asking(cpu="1m", memory=10), asking("o", cpu="5m", memory=19)), out_of("memory", 10, 19, 20)),
    ("equal edge case", judged(asking(cpu="5m", memory=1), asking("o", cpu="5m", memory=19)), None),
    ("hostport conflict", judged(asking(ports=(123,)), asking("o", ports=(123,))), ("NodePorts", "Predicate NodePorts failed")),
    ("another hostport", judged(asking(ports=(124,)), asking("o", ports=(123,))), None),
    (
        "taint/toleration match",
        judged(
            asking(tolerations=[{"key": "foo"}, {"key": "bar"}]), taints=(taint("foo", "NoSchedule"), taint("bar", "NoExecute")),
        ),
        None,
    ),
    ("NoSchedule taint/toleration not match", judged(asking(), taints=(taint("foo", "NoSchedule"),)), None),
    (
        "NoExecute taint/toleration not match",
        judged(asking(), taints=(taint("bar", "NoExecute"),)),
        ("TaintToleration", "Predicate TaintToleration failed"),
    ),
    ("PreferNoSchedule taint/toleration not match", judged(asking(), taints=(taint("baz", "PreferNoSchedule"),)), None),
    ("static pods ignore taints", judged(asking(tolerations=[TOLERATION]), taints=(taint("bar", "NoExecute"),)), None),
    # pkg/scheduler/framework/plugins/noderesources/fit_test.go TestNotEnoughRequests
    ("even without specified resources, predicate fails when there's no space for additional pod", judged(asking(), NINE, pods=1),
     out_of("pods", 1, 1, 1)),
    ("pods before cpu", judged(asking(cpu="8m"), NINE, pods=1), out_of("pods", 1, 1, 1)),
    ("ephemeral local storage request exceeds allocatable", judged(asking(ephemeral_storage=25), **{"ephemeral-storage": 20}),
     out_of("ephemeral-storage", 25, 0, 20)),
    # TestRemoveMissingExtendedResources
    ("requests for resources available in node should not be removed", judged(asking(foo__bar=2), foo__bar=1), out_of("foo/bar", 2, 0, 1)),
    ("requests for resources unavailable in node should be removed", judged(asking(foo__bar=2), foo__baz=1), None),
    # TestRejectPodAdmissionBasedOnOSField, …Selector
    ("OS field match", judged(asking(os={"name": "linux"})), None),
    ("OS field mismatch", judged(asking(os={"name": "windows"})), ("PodOSNotSupported", "Failed to admit pod as the OS field doesn't match node OS")),
    (
        "dummyOS label, but the underlying OS doesn't match",
        judged(asking(labels={"kubernetes.io/os": "dummyOS"})),
        ("PodOSSelectorNodeLabelDoesNotMatch", "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label"),
    ),
    ("OS label match", judged(asking(labels={"kubernetes.io/os": "linux"})), None),
    # resources come before placement, for a pod that is not critical
    ("both", judged(asking(cpu="11m"), taints=(taint("bar", "NoExecute"),)), out_of("cpu", 11, 0, 10)),
]  # fmt: skip


@pytest.mark.parametrize(("situation", "found", "want"), ROWS, ids=[row[0] for row in ROWS])
def test_predicates(situation: str, found: Any, want: Any) -> None:
    assert found == want


def with_sysctl(name: str, **more: Any) -> Object:
    return asking(securityContext={"sysctls": [{"name": name, "value": "1"}]}, **more)


ALLOWED = "kernel.msg*, kernel.sem,net.b.*"
NOT_WITH = "not allowed with host {} enabled"
SYSCTLS: list[tuple[Object, str]] = [
    # pkg/kubelet/sysctl/allowlist_test.go TestAllowlist: valid
    *((with_sysctl(name), "") for name in (
        "kernel.shm_rmid_forced", "kernel/shm_rmid_forced", "net.ipv4.ip_local_port_range", "kernel.msgmax", "kernel.sem", "kernel/sem")),
    # safe_sysctls.go
    *((with_sysctl(name), "") for name in (
        "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_unprivileged_port_start", "net.ipv4.ip_local_reserved_ports")),
    # … invalid
    (with_sysctl("kernel.shm_rmid_forced", hostIPC=True), '"kernel.shm_rmid_forced" ' + NOT_WITH.format("ipc")),
    (with_sysctl("net.ipv4.ip_local_port_range", hostNetwork=True), '"net.ipv4.ip_local_port_range" ' + NOT_WITH.format("net")),
    (with_sysctl("foo"), '"foo" not allowlisted'),
    (with_sysctl("net.a.b.c"), '"net.a.b.c" not allowlisted'),
    (with_sysctl("net/a/b.c"), '"net.a.b/c" not allowlisted'),
    (with_sysctl("net.ipv4.ip_local_port_range.a.b.c"), '"net.ipv4.ip_local_port_range.a.b.c" not allowlisted'),
    (with_sysctl("kernel.msgmax", hostIPC=True), '"kernel.msgmax" ' + NOT_WITH.format("ipc")),
    (with_sysctl("kernel.sem", hostIPC=True), '"kernel.sem" ' + NOT_WITH.format("ipc")),
    (with_sysctl("net.b.c", hostNetwork=True), '"net.b.c" ' + NOT_WITH.format("net")),
    (with_sysctl("kernel.sem", hostNetwork=True), ""),
]  # fmt: skip


@pytest.mark.parametrize(("pod", "want"), SYSCTLS)
def test_sysctls(pod: Object, want: str) -> None:
    assert judged(pod, unsafe=ALLOWED) == (("SysctlForbidden", f"forbidden sysctl: {want}") if want else None)


def test_without_the_nodes_word_only_safe_ones_may_be_set() -> None:
    assert judged(with_sysctl("kernel.msgmax")) == ("SysctlForbidden", 'forbidden sysctl: "kernel.msgmax" not allowlisted')
    assert judged(with_sysctl("vm.swappiness"), unsafe="vm.*") == ("SysctlForbidden", 'forbidden sysctl: "vm.swappiness" not allowlisted')


@pytest.mark.parametrize(("given", "want"), [
    # pkg/kubelet/sysctl/util_test.go TestConvertSysctlVariableToDotsSeparator
    ("kernel.shm_rmid_forced", "kernel.shm_rmid_forced"),
    ("kernel/shm_rmid_forced", "kernel.shm_rmid_forced"),
    ("net.ipv4.conf.eno2/100.rp_filter", "net.ipv4.conf.eno2/100.rp_filter"),
    ("net/ipv4/conf/eno2.100/rp_filter", "net.ipv4.conf.eno2/100.rp_filter"),
    ("net/ipv4/ip_local_port_range", "net.ipv4.ip_local_port_range"),
    ("kernel/msgmax", "kernel.msgmax"),
    ("kernel/sem", "kernel.sem"),
])  # fmt: skip
def test_names_with_slashes(given: str, want: str) -> None:
    assert with_dots(given) == want


@pytest.mark.parametrize(("pattern", "want"), [
    # pkg/kubelet/sysctl/namespace_test.go TestNamespacedBy
    ("kernel.shm_rmid_forced", "ipc"), ("net.a.b.c", "net"), ("fs.mqueue.a.b.c", "ipc"), ("foo", ""),
])  # fmt: skip
def test_namespaces(pattern: str, want: str) -> None:
    assert namespace_of(pattern) == want


def test_ports_of_different_addresses_and_protocols_do_not_meet() -> None:
    """upstream: pkg/scheduler/framework/plugins/nodeports/node_ports_test.go TestNodePorts."""

    def on(ip: str, protocol: str, number: int) -> Object:
        return {"hostIP": ip, "protocol": protocol, "hostPort": number, "containerPort": 1}

    clash = ("NodePorts", "Predicate NodePorts failed")
    assert judged(asking(ports=(on("127.0.0.1", "TCP", 8001),)), asking("o", ports=(on("127.0.0.1", "TCP", 8001),))) == clash
    assert judged(asking(ports=(on("127.0.0.1", "TCP", 8001),)), asking("o", ports=(on("127.0.0.2", "TCP", 8001),))) is None
    assert judged(asking(ports=(on("127.0.0.1", "TCP", 8001),)), asking("o", ports=(on("127.0.0.1", "UDP", 8001),))) is None
    assert judged(asking(ports=(on("127.0.0.1", "TCP", 8001),)), asking("o", ports=(on("0.0.0.0", "TCP", 8001),))) == clash
    assert judged(asking(ports=(on("0.0.0.0", "TCP", 8001),)), asking("o", ports=(on("127.0.0.1", "TCP", 8001),))) == clash
    assert judged(asking(ports=(on("127.0.0.1", "TCP", 0),)), asking("o", ports=(on("127.0.0.1", "TCP", 0),))) is None


def test_a_mirror_stands_for_its_static_pod() -> None:
    """Its ports are those of the pod that is counted under another uid."""
    mirror = asking("m", ports=(80,))
    mirror["metadata"]["annotations"] = {static_pods.MIRROR: "static"}
    node = {"metadata": {"name": "n"}, "spec": {}, "status": {"allocatable": {"cpu": "1", "memory": "1Gi"}}}
    scope = Scope(View(node, [mirror]), {}, 0, None, None, "kubelet/n", "1.28", {}, {}, {})  # type: ignore[arg-type]
    count(scope, "static", pod_request(mirror))
    assert judge(scope, asking(ports=(80,)), known=False) == ("NodePorts", "Predicate NodePorts failed")
