"""The clients that a kubelet calls with: one for pods, one for events, and one for heartbeats, which nothing holds up.

A node whose pods are many keeps its lease: renewals do not queue behind their status. 1.7 had none for heartbeats.

upstream: run and kubeClientConfigOverrides in cmd/kubelet/app/server.go, 1.20, 1.28 and 1.7; who uses which: pkg/kubelet/kubelet.go
(lease.NewController with heartbeatClient), pkg/kubelet/kubelet_node_status.go (tryUpdateNodeStatus), 1.28.
"""

from __future__ import annotations

from kubelab.engine.component import EVENTS, UNLIMITED, Client
from kubelab.world.timing import Timing

HEARTBEATS = "heartbeats"
THROUGH = {"lease": HEARTBEATS, "node-status": HEARTBEATS}


def own(timing: Timing) -> Client:
    return Client(timing.kubelet_qps, timing.kubelet_burst)


def further(timing: Timing, release: str) -> dict[str, Client]:
    events = Client(timing.kubelet_event_qps, timing.kubelet_event_burst)
    return {EVENTS: events} if release == "1.7" else {EVENTS: events, HEARTBEATS: UNLIMITED}
