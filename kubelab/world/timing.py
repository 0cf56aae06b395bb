"""Timing: every latency and limit of the modelled cluster, as named figures. Outcomes follow from these causes; they are never constants.

Sources of the figures: client limits and workers are upstream's defaults (spec/workloads.md section 1); the latencies of ``default`` are those of
a mid-size cluster (API latency well inside the SLO of 1 s, watch delay of a few milliseconds, container start about half a second).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches
from math import isfinite

from kubelab.world.clock import MILLISECOND, SECOND
from kubelab.world.kubelets import KUBELETS


@dataclass(frozen=True, slots=True)
class Timing:
    """Durations in nanoseconds (names end in ``_ns``), rates in requests per second, sizes in bytes per second.

    ``read_ns``, ``write_ns``: a call from leaving the client to its answer. ``jitter``: share of a latency that varies, 0 … 1.
    ``watch_ns``: from commit until a watcher has processed the change. ``sync_ns``: CPU time of one controller sync that makes calls.
    ``client_qps``, ``client_burst``: a controller's own client, events included; ``scheduler_qps`` …: each of the scheduler's two, for pods and
    for events; ``kubelet_qps`` …: a kubelet's for pods, ``kubelet_event_qps`` … its for events; its heartbeats have no limit.
    ``schedule_ns``: one scheduling cycle. ``pull_bytes_per_second``, ``pull_ns``: image pull speed and fixed cost.
    ``sandbox_ns``, ``container_create_ns``, ``container_start_ns``, ``container_stop_ns``: runtime operations.
    ``relist_ns``: the kubelet's PLEG period. ``provision_ns``: making a dynamic volume. ``mount_ns``: mounting one.

    ``cores``: processor cores that API server, etcd, controllers, scheduler and node agents share (0: each has as much as it wants). If
    there are some, ``read_ns``, ``write_ns``, ``sync_ns`` and ``schedule_ns`` are processor time; a write also waits for a flush of
    ``disk_ns``, twice if it deletes a pod, and a new pod costs ``admit_ns`` more; the watch events of a commit take ``event_ns`` of
    processor time for each process that gets them, and ``wake_ns`` more if no other event is on its way, before ``watch_ns`` passes, and
    ``doze_ns`` more if there was none for a while; a cycle of the scheduler waits up to ``turn_ns`` for a core; a sync goes on with its next
    calls ``reply_ns`` after a commit; and a controller learns of its own status writes from its watch, as upstream's do: the next sync of a
    key starts ``answer_ns`` after its last, so that now and then it knows less than it wrote, and meets a conflict.
    ``node_sync_ns``: what each node adds to a sync of a DaemonSet, and to a cycle of the scheduler.
    ``control_plane``: "1.20" for controllers that act as that release's ("": as the cluster's). ``node_agent``: "kubelet", or "hollow"
    for an agent that makes a bound pod Running and Ready by one patch and confirms a deletion at once. ``heartbeats``: whether kubelets
    renew leases and report their nodes, and the node controller counts on it; without them a node is as it was, whatever befalls it, and
    months of a large cluster cost what its pods cost.
    """

    name: str = "default"
    read_ns: int = 2 * MILLISECOND
    write_ns: int = 5 * MILLISECOND
    jitter: float = 0.2
    watch_ns: int = 3 * MILLISECOND
    sync_ns: int = MILLISECOND // 2
    client_qps: float = 20.0
    client_burst: int = 30
    scheduler_qps: float = 50.0
    scheduler_burst: int = 100
    kubelet_qps: float = 50.0
    kubelet_burst: int = 100
    kubelet_event_qps: float = 50.0
    kubelet_event_burst: int = 100
    schedule_ns: int = 2 * MILLISECOND
    pull_bytes_per_second: int = 50_000_000
    pull_ns: int = 800 * MILLISECOND
    sandbox_ns: int = 300 * MILLISECOND
    container_create_ns: int = 60 * MILLISECOND
    container_start_ns: int = 120 * MILLISECOND
    container_stop_ns: int = 100 * MILLISECOND
    relist_ns: int = SECOND
    provision_ns: int = 900 * MILLISECOND
    mount_ns: int = 150 * MILLISECOND
    cores: int = 0
    disk_ns: int = 0
    admit_ns: int = 0
    event_ns: int = 0
    reply_ns: int = 0
    answer_ns: int = 0
    wake_ns: int = 0
    doze_ns: int = 0
    turn_ns: int = 0
    node_sync_ns: int = 0
    control_plane: str = ""
    node_agent: str = "kubelet"
    heartbeats: bool = True

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if item.name == "name":
                continue
            if item.name in _WORDS:
                if type(value) is not type(_WORDS[item.name][0]) or value not in _WORDS[item.name]:
                    raise ValueError(f"timing {item.name}: {value!r} is none of {', '.join(map(repr, _WORDS[item.name]))}")
            else:
                _check(item.name, value)

    def with_(self, **figures: object) -> Timing:
        """A copy with some figures changed. ValueError for a figure that there is not, or that cannot be."""
        known = [item.name for item in fields(self)]
        for name in figures:
            if name not in known:
                raise ValueError(f"timing has no figure {name!r}{_near(name, known)}")
        return replace(self, **figures)  # type: ignore[arg-type]

    @staticmethod
    def preset(name: str, *, client_qps: str = "default", kubelet: str | Sequence[str] = ()) -> Timing:
        """A named preset; ``client_qps="raised"`` lifts the limits of the clients to 1,000 a second, burst 2,000.

        ``kubelet``: published figures of the nodes' side (``Timing.kubelets()``), one name or several; of a figure that two give the last
        counts. With any, nodes are real kubelets, also of a preset that has hollow ones. ValueError lists the names.
        """
        if not isinstance(name, str) or name not in PRESETS:
            raise ValueError(f"unknown timing {name!r}: use one of {', '.join(sorted(PRESETS))}, or a kl.Timing{_near(name, PRESETS)}")
        if not isinstance(client_qps, str) or client_qps not in _LIMITS:
            raise ValueError(f"client_qps={client_qps!r}: use one of {', '.join(map(repr, _LIMITS))}")
        figures: dict[str, object] = dict(_LIMITS[client_qps])
        chosen = (kubelet,) if isinstance(kubelet, str) or not isinstance(kubelet, Sequence) else tuple(kubelet)
        if chosen and PRESETS[name].node_agent == "hollow":
            release = KUBELETS[f"kubelet-{PRESETS[name].control_plane or '1.28'}"]
            figures |= {"node_agent": "kubelet", **release.figures}
        for each in chosen:
            if not isinstance(each, str) or each not in KUBELETS:
                raise ValueError(f"unknown kubelet preset {each!r}: use some of {', '.join(KUBELETS)}{_near(each, KUBELETS)}")
            figures |= KUBELETS[each].figures
        return replace(PRESETS[name], name=" + ".join((name, *chosen)), **figures)  # type: ignore[arg-type]

    @staticmethod
    def kubelets() -> dict[str, str]:
        """The presets of the nodes' side: name → who measured what, where and when."""
        return {name: preset.source for name, preset in KUBELETS.items()}


