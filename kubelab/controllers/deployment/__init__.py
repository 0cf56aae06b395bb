"""Deployment: ReplicaSets of successive templates, one growing while the others shrink."""

from kubelab.controllers.deployment.controller import CONTROLLER

__all__ = ["CONTROLLER"]
