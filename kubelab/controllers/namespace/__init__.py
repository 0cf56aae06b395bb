"""Namespaces: what is in a deleted one goes, then the namespace itself.

upstream: pkg/controller/namespace, 1.28.
"""

from kubelab.controllers.namespace.controller import CONTROLLER

__all__ = ["CONTROLLER"]
