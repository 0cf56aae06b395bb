"""Nodes that are lost and come back: their conditions, taints and pods, by what the controller last saw of them.

upstream: pkg/controller/nodelifecycle, 1.28; spec/scheduler-kubelet.md section 10.
"""

from kubelab.controllers.nodelifecycle.controller import CONTROLLER

__all__ = ["CONTROLLER"]
