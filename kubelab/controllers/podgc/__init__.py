"""Pods that nobody else will delete: finished ones beyond a number, those on nodes that are gone, terminating ones without a node.

upstream: pkg/controller/podgc, 1.28.
"""

from kubelab.controllers.podgc.controller import CONTROLLER

__all__ = ["CONTROLLER"]
