"""Disruption budgets: how many pods of an application may be taken away on purpose.

upstream: pkg/controller/disruption, 1.28.
"""

from kubelab.controllers.disruption.controller import CONTROLLER

__all__ = ["CONTROLLER"]
