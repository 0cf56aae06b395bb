"""From cAdvisor's looks to the summary: pkg/kubelet/stats/{helper_test,cadvisor_stats_provider_test}.go, 1.28."""

from __future__ import annotations

import pytest

from kubelab.cri.api import LinuxResources
from kubelab.kubelet.stats import cadvisor
from kubelab.kubelet.stats.cgroups import Cgroup
from kubelab.kubelet.stats.looks import Info, Look
from kubelab.world.clock import SECOND

AT = 1_767_225_600 * SECOND


def look(at_ns=AT, cpu_ns=10, rss=5, rx=0):
    return Look(at_ns, cpu_ns, 3, 6, rss, 7, 8, rx_bytes=rx)


def info(last=None, before=None, *, kind="container", name="c", created=0, limit=0, uid="u"):
    group = Cgroup(f"/{name}/{created}", kind, f"{name}-{created}", 0, created, LinuxResources(memory_limit=limit), name, "p", "ns", uid)
    return Info(group, last or look(), before)


def test_two_looks_give_a_rate_rounded_down():
    after = look(AT + 3 * SECOND, 10 + 2 * SECOND)
    assert info(after, look()).nano_cores == 666_666_666
    cpu, _ = cadvisor.cpu_and_memory(info(after, look()))
    assert cpu == {"time": AT + 3 * SECOND, "usageNanoCores": 666_666_666, "usageCoreNanoSeconds": 10 + 2 * SECOND}


def test_one_look_gives_a_rate_of_zero_which_is_not_absent():
    cpu, memory = cadvisor.cpu_and_memory(info())
    assert cpu["usageNanoCores"] == 0
    assert "availableBytes" not in memory


def test_with_a_limit_something_is_available():
    _, memory = cadvisor.cpu_and_memory(info(limit=100))
    assert list(memory) == ["time", "availableBytes", "usageBytes", "workingSetBytes", "rssBytes", "pageFaults", "majorPageFaults"]
    assert memory["availableBytes"] == 97
    assert cadvisor.swap(info(limit=100)) == {"time": AT, "swapAvailableBytes": 0, "swapUsageBytes": 0}


@pytest.mark.parametrize(
    ("one", "ended"),
    [
        pytest.param(info(), True, id="looked at once: no instantaneous CPU"),
        pytest.param(info(look(AT + SECOND, 99), look()), False, id="some CPU"),
        pytest.param(info(look(AT + SECOND), look()), False, id="no CPU, some RSS"),
        pytest.param(info(look(AT + SECOND, rss=0), look(rss=0)), True, id="neither CPU nor RSS"),
        pytest.param(info(look(rx=1), kind="sandbox"), False, id="network traffic is life"),
    ],
)
def test_whether_a_cgroup_looks_ended(one, ended):
    """isContainerTerminated."""
    assert cadvisor.terminated(one) is ended


def test_of_two_with_one_name_the_newest_in_use_counts():
    """TestFilterTerminatedContainerInfoAndAssembleByPodCgroupKey."""
    used = (look(AT + SECOND, 99), look())
    old, new = info(*used, created=1), info(*used, created=2)
    idle = info(look(AT + SECOND), look(), created=3)
    assert list(cadvisor.living([old, new, idle])) == ["c-2"]
    assert cadvisor.living([idle, info(created=4)]) == {}


def test_network_is_the_sandboxs_alone():
    assert cadvisor.network(info()) is None
    found = cadvisor.network(info(look(rx=5), kind="sandbox"))
    assert found is not None
    assert (found["name"], found["rxBytes"], [one["name"] for one in found["interfaces"]]) == ("eth0", 5, ["eth0"])
