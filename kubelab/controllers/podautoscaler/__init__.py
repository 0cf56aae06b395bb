"""The HorizontalPodAutoscaler controller."""

from kubelab.controllers.podautoscaler.controller import CONTROLLER, FIRST

__all__ = ["CONTROLLER", "FIRST"]
