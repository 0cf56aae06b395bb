"""Evictions by NoExecute taints: each pod after the time that it tolerates them.

upstream: pkg/controller/nodelifecycle/scheduler, 1.28; spec/scheduler-kubelet.md section 10.
"""

from kubelab.controllers.tainteviction.controller import CONTROLLER

__all__ = ["CONTROLLER"]
