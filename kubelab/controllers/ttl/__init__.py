"""How long kubelets may go on with the secrets and config maps that they have, by the size of the cluster.

upstream: pkg/controller/ttl, 1.28.
"""

from kubelab.controllers.ttl.controller import ANNOTATION, CONTROLLER, seconds_of

__all__ = ["ANNOTATION", "CONTROLLER", "seconds_of"]
