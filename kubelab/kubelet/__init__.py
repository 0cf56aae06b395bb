"""Floor 3: the kubelet and the container runtime of each node, as components.

upstream: pkg/kubelet, 1.28; spec/scheduler-kubelet.md sections 6 to 9.
"""

from kubelab.engine.component import Component
from kubelab.kubelet.containerd import Containerd
from kubelab.kubelet.hollow import HollowKubelet
from kubelab.kubelet.kubelet import Kubelet
from kubelab.kubelet.node import node_object
from kubelab.world.timing import Timing

__all__ = ["Containerd", "HollowKubelet", "Kubelet", "for_node", "node_object"]


def for_node(node: str, timing: Timing) -> tuple[Component, ...]:
    """The components that run on a node."""
    return (HollowKubelet.of(node),) if timing.node_agent == "hollow" else (Kubelet.of(node), Containerd.of(node))
