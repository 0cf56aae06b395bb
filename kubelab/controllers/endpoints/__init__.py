"""Endpoints: the addresses behind each service.

upstream: pkg/controller/endpoint, 1.28.
"""

from kubelab.controllers.endpoints.controller import CONTROLLER

__all__ = ["CONTROLLER"]