def _check(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise ValueError(f"timing {name}: {value!r} is not a number")
    if name == "cores" and not isinstance(value, int):
        raise ValueError(f"timing cores: {value!r} is not a whole number")
    if not isfinite(value):
        raise ValueError(f"timing {name}: {value!r} is not finite; a very large number stands for no limit")
    positive = name.endswith(("_qps", "_burst", "_per_second"))
    if value < 0 or (positive and value == 0):
        raise ValueError(f"timing {name}: {value!r} must be {'greater than' if positive else 'at least'} 0")
    if name == "jitter" and value > 1:
        raise ValueError(f"timing jitter: {value!r} must be at most 1, the share of a latency that varies")


def _near(name: object, known: Iterable[str]) -> str:
    close = get_close_matches(name, list(known), n=1) if isinstance(name, str) else []
    return f" (did you mean {close[0]!r}?)" if close else ""


_WORDS: dict[str, tuple[str | bool, ...]] = {
    "control_plane": ("", "1.20"),
    "node_agent": ("kubelet", "hollow"),
    "heartbeats": (True, False),
}
_LIMITS = {"default": {}, "raised": {"client_qps": 1000.0, "client_burst": 2000, "scheduler_qps": 1000.0, "scheduler_burst": 2000}}
_CLIENTS = ("client", "scheduler", "kubelet", "kubelet_event")
_UNLIMITED = {f"{who}_{what}": 1e9 if what == "qps" else 10**9 for who in _CLIENTS for what in ("qps", "burst")}

PRESETS: dict[str, Timing] = {
    "default": Timing(),
    "instant": Timing(
        name="instant",
        read_ns=0,
        write_ns=0,
        jitter=0.0,
        watch_ns=1,
        sync_ns=0,
        schedule_ns=0,
        pull_bytes_per_second=10**15,
        pull_ns=0,
        sandbox_ns=0,
        container_create_ns=0,
        container_start_ns=0,
        container_stop_ns=0,
        relist_ns=MILLISECOND,
        provision_ns=0,
        mount_ns=0,
        **_UNLIMITED,  # type: ignore[arg-type]
    ),
    # spec/release-1.7.md: controller manager 20/30, scheduler 50/100, kubelet 5/10, its events likewise
    "1.7": Timing(name="1.7", kubelet_qps=5.0, kubelet_burst=10, kubelet_event_qps=5.0, kubelet_event_burst=10),
    # Kubernetes 1.20.2 with etcd on a machine of two cores; how the figures were found: docs/timing.md
    "real-1.20-2cpu": Timing(
        name="real-1.20-2cpu",
        read_ns=700_000,
        write_ns=900_000,
        admit_ns=1_200_000,
        disk_ns=2_200_000,
        event_ns=205_000,
        wake_ns=170_000,
        doze_ns=220_000,
        turn_ns=2_200_000,
        watch_ns=1_400_000,
        reply_ns=1_500_000,
        answer_ns=2_350_000,
        jitter=0.6,
        sync_ns=420_000,
        schedule_ns=550_000,
        node_sync_ns=18_000,
        kubelet_qps=1e9,
        kubelet_burst=10**9,
        kubelet_event_qps=1e9,
        kubelet_event_burst=10**9,
        cores=2,
        control_plane="1.20",
        node_agent="hollow",
    ),
}
