"""ResourceQuotas: their status says what is allowed and what is used, and gives back what goes.

upstream: pkg/controller/resourcequota, 1.28.
"""

from kubelab.controllers.resourcequota.controller import CONTROLLER

__all__ = ["CONTROLLER"]
