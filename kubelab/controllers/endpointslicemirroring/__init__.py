"""Endpoint slice mirroring: Endpoints that people write for services without selector, as EndpointSlices.

upstream: pkg/controller/endpointslicemirroring, 1.28.
"""

from kubelab.controllers.endpointslicemirroring.controller import CONTROLLER

__all__ = ["CONTROLLER"]
