"""The HorizontalPodAutoscaler controller."""

from kubelab.controllers.podautoscaler.controller import CONTROLLER

__all__ = ["CONTROLLER"]
