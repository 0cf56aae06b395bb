"""The garbage collector: what nobody owns any more goes; owners in foreground deletion wait for their dependents; orphans are let go.

upstream: pkg/controller/garbagecollector, 1.28.
"""

from kubelab.controllers.garbagecollector.controller import CONTROLLER

__all__ = ["CONTROLLER"]
