"""DaemonSet: one pod on each node that fits."""

from kubelab.controllers.daemonset.controller import CONTROLLER

__all__ = ["CONTROLLER"]
