"""EndpointSlices: the endpoints behind each service, in pieces.

upstream: pkg/controller/endpointslice, 1.28.
"""

from kubelab.controllers.endpointslice.controller import CONTROLLER

__all__ = ["CONTROLLER"]
