"""Floor 3: the kubelet and the container runtime of each node, as components.

upstream: pkg/kubelet, 1.28; spec/scheduler-kubelet.md sections 6 to 9.
"""

from kubelab.kubelet.containerd import Containerd
from kubelab.kubelet.kubelet import Kubelet
from kubelab.kubelet.node import node_object

__all__ = ["Containerd", "Kubelet", "for_node", "node_object"]


def for_node(node: str) -> tuple[Kubelet, Containerd]:
    """The components that run on a node."""
    return (Kubelet.of(node), Containerd.of(node))
